package storagetest

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

var digestTests = []test{
	{"Put, Place and Forget keep the digests up R-H-44", digestsFollow},
	{"Digests are as durable as the records R-H-44", digestsAreDurable},
	{"Sealed returns what was put, with its seal R-H-44", sealedReturnsSeals},
	{"Amend adds to a digest", amendAdds},
	{"Recount changes nothing that is right", recountChangesNothing},
	{"Digests pages by After and Limit", digestsPage},
}

const (
	shop = atoll.Audience("store/a")
	desk = atoll.Audience("to/b")
	mine = atoll.Audience("site/3")
	sick = atoll.Audience("patient/p")
)

// under are the digests that the records should have.
func under(records ...atoll.Record) map[atoll.Audience]digest.Sum {
	out := map[atoll.Audience]digest.Sum{}
	for _, r := range records {
		for _, a := range digest.Counted(r.Audiences) {
			s := out[a]
			s.Add(digest.Of(r))
			out[a] = s
		}
	}
	return out
}

func digests(t *testing.T, s storage.Store) map[atoll.Audience]digest.Sum {
	t.Helper()
	var out map[atoll.Audience]digest.Sum
	view(t, s, func(r storage.Reader) (err error) { out, err = digestsOf(r); return err })
	return out
}

// digestsOf reads all digests, and each one by itself.
func digestsOf(r storage.Reader) (map[atoll.Audience]digest.Sum, error) {
	out := map[atoll.Audience]digest.Sum{}
	list, err := r.Digests("", 0)
	for _, d := range list {
		out[d.Audience] = d.Sum
	}
	for _, a := range []atoll.Audience{shop, desk, mine, sick, "all"} {
		s, derr := r.Digest(a)
		err = errors.Join(err, derr)
		if s != out[a] {
			err = errors.Join(err, errors.New("the digest of "+string(a)+" is another in the list"))
		}
	}
	return out, err
}

func placed(k atoll.Key, version int, audiences ...atoll.Audience) atoll.Record {
	r := record(k, version)
	r.Audiences = audiences
	return r
}

func digestsFollow(t *testing.T, b *bench) {
	one, two := placed(key("item", 1), 1, desk, shop), placed(key("item", 2), 1, shop)
	dead, out := placed(key("item", 2), 2, shop), placed(key("item", 2), 3, shop)
	dead.Deleted, out.Hidden = true, true
	person, visit := placed(key("patient", 1), 1, sick, mine), placed(key("visit", 1), 1, sick, mine, shop)
	moved := one
	moved.Audiences = []atoll.Audience{mine}
	stays := one
	stays.Audiences = nil
	put := func(r atoll.Record) func(storage.Tx) error {
		return func(tx storage.Tx) error { _, err := tx.Put(r, nil); return err }
	}
	for _, step := range []struct {
		name string
		do   func(storage.Tx) error
		want map[atoll.Audience]digest.Sum
	}{
		{"new", put(one), under(one)},
		{"another", put(two), under(one, two)},
		{"the same again", put(two), under(one, two)},
		{"deleted: a tombstone counts", put(dead), under(one, dead)},
		{"hidden: it does not", put(out), under(one)},
		{"back", put(two), under(one, two)},
		{"placed elsewhere", func(tx storage.Tx) error { return tx.Place(one.Key, moved.Audiences) }, under(moved, two)},
		{"placed nowhere", func(tx storage.Tx) error { return tx.Place(one.Key, nil) }, under(two)},
		{"placed again", func(tx storage.Tx) error { return tx.Place(one.Key, one.Audiences) }, under(one, two)},
		{"placed, but not there", func(tx storage.Tx) error { return tx.Place(key("item", 9), one.Audiences) }, under(one, two)},
		{"forgotten", func(tx storage.Tx) error { return tx.Forget(two.Key) }, under(one)},
		{"forgotten again", func(tx storage.Tx) error { return tx.Forget(two.Key) }, under(one)},
		{"narrow audiences count where they are read", put(person), under(one, person)},
		{"and nowhere for what has another", put(visit), under(one, person, visit)},
	} {
		update(t, b, func(tx storage.Tx) error {
			if err := step.do(tx); err != nil {
				return err
			}
			got, err := digestsOf(tx)
			equal(t, step.name+", in the transaction", got, step.want)
			return err
		})
		equal(t, step.name, digests(t, b), step.want)
	}
	if len(under(visit)) != 1 || under(visit)[shop].Count != 1 || under(person)[mine].Count != 1 {
		t.Errorf("the expectation is wrong: %v, %v", under(visit), under(person))
	}
	before := read(t, b, func(r storage.Reader) (atoll.Record, error) { return r.Record(one.Key) })
	update(t, b, func(tx storage.Tx) error { return tx.Place(one.Key, nil) })
	after := read(t, b, func(r storage.Reader) (atoll.Record, error) { return r.Record(one.Key) })
	before.Audiences = nil
	equal(t, "a record that was placed", after, before)
	seal := read(t, b, func(r storage.Reader) (digest.Row, error) { return r.Seal(one.Key) })
	equal(t, "its seal", seal, digest.Of(one))
	code(t, "an audience of two lines", b.Update(t.Context(), func(tx storage.Tx) error {
		return tx.Place(one.Key, []atoll.Audience{"a\nb"})
	}), atoll.Invalid)
}

