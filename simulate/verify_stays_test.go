package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// A store that keeps its data to itself has newer rows than the centre, which has them
// as they were before. Comparing takes none of them back.
//
// R-H-44, R-B-76, R-C-90.
func TestR_H_44_R_C_90_WhatStaysIsNotTakenBack(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.sync(2, 3)
	line := w.stock("C", item, "50")
	w.peace()
	w.configure(central.ManageOnly(w.Stores["C"], true))
	w.sync(3)
	w.update(3, "stock_line", line, atoll.Fields{}.Set("note", "counted"))
	want, _ := w.is(3, atoll.Key{Type: "stock_line", ID: line})
	w.sync(3, 3)
	if out, err := w.Sites[3].Site.Verify(w.ctx, true); err != nil || len(out.Rows) > 0 {
		t.Errorf("verify: %+v, %v", out, err)
	}
	w.sync(3)
	got, _ := w.is(3, want.Key)
	if string(got.Body) != string(want.Body) || got.Version != want.Version {
		t.Errorf("the site's own row is now version %d: %s; it was version %d: %s", got.Version, got.Body, want.Version, want.Body)
	}
}
