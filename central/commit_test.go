package central_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Many callers share a commit. One whose work fails, or panics, loses its own
// work and nobody else's, and holds nobody up.
//
// R-A-13, R-K-28, R-A-17.
func TestSharedCommit(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	const n = 60
	errs := make([]error, n)
	ids := make([]atoll.ID, n)
	for i := range n {
		ids[i] = atoll.DeriveID("shared", fmt.Sprint(i))
		wg.Go(func() {
			_, errs[i] = r.Centre.Centre.Configure(t.Context(), "tester", func(storage.Reader, *topology.Topology) ([]journal.Proposal, error) {
				switch i % 3 {
				case 1:
					return nil, atoll.Errorf(atoll.Rule, "refused %d", i)
				case 2:
					panic(fmt.Sprint("a defect ", i))
				}
				return editOf("item", ids[i], atoll.Fields{}.Set("code", fmt.Sprint(i)).Set("name", "x").Set("kind", "stock").Set("status", "active")).Do, nil
			})
		})
	}
	wg.Wait()
	for i := range n {
		_, there := r.record(1, "item", ids[i])
		want := []error{nil, atoll.Rule, atoll.Internal}[i%3]
		if !errors.Is(errs[i], want) || there != (i%3 == 0) {
			t.Errorf("caller %d: %v, its record is there: %t", i, errs[i], there)
		}
	}
	// The centre goes on.
	r.configure(central.MakePrimary(2))
	r.peace()
}

// Two exchanges of one site at once take turns: nothing is taken twice.
//
// R-I-09, R-K-34, R-A-09.
func TestTwoExchangesOfOneSite(t *testing.T) {
	r := newRig(t)
	for range 20 {
		r.invoice(2, "B")
	}
	twin := r.node(2, "twin", r.disks[2]) // a second program on the same database, without a lock
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _, _ = r.Sites[2].Site.Cycle(t.Context()) })
		wg.Go(func() { _, _ = twin.Site.Cycle(t.Context()) })
	}
	wg.Wait()
	r.peace()
	if n := (hostile{r, 2}).last().Seq; n != 20 {
		t.Errorf("the centre has %d entries of 20", n)
	}
}
