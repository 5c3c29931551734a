package simulate

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// TestR_G_46: a prescriber goes the same way.
func TestR_G_46_Prescriber(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	marie, err := w.At(2).Register(w.ctx, "nurse", patients.Prescriber, w.Stores["B"], atoll.Fields{}.Set("last_name", "Curie"))
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	key := atoll.Key{Type: patients.Prescriber, ID: marie}
	if _, err := w.Centre.AskTransfer(w.ctx, "admin", patients.Wanted{Person: key, To: w.Stores["C"], Reason: "works there now"}); err != nil {
		t.Fatal(err)
	}
	w.update(2, "prescriber", marie, phone("1"))
	w.sync(2)
	w.refused(w.At(2).Insert(w.ctx, change("prescriber", marie, phone("2"))), atoll.Ownership)
	w.sync(3)
	w.update(3, "prescriber", marie, phone("3"))
	w.sync(3, 2)
	w.equal("prescriber", marie, 3, 2)
	w.peace()
}

// TestR_G_41: all patients of a store, asked for by the old site; a site that has
// no part in it is refused.
func TestR_G_41_AllOfAStore(t *testing.T) {
	w := f1(t)
	w.dispensaries("A", "B", "C")
	w.sync(2, 3)
	const many = 210 // more than are transferred at a time
	var all []atoll.ID
	var do []journal.Proposal
	for i := range many {
		all = append(all, atoll.NewID(w.Clock.Now()))
		do = append(do, journal.Proposal{Verb: atoll.Insert, Key: patientKey(all[i]), Fields: atoll.Fields{}.
			Set("name", fmt.Sprint("P", i)).Set("home_store_id", w.Stores["B"])})
	}
	w.edit(2, do...)
	w.sync(2)
	_, err := w.At(3).AskTransfer(w.ctx, "nurse", patients.Wanted{AllOf: w.Stores["B"], To: w.Stores["B"], Reason: "none of our business"})
	w.refused(err, atoll.Rule, "new home site, at the old one, or at the centre")
	_, err = w.At(2).AskTransfer(w.ctx, "nurse", patients.Wanted{AllOf: w.Stores["B"], To: w.Stores["D"], Reason: "D is not visible here"})
	w.refused(err, atoll.NotFound, "not known here")
	_, err = w.At(2).AskTransfer(w.ctx, "nurse", patients.Wanted{AllOf: w.Stores["B"], To: w.Stores["F"], Reason: "no dispensary"})
	w.refused(err, atoll.Rule, "must be an open dispensary")
	if _, err := w.At(2).AskTransfer(w.ctx, "nurse", patients.Wanted{AllOf: w.Stores["B"], To: w.Stores["C"], Reason: "the clinic closes"}); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	running, err := w.Centre.HomeTransfers(w.ctx, patients.Patient, false)
	if err != nil || len(running) == 0 || len(running) >= many {
		t.Errorf("%d are under way at a time (%v)", len(running), err)
	}
	w.sync(3, 2, 3, 2)
	for _, id := range all {
		if home, editable := w.person(3, id); home != w.Stores["C"] || !editable {
			t.Errorf("home %s, editable %t", home, editable)
		}
	}
	asked, err := w.At(2).HomeRequests(w.ctx)
	if err != nil || len(asked) != 1 || asked[0].State != patients.Done || asked[0].Total != many {
		t.Errorf("the request: %+v, %v", asked, err)
	}
	if running, _ := w.Centre.HomeTransfers(w.ctx, patients.Patient, false); len(running) != 0 {
		t.Errorf("still running: %v", running)
	}
	w.peace()
}

