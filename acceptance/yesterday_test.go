package acceptance_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/atollsync/atoll/host"
)

// The centre is backed up while everybody works and synchronises, and lost later. It
// is restored from that backup: after the next cycle of each site nothing is missing
// at the centre that any site ever had acknowledged, and what the centre had made of
// its own comes back from the sites when it is taken back. Then the laws hold.
//
// R-A-09, R-A-18, R-H-28, R-M-03.
func TestCentreIsRestoredFromYesterday(t *testing.T) {
	if testing.Short() {
		t.Skip("four servers and their work")
	}
	h := newHostile(t, *seed)
	centre := h.data("centre")
	saved := filepath.Join(h.dir, "yesterday.tar.zst")

	ctx, stop := context.WithCancel(t.Context())
	var people sync.WaitGroup
	for i, p := range h.places {
		// At the centre people make items only: what its own store does is at no site.
		w := &worker{place: p, account: h.account, random: rand.New(rand.NewPCG(h.seed, uint64(i))), itemsOnly: i == 0}
		people.Go(func() { w.work(ctx) })
	}
	h.until(80)
	must(t, nil, "--data", centre, "backup", saved)
	h.until(h.account.total() + 250)
	stop()
	people.Wait()
	h.peace() // all of it is acknowledged

	var drill host.Drilled
	must(t, &drill, "--data", centre, "backup", "check", saved)
	if drill.Live == nil || !drill.Live.Same || drill.Live.Theirs == 0 || drill.Live.Own == 0 || drill.Live.Sites != 3 {
		t.Fatalf("the backup is not of before: %+v", drill.Live)
	}
	t.Logf("lost with the centre: %s", drill.Live.Words)

	must(t, nil, "--data", centre, "restore", "--replace", saved)
	h.serve(h.places[0])
	for _, p := range h.places[1:] { // one cycle each
		must(t, nil, "--data", h.data(p.name), "sync")
	}
	h.end(h.places[0])
	h.at("centre", func(o *host.Host) {
		for _, p := range h.places[1:] {
			for _, key := range h.account.made[p.name] {
				if _, err := o.Station.Record(t.Context(), key); err != nil {
					t.Errorf("%s, made at %s and acknowledged, is missing after its next cycle: %v", key, p.name, err)
				}
			}
		}
	})

	h.serve(h.places[0])
	h.peace()
	var found []json.RawMessage
	must(t, &found, "--data", centre, "found")
	if uint64(len(found)) == 0 {
		t.Error("nothing of the centre's own was found")
	}
	must(t, nil, "--data", centre, "found", "take", "restored from yesterday")
	h.serve(h.places[0])
	h.peace()
	t.Logf("%d changes were acknowledged; %d records of the centre's own were found and taken back", h.account.total(), len(found))
	h.laws()
}

// until waits until so many changes were acknowledged to people.
func (h *hostile) until(n int) {
	h.t.Helper()
	for h.account.total() < n {
		select {
		case <-h.t.Context().Done():
			h.t.Fatal("people do not get on with their work")
		case <-h.account.more:
		}
	}
}

// at opens one installation for fn.
func (h *hostile) at(name string, fn func(o *host.Host)) {
	h.t.Helper()
	o, err := host.Open(h.t.Context(), host.Config{Data: h.data(name), Device: "test machine"})
	if err != nil {
		h.t.Fatal(err)
	}
	fn(o)
	if err := o.Close(); err != nil {
		h.t.Error(err)
	}
}
