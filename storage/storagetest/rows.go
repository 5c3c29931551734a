package storagetest

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var rowTests = []test{
	{"Rows reads fields of those in sight, in order R-J-14", rowsReadFields},
	{"Rows reads one snapshot R-J-11", rowsReadOneSnapshot},
	{"Rows ends at the first error", rowsEnd},
}

func rowsReadFields(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		for n, r := range []atoll.Record{
			{Key: key("item", 4), Body: []byte(`{"name":"a\nb","on":true,"price":1.50,"unit":"x"}`)},
			{Key: key("item", 1), Body: []byte(`{"name":"ü","price":-0,"unit":"y"}`)},
			{Key: key("item", 2), Body: []byte(`{"name":7}`), Deleted: true},
			{Key: key("item", 3), Body: []byte(`{"name":7}`), Hidden: true},
			{Key: key("item", 5), Body: []byte(`{"list":[{"price":9}],"on":false,"unit":"x"}`)},
			{Key: key("name", 6), Body: []byte(`{"name":"other"}`)},
		} {
			r.Version = 1
			index := map[string]string{"unit": string(r.MustFields().ID("unit")), "even": fmt.Sprint(n%2 == 0)}
			if _, err := tx.Put(r, index); err != nil {
				return err
			}
		}
		return nil
	})
	type line struct {
		id           atoll.ID
		name, price  string
		on           bool
		plain, whole string
	}
	list := func(where map[string]string) (out []line) {
		view(t, b, func(r storage.Reader) error {
			return r.Rows(storage.RowQuery{Type: "item", Fields: []string{"price", "name", "on", "list"}, Where: where}, func(row storage.Row) error {
				out = append(out, line{row.ID, row.Text(1), string(row.Number(0)), row.True(2), string(row.Plain(1)), string(row.Values[3])})
				return nil
			})
		})
		return out
	}
	one, four, five := line{id(1), "ü", "-0", false, "ü", ""}, line{id(4), "a\nb", "1.50", true, "", ""}, line{id(5), "", "", false, "", `[{"price":9}]`}
	equal(t, "all", list(nil), []line{one, four, five})
	equal(t, "of a unit", list(map[string]string{"unit": "x"}), []line{four, five})
	equal(t, "of two fields", list(map[string]string{"unit": "x", "even": "true"}), []line{four, five})
	equal(t, "of none", list(map[string]string{"unit": "z"}), []line(nil))
}

func rowsReadOneSnapshot(t *testing.T, b *bench) {
	put := func(from, to, version int) {
		update(t, b, func(tx storage.Tx) error {
			for n := from; n < to; n++ {
				if _, err := tx.Put(record(key("item", n), version), nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	put(0, 50, 1)
	other := b.another(t)
	view(t, b, func(r storage.Reader) error {
		n := 0
		return r.Rows(storage.RowQuery{Type: "item", Fields: []string{"code"}}, func(row storage.Row) error {
			if n++; n == 1 { // while the rows are read, another writes
				update(t, other, func(tx storage.Tx) error {
					for i := range 60 {
						if _, err := tx.Put(record(key("item", i), 2), nil); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if row.Text(0) != "c1" || n > 50 {
				t.Errorf("row %d is %s, of a later transaction", n, row.Text(0))
			}
			return nil
		})
	})
}

func rowsEnd(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		for n := range 3 {
			if _, err := tx.Put(record(key("item", n), 1), nil); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, b, func(r storage.Reader) error {
		n := 0
		for range 2 { // the reader can be used afterwards
			if err := r.Rows(storage.RowQuery{Type: "item"}, func(storage.Row) error { n++; return errOurs }); err != errOurs {
				t.Errorf("got %v, want the very error of fn", err)
			}
		}
		if n != 2 {
			t.Errorf("%d rows were read after an error", n)
		}
		_, err := r.Record(key("item", 1))
		return err
	})
}