// TestR_G_48: the patients of two stores change places, each asked for before the
// other is finished, some by a central server that knew of no turns: both requests
// end, and everybody is at home in one store. Who comes after a request is not taken
// along by it, and who is asked for by herself later goes where that says.
//
// R-G-41, R-G-48.
func TestR_G_48_AllOfTwoStoresAgainstEachOther(t *testing.T) {
	for _, row := range []struct {
		name  string
		syncs []atoll.SiteID // between the two requests
		old   bool           // the first was begun by a program without turns
	}{
		{"at once", nil, false},
		{"the first is taken up", []atoll.SiteID{3}, false},
		{"the first has switched", []atoll.SiteID{3, 2}, false},
		{"the first is older than turns", []atoll.SiteID{3}, true},
		{"both are older than turns", []atoll.SiteID{3}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := f1(t)
			w.dispensaries("A", "B", "C")
			w.sync(2, 3)
			ofB := []atoll.ID{w.register("B", "Ada", "Obi", "1990-01-01"), w.register("B", "Bea", "Adu", "1991-02-02"), w.register("B", "Cem", "Oz", "1992-03-03")}
			ofC := []atoll.ID{w.register("C", "Dan", "Li", "1993-04-04"), w.register("C", "Eve", "Ng", "1994-05-05")}
			w.sync(2, 3)
			ask := func(from, to string) atoll.Key {
				id, err := w.At(3).AskTransfer(w.ctx, "nurse", patients.Wanted{AllOf: w.Stores[from], To: w.Stores[to], Reason: "the rooms are changed"})
				if err != nil {
					t.Fatal(err)
				}
				return atoll.Key{Type: "home_request", ID: id}
			}
			first := ask("B", "C")
			w.sync(row.syncs...)
			second := ask("C", "B")
			w.sync(3)
			if row.old {
				w.edit(1, change(first.Type, first.ID, atoll.Fields{}.Set("turn", nil)))
				if row.name == "both are older than turns" {
					w.edit(1, change(second.Type, second.ID, atoll.Fields{}.Set("turn", nil)))
				}
			}
			w.peace()
			for _, request := range []atoll.Key{first, second} {
				if f := w.want(1, request.Type, request.ID).Fields; f.Text("state") != patients.Done {
					t.Errorf("the request rests as %v", f)
				}
			}
			at := func(id atoll.ID) atoll.ID {
				home, editable := w.person(3, id)
				if old, stale := w.person(2, id); old != home || editable == stale {
					t.Errorf("%s: home %s and %s, editable %t and %t", id, home, old, editable, stale)
				}
				return home
			}
			switched := len(row.syncs) > 1
			for _, id := range ofB {
				// Those who were in C already when the second was asked are among its own.
				if home := at(id); (home == w.Stores["B"]) != switched {
					t.Errorf("one of B is at home in %s", home)
				}
			}
			for _, id := range ofC {
				if home := at(id); home != w.Stores["B"] {
					t.Errorf("one of C is at home in %s", home)
				}
			}
			w.transfer(3, ofC[0], "C")
			w.peace()
			if home := at(ofC[0]); home != w.Stores["C"] {
				t.Errorf("asked for by herself, she is at home in %s", home)
			}
		})
	}
}

