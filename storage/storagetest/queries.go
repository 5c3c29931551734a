package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var queryTests = []test{
	{"Records lists one type in rising order of id", recordsInOrder},
	{"Records selects by every value in Where", recordsWhere},
	{"Records selects by beginnings of the names of indexed fields", recordsBegun},
	{"Records selects by beginnings that thousands have", recordsBegunByMany},
	{"Reindex sets what lists filter by, and nothing else", reindexes},
	{"Records pages by After and Limit R-K-56", recordsPage},
	{"Records lists in falling order, too, page by page", recordsFalling},
	{"Records lists in the order of an indexed field, both ways", recordsBy},
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

func recordsBegun(t *testing.T, b *bench) {
	putAll(t, b, func(n int) map[string]string {
		out := map[string]string{"odd": fmt.Sprint(n % 2), fmt.Sprintf("~ %d", n): "", "~ amoxicillin": "", "~ äx": "x"}
		if n%2 == 0 {
			out["~ amoxapine"] = "" // a second name that begins alike
		}
		if n%3 == 0 {
			out["~ capsule"] = "1"
		}
		return out
	}, 6, 5, 4, 3, 2, 1, 30)
	update(t, b, func(tx storage.Tx) error {
		if _, err := tx.Put(record(key("name", 1), 1), map[string]string{"~ amoxicillin": ""}); err != nil { // of another type
			return err
		}
		gone := record(key("item", 7), 1)
		gone.Deleted = true
		if _, err := tx.Put(gone, map[string]string{"~ amoxicillin": "", "~ capsule": ""}); err != nil {
			return err
		}
		gone.Key, gone.Deleted, gone.Hidden = key("item", 8), false, true
		_, err := tx.Put(gone, map[string]string{"~ amoxicillin": "", "~ capsule": ""})
		return err
	})
	for _, tt := range []struct {
		q    storage.Query
		want []atoll.Key
	}{
		{storage.Query{Begun: []string{"~ amox"}}, items(1, 2, 3, 4, 5, 6, 30)},
		{storage.Query{Begun: []string{"~ amoxicillin"}, Limit: 2}, items(1, 2)},
		{storage.Query{Begun: []string{"~ amoxicillin"}, After: id(4), Limit: 2}, items(5, 6)},
		{storage.Query{Begun: []string{"~ amoxa"}}, items(2, 4, 6, 30)},
		{storage.Query{Begun: []string{"~ a", "~ caps"}}, items(3, 6, 30)},
		{storage.Query{Begun: []string{"~ caps", "~ amoxa", "~ 3"}}, items(30)},
		{storage.Query{Begun: []string{"~ caps"}, Where: map[string]string{"odd": "1"}}, items(3)},
		{storage.Query{Begun: []string{"~ caps"}, All: true}, items(3, 6, 7, 8, 30)},
		{storage.Query{Begun: []string{"~ caps"}, Limit: 3}, items(3, 6, 30)},
		{storage.Query{Begun: []string{"~ amoxicillins"}}, items()},
		{storage.Query{Begun: []string{"~ ä"}}, items(1, 2, 3, 4, 5, 6, 30)},
		{storage.Query{Begun: []string{"~ caps", "~ zinc"}}, items()},
		{storage.Query{Begun: []string{"od"}, Limit: 1}, items(1)},
		{storage.Query{Begun: []string{""}, Limit: 1}, items(1)},
	} {
		tt.q.Type = "item"
		equal(t, fmt.Sprintf("%+v", tt.q), list(t, b, tt.q), tt.want)
	}
}

func recordsBegunByMany(t *testing.T, b *bench) {
	const many = 2500
	var ns []int
	for n := 1; n <= many; n++ {
		ns = append(ns, n)
	}
	putAll(t, b, func(n int) map[string]string {
		out := map[string]string{"~ tablet": "", "~ each": "", "odd": fmt.Sprint(n % 2)}
		if n == 7 || n == many {
			out["~ zinc"] = ""
		}
		return out
	}, ns...)
	for _, tt := range []struct {
		q    storage.Query
		want []atoll.Key
	}{
		{storage.Query{Begun: []string{"~ tab"}, Limit: 3}, items(1, 2, 3)},
		{storage.Query{Begun: []string{"~ tab", "~ e"}, After: id(many - 2)}, items(many-1, many)},
		{storage.Query{Begun: []string{"~ tab", "~ zi"}}, items(7, many)},
		{storage.Query{Begun: []string{"~ zi", "~ e"}, After: id(7)}, items(many)},
		{storage.Query{Begun: []string{"~ tab"}, Where: map[string]string{"odd": "1"}, Limit: 2, After: id(2)}, items(3, 5)},
		{storage.Query{Begun: []string{"~ tab", "~ amox"}}, items()},
	} {
		tt.q.Type = "item"
		equal(t, fmt.Sprintf("%+v", tt.q), list(t, b, tt.q), tt.want)
	}
	equal(t, "all", len(list(t, b, storage.Query{Type: "item", Begun: []string{"~ each"}})), many)
}

func reindexes(t *testing.T, b *bench) {
	putAll(t, b, func(int) map[string]string { return map[string]string{"code": "a", "unit": "box"} }, 1, 2)
	look := func() (out []storage.Sealed) {
		return read(t, b, func(r storage.Reader) ([]storage.Sealed, error) { return r.Sealed(0, 0) })
	}
	before := look()
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Reindex(key("item", 1), map[string]string{"code": "a", "~ word": ""}),
			tx.Reindex(key("item", 2), nil), tx.Reindex(key("item", 3), map[string]string{"code": "a"}))
	})
	equal(t, "records and seals", look(), before)
	for _, tt := range []struct {
		q    storage.Query
		want []atoll.Key
	}{
		{storage.Query{Where: map[string]string{"code": "a"}}, items(1)},
		{storage.Query{Where: map[string]string{"unit": "box"}}, items()},
		{storage.Query{Begun: []string{"~ w"}}, items(1)},
	} {
		tt.q.Type = "item"
		equal(t, fmt.Sprintf("%+v", tt.q), list(t, b, tt.q), tt.want)
	}
	putAll(t, b, nil, 1) // takes all of it out
	equal(t, "put again", list(t, b, storage.Query{Type: "item", Begun: []string{"~ w"}}), items())
	equal(t, "changed since", len(look()), 2)
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