func digestsAreDurable(t *testing.T, b *bench) {
	one, two, three := placed(key("item", 1), 1, shop), placed(key("item", 2), 1, shop), placed(key("item", 3), 1, desk)
	update(t, b, func(tx storage.Tx) error { _, err := tx.Put(one, nil); return err })
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		_, err := tx.Put(two, nil)
		return errors.Join(err, errOurs)
	})
	if !errors.Is(err, errOurs) {
		t.Fatal(err)
	}
	equal(t, "after a rollback", digests(t, b), under(one))
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(three, nil)
		undone := tx.Savepoint(func() error {
			_, err := tx.Put(two, nil)
			return errors.Join(err, tx.Forget(three.Key), errOurs)
		})
		if !errors.Is(undone, errOurs) {
			t.Fatal(undone)
		}
		return errors.Join(err, tx.Savepoint(func() error { return tx.Amend(shop, digest.Sum{}) }))
	})
	b.reopen(t)
	equal(t, "after a savepoint that was undone", digests(t, b), under(one, three))
}

func sealedReturnsSeals(t *testing.T, b *bench) {
	var want []atoll.Record
	update(t, b, func(tx storage.Tx) error {
		for n := 1; n <= 5; n++ {
			r := placed(key("item", n), n, shop)
			r.Deleted, r.Hidden = n == 2, n == 3
			r, err := put(tx, r, nil)
			if err != nil {
				return err
			}
			want = append(want, r)
		}
		return nil
	})
	b.reopen(t)
	var got []atoll.Record
	for after := atoll.Position(0); ; {
		page := read(t, b, func(r storage.Reader) ([]storage.Sealed, error) { return r.Sealed(after, 2) })
		if len(page) == 0 {
			break
		}
		for _, s := range page {
			if after = s.Record.Position; !s.Whole() || s.Seal != digest.Of(s.Record) {
				t.Errorf("%s: its seal is not of what was put", s.Record.Key)
			}
			s.Record.Body = append([]byte("x"), s.Record.Body...)
			if s.Whole() {
				t.Errorf("%s: another body goes with the seal", s.Record.Key)
			}
			s.Record.Body = s.Record.Body[1:]
			got = append(got, s.Record)
		}
	}
	equal(t, "the records", got, want)
	err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Seal(key("item", 9)); return err })
	code(t, "the seal of what is not there", err, atoll.NotFound)
}

func amendAdds(t *testing.T, b *bench) {
	one, two := placed(key("item", 1), 1, shop), placed(key("item", 2), 1, shop)
	var off digest.Sum
	off.Add(digest.Of(two))
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(one, nil)
		return errors.Join(err, tx.Amend(shop, off), tx.Amend(desk, off))
	})
	equal(t, "amended", digests(t, b), map[atoll.Audience]digest.Sum{shop: under(one, two)[shop], desk: off})
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Amend(shop, digest.Sum{}.Minus(off)), tx.Amend(desk, digest.Sum{}.Minus(off)))
	})
	equal(t, "amended back", digests(t, b), under(one))
}

func digestsPage(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		for n := 1; n <= 5; n++ {
			if _, err := tx.Put(placed(key("item", n), 1, atoll.SiteAudience(atoll.SiteID(n))), nil); err != nil {
				return err
			}
		}
		return nil
	})
	var got []atoll.Audience
	for after := atoll.Audience(""); ; {
		page := read(t, b, func(r storage.Reader) ([]storage.AudienceDigest, error) { return r.Digests(after, 2) })
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			after = d.Audience
			got = append(got, after)
		}
	}
	equal(t, "the audiences", got, []atoll.Audience{"site/1", "site/2", "site/3", "site/4", "site/5"})
}

func recountChangesNothing(t *testing.T, b *bench) {
	one, two := placed(key("item", 1), 1, shop), placed(key("item", 2), 1, desk)
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(one, map[string]string{"code": "a"})
		return err
	})
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(two, map[string]string{"code": "a"})
		return errors.Join(err, tx.Recount())
	})
	equal(t, "counts", read(t, b, storage.Reader.CountRecords), map[atoll.Type]int{"item": 2})
	equal(t, "digests", digests(t, b), under(one, two))
	found := read(t, b, func(r storage.Reader) ([]atoll.Record, error) {
		return r.Records(storage.Query{Type: "item", Where: map[string]string{"code": "a"}})
	})
	equal(t, "the index", keys(found), []atoll.Key{one.Key, two.Key})
}
