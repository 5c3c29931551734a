package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// reopen ends a node's program and starts it again over its database, or over the
// copy that is given.
func (f *Fleet) reopen(t testing.TB, n *Node, copied *image) *Node {
	t.Helper()
	if err := n.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if copied != nil {
		if err := f.place(n.Name, copied); err != nil {
			t.Fatal(err)
		}
	}
	again, err := f.Open(context.WithoutCancel(t.Context()), n.Name, n.Identity)
	if err != nil {
		t.Fatal(err)
	}
	again.Net = n.Net
	return again
}

// stopped returns a copy of a node's database between two runs of its program.
func (f *Fleet) stopped(t testing.TB, n *Node) *image {
	t.Helper()
	if err := n.Store.Close(); err != nil {
		t.Fatal(err)
	}
	i, err := f.image(n.Name)
	if err != nil {
		t.Fatal(err)
	}
	f.reopen(t, n, nil)
	return i
}

// live are the bodies of a node's records that are neither deleted nor hidden.
func live(t *testing.T, n *Node) map[atoll.Key]string {
	t.Helper()
	h, err := snapshot(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	out := map[atoll.Key]string{}
	for key, rec := range h.records {
		if !rec.Deleted && !rec.Hidden {
			out[key] = string(rec.Body)
		}
	}
	return out
}

// TestR_M_03_RestoredCentreLosesNothingAnySiteHad: a centre and its sites work,
// over bad lines; the centre is put back to a backup, up to twice; sites have
// initialised again before; everybody works on. In the end all are at peace and the laws
// hold; and once what sites handed in is taken back, every record that was both at
// the centre and at a site when the centre was lost is at the centre again, as it
// was or changed since.
//
// R-A-09, R-A-18, R-H-27, R-H-28, R-L-05.
func TestR_M_03_RestoredCentreLosesNothingAnySiteHad(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { restoredCentre(t, rand.New(rand.NewPCG(seed, 17))) })
	}
}

func restoredCentre(t *testing.T, rnd *rand.Rand) {
	f, err := F1With(t.Context(), t.TempDir(), usual(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	made := 0
	item := func() {
		made++
		_, p := Item(fmt.Sprint("restored ", made))
		must(t, f.Centre.Insert(t.Context(), p))
	}
	invoice := func(n *Node, store string) {
		id := atoll.NewID(f.Clock.Now())
		err := n.Insert(t.Context(), journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: id}, Fields: atoll.Fields{}.
			Set("store_id", f.Stores[store]).Set("kind", "customer_invoice").Set("status", "new")})
		if !errors.Is(err, atoll.Initialise) { // nobody works there yet
			must(t, err)
		}
	}
	bad := func(n *Node, on bool) {
		n.Net.CutUp, n.Net.CutDown = nil, nil
		if on {
			n.Net.CutUp = func() int { return rnd.IntN(12) - 4 }
			n.Net.CutDown = func() int { return rnd.IntN(40) - 10 }
		}
	}
	emptied := map[atoll.SiteID]bool{}
	work := func(steps int) {
		for range steps {
			switch rnd.IntN(9) {
			case 0, 1:
				item()
			case 2:
				invoice(f.Centre, []string{"A", "E"}[rnd.IntN(2)])
			case 3:
				invoice(f.Sites[2], "B")
			case 4:
				invoice(f.Sites[3], []string{"C", "D"}[rnd.IntN(2)])
			case 5:
				_, err := f.Centre.Centre.Configure(t.Context(), "tester", central.Collect(f.Stores["C"], 2, rnd.IntN(2) == 0))
				must(t, err)
			default:
				_, _ = f.Sync(t.Context(), atoll.SiteID(2+rnd.IntN(2)))
			}
		}
	}
	again := func(id atoll.SiteID) { // an empty database takes the site's place
		must(t, f.Settle(t.Context()))
		n := f.Sites[id]
		must(t, n.Store.Close())
		must(t, f.place(n.Name, nil))
		fresh, err := f.open(context.WithoutCancel(t.Context()), n.Name, station.Identity{Role: station.Remote, Site: id, Name: n.Name})
		must(t, err)
		f.Sites[id] = fresh
		emptied[id] = true
		// A site that loses its database together with the centre is beyond this.
		_, err = f.Sync(t.Context(), id)
		must(t, err)
	}
	for range 1 + rnd.IntN(2) {
		work(10 + rnd.IntN(10))
		must(t, f.Settle(t.Context()))
		old := f.stopped(t, f.Centre)
		work(10 + rnd.IntN(20))
		if rnd.IntN(2) == 0 {
			again(atoll.SiteID(2 + rnd.IntN(2)))
			work(rnd.IntN(15))
		}
		had := live(t, f.Centre)
		for key := range had { // what no site has is lost
			if !atSomeSite(t, f, key) {
				delete(had, key)
			}
		}
		f.reopen(t, f.Centre, old)
		for _, n := range f.Sites {
			bad(n, rnd.IntN(2) == 0)
		}
		work(rnd.IntN(15))
		for _, n := range f.Sites {
			bad(n, false)
		}
		must(t, f.Settle(t.Context()))
		if len(emptied) == 0 { // the law of stock reads the sites' own journals
			for _, breach := range f.Check(t.Context()) {
				t.Error(breach)
			}
		}
		_, err := f.Centre.Centre.TakeBack(t.Context(), "tester", "restored")
		must(t, err)
		must(t, f.Settle(t.Context()))
		now := live(t, f.Centre)
		for key := range had {
			if _, there := now[key]; !there {
				t.Errorf("%s, which a site had, is not at the centre", key)
			}
		}
		rows, _, err := f.Centre.Centre.FoundRecords(t.Context())
		must(t, err)
		_, err = f.Centre.Centre.LeaveFound(t.Context(), "the end of the test")
		must(t, err)
		for _, row := range rows {
			if _, there := now[row.Key]; !there {
				t.Errorf("%s was found and not taken back", row.Key)
			}
		}
	}
}

func atSomeSite(t *testing.T, f *Fleet, key atoll.Key) (there bool) {
	t.Helper()
	for _, n := range f.Sites {
		must(t, n.Store.View(t.Context(), func(r storage.Reader) error {
			rec, err := r.Record(key)
			there = there || err == nil && !rec.Hidden && !rec.Deleted
			return nil
		}))
	}
	return there
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
