package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// here lists the names of the patients in a store, as people there see them.
func (w *world) here(at atoll.SiteID, store string) string {
	w.t.Helper()
	list, _, err := w.At(at).FindHere(w.ctx, patients.Patient, w.Stores[store], patients.Search{})
	if err != nil {
		w.t.Fatal(err)
	}
	return named(list)
}

// TestR_G_01: one home store, that of the store that registered her; R-G-05: the
// site's other dispensaries see her unless they prefer not to; R-G-08, R-G-11: in
// dispensaries only, and in each only those who are visible there.
//
// R-G-01, R-G-05, R-G-08, R-G-11.
func TestR_G_01_R_G_05_R_G_11_Registered(t *testing.T) {
	w := f1(t)
	w.dispensaries("C", "D")
	w.sync(2, 3)
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	if f := w.want(3, "patient", ada).Fields; f.ID("home_store_id") != w.Stores["C"] {
		t.Errorf("home is %s", f.ID("home_store_id"))
	}
	if a, b := w.here(3, "C"), w.here(3, "D"); a != "Ada" || b != "Ada" {
		t.Errorf("C sees %q, D sees %q", a, b)
	}
	w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", w.Stores["D"]).Set("key", patients.OwnPatientsOnly).Set("value", true))
	w.sync(3)
	bea := w.register("C", "Bea", "Lovelace", "1991-12-10")
	eve := w.register("D", "Eve", "Lovelace", "1992-12-10")
	if a, b := w.here(3, "C"), w.here(3, "D"); a != "Ada Bea Eve" || b != "Ada Eve" {
		t.Errorf("with the preference C sees %q, D sees %q", a, b)
	}
	w.sync(3)
	for _, id := range []atoll.ID{ada, bea, eve} {
		if rows := w.list(1, "patient_store_join", "patient_id", string(id)); len(rows) == 0 {
			t.Error("visibility did not go up")
		}
	}
	_, err := w.At(2).Register(w.ctx, "nurse", patients.Patient, w.Stores["B"], atoll.Fields{}.Set("name", "X"))
	w.refused(err, atoll.Rule, "not a dispensary")
	_, err = w.At(3).Register(w.ctx, "nurse", patients.Patient, w.Stores["B"], atoll.Fields{}.Set("name", "X"))
	w.refused(err, atoll.Rule, "not active here")
	_, _, err = w.At(2).FindHere(w.ctx, patients.Patient, w.Stores["B"], patients.Search{})
	w.refused(err, atoll.Rule, "dispensary stores only")
	w.peace()
}

// TestR_G_02: every dispensary of the home site edits, a site elsewhere does not,
// and a home site without an open dispensary does not.
func TestR_G_02_AtHome(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C", "D")
	w.sync(2, 3)
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	w.sync(3)
	w.show(ada, "B")
	w.sync(2)
	edit := func(at atoll.SiteID, store string) error {
		_, err := w.At(at).EditPerson(w.ctx, "nurse", w.Stores[store], patientKey(ada), patientKey(ada), phone(store), "")
		return err
	}
	if err := edit(3, "D"); err != nil {
		t.Errorf("in the site's other dispensary: %v", err)
	}
	w.refused(edit(2, "B"), atoll.Ownership, "home of the patient is Store C")
	w.refused(edit(3, "B"), atoll.Rule, "not an open dispensary of this site")
	for _, store := range []string{"C", "D"} {
		w.update(1, "store", w.Stores[store], atoll.Fields{}.Set("mode", "store"))
	}
	w.Sync(w.ctx, 3)
	w.refused(edit(3, "D"), atoll.Rule)
	w.refused(w.write(3, change("patient", ada, phone("x"))), atoll.Rule, "no dispensary store is open")
}

