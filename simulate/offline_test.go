package simulate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// offline cuts the site off.
func (w *world) offline(at atoll.SiteID) { w.Sites[at].Net.Down = func() bool { return true } }

// TestR_L_01: look-up at the centre and authorisation from afar are not built, so
// there is nothing to except but the configuration.
func TestR_L_01_EverythingOffline(t *testing.T) {
	w := f1(t)
	w.dispensaries("B")
	item := w.item("x")
	w.sync(2, 3)
	w.offline(2)
	if _, err := w.Sync(w.ctx, 2); err == nil {
		t.Fatal("there is a network")
	}
	w.Clock.Wind(40 * 24 * time.Hour)
	stock := w.stock("B", item, "50") // records
	err := w.try(2, func(d documents.Desk, id atoll.ID) ([]journal.Proposal, error) { return d.Adjust(id, "-5", "broken") }, stock)
	if err != nil { // inventory
		t.Fatal(err)
	}
	take := w.insert(2, "stocktake", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("status", "new"))
	order, err := w.request("B", "A", item, "12") // orders
	if err != nil {
		t.Fatal(err)
	}
	ada := w.patient("B") // dispensing
	script, err := w.prescribe("B", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	ci := w.ship("B", "C", stock, "3")
	if got := w.want(2, "invoice", ci).Fields; got.Int("number") != 1 || got.Text("status") != documents.Finalised {
		t.Errorf("the shipment is number %d, %s", got.Int("number"), got.Text("status"))
	}
	// Configuration says why not.
	w.refused(w.At(2).Insert(w.ctx, change("store", w.Stores["B"], atoll.Fields{}.Set("phone", "1"))), atoll.Ownership, "central server")
	w.mend()
	w.peace()
	for kind, id := range map[atoll.Type]atoll.ID{"stock_line": stock, "stocktake": take, "requisition": order, "patient": ada, "prescription": script, "invoice": ci} {
		w.equal(kind, id, 2, 1)
	}
	w.answer(1, "requisition", order)
	w.answer(3, "invoice", ci)
}

// TestR_L_04: any work at any of the sites, offline, with syncs in between in any
// order: in the end all agree.
func TestR_L_04_EverybodyAgrees(t *testing.T) {
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		item := w.item("x")
		w.sync(2, 3)
		stores := []string{"A", "B", "C", "D", "F"}
		lines := map[string]atoll.ID{}
		for _, s := range stores {
			lines[s] = w.stock(s, item, "30")
		}
		for i := range rapid.IntRange(3, 14).Draw(rt, "edits") {
			s := rapid.SampledFrom(stores).Draw(rt, "store")
			at := w.home(s)
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				w.update(at, "stock_line", lines[s], atoll.Fields{}.Set("note", fmt.Sprint(i)))
			case 1:
				w.insert(at, "location", atoll.Fields{}.Set("store_id", w.Stores[s]).Set("code", fmt.Sprint(i)).Set("name", "x"))
			case 2:
				w.update(1, "item", item, atoll.Fields{}.Set("name", fmt.Sprint("item ", i)))
			case 3:
				to := map[string]string{"A": "B", "B": "C", "C": "B", "D": "C", "F": "B"}[s]
				w.ship(s, to, lines[s], "1")
			case 4:
				w.sync(atoll.SiteID(rapid.IntRange(2, 3).Draw(rt, "site")))
			}
		}
		w.peace()
	})
}

// TestR_L_06: users and their rights belong to the site's own database in this
// version; that they were made there is as good as having been synchronised.
func TestR_L_06_SignInOffline(t *testing.T) {
	w := f1(t)
	const password = "correct horse battery"
	if _, err := w.At(2).AddUser(w.ctx, "ada", station.StoreUser, password); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.offline(2)
	w.Clock.Wind(90 * 24 * time.Hour)
	token, u, err := w.At(2).SignInUser(w.ctx, "ada", password)
	if err != nil || u.Role != station.StoreUser || !u.Role.May(station.MayEdit) || u.Role.May(station.MayConfigure) {
		t.Fatalf("offline: %+v, %v", u, err)
	}
	if got, err := w.At(2).Session(w.ctx, token); err != nil || got.Name != "ada" {
		t.Errorf("the session: %+v, %v", got, err)
	}
	_, _, err = w.At(2).SignInUser(w.ctx, "ada", "wrong")
	w.refused(err, atoll.SignIn)
	if _, _, err = w.At(3).SignInUser(w.ctx, "ada", password); err == nil {
		t.Error("she can sign in at a site that never heard of her")
	}
}

