package report

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// keptFields are the types of which reports over all stores, and the map, read every
// record, and the fields that they read; ids come first.
var keptFields = map[atoll.Type][]string{
	"item": {"code", "name"},
	"stock_line": {
		"store_id", "item_id", "pack_size", "total_number_of_packs", "available_number_of_packs", "cost_price_per_pack", "sell_price_per_pack",
		"batch", "expiry_date",
	},
	"name": {"kind", "latitude", "longitude"},
}

// keptIDs is how many of the fields are ids.
var keptIDs = map[atoll.Type]int{"stock_line": 2}

// What is kept, and how much is made up for while somebody waits.
const (
	keptMost  = 500_000 // items and stock lines, of some 250 bytes each; of more, none are kept
	keptNames = 100_000 // names, of some 150 bytes each; likewise
	keptBatch = 1000    // changes that are read at once
	keptBack  = 5000    // positions that are made up for when a report is asked
)

// Kept is a copy in memory of what reports read of all items and stock lines, and the
// map of all names: the database needs most of a second to read 200,000 records through. It is made ahead,
// by KeepUp, and no report waits for that. It answers for one state of the database
// only, which Mark tells from all others; a report of any other state reads the
// database. It belongs to one open database: a restored one is opened anew, with an
// empty one, which the zero Kept is.
type Kept struct {
	mu   sync.RWMutex
	mark Mark
	of   map[atoll.Type]*copies // of the types that are kept; nil when it is of no state
	book *book                  // the numbers of the ids in it
}

// Mark tells one state of a database's records from every other.
type Mark struct {
	Position atoll.Position
	counts   uint64 // of the records of each type: what is forgotten leaves no position
}

// MarkOf returns the mark of what the reader sees.
func MarkOf(r storage.Reader) (Mark, error) {
	now, _, err := markOf(r)
	return now, err
}

// markOf is MarkOf, with how many records of each type there are.
func markOf(r storage.Reader) (Mark, map[atoll.Type]int, error) {
	at, err := r.LastPosition()
	if err != nil {
		return Mark{}, nil, err
	}
	counts, err := r.CountRecords()
	if err != nil {
		return Mark{}, nil, err
	}
	sum := fnv.New64a()
	for _, t := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintln(sum, t, counts[t])
	}
	return Mark{at, sum.Sum64()}, counts, nil
}

