package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/storage"
)

func (w *world) grant(domain, store string) {
	w.t.Helper()
	w.configure(w.Centre.Centre.Grant("tester", central.Delegation{Domain: domain}, w.Stores[store]))
}

// newItem tries to make an item at a site, as its user would.
func (w *world) newItem(at atoll.SiteID, code string) (atoll.ID, error) {
	_, p := Item(code)
	p.Key.ID = atoll.NewID(w.Clock.Now())
	return p.Key.ID, w.At(at).Insert(w.ctx, p)
}

func (w *world) rename(at atoll.SiteID, item atoll.ID, name string) error {
	return w.At(at).Insert(w.ctx, journal.Proposal{
		Verb: atoll.Update, Key: atoll.Key{Type: "item", ID: item}, Fields: atoll.Fields{}.Set("name", name),
	})
}

func (w *world) quarantined(at atoll.SiteID) (out []storage.Refusal) {
	w.t.Helper()
	err := w.Centre.Store.View(w.ctx, func(r storage.Reader) (err error) { out, err = r.Refusals(at, true, 0, 0); return err })
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestR_F_20: what the delegated site adds offline is everywhere after two syncs,
// and the centre has one entry of it (R-F-01, R-F-02, R-F-04, R-F-05, R-F-07).
func TestR_F_20_R_F_05_TheDelegateAddsAnItem(t *testing.T) {
	w := f1(t)
	if _, err := w.newItem(2, "before"); err == nil {
		t.Fatal("central data is edited on a site without the right")
	}
	w.grant("items", "B")
	w.sync(2, 3)
	id, err := w.newItem(2, "new")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.newItem(1, "mine"); atoll.CodeOf(err) != atoll.Ownership {
		t.Errorf("the centre edits a delegated domain: %v", err) // R-F-05
	}
	w.sync(2, 3)
	w.equal("item", id, 2, 1)
	w.equal("item", id, 2, 3)
	h, err := w.Centre.Station.History(w.ctx, atoll.Key{Type: "item", ID: id}, 10)
	if err != nil || len(h) != 1 {
		t.Errorf("the centre has %d entries about it (%v); want one", len(h), err)
	}
	// Other domains stay the primary's.
	if err := w.At(2).Insert(w.ctx, journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "name", ID: atoll.NewID(w.Clock.Now())},
		Fields: atoll.Fields{}.Set("code", "n").Set("name", "N").Set("kind", "facility").Set("status", "active"),
	}); atoll.CodeOf(err) != atoll.Ownership {
		t.Errorf("the right to items opens names: %v", err)
	}
	w.peace()
}

// TestR_F_22: an item pushed without the right changes nothing at the centre, the
// site's other records are taken, and it gets the true item back; so with a
// site that grants itself the right, and one that has the right to something else
// (R-F-08, R-F-09, R-F-24, R-F-25).
func TestR_F_22_R_F_24_R_F_25_PushedWithoutTheRight(t *testing.T) {
	for _, row := range []struct {
		name string
		kind atoll.Type
		do   func(w *world)
	}{
		{"R-F-22 no right at all", "item", func(*world) {}},
		{"R-F-24 granted by itself", "item", func(w *world) {
			if err := w.forge(3, journal.Proposal{Verb: atoll.Insert, Key: rights.Key("items"), Fields: atoll.Fields{}.
				Set("domain", "items").Set("active", true).Set("epoch", 1).Set("store_id", w.Stores["C"])}); err != nil {
				t.Fatal(err)
			}
		}},
		{"R-F-25 the right to something else", "name", func(w *world) { w.grant("items", "C"); w.sync(3) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := f1(t)
			key := atoll.Key{Type: row.kind, ID: atoll.NewID(w.Clock.Now())}
			f := atoll.Fields{}.Set("code", "x").Set("name", "True name").Set("kind", "facility").Set("status", "active")
			if row.kind == "item" {
				f.Set("kind", "stock")
			}
			w.edit(1, journal.Proposal{Verb: atoll.Insert, Key: key, Fields: f})
			w.sync(2, 3)
			row.do(w)
			head, before := w.seq(1), len(w.quarantined(3))
			version := w.want(1, row.kind, key.ID).Version
			if err := w.forge(3, journal.Proposal{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.Set("name", "Forged")}); err != nil {
				t.Fatal(err)
			}
			line := w.insert(3, "location", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("code", "L").Set("name", "Shelf").Set("on_hold", false))
			w.sync(3, 3)
			if got := w.want(1, row.kind, key.ID); got.Fields.Text("name") != "True name" || got.Version != version {
				t.Errorf("the centre has %s, version %d", got.Fields.Text("name"), got.Version)
			}
			if w.seq(1) != head {
				t.Error("the refused edit left an entry in the centre's own journal")
			}
			var found bool
			for _, q := range w.quarantined(3)[before:] {
				found = found || q.Subject == key && q.Code == atoll.Ownership && len(q.Content) > 0
			}
			if !found {
				t.Errorf("not in quarantine: %+v", w.quarantined(3))
			}
			w.want(1, "location", line)
			if got := w.want(3, row.kind, key.ID); got.Fields.Text("name") != "True name" {
				t.Errorf("the site did not get the true record back: %s", got.Fields.Text("name"))
			}
		})
	}
}

