package central_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// busy gives both ends of a site something to say: entries to push, records to
// pull, an answer to make, and a new audience to read from its beginning.
func (r *rig) busy() {
	r.t.Helper()
	item := r.item("cut")
	r.sync(2)
	line := r.stock(2, "B", item, "40")
	for range 3 {
		inv := r.invoice(2, "B")
		r.update(2, "invoice", inv, atoll.Fields{}.Set("comment", "changed"))
	}
	if _, err := r.Sites[2].Shipment(r.t.Context(), r.Stores["B"], r.Stores["C"], line, "3", "4"); err != nil {
		r.t.Fatal(err)
	}
	r.invoice(3, "C")
	r.sync(3)
	for i := range 5 {
		r.item(fmt.Sprintf("down %d", i))
	}
	// Site 2 gains a collector copy of C: a backfill.
	r.configure(central.Collect(r.Stores["C"], 2, true))
}

// TestCutAnywhere cuts the line after each entry and after each frame of a cycle
// that pushes, pulls, answers and backfills, and expects the same end every time:
// progress kept, nothing lost, doubled or half visible.
//
// R-L-05, R-A-09, R-A-18, R-K-57.
func TestCutAnywhere(t *testing.T) {
	whole := newRig(t)
	whole.busy()
	whole.peace()
	want := whole.rows(1)
	for _, up := range []bool{true, false} {
		for at := 0; ; at++ {
			reached := false
			t.Run(fmt.Sprintf("up=%t/%d", up, at), func(t *testing.T) {
				r := newRig(t)
				r.busy()
				l := r.lines[2]
				if up {
					l.up = at
				} else {
					l.down = at
				}
				_, err := r.Sync(t.Context(), 2)
				if err == nil {
					reached = true // the cut lies behind the end
				} else if !errors.Is(err, atoll.Interrupted) {
					t.Fatalf("a cut came as %v", err)
				}
				r.peace()
				if n := len(r.rows(1)); n != len(want) {
					t.Errorf("the centre has %d records, %d without the cut", n, len(want))
				}
			})
			if reached || (up && at > 40) || at > 400 || testing.Short() && at > 3 {
				if at < 3 {
					t.Errorf("up=%t: only %d places to cut were found", up, at)
				}
				break
			}
		}
	}
}

// TestInitialisationCutAtEveryFrame cuts every exchange of an initialisation one
// frame later than the one before, so that the line never holds for a whole
// exchange, and expects a site that nevertheless becomes ready with everything.
//
// R-H-23 (same site: it goes on where it stopped), R-H-22, R-L-05.
func TestInitialisationCutAtEveryFrame(t *testing.T) {
	r := newRig(t)
	r.busy()
	r.peace()
	want := r.rows(2)
	r.empty(2)
	tries, received := 0, 0
	for down := 0; ; down++ {
		r.lines[2].down = down
		c, err := r.Sync(t.Context(), 2)
		tries++
		received += c.Received
		if err == nil {
			break
		}
		if !errors.Is(err, atoll.Interrupted) {
			t.Fatalf("frame %d: %v", down, err)
		}
		if tries > 500 {
			t.Fatal("it never ends")
		}
	}
	r.peace()
	if diff := cmp.Diff(want, r.rows(2)); diff != "" {
		t.Errorf("after initialising over a bad line (-before +after):\n%s", diff)
	}
	// It went on where it stopped: hardly anything was sent twice.
	if n := len(want); received > n+n/2 {
		t.Errorf("%d records were received for %d over %d tries: it began anew", received, n, tries)
	}
}
