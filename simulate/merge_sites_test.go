package simulate

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// R-E-44: the second merge of a circle, which a tampered primary makes, is refused
// and quarantined.
func TestR_E_44_Circle(t *testing.T) {
	w := f2(t)
	x, y := w.item("x"), w.item("y")
	w.merge(4, "item", x, y)
	w.sync(4)
	if err := w.forge(4, change("item", y, atoll.Fields{}.Set("status", "merged").Set("merged_into", x).Set("merged_at", "2026-03-02T08:00:00Z"))); err != nil {
		t.Fatal(err)
	}
	w.sync(4)
	got := w.quarantined(4)
	if len(got) != 1 || got[0].Code != atoll.Rule {
		t.Fatalf("quarantine has %+v", got)
	}
	if r := w.want(1, "item", x); r.Survivor != y {
		t.Error("the first merge no longer holds")
	}
}

// Patients (R-E-45).
func TestR_E_45_R_E_20_Patients(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C", "A")
	w.sync(2, 3)
	p1, p2 := w.patient("B"), w.patient("B")
	w.sync(2, 3)
	join := w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", p1).Set("store_id", w.Stores["C"]))
	w.sync(2, 3)
	at3, err := w.prescribe("C", p1, nil)
	if err != nil {
		t.Fatal(err)
	}
	medication := w.insert(2, "patient_medication", atoll.Fields{}.Set("patient_id", p1).Set("start_date", "2026-01-01"))
	w.sync(3, 2)
	w.want(3, "patient", p1)
	if w.get(3, "patient", p2) != nil {
		t.Fatal("P2 is seen on site 3 before the merge")
	}
	w.merge(2, "patient", p1, p2)
	if got := w.stored(2, "patient_medication", medication, "patient_id"); got != p2 {
		t.Error("what hangs on the patient names P1")
	}
	w.sync(2, 3)
	if r := w.want(3, "patient", p2); r.Survivor != "" {
		t.Error("P2 was merged")
	}
	if r := w.want(3, "patient", p1); r.Survivor != p2 {
		t.Error("site 3 does not know that P1 is P2")
	}
	for _, r := range w.list(3, "patient") {
		if r.ID == p1 {
			t.Error("site 3 shows both")
		}
	}
	if got := w.stored(3, "prescription", at3, "patient_id"); got != p2 {
		t.Error("R-E-45: the prescription made on site 3 names P1")
	}
	if got := w.one(3, "patient_medication", "patient_id", string(p2)); got.ID != medication {
		t.Error("R-E-45: the history of P1 is not shown on site 3")
	}
	if got := w.list(3, "patient_store_join", "patient_id", string(p2)); len(got) == 0 {
		t.Error("R-E-20: P2 is not visible in C")
	}
	if got := w.stored(1, "patient_store_join", join, "patient_id"); got != p2 {
		t.Error("R-E-20: the centre did not re-point the visibility")
	}
	w.peace()
}

// R-E-50, R-E-52: two patients again, each where she was visible before.
func TestR_E_50_R_E_52_PatientsApart(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	p1, p2 := w.patient("B"), w.patient("B")
	w.sync(2, 3)
	w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", p1).Set("store_id", w.Stores["C"]))
	w.sync(2, 3)
	ofP1, err := w.prescribe("C", p1, nil)
	if err != nil {
		t.Fatal(err)
	}
	medication := w.insert(2, "patient_medication", atoll.Fields{}.Set("patient_id", p1).Set("start_date", "2026-01-01"))
	w.sync(3, 2)
	seen := map[atoll.ID]int{}
	for _, id := range []atoll.ID{p1, p2} {
		seen[id] = len(w.list(1, "patient_store_join", "patient_id", string(id)))
	}
	w.merge(2, "patient", p1, p2)
	w.peace()
	w.unmerge(2, "patient", p1)
	w.peace()
	for _, at := range []atoll.SiteID{1, 2, 3} {
		if r := w.want(at, "patient", p1); r.Survivor != "" {
			t.Errorf("at site %d P1 is %s", at, r.Survivor)
		}
	}
	if w.get(3, "patient", p2) != nil {
		t.Error("P2 is still seen on site 3")
	}
	if w.stored(3, "prescription", ofP1, "patient_id") != p1 || w.stored(2, "patient_medication", medication, "patient_id") != p1 {
		t.Error("what was P1's was not given back")
	}
	for id, want := range seen {
		if got := w.list(1, "patient_store_join", "patient_id", string(id)); len(got) != want {
			t.Errorf("%s is visible in %d stores; want %d", id, len(got), want)
		}
	}
}

// R-E-03, R-E-20: prescribers as patients.
func TestR_E_03_R_E_20_Prescribers(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	prescriber := func(at atoll.SiteID, store, name string) atoll.ID {
		return w.insert(at, "prescriber", atoll.Fields{}.Set("last_name", name).Set("home_store_id", w.Stores[store]))
	}
	d1, d2, other := prescriber(2, "B", "Who"), prescriber(2, "B", "Whoo"), prescriber(3, "C", "Else")
	w.sync(2, 3)
	for id, store := range map[atoll.ID]string{d1: "C", other: "B"} {
		w.insert(1, "prescriber_store_join", atoll.Fields{}.Set("prescriber_id", id).Set("store_id", w.Stores[store]))
	}
	w.sync(2, 3)
	patient := w.patient("C")
	made, err := w.prescribe("C", patient, atoll.Fields{}.Set("prescriber_id", d1))
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	w.refused(w.tryMerge(3, "prescriber", d1, other), atoll.Ownership)
	w.refused(w.tryMerge(2, "prescriber", d1, other), atoll.Rule, "different home sites")
	w.merge(2, "prescriber", d1, d2)
	w.sync(2, 3)
	if got := w.stored(3, "prescription", made, "prescriber_id"); got != d2 {
		t.Errorf("the prescription names %s", got)
	}
	w.want(3, "prescriber", d2)
	w.peace()
}

