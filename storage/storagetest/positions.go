package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var positionTests = []test{
	{"Put gives a position above every earlier one", positionsRise},
	{"Position is never reused after Forget", positionNotReusedAfterForget},
	{"Position is never reused after rollback", positionNotReusedAfterRollback},
	{"LastPosition is that of the newest change", lastPosition},
	{"Changed returns each record once, at its latest change", changedOnce},
	{"Changed pages miss nothing while records move R-A-14 R-K-56", changedPages},
	{"Reader that has seen position n never sees a position below n appear R-A-14", noLatePositions},
}

func positionsRise(t *testing.T, b *bench) {
	var last atoll.Position
	for range 3 {
		update(t, b, func(tx storage.Tx) error {
			for n := range 4 { // new records, changed ones, one twice in a row
				p, err := tx.Put(record(key("item", n/2), 1), nil)
				if err != nil {
					return err
				}
				if p <= last {
					t.Errorf("position %d after %d", p, last)
				}
				last = p
			}
			p, err := tx.NextPosition()
			if p <= last {
				t.Errorf("position %d after %d", p, last)
			}
			last = p
			return err
		})
		b.reopen(t)
	}
}

// next returns the position of a new change of a record nobody asks for.
func next(t *testing.T, s storage.Store) (p atoll.Position) {
	t.Helper()
	update(t, s, func(tx storage.Tx) (err error) {
		p, err = tx.Put(record(key("probe", 1), 1), nil)
		return err
	})
	return p
}

func positionNotReusedAfterForget(t *testing.T, b *bench) {
	for _, reopen := range []bool{false, true} {
		var p atoll.Position
		update(t, b, func(tx storage.Tx) (err error) {
			p, err = tx.Put(record(key("item", 1), 1), nil)
			return err
		})
		update(t, b, func(tx storage.Tx) error { return tx.Forget(key("item", 1)) })
		if last := read(t, b, storage.Reader.LastPosition); last != p {
			t.Errorf("the last position is %d after Forget; want %d", last, p)
		}
		if reopen {
			b.reopen(t)
		}
		if q := next(t, b); q <= p {
			t.Errorf("position %d after %d was forgotten (opened again: %t)", q, p, reopen)
		}
		// In one transaction, and for a line without a record.
		update(t, b, func(tx storage.Tx) error {
			p1, err1 := tx.Put(record(key("item", 2), 1), nil)
			err2 := tx.Forget(key("item", 2))
			p2, err3 := tx.NextPosition()
			if p = p2; p2 <= p1 {
				t.Errorf("position %d after %d", p2, p1)
			}
			return errors.Join(err1, err2, err3)
		})
		if reopen {
			b.reopen(t)
		}
		if q := next(t, b); q <= p {
			t.Errorf("position %d after %d was given (opened again: %t)", q, p, reopen)
		}
	}
}

func positionNotReusedAfterRollback(t *testing.T, b *bench) {
	next(t, b)
	var p atoll.Position
	err := b.Update(t.Context(), func(tx storage.Tx) (err error) {
		p, err = tx.Put(record(key("item", 1), 1), nil)
		return errors.Join(err, errOurs)
	})
	if !errors.Is(err, errOurs) {
		t.Fatal(err)
	}
	update(t, b, func(tx storage.Tx) error {
		err := tx.Savepoint(func() error {
			q, err := tx.Put(record(key("item", 2), 1), nil)
			if q <= p {
				t.Errorf("position %d after %d was rolled back", q, p)
			}
			p = q
			return errors.Join(err, errOurs)
		})
		q, err2 := tx.NextPosition()
		if q <= p {
			t.Errorf("position %d after %d was undone", q, p)
		}
		p = q
		if !errors.Is(err, errOurs) {
			return err
		}
		return err2
	})
	if q := next(t, b); q <= p {
		t.Errorf("position %d after %d", q, p)
	}
}

func lastPosition(t *testing.T, b *bench) {
	if p := read(t, b, storage.Reader.LastPosition); p != 0 {
		t.Errorf("an empty database is at %d; want 0", p)
	}
	p := next(t, b)
	if got := read(t, b, storage.Reader.LastPosition); got != p {
		t.Errorf("got %d; want %d", got, p)
	}
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		q, err := tx.Put(record(key("item", 1), 1), nil)
		got, err2 := tx.LastPosition()
		if got != q {
			t.Errorf("in the transaction: got %d; want %d", got, q)
		}
		return errors.Join(err, err2, errOurs)
	})
	if !errors.Is(err, errOurs) {
		t.Fatal(err)
	}
	if got := read(t, b, storage.Reader.LastPosition); got != p {
		t.Errorf("after a rollback: got %d; want %d", got, p)
	}
	b.reopen(t)
	if got := read(t, b, storage.Reader.LastPosition); got != p {
		t.Errorf("opened again: got %d; want %d", got, p)
	}
}

func changedOnce(t *testing.T, b *bench) {
	putAll(t, b, nil, 1, 2, 3)
	putAll(t, b, nil, 2, 1, 2)
	records := read(t, b, all)
	equal(t, "changed", keys(records), items(3, 1, 2))
	for i := range records[1:] {
		if records[i].Position >= records[i+1].Position {
			t.Errorf("positions %d, %d do not rise", records[i].Position, records[i+1].Position)
		}
	}
	rest := read(t, b, func(r storage.Reader) ([]atoll.Record, error) { return r.Changed(records[1].Position, 9) })
	equal(t, "changed after the second", rest, records[2:])
	first := read(t, b, func(r storage.Reader) ([]atoll.Record, error) { return r.Changed(0, 1) })
	equal(t, "the first", first, records[:1])
}

