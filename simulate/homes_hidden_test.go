package simulate

import (
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
)

// TestR_G_42: a home site that no longer sees the person is told of her all the same:
// it owns the details, hears of the new home store, and only then has them no longer.
//
// R-G-42, R-G-12.
func TestR_G_42_R_G_12_HomeWithoutVisibility(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	event := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z"))
	w.sync(2)
	for _, store := range []string{"B", "A"} {
		if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(ada), w.Stores[store], false); err != nil {
			t.Fatal(err)
		}
	}
	w.sync(2)
	w.peace()
	w.update(2, "patient", ada, phone("still ours"))
	w.peace()
	w.transfer(1, ada, "C")
	w.peace()
	if home, editable := w.person(3, ada); home != w.Stores["C"] || !editable {
		t.Errorf("at the new home: home %s, editable %t", home, editable)
	}
	if !w.hidden(2, "patient", ada) || !w.hidden(2, "patient_event", event) {
		t.Error("the old home, which does not see her, still has her")
	}
}

// TestR_G_08: a site registers somebody before it hears that its store is no dispensary
// any longer.
//
// R-G-08, R-G-31.
func TestR_G_08_R_G_31_RegisteredTooLate(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	w.update(1, "store", w.Stores["B"], atoll.Fields{}.Set("mode", "store"))
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	marie, err := w.At(2).Register(w.ctx, "nurse", patients.Prescriber, w.Stores["B"], atoll.Fields{}.Set("last_name", "Curie"))
	if err != nil {
		t.Fatal(err)
	}
	w.peace()
	w.want(2, "patient", ada)
	w.want(2, "prescriber", marie)
	w.transfer(1, ada, "C")
	w.peace()
	if !w.hidden(2, "patient", ada) {
		t.Error("the old home still has her")
	}
	w.want(3, "patient", ada)
}

// TestR_G_12: what a site wrote about somebody before it heard that she is no longer
// visible there is kept, and goes with the rest of what the site had about her.
func TestR_G_12_WrittenTooLate(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.prefer(patients.SharedDetails, true)
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(ada), w.Stores["C"], false); err != nil {
		t.Fatal(err)
	}
	pending, err := w.At(3).EditPerson(w.ctx, "nurse", w.Stores["C"], patientKey(ada), patientKey(ada), phone("2"), "she said so")
	if err != nil || !pending {
		t.Fatalf("pending %t, %v", pending, err)
	}
	w.peace()
	if got := w.list(3, "patient_change"); len(got) > 0 || w.get(3, "patient", ada) != nil {
		t.Errorf("site 3 shows %d changes", len(got))
	}
	if got := w.list(2, "patient_change"); len(got) != 1 {
		t.Errorf("her home has %d changes; want the one that was asked for", len(got))
	}
}

// TestR_H_36: what a site has by a store that leaves it goes with the store, also where
// people who were never visible there would have brought it; and a transfer of a home
// store goes on when the store has arrived.
//
// R-H-36, R-G-47.
func TestR_H_36_R_G_47_TransferToAStoreThatMoves(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2, 3)
	w.transfer(1, ada, "C")
	w.sync(3) // it has the transfer, and sees nothing of her
	w.move("C", 1)
	w.sync(3, 2, 3, 2)
	w.peace()
	if home, editable := w.person(1, ada); home != w.Stores["C"] || !editable {
		t.Errorf("home %s, editable %t", home, editable)
	}
	if got := w.list(3, "patient_transfer"); len(got) > 0 {
		t.Errorf("site 3, which has no part in it any longer, has %d transfers", len(got))
	}
}

// TestR_G_15: a site dispenses a repeat before it hears that the home store was taken
// from it, so that what it found of it is refused. When it is the home again it finds
// anew, and that counts.
//
// R-G-15, R-G-44.
func TestR_G_15_R_G_44_FoundAgain(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "F")
	item := w.item("x")
	w.sync(2)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", item).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(2)
	w.transfer(1, ada, "F")
	w.Clock.Wind(15 * 24 * time.Hour)
	if err := w.Centre.ForceTransfer(w.ctx, "director", patientKey(ada)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.prescribe("B", ada, atoll.Fields{}.Set("repeat_id", repeat).Set("status", documents.Finalised)); err != nil {
		t.Fatal(err)
	}
	if f := w.want(2, "repeat", repeat).Fields; f.Int("used_repeats") != 1 {
		t.Fatalf("the old home did not count it: %v", f)
	}
	w.peace()
	if home, editable := w.person(2, ada); home != w.Stores["F"] || !editable {
		t.Fatalf("home %s, editable %t", home, editable)
	}
	if rows := w.list(2, "repeat_outcome"); len(rows) != 1 || rows[0].Fields.Text("outcome") != patients.Accepted {
		t.Errorf("outcomes: %v", rows)
	}
	if f := w.want(2, "repeat", repeat).Fields; f.Int("used_repeats") != 1 {
		t.Errorf("the repeat: %v", f)
	}
}

// TestR_C_19: the old home of somebody who was not visible there is not told of the new
// home store. It is not her home for that: when its store leaves it, what it had of her
// by the store goes with it.
//
// R-C-19, R-G-12, R-H-36.
func TestR_C_19_R_G_12_HomeThatHeardNoMore(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	for _, store := range []string{"B", "A"} {
		if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(ada), w.Stores[store], false); err != nil {
			t.Fatal(err)
		}
	}
	w.transfer(1, ada, "C")
	w.peace()
	if got := w.list(2, "patient_transfer"); len(got) != 1 {
		t.Fatalf("the old home has %d transfers; want the one it took part in", len(got))
	}
	w.move("B", 1)
	w.peace()
	if got := w.list(2, "patient_transfer"); len(got) > 0 {
		t.Errorf("site 2, which has no part in it any longer, has %d transfers", len(got))
	}
}