// TestR_G_03: to the centre, and to every site with an active or collector store in
// which she is visible; dispensed there, but repeats at home only (R-G-04); later
// visibility comes from the centre (R-G-06).
//
// R-G-03, R-G-04, R-G-06.
func TestR_G_03_R_G_04_R_G_06_WhereVisible(t *testing.T) {
	w := f1(t)
	w.dispensaries("A", "B", "C")
	item := w.item("x")
	w.sync(2, 3)
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	repeat := w.insert(3, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", item).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(3, 2)
	w.want(1, "patient", ada)
	if w.get(2, "patient", ada) != nil {
		t.Error("site 2 has a patient who is not visible there")
	}
	w.refused(w.At(3).ShowPerson(w.ctx, "nurse", patientKey(ada), w.Stores["B"], true), atoll.NotHere, "fetch")
	w.show(ada, "A") // active at the centre, a collector copy at site 2
	w.sync(2)
	w.equal("patient", ada, 3, 2)
	_, err := w.prescribe("B", ada, nil)
	w.refused(err, atoll.NotVisible, "not visible in Store B")
	w.show(ada, "B")
	w.sync(2)
	if _, err := w.prescribe("B", ada, nil); err != nil {
		t.Errorf("dispensed where she is visible: %v", err)
	}
	_, err = w.prescribe("B", ada, atoll.Fields{}.Set("repeat_id", repeat).Set("repeat_number", 1))
	w.refused(err, atoll.Rule, "dispensed at home")
	w.peace()
}

// TestR_G_07: prescribers belong to their home site, and go where they have
// prescribed or are made visible.
func TestR_G_07_Prescribers(t *testing.T) {
	w := f1(t)
	w.dispensaries("A", "B", "C", "D")
	w.sync(2, 3)
	marie, err := w.At(2).Register(w.ctx, "nurse", patients.Prescriber, w.Stores["B"], atoll.Fields{}.Set("last_name", "Curie"))
	if err != nil {
		t.Fatal(err)
	}
	key := atoll.Key{Type: patients.Prescriber, ID: marie}
	w.sync(2, 3)
	if w.get(3, "prescriber", marie) != nil {
		t.Error("she is at site 3, where she never prescribed")
	}
	// Made visible in D; then she prescribes in C, of the same site.
	if err := w.Centre.ShowPerson(w.ctx, "admin", key, w.Stores["D"], true); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	w.equal("prescriber", marie, 2, 3)
	w.refused(w.At(3).Insert(w.ctx, change("prescriber", marie, phone("1"))), atoll.Ownership)
	w.update(2, "prescriber", marie, phone("2"))
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	if _, err := w.prescribe("C", ada, atoll.Fields{}.Set("prescriber_id", marie)); err != nil {
		t.Fatal(err)
	}
	w.sync(3, 2, 3)
	if rows := w.list(3, "prescriber_store_join", "prescriber_id", string(marie), "store_id", string(w.Stores["C"])); len(rows) != 1 {
		t.Errorf("having prescribed in C she is visible there by %d rows", len(rows))
	}
	if err := w.Centre.ShowPerson(w.ctx, "admin", key, w.Stores["D"], false); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	if w.get(3, "prescriber", marie) == nil {
		t.Error("she is gone from site 3, where she has prescribed")
	}
	w.peace()
}

// TestR_G_10: the preference is off: refused; on: a request, shown as pending at
// once, taken over by the home site field by field, conflicts decided there.
func TestR_G_10_ChangeRequests(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.update(2, "patient", ada, atoll.Fields{}.Set("phone", "1").Set("email", "a@x"))
	w.sync(2)
	w.show(ada, "C")
	w.prefer(patients.SharedDetails, true)
	w.sync(2, 3)
	ask := func(f atoll.Fields) {
		t.Helper()
		pending, err := w.At(3).EditPerson(w.ctx, "nurse", w.Stores["C"], patientKey(ada), patientKey(ada), f, "she said so")
		if err != nil || !pending {
			t.Fatalf("asked: pending %t, %v", pending, err)
		}
	}
	ask(atoll.Fields{}.Set("phone", "2").Set("email", "b@x").Set("address1", "Hill 3"))
	ask(atoll.Fields{}.Set("address1", "Hill 4")) // goes on from what is pending
	p, err := w.At(3).Person(w.ctx, patientKey(ada))
	if err != nil || len(p.Pending) != 2 || p.Fields.Text("phone") != "1" || p.Pending[1].Was.Text("address1") != "Hill 3" {
		t.Fatalf("pending: %+v, %v", p.Pending, err)
	}
	for _, r := range w.list(3, "patient_change") {
		if !r.Editable {
			t.Error("the asking site does not own its request")
		}
	}
	w.update(2, "patient", ada, atoll.Fields{}.Set("email", "c@x")) // meanwhile, at home
	w.sync(3, 2)
	f := w.want(2, "patient", ada).Fields
	if f.Text("phone") != "2" || f.Text("email") != "c@x" || f.Text("address1") != "Hill 4" {
		t.Errorf("at home: %v", f)
	}
	open, err := w.At(2).RequestedChanges(w.ctx, patientKey(ada))
	if err != nil || len(open) != 1 || len(open[0].Open) != 1 || open[0].Open[0] != "email" {
		t.Fatalf("open: %+v, %v", open, err)
	}
	w.sync(3)
	if p, _ := w.At(3).Person(w.ctx, patientKey(ada)); len(p.Pending) != 1 || p.Fields.Text("phone") != "2" {
		t.Errorf("at the asking site: %+v", p.Pending)
	}
	w.refused(w.At(3).DecideChange(w.ctx, "nurse", open[0].ID, nil, true, ""), atoll.Ownership, "decided at the home site")
	if err := w.At(2).DecideChange(w.ctx, "doctor", open[0].ID, []string{"email"}, false, "asked her"); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	if p, _ := w.At(3).Person(w.ctx, patientKey(ada)); len(p.Pending) != 0 || p.Fields.Text("email") != "b@x" {
		t.Errorf("decided: %+v %v", p.Pending, p.Fields)
	}
	w.refused(w.At(2).DecideChange(w.ctx, "doctor", open[0].ID, nil, true, ""), atoll.Conflict)
	ask(phone("not a number but text"))
	pending, err := w.At(3).EditPerson(w.ctx, "nurse", w.Stores["C"], patientKey(ada), patientKey(ada), atoll.Fields{}.Set("home_store_id", w.Stores["C"]), "")
	w.refused(err, atoll.Rule, "not changed by a request")
	ask(atoll.Fields{}.Set("gender", "purple")) // what the catalogue does not know is refused, at home
	w.sync(3, 2, 3)
	if p, _ := w.At(3).Person(w.ctx, patientKey(ada)); len(p.Pending) != 0 || p.Fields.Has("gender") {
		t.Errorf("%t, %+v", pending, p.Pending)
	}
	w.prefer(patients.SharedDetails, false)
	w.sync(3)
	_, err = w.At(3).EditPerson(w.ctx, "nurse", w.Stores["C"], patientKey(ada), patientKey(ada), phone("9"), "")
	w.refused(err, atoll.Ownership, "Store B")
	w.peace()
}

// TestR_G_12: kept for the documents that name her, marked, not dispensed to, and
// her details go after a while; what comes back is complete. The history says how
// old it is (R-G-13).
//
// R-G-12, R-G-13.
func TestR_G_12_R_G_13_NoLongerVisible(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	event := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", "asthma"))
	w.sync(2)
	w.show(ada, "C")
	before := w.Clock.Now()
	w.sync(3)
	made, err := w.prescribe("C", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := w.At(3).PatientHistory(w.ctx, ada)
	if err != nil || len(h.Events) != 2 || h.AsOf.Before(before) || !strings.Contains(h.Warning, "card") {
		t.Errorf("history: %+v, %v", h, err)
	}
	w.sync(3)
	gone := w.Clock.Now().Truncate(time.Second)
	if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(ada), w.Stores["C"], false); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	w.update(2, "patient", ada, phone("new"))
	w.sync(2, 3)
	p, err := w.At(3).Person(w.ctx, patientKey(ada))
	if err != nil || p.NotUpdatedSince.Before(gone) || p.NotUpdatedSince.After(w.Clock.Now()) || p.Fields.Has("phone") || p.Editable {
		t.Errorf("kept as %+v, %v", p, err)
	}
	if w.here(3, "C") != "" {
		t.Error("she is still in the list")
	}
	_, err = w.prescribe("C", ada, nil)
	w.refused(err, atoll.NotVisible, "no longer")
	w.want(3, "prescription", made)
	if h, err := w.At(3).PatientHistory(w.ctx, ada); err != nil || !h.AsOf.Equal(p.NotUpdatedSince) || !strings.Contains(h.Warning, "no longer visible") {
		t.Errorf("history: %+v, %v", h, err)
	}
	if !w.hidden(3, "patient_event", event) {
		t.Error("the details are gone at once")
	}
	w.prefer(patients.DetailsKept, 10)
	w.sync(3)
	w.Clock.Wind(11 * 24 * time.Hour)
	w.sync(3)
	if _, err := w.At(3).Processors.Run(w.ctx); err != nil {
		t.Fatal(err)
	}
	if w.hidden(3, "patient_event", event) {
		t.Error("the details are still there after the time")
	}
	if !w.hidden(3, "patient", ada) {
		t.Error("the patient's own record is gone")
	}
	w.peace()
	w.show(ada, "C")
	w.sync(3)
	w.equal("patient", ada, 2, 3)
	w.equal("patient_event", event, 2, 3)
	if p, _ := w.At(3).Person(w.ctx, patientKey(ada)); !p.NotUpdatedSince.IsZero() {
		t.Error("she is back, and marked")
	}
	w.peace()
}

// TestR_G_14: sent again, once, after a look at the number.
func TestR_G_14_Resync(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.insert(1, "diagnosis", atoll.Fields{}.Set("code", "A00").Set("description", "Cholera"))
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.register("C", "Eve", "Other", "1990-12-11")
	w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z"))
	w.sync(2, 3)
	lost := patientKey(ada)
	w.Sites[2].Site.Comparer = nil // would have it repaired
	if err := w.At(2).Store.Update(w.ctx, func(tx storage.Tx) error { return tx.Forget(lost) }); err != nil {
		t.Fatal(err)
	}
	_, n, err := w.Centre.Centre.ResyncPatients(w.ctx, "admin", w.Stores["B"], true)
	if err != nil || n["patient"] != 1 || n["patient_event"] != 1 || n["patient_store_join"] != 1 || n["diagnosis"] != 1 {
		t.Errorf("preview %v, %v", n, err)
	}
	w.sync(2)
	if w.get(2, "patient", ada) != nil {
		t.Error("the preview sent something")
	}
	if _, _, err := w.Centre.Centre.ResyncPatients(w.ctx, "admin", w.Stores["B"], false); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.equal("patient", ada, 1, 2)
	_, _, err = w.Centre.Centre.ResyncPatients(w.ctx, "admin", w.Stores["D"], true)
	w.refused(err, atoll.Rule, "not a dispensary")
	w.peace()
}

// TestR_G_15: two sites dispense the same number while off line: both hand it out,
// the home site counts the first it hears of and flags the second.
//
// R-G-15, R-B-97.
func TestR_G_15_R_B_97_SameRepeatTwice(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.prefer("repeats_everywhere", true)
	item := w.item("x")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", item).Set("quantity", number("1")).
		Set("total_repeats", 2).Set("status", "active"))
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	hand := func(store string, n int) error {
		_, err := w.prescribe(store, ada, atoll.Fields{}.Set("repeat_id", repeat).Set("repeat_number", n).Set("status", documents.Finalised))
		return err
	}
	for _, store := range []string{"B", "C"} {
		if err := hand(store, 1); err != nil {
			t.Fatalf("handed out in %s: %v", store, err)
		}
	}
	w.refused(hand("C", 1), atoll.Rule, "number 1 of this repeat has been dispensed already, in Store C")
	w.sync(3, 2, 3)
	outcome := map[atoll.ID]string{}
	for _, site := range []atoll.SiteID{2, 3} {
		rows := w.list(site, "repeat_outcome", "repeat_id", string(repeat))
		if len(rows) != 2 {
			t.Fatalf("site %d knows %d outcomes", site, len(rows))
		}
		for _, r := range rows {
			d := w.want(site, "repeat_dispensing", r.Fields.ID("repeat_dispensing_id"))
			outcome[d.Fields.ID("store_id")] = r.Fields.Text("outcome")
		}
	}
	if outcome[w.Stores["B"]] != patients.Accepted || outcome[w.Stores["C"]] != patients.OverDispensed {
		t.Errorf("outcomes: %v", outcome)
	}
	if f := w.want(3, "repeat", repeat).Fields; f.Int("used_repeats") != 1 || f.Int("last_number") != 1 || f.Text("status") != "active" {
		t.Errorf("the repeat: %v", f)
	}
	flagged, err := w.At(2).OverDispensed(w.ctx, false)
	if err != nil || len(flagged) != 1 {
		t.Fatalf("for review: %v, %v", flagged, err)
	}
	if err := w.At(2).ReviewRepeat(w.ctx, "doctor", flagged[0].ID, "told her"); err != nil {
		t.Fatal(err)
	}
	if flagged, _ := w.At(2).OverDispensed(w.ctx, false); len(flagged) != 0 {
		t.Error("reviewed, and still listed")
	}
	// Without a number the next one is taken; with the last the repeat is finished.
	id, err := w.prescribe("C", ada, atoll.Fields{}.Set("repeat_id", repeat).Set("status", documents.Finalised))
	if err != nil || w.want(3, "prescription", id).Fields.Int("repeat_number") != 2 {
		t.Errorf("the next number: %v", err)
	}
	w.sync(3, 2, 3)
	if f := w.want(3, "repeat", repeat).Fields; f.Int("used_repeats") != 2 || f.Text("status") != "finished" {
		t.Errorf("the repeat: %v", f)
	}
	w.peace()
}