// KeepUp makes the copy fit what the reader sees, and makes one if there is none; with
// very many records it keeps none.
func (k *Kept) KeepUp(r storage.Reader) error {
	now, counts, err := markOf(r)
	if err != nil || k.is(now) {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	rows := 0
	for _, c := range k.of {
		rows += len(c.rows)
	}
	if ok, err := k.follow(r, now, counts, atoll.Position(rows)); ok || err != nil { //nolint:gosec // a count
		return err
	}
	k.of = nil
	of := map[atoll.Type]*copies{}
	k.book = &book{at: make(map[atoll.ID]int32, counts["item"])}
	for t, fields := range keptFields {
		if many(t, counts) {
			continue
		}
		c := newCopies(t, fields, k.book, counts[t])
		if err := r.Rows(storage.RowQuery{Type: t, Fields: fields}, func(row storage.Row) error { c.put(row.ID, row.Values); return nil }); err != nil {
			return err
		}
		of[t] = c
	}
	k.of, k.mark = of, now
	if !k.counted(counts) { // the database contradicts itself; `atoll check` says so
		k.of = nil
		return nil
	}
	if items := k.of["item"]; items != nil {
		items.order()
	}
	return nil
}

// many reports whether there are too many records of the type to keep them.
func many(t atoll.Type, counts map[atoll.Type]int) bool {
	if t == "name" {
		return counts[t] > keptNames
	}
	return counts["item"]+counts["stock_line"] > keptMost
}

// Rows calls fn with the records that the query selects, as storage.RowReader does but in
// no order: from the copy if it is of what the reader sees, or nearly, and has the fields.
func (k *Kept) Rows(r storage.Reader, q storage.RowQuery, fn func(storage.Row) error) error {
	if done, err := k.Known(r, q, fn); done || err != nil {
		return err
	}
	return r.Rows(q, fn)
}

// Known is Rows from the copy alone; done is false when it does not tell, and fn was not
// called.
func (k *Kept) Known(r storage.Reader, q storage.RowQuery, fn func(storage.Row) error) (done bool, err error) {
	wanted, values := slices.Clip(q.Fields), []string(nil)
	for field, value := range q.Where {
		wanted, values = append(wanted, field), append(values, value)
	}
	return k.rows(r, storage.RowQuery{Type: q.Type, Fields: wanted}, func(l line) error {
		for i, value := range values {
			if string(l.Bytes(len(q.Fields)+i)) != value {
				return nil
			}
		}
		return fn(storage.Row{ID: l.ID, Values: l.Values[:len(q.Fields)]})
	})
}

// rows calls fn with every record of the type, in no order, if the copy is of what the
// reader sees, or nearly; done is false when it is not, and fn was not called.
func (k *Kept) rows(r storage.Reader, q storage.RowQuery, fn func(line) error) (done bool, err error) {
	if k == nil || len(q.Where) > 0 || !contains(keptFields[q.Type], q.Fields) {
		return false, nil
	}
	return k.with(r, q.Type, func(c *copies) error { return c.each(q.Fields, fn) })
}

// called tells the things that are items what they are called, and their order, as rows
// does.
func (k *Kept) called(r storage.Reader, items *things) (done bool, err error) {
	if k == nil {
		return false, nil
	}
	return k.with(r, "item", func(c *copies) error { c.call(items); return nil })
}

// with calls fn with the records of the type, while the copy is of what the reader sees.
func (k *Kept) with(r storage.Reader, t atoll.Type, fn func(*copies) error) (done bool, err error) {
	now, counts, err := markOf(r)
	if err != nil {
		return false, err
	}
	if !k.is(now) {
		if err := k.catchUp(r, now, counts); err != nil {
			return false, err
		}
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if c := k.of[t]; c != nil && k.mark == now {
		return true, fn(c)
	}
	return false, nil
}

func (k *Kept) is(now Mark) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.of != nil && k.mark == now
}

func (k *Kept) catchUp(r storage.Reader, now Mark, counts map[atoll.Type]int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.follow(r, now, counts, keptBack)
	return err
}

// follow makes up for what was changed since, if that is not more than so many
// positions. What comes out is compared with the counts: of what was forgotten there
// is no change to be read, so the copy is given up.
func (k *Kept) follow(r storage.Reader, now Mark, counts map[atoll.Type]int, most atoll.Position) (ok bool, err error) {
	switch {
	case k.of == nil || now.Position < k.mark.Position || now.Position-k.mark.Position > most:
		return false, nil
	case k.mark == now:
		return true, nil
	}
	for at := k.mark.Position; ; {
		changed, err := r.Changed(at, keptBatch)
		if err != nil {
			k.of = nil // it is half of one state and half of another
			return false, err
		}
		for _, rec := range changed {
			at = rec.Position
			if c := k.of[rec.Type]; c != nil {
				c.take(rec)
			}
		}
		if len(changed) < keptBatch {
			break
		}
	}
	if k.mark = now; !k.counted(counts) || k.worn() {
		k.of = nil
	}
	return k.of != nil, nil
}

// worn reports whether the copy holds as much that nobody asks for any more as it holds
// records, so that it is made anew.
func (k *Kept) worn() bool {
	rows, gone := 0, 0
	for _, c := range k.of {
		rows, gone = rows+len(c.rows), gone+c.gone
	}
	return gone > rows+keptBatch || len(k.book.ids) > 2*rows+keptBatch
}

// counted reports whether the copy has as many records as the database.
func (k *Kept) counted(counts map[atoll.Type]int) bool {
	for t, c := range k.of {
		if len(c.rows) != counts[t] {
			return false
		}
	}
	return true
}
