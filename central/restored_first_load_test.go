package central_test

import (
	"testing"

	"github.com/atollsync/atoll/central"
)

// The centre is restored while a site initialises, and before the site comes again it
// loses sight of a store that it had received: it begins at the beginning again, and
// gives up what is not for it any longer, though that is all it has received.
//
// R-C-20, R-H-23, R-A-09.
func TestCentreRestoredInMidInitialisationAndSightLost(t *testing.T) {
	r := newRig(t)
	r.configure(central.MakeVisible(r.Stores["B"], r.Stores["E"], true))
	r.peace()
	last := r.invoice(2, "B")
	r.peace()
	r.empty(2)
	r.lines[2].down = 1
	_, _ = r.Sync(t.Context(), 2)
	old := r.backup(1)
	r.lines[2].down, r.lines[2].until = 1<<20, last
	if _, err := r.Sync(t.Context(), 2); err == nil {
		t.Fatal("the initialisation was over before the cut")
	}
	if _, there := r.record(2, "store", r.Stores["E"]); !there {
		t.Fatal("the store had not come before the cut")
	}
	r.putBack(1, old)
	r.Sites[2].Site.Comparer = nil // would have it repaired
	r.configure(central.MakeVisible(r.Stores["B"], r.Stores["E"], false))
	r.peace()
	shown := r.bodies(2)
	for store, want := range map[string]bool{"B": true, "E": false} {
		if _, is := shown["store/"+string(r.Stores[store])]; is != want {
			t.Errorf("site 2 holds store %s: %t", store, is)
		}
	}
}
