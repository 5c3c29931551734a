package simulate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// tryMerge merges one record into another at a site.
func (w *world) tryMerge(at atoll.SiteID, kind atoll.Type, from, into atoll.ID) error {
	_, err := w.At(at).Merge(w.ctx, "tester", station.Merge{Type: kind, From: from, Into: into})
	return err
}

func (w *world) merge(at atoll.SiteID, kind atoll.Type, from, into atoll.ID) {
	w.t.Helper()
	if err := w.tryMerge(at, kind, from, into); err != nil {
		w.t.Fatalf("merge at site %d: %v", at, err)
	}
}

// stored returns a field as the database of the site holds it, unresolved.
func (w *world) stored(at atoll.SiteID, kind atoll.Type, id atoll.ID, field string) atoll.ID {
	w.t.Helper()
	return w.raw(at, kind, id).MustFields().ID(field)
}

func (w *world) raw(at atoll.SiteID, kind atoll.Type, id atoll.ID) (rec atoll.Record) {
	w.t.Helper()
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) (err error) {
		rec, err = r.Record(atoll.Key{Type: kind, ID: id})
		return err
	})
	if err != nil {
		w.t.Fatalf("site %d: %s %s: %v", at, kind, id, err)
	}
	return rec
}

// name makes a customer and supplier on the primary.
func (w *world) name(code string) atoll.ID {
	w.t.Helper()
	return w.insert(w.topology(1).Primary(), "name", atoll.Fields{}.Set("code", code).Set("name", "Name "+code).
		Set("kind", "customer_supplier").Set("is_customer", true).Set("is_supplier", true))
}

// packs is what the centre's list of an item's stock adds up to.
func (w *world) packs(at atoll.SiteID, item atoll.ID) string {
	w.t.Helper()
	sum := "0"
	for _, line := range w.list(at, "stock_line", "item_id", string(item)) {
		sum = documents.Add(sum, line.Fields.Number("total_number_of_packs"))
	}
	return sum
}

