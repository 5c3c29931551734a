package central_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// manyStores makes stores at the centre, in one change.
func (r *rig) manyStores(n int) (ids []atoll.ID) {
	r.t.Helper()
	r.configure(func(v storage.Reader, t *topology.Topology) (all []journal.Proposal, err error) {
		ids = nil
		for i := range n {
			id := atoll.DeriveID("many stores", fmt.Sprint(i))
			do, err := central.AddStore(id, fmt.Sprint("M", i), fmt.Sprint("Many ", i), false)(v, t)
			if err != nil {
				return nil, err
			}
			all, ids = append(all, do...), append(ids, id)
		}
		return all, nil
	})
	return ids
}

// A site gains more audiences at once than one exchange can name: as the primary
// it gets every store. It reads them in their order, so many at a time; the normal
// flow goes on beside it and brings nothing of those whose turn has not come;
// what it gains, loses and regains meanwhile comes right, and so does a cut.
//
// R-C-12, R-C-13, R-K-18, R-K-49, R-K-58, R-A-10.
func TestMoreAudiencesThanOneHelloNames(t *testing.T) {
	r := newRig(t)
	r.manyStores(700)
	late := func(what string) {
		// These records are in the last of the audiences and in the first.
		r.configure(func(v storage.Reader, top *topology.Topology) ([]journal.Proposal, error) {
			var do []journal.Proposal
			for _, s := range top.Stores()[:700] {
				do = append(do, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: s.ID}, Fields: atoll.Fields{}.Set("name", what+s.Code)})
			}
			return do, nil
		})
	}
	r.peace()
	r.configure(central.MakePrimary(2))
	r.lines[2].hellos = nil
	most, queued := 0, 0
	r.lines[2].before = func() {
		hellos := r.lines[2].hellos
		h := hellos[len(hellos)-1]
		most, queued = max(most, len(h.Backfills)), max(queued, len(h.Queued))
		switch len(hellos) {
		case 2:
			late("early ")
		case 3:
			r.configure(central.MakePrimary(3)) // it loses them in the middle
		case 4:
			r.configure(central.MakePrimary(2)) // and gains them again
		case 6:
			if _, ok := r.record(2, "store", atoll.DeriveID("many stores", "699")); ok && len(h.Queued) > 0 {
				// It may be among those read first; it must then be whole.
				late("middle ")
			}
		}
	}
	for i := range 5 {
		r.lines[2].down = 3 + i*40
		_, _ = r.Sync(t.Context(), 2)
	}
	r.peace()
	if most != exchange.MaxBackfills || queued == 0 {
		t.Errorf("a Hello named %d audiences, and queued %d numbers", most, queued)
	}
	for i := range 700 {
		id := atoll.DeriveID("many stores", fmt.Sprint(i))
		want, _ := r.record(1, "store", id)
		if got, ok := r.record(2, "store", id); !ok || rowText(got) != rowText(want) {
			t.Fatalf("site 2 has store %d as %s, the centre as %s", i, rowText(got), rowText(want))
		}
	}
}

// What waits for its turn brings nothing in the normal flow; a site that is wrong
// about its audiences, in whatever way it says so, is told them, and gets no
// record.
//
// R-A-10, R-K-49.
func TestQueuedAudiences(t *testing.T) {
	r := newRig(t)
	r.peace()
	var entitled []atoll.Audience
	top, err := r.Centre.Topology(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entitled = top.Subscription(2)
	b, c := atoll.StoreAudience(r.Stores["B"]), atoll.StoreAudience(r.Stores["A"])
	only := func(of ...atoll.Audience) func(atoll.Audience) bool {
		return func(a atoll.Audience) bool { return slices.Contains(of, a) }
	}
	digest := func(without ...atoll.Audience) string {
		return exchange.DigestAudiences(slices.DeleteFunc(slices.Clone(entitled), only(without...)))
	}
	inv := r.invoice(1, "A")
	for _, tt := range []struct {
		name   string
		spoil  func(*exchange.Hello)
		told   bool // its audiences
		served bool // the invoice
	}{
		{"nothing queued", func(h *exchange.Hello) { h.Subscription = digest() }, false, true},
		{"one queued", func(h *exchange.Hello) {
			h.Subscription, h.Queued = digest(c), exchange.Places(entitled, only(c))
		}, false, false},
		{"one queued, one read", func(h *exchange.Hello) {
			h.Subscription, h.Queued, h.Backfills = digest(b, c), exchange.Places(entitled, only(b)), []exchange.Backfill{{Audience: c}}
		}, false, true},
		{"the same queued and read", func(h *exchange.Hello) {
			h.Subscription, h.Queued, h.Backfills = digest(c), exchange.Places(entitled, only(c)), []exchange.Backfill{{Audience: c}}
		}, true, false},
		{"queued, but in the digest", func(h *exchange.Hello) { h.Subscription, h.Queued = digest(), exchange.Places(entitled, only(c)) }, true, false},
		{"beyond the list", func(h *exchange.Hello) { h.Subscription, h.Queued = digest(c), []int{len(entitled), 1} }, true, false},
		{"below zero", func(h *exchange.Hello) { h.Subscription, h.Queued = digest(c), []int{-1, 1} }, true, false},
		{"read, and not entitled", func(h *exchange.Hello) {
			h.Subscription, h.Backfills = digest(), []exchange.Backfill{{Audience: atoll.StoreAudience(r.Stores["C"])}}
		}, true, false},
	} {
		h := hostile{r, 2}
		hello := h.hello()
		hello.NoFeed, hello.Cursor = false, hello.Cursor/2
		tt.spoil(&hello)
		_, frames, err := h.say(hello)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		told, served := false, false
		for _, f := range frames {
			switch f := f.(type) {
			case exchange.Subscription:
				told = true
			case exchange.Record:
				served = served || f.Key.ID == inv
			case exchange.End:
				if !f.More && len(hello.Queued) > 0 {
					t.Errorf("%s: the answer says that there is no more", tt.name)
				}
			}
		}
		if told != tt.told || served != tt.served {
			t.Errorf("%s: told %t, served %t; want %t, %t", tt.name, told, served, tt.told, tt.served)
		}
	}
}
