package storagetest

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var queryTests = []test{
	{"Records lists one type in rising order of id", recordsInOrder},
	{"Records selects by every value in Where", recordsWhere},
	{"Records pages by After and Limit R-K-56", recordsPage},
	{"Records goes on after its cursor when others insert R-K-56", recordsPageWhileInserting},
}

func putAll(t *testing.T, s storage.Store, index func(n int) map[string]string, ns ...int) {
	t.Helper()
	update(t, s, func(tx storage.Tx) error {
		for _, n := range ns {
			var values map[string]string
			if index != nil {
				values = index(n)
			}
			if _, err := tx.Put(record(key("item", n), 1), values); err != nil {
				return err
			}
		}
		return nil
	})
}

func list(t *testing.T, s storage.Store, q storage.Query) []atoll.Key {
	t.Helper()
	return keys(read(t, s, func(r storage.Reader) ([]atoll.Record, error) { return r.Records(q) }))
}

func items(ns ...int) []atoll.Key {
	out := make([]atoll.Key, len(ns))
	for i, n := range ns {
		out[i] = key("item", n)
	}
	return out
}

func recordsInOrder(t *testing.T, b *bench) {
	putAll(t, b, nil, 3, 1, 5, 2, 4)
	update(t, b, func(tx storage.Tx) error {
		for _, typ := range []string{"items", "ite", "name"} { // neighbours
			if _, err := tx.Put(record(key(typ, 1), 1), nil); err != nil {
				return err
			}
		}
		_, err := tx.Put(record(key("item", 2), 2), nil) // a change moves no id
		return err
	})
	equal(t, "items", list(t, b, storage.Query{Type: "item"}), items(1, 2, 3, 4, 5))
	equal(t, "names", list(t, b, storage.Query{Type: "name"}), []atoll.Key{key("name", 1)})
	equal(t, "of no type", list(t, b, storage.Query{Type: "unit"}), []atoll.Key{})
}

func recordsWhere(t *testing.T, b *bench) {
	putAll(t, b, func(n int) map[string]string {
		return map[string]string{"odd": fmt.Sprint(n % 2), "third": fmt.Sprint(n % 3), "quote": `it's "x" \ <&> é`, "empty": ""}
	}, 6, 5, 4, 3, 2, 1)
	update(t, b, func(tx storage.Tx) error { // another type with the same values
		_, err := tx.Put(record(key("name", 1), 1), map[string]string{"odd": "1"})
		return err
	})
	for _, tt := range []struct {
		where map[string]string
		want  []atoll.Key
	}{
		{nil, items(1, 2, 3, 4, 5, 6)},
		{map[string]string{}, items(1, 2, 3, 4, 5, 6)},
		{map[string]string{"odd": "1"}, items(1, 3, 5)},
		{map[string]string{"odd": "1", "third": "0"}, items(3)},
		{map[string]string{"odd": "0", "third": "1", "empty": ""}, items(4)},
		{map[string]string{"odd": "2"}, items()},
		{map[string]string{"odd": "1", "third": "7"}, items()},
		{map[string]string{"never": "1"}, items()},
		{map[string]string{"never": ""}, items()},
		{map[string]string{"quote": `it's "x" \ <&> é`}, items(1, 2, 3, 4, 5, 6)},
	} {
		equal(t, fmt.Sprint(tt.where), list(t, b, storage.Query{Type: "item", Where: tt.where}), tt.want)
	}
	equal(t, "after and limit", list(t, b, storage.Query{Type: "item", Where: map[string]string{"odd": "1"}, After: id(1), Limit: 1}), items(3))
}

func recordsPage(t *testing.T, b *bench) {
	putAll(t, b, nil, 1, 2, 3, 4, 5, 6, 7)
	for _, limit := range []int{1, 2, 3, 7, 8} {
		var got []atoll.Key
		for after := atoll.ID(""); ; {
			page := list(t, b, storage.Query{Type: "item", After: after, Limit: limit})
			if len(page) > limit || len(got) > 7 {
				t.Fatalf("a page of %d has %d, after %d", limit, len(page), len(got))
			}
			if got = append(got, page...); len(page) < limit {
				break
			}
			after = page[len(page)-1].ID
		}
		equal(t, fmt.Sprintf("pages of %d", limit), got, items(1, 2, 3, 4, 5, 6, 7))
	}
}

func recordsPageWhileInserting(t *testing.T, b *bench) {
	putAll(t, b, nil, 10, 20, 30, 40)
	equal(t, "the first page", list(t, b, storage.Query{Type: "item", Limit: 2}), items(10, 20))
	putAll(t, b, nil, 5, 20, 25, 50) // before, at and after the cursor
	equal(t, "the second page", list(t, b, storage.Query{Type: "item", After: id(20), Limit: 2}), items(25, 30))
	equal(t, "the third page", list(t, b, storage.Query{Type: "item", After: id(30), Limit: 9}), items(40, 50))
}