// lastEntry is the newest entry of a site's journal.
func (w *world) lastEntry(at atoll.SiteID) (e *atoll.Entry) {
	w.t.Helper()
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) error {
		head, err := r.Head(at)
		if err != nil {
			return err
		}
		je, err := r.Entry(at, head.Seq)
		if err != nil {
			return err
		}
		e, err = atoll.DecodeEntry(je.Content)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// Who may merge what, and where (R-E-01, R-E-02, R-E-03, R-E-46).
func TestMergesWhoMay(t *testing.T) {
	t.Run("R-E-01 names, items and units on the primary only", func(t *testing.T) {
		w := f2(t)
		x, y := w.item("x"), w.item("y")
		n, m := w.name("n"), w.name("m")
		u := w.insert(4, "unit", atoll.Fields{}.Set("name", "tab"))
		v := w.insert(4, "unit", atoll.Fields{}.Set("name", "tablet"))
		w.sync(4, 2, 3)
		for _, at := range []atoll.SiteID{1, 2, 3} {
			w.refused(w.tryMerge(at, "item", x, y), atoll.Ownership, "primary")
			w.refused(w.tryMerge(at, "name", n, m), atoll.Ownership)
			w.refused(w.tryMerge(at, "unit", u, v), atoll.Ownership)
		}
		w.merge(4, "item", x, y)
		w.merge(4, "name", n, m)
		w.merge(4, "unit", u, v)
		w.peace()
		for _, at := range []atoll.SiteID{1, 2, 3} {
			if r := w.want(at, "item", x); r.Survivor != y {
				t.Errorf("at site %d item x resolves to %s", at, r.Survivor)
			}
		}
	})
	t.Run("R-E-02 locations where their store is active, both of one store", func(t *testing.T) {
		w := f1(t)
		l := func(at atoll.SiteID, store, code string) atoll.ID {
			return w.insert(at, "location", atoll.Fields{}.Set("store_id", w.Stores[store]).Set("code", code).Set("name", code))
		}
		one, two, other := l(3, "C", "1"), l(3, "C", "2"), l(3, "D", "1")
		w.sync(3)
		w.refused(w.tryMerge(1, "location", one, two), atoll.Ownership)
		w.refused(w.tryMerge(3, "location", one, other), atoll.Rule, "different stores")
		w.merge(3, "location", one, two)
		w.peace()
	})
	t.Run("R-E-03 R-E-46 patients at the home site of both", func(t *testing.T) {
		w := f1(t)
		w.dispensaries("B", "C")
		w.sync(2, 3)
		b1, b2, c1 := w.patient("B"), w.patient("B"), w.patient("C")
		w.sync(2, 3)
		w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", b1).Set("store_id", w.Stores["C"]))
		w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", b2).Set("store_id", w.Stores["C"]))
		w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", c1).Set("store_id", w.Stores["B"]))
		w.sync(2, 3)
		w.refused(w.tryMerge(3, "patient", b1, b2), atoll.Ownership)
		w.refused(w.tryMerge(2, "patient", b1, c1), atoll.Rule, "different home sites", "transfer the home store")
		w.refused(w.tryMerge(1, "patient", b1, b2), atoll.Ownership)
		w.merge(2, "patient", b1, b2)
		w.peace()
	})
}

// What is refused, and what is offered instead (R-E-04, R-E-05).
func TestMergesRefused(t *testing.T) {
	w := f1(t)
	x, y, z, v := w.item("x"), w.item("y"), w.item("z"), w.item("v")
	unit := w.insert(1, "unit", atoll.Fields{}.Set("name", "vial"))
	w.update(1, "item", z, atoll.Fields{}.Set("unit_id", unit))
	service := w.insert(1, "item", atoll.Fields{}.Set("code", "s").Set("name", "s").Set("kind", "service"))
	w.merge(1, "item", x, y)
	n := w.name("n")
	ofB := topology.StoreNameID(w.Stores["B"])
	for _, row := range []struct {
		what       string
		kind       atoll.Type
		from, into atoll.ID
		code       atoll.Code
		words      []string
	}{
		{"R-E-05 into itself", "item", y, y, atoll.Rule, []string{"itself"}},
		{"R-E-05 into another kind of record", "item", y, n, atoll.NotFound, nil},
		{"R-E-05 into one that is not there", "item", y, atoll.NewID(w.Clock.Now()), atoll.NotFound, nil},
		{"R-E-05 what was merged, again", "item", x, v, atoll.Rule, []string{string(y)}},
		{"R-E-05 other unit", "item", z, y, atoll.Rule, []string{"unit", "confirm"}},
		{"R-E-05 an item of another kind", "item", service, y, atoll.Rule, []string{"kind"}},
		{"R-E-44 a circle", "item", y, x, atoll.Rule, []string{"was merged into this record"}},
		{"R-E-04 the name of a store", "name", ofB, n, atoll.Rule, []string{"store"}},
		{"a type that is not merged", "store", w.Stores["A"], w.Stores["B"], atoll.Invalid, []string{"patient"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			before := w.seq(1)
			w.refused(w.tryMerge(1, row.kind, row.from, row.into), row.code, row.words...)
			if w.seq(1) != before {
				t.Error("something was written")
			}
		})
	}
	t.Run("R-E-05 the surviving record is offered", func(t *testing.T) {
		a := w.item("a")
		w.refused(w.tryMerge(1, "item", a, x), atoll.Rule, "merge it into "+string(y))
	})
	t.Run("R-E-05 other unit, confirmed", func(t *testing.T) {
		if _, err := w.Centre.Merge(w.ctx, "tester", station.Merge{Type: "item", From: z, Into: y, Confirmed: true}); err != nil {
			t.Error(err)
		}
	})
	t.Run("R-E-04 a plain name into the name of a store", func(t *testing.T) {
		in := w.insert(1, "name_store_join", atoll.Fields{}.Set("name_id", n).Set("store_id", w.Stores["D"]).Set("is_customer", true))
		self := w.insert(1, "name_store_join", atoll.Fields{}.Set("name_id", n).Set("store_id", w.Stores["B"]).Set("is_supplier", true))
		w.merge(1, "name", n, ofB)
		if got := w.want(1, "name_store_join", in).Fields.ID("partner_store_id"); got != w.Stores["B"] {
			t.Errorf("the row that names it now is of store %q", got)
		}
		if !w.topology(1).Visible(w.Stores["D"], w.Stores["B"]) {
			t.Error("who saw the name does not see the store")
		}
		if w.get(1, "name_store_join", self) != nil {
			t.Error("R-E-13: B is visible to itself")
		}
	})
	t.Run("R-E-06 a merged record is kept, and no longer changes", func(t *testing.T) {
		w.refused(w.At(1).Insert(w.ctx, change("item", x, atoll.Fields{}.Set("name", "new"))), atoll.Rule, string(y))
		w.refused(w.At(1).Insert(w.ctx, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "item", ID: x}}), atoll.Rule)
		w.refused(w.At(1).Insert(w.ctx, change("item", x, atoll.Fields{}.Set("status", "active"))), atoll.Rule)
		w.refused(w.At(1).Insert(w.ctx, change("item", y, atoll.Fields{}.Set("status", "merged"))), atoll.Rule)
	})
	w.peace()
}

