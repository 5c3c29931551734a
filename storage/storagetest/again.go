package storagetest

import (
	"errors"
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