// TestR_F_23: the right is withdrawn at once while the delegate is offline with
// five unsent edits: they wait in quarantine, one by one, and after its next pull
// the site edits items no more.
func TestR_F_23_WithdrawnWithUnsentEdits(t *testing.T) {
	w := f1(t)
	var items []atoll.ID
	for range 5 {
		items = append(items, w.insertItem(1))
	}
	w.grant("items", "B")
	w.sync(2, 3)
	for _, id := range items {
		if err := w.rename(2, id, "by the delegate"); err != nil {
			t.Fatal(err)
		}
	}
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items", AtOnce: true, Reason: "found in a ditch"}))
	w.sync(2)
	open := w.quarantined(2)
	if len(open) != 5 {
		t.Fatalf("%d in quarantine, want 5: %+v", len(open), open)
	}
	for i, q := range open {
		if q.Layer != "ownership" {
			t.Errorf("refused by %s: %s", q.Layer, q.Message)
		}
		d := central.Accept
		if i%2 == 1 {
			d = central.Return
		}
		if _, err := w.Centre.Centre.Decide(w.ctx, q.ID, d, "supervisor", "checked"); err != nil {
			t.Errorf("deciding %d: %v", i, err)
		}
	}
	w.sync(2)
	if _, err := w.newItem(2, "again"); atoll.CodeOf(err) != atoll.Ownership {
		t.Errorf("after its pull the site still edits items: %v", err)
	}
	for i, id := range items {
		want := "by the delegate"
		if i%2 == 1 {
			want = "Item true"
		}
		for _, at := range []atoll.SiteID{1, 2} {
			if got := w.want(at, "item", id).Fields.Text("name"); got != want {
				t.Errorf("item %d at site %d is %q, want %q", i, at, got, want)
			}
		}
	}
	if err := w.rename(1, items[0], "the primary's again"); err != nil {
		t.Error(err)
	}
}

// TestR_F_10_GivenBackToItsHolder: a right that is on its way from its holder, and is
// given to the holder again before it heard, was never gone: its epoch stays, and what
// the holder did meanwhile stands.
func TestR_F_10_GivenBackToItsHolder(t *testing.T) {
	for _, row := range []struct {
		name   string
		atOnce bool
		give   func(*central.Centre, string, central.Delegation, atoll.ID) central.Configuration
	}{
		{"granted", false, (*central.Centre).Grant},
		{"granted at once", true, (*central.Centre).Grant},
		{"handed on at once", true, (*central.Centre).ChangeDelegate},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := f1(t)
			c := w.Centre.Centre
			w.grant("items", "B")
			w.sync(2, 3)
			_, epoch := w.topology(1).Delegate("items")
			w.configure(c.Withdraw("tester", central.Delegation{Domain: "items"}))
			w.configure(row.give(c, "tester", central.Delegation{Domain: "items", AtOnce: row.atOnce}, w.Stores["B"]))
			before, err := w.newItem(2, "before it heard")
			if err != nil {
				t.Fatal(err)
			}
			w.sync(2)
			if open := w.quarantined(2); len(open) != 0 {
				t.Errorf("what the holder did is in quarantine: %s", open[0].Message)
			}
			if site, now := w.topology(1).Delegate("items"); site != 2 || now != epoch {
				t.Errorf("the right is at site %d, epoch %d; want site 2, epoch %d", site, now, epoch)
			}
			after, err := w.newItem(2, "after it heard")
			if err != nil {
				t.Error(err)
			}
			w.peace()
			w.equal("item", before, 2, 1)
			w.equal("item", after, 2, 1)
		})
	}
}