// TestR_G_31: a store becomes a dispensary, or is none any longer: routing changes
// with it, and what is missing comes.
//
// R-G-08, R-G-30, R-G-31.
func TestR_G_08_R_G_30_R_G_31_ModeChanges(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.insert(1, "diagnosis", atoll.Fields{}.Set("code", "A00").Set("description", "Cholera"))
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	event := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z"))
	w.sync(2)
	w.show(ada, "C")
	mode := func(m string) {
		w.update(1, "store", w.Stores["C"], atoll.Fields{}.Set("mode", m))
		w.sync(3)
	}
	mode("store")
	if w.get(3, "patient", ada) != nil || len(w.list(3, "diagnosis")) != 0 {
		t.Error("a site without a dispensary has patients, or their lists")
	}
	mode("dispensary")
	w.equal("patient", ada, 2, 3)
	w.equal("patient_event", event, 2, 3)
	if len(w.list(3, "diagnosis")) != 1 {
		t.Error("the lists did not come")
	}
	mode("store")
	if w.get(3, "patient", ada) != nil || !w.hidden(3, "patient", ada) {
		t.Error("not kept, or still shown")
	}
	w.peace()
}

// TestR_G_47: a store that moves takes its patients' home site with it, without a
// change of the home store; who is visible through it alone stops being updated at
// the site it left (R-H-36). The move itself is its own job's affair.
//
// R-G-47, R-H-36.
func TestR_G_47_R_H_36_MovedStore(t *testing.T) {
	w := f1(t)
	w.dispensaries("C", "D", "E")
	w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", w.Stores["D"]).Set("key", patients.OwnPatientsOnly).Set("value", true))
	w.sync(2, 3)
	ada, eve := w.register("C", "Ada", "Lovelace", "1990-12-10"), w.register("C", "Eve", "Lovelace", "1991-12-10")
	w.sync(3)
	w.show(eve, "D")
	st, _ := w.topology(1).Store(w.Stores["C"])
	w.configure(func(storage.Reader, *topology.Topology) ([]journal.Proposal, error) {
		return []journal.Proposal{change("store", st.ID, atoll.Fields{}.Set("site_id", 2).Set("epoch", st.Epoch+1))}, nil
	})
	w.sync(2, 3)
	for _, id := range []atoll.ID{ada, eve} {
		if home, editable := w.person(2, id); home != st.ID || !editable {
			t.Errorf("at the new site: home %s, editable %t", home, editable)
		}
	}
	w.update(2, "patient", ada, phone("2"))
	w.update(2, "patient", eve, phone("2"))
	w.sync(2, 3)
	if w.get(3, "patient", ada) != nil {
		t.Error("the site it left still hears of who was visible through it alone")
	}
	if f := w.want(3, "patient", eve).Fields; f.Text("phone") != "2" {
		t.Error("the site it left hears no more of who is visible in a store left behind")
	}
	w.refused(w.At(3).Insert(w.ctx, change("patient", eve, phone("3"))), atoll.Ownership)
}