// TestR_G_48: two requests at once: the second waits, and is carried out, or
// refused when its asker has no part in it any longer; one that is not begun can
// be cancelled, one that has switched cannot.
func TestR_G_48_TwoAtOnce(t *testing.T) {
	w := f1(t)
	w.dispensaries("A", "B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.show(ada, "C", "A")
	w.sync(2, 3)
	w.transfer(3, ada, "C")
	w.transfer(2, ada, "A")
	w.sync(3)
	ask := func(at atoll.SiteID) (out map[atoll.ID]string) {
		out = map[atoll.ID]string{}
		list, err := w.At(at).HomeRequests(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			out[r.To] = r.State + " " + r.Answer
		}
		return out
	}
	// Site 2 sends its request and, in the same cycle, freezes for the first.
	w.sync(2)
	if got := ask(1); got[w.Stores["C"]] != "running " || got[w.Stores["A"]] != "waiting it is being transferred to Store C, site 3 (Sync Client 2); this request waits" {
		t.Errorf("at the centre: %v", got)
	}
	w.sync(3, 2)
	if got := ask(2); got[w.Stores["A"]] != "refused neither the old nor the new home site asked for it" {
		t.Errorf("after the first: %v", got)
	}
	if home, _ := w.person(1, ada); home != w.Stores["C"] {
		t.Errorf("home %s", home)
	}
	w.peace()
	// Cancelled before the old home answers.
	w.transfer(1, ada, "A")
	if err := w.Centre.CancelTransfer(w.ctx, "admin", patientKey(ada)); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	w.update(3, "patient", ada, phone("still ours"))
	w.transfer(1, ada, "A") // and again: another round
	w.sync(3)
	if home, editable := w.person(1, ada); home != w.Stores["A"] || !editable {
		t.Errorf("at the centre: home %s, editable %t", home, editable)
	}
	w.refused(w.Centre.CancelTransfer(w.ctx, "admin", patientKey(ada)), atoll.NotFound)
	w.refused(w.At(3).ForceTransfer(w.ctx, "nurse", patientKey(ada)), atoll.NotHere)
	_, err := w.Centre.AskTransfer(w.ctx, "nurse", patients.Wanted{Person: patientKey(ada), To: w.Stores["A"], Reason: "again"})
	w.refused(err, atoll.Rule, "already")
	w.update(1, "patient", ada, phone("ours"))
	w.peace()
}

// edits are what sites did to one patient's notes: each edit makes or changes a
// field of its own, so that none may be lost by another.
type edits struct {
	w     *world
	ada   atoll.ID
	made  map[atoll.Key]string // note of each event that was made
	count int
}

// work edits at a site if it believes to own the patient.
func (e *edits) work(at atoll.SiteID) {
	e.count++
	note := fmt.Sprintf("%d at site %d", e.count, at)
	key := atoll.Key{Type: "patient_event", ID: atoll.NewID(e.w.Clock.Now())}
	p := journal.Proposal{Verb: atoll.Insert, Key: key, Fields: atoll.Fields{}.Set("patient_id", e.ada).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", note)}
	if e.w.At(at).Insert(e.w.ctx, p) == nil {
		e.made[key] = note
	}
	e.w.At(at).Insert(e.w.ctx, change("patient", e.ada, phone(note)))
}

// found fails unless every edit is applied at the centre, in quarantine, or asked
// for.
func (e *edits) found() {
	e.w.t.Helper()
	asked := map[atoll.Key]bool{}
	list, err := e.w.Centre.RequestedChanges(e.w.ctx, patientKey(e.ada))
	if err != nil {
		e.w.t.Fatal(err)
	}
	for _, p := range list {
		asked[p.Record] = true
	}
	held := map[atoll.Key]bool{}
	err = e.w.Centre.Store.View(e.w.ctx, func(r storage.Reader) error {
		open, err := r.Refusals(0, true, 0, 0)
		for _, no := range open {
			for _, k := range no.Keys {
				held[k] = true
			}
		}
		return err
	})
	if err != nil {
		e.w.t.Fatal(err)
	}
	for key, note := range e.made {
		if r := e.w.get(1, key.Type, key.ID); r != nil && r.Fields.Text("note") == note || asked[key] || held[key] {
			continue
		}
		e.w.t.Errorf("the edit %q is lost", note)
	}
}

// TestR_G_40: transfers there and back, with cut lines, old sites that are dead
// for weeks and return, forced ones and patient ones: at every moment one site at
// most may edit by the centre's word; in the end one does, everybody agrees who,
// and no edit is lost.
//
// R-G-40, R-G-42, R-G-44, R-G-48.
func TestR_G_40_R_G_42_R_G_44_R_G_48_AnySchedule(t *testing.T) {
	if testing.Short() {
		t.Skip("many fleets")
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		stores := []string{"A", "B", "C"}
		w.dispensaries(stores...)
		w.sync(2, 3)
		e := &edits{w: w, ada: w.register("B", "Ada", "Lovelace", "1990-12-10"), made: map[atoll.Key]string{}}
		w.sync(2)
		w.show(e.ada, stores...)
		w.sync(2, 3)
		w.wear(func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(rt, label) })
		dead := map[atoll.SiteID]bool{}
		for id, n := range w.Sites {
			worn := n.Net.Down
			n.Net.Down = func() bool { return dead[id] || worn != nil && worn() }
		}
		for range rapid.IntRange(3, 25).Draw(rt, "steps") {
			site := atoll.SiteID(rapid.IntRange(1, 3).Draw(rt, "site"))
			switch rapid.SampledFrom([]string{"ask", "work", "work", "work", "sync", "sync", "sync", "sync", "die", "force", "cancel"}).Draw(rt, "step") {
			case "ask":
				to := rapid.SampledFrom(stores).Draw(rt, "to")
				w.At(site).AskTransfer(w.ctx, "nurse", patients.Wanted{Person: patientKey(e.ada), To: w.Stores[to], Reason: "moved"})
			case "work":
				e.work(site)
			case "sync":
				if site > 1 {
					w.Sync(w.ctx, site)
				}
			case "die":
				dead[site] = !dead[site]
			case "force":
				w.Clock.Wind(15 * 24 * time.Hour)
				w.Centre.ForceTransfer(w.ctx, "director", patientKey(e.ada))
			case "cancel":
				w.Centre.CancelTransfer(w.ctx, "director", patientKey(e.ada))
			}
		}
		clear(dead)
		w.mend()
		if err := w.Settle(w.ctx); err != nil {
			w.t.Fatal(err)
		}
		homes, editors := map[atoll.ID]bool{}, 0
		for _, site := range []atoll.SiteID{1, 2, 3} {
			home, editable := w.person(site, e.ada)
			homes[home] = true
			if editable {
				editors++
			}
		}
		if len(homes) != 1 || editors != 1 {
			w.t.Errorf("%d homes, %d editors", len(homes), editors)
		}
		e.found()
		w.lawful()
	})
}