func (w *world) insertItem(at atoll.SiteID) atoll.ID {
	w.t.Helper()
	_, p := Item("true")
	p.Key.ID = atoll.NewID(w.Clock.Now())
	p.Fields.Set("code", string(p.Key.ID))
	w.edit(at, p)
	return p.Key.ID
}

// TestR_F_26: the second grant is refused with the name of the first.
// TestR_F_02_GrantedAfterAnEdit: a site that hears at once of a change and of the
// right it was given afterwards takes the change, though the record is its own now
// (R-A-05): what it goes on from is what the owner before left.
func TestR_F_02_GrantedAfterAnEdit(t *testing.T) {
	w := f1(t)
	tag := w.insert(1, "name_tag", atoll.Fields{}.Set("description", "as it was"))
	w.sync(2, 3)
	w.update(1, "name_tag", tag, atoll.Fields{}.Set("description", "changed before the right was given"))
	w.grant(w.area("name_tag"), "B")
	w.sync(2, 3)
	w.equal("name_tag", tag, 1, 2)
	w.update(2, "name_tag", tag, atoll.Fields{}.Set("description", "changed after"))
	w.peace()
	w.equal("name_tag", tag, 1, 2)
	if n := len(w.quarantined(2)); n != 0 {
		t.Errorf("%d changes of the new owner are in quarantine", n)
	}
}

// TestR_F_04_ProposedBeforeTheRight: what every site may propose stands, also when
// the site has become the owner before its proposal arrives.
func TestR_F_04_ProposedBeforeTheRight(t *testing.T) {
	w := f1(t)
	item := w.item("i")
	w.sync(2, 3)
	code := w.insert(2, "barcode", atoll.Fields{}.Set("gtin", "123").Set("item_id", item))
	w.grant("items", "B")
	w.peace()
	w.equal("barcode", code, 1, 2)
}

func TestR_F_26_SecondGrant(t *testing.T) {
	w := f1(t)
	c := w.Centre.Centre
	w.grant("items", "B")
	for _, d := range []string{"items", rights.All} {
		w.refuses(c.Grant("tester", central.Delegation{Domain: d}, w.Stores["C"]), atoll.Exists, "Store B", "site 2")
	}
	w.grant("names", "C") // another domain is free
	w.refuses(c.Grant("tester", central.Delegation{Domain: "nonsense"}, w.Stores["C"]), atoll.Invalid, "items")
	w.refuses(c.Withdraw("tester", central.Delegation{Domain: "stock"}), atoll.Rule, "not delegated")
	w.refuses(c.KeepDelegate("tester", central.Delegation{Domain: "items"}), atoll.Rule)
	w.peace()
}

// TestR_F_03: the right moves with the store, under a new epoch.
func TestR_F_03_TheRightMovesWithItsStore(t *testing.T) {
	w := f1(t)
	w.grant("items", "E") // active at the centre
	site, before := w.topology(1).Delegate("items")
	if site != 1 {
		t.Fatalf("the right is at site %d", site)
	}
	w.configure(central.Assign(w.Stores["E"], 3))
	w.sync(2, 3)
	site, after := w.topology(3).Delegate("items")
	if site != 3 || after <= before {
		t.Errorf("after the store's move: site %d, epoch %d; before %d", site, after, before)
	}
	if _, err := w.newItem(3, "there"); err != nil {
		t.Error(err)
	}
	if _, err := w.newItem(1, "here"); atoll.CodeOf(err) != atoll.Ownership {
		t.Errorf("the centre still edits: %v", err)
	}
	w.peace()
}

