package wire

import (
	"reflect"
	"testing"

	"github.com/atollsync/atoll/exchange"
)

func TestRoundTrip(t *testing.T) {
	r := newRig(t, nil)
	h, entries, frames := conversation(3)
	r.centre.answer = func(exchange.Hello) []exchange.Frame { return frames }
	for range 2 { // the second time without signing in, on the warm connection
		got, err := collect(r.client.Exchange(t.Context(), h, all(entries)))
		must(t, err)
		if !reflect.DeepEqual(got, frames) {
			t.Errorf("answered\n%+v\narrived\n%+v", frames, got)
		}
	}
	hellos, arrived, failed := r.centre.seen()
	if failed != nil || len(hellos) != 2 || !reflect.DeepEqual(hellos[1], h) {
		t.Errorf("hellos %+v, failed %v; want %+v", hellos, failed, h)
	}
	if !reflect.DeepEqual(arrived, append(append([]exchange.Entry{}, entries...), entries...)) {
		t.Errorf("sent %d entries twice, %d arrived", len(entries), len(arrived))
	}
	if r.gate.signIns != 1 {
		t.Errorf("signed in %d times", r.gate.signIns)
	}
}
