package console

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/report"
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
	item  atoll.ID // the one that stands for it
	name  string   // as names are compared
	words []string // by which it is looked for
}

const shelvedAtOnce = 500 // items that are read together

var batchFields = []string{"item_id", "expiry_date", "batch", "total_number_of_packs", "available_number_of_packs"}

// stockList is a page of the stock of a store, or of that of the items whose words
// hold the text: by the name of the item, what expires first before the rest. Batches
// of which nothing is there come only if they are asked for.
func (c *console) stockList(v *Visit, store atoll.ID, text string, after atoll.ID, d *shelfData) (out []station.Record, next atoll.ID, err error) {
	all, err := c.batches(v, store, text, after != "")
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

// How long the order of a large store's stock is kept: to turn its pages, and for who
// asks anew, if no record has changed since.
const (
	longShelf   = 1000 // batches
	keptShelf   = time.Minute
	keptShelves = 4
)

// shelves are the stock of large stores in the order in which it is listed.
type shelves struct {
	sync.Mutex
	of    map[atoll.ID]*shelf
	order []atoll.ID // the oldest first
}

type shelf struct {
	mark    report.Mark
	at      time.Time
	batches []batch
}

func (s *shelves) get(store atoll.ID) *shelf {
	s.Lock()
	defer s.Unlock()
	return s.of[store]
}

func (s *shelves) keep(store atoll.ID, one *shelf) {
	s.Lock()
	defer s.Unlock()
	if s.of == nil {
		s.of = map[atoll.ID]*shelf{}
	}
	s.order = append(slices.DeleteFunc(s.order, func(id atoll.ID) bool { return id == store }), store)
	if len(s.order) > keptShelves {
		delete(s.of, s.order[0])
		s.order = s.order[1:]
	}
	s.of[store] = one
}

// batches are the stock lines of a store, or of its items that have for each word of the
// text one that begins so, in the order in which they are listed. A page that is turned
// is one of the same list.
func (c *console) batches(v *Visit, store atoll.ID, text string, turning bool) ([]batch, error) {
	mark, err := c.Station.Mark(v.ctx())
	if err != nil {
		return nil, err
	}
	one := c.shelves.get(store)
	if one == nil || c.Now().Sub(one.at) >= keptShelf || one.mark != mark && !turning {
		one = &shelf{mark: mark, at: c.Now()}
		if one.batches, err = c.readShelf(v, store); err != nil {
			return nil, err
		}
		if len(one.batches) > longShelf {
			c.shelves.keep(store, one)
		}
	}
	if text == "" {
		return one.batches, nil
	}
	looked := catalogue.Words(text)
	return slices.DeleteFunc(slices.Clone(one.batches), func(b batch) bool {
		return len(looked) == 0 || slices.ContainsFunc(looked, func(begun string) bool {
			return !slices.ContainsFunc(b.of.words, func(word string) bool { return strings.HasPrefix(word, begun) })
		})
	}), nil
}

// readShelf reads the stock lines of a store, and puts them in order.
func (c *console) readShelf(v *Visit, store atoll.ID) (out []batch, err error) {
	err = c.Database.View(v.ctx(), func(r storage.Reader) error {
		out = nil
		items := map[atoll.ID]*shelved{}
		q := storage.RowQuery{Type: "stock_line", Fields: batchFields, Where: map[string]string{"store_id": string(store)}}
		err := c.Station.Rows(r, q, func(row storage.Row) error {
			item := atoll.ID(row.Plain(0))
			of := items[item]
			if of == nil {
				of = &shelved{}
				items[item] = of
			}
			total, available := packs(row, 3), packs(row, 4)
			out = append(out, batch{id: row.ID, of: of, expiry: row.Text(1), code: row.Text(2), empty: total == 0 && available == 0, free: available > 0})
			return nil
		})
		if err != nil {
			return err
		}
		return c.shelve(v, r, items)
	})
	slices.SortFunc(out, func(a, b batch) int {
		if a.of != b.of {
			if n := cmp.Or(strings.Compare(a.of.name, b.of.name), strings.Compare(string(a.of.item), string(b.of.item))); n != 0 {
				return n
			}
		}
		return cmp.Or(later(a.expiry, b.expiry), strings.Compare(a.code, b.code), strings.Compare(string(a.id), string(b.id)))
	})
	return out, err
}

// shelve finds out what the items on a shelf are called. Most say it themselves; the
// others are asked for as everywhere.
func (c *console) shelve(v *Visit, r storage.Reader, items map[atoll.ID]*shelved) error {
	done, err := c.hearAll(r, items)
	if err == nil && !done {
		err = hearEach(r, items)
	}
	if err != nil {
		return err
	}
	merged := survivor.New(r, c.Catalogue)
	for id, of := range items {
		if of.item != "" {
			continue
		}
		stands, err := merged.Of(atoll.Key{Type: "item", ID: id})
		if err != nil {
			return err
		}
		name, err := c.name(v, r, atoll.Key{Type: "item", ID: stands}, 2)
		if err != nil {
			return err
		}
		of.call(stands, name, "")
	}
	return nil
}

func (s *shelved) call(item atoll.ID, name, code string) {
	words := catalogue.Words(name)
	s.item, s.name, s.words = item, strings.Join(words, " "), append(words, catalogue.Words(code)...)
}

// hearAll lets many items say what they are called that stand for themselves, if what is
// known of all items tells it; to look for each takes longer then.
func (c *console) hearAll(r storage.Reader, items map[atoll.ID]*shelved) (done bool, err error) {
	if len(items) < shelvedAtOnce {
		return false, nil
	}
	merged := map[atoll.ID]bool{}
	q := storage.RowQuery{Type: "item", Where: map[string]string{"status": survivor.Merged}}
	if err := r.Rows(q, func(row storage.Row) error { merged[row.ID] = true; return nil }); err != nil {
		return false, err
	}
	q = storage.RowQuery{Type: "item", Fields: []string{"name", "code"}}
	return c.Station.KnownRows(r, q, func(row storage.Row) error {
		if of := items[row.ID]; of != nil && !merged[row.ID] && row.Text(0) != "" {
			of.call(row.ID, row.Text(0), row.Text(1))
		}
		return nil
	})
}

// hearEach lets each item say what it is called that stands for itself.
func hearEach(r storage.Reader, items map[atoll.ID]*shelved) error {
	said := storage.Row{Values: make([]json.RawMessage, 3)}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(items)), shelvedAtOnce) {
		keys := make([]atoll.Key, len(ids))
		for i, id := range ids {
			keys[i] = atoll.Key{Type: "item", ID: id}
		}
		if err := r.Prefetch(keys); err != nil {
			return err
		}
		for _, key := range keys {
			rec, err := r.Record(key)
			if atoll.CodeOf(err) == atoll.NotFound || err == nil && (rec.Deleted || rec.Hidden) {
				continue
			}
			if err != nil {
				return err
			}
			atoll.Pick(rec.Body, []string{"name", "code", "merged_into"}, said.Values)
			if said.Text(0) != "" && said.Text(2) == "" {
				items[key.ID].call(key.ID, said.Text(0), said.Text(1))
			}
		}
	}
	return nil
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
