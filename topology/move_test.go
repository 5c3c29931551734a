package topology_test

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// TestR_H_35_Steps: a move goes forward, may be called off until the store has
// changed its site, and never begins again.
func TestR_H_35_Steps(t *testing.T) {
	steps := []topology.Step{"", topology.Freeze, topology.Backfill, topology.Moved, topology.Aborted}
	may := map[[2]topology.Step]bool{
		{"", topology.Freeze}: true, {"", topology.Backfill}: true, {"", topology.Moved}: true, // the last two by force
		{topology.Freeze, topology.Freeze}: true, {topology.Freeze, topology.Backfill}: true, {topology.Freeze, topology.Moved}: true,
		{topology.Freeze, topology.Aborted}: true, {topology.Backfill, topology.Backfill}: true, {topology.Backfill, topology.Moved}: true,
		{topology.Moved, topology.Moved}: true, {topology.Aborted, topology.Aborted}: true,
	}
	for _, from := range steps {
		for _, to := range steps[1:] {
			if got := to.Follows(from); got != may[[2]topology.Step{from, to}] {
				t.Errorf("from %q to %q: %t", from, to, got)
			}
		}
	}
}

// A topology knows the moves under way and no others.
//
// R-H-30, R-H-43.
func TestMovesUnderWay(t *testing.T) {
	s := f1()
	top := s.build(t)
	if _, moving := top.Moving(id("storeC")); moving || len(top.Moves()) > 0 {
		t.Error("a store moves that nobody moved")
	}
	for _, row := range []struct {
		step topology.Step
		open bool
	}{{topology.Freeze, true}, {topology.Backfill, true}, {topology.Moved, false}, {topology.Aborted, false}} {
		records := []atoll.Record{
			{Key: atoll.Key{Type: "store", ID: id("storeC")}, Body: atoll.Fields{}.Set("code", "C").Set("site_id", 3).Encode()},
			{Key: atoll.Key{Type: "store_move", ID: id("move")}, Body: atoll.Fields{}.Set("store_id", id("storeC")).Set("from_site", 3).
				Set("to_site", 2).Set("step", string(row.step)).Set("attempt", 4).Encode()},
		}
		top, err := topology.Build(func(yield func(atoll.Record, error) bool) {
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		m, moving := top.Moving(id("storeC"))
		if moving != row.open || len(top.Moves()) > 0 != row.open || row.open && (m.From != 3 || m.To != 2 || m.Attempt != 4) {
			t.Errorf("at %q: %t, %+v", row.step, moving, m)
		}
	}
}
