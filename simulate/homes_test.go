package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

func patientKey(id atoll.ID) atoll.Key { return atoll.Key{Type: patients.Patient, ID: id} }

// register registers a patient in a store of the site where it is active.
func (w *world) register(store, first, last, born string) atoll.ID {
	w.t.Helper()
	id, err := w.At(w.home(store)).Register(w.ctx, "nurse", patients.Patient, w.Stores[store],
		atoll.Fields{}.Set("first_name", first).Set("last_name", last).Set("date_of_birth", born))
	if err != nil {
		w.t.Fatalf("register in %s: %v", store, err)
	}
	return id
}

// transfer asks at a site for a patient's home store to become another.
func (w *world) transfer(at atoll.SiteID, id atoll.ID, to string) {
	w.t.Helper()
	if _, err := w.At(at).AskTransfer(w.ctx, "nurse", patients.Wanted{Person: patientKey(id), To: w.Stores[to], Reason: "moved house"}); err != nil {
		w.t.Fatalf("transfer to %s: %v", to, err)
	}
}

// show makes a patient visible in stores.
func (w *world) show(id atoll.ID, stores ...string) {
	w.t.Helper()
	for _, s := range stores {
		if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(id), w.Stores[s], true); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) person(at atoll.SiteID, id atoll.ID) (home atoll.ID, editable bool) {
	w.t.Helper()
	p, err := w.At(at).Person(w.ctx, patientKey(id))
	if err != nil {
		w.t.Fatalf("site %d: %v", at, err)
	}
	return p.HomeStore, p.Editable
}

func phone(n string) atoll.Fields { return atoll.Fields{}.Set("phone", n) }

// TestR_G_42: with both sites online, two syncs of each suffice. Details and
// repeats are locked meanwhile, and dispensing goes on.
//
// R-G-40, R-G-41, R-G-42, R-G-43, R-G-45, R-G-48.
func TestR_G_42_HomeStoreTransferred(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	item := w.item("x")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	event := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", "asthma"))
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", item).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	old, err := w.prescribe("B", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.transfer(3, ada, "C")
	w.sync(3) // the request goes up
	freeze := w.At(2)
	if err := freeze.Insert(w.ctx, change("patient", ada, phone("1"))); err != nil {
		t.Errorf("before it knows, the old home still edits: %v", err)
	}
	w.sync(2) // frozen, pushed, confirmed; the home store is switched
	if home, editable := w.person(2, ada); home != w.Stores["C"] || editable {
		t.Errorf("at the old site the home is %s, editable %t", home, editable)
	}
	w.refused(freeze.Insert(w.ctx, change("patient", ada, phone("2"))), atoll.Ownership)
	if _, err := w.prescribe("B", ada, nil); err != nil {
		t.Errorf("dispensing goes on at the old site: %v", err)
	}
	if _, err := w.prescribe("C", ada, nil); err != nil {
		t.Errorf("dispensing goes on at the new site: %v", err)
	}
	w.sync(3)
	if home, editable := w.person(3, ada); home != w.Stores["C"] || !editable {
		t.Errorf("at the new site the home is %s, editable %t", home, editable)
	}
	if got := w.want(3, "patient", ada).Fields.Text("phone"); got != "1" {
		t.Errorf("the last edit of the old home is %q", got)
	}
	w.update(3, "patient", ada, phone("3"))
	w.update(3, "patient_event", event, atoll.Fields{}.Set("note", "worse"))
	w.update(3, "repeat", repeat, atoll.Fields{}.Set("comment", "ours now"))
	w.sync(3, 2)
	w.equal("patient", ada, 3, 2)
	w.equal("patient_event", event, 3, 2)
	w.update(2, "prescription", old, atoll.Fields{}.Set("comment", "stays with the store that made it"))
	if r := w.want(1, "patient", ada).Fields; r.Int("home_epoch") != 1 {
		t.Errorf("home epoch %d", r.Int("home_epoch"))
	}
	w.peace()
}

// TestR_G_40: nobody but the centre changes a home store, and nobody by an edit.
func TestR_G_40_OnlyByATransfer(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "F", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	for _, f := range []atoll.Fields{
		atoll.Fields{}.Set("home_store_id", w.Stores["F"]).Set("home_epoch", 1), // also its own
		atoll.Fields{}.Set("home_store_id", w.Stores["F"]),
		atoll.Fields{}.Set("home_epoch", 7),
	} {
		w.refused(w.At(2).Insert(w.ctx, change("patient", ada, f)), atoll.Rule, "transfer")
	}
	f := atoll.Fields{}.Set("home_store_id", w.Stores["C"]).Set("home_epoch", 1)
	w.refused(w.At(2).Insert(w.ctx, change("patient", ada, f)), atoll.Ownership)
	w.refused(w.Centre.Insert(w.ctx, change("patient", ada, f)), atoll.Rule, "transfer")
	w.refused(w.Centre.Insert(w.ctx, change("patient", ada, phone("1"))), atoll.Ownership)
	w.peace()
}

