package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

func (w *world) tryUnmerge(at atoll.SiteID, kind atoll.Type, id atoll.ID) error {
	_, err := w.At(at).Unmerge(w.ctx, "tester", atoll.Key{Type: kind, ID: id}, nil)
	return err
}

func (w *world) unmerge(at atoll.SiteID, kind atoll.Type, id atoll.ID) {
	w.t.Helper()
	if err := w.tryUnmerge(at, kind, id); err != nil {
		w.t.Fatalf("unmerge at site %d: %v", at, err)
	}
}

func (w *world) details(at atoll.SiteID, kind atoll.Type, id atoll.ID) merge.Details {
	w.t.Helper()
	d, err := w.At(at).MergeDetails(w.ctx, atoll.Key{Type: kind, ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// R-E-50, R-E-51: every site gives back what it re-pointed, and no more.
func TestR_E_50_R_E_51_Undo(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	inA, inB, inC := w.stock("A", x, "1"), w.stock("B", x, "2"), w.stock("C", x, "0")
	ofY := w.stock("B", y, "4")
	w.sync(2, 3)
	w.merge(1, "item", x, y)
	w.sync(2, 3)
	since := w.stock("B", y, "5")
	chosen := inC // somebody moved it on since, on purpose
	z := w.item("z")
	w.sync(3)
	w.update(3, "stock_line", chosen, atoll.Fields{}.Set("item_id", z))
	w.sync(2, 3)

	told := w.details(1, "item", x)
	var rows []atoll.ID
	for _, e := range told.Journal {
		for _, r := range e.Rows {
			if r.Type == "stock_line" {
				rows = append(rows, r.ID)
			}
		}
	}
	if len(rows) != 3 || !slices.Contains(rows, inA) || !slices.Contains(rows, inB) || !slices.Contains(rows, inC) {
		t.Errorf("R-E-50: the centre's copy of the merge journal has %v", rows)
	}
	if !slices.Contains(told.Since, atoll.Key{Type: "stock_line", ID: since}) || slices.Contains(told.Since, atoll.Key{Type: "stock_line", ID: ofY}) {
		t.Errorf("R-E-50: to be decided by hand: %v", told.Since)
	}
	w.refused(w.tryUnmerge(2, "item", x), atoll.Ownership)

	at1 := w.seq(1)
	w.unmerge(1, "item", x)
	e := w.journalEntry(1, at1+1)
	if e.Cause.Kind != "unmerge" || e.Cause.Ref != merge.Reference(atoll.Key{Type: "item", ID: x}, y) {
		t.Errorf("R-E-51: the cause is %+v", e.Cause)
	}
	w.peace()
	for id, want := range map[atoll.ID]atoll.ID{inA: x, inB: x, chosen: z, ofY: y, since: y} {
		if got := w.stored(1, "stock_line", id, "item_id"); got != want {
			t.Errorf("stock line %s names %s; want %s", id, got, want)
		}
	}
	for _, at := range []atoll.SiteID{1, 2, 3} {
		if r := w.want(at, "item", x); r.Survivor != "" || r.Fields.Text("status") != "active" {
			t.Errorf("at site %d x is %s", at, r.Fields.Encode())
		}
		if len(w.list(at, "item", "code", "x")) != 1 {
			t.Errorf("site %d does not offer x", at)
		}
	}
	if got := w.details(1, "item", x); !got.Undone || !slices.Contains(got.Since, atoll.Key{Type: "stock_line", ID: since}) {
		t.Errorf("after the undoing: %+v", got)
	}
	w.refused(w.tryUnmerge(1, "item", x), atoll.Rule, "not merged")

	t.Run("what a person decided afterwards stays", func(t *testing.T) {
		w.update(2, "stock_line", inB, atoll.Fields{}.Set("item_id", y))
		w.update(1, "item", x, atoll.Fields{}.Set("name", "X again"))
		w.peace()
		if got := w.stored(2, "stock_line", inB, "item_id"); got != y {
			t.Error("the undoing was repeated")
		}
	})
	t.Run("merged, undone, and merged again", func(t *testing.T) {
		w.merge(1, "item", x, y)
		w.peace()
		if got := w.stored(1, "stock_line", inA, "item_id"); got != y {
			t.Error("the second merge did not re-point")
		}
		w.unmerge(1, "item", x)
		w.peace()
		if got := w.stored(1, "stock_line", inA, "item_id"); got != x {
			t.Error("the second merge was not undone")
		}
	})
}

// R-E-50: the time in which a merge can be undone.
func TestR_E_50_Window(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.merge(1, "item", x, y)
	w.Clock.Wind(29 * 24 * time.Hour)
	w.unmerge(1, "item", x)
	w.merge(1, "item", x, y)
	w.Clock.Wind(31 * 24 * time.Hour)
	w.refused(w.tryUnmerge(1, "item", x), atoll.Rule, "30 days", merge.Preference)
	w.prefer(merge.Preference, 60)
	w.unmerge(1, "item", x)
	w.peace()
}

// R-E-51: a chain is undone from its end, and each undoing gives back exactly what
// its merge took, also where both had arrived at once.
func TestR_E_51_Chain(t *testing.T) {
	w := f1(t)
	x, y, z := w.item("x"), w.item("y"), w.item("z")
	w.sync(2, 3)
	ofX, ofY := w.stock("B", x, "1"), w.stock("B", y, "2")
	w.merge(1, "item", x, y)
	w.merge(1, "item", y, z)
	w.refused(w.tryUnmerge(1, "item", x), atoll.Rule, "undo the merge of "+string(y)+" first")
	w.sync(2, 3) // both at once
	names := func(line, want atoll.ID, when string) {
		t.Helper()
		if got := w.stored(2, "stock_line", line, "item_id"); got != want {
			t.Errorf("%s: it names %s, want %s", when, got, want)
		}
	}
	names(ofX, z, "x")
	names(ofY, z, "y")
	w.unmerge(1, "item", y)
	w.peace()
	names(ofX, y, "x after the last merge was undone")
	names(ofY, y, "y after the last merge was undone")
	w.unmerge(1, "item", x)
	w.peace()
	names(ofX, x, "x after both were undone")
	names(ofY, y, "y after both were undone")
}

// R-E-50, R-E-51: undone and merged into another before a site hears of either. Its
// rows go where the merged one went, and come back with it.
func TestR_E_51_MergedElsewhereMeanwhile(t *testing.T) {
	w := f1(t)
	x, y, z := w.item("x"), w.item("y"), w.item("z")
	w.sync(2, 3)
	inB, ofY := w.stock("B", x, "4"), w.stock("B", y, "1")
	own := w.insert(2, "item_note", atoll.Fields{}.Set("item_id", x).Set("store_id", w.Stores["B"]).Set("note", "a fixed reference"))
	setting := func(item atoll.ID) atoll.ID {
		return w.insert(2, "item_default", atoll.Fields{}.Set("item_id", item).Set("store_id", w.Stores["B"]))
	}
	setting(x)
	setting(y)
	ofZ := setting(z)
	half := w.answer(3, "invoice", w.shipped("B", "C", inB)) // waits on hold, and its lines cannot be edited
	line := w.one(3, "invoice_line", "invoice_id", string(half.ID)).ID
	w.sync(3, 2)
	w.merge(1, "item", x, y)
	w.sync(2, 3)
	w.unmerge(1, "item", x)
	w.merge(1, "item", x, z)
	w.peace()
	names := func(want atoll.ID, when string) {
		t.Helper()
		for key, at := range map[atoll.Key]atoll.SiteID{
			{Type: "stock_line", ID: inB}: 2, {Type: "item_note", ID: own}: 2, {Type: "invoice_line", ID: line}: 3,
		} {
			if got := w.stored(at, key.Type, key.ID, "item_id"); got != want {
				t.Errorf("%s %s names %s, want %s", when, key, got, want)
			}
		}
		if got := w.stored(2, "stock_line", ofY, "item_id"); got != y {
			t.Errorf("%s what was always y's names %s", when, got)
		}
	}
	names(z, "merged elsewhere")
	if got := w.list(2, "item_default", "item_id", string(z)); len(got) != 1 || got[0].ID != ofZ {
		t.Errorf("%d rows join z and B", len(got))
	}
	w.unmerge(1, "item", x)
	w.peace()
	names(x, "undone")
	for _, id := range []atoll.ID{x, y, z} {
		if got := w.list(2, "item_default", "item_id", string(id)); len(got) != 1 {
			t.Errorf("R-E-52: %d rows join %s and B; want one each", len(got), id)
		}
	}
}

// shipped sends two packs and lets both sites hear of it.
func (w *world) shipped(from, to string, line atoll.ID) atoll.ID {
	w.t.Helper()
	id := w.ship(from, to, line, "2")
	w.sync(w.home(from), w.home(to))
	return id
}

// R-E-52: join rows that were removed as duplicates come back, and what their
// twins gained goes.
func TestR_E_52_JoinRows(t *testing.T) {
	w := f1(t)
	n, m, o := w.name("n"), w.name("m"), w.name("o")
	join := func(name atoll.ID, customer, supplier bool) atoll.ID {
		return w.insert(1, "name_store_join", atoll.Fields{}.Set("name_id", name).Set("store_id", w.Stores["B"]).
			Set("is_customer", customer).Set("is_supplier", supplier))
	}
	gone, kept, last := join(n, true, false), join(m, false, true), join(o, false, false)
	w.sync(2)
	w.merge(1, "name", n, m)
	w.merge(1, "name", m, o)
	w.sync(2)
	if w.get(2, "name_store_join", gone) != nil || w.get(2, "name_store_join", kept) != nil {
		t.Fatal("the duplicates are there")
	}
	if f := w.want(2, "name_store_join", last).Fields; !f.Bool("is_customer", false) || !f.Bool("is_supplier", false) {
		t.Fatalf("the row that stays is %s", f.Encode())
	}
	w.unmerge(1, "name", m)
	w.unmerge(1, "name", n)
	w.peace()
	flags := func(name atoll.ID, customer, supplier bool) {
		t.Helper()
		rows := w.list(2, "name_store_join", "name_id", string(name))
		if len(rows) != 1 {
			t.Fatalf("%d rows of %s", len(rows), name)
		}
		f := rows[0].Fields
		if f.ID("store_id") != w.Stores["B"] || f.Bool("is_customer", false) != customer || f.Bool("is_supplier", false) != supplier {
			t.Errorf("the row is %s", f.Encode())
		}
	}
	flags(n, true, false)
	flags(m, false, true)
	flags(o, false, false)
}

// R-E-50, R-G-45: who has the store later can undo what was re-pointed before it
// came to be there.
func TestR_E_50_JournalFollowsTheStore(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	inB := w.stock("B", x, "2")
	w.sync(2)
	w.merge(1, "item", x, y)
	w.sync(2)
	w.replace(2) // the site loses its database
	w.sync(2)
	if got := w.details(2, "item", x); len(got.Journal) == 0 {
		t.Error("the merge journal was lost with the site")
	}
	w.unmerge(1, "item", x)
	w.sync(2)
	if got := w.stored(2, "stock_line", inB, "item_id"); got != x {
		t.Error("the new database did not give the row back")
	}
	if err := w.Settle(w.ctx); err != nil { // the site's journal begins anew, so stock is not counted from it
		t.Error(err)
	}
}

// R-E-35: rows that come late.
func TestR_E_35_LateRows(t *testing.T) {
	t.Run("made here after the merge", func(t *testing.T) {
		w := f1(t)
		x, y := w.item("x"), w.item("y")
		w.merge(1, "item", x, y)
		w.sync(2)
		if got := w.stored(2, "stock_line", w.stock("B", x, "1"), "item_id"); got != y {
			t.Error("it is stored with the merged id")
		}
		w.peace()
	})
	t.Run("its own, from before, in a new database", func(t *testing.T) {
		w := f1(t)
		x, y := w.item("x"), w.item("y")
		w.sync(2)
		line := w.stock("B", x, "1")
		w.sync(2)
		w.merge(1, "item", x, y)
		w.replace(2) // before it heard of the merge
		w.sync(2)
		if got := w.stored(2, "stock_line", line, "item_id"); got != y {
			t.Error("the row was not re-pointed")
		}
		if err := w.Settle(w.ctx); err != nil {
			t.Error(err)
		}
		w.equal("stock_line", line, 2, 1)
	})
	t.Run("with a store that came", func(t *testing.T) {
		w := f1(t)
		x, y := w.item("x"), w.item("y")
		w.sync(2, 3)
		line := w.stock("A", x, "1")
		// The centre, where A is active, has not dealt with the merge when A leaves.
		kinds := w.Centre.Processors.Kinds
		w.Centre.Processors.Kinds = nil
		w.edit(1, change("item", x, atoll.Fields{}.Set("status", "merged").Set("merged_into", y).Set("merged_at", "2026-03-02T08:00:00Z")))
		n, err := w.AddSite(w.ctx, "new", topology.Server, "A")
		if err != nil {
			t.Fatal(err)
		}
		w.sync(n.Door.Site)
		w.Centre.Processors.Kinds = kinds
		if got := w.stored(n.Door.Site, "stock_line", line, "item_id"); got != y {
			t.Error("the store's new site did not re-point it")
		}
		w.peace()
	})
	t.Run("with a store whose copy was here already", func(t *testing.T) {
		w := f1(t)
		x, y := w.item("x"), w.item("y")
		line := w.stock("A", x, "1")
		w.sync(2) // which has a collector copy of A
		kinds := w.Centre.Processors.Kinds
		w.Centre.Processors.Kinds = nil
		w.edit(1, change("item", x, atoll.Fields{}.Set("status", "merged").Set("merged_into", y).Set("merged_at", "2026-03-02T08:00:00Z")))
		w.sync(2)
		if got := w.stored(2, "stock_line", line, "item_id"); got != x {
			t.Error("the copy was re-pointed")
		}
		w.configure(central.Assign(w.Stores["A"], 2))
		w.sync(2)
		w.Centre.Processors.Kinds = kinds
		if got := w.stored(2, "stock_line", line, "item_id"); got != y {
			t.Error("the store's new site did not re-point it")
		}
		w.peace()
	})
	t.Run("one that arrives alone, long after", func(t *testing.T) {
		w := f1(t)
		x, y := w.item("x"), w.item("y")
		w.merge(1, "item", x, y)
		w.sync(2)
		p := Stock(atoll.NewID(w.Clock.Now()), w.Stores["B"], x, "1")
		w.lands(2, journal.Arrival{Initialising: true, Record: atoll.Record{
			Key: p.Key, Version: 1, Origin: atoll.Origin{Site: 2, Seq: 1}, Body: p.Fields.Encode(),
		}})
		if got := w.stored(2, "stock_line", p.Key.ID, "item_id"); got != y {
			t.Error("the row was not re-pointed")
		}
	})
	t.Run("R-E-11 not owned here: resolved on reading", func(t *testing.T) {
		w := f1(t)
		x, y := w.item("x"), w.item("y")
		w.sync(2, 3)
		w.merge(1, "item", x, y)
		line := w.stock("B", x, "1") // site 2 has not heard of it
		w.Sites[2].Net.CutDown = func() int { return 0 }
		_, _ = w.Sync(w.ctx, 2)
		if w.stored(1, "stock_line", line, "item_id") != x || w.want(1, "stock_line", line).Fields.ID("item_id") != y {
			t.Error("the centre does not resolve what site 2 sent late")
		}
		w.mend()
		w.peace()
	})
}

// R-E-31: nothing is re-pointed to a record that is not here; when it comes, it is.
func TestR_E_31_TheSurvivorIsNotHereYet(t *testing.T) {
	w := f1(t)
	v, x, y := w.item("v"), w.item("x"), w.item("y")
	w.sync(2)
	line, ofV := w.stock("B", x, "1"), w.stock("B", v, "1")
	w.merge(1, "item", v, x)
	z := w.item("z") // not yet on site 2
	w.merge(1, "item", x, z)
	w.merge(1, "item", z, y)
	// The record of x arrives alone, as it may from a lane that was cut.
	rec := w.raw(1, "item", x)
	before := w.seq(2)
	w.lands(2, journal.Arrival{Record: rec})
	w.lands(2, journal.Arrival{Record: w.raw(1, "item", v)})
	if w.stored(2, "stock_line", line, "item_id") != x || w.stored(2, "stock_line", ofV, "item_id") != v || w.seq(2) != before {
		t.Error("it was re-pointed to a record that is not here")
	}
	if r := w.want(2, "item", x); r.Survivor != "" {
		t.Errorf("x resolves to %s, which is not here", r.Survivor)
	}
	w.lands(2, journal.Arrival{Record: w.raw(1, "item", z)})
	if got := w.stored(2, "stock_line", line, "item_id"); got != y {
		t.Errorf("when the survivor came, the row was not re-pointed: %s", got)
	}
	if got := w.stored(2, "stock_line", ofV, "item_id"); got != y {
		t.Errorf("nor that of the first of the chain: %s", got)
	}
	w.peace()
}

// lands lets one record arrive at a site by itself, as from a lane that was cut.
func (w *world) lands(at atoll.SiteID, a journal.Arrival) {
	w.t.Helper()
	n := w.At(at)
	err := n.Store.Update(w.ctx, func(tx storage.Tx) error {
		top, err := n.Door.Topology(tx)
		if err != nil {
			return err
		}
		_, err = n.Door.Receive(tx, top, a)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := n.Processors.Run(w.ctx); err != nil {
		w.t.Fatal(err)
	}
}

// An entry in a site's journal that nobody can read is quarantined alone, and stops
// nobody from undoing a merge, which looks through the journals.
//
// R-E-50, R-K-36.
func TestR_E_50_EntryThatCannotBeRead(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	w.merge(1, "item", x, y)
	w.sync(2, 3)
	err := w.At(2).Store.Update(w.ctx, func(tx storage.Tx) error {
		head, err := tx.Head(2)
		if err != nil {
			return err
		}
		e := storage.JournalEntry{Site: 2, Timeline: head.Timeline, Seq: head.Seq + 1, Content: []byte("{\"time\":"), Received: w.Clock.Now()}
		e.Hash = atoll.Chain(head.Hash, 2, e.Timeline, e.Seq, atoll.Digest(e.Content))
		return tx.Append(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := w.sync(2); c.Quarantined != 1 {
		t.Fatalf("%d entries quarantined; want the one", c.Quarantined)
	}
	w.unmerge(1, "item", x)
}
