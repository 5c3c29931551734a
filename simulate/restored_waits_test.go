package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
)

// A restored centre is sent an entry that names another site's record before that site
// has come: it waits, and stands by itself when the record is sent again, also where the
// centre itself had made nothing since its backup.
//
// R-A-18, R-H-28, R-M-03.
func TestR_H_28_R_M_03_WaitsForAnotherSite(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.peace()
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	old := w.stopped(t, w.Centre)
	w.sync(3)
	w.show(ada, "B")
	w.sync(2)
	note := atoll.Key{Type: "encounter", ID: w.insert(2, "encounter", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["B"]).Set("started_at", "2026-01-02T10:00:00Z").Set("status", "visited"))}
	w.sync(2)
	w.reopen(t, w.Centre, old)
	w.sync(2)
	if _, there := w.is(1, note); there {
		t.Fatal("the centre has taken what names a patient whom it does not have")
	}
	w.sync(3)
	if _, there := w.is(1, note); !there {
		t.Error("the centre has the patient again, and lacks the encounter")
	}
}

// A document that a restored centre has lost of its own comes back from the sites with
// its lines, settled as it was.
//
// R-H-28, R-M-03.
func TestR_H_28_R_M_03_DocumentTakenBackWhole(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.peace()
	old := w.stopped(t, w.Centre)
	asked, err := w.request("A", "B", item, "5")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.reopen(t, w.Centre, old)
	w.sync(2)
	taken, err := w.Centre.Centre.TakeBack(w.ctx, "tester", "restored")
	if err != nil || len(taken) == 0 {
		t.Fatalf("%+v, %v", taken, err)
	}
	for _, row := range taken {
		if row.Err != nil {
			t.Errorf("%s: %v", row.Key, row.Err)
		}
	}
	if doc, lines, _ := w.document(1, "requisition", asked); len(lines) != 1 || doc.Text("status") != "finalised" {
		t.Errorf("the requisition is %s, with %d lines", doc.Text("status"), len(lines))
	}
}