// TestR_G_43: from the moment the old home knows until the new one has everything.
func TestR_G_43_LockedMeanwhile(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	item := w.item("x")
	w.prefer("repeats_everywhere", true)
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", item).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	w.transfer(2, ada, "C") // the patient has moved, says the old site
	n := w.Sites[2]
	exchanges := 0
	n.Net.Down = func() bool { exchanges++; return exchanges > 1 } // the confirmation does not get through
	w.Sync(w.ctx, 2)
	w.mend()
	w.sync(3)
	for _, site := range []atoll.SiteID{2, 3} {
		if to, is := w.underway(site, ada); !is || to != w.Stores["C"] {
			t.Fatalf("site %d does not know of the transfer", site)
		}
	}
	w.refused(w.At(2).Insert(w.ctx, change("patient", ada, phone("2"))), atoll.Rule, "transferred to Store C", "locked")
	w.refused(w.At(2).Insert(w.ctx, change("repeat", repeat, atoll.Fields{}.Set("comment", "x"))), atoll.Rule, "locked")
	if _, editable := w.person(2, ada); editable {
		t.Error("the patient is shown as editable")
	}
	_, err := w.prescribe("C", ada, atoll.Fields{}.Set("repeat_id", repeat).Set("repeat_number", 1))
	w.refused(err, atoll.Rule, "repeats are locked")
	if _, err := w.prescribe("C", ada, nil); err != nil {
		t.Errorf("dispensing: %v", err)
	}
	w.sync(2, 3)
	if _, err := w.prescribe("C", ada, atoll.Fields{}.Set("repeat_id", repeat).Set("repeat_number", 1)); err != nil {
		t.Errorf("after the transfer: %v", err)
	}
	w.peace()
}