// TestR_F_10: a right is handed on when the old holder has sent everything; until
// then nobody has it, and the centre may call it off. By force it passes at once
// and what comes late is quarantined (R-F-10).
func TestR_F_10_HandedOn(t *testing.T) {
	w := f1(t)
	c := w.Centre.Centre
	w.grant("items", "B")
	w.sync(2, 3)
	late, err := w.newItem(2, "late")
	if err != nil {
		t.Fatal(err)
	}
	w.configure(c.ChangeDelegate("tester", central.Delegation{Domain: "items"}, w.Stores["C"]))
	w.sync(3)
	if site, _ := w.topology(1).Delegate("items"); site != 2 {
		t.Fatalf("the right went to site %d before its holder confirmed", site)
	}
	if _, err := w.newItem(3, "too early"); atoll.CodeOf(err) != atoll.Ownership {
		t.Errorf("the next holder edits already: %v", err)
	}
	// Called off and begun again: an answer to the first does not count for the
	// second.
	w.configure(c.KeepDelegate("tester", central.Delegation{Domain: "items"}))
	if _, err := w.newItem(2, "still mine"); err != nil {
		t.Errorf("called off, the holder should edit: %v", err)
	}
	w.sync(2)
	w.configure(c.ChangeDelegate("tester", central.Delegation{Domain: "items"}, w.Stores["C"]))
	w.sync(2) // hears of it, confirms, and the confirmation goes up in the same cycle
	if site, _ := w.topology(1).Delegate("items"); site != 3 {
		t.Errorf("confirmed, but the right is at site %d", site)
	}
	w.sync(3, 2)
	w.want(3, "item", late)
	if _, err := w.newItem(3, "mine now"); err != nil {
		t.Error(err)
	}
	if _, err := w.newItem(2, "not mine"); atoll.CodeOf(err) != atoll.Ownership {
		t.Errorf("the old holder edits: %v", err)
	}
	if n := len(w.quarantined(0)); n != 0 {
		t.Errorf("%d in quarantine after an orderly hand-over", n)
	}
	w.peace()
}

// While a right is closing its holder edits no more, and an orderly withdrawal
// loses nothing (R-F-10).
func TestR_F_10_NobodyEditsWhileItCloses(t *testing.T) {
	w := f1(t)
	w.grant("items", "B")
	w.sync(2, 3)
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items"}))
	w.sync(3)
	w.unheard(2)
	if !w.topology(2).Delegations()[0].Closing {
		t.Fatal("site 2 has not heard; the test shows nothing")
	}
	for _, at := range []atoll.SiteID{1, 2, 3} {
		if _, err := w.newItem(at, "in between"); atoll.CodeOf(err) != atoll.Ownership {
			t.Errorf("site %d edits while the right changes hands: %v", at, err)
		}
	}
	w.mend()
	w.sync(2)
	if _, err := w.newItem(1, "the primary's"); err != nil {
		t.Error(err)
	}
	w.peace()
}

// TestR_F_10_Epochs: a right that comes back to a site has another epoch, however
// its store moved meanwhile: nothing of the first time passes for the second.
func TestR_F_10_EpochsNeverComeBack(t *testing.T) {
	w := f1(t)
	seen := map[uint64]bool{}
	note := func() {
		t.Helper()
		_, epoch := w.topology(1).Delegate("items")
		if seen[epoch] {
			t.Fatalf("epoch %d a second time", epoch)
		}
		seen[epoch] = true
	}
	now := central.Delegation{Domain: "items", AtOnce: true}
	note()
	w.grant("items", "E")
	note()
	w.configure(central.Assign(w.Stores["E"], 2))
	note()
	w.configure(w.Centre.Centre.Withdraw("t", now))
	note()
	w.configure(w.Centre.Centre.Grant("t", now, w.Stores["B"]))
	note()
	w.configure(w.Centre.Centre.ChangeDelegate("t", now, w.Stores["E"]))
	note()
	w.configure(w.Centre.Centre.Withdraw("t", now))
	note()
	w.configure(w.Centre.Centre.Grant("t", central.Delegation{Domain: rights.All, AtOnce: true}, w.Stores["B"]))
	note()
	w.configure(w.Centre.Centre.Withdraw("t", central.Delegation{Domain: rights.All, AtOnce: true}))
	note()
	w.configure(central.MakePrimary(3))
	note()
	w.configure(central.MakePrimary(1))
	note()
}

