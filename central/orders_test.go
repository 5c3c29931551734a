package central_test

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// A site that is ordered to initialise again is refused until it does; it is not
// told so in a Welcome, and one that is initialising just then ends that first. Its
// new database is free of the order.
//
// R-H-27, R-H-28, R-H-20.
func TestOrderToInitialiseAgain(t *testing.T) {
	r := newRig(t)
	order := func() {
		t.Helper()
		if err := r.Centre.Centre.Order(t.Context(), "technician", 2, "reinitialise"); err != nil {
			t.Fatal(err)
		}
	}
	order()
	if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Initialise) {
		t.Errorf("an ordered site was answered with %v", err)
	}
	r.empty(2)
	for _, r.lines[2].down = range []int{3, 5} { // it hears its audiences, then some of the records
		if _, err := r.Sync(t.Context(), 2); err == nil {
			t.Fatal("no cut")
		}
	}
	order()   // while it is at it
	r.sync(2) // it ends what it began, and only then hears that it must begin anew
	if w, ok := r.lines[2].frames[0].(exchange.Welcome); !ok || len(w.Orders) > 0 {
		t.Errorf("it was welcomed with %+v", r.lines[2].frames[0])
	}
	if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Initialise) {
		t.Errorf("after it had initialised it was answered with %v", err)
	}
	r.empty(2)
	r.peace()
	if s := r.state(2); len(s.Orders) != 0 {
		t.Errorf("the orders %q stand after it began anew", s.Orders)
	}
}
