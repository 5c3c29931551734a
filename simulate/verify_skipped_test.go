package simulate

import (
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// What a person has left out for good is not offered again by the comparison, today or
// tomorrow: it stands at its site alone. When the site changes it, a person hears of it
// again.
//
// R-K-42, R-H-44.
func TestR_K_42_R_H_44_WhatWasSkippedStaysOut(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	line := w.forged(2, item)
	w.sync(2)
	open := w.quarantined(2)
	if len(open) != 1 {
		t.Fatalf("%d refusals: %+v", len(open), open)
	}
	if _, err := w.Centre.Centre.Decide(w.ctx, open[0].ID, central.Skip, "anna", "counted twice"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		w.item(name) // so that what the two hold is no longer what was compared
		w.Clock.Wind(25 * time.Hour)
		w.sync(2)
		if again := w.quarantined(2); len(again) > 0 {
			t.Fatalf("it was offered again: %+v", again)
		}
	}
	if _, there := w.is(1, atoll.Key{Type: "stock_line", ID: line}); there {
		t.Error("the centre has it")
	}
	w.want(2, "stock_line", line)
	w.lawless(2, change("stock_line", line, atoll.Fields{}.Set("batch", "B2")))
	w.sync(2)
	if again := w.quarantined(2); len(again) != 1 {
		t.Errorf("%d refusals after the site changed it", len(again))
	}
}

// Stock below nothing is refused also when a site states it, as what stayed there until
// now, and no work of anybody's: a person hears of it in quarantine, and by the ledger
// check at the site. R-J-09, R-B-93.
func TestR_J_09_R_B_93_StatedBelowNothing(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	id := atoll.NewID(w.Clock.Now())
	p := Stock(id, w.Stores["F"], item, "-7")
	p.Fields.Set("opening_number_of_packs", number("-7"))
	w.lawless(2, p)
	w.sync(2)
	w.configure(central.ManageOnly(w.Stores["F"], false))
	w.sync(2, 2)
	if _, there := w.is(1, atoll.Key{Type: "stock_line", ID: id}); there {
		t.Error("the centre has it")
	}
	if open := w.quarantined(2); len(open) != 1 || open[0].Subject.ID != id || open[0].Field != "total_number_of_packs" {
		t.Errorf("in quarantine: %+v", open)
	}
	res, err := w.At(2).CheckStock(w.ctx, w.Stores["F"])
	if err != nil || len(res.Differences) != 1 || res.Differences[0].StockLine != id || res.Differences[0].Lowest != "-7" {
		t.Errorf("the ledger check: %+v, %v", res, err)
	}
}
