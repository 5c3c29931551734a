package wire

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// The Hello of a site that reads as many audiences from their beginning as there
// may be fits into its frame, however they lie; so do the End and the Checkpoint
// that answer it. More is refused.
//
// R-K-58, R-C-12.
func TestHelloOfManyAudiences(t *testing.T) {
	s := newSampler(3)
	all := make([]atoll.Audience, exchange.MaxAudiences)
	for i := range all {
		all[i] = atoll.StoreAudience(atoll.DeriveID("many", s.digits(16)))
	}
	h := s.hello()
	n := 0
	h.Queued = exchange.Places(all, func(atoll.Audience) bool { n++; return n%2 == 0 }) // as bad as it gets
	for _, a := range all[:exchange.MaxBackfills] {
		h.Backfills = append(h.Backfills, exchange.Backfill{Audience: a, Cursor: 1 << 40})
	}
	if len(h.Queued) < exchange.MaxAudiences/2 {
		t.Fatalf("only %d numbers", len(h.Queued))
	}
	b, err := encodeHello(&h)
	must(t, err)
	if len(b) > limits[KindHello] {
		t.Errorf("the Hello has %d bytes; its frame takes %d", len(b), limits[KindHello])
	}
	back, err := decodeHello(b)
	must(t, err)
	if diff := cmp.Diff(h, back); diff != "" {
		t.Error(diff)
	}
	for kind, f := range map[Kind]exchange.Frame{
		KindEnd: exchange.End{Backfills: h.Backfills}, KindCheckpoint: exchange.Checkpoint{Joined: all[:exchange.MaxBackfills]},
		KindSubscription: exchange.Subscription{Audiences: all},
	} {
		b, err := marshal(f)
		if err != nil || len(b) > limits[kind] {
			t.Errorf("a %T has %d bytes, %v; its frame takes %d", f, len(b), err, limits[kind])
		}
	}
	more := h
	more.Backfills = append(more.Backfills, exchange.Backfill{Audience: "all"})
	b, _ = encodeHello(&more)
	if _, err := decodeHello(b); !errors.Is(err, atoll.TooLarge) {
		t.Errorf("one backfill more: %v", err)
	}
	more = h
	more.Queued = make([]int, exchange.MaxAudiences+1)
	b, _ = encodeHello(&more)
	if _, err := decodeHello(b); !errors.Is(err, atoll.TooLarge) {
		t.Errorf("too many numbers: %v", err)
	}
}