// TestR_G_48_ThenMerged: two patients with different homes are merged only after
// the transfer of one.
//
// R-G-48, R-E-03.
func TestR_G_48_R_E_03_ThenMerged(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	twin := w.register("C", "Ada", "Lovelace", "1990-12-10")
	w.sync(2, 3)
	w.show(ada, "C")
	w.sync(2, 3)
	m := station.Merge{Type: patients.Patient, From: ada, Into: twin}
	_, err := w.At(3).Merge(w.ctx, "nurse", m)
	w.refused(err, atoll.CodeOf(err), "home")
	w.transfer(3, ada, "C")
	w.sync(3)
	_, err = w.At(2).Merge(w.ctx, "nurse", m)
	if err == nil {
		t.Error("merged before the transfer")
	}
	w.sync(2, 3)
	if _, err := w.At(3).Merge(w.ctx, "nurse", m); err != nil {
		t.Errorf("after the transfer: %v", err)
	}
	w.sync(3, 2)
	if f := w.want(2, "patient", ada).Fields; f.Text("status") != "merged" {
		t.Errorf("the old site has %v", f)
	}
	if _, err := w.Centre.AskTransfer(w.ctx, "admin", patients.Wanted{Person: patientKey(ada), To: w.Stores["B"], Reason: "back"}); err == nil {
		t.Error("a merged patient is transferred")
	}
	w.peace()
}

// TestR_E_10_R_G_42: the home site merges a patient before it hears that she is being
// transferred. The transfer under way stays hers and goes on; the request is about the
// one who was kept from then on, and takes her there, too.
func TestR_E_10_R_G_42_MergedWhileTransferred(t *testing.T) {
	for _, kind := range []string{"the one who is transferred", "the one who is kept"} {
		t.Run(kind, func(t *testing.T) {
			w := f1(t)
			w.dispensaries("B", "C")
			w.sync(2, 3)
			ada, twin := w.register("B", "Ada", "Lovelace", "1990-12-10"), w.register("B", "Ada", "Lovelace", "1990-12-10")
			w.sync(2, 3)
			asked := ada
			if kind == "the one who is kept" {
				asked = twin
			}
			if _, err := w.Centre.AskTransfer(w.ctx, "admin", patients.Wanted{Person: patientKey(asked), To: w.Stores["C"], Reason: "moved house"}); err != nil {
				t.Fatal(err)
			}
			w.merge(2, patients.Patient, ada, twin)
			w.peace()
			if home, editable := w.person(3, twin); home != w.Stores["C"] || !editable {
				t.Errorf("the one who was kept is at home in %s, editable %t", home, editable)
			}
			transfer := w.raw(1, "patient_transfer", patients.TransferID(patients.Patient, asked)).MustFields()
			if transfer.ID("patient_id") != asked || transfer.Text("step") != patients.Done {
				t.Errorf("the transfer that was under way is %s", transfer.Encode())
			}
			for _, r := range w.list(1, "home_request", "to_store_id", string(w.Stores["C"])) {
				if r.Fields.Text("state") != patients.Done || r.Fields.ID("patient_id") != twin {
					t.Errorf("the request is %s", r.Fields.Encode())
				}
			}
			w.peace()
		})
	}
}
