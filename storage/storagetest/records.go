package storagetest

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var recordTests = []test{
	{"What was read and has changed is read again", readsAgain},
	{"What is read ahead is as if it were not", readsAhead},
	{"Many rows in one transaction are all written, or undone", writesMany},
	{"Record returns what was put", recordReturnsAll},
	{"Record fails with NotFound", recordNotFound},
	{"Put replaces the record and its index", putReplaces},
	{"Tombstones and hidden records stay known R-A-15", tombstonesStay},
	{"Forget removes without a trace", forgetRemoves},
	{"CountRecords counts those in sight", countRecords},
}

func recordReturnsAll(t *testing.T, b *bench) {
	want := []atoll.Record{
		{Key: key("item", 1), Version: 1, Body: []byte(`{"name":"Paracétamol 500 mg — 片剂"}`), Origin: atoll.Origin{Site: 3, Seq: 9}},
		{Key: key("item", 2), Version: 1 << 62, Body: []byte(`{"n":0.1}`), Origin: atoll.Origin{Site: 1<<31 - 1, Seq: 1<<63 - 1}, Audiences: []atoll.Audience{atoll.All}},
		{Key: key("name", 1), Version: 3, Deleted: true, Body: []byte(`{}`), Audiences: []atoll.Audience{atoll.StoreAudience(id(5)), atoll.SiteAudience(4)}},
		{Key: key("name", 2), Version: 4, Hidden: true, Body: []byte(`{"a":"b\nc"}`)},
		{Key: key("name", 3), Version: 5, Deleted: true, Hidden: true},
	}
	update(t, b, func(tx storage.Tx) (err error) {
		for i := range want {
			r := want[i]
			r.Position = 77 // is ignored
			p, err := tx.Put(r, nil)
			if err != nil {
				return err
			}
			want[i].Position = p
		}
		return nil
	})
	b.reopen(t)
	for _, w := range want {
		got := read(t, b, func(r storage.Reader) (atoll.Record, error) { return r.Record(w.Key) })
		equal(t, w.Key.String(), got, w)
	}
	equal(t, "all of them", read(t, b, all), want)
}

func recordNotFound(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(record(key("item", 1), 1), nil)
		return err
	})
	for _, k := range []atoll.Key{key("item", 2), key("name", 1), {}} {
		err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Record(k); return err })
		code(t, k.String(), err, atoll.NotFound)
	}
}

func putReplaces(t *testing.T, b *bench) {
	k, other := key("item", 1), key("item", 2)
	where := func(field, value string) []atoll.Key {
		return keys(read(t, b, func(r storage.Reader) ([]atoll.Record, error) {
			return r.Records(storage.Query{Type: "item", Where: map[string]string{field: value}})
		}))
	}
	var second atoll.Record
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(record(k, 1), map[string]string{"code": "a", "store": "s", "gone": "x"})
		_, err2 := tx.Put(record(other, 1), map[string]string{"code": "a", "store": "s"})
		return errors.Join(err, err2)
	})
	update(t, b, func(tx storage.Tx) (err error) {
		second, err = put(tx, record(k, 2), map[string]string{"code": "b", "store": "s", "new": "y"})
		return err
	})
	equal(t, "the record", read(t, b, func(r storage.Reader) (atoll.Record, error) { return r.Record(k) }), second)
	equal(t, "all keys, by change", keys(read(t, b, all)), []atoll.Key{other, k})
	equal(t, "the old value finds", where("code", "a"), []atoll.Key{other})
	equal(t, "the new value finds", where("code", "b"), []atoll.Key{k})
	equal(t, "the value that stayed finds", where("store", "s"), []atoll.Key{k, other})
	equal(t, "the value that went finds", where("gone", "x"), []atoll.Key{})
	equal(t, "the value that came finds", where("new", "y"), []atoll.Key{k})
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(record(k, 3), nil)
		return err
	})
	equal(t, "without index the value finds", where("store", "s"), []atoll.Key{other})
}

