package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var shelfTests = []test{
	{"Get returns what was set", getReturns},
	{"Drop removes the value", drop},
	{"Scan goes in byte order, and back", scan},
	{"Walk passes every value", walk},
}

func getReturns(t *testing.T, b *bench) {
	values := map[string]string{"a": "one", "b": "\x00\xff", "é": "two", "": "of the empty key", "empty": "", "with space/and%": "3"}
	update(t, b, func(tx storage.Tx) error {
		for k, v := range values {
			if err := errors.Join(tx.Set("bucket", k, []byte("before")), tx.Set("bucket", k, []byte(v)), tx.Set("other", k, []byte("x"))); err != nil {
				return err
			}
		}
		return tx.Set("bucket", "nil", nil)
	})
	values["nil"] = ""
	b.reopen(t)
	for k, want := range values {
		got := read(t, b, func(r storage.Reader) ([]byte, error) { return r.Get("bucket", k) })
		equal(t, fmt.Sprintf("%q", k), string(got), want)
	}
	for _, bucket := range []string{"bucket", "third"} {
		err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Get(bucket, "A"); return err })
		code(t, "a key that is not there", err, atoll.NotFound)
	}
}

func drop(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Set("a", "k", []byte("1")), tx.Set("a", "l", []byte("2")), tx.Set("b", "k", []byte("3")))
	})
	for range 2 { // the second time it is not there
		update(t, b, func(tx storage.Tx) error { return tx.Drop("a", "k") })
		err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Get("a", "k"); return err })
		code(t, "the dropped one", err, atoll.NotFound)
		equal(t, "the bucket", scanKeys(t, b, "a", "", 0, false), []string{"l"})
		equal(t, "the other bucket", scanKeys(t, b, "b", "", 0, false), []string{"k"})
	}
}

func scanKeys(t *testing.T, s storage.Store, bucket, after string, limit int, reverse bool) (out []string) {
	t.Helper()
	for _, it := range read(t, s, func(r storage.Reader) ([]storage.Item, error) { return r.Scan(bucket, after, limit, reverse) }) {
		out = append(out, it.Key)
	}
	return out
}

func scan(t *testing.T, b *bench) {
	// In byte order, which is that of no language.
	sorted := []string{"", "1", "10", "2", "A", "Z", "a", "a b", "aa", "z", "é", "片", "😀"}
	update(t, b, func(tx storage.Tx) error {
		for i := range sorted {
			k := sorted[(i*5)%len(sorted)]
			if err := errors.Join(tx.Set("b", k, []byte("v"+k)), tx.Set("a", "x"+k, nil), tx.Set("c", "x"+k, nil)); err != nil {
				return err
			}
		}
		return nil
	})
	backwards := make([]string, len(sorted))
	for i, k := range sorted {
		backwards[len(sorted)-1-i] = k
	}
	for _, tt := range []struct {
		after   string
		limit   int
		reverse bool
		want    []string
	}{
		{"", 0, false, sorted},
		{"", 0, true, backwards},
		{"", 3, false, sorted[:3]},
		{"", 3, true, backwards[:3]},
		{"10", 2, false, []string{"2", "A"}},
		{"10", 9, true, []string{"1", ""}},
		{"B", 1, false, []string{"Z"}}, // between two keys
		{"B", 1, true, []string{"A"}},
		{"😀", 0, false, nil},
		{"1", 0, true, []string{""}},
	} {
		equal(t, fmt.Sprintf("after %q, limit %d, reverse %t", tt.after, tt.limit, tt.reverse), scanKeys(t, b, "b", tt.after, tt.limit, tt.reverse), tt.want)
	}
	got := read(t, b, func(r storage.Reader) ([]storage.Item, error) { return r.Scan("b", "a", 1, false) })
	equal(t, "values come along", got, []storage.Item{{Key: "a b", Value: []byte("va b")}})
	equal(t, "no bucket", scanKeys(t, b, "d", "", 0, false), []string(nil))
}

func walk(t *testing.T, b *bench) {
	want := []storage.Item{{Key: "", Value: []byte("of the empty key")}, {Key: "A", Value: []byte{0, 255}}, {Key: "a"}, {Key: "é", Value: []byte("two")}}
	update(t, b, func(tx storage.Tx) error {
		for i := range want {
			it := want[len(want)-1-i]
			if err := errors.Join(tx.Set("b", it.Key, it.Value), tx.Set("a", it.Key, nil), tx.Set("c", it.Key, nil)); err != nil {
				return err
			}
		}
		return nil
	})
	walked := func(r storage.Reader, bucket string, most int) (out []storage.Item, err error) {
		err = r.Walk(bucket, func(key, value []byte) error {
			it := storage.Item{Key: string(key)}
			if len(value) > 0 {
				it.Value = append([]byte{}, value...)
			}
			if out = append(out, it); len(out) == most {
				return errOurs
			}
			return nil
		})
		return out, err
	}
	equal(t, "the bucket", read(t, b, func(r storage.Reader) ([]storage.Item, error) { return walked(r, "b", 0) }), want)
	equal(t, "no bucket", read(t, b, func(r storage.Reader) ([]storage.Item, error) { return walked(r, "d", 0) }), []storage.Item(nil))
	update(t, b, func(tx storage.Tx) error { // it sees what the transaction wrote, which goes on after fn's error
		if err := errors.Join(tx.Drop("b", "A"), tx.Set("b", "B", []byte("new"))); err != nil {
			return err
		}
		got, err := walked(tx, "b", 2)
		if err != errOurs {
			t.Errorf("fn's error came back as %v", err)
		}
		equal(t, "up to fn's error", got, []storage.Item{want[0], {Key: "B", Value: []byte("new")}})
		_, err = tx.Get("b", "B")
		return err
	})
}
