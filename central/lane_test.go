package central_test

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// Records are staged, and their audience is lost before the checkpoint comes: they
// are never shown.
//
// R-A-10, R-C-12, R-L-05.
func TestStagedThenLost(t *testing.T) {
	r := newRig(t)
	r.configure(central.Collect(r.Stores["C"], 2, true))
	r.peace()
	for range 3 {
		r.invoice(3, "C")
	}
	r.sync(3)
	r.lines[2].down = 4
	if _, err := r.Sync(t.Context(), 2); err == nil {
		t.Fatal("no cut")
	}
	r.configure(central.Collect(r.Stores["C"], 2, false))
	r.peace()
}

// An audience is lost while it is still being read from its beginning, wherever
// that reading was cut: nothing of it is left behind.
//
// R-C-12, R-C-13, R-K-18.
func TestBackfillThenLost(t *testing.T) {
	r := newRig(t)
	for range 6 {
		r.invoice(3, "C")
	}
	r.peace()
	r.configure(central.Collect(r.Stores["C"], 2, true))
	for down := 0; down < 12; down++ {
		r.lines[2].down = down
		_, _ = r.Sync(t.Context(), 2)
		r.configure(central.Collect(r.Stores["C"], 2, false))
		r.peace()
		r.configure(central.Collect(r.Stores["C"], 2, true))
	}
	r.peace()
}

// A record leaves the site's audiences after the site received it and before its
// initialisation ends: it is retracted all the same.
//
// R-C-12, R-H-23, R-L-05 (nothing half visible).
func TestLeavesDuringInitialisation(t *testing.T) {
	r := newRig(t)
	name := r.insert(1, "name", atoll.Fields{}.Set("code", "N").Set("name", "N").Set("kind", "facility").Set("status", "active"))
	join := r.insert(1, "name_store_join", atoll.Fields{}.Set("name_id", name).Set("store_id", r.Stores["B"]).Set("is_supplier", true))
	tag := r.insert(1, "name_tag", atoll.Fields{}.Set("description", "T"))
	tied := r.insert(1, "name_tag_join", atoll.Fields{}.Set("name_id", name).Set("name_tag_id", tag))
	last := r.item("last of all")
	r.peace()
	r.empty(2)
	for _, r.lines[2].down = range []int{3, 1 << 20} { // it hears its audiences, then the records
		r.lines[2].until = last
		if _, err := r.Sync(t.Context(), 2); err == nil {
			t.Fatal("the initialisation was over before the cut")
		}
	}
	if _, ok := r.record(2, "name_tag_join", tied); !ok {
		t.Fatal("the record had not come before the cut")
	}
	r.update(1, "name_store_join", join, atoll.Fields{}.Set("inactive", true))
	r.peace()
}