func (w *world) underway(at atoll.SiteID, id atoll.ID) (atoll.ID, bool) {
	w.t.Helper()
	p, err := w.At(at).Person(w.ctx, patientKey(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return p.MovesTo, p.MovesTo != ""
}

// TestR_G_44: the old site is dead, the transfer is forced after the wait, and the
// old site comes back: what it did meanwhile is offered to the new home, field by
// field, and nothing is overwritten.
func TestR_G_44_OldSiteReturns(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	event := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", "asthma"))
	w.update(2, "patient", ada, phone("1"))
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	w.transfer(3, ada, "C")
	w.sync(3)
	w.refused(w.Centre.ForceTransfer(w.ctx, "director", patientKey(ada)), atoll.Rule, "has until")
	w.Clock.Wind(14 * 24 * time.Hour)
	// Meanwhile, at the old site, which has heard nothing.
	w.update(2, "patient", ada, atoll.Fields{}.Set("phone", "2").Set("email", "ada@example.org"))
	w.update(2, "patient", ada, atoll.Fields{}.Set("phone", "22"))
	w.update(2, "patient_event", event, atoll.Fields{}.Set("note", "cured"))
	made := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-03-03T10:00:00Z").Set("note", "new"))
	if err := w.Centre.ForceTransfer(w.ctx, "director", patientKey(ada)); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	w.update(3, "patient", ada, phone("3"))
	w.sync(3)
	w.sync(2) // it returns
	if home, editable := w.person(2, ada); home != w.Stores["C"] || editable {
		t.Errorf("the old site believes in home %s, editable %t", home, editable)
	}
	if got := w.want(2, "patient", ada).Fields.Text("phone"); got != "3" {
		t.Errorf("the old site shows phone %q", got)
	}
	w.sync(3)
	list, err := w.At(3).RequestedChanges(w.ctx, patientKey(ada))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 4 {
		t.Fatalf("%d changes are offered; want 4: %+v", len(list), list)
	}
	if got := w.want(3, "patient", ada).Fields; got.Text("phone") != "3" || got.Has("email") {
		t.Errorf("something was overwritten: %v", got)
	}
	for _, p := range list {
		take := []string{}
		if p.Wanted.Has("email") {
			take = []string{"email"}
			if p.Was.Text("phone") != "1" {
				t.Errorf("the old site saw phone %q before", p.Was.Text("phone"))
			}
		}
		if p.Wanted.Text("phone") == "22" && p.Was.Text("phone") != "2" {
			t.Errorf("the second change saw phone %q before", p.Was.Text("phone"))
		}
		all := p.Record.Type == "patient_event"
		if err := w.At(3).DecideChange(w.ctx, "doctor", p.ID, take, all, "checked"); err != nil {
			t.Fatal(err)
		}
	}
	w.sync(3, 2)
	f := w.want(2, "patient", ada).Fields
	if f.Text("phone") != "3" || f.Text("email") != "ada@example.org" {
		t.Errorf("after the decisions: %v", f)
	}
	if got := w.want(2, "patient_event", event).Fields.Text("note"); got != "cured" {
		t.Errorf("the event says %q", got)
	}
	w.equal("patient_event", made, 3, 2)
	kept := 0
	err = w.Centre.Store.View(w.ctx, func(r storage.Reader) error {
		all, err := r.Refusals(2, false, 0, 0)
		for _, no := range all {
			if no.State == storage.Returned && strings.Contains(no.Note, "offered") {
				kept++
			}
		}
		return err
	})
	if err != nil || kept != 4 {
		t.Errorf("quarantine remembers %d entries as offered; want 4 (%v)", kept, err)
	}
	w.peace()
}

// tooLate has the home of a patient of B taken by force, and her changed there since. The
// change is not at the centre yet.
func (w *world) tooLate() (ada atoll.ID) {
	w.t.Helper()
	w.dispensaries("B", "C", "D", "F")
	w.prefer(patients.TransferWait, 0)
	w.sync(2, 3)
	ada = w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.transfer(1, ada, "C")
	if err := w.Centre.ForceTransfer(w.ctx, "director", patientKey(ada)); err != nil {
		w.t.Fatal(err)
	}
	w.update(2, "patient", ada, phone("2"))
	return ada
}

// offered sees that one late change of hers is offered to the new home.
func (w *world) offered(ada atoll.ID) {
	w.t.Helper()
	list, err := w.At(3).RequestedChanges(w.ctx, patientKey(ada))
	if err != nil || len(list) != 1 || !list[0].Offered || list[0].Store != w.Stores["B"] && list[0].Store != w.Stores["F"] {
		w.t.Errorf("offered: %+v, %v; want one, in the name of the site that made it", list, err)
	}
}

// TestR_G_44: the former home store is being moved when the old site comes back, and
// perhaps all stores of the site are. What it did too late is offered all the same: the
// moves wait until nothing of the site is in quarantine.
//
// R-G-44, R-H-30.
func TestR_G_44_R_H_30_OfferedWhileTheFormerHomeMoves(t *testing.T) {
	for _, stores := range [][]string{{"B"}, {"B", "F"}} {
		t.Run(strings.Join(stores, ""), func(t *testing.T) {
			w := f1(t)
			w.configure(central.ManageOnly(w.Stores["F"], false)) // what stays at its site cannot move
			ada := w.tooLate()
			var moves []atoll.ID
			for _, s := range stores {
				moves = append(moves, w.move(s, 3))
			}
			w.sync(2)
			w.peace()
			for _, move := range moves {
				w.wants(move, topology.Moved)
			}
			w.offered(ada)
		})
	}
}

// TestR_G_44: she is on her way to a third home when the first one comes back. What it did
// too late is offered, and decided when she has arrived.
func TestR_G_44_OfferedDuringTheNextTransfer(t *testing.T) {
	w := f1(t)
	ada := w.tooLate()
	w.sync(3)
	w.transfer(1, ada, "D")
	w.sync(2)
	w.peace()
	if open := w.quarantined(2); len(open) > 0 {
		t.Errorf("it is left to a person: %+v", open)
	}
	if home, _ := w.person(1, ada); home != w.Stores["D"] {
		t.Error("she is not at home in D")
	}
	w.offered(ada)
}

// TestR_G_44: what could not be offered when it came is offered when nothing is in the way
// any longer.
func TestR_G_44_OfferedAgain(t *testing.T) {
	w := f1(t)
	ada := w.tooLate()
	judge := w.Centre.Door.Judge
	rules := judge.Rules
	judge.Rules = append(slices.Clip(rules), func(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
		if c.Op.Type == "patient_change" {
			return atoll.Errorf(atoll.Rule, "not now")
		}
		return nil
	})
	w.sync(2)
	judge.Rules = rules
	if len(w.quarantined(2)) == 0 {
		t.Fatal("nothing was in the way; the test shows nothing")
	}
	w.peace()
	w.offered(ada)
}

// TestR_G_44: what was made too late, and changed too late before anybody heard of it, is
// offered whole, and both are as they were when the new home has taken them.
func TestR_G_44_MadeAndChangedTooLate(t *testing.T) {
	w := f1(t)
	ada := w.tooLate()
	made := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-03-03T10:00:00Z").Set("note", "asthma"))
	w.update(2, "patient_event", made, atoll.Fields{}.Set("note", "cured"))
	w.peace()
	if open := w.quarantined(2); len(open) > 0 {
		t.Errorf("it is left to a person: %+v", open)
	}
	list, err := w.At(3).RequestedChanges(w.ctx, patientKey(ada))
	if err != nil || len(list) != 3 {
		t.Fatalf("offered: %+v, %v; want her phone, the event and its change", list, err)
	}
	for _, verb := range []atoll.Verb{atoll.Insert, atoll.Update} {
		for _, p := range list {
			if p.Record.Type != "patient_event" || p.Verb != verb {
				continue
			}
			if err := w.At(3).DecideChange(w.ctx, "doctor", p.ID, nil, true, "checked"); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.peace()
	if got := w.want(3, "patient_event", made).Fields.Text("note"); got != "cured" {
		t.Errorf("the event says %q", got)
	}
}
