package simulate

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage/memory"
)

// crashing is a fleet in memory, closed, of which many copies can be made: what
// waits is a shipment for site 2 at the centre, and one of site 2's own for
// site 3.
func crashing(t *testing.T) *Fleet {
	t.Helper()
	f, err := F1With(t.Context(), "", Parts{Disks: &Disks{}, Log: slog.New(slog.DiscardHandler)}, false)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{f, t, t.Context()}
	item := w.item("x")
	w.sync(2, 3)
	line := w.stock("B", item, "9")
	w.sync(2, 3, 2)
	w.ship("A", "B", w.stock("A", item, "9"), "4")
	w.ship("B", "C", line, "3")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// Wherever a site or the centre dies in a cycle (at any storage call, or between a
// commit and its answer), the next program goes on from what the disk holds, and
// nobody lost or doubled anything (R-K-32, R-L-02, R-A-04).
func TestR_K_32_CrashAtAnyStorageCall(t *testing.T) {
	of := crashing(t)
	for _, victim := range []atoll.SiteID{atoll.CentreID, 2} {
		run := func(faults memory.Faults) *memory.Store {
			w := clone(t, of, "")
			n := w.At(victim)
			s := n.Store.(*memory.Store)
			calls, commits := s.Calls(), s.Commits()
			s.Arm(faults)
			_, err := w.Sync(w.ctx, 2)
			what := fmt.Sprintf("site %d, crash at %d, torn commit %d", victim, faults.Crash, faults.Torn)
			if faults.Crash+faults.Torn == 0 {
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("site %d: %d calls, %d commits in the cycle", victim, s.Calls()-calls, s.Commits()-commits)
			} else if !s.Crashed() {
				return nil // the cycle was over
			} else if err == nil && victim != atoll.CentreID {
				t.Errorf("%s: the cycle of a dead site went well", what)
			}
			w.reopen(t, n, nil)
			if err := w.Settle(w.ctx); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			w.lawful()
			for at, kind := range map[atoll.SiteID]string{2: "B", 3: "C"} {
				if got := len(w.list(at, "invoice", "kind", "supplier_invoice", "store_id", string(w.Stores[kind]))); got != 1 {
					t.Errorf("%s: site %d has %d invoices for what was sent, want 1", what, at, got)
				}
			}
			for _, n := range w.Nodes() {
				if err := n.Store.(*memory.Store).Check(w.ctx); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			return s
		}
		if run(memory.Faults{}) == nil {
			t.Fatal("nothing ran")
		}
		step := 5 // each of them was tried; all take a minute
		if testing.Short() {
			step = 29
		}
		crashes := 0
		for k := 1; run(memory.Faults{Crash: k}) != nil; k += step {
			crashes++
		}
		torn := 0
		for k := 1; run(memory.Faults{Torn: k}) != nil; k++ {
			torn++
		}
		t.Logf("site %d: %d crashes, %d torn commits", victim, crashes, torn)
		if crashes < 10 || torn < 2 {
			t.Error("too few: the test does not reach what it is about")
		}
	}
}

// A site whose disk is full keeps telling so and loses nothing; with space again
// it goes on by itself.
func TestDiskFullInACycle(t *testing.T) {
	of := crashing(t)
	for _, victim := range []atoll.SiteID{atoll.CentreID, 2} {
		for full := 1; full <= 6; full++ {
			w := clone(t, of, "")
			s := w.At(victim).Store.(*memory.Store)
			s.Arm(memory.Faults{Full: full})
			var err error
			for range full + 1 {
				if _, err = w.Sync(w.ctx, 2); err == nil {
					break
				}
				if victim != atoll.CentreID && !errors.Is(err, atoll.DiskFull) {
					t.Errorf("site %d, full for %d commits: %v", victim, full, err)
				}
			}
			if err := w.Settle(w.ctx); err != nil {
				t.Fatalf("site %d, full for %d commits: %v", victim, full, err)
			}
			w.lawful()
		}
	}
}

// BenchmarkFixture builds the worked example, F1, and copies it.
func BenchmarkFixture(b *testing.B) {
	for _, e := range []struct {
		name  string
		parts func() Parts
	}{{"memory", func() Parts { return Parts{Disks: &Disks{}} }}, {"sqlite", func() Parts { return Parts{} }}} {
		b.Run("build/"+e.name, func(b *testing.B) {
			for b.Loop() {
				f, err := F1With(b.Context(), b.TempDir(), e.parts(), false)
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
		b.Run("copy/"+e.name, func(b *testing.B) {
			f, err := F1With(b.Context(), b.TempDir(), e.parts(), false)
			if err != nil {
				b.Fatal(err)
			}
			f.Close()
			for b.Loop() {
				g, err := f.Clone(b.Context(), b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				g.Close()
			}
		})
	}
}
