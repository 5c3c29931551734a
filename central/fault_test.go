package central_test

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// errCrash is what a database returns from the moment its machine went down.
var errCrash = errors.New("the machine went down")

// disk is a database whose machine goes down at the n-th transaction: before it,
// or after it was committed and before anybody heard.
type disk struct {
	storage.Store
	mu     sync.Mutex
	left   int // transactions until the crash; 0 never crashes
	after  bool
	dead   bool
	events int
}

func (d *disk) Update(ctx context.Context, fn func(storage.Tx) error) error {
	d.mu.Lock()
	d.events++
	down, crash := d.dead, false
	if !down && d.left > 0 {
		d.left--
		crash = d.left == 0
	}
	d.dead = down || crash
	d.mu.Unlock()
	if down || (crash && !d.after) {
		return errCrash
	}
	err := d.Store.Update(ctx, fn)
	if crash {
		return errCrash
	}
	return err
}

func (d *disk) View(ctx context.Context, fn func(storage.Reader) error) error {
	d.mu.Lock()
	down := d.dead
	d.mu.Unlock()
	if down {
		return errCrash
	}
	return d.Store.View(ctx, fn)
}

// line is the network between a site and the centre. Cuts come once: the
// exchange after is whole. Several exchanges may be on it at once; its fields are
// for a test that has none under way.
type line struct {
	rig      *rig
	up, down int // entries, frames until the cut; negative never cuts
	hellos   []exchange.Hello
	frames   []exchange.Frame // of the exchange that began last
	before   func()           // runs before the centre is asked
	until    atoll.ID         // cuts before the record with this id

	mu sync.Mutex
	n  int // exchanges begun
}

var errCut = atoll.Errorf(atoll.Interrupted, "the line was cut")

// begin notes an exchange and takes the cuts that were meant for it.
func (l *line) begin(h exchange.Hello) (n, up, down int, before func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	up, down = l.up, l.down
	l.up, l.down, l.frames = -1, -1, nil
	l.hellos = append(l.hellos, h)
	l.n++
	return l.n, up, down, l.before
}

// pass notes a frame of exchange n, and reports whether it gets through.
func (l *line) pass(n, nth, down int, f exchange.Frame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec, _ := f.(exchange.Record)
	if down >= 0 && nth >= down || l.until != "" && rec.Key.ID == l.until {
		l.until = ""
		return false
	}
	if n == l.n {
		l.frames = append(l.frames, f)
	}
	return true
}

func (l *line) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		n, up, down, before := l.begin(h)
		if before != nil {
			before()
		}
		request := func(yield func(exchange.Entry, error) bool) {
			offered := 0
			for e, err := range entries {
				if up >= 0 && offered >= up {
					yield(exchange.Entry{}, errCut)
					return
				}
				offered++
				if !yield(e, err) {
					return
				}
			}
			if up >= 0 && offered == up {
				yield(exchange.Entry{}, errCut) // all arrived, but not the request's end
			}
		}
		nth := 0
		for f, err := range l.rig.Centre.Centre.Exchange(ctx, h, request) {
			if err == nil && !l.pass(n, nth, down, f) {
				yield(nil, errCut)
				return
			}
			nth++
			if !yield(f, err) {
				return
			}
		}
	}
}
