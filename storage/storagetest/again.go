package storagetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// readsAgain reads the same record and value after everything that may change
// them: an engine that remembers what it has read must know when to forget.
func readsAgain(t *testing.T, b *bench) {
	k := key("item", 1)
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(withAudiences(record(k, 1), shop), nil)
		return errors.Join(err, tx.Set("a", "b", []byte("1")))
	})
	update(t, b, func(tx storage.Tx) error {
		stands := func(when string, version int, audience atoll.Audience, value string) {
			t.Helper()
			r, err := tx.Record(k)
			if version == 0 {
				code(t, when, err, atoll.NotFound)
			} else if err != nil || r.Version != uint64(version) || len(r.Audiences) != 1 || r.Audiences[0] != audience {
				t.Fatalf("%s: version %d, %v, %v; want version %d, %s", when, r.Version, r.Audiences, err, version, audience)
			}
			v, err := tx.Get("a", "b")
			if value == "" {
				code(t, when, err, atoll.NotFound)
			} else if err != nil || string(v) != value {
				t.Fatalf("%s: %q, %v; want %q", when, v, err, value)
			}
		}
		put := func(version int, value string) error {
			_, err := tx.Put(withAudiences(record(k, version), shop), nil)
			return errors.Join(err, tx.Set("a", "b", []byte(value)))
		}
		stands("at first", 1, shop, "1")
		if err := put(2, "2"); err != nil {
			return err
		}
		stands("after Put and Set", 2, shop, "2")
		err := tx.Savepoint(func() error {
			if err := put(3, "3"); err != nil {
				return err
			}
			stands("inside a savepoint", 3, shop, "3")
			return errOurs
		})
		if !errors.Is(err, errOurs) {
			return err
		}
		stands("after it was undone", 2, shop, "2")
		if err := tx.Place(k, []atoll.Audience{desk}); err != nil {
			return err
		}
		stands("after Place", 2, desk, "2")
		if err := tx.Savepoint(func() error { return errors.Join(tx.Forget(k), tx.Drop("a", "b"), errOurs) }); !errors.Is(err, errOurs) {
			return err
		}
		stands("after Forget and Drop were undone", 2, desk, "2")
		if err := errors.Join(tx.Forget(k), tx.Drop("a", "b")); err != nil {
			return err
		}
		stands("after Forget and Drop", 0, "", "")
		return put(4, "4")
	})
	view(t, b, func(r storage.Reader) error {
		for range 2 {
			rec, err := r.Record(k)
			if err != nil || rec.Version != 4 {
				t.Errorf("afterwards: version %d, %v", rec.Version, err)
			}
		}
		return nil
	})
}

func withAudiences(r atoll.Record, a ...atoll.Audience) atoll.Record {
	r.Audiences = a
	return r
}

// readsAhead asks for records together, some of which are there, and then for each,
// before and after they change.
func readsAhead(t *testing.T, b *bench) {
	const many = 150
	var keys []atoll.Key
	for n := range many {
		keys = append(keys, key([]string{"item", "name"}[n%2], n+1))
	}
	keys = append(keys, keys[3]) // one may be named twice
	update(t, b, func(tx storage.Tx) error {
		for n := 0; n < many; n += 3 {
			if _, err := tx.Put(withAudiences(record(keys[n], n+1), shop), nil); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, b, func(tx storage.Tx) error {
		check := func(when string, want func(n int) (version int)) {
			t.Helper()
			for n := range many {
				r, err := tx.Record(keys[n])
				if v := want(n); v == 0 {
					code(t, when, err, atoll.NotFound)
				} else if err != nil || r.Key != keys[n] || r.Version != uint64(v) {
					t.Fatalf("%s: %s at version %d, %v; want version %d", when, r.Key, r.Version, err, v)
				}
			}
		}
		first := func(n int) int {
			if n%3 == 0 {
				return n + 1
			}
			return 0
		}
		if err := errors.Join(tx.Prefetch(nil), tx.Prefetch(keys)); err != nil {
			return err
		}
		check("as it was", first)
		err := tx.Savepoint(func() error {
			for n := range 20 {
				if _, err := tx.Put(record(keys[n], 500), nil); err != nil {
					return err
				}
			}
			if err := errors.Join(tx.Forget(keys[21]), tx.Prefetch(keys)); err != nil {
				return err
			}
			check("after some were put and one forgotten", func(n int) int {
				switch {
				case n < 20:
					return 500
				case n == 21:
					return 0
				}
				return first(n)
			})
			return errOurs
		})
		if !errors.Is(err, errOurs) {
			return err
		}
		check("after that was undone", first)
		return nil
	})
}

// writesMany writes more in one transaction than an engine may hold back, undoes the
// latter half of it, and reads it all before and after the end.
func writesMany(t *testing.T, b *bench) {
	const many = 1500
	write := func(tx storage.Tx, from, to int) error {
		for n := from; n < to; n++ {
			r := withAudiences(record(key("item", n), n), shop)
			at, err := tx.Put(r, map[string]string{"code": string(id(n % 7)), "store_id": "plain"})
			if err != nil {
				return err
			}
			if err := errors.Join(tx.List(shop, storage.FeedLine{Position: at, Key: r.Key}), tx.Append(entry(2, n))); err != nil {
				return err
			}
		}
		return nil
	}
	check := func(when string, r storage.Reader) {
		t.Helper()
		found, err := r.Records(storage.Query{Type: "item", Where: map[string]string{"code": string(id(3)), "store_id": "plain"}})
		if want := many / 7; err != nil || len(found) != want || found[0].ID != id(3) {
			t.Fatalf("%s: %d records found by their index, %v; want %d", when, len(found), err, want)
		}
		lines, err := r.Feed(shop, 0, 0, 0)
		if err != nil || len(lines) != many {
			t.Fatalf("%s: %d lines of the feed, %v; want %d", when, len(lines), err, many)
		}
		entries, err := r.Entries(2, 0, 0, 0)
		if err != nil || len(entries) != many {
			t.Fatalf("%s: %d entries, %v; want %d", when, len(entries), err, many)
		}
		for n := 1; n <= many; n++ {
			rec, err := r.Record(key("item", n))
			if err != nil || rec.Version != uint64(n) || rec.Position != lines[n-1].Position || len(rec.Audiences) != 1 {
				t.Fatalf("%s: record %d is %+v, %v", when, n, rec, err)
			}
		}
		_, err = r.Record(key("item", many+1))
		code(t, when+": what was undone", err, atoll.NotFound)
	}
	update(t, b, func(tx storage.Tx) error {
		var ahead []atoll.Key
		for n := range 2 * many {
			ahead = append(ahead, key("item", n+1))
		}
		for part := range slices.Chunk(ahead[:many], 500) { // none is there
			if err := tx.Prefetch(part); err != nil {
				return err
			}
		}
		if err := write(tx, 1, many+1); err != nil {
			return err
		}
		err := tx.Savepoint(func() error { return errors.Join(tx.Prefetch(ahead[many:]), write(tx, many+1, 2*many), errOurs) })
		if !errors.Is(err, errOurs) {
			return err
		}
		check("inside", tx)
		return nil
	})
	view(t, b, func(r storage.Reader) error { check("afterwards", r); return nil })
	if err := b.Update(t.Context(), func(tx storage.Tx) error { return errors.Join(write(tx, many+1, 2*many), errOurs) }); !errors.Is(err, errOurs) {
		t.Fatal(err)
	}
	view(t, b, func(r storage.Reader) error { check("after a transaction that failed", r); return nil })
}