// TestR_L_11: no figure is measured here: an edit is made while an exchange hangs,
// in the middle of each of its frames, and does not wait for it.
func TestR_L_11_EntryWhileSyncing(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	for i := range 5 {
		w.item(fmt.Sprint(i))
	}
	w.stock("B", item, "1")
	l := w.listen(2)
	made := 0
	l.answer = func(exchange.Frame) int { // the cycle stands still until this returns
		id := w.stock("B", item, "2")
		if w.get(2, "stock_line", id) == nil {
			t.Error("what was entered is not shown")
		}
		made++
		if made > 40 {
			l.answer = nil
		}
		return 0
	}
	if _, err := w.Sync(w.ctx, 2); err != nil {
		t.Fatal(err)
	}
	if made < 8 {
		t.Errorf("%d entries were made while the exchange was under way", made)
	}
	w.peace()
	if got := w.list(1, "stock_line"); len(got) != made+1 {
		t.Errorf("the centre has %d stock lines; want %d", len(got), made+1)
	}
}

func TestR_L_14_TwoDevicesOneSite(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	stock := w.stock("B", item, "10")
	// Two people have the same line open; both save. The last save stands.
	seen := w.want(2, "stock_line", stock).Version
	w.update(2, "stock_line", stock, atoll.Fields{}.Set("note", "first"))
	w.update(2, "stock_line", stock, atoll.Fields{}.Set("note", "last"))
	if got := w.want(2, "stock_line", stock).Fields.Text("note"); got != "last" {
		t.Errorf("the note is %q", got)
	}
	// One who says what he saw is told that it has changed since.
	p := change("stock_line", stock, atoll.Fields{}.Set("note", "late"))
	p.Expect = seen
	w.refused(w.At(2).Insert(w.ctx, p), atoll.Conflict)
	// Both issue from it what is there only once.
	issue := func(packs string) error {
		_, err := w.At(2).Shipment(w.ctx, w.Stores["B"], w.Stores["A"], stock, packs)
		return err
	}
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- issue("7") }()
	}
	a, b := <-results, <-results
	if (a == nil) == (b == nil) {
		t.Errorf("7 and 7 packs of 10: %v, %v; want one of them refused", a, b)
	}
	for _, err := range []error{a, b} {
		if err != nil {
			w.refused(err, atoll.Rule, "below nothing")
		}
	}
	if got := w.want(2, "stock_line", stock).Fields.Number("total_number_of_packs"); got != "3" {
		t.Errorf("%s packs are left; want 3", got)
	}
	w.peace()
}

// An entry that nobody can read is told by its number among what waits, and hides
// nothing that waits behind it (R-I-02, R-I-04).
func TestR_I_02_WhatCannotBeReadWaitsToo(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	n := w.Sites[2]
	var seq uint64
	err := n.Store.Update(w.ctx, func(tx storage.Tx) error {
		head, err := tx.Head(2)
		if err != nil {
			return err
		}
		e := storage.JournalEntry{Site: 2, Timeline: head.Timeline, Seq: head.Seq + 1, Content: []byte(`{"time":"poison`), Received: w.Clock.Now()}
		e.Hash = atoll.Chain(head.Hash, 2, e.Timeline, e.Seq, atoll.Digest(e.Content))
		seq = e.Seq
		return tx.Append(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	line := w.stock("B", item, "5")
	list, total, err := n.Site.Waiting(w.ctx, 10)
	if err != nil || total != 2 || len(list) != 2 {
		t.Fatalf("%+v of %d, %v", list, total, err)
	}
	if u := list[0]; u.Seq != seq || u.Unreadable == "" || u.Time.IsZero() || len(u.Keys) > 0 {
		t.Errorf("what cannot be read: %+v", u)
	}
	if u := list[1]; u.Unreadable != "" || !slices.Contains(u.Keys, atoll.Key{Type: "stock_line", ID: line}) {
		t.Errorf("what came behind it: %+v", u)
	}
}