func tombstonesStay(t *testing.T, b *bench) {
	dead, out := record(key("item", 1), 2), record(key("item", 2), 2)
	dead.Deleted, out.Hidden = true, true
	update(t, b, func(tx storage.Tx) (err error) {
		for n := 1; n <= 3; n++ {
			if _, err := tx.Put(record(key("item", n), 1), map[string]string{"code": "a"}); err != nil {
				return err
			}
		}
		dead, err = put(tx, dead, map[string]string{"code": "a"})
		if err != nil {
			return err
		}
		out, err = put(tx, out, map[string]string{"code": "a"})
		return err
	})
	b.reopen(t)
	equal(t, "the tombstone", read(t, b, func(r storage.Reader) (atoll.Record, error) { return r.Record(dead.Key) }), dead)
	equal(t, "the hidden one", read(t, b, func(r storage.Reader) (atoll.Record, error) { return r.Record(out.Key) }), out)
	equal(t, "the change log", keys(read(t, b, all)), []atoll.Key{key("item", 3), dead.Key, out.Key})
	for _, where := range []map[string]string{nil, {"code": "a"}} {
		for _, all := range []bool{false, true} {
			want := []atoll.Key{key("item", 3)}
			if all {
				want = []atoll.Key{dead.Key, out.Key, key("item", 3)}
			}
			got := read(t, b, func(r storage.Reader) ([]atoll.Record, error) {
				return r.Records(storage.Query{Type: "item", Where: where, All: all})
			})
			equal(t, "listed", keys(got), want)
		}
	}
}

func forgetRemoves(t *testing.T, b *bench) {
	k := key("item", 1)
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(record(k, 1), map[string]string{"code": "a"})
		_, err2 := tx.Put(record(key("item", 2), 1), map[string]string{"code": "a"})
		return errors.Join(err, err2)
	})
	for range 2 { // the second time there is nothing to forget
		update(t, b, func(tx storage.Tx) error { return errors.Join(tx.Forget(k), tx.Forget(key("item", 9))) })
		err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Record(k); return err })
		code(t, "the record", err, atoll.NotFound)
		equal(t, "the change log", keys(read(t, b, all)), []atoll.Key{key("item", 2)})
		found := read(t, b, func(r storage.Reader) ([]atoll.Record, error) {
			return r.Records(storage.Query{Type: "item", Where: map[string]string{"code": "a"}, All: true})
		})
		equal(t, "the index", keys(found), []atoll.Key{key("item", 2)})
		equal(t, "counts", read(t, b, storage.Reader.CountRecords), map[atoll.Type]int{"item": 1})
	}
	update(t, b, func(tx storage.Tx) error { // and it may come again
		_, err := tx.Put(record(k, 1), map[string]string{"code": "a"})
		return err
	})
	equal(t, "the change log", keys(read(t, b, all)), []atoll.Key{key("item", 2), k})
}

func countRecords(t *testing.T, b *bench) {
	counts := func() map[atoll.Type]int { return read(t, b, storage.Reader.CountRecords) }
	equal(t, "an empty database", counts(), map[atoll.Type]int{})
	live := func(k atoll.Key) atoll.Record { return record(k, 1) }
	dead := func(k atoll.Key) atoll.Record { r := record(k, 2); r.Deleted = true; return r }
	out := func(k atoll.Key) atoll.Record { r := record(k, 2); r.Hidden = true; return r }
	steps := []struct {
		name string
		put  []atoll.Record
		want map[atoll.Type]int
	}{
		{"new", []atoll.Record{live(key("item", 1)), live(key("item", 2)), live(key("name", 1))}, map[atoll.Type]int{"item": 2, "name": 1}},
		{"changed", []atoll.Record{live(key("item", 1)), live(key("item", 1))}, map[atoll.Type]int{"item": 2, "name": 1}},
		{"deleted and hidden", []atoll.Record{dead(key("item", 1)), out(key("name", 1))}, map[atoll.Type]int{"item": 1}},
		{"deleted again", []atoll.Record{dead(key("item", 1))}, map[atoll.Type]int{"item": 1}},
		{"never seen alive", []atoll.Record{dead(key("unit", 1))}, map[atoll.Type]int{"item": 1}},
		{"back", []atoll.Record{live(key("item", 1)), live(key("name", 1))}, map[atoll.Type]int{"item": 2, "name": 1}},
	}
	for _, s := range steps {
		update(t, b, func(tx storage.Tx) error {
			for _, r := range s.put {
				if _, err := tx.Put(r, nil); err != nil {
					return err
				}
			}
			return nil
		})
		equal(t, s.name, counts(), s.want)
	}
}