// R-E-47 (R-D-50).
func TestR_E_47_CrossingATransfer(t *testing.T) {
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	stock := w.stock("B", x, "10")
	ci := w.ship("B", "C", stock, "4")
	w.sync(2)
	w.merge(1, "item", x, y)
	w.sync(3)
	si := w.answer(3, "invoice", ci)
	line := w.one(3, "invoice_line", "invoice_id", string(si.ID))
	if got := w.stored(3, "invoice_line", line.ID, "item_id"); got != y {
		t.Error("the supplier invoice names x")
	}
	w.sync(2)
	w.act(3, receive, si.ID)
	w.sync(3, 2)
	if got := w.packs(1, y); got != "10" {
		t.Errorf("%s packs of y in all; want 10", got)
	}
	w.peace()
}

// R-E-32, R-E-48: a fresh site has the same view as an old one.
func TestR_E_48_R_E_32_FreshSite(t *testing.T) {
	w := f1(t)
	var items []atoll.ID
	for i := range 6 {
		items = append(items, w.item(fmt.Sprint(i)))
	}
	for i := range 5 {
		w.merge(1, "item", items[i], items[i+1])
	}
	w.sync(2, 3)
	if err := w.AddStore(w.ctx, "G", false); err != nil {
		t.Fatal(err)
	}
	n, err := w.AddSite(w.ctx, "fresh", topology.Server, "G")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(n.Door.Site)
	for _, id := range items {
		fresh, old := w.want(n.Door.Site, "item", id), w.want(2, "item", id)
		if fresh.Survivor != old.Survivor || string(fresh.Fields.Encode()) != string(old.Fields.Encode()) {
			t.Errorf("the fresh site sees %s as %s, the old one as %s", id, fresh.Survivor, old.Survivor)
		}
	}
	if a, b := len(w.list(n.Door.Site, "item")), len(w.list(2, "item")); a != b {
		t.Errorf("the fresh site lists %d items, the old one %d", a, b)
	}
	if n := w.seq(n.Door.Site); n != 0 {
		t.Errorf("R-E-32: the fresh site made %d entries", n)
	}
	w.peace()
}

// R-E-49.
func TestR_E_49_Locations(t *testing.T) {
	w := f1(t)
	x := w.item("x")
	w.sync(2)
	l := func(code string) atoll.ID {
		return w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", code).Set("name", code))
	}
	l1, l2 := l("L1"), l("L2")
	line := w.stock("B", x, "10")
	w.update(2, "stock_line", line, atoll.Fields{}.Set("location_id", l1))
	w.sync(2)
	w.merge(2, "location", l1, l2)
	w.sync(2)
	if got := w.stored(2, "stock_line", line, "location_id"); got != l2 {
		t.Error("the stock is not in L2")
	}
	w.equal("stock_line", line, 2, 1)
	w.equal("location", l1, 2, 1)
	w.peace()
}

// R-E-10: a merge with more rows than one transaction takes is finished by the
// processors, also when they are stopped in the middle; reading is right at once.
func TestR_E_10_ManyRows(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of rows")
	}
	w := f1(t)
	x, y := w.item("x"), w.item("y")
	w.sync(2)
	const rows = 6200
	for done := 0; done < rows; {
		var do []journal.Proposal
		for range min(1000, rows-done) {
			p := Stock(atoll.NewID(w.Clock.Now()), w.Stores["A"], x, "1")
			do = append(do, p)
			done++
		}
		w.edit(1, do...)
	}
	before := w.seq(1)
	w.merge(1, "item", x, y)
	if n := len(w.journalEntry(1, before+1).Operations); n < 5000 || n > 5020 {
		t.Errorf("the merge's own transaction has %d operations", n)
	}
	if n := w.seq(1) - before; n != 4 {
		t.Errorf("%d entries; want the merge and three batches", n)
	}
	left := 0
	err := w.Centre.Store.View(w.ctx, func(r storage.Reader) error {
		found, err := r.Records(storage.Query{Type: "stock_line", Where: map[string]string{"item_id": string(x)}})
		left = len(found)
		return err
	})
	if err != nil || left != 0 {
		t.Errorf("%d rows still name x, %v", left, err)
	}
	d, err := w.Centre.MergeDetails(w.ctx, atoll.Key{Type: "item", ID: x})
	told := 0
	for _, e := range d.Journal {
		told += len(e.Rows)
	}
	if err != nil || told != rows {
		t.Errorf("the merge journal tells of %d rows, %v", told, err)
	}
	if _, err := w.Centre.Unmerge(w.ctx, "tester", atoll.Key{Type: "item", ID: x}, nil); err != nil {
		t.Fatal(err)
	}
	err = w.Centre.Store.View(w.ctx, func(r storage.Reader) error {
		found, err := r.Records(storage.Query{Type: "stock_line", Where: map[string]string{"item_id": string(x)}})
		left = len(found)
		return err
	})
	if err != nil || left != rows {
		t.Errorf("%d rows name x after the undoing, %v", left, err)
	}
	w.peace()
}