// paged lists all that the query selects in pages of so many, and holds each page to its
// size.
func paged(t *testing.T, s storage.Store, q storage.Query, limit int) []atoll.Key {
	t.Helper()
	got := []atoll.Key{}
	for q.Limit = limit; ; {
		page := list(t, s, q)
		if len(page) > limit || len(got) > 100 {
			t.Fatalf("a page of %d has %d, after %d", limit, len(page), len(got))
		}
		if got = append(got, page...); len(page) < limit {
			return got
		}
		q.After = page[len(page)-1].ID
	}
}

func recordsFalling(t *testing.T, b *bench) {
	putAll(t, b, func(n int) map[string]string {
		return map[string]string{"odd": fmt.Sprint(n % 2), "third": fmt.Sprint(n % 3), "~ word": ""}
	}, 3, 1, 7, 5, 2, 4, 6)
	update(t, b, func(tx storage.Tx) error {
		for _, typ := range []string{"items", "ite", "name"} { // neighbours
			if _, err := tx.Put(record(key(typ, 4), 1), map[string]string{"odd": "1"}); err != nil {
				return err
			}
		}
		gone := record(key("item", 8), 1)
		gone.Deleted = true
		_, err := tx.Put(gone, map[string]string{"odd": "0"})
		return err
	})
	for _, tt := range []struct {
		q    storage.Query
		want []atoll.Key
	}{
		{storage.Query{}, items(7, 6, 5, 4, 3, 2, 1)},
		{storage.Query{All: true}, items(8, 7, 6, 5, 4, 3, 2, 1)},
		{storage.Query{After: id(5)}, items(4, 3, 2, 1)},
		{storage.Query{After: id(1)}, items()},
		{storage.Query{After: id(100)}, items(7, 6, 5, 4, 3, 2, 1)},
		{storage.Query{Where: map[string]string{"odd": "1"}}, items(7, 5, 3, 1)},
		{storage.Query{Where: map[string]string{"odd": "1", "third": "1"}}, items(7, 1)},
		{storage.Query{Where: map[string]string{"odd": "1"}, After: id(5)}, items(3, 1)},
		{storage.Query{Begun: []string{"~ w"}}, items(7, 6, 5, 4, 3, 2, 1)},
		{storage.Query{Begun: []string{"~ w"}, After: id(3)}, items(2, 1)},
		{storage.Query{Begun: []string{"~ w", "od"}, Where: map[string]string{"odd": "0"}}, items(6, 4, 2)},
	} {
		tt.q.Type, tt.q.Falling = "item", true
		equal(t, fmt.Sprintf("%+v", tt.q), list(t, b, tt.q), tt.want)
		for _, limit := range []int{1, 2, 3, 8} {
			equal(t, fmt.Sprintf("%+v in pages of %d", tt.q, limit), paged(t, b, tt.q, limit), tt.want)
		}
	}
	putAll(t, b, nil, 9, 2) // newer than the cursor: it is on no later page
	equal(t, "the second page", list(t, b, storage.Query{Type: "item", Falling: true, After: id(3), Limit: 2}), items(2, 1))
}

