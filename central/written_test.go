package central_test

import (
	"context"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// The answer leaves out what the site wrote in the exchange itself, without looking at
// it again, unless it goes to the site for another reason: it was asked for, or is given
// back as it truly is.
//
// R-A-12, R-F-09, R-H-26.
func TestWrittenInTheExchange(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(d *journal.Door, tx storage.Tx, key atoll.Key) error
		sent      int
	}{
		"nothing else": {func(*journal.Door, storage.Tx, atoll.Key) error { return nil }, 0},
		"listed anew":  {func(d *journal.Door, tx storage.Tx, key atoll.Key) error { return d.Relist(tx, key) }, 0},
		"asked for":    {func(d *journal.Door, tx storage.Tx, key atoll.Key) error { return d.Fetch(tx, 2, key) }, 1},
		"given back":   {func(d *journal.Door, tx storage.Tx, key atoll.Key) error { return d.Return(tx, 2, key) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.peace()
			key := atoll.Key{Type: "invoice", ID: r.invoice(2, "B")}
			r.Centre.Centre.Admitted = func(ctx context.Context) {
				err := r.Centre.Store.Update(ctx, func(tx storage.Tx) error { return c.meanwhile(r.Centre.Door, tx, key) })
				if err != nil {
					t.Error(err)
				}
			}
			r.sync(2)
			sent := 0
			for _, f := range r.lines[2].frames {
				if f, ok := f.(exchange.Record); ok && f.Key == key {
					sent++
				}
			}
			if sent != c.sent {
				t.Errorf("it was sent %d times; want %d", sent, c.sent)
			}
			r.peace()
		})
	}
}