// TestR_F_04: the right to everything makes the site the primary in all but name:
// every type that the primary edits is edited there, and nothing else.
func TestR_F_04_AllIsThePrimary(t *testing.T) {
	w := f1(t)
	w.grant(rights.All, "B")
	w.sync(2)
	top := w.topology(2)
	n := 0
	for _, d := range w.Catalogue.Types() {
		site, _ := top.Delegate(d.Area)
		if d.Editor == catalogue.ByPrimary {
			n++
			if site != 2 {
				t.Errorf("%s is edited on site %d", d.Type, site)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d types looked at", n)
	}
	if _, err := w.newItem(2, "all"); err != nil {
		t.Error(err)
	}
	w.peace()
}

// forge writes an edit into a site's journal and records that the site may not
// make: what a tampered program would do.
func (w *world) forge(at atoll.SiteID, p journal.Proposal) error {
	n := w.At(at)
	return n.Store.Update(w.ctx, func(tx storage.Tx) error {
		head, err := tx.Head(at)
		if err != nil {
			return err
		}
		origin := atoll.Origin{Site: at, Seq: head.Seq + 1}
		op := atoll.Operation{Verb: p.Verb, Key: p.Key, Version: 1, Fields: p.Fields}
		rec := atoll.Record{Key: p.Key, Version: 1, Origin: origin, Body: p.Fields.Encode()}
		if before, err := tx.Record(p.Key); err == nil {
			op.Version, op.Base = before.Version+1, before.Origin
			rec.Version, rec.Body = op.Version, before.MustFields().Apply(p.Fields).Encode()
		}
		_, op.Epoch = w.topology(at).Delegate(w.area(p.Key.Type))
		e := atoll.Entry{Time: w.Clock.Now(), Actor: "mallory", Cause: atoll.Cause{Kind: "user"}, Catalogue: w.Catalogue.Version(), Operations: []atoll.Operation{op}}
		je := storage.JournalEntry{Site: at, Timeline: head.Timeline, Seq: origin.Seq, Received: e.Time, Content: e.Encode()}
		je.Hash = atoll.Chain(head.Hash, at, je.Timeline, je.Seq, atoll.Digest(je.Content))
		if err := tx.Append(je); err != nil {
			return err
		}
		_, err = tx.Put(rec, nil)
		return err
	})
}

func (w *world) area(t atoll.Type) string {
	d, _ := w.Catalogue.Lookup(t)
	return d.Area
}

// The store that holds a right moves while the right is on its way to another: both
// sites confirm, each in its own name, and the right arrives. R-F-10, R-H-30.
func TestR_F_10_R_H_30_TheHolderMoves(t *testing.T) {
	w := f1(t)
	w.sync(2, 3)
	w.grant("lists", "C")
	w.sync(2, 3)
	w.configure(w.Centre.Centre.ChangeDelegate("tester", central.Delegation{Domain: "lists"}, w.Stores["B"]))
	w.move("C", 2)
	w.peace()
	if site, _ := w.topology(1).Delegate("lists"); site != 2 {
		t.Errorf("the right is at site %d", site)
	}
	if home := w.home("C"); home != 2 {
		t.Errorf("store C is at site %d", home)
	}
	if d, _ := w.topology(1).Delegation("lists"); d.Closing || d.Store != w.Stores["B"] {
		t.Errorf("the right: %+v", d)
	}
}
