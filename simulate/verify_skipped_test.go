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