// One transaction at the initiating site: the merged record and every row that is
// its own, with the cause; rows of others stay (R-E-10, R-E-11, R-E-12, R-E-14).
func TestR_E_10_R_E_11_R_E_12_R_E_14_Initiator(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	inA, inB := w.stock("A", x, "10"), w.stock("B", x, "7")
	w.stock("A", y, "5")
	sent := w.ship("A", "E", inA, "4")
	line := w.one(1, "invoice_line", "invoice_id", string(sent)).ID
	w.sync(2)
	before := w.seq(1)
	w.merge(1, "item", x, y)
	e := w.journalEntry(1, before+1)
	if e.Cause.Kind != "merge" || !strings.Contains(e.Cause.Ref, string(x)) || !strings.Contains(e.Cause.Ref, string(y)) {
		t.Errorf("the cause is %+v", e.Cause)
	}
	ops := map[atoll.Type]int{}
	for _, op := range e.Operations {
		ops[op.Type]++
	}
	// The stock line of A, the line A sent and the one E got.
	if ops["item"] != 1 || ops["stock_line"] != 1 || ops["invoice_line"] != 2 {
		t.Errorf("the entry changes %v", ops)
	}
	if w.seq(1) != before+1 {
		t.Errorf("%d entries were made; want one", w.seq(1)-before)
	}
	if got := w.stored(1, "stock_line", inB, "item_id"); got != x {
		t.Error("R-E-11: a row of another site was re-pointed")
	}
	if got := w.want(1, "stock_line", inB).Fields.ID("item_id"); got != y {
		t.Error("R-E-11: reading does not resolve it")
	}
	at := w.want(1, "invoice_line", line).Fields
	if at.ID("item_id") != y {
		t.Error("the line of a finalised document does not name the survivor")
	}
	if w.stored(1, "stock_line", inA, "item_id") != y || w.want(1, "stock_line", inA).Fields.Number("total_number_of_packs") != "6" {
		t.Error("R-E-14: the batches of the two items are no longer apart")
	}
	if got := w.packs(1, y); got != "18" {
		t.Errorf("%s packs; want 18", got)
	}
	w.peace()
}

// journalEntry is one entry of a site's own journal.
func (w *world) journalEntry(at atoll.SiteID, seq uint64) (e *atoll.Entry) {
	w.t.Helper()
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) error {
		je, err := r.Entry(at, seq)
		if err != nil {
			return err
		}
		e, err = atoll.DecodeEntry(je.Content)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func TestR_E_12_PrintedNamesStay(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2)
	doc := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.CustomerInvoice).Set("status", documents.New))
	line := w.insert(2, "invoice_line", atoll.Fields{}.Set("invoice_id", doc).Set("store_id", w.Stores["B"]).Set("kind", "stock_out").
		Set("item_id", x).Set("item_name", "X as printed").Set("number_of_packs", 1).Set("pack_size", 1))
	w.merge(1, "item", x, y)
	w.sync(2)
	f := w.want(2, "invoice_line", line).Fields
	if f.ID("item_id") != y || f.Text("item_name") != "X as printed" {
		t.Errorf("the line is %s", f.Encode())
	}
}

