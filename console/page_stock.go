package console

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// emptyToo is the value of the filter that shows empty batches, too.
const emptyToo = "all"

// shelfData says of how many batches a list of stock is made.
type shelfData struct {
	Items, Batches int // of those that are there
	Empty          int // batches of which nothing is there
	EmptyToo       bool
}

// batch is one stock line, as far as it is needed to put it in its place.
type batch struct {
	id           atoll.ID
	of           *shelved
	expiry, code string
	empty        bool
	free         bool // some of it is available
}

// shelved is an item of which there are batches.
type shelved struct {
	item atoll.ID // the one that stands for it
	name string   // as names are compared
	out  bool     // it is not looked for
}

const shelvedAtOnce = 500 // items that are read together

var batchFields = []string{"item_id", "expiry_date", "batch", "total_number_of_packs", "available_number_of_packs"}

// stockList is a page of the stock of a store, or of that of the items whose words
// hold the text: by the name of the item, what expires first before the rest. Batches
// of which nothing is there come only if they are asked for.
func (c *console) stockList(v *Visit, store atoll.ID, text string, after atoll.ID, d *shelfData) (out []station.Record, next atoll.ID, err error) {
	all, err := c.batches(v, store, text)
	if err != nil {
		return nil, "", err
	}
	from, items := 0, map[atoll.ID]bool{}
	shown := all[:0:0]
	for _, b := range all {
		if b.empty {
			d.Empty++
		} else {
			d.Batches++
			items[b.of.item] = true
		}
		if !b.empty || d.EmptyToo {
			shown = append(shown, b)
		}
		if b.id == after { // which may have become empty meanwhile
			from = len(shown)
		}
	}
	d.Items = len(items)
	shown = shown[from:]
	if len(shown) > pageRows {
		shown = shown[:pageRows]
		next = shown[pageRows-1].id
	}
	out, err = c.linesOf(v, shown)
	return out, next, err
}

// linesOf are the stock lines of the batches, without those that are gone meanwhile.
func (c *console) linesOf(v *Visit, batches []batch) (out []station.Record, err error) {
	for _, b := range batches {
		rec, err := c.Station.Record(v.ctx(), atoll.Key{Type: "stock_line", ID: b.id})
		if atoll.CodeOf(err) == atoll.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// batches are the stock lines of a store, or of its items whose words begin so, in the
// order in which they are listed.
func (c *console) batches(v *Visit, store atoll.ID, text string) (out []batch, err error) {
	err = c.Database.View(v.ctx(), func(r storage.Reader) error {
		out = nil
		shelf := map[atoll.ID]*shelved{}
		q := storage.RowQuery{Type: "stock_line", Fields: batchFields, Where: map[string]string{"store_id": string(store)}}
		err := r.Rows(q, func(row storage.Row) error {
			item := atoll.ID(row.Plain(0))
			of := shelf[item]
			if of == nil {
				of = &shelved{}
				shelf[item] = of
			}
			total, available := packs(row, 3), packs(row, 4)
			out = append(out, batch{id: row.ID, of: of, expiry: row.Text(1), code: row.Text(2), empty: total == 0 && available == 0, free: available > 0})
			return nil
		})
		if err != nil {
			return err
		}
		return c.shelve(v, r, shelf, catalogue.Looked(text), text != "")
	})
	out = slices.DeleteFunc(out, func(b batch) bool { return b.of.out })
	slices.SortFunc(out, func(a, b batch) int {
		return cmp.Or(
			strings.Compare(a.of.name, b.of.name), strings.Compare(string(a.of.item), string(b.of.item)), later(a.expiry, b.expiry),
			strings.Compare(a.code, b.code), strings.Compare(string(a.id), string(b.id)))
	})
	return out, err
}

// shelve finds out what the items on a shelf are called. Those without a word that
// begins as each of the looked ones are not looked for.
func (c *console) shelve(v *Visit, r storage.Reader, shelf map[atoll.ID]*shelved, looked []string, asked bool) error {
	merged := survivor.New(r, c.Catalogue)
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(shelf)), shelvedAtOnce) {
		keys := make([]atoll.Key, len(ids))
		for i, id := range ids {
			keys[i] = atoll.Key{Type: "item", ID: id}
		}
		if err := r.Prefetch(keys); err != nil {
			return err
		}
		for _, key := range keys {
			to, err := merged.Of(key)
			if err != nil {
				return err
			}
			of, stands := shelf[key.ID], atoll.Key{Type: "item", ID: to}
			name, err := c.name(v, r, stands, 2)
			if err != nil {
				return err
			}
			of.item, of.name = to, strings.Join(catalogue.Words(name), " ")
			if !asked {
				continue
			}
			if of.out, err = c.without(r, stands, looked); err != nil {
				return err
			}
		}
	}
	return nil
}

// without reports whether the record has no word that begins as one of the looked ones.
func (c *console) without(r storage.Reader, key atoll.Key, looked []string) (bool, error) {
	rec, err := r.Record(key)
	if atoll.CodeOf(err) == atoll.NotFound {
		return true, nil
	}
	if err != nil {
		return true, err
	}
	f, err := rec.Fields()
	if err != nil {
		return true, err
	}
	words := c.Catalogue.Index(key.Type, f)
	for _, begun := range looked {
		has := false
		for name := range words {
			has = has || strings.HasPrefix(name, begun)
		}
		if !has {
			return true, nil
		}
	}
	return len(looked) == 0, nil
}

// later compares dates; what has none comes last.
func later(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a))
	}
	return strings.Compare(a, b)
}

// packs is whether a number of packs is below, at or above nothing.
func packs(row storage.Row, field int) int {
	if n := row.Number(field); len(n) > 0 {
		return documents.Sign(string(n))
	}
	return 0
}