func changedPages(t *testing.T, b *bench) {
	random := rand.New(rand.NewPCG(14, 0))
	version := 1
	change := func(ns ...int) {
		update(t, b, func(tx storage.Tx) error {
			for _, n := range ns {
				version++
				if _, err := tx.Put(record(key("item", n), version), nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	change(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	seen := map[atoll.Key]atoll.Record{}
	var cursor atoll.Position
	for round := 0; ; round++ {
		page := read(t, b, func(r storage.Reader) ([]atoll.Record, error) { return r.Changed(cursor, 3) })
		for _, r := range page {
			seen[r.Key], cursor = r, r.Position
		}
		if round >= 20 && len(page) == 0 {
			break
		}
		if round > 100 {
			t.Fatalf("nothing changes, and Changed(%d) still returns %d records", cursor, len(page))
		}
		if round < 20 { // behind the cursor, before it, and new ones
			change(1+random.IntN(12), 1+random.IntN(12))
		}
	}
	want := map[atoll.Key]atoll.Record{}
	for _, r := range read(t, b, all) {
		want[r.Key] = r
	}
	equal(t, "what the reader has", seen, want)
}

// noLatePositions lets writers and readers race. It is the test that a database
// with several writing transactions at once fails unless it takes care.
func noLatePositions(t *testing.T, b *bench) {
	const writers = 4
	updates := rounds(100)
	var given sync.Map // every position, also those rolled back
	var running atomic.Int32
	running.Store(writers)
	var waits []func()
	for w := range writers {
		random := rand.New(rand.NewPCG(14, uint64(w)))
		waits = append(waits, background(t, func(ctx context.Context) error {
			defer running.Add(-1)
			for n := range updates {
				err := b.Update(ctx, func(tx storage.Tx) error {
					return changeSome(tx, random, w, n, &given)
				})
				if err != nil && !errors.Is(err, errOurs) {
					return err
				}
			}
			return nil
		}))
	}
	waits = append(waits,
		background(t, func(ctx context.Context) error { return watch(ctx, b, &running) }),
		background(t, func(ctx context.Context) error { return follow(ctx, b, &running) }))
	for _, wait := range waits {
		wait()
	}
}

func changeSome(tx storage.Tx, random *rand.Rand, w, n int, given *sync.Map) error {
	for range 1 + random.IntN(3) {
		p, err := tx.Put(record(key("item", random.IntN(40)), n+1), nil)
		if err != nil {
			return err
		}
		if _, twice := given.LoadOrStore(p, true); twice {
			return fmt.Errorf("position %d was given twice", p)
		}
	}
	// The record with the highest position, sometimes forgotten.
	p, err := tx.Put(record(key("passing", w), n+1), nil)
	if _, twice := given.LoadOrStore(p, true); twice {
		return fmt.Errorf("position %d was given twice", p)
	}
	if err == nil && random.IntN(3) == 0 {
		err = tx.Forget(key("passing", w))
	}
	if err == nil && random.IntN(4) == 0 {
		err = errOurs // a quarter is rolled back
	}
	return err
}

// watch looks at every position again and again: what was not there at or below
// the last position once may never come.
func watch(ctx context.Context, s storage.Store, running *atomic.Int32) error {
	known := map[atoll.Position]bool{}
	var last atoll.Position
	for more := true; more; {
		more = running.Load() > 0
		var records []atoll.Record
		var now atoll.Position
		if err := s.View(ctx, func(r storage.Reader) (err error) {
			if now, err = r.LastPosition(); err == nil {
				records, err = all(r)
			}
			return err
		}); err != nil {
			return err
		}
		if now < last {
			return fmt.Errorf("the last position fell from %d to %d", last, now)
		}
		for _, r := range records {
			if r.Position <= last && !known[r.Position] {
				return fmt.Errorf("position %d of %s appeared when %d had been seen", r.Position, r.Key, last)
			}
			if r.Position > now {
				return fmt.Errorf("position %d of %s is above the last, %d", r.Position, r.Key, now)
			}
			known[r.Position] = true
		}
		last = now
	}
	return nil
}

// follow reads with a cursor, in small pages, and must end with the true state.
func follow(ctx context.Context, s storage.Store, running *atomic.Int32) error {
	seen := map[atoll.Key]atoll.Position{}
	var cursor atoll.Position
	for {
		ended := running.Load() == 0
		var page []atoll.Record
		if err := s.View(ctx, func(r storage.Reader) (err error) {
			page, err = r.Changed(cursor, 5)
			return err
		}); err != nil {
			return err
		}
		for _, r := range page {
			if r.Position <= cursor {
				return fmt.Errorf("position %d after %d", r.Position, cursor)
			}
			seen[r.Key], cursor = r.Position, r.Position
		}
		if ended && len(page) == 0 {
			break
		}
	}
	return s.View(ctx, func(r storage.Reader) error {
		records, err := all(r)
		for _, r := range records {
			if seen[r.Key] != r.Position {
				return fmt.Errorf("%s is at %d; the reader that kept a cursor last saw it at %d", r.Key, r.Position, seen[r.Key])
			}
		}
		return err
	})
}
