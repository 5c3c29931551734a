package report

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// book gives each id that the copy holds a small number, from 0 on, which stays: what
// is told apart by numbers needs no map of texts.
type book struct {
	at   map[atoll.ID]int32
	ids  []atoll.ID
	text room
}

func (b *book) number(id []byte) int32 {
	if n, is := b.at[atoll.ID(id)]; is {
		return n
	}
	n := int32(len(b.ids)) //nolint:gosec // there are not that many
	b.ids = append(b.ids, atoll.ID(b.text.keep(id)))
	b.at[b.ids[n]] = n
	return n
}

// copies are the records of one type.
type copies struct {
	fields []string
	ids    int // so many of the fields are ids
	own    bool
	book   *book
	place  map[atoll.ID]int32
	rows   []kept
	text   room
	gone   int                     // values in the room that no row has any more
	ranks  atomic.Pointer[[]int32] // of items, by their number, in the order of reports; nil when not known
}

// kept is one record: the values of its fields one after the other, each behind its
// length, and the numbers of its ids; -1 for a value that is none.
type kept struct {
	id     atoll.ID
	values string
	number [2]int32
}

// room holds many short texts in few pieces of memory, which a collection of garbage
// need not look at one by one.
type room struct{ piece *strings.Builder }

const roomPiece = 1 << 18

func (m *room) keep(b []byte) string {
	if m.piece == nil || m.piece.Cap()-m.piece.Len() < len(b) {
		m.piece = &strings.Builder{}
		m.piece.Grow(max(roomPiece, len(b)))
	}
	from := m.piece.Len()
	m.piece.Write(b)
	return m.piece.String()[from:]
}

func newCopies(t atoll.Type, fields []string, b *book, count int) *copies {
	return &copies{
		fields: fields, ids: keptIDs[t], own: t == "item", book: b, place: make(map[atoll.ID]int32, count), rows: make([]kept, 0, count),
	}
}

func (c *copies) put(id atoll.ID, values []json.RawMessage) {
	var space [256]byte
	b := space[:0]
	for _, v := range values {
		b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
	}
	n, is := c.place[id]
	if is && c.rows[n].values == string(b) {
		return
	}
	if is {
		id = c.rows[n].id
	} else {
		id = atoll.ID(c.text.keep([]byte(id)))
	}
	row := kept{id: id, values: c.text.keep(b), number: [2]int32{-1, -1}}
	for i := range c.ids {
		if plain := (storage.Row{Values: values}).Plain(i); len(plain) > 0 {
			row.number[i] = c.book.number(plain)
		}
	}
	if c.own {
		row.number[0] = c.book.number([]byte(id))
		c.ranks.Store(nil)
	}
	if is {
		c.gone++
		c.rows[n] = row
		return
	}
	c.place[id], c.rows = int32(len(c.rows)), append(c.rows, row) //nolint:gosec // there are not that many
}

// take takes a record as it was changed.
func (c *copies) take(rec atoll.Record) {
	if !rec.Deleted && !rec.Hidden {
		values := make([]json.RawMessage, len(c.fields))
		atoll.Pick(rec.Body, c.fields, values)
		c.put(rec.ID, values)
		return
	}
	n, is := c.place[rec.ID]
	if !is {
		return
	}
	last := len(c.rows) - 1
	c.rows[n] = c.rows[last]
	c.place[c.rows[n].id] = n
	delete(c.place, rec.ID)
	c.rows[last], c.rows = kept{}, c.rows[:last]
	c.gone++
	c.ranks.Store(nil)
}

// line is a row that a report reads. What comes from the copy in memory has numbers for
// its ids.
type line struct {
	storage.Row
	book   *book // whose the numbers are; nil for what comes from the database
	number []int32
}

// plainly makes a reader of lines one of the database's rows.
func plainly(fn func(line) error) func(storage.Row) error {
	return func(r storage.Row) error { return fn(line{Row: r}) }
}

func contains(all, some []string) bool {
	return all != nil && !slices.ContainsFunc(some, func(name string) bool { return !slices.Contains(all, name) })
}

// each calls fn with the records; the fields must be of those that are kept.
func (c *copies) each(fields []string, fn func(line) error) error {
	into, last := make([]int, len(c.fields)), 0 // where a value goes; which is the last that is wanted
	for i, name := range c.fields {
		if into[i] = slices.Index(fields, name); into[i] >= 0 {
			last = i + 1
		}
	}
	l, b := line{Row: storage.Row{Values: make([]json.RawMessage, len(fields))}, book: c.book, number: make([]int32, len(fields))}, []byte(nil)
	for i := range l.number {
		l.number[i] = -1
	}
	for i := range c.rows {
		row := &c.rows[i]
		l.ID, b = row.id, append(b[:0], row.values...)
		for rest, n := b, 0; n < last; n++ {
			size, width := binary.Uvarint(rest)
			end := width + int(size) //nolint:gosec // it was the length of a value
			if to := into[n]; to >= 0 {
				if l.Values[to] = rest[width:end:end]; size == 0 {
					l.Values[to] = nil
				}
				if n < c.ids {
					l.number[to] = row.number[n]
				}
			}
			rest = rest[end:]
		}
		if err := fn(l); err != nil {
			return err
		}
	}
	return nil
}

// texts are the first two values of a row, as they are spoken.
func (k *kept) texts() (first, second string) {
	next := func(rest string) (value, left string) {
		size, width := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		end := width + int(size) //nolint:gosec // it was the length of a value
		return rest[width:end], rest[end:]
	}
	spoken := func(v string) string {
		if len(v) >= 2 && v[0] == '"' && strings.IndexByte(v, '\\') < 0 {
			return v[1 : len(v)-1]
		}
		return storage.Row{Values: []json.RawMessage{json.RawMessage(v)}}.Text(0)
	}
	a, left := next(k.values)
	b, _ := next(left)
	return spoken(a), spoken(b)
}

// order is the rank of each item, by its number, in the order in which reports name them.
func (c *copies) order() []int32 {
	if known := c.ranks.Load(); known != nil {
		return *known
	}
	type entry struct {
		code, name string
		of         *kept
	}
	all := make([]entry, len(c.rows))
	for i := range all {
		code, name := c.rows[i].texts()
		all[i] = entry{code, name, &c.rows[i]}
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.name, b.name), cmp.Compare(a.of.id, b.of.id))
	})
	ranks := make([]int32, len(c.book.ids))
	for i, e := range all {
		ranks[e.of.number[0]] = int32(i) //nolint:gosec // as above
	}
	c.ranks.Store(&ranks)
	return ranks
}

// call gives items their names, and their order if it knows all of them.
func (c *copies) call(items *things) {
	if items.book != c.book { // they come from the database, or from an older copy
		items.index()
	}
	left := len(items.ids)
	for i := range c.rows {
		row := &c.rows[i]
		n, is := items.known(c.book, row.number[0], row.id)
		if is {
			items.codes[n], items.names[n] = row.texts()
			left--
		}
	}
	if left > 0 || items.book != c.book {
		items.order()
		return
	}
	ranks := c.order()
	items.rank = make([]int32, len(items.ids))
	for i := range c.rows {
		row := &c.rows[i]
		if n, is := items.known(c.book, row.number[0], row.id); is {
			items.rank[n] = ranks[row.number[0]]
		}
	}
}