// TestR_G_47: a new home store comes to the site of the old one, which has heard of the
// transfer before: it confirms that everything is there.
//
// R-G-47, R-H-36.
func TestR_G_47_R_H_36_HomeStoreMovesToTheOldHome(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2, 3)
	w.transfer(1, ada, "C")
	w.sync(2)
	w.move("C", 2)
	w.sync(3, 2, 3, 2)
	w.peace()
	if home, editable := w.person(2, ada); home != w.Stores["C"] || !editable {
		t.Errorf("home %s, editable %t", home, editable)
	}
}

// TestR_G_10: a request to change what is not the home's to change is refused, and
// nothing is left to be answered.
//
// R-G-10, R-D-52.
func TestR_G_10_R_D_52_RequestThatIsRefused(t *testing.T) {
	w := f1(t)
	w.dispensaries("A", "B", "C")
	w.prefer(patients.SharedDetails, true)
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.show(ada, "A", "C")
	w.sync(2, 3)
	seen := w.insert(3, "encounter", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["C"]).
		Set("started_at", "2026-01-02T10:00:00Z").Set("status", "pending"))
	w.sync(3, 2)
	ask := func(key atoll.Key, f atoll.Fields) (bool, error) {
		return w.At(1).EditPerson(w.ctx, "nurse", w.Stores["A"], patientKey(ada), key, f, "she came")
	}
	// What is not edited at her home is refused where it is asked, at the home too, and so
	// is what is not hers.
	encounter := atoll.Key{Type: "encounter", ID: seen}
	_, err := ask(encounter, atoll.Fields{}.Set("status", "visited"))
	w.refused(err, atoll.Rule, "no detail")
	_, err = ask(atoll.Key{Type: "store", ID: w.Stores["A"]}, atoll.Fields{}.Set("comment", "mine"))
	w.refused(err, atoll.Rule, "no detail")
	_, err = w.At(2).EditPerson(w.ctx, "nurse", w.Stores["B"], patientKey(ada), encounter, atoll.Fields{}.Set("status", "visited"), "")
	w.refused(err, atoll.Rule, "no detail")
	eve := w.register("B", "Eve", "Other", "1991-12-10")
	_, err = w.At(2).EditPerson(w.ctx, "nurse", w.Stores["B"], patientKey(ada), patientKey(eve), phone("1"), "")
	w.refused(err, atoll.Rule, "no detail")
	forged := atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["A"]).Set("record_type", "item").Set("record_id", seen).
		Set("verb", "update").Set("wanted", map[string]string{"code": "mine"}).Set("asked_by", "x").Set("asked_at", "2026-01-02T10:00:00Z")
	err = w.At(1).Insert(w.ctx, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "patient_change", ID: atoll.NewID(w.Clock.Now())}, Fields: forged})
	w.refused(err, atoll.Rule, "no detail")
	// What its record does not allow is refused by the home.
	pending, err := ask(patientKey(ada), atoll.Fields{}.Set("date_of_birth", "long ago"))
	if err != nil || !pending {
		t.Fatalf("pending %t, %v", pending, err)
	}
	w.peace()
	if d := w.one(1, "patient_change_decision"); d.Fields.Text("state") != patients.Refused || d.Fields.Text("note") == "" {
		t.Errorf("decided: %v", d.Fields)
	}
}

// TestR_C_12: what a site wrote about somebody before it heard that she is no longer
// visible there is hidden there, and comes back with her, also when another site gains
// her before the site has heard that she is back.
//
// R-C-12, R-C-19, R-G-12.
func TestR_C_12_R_G_12_BackWithWhatWasWritten(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C", "E")
	w.sync(2, 3)
	ada := w.register("E", "Ada", "Lovelace", "1990-12-10")
	w.show(ada, "C")
	w.sync(2, 3)
	seen := w.insert(3, "encounter", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["C"]).
		Set("started_at", "2026-01-02T10:00:00Z").Set("status", "pending"))
	if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(ada), w.Stores["C"], false); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	if !w.hidden(3, "encounter", seen) {
		t.Fatal("site 3 still shows what it wrote")
	}
	w.show(ada, "C")
	w.show(ada, "B")
	w.sync(3)
	w.want(3, "encounter", seen)
	w.peace()
}

// TestR_H_25: a site that has said that a person's details are frozen is initialised
// again while the transfer waits. It gets its word back and does not give it twice; the
// transfer goes on from there.
//
// R-H-25, R-G-42.
func TestR_H_25_R_G_42_ConfirmedBeforeItWasInitialisedAgain(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2, 3)
	w.transfer(1, ada, "C")
	mode := func(m string) {
		if err := w.Centre.Insert(w.ctx, change("store", w.Stores["C"], atoll.Fields{}.Set("mode", m))); err != nil {
			t.Fatal(err)
		}
	}
	mode("store") // the new home is closed, and the transfer waits
	w.sync(2, 2)
	if got := w.list(2, "home_confirmation"); len(got) != 1 {
		t.Fatalf("site 2 has confirmed %d times; want once", len(got))
	}
	w.replace(2)
	w.sync(2, 2)
	if got := w.list(2, "home_confirmation"); len(got) != 1 || got[0].Origin.Seq > 2 {
		t.Errorf("after it was initialised again it has %v", got)
	}
	mode("dispensary")
	w.peace()
	if home, editable := w.person(3, ada); home != w.Stores["C"] || !editable {
		t.Errorf("home %s, editable %t", home, editable)
	}
}
