package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
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
