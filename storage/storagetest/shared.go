package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var sharedTests = []test{
	{"Two Stores see each other's commits", twoStoresSee},
	{"Two Stores write one database at once R-A-14", twoStoresWrite},
}

func twoStoresSee(t *testing.T, b *bench) {
	other := b.another(t)
	var last atoll.Position
	for n := 1; n <= 6; n++ {
		s := []storage.Store{b.Store, other}[n%2]
		update(t, s, func(tx storage.Tx) error {
			if err := writeSome(tx, n); err != nil {
				return err
			}
			p, err := tx.LastPosition()
			if p <= last {
				t.Errorf("position %d after %d", p, last)
			}
			last = p
			return err
		})
		there(t, b.Store, n, true)
		there(t, other, n, true)
		equal(t, "counts", read(t, b, storage.Reader.CountRecords), map[atoll.Type]int{"item": n})
	}
}

// twoStoresWrite is what two processes do that opened one database: nothing is
// lost, no position is given to two commits, the journal stays dense, and a
// reader with a cursor misses nothing.
func twoStoresWrite(t *testing.T, b *bench) {
	stores := []storage.Store{b.Store, b.another(t)}
	each := rounds(60)
	var running atomic.Int32
	running.Store(int32(2 * len(stores)))
	var committed sync.Map
	var waits []func()
	for w := range 2 * len(stores) {
		s := stores[w%2]
		waits = append(waits, background(t, func(ctx context.Context) error {
			defer running.Add(-1)
			for n := range each {
				var p atoll.Position
				err := s.Update(ctx, func(tx storage.Tx) (err error) {
					if err := increment(tx); err != nil {
						return err
					}
					head, err := tx.Head(1)
					if err != nil {
						return err
					}
					if p, err = tx.Put(record(key("item", n%7), n+1), nil); err != nil {
						return err
					}
					if n%5 == 4 {
						return errOurs
					}
					return tx.Append(entry(1, int(head.Seq)+1))
				})
				if errors.Is(err, errOurs) {
					continue
				}
				if err != nil {
					return err
				}
				if _, twice := committed.LoadOrStore(p, true); twice {
					return fmt.Errorf("position %d was committed twice", p)
				}
			}
			return nil
		}))
	}
	for _, s := range stores {
		waits = append(waits,
			background(t, func(ctx context.Context) error { return watch(ctx, s, &running) }),
			background(t, func(ctx context.Context) error { return follow(ctx, s, &running) }))
	}
	for _, wait := range waits {
		wait()
	}
	want := 2 * len(stores) * (each - each/5)
	for _, s := range stores {
		equal(t, "the counter", counter(t, s), want)
		head := read(t, s, func(r storage.Reader) (atoll.Head, error) { return r.Head(1) })
		equal(t, "the journal's end", head.Seq, uint64(want))
	}
}

// increment reads and writes: two at once would lose one.
func increment(tx storage.Tx) error {
	v, err := tx.Get("test", "counter")
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	n, _ := strconv.Atoi(string(v))
	return tx.Set("test", "counter", []byte(strconv.Itoa(n+1)))
}

func counter(t *testing.T, s storage.Store) int {
	t.Helper()
	v := read(t, s, func(r storage.Reader) ([]byte, error) { return r.Get("test", "counter") })
	n, err := strconv.Atoi(string(v))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