// R-E-13.
func TestR_E_13_JoinRows(t *testing.T) {
	w := f1(t)
	n, m := w.name("n"), w.name("m")
	join := func(name atoll.ID, store string, f atoll.Fields) atoll.ID {
		return w.insert(1, "name_store_join", f.Set("name_id", name).Set("store_id", w.Stores[store]))
	}
	both := join(n, "B", atoll.Fields{}.Set("is_customer", true).Set("is_supplier", false))
	kept := join(m, "B", atoll.Fields{}.Set("is_customer", false).Set("is_supplier", true).Set("inactive", true))
	only := join(n, "C", atoll.Fields{}.Set("is_customer", true))
	list := w.insert(1, "master_list", atoll.Fields{}.Set("name", "essential"))
	onList := w.insert(1, "master_list_name_join", atoll.Fields{}.Set("master_list_id", list).Set("name_id", n))
	twin := w.insert(1, "master_list_name_join", atoll.Fields{}.Set("master_list_id", list).Set("name_id", m))
	tag := w.insert(1, "name_tag", atoll.Fields{}.Set("description", "clinic"))
	tagged := w.insert(1, "name_tag_join", atoll.Fields{}.Set("name_tag_id", tag).Set("name_id", n))
	x, y := w.item("x"), w.item("y")
	inB := w.insert(1, "item_store_join", atoll.Fields{}.Set("item_id", x).Set("store_id", w.Stores["B"]))
	alsoB := w.insert(1, "item_store_join", atoll.Fields{}.Set("item_id", y).Set("store_id", w.Stores["B"]))
	w.sync(2, 3)
	// The store's own settings are the store's to join.
	own := w.insert(2, "item_default", atoll.Fields{}.Set("item_id", x).Set("store_id", w.Stores["B"]).Set("minimum_stock", 5))
	ownToo := w.insert(2, "item_default", atoll.Fields{}.Set("item_id", y).Set("store_id", w.Stores["B"]))
	w.merge(1, "name", n, m)
	w.merge(1, "item", x, y)
	w.peace()
	for key, gone := range map[atoll.Key]bool{
		{Type: "name_store_join", ID: both}: true, {Type: "name_store_join", ID: kept}: false, {Type: "name_store_join", ID: only}: false,
		{Type: "master_list_name_join", ID: onList}: true, {Type: "master_list_name_join", ID: twin}: false,
		{Type: "name_tag_join", ID: tagged}: false, {Type: "item_store_join", ID: inB}: true, {Type: "item_store_join", ID: alsoB}: false,
		{Type: "item_default", ID: own}: true, {Type: "item_default", ID: ownToo}: false,
	} {
		at := atoll.SiteID(2)
		if key.ID == only || key.Type == "name_tag_join" {
			at = 3
		}
		if got := w.get(1, key.Type, key.ID) == nil; got != gone {
			t.Errorf("%s is gone at the centre: %t, want %t", key, got, gone)
		}
		if key.Type != "name_tag_join" && w.get(at, key.Type, key.ID) == nil != gone {
			t.Errorf("%s at site %d: gone is not %t", key, at, gone)
		}
	}
	f := w.want(2, "name_store_join", kept).Fields
	if !f.Bool("is_customer", false) || !f.Bool("is_supplier", false) || f.Bool("inactive", false) {
		t.Errorf("the row that stays is %s; want customer, supplier and visible if either was", f.Encode())
	}
	if got := w.stored(3, "name_store_join", only, "name_id"); got != m {
		t.Error("a row without a twin was not re-pointed")
	}
}

// The worked scenario (R-E-20, R-E-21, R-E-30, R-E-40).
func TestR_E_40_R_E_20_R_E_21_R_E_30_Items(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	lines := map[atoll.SiteID][]atoll.ID{}
	for store, at := range map[string]atoll.SiteID{"B": 2, "C": 3} {
		lines[at] = []atoll.ID{w.stock(store, x, "10"), w.stock(store, y, "5")}
	}
	order, err := w.request("B", "A", x, "3")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	total := func(when string) {
		t.Helper()
		if got := w.packs(1, y); got != "30" {
			t.Errorf("%s the centre counts %s packs of y; want 30", when, got)
		}
	}
	seq := w.seq(1)
	w.merge(1, "item", x, y)
	total("R-E-21 right after the merge")
	if got := w.stored(1, "stock_line", lines[2][0], "item_id"); got != x {
		t.Error("R-E-21: the centre re-pointed what it does not own")
	}
	changes := 0
	for s := seq + 1; s <= w.seq(1); s++ {
		for _, op := range w.journalEntry(1, s).Operations {
			if op.Type == "item" {
				changes++
			}
		}
	}
	if changes != 1 {
		t.Errorf("R-E-20: the merge is %d entries of the item; want one", changes)
	}
	for _, at := range []atoll.SiteID{2, 3} {
		before := w.seq(at)
		c := w.sync(at)
		if w.seq(at) != before+1 || c.Sent == 0 {
			t.Errorf("site %d made %d entries and sent %d; want one, sent at once", at, w.seq(at)-before, c.Sent)
		}
		e := w.lastEntry(at)
		if e.Cause.Kind != "merge" || !strings.Contains(e.Cause.Ref, string(x)) || !strings.Contains(e.Cause.Ref, string(y)) {
			t.Errorf("the cause at site %d is %+v", at, e.Cause)
		}
		total(fmt.Sprint("after the sync of site ", at))
		if got := w.stored(at, "stock_line", lines[at][0], "item_id"); got != y {
			t.Errorf("the stock line of site %d names %s", at, got)
		}
		if got := w.stored(1, "stock_line", lines[at][0], "item_id"); got != y {
			t.Errorf("what site %d re-pointed did not reach the centre", at)
		}
	}
	if got := w.one(2, "requisition_line", "requisition_id", string(order)); w.stored(2, "requisition_line", got.ID, "item_id") != y {
		t.Error("the line of the order names x")
	}
	w.peace()
}