// TestR_G_09: prescriptions go by two switches: the store's, whether its
// transactions leave the site at all, and the system's, whether they go wherever
// the patient is visible.
//
// R-G-09, R-B-92, R-B-95.
func TestR_G_09_R_B_92_R_B_95_Prescriptions(t *testing.T) {
	for _, row := range []struct{ included, everywhere, centre, elsewhere bool }{
		{true, false, true, false},
		{true, true, true, true},
		{false, false, false, false},
		{false, true, false, false},
	} {
		w := f1(t)
		w.dispensaries("B", "C")
		if !row.included {
			if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["B"], false, "by contract", false); err != nil {
				t.Fatal(err)
			}
		}
		w.prefer("prescriptions_everywhere", row.everywhere)
		w.sync(2, 3)
		ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
		w.sync(2)
		w.show(ada, "C")
		w.sync(2, 3)
		id, err := w.prescribe("B", ada, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.sync(2, 3)
		if got := w.get(1, "prescription", id) != nil; got != row.centre {
			t.Errorf("%+v: at the centre: %t", row, got)
		}
		r := w.get(3, "prescription", id)
		if (r != nil) != row.elsewhere || r != nil && r.Editable {
			t.Errorf("%+v: at site 3: %+v", row, r)
		}
		w.equal("patient", ada, 2, 3) // patients go up whatever becomes of prescriptions
		w.peace()
	}
}
