package central_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
)

// crashEverywhere runs work with the node's machine going down at each of its
// transactions in turn, once before the transaction and once after it was
// committed but before anybody heard. Each time the machine comes up again,
// everybody synchronises, and the laws are asked.
func crashEverywhere(t *testing.T, at atoll.SiteID, prepare, work func(r *rig) error, after func(r *rig)) {
	t.Helper()
	found := 0
	for _, committed := range []bool{false, true} {
		// Going down after one is much like going down before the next: less often.
		step := map[bool]int{false: 1, true: 3}[committed]
		for n := 1; ; n += step {
			crashed := false
			t.Run(fmt.Sprintf("committed=%t/%d", committed, n), func(t *testing.T) {
				r := newRig(t)
				if err := prepare(r); err != nil {
					t.Fatal(err)
				}
				d := r.disks[at]
				d.left, d.after = n, committed
				err := work(r)
				if crashed = d.dead; crashed && err == nil {
					// It was not this work's transaction, or it was the last.
					err = errCrash
				}
				if err != nil && !errors.Is(err, errCrash) {
					t.Fatalf("transaction %d: %v", n, err)
				}
				r.restart(at)
				if _, err := r.At(at).Processors.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.peace()
				after(r)
			})
			if !crashed || (testing.Short() && n >= 3) {
				break
			}
			found++
		}
	}
	if found < 6 && !testing.Short() {
		t.Errorf("only %d transactions were found to crash at", found)
	}
}

// R-L-13, R-A-09, R-A-13, R-D-21 (processors go on from where they were), R-D-22,
// R-I-24 at the site: whatever transaction its machine goes down at.
func TestSiteGoesDownAtEveryTransaction(t *testing.T) {
	var want map[string]string
	reference := newRig(t)
	reference.busy()
	reference.peace()
	want = keys(reference.rows(1))
	crashEverywhere(t, 2,
		func(r *rig) error { r.busy(); return nil },
		func(r *rig) error { _, err := r.Sync(r.t.Context(), 2); return err },
		func(r *rig) {
			if diff := cmp.Diff(want, keys(r.rows(1))); len(want) != len(r.rows(1)) {
				r.t.Errorf("the centre has other records than without the crash:\n%s", diff)
			}
		})
}

// The same for the centre, while it takes a push, answers it, and serves a pull.
//
// R-A-09, R-A-13, R-L-05.
func TestCentreGoesDownAtEveryTransaction(t *testing.T) {
	reference := newRig(t)
	reference.busy()
	reference.peace()
	want := len(reference.rows(1))
	crashEverywhere(t, 1,
		func(r *rig) error { r.busy(); return nil },
		func(r *rig) error {
			for _, id := range []atoll.SiteID{2, 3, 2} {
				if _, err := r.Sync(r.t.Context(), id); err != nil {
					return err
				}
			}
			return r.Centre.Centre.Flush(r.t.Context())
		},
		func(r *rig) {
			if n := len(r.rows(1)); n != want {
				r.t.Errorf("the centre has %d records, %d without the crash", n, want)
			}
		})
}

// A crash between the transactions of a user's act: all of it is there or none,
// and what follows from it follows after the restart (R-D-16, R-L-02).
func TestActSurvivesACrash(t *testing.T) {
	crashEverywhere(t, 2,
		func(r *rig) error {
			item := r.item("crash")
			r.sync(2)
			r.stock(2, "B", item, "10")
			return nil
		},
		func(r *rig) error {
			lines, _, err := r.Sites[2].Records(r.t.Context(), storageQuery("stock_line", "store_id", string(r.Stores["B"])))
			if err != nil {
				return err
			}
			for _, to := range []string{"A", "F"} { // away, and on the same site
				if _, err := r.Sites[2].Shipment(r.t.Context(), r.Stores["B"], r.Stores[to], lines[0].ID, "2"); err != nil {
					return err
				}
			}
			return nil
		},
		func(r *rig) {})
}

func keys(rows map[string]string) map[string]string {
	out := map[string]string{}
	for k := range rows {
		out[k] = ""
	}
	return out
}
