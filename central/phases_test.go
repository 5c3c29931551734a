package central_test

import (
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
)

// The sync log says how long a site sent and how long it was answered, also of an exchange
// that broke off: and so in which of the two it did.
func TestR_I_24_PhasesOfAnExchange(t *testing.T) {
	for _, c := range []struct {
		name            string
		cutUp, cutDown  bool
		took, receiving time.Duration
		broke           central.Phase
	}{
		{"whole", false, false, 5 * time.Second, 3 * time.Second, ""},
		{"broken off while it sent", true, false, 3 * time.Second, 0, central.Receiving},
		{"broken off while it was answered", false, true, 5 * time.Second, 3 * time.Second, central.Answering},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hostile{newRig(t), 2}
			said := func(yield func(exchange.Entry, error) bool) {
				h.Clock.Wind(3 * time.Second)
				if c.cutUp {
					yield(exchange.Entry{}, errCut)
				}
			}
			first := true
			for range h.Centre.Centre.Exchange(t.Context(), h.hello(), said) {
				if first && !c.cutUp {
					h.Clock.Wind(2 * time.Second)
				}
				if first = false; c.cutDown {
					break
				}
			}
			if err := h.Centre.Centre.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			log, err := h.Centre.Centre.SyncLog(t.Context(), 2, 1)
			if err != nil || len(log) != 1 {
				t.Fatal(log, err)
			}
			got := log[0]
			took, receiving := got.Took.Truncate(time.Second), got.Receiving.Truncate(time.Second)
			if took != c.took || receiving != c.receiving || got.Broke != c.broke || (got.Code == atoll.Interrupted) != (c.broke != "") {
				t.Errorf("took %s, %s of it to receive, broke off at %q (%s); want %s, %s, %q", took, receiving, got.Broke, got.Code, c.took, c.receiving, c.broke)
			}
		})
	}
}