// Reading at a remote site (R-E-33, R-E-34).
func TestR_E_33_R_E_34_ListsLinksAndForms(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	inB := w.stock("B", x, "10")
	w.sync(2)
	w.merge(1, "item", x, y)
	for _, r := range w.list(1, "item") {
		if r.ID == x {
			t.Error("the merged item is in the list")
		}
	}
	if got := w.list(1, "item", "status", "merged"); len(got) != 1 || got[0].ID != x {
		t.Error("a list that asks for merged records does not have it")
	}
	if r, err := w.Centre.Open(w.ctx, atoll.Key{Type: "item", ID: x}); err != nil || r.ID != y {
		t.Errorf("the old link leads to %s, %v", r.ID, err)
	}
	for _, by := range []atoll.ID{x, y} {
		if got := w.one(1, "stock_line", "item_id", string(by), "store_id", string(w.Stores["B"])); got.ID != inB || got.Fields.ID("item_id") != y {
			t.Errorf("the list by %s has %s", by, got.Fields.Encode())
		}
	}
	// R-E-34: the form was opened before.
	form := w.stock("A", x, "1")
	if got := w.stored(1, "stock_line", form, "item_id"); got != y {
		t.Error("R-E-34: the form was saved with the merged id")
	}
	w.update(1, "stock_line", form, atoll.Fields{}.Set("item_id", x).Set("sell_price_per_pack", number("3")))
	if got := w.stored(1, "stock_line", form, "item_id"); got != y {
		t.Error("R-E-34: a change was saved with the merged id")
	}
	w.peace()
}

// R-E-42, R-E-43.
func TestR_E_42_R_E_43_ReplaysAndCrossings(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	stock := w.stock("B", x, "10")
	w.sync(2)
	w.merge(1, "item", x, y)
	ci := w.ship("B", "C", stock, "4") // site 2 has not heard of it
	line := w.one(2, "invoice_line", "invoice_id", string(ci)).ID
	w.Sites[2].Net.CutDown = func() int { return 0 } // the push arrives, the answer does not
	_, _ = w.Sync(w.ctx, 2)
	if got := w.stored(1, "invoice_line", line, "item_id"); got != x {
		t.Error("the centre changed what site 2 owns")
	}
	if got := w.want(1, "invoice_line", line).Fields.ID("item_id"); got != y {
		t.Error("R-E-43: the centre does not resolve it")
	}
	w.mend()
	before := w.seq(2)
	w.sync(2)
	if n := w.seq(2) - before; n != 1 {
		t.Errorf("R-E-43: site 2 made %d entries; want to re-point once", n)
	}
	for _, id := range []atoll.ID{line} {
		if w.stored(2, "invoice_line", id, "item_id") != y || w.stored(1, "invoice_line", id, "item_id") != y {
			t.Error("R-E-43: the line names x")
		}
	}
	// R-E-42: the merge arrives again.
	at2, at1 := w.seq(2), w.seq(1)
	err := w.Centre.Store.Update(w.ctx, func(tx storage.Tx) error {
		return w.Centre.Door.Return(tx, 2, atoll.Key{Type: "item", ID: x})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Sites[2].Net.Twice = func() bool { return true }
	c := w.sync(2)
	if c.Received == 0 || w.seq(2) != at2 || w.seq(1) != at1 || c.Sent != 0 {
		t.Errorf("R-E-42: received %d, sent %d, %d new entries", c.Received, c.Sent, w.seq(2)-at2)
	}
	w.mend()
	w.peace()
}

// TestR_G_12: a site that does not see somebody any longer, and lost its database since,
// has only what it wrote about her. It hears nothing of her merge, as of nothing else; the
// centre reads through it, and the site follows it when it sees her again.
//
// R-G-12, R-E-21, R-E-35.
func TestR_G_12_R_E_35_MergedWhereNoLongerSeen(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada, other := w.register("B", "Ada", "Lovelace", "1990-12-10"), w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	given, err := w.prescribe("C", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(ada), w.Stores["C"], false); err != nil {
		t.Fatal(err)
	}
	w.replace(3)
	w.merge(2, "patient", ada, other)
	w.peace()
	if got := w.stored(3, "prescription", given, "patient_id"); got != ada {
		t.Errorf("site 3, which hears nothing of her, follows the merge: %s", got)
	}
	if got := w.want(1, "prescription", given).Fields.ID("patient_id"); got != other {
		t.Errorf("at the centre it is of %s", got)
	}
	w.show(other, "C")
	w.peace()
	if got := w.stored(3, "prescription", given, "patient_id"); got != other {
		t.Errorf("site 3, which sees her again, has it of %s", got)
	}
}