func recordsBy(t *testing.T, b *bench) {
	putAll(t, b, func(n int) map[string]string {
		if n == 6 {
			return map[string]string{"odd": "0"} // is in no order by time
		}
		return map[string]string{"odd": fmt.Sprint(n % 2), "at": []string{"", "2026-03", "2026-01", "2026-02", "2026-02", "", "", "2026-02"}[n], "at 2": "x"}
	}, 1, 2, 3, 4, 5, 6, 7)
	update(t, b, func(tx storage.Tx) error {
		_, err := tx.Put(record(key("name", 1), 1), map[string]string{"at": "2026-02"}) // of another type
		return err
	})
	odd := map[string]string{"odd": "1"}
	for _, tt := range []struct {
		q    storage.Query
		want []atoll.Key
	}{
		{storage.Query{By: "at"}, items(5, 2, 3, 4, 7, 1)},
		{storage.Query{By: "at", Falling: true}, items(1, 7, 4, 3, 2, 5)},
		{storage.Query{By: "at", After: id(3)}, items(4, 7, 1)},
		{storage.Query{By: "at", After: id(4), Falling: true}, items(3, 2, 5)},
		{storage.Query{By: "at", Where: odd}, items(5, 3, 7, 1)},
		{storage.Query{By: "at", Where: odd, Falling: true}, items(1, 7, 3, 5)},
		{storage.Query{By: "at", Where: odd, Falling: true, After: id(4)}, items(3, 5)}, // which need not be one of them
		{storage.Query{By: "never"}, items()},
	} {
		tt.q.Type = "item"
		equal(t, fmt.Sprintf("%+v", tt.q), list(t, b, tt.q), tt.want)
		for _, limit := range []int{1, 2, 3, 7} {
			equal(t, fmt.Sprintf("%+v in pages of %d", tt.q, limit), paged(t, b, tt.q, limit), tt.want)
		}
	}
	for _, tt := range []struct {
		q    storage.Query
		want atoll.Code
	}{
		{storage.Query{By: "at", After: id(6)}, atoll.NotFound},
		{storage.Query{By: "at", After: id(70)}, atoll.NotFound},
		{storage.Query{By: "at", Begun: []string{"od"}}, atoll.Invalid},
	} {
		tt.q.Type = "item"
		err := b.View(t.Context(), func(r storage.Reader) error { _, err := r.Records(tt.q); return err })
		equal(t, fmt.Sprintf("%+v", tt.q), atoll.CodeOf(err), tt.want)
	}
}
