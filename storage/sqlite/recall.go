package sqlite

import (
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// recall is what one snapshot or transaction has read already and may read again:
// the document that each of its lines names, the generation of the topology. What
// the transaction itself writes is forgotten, and all of it when it goes back to a
// savepoint. Callers do not change what they are given.
type recall struct {
	records map[atoll.Key]*atoll.Record // nil for what is not there
	size    int                         // of the bodies in records
	shelf   map[place][]byte            // nil for what is not there
}

type place struct{ bucket, key string }

// Bounds of what is kept: a batch that was read ahead and what its records name.
const (
	recallRecords = 2048
	recallSize    = 2 << 20 // of all bodies
	recallPlaces  = 64
	recallBytes   = 8 << 10 // of one body or value
)

func (c *recall) noteRecord(r *atoll.Record) {
	if len(r.Body) > recallBytes {
		return
	}
	c.note(r.Key, r)
	c.size += len(r.Body)
}

func (c *recall) noteAbsent(key atoll.Key) { c.note(key, nil) }

func (c *recall) note(key atoll.Key, r *atoll.Record) {
	if c.records == nil {
		c.records = make(map[atoll.Key]*atoll.Record)
	}
	if len(c.records) >= recallRecords || c.size > recallSize {
		c.forgetRecords()
	}
	c.records[key] = r
}

func (c *recall) noteValue(p place, value []byte) {
	if len(value) > recallBytes {
		return
	}
	if c.shelf == nil {
		c.shelf = make(map[place][]byte)
	}
	if len(c.shelf) >= recallPlaces {
		clear(c.shelf)
	}
	c.shelf[p] = value
}

// forget forgets everything.
func (c *recall) forget() { c.forgetRecords(); clear(c.shelf) }

func (c *recall) forgetRecord(key atoll.Key) {
	if r := c.records[key]; r != nil {
		c.size -= len(r.Body)
	}
	delete(c.records, key)
}

func (c *recall) forgetRecords() { clear(c.records); c.size = 0 }

// prefetched is how many records one statement reads.
const prefetched = 64

const getLastID = `SELECT id FROM record WHERE type = ? ORDER BY id DESC LIMIT 1`

var getTogether = `SELECT ` + recordColumns + ` FROM record r WHERE r.type = ? AND r.id IN (?` + strings.Repeat(", ?", prefetched-1) + `)`

// Prefetch implements [storage.RecordReader]: the records are found with few
// statements instead of one each, and recalled when they are asked for.
func (r *reader) Prefetch(keys []atoll.Key) error {
	if err := r.ready(); err != nil {
		return err
	}
	keys = keys[:min(len(keys), recallRecords/2)]
	if len(r.recall.records)+len(keys) > recallRecords {
		r.forgetRecords() // rather than halfway through what comes
	}
	if r.recall.records == nil {
		r.recall.records = make(map[atoll.Key]*atoll.Record, len(keys))
	}
	ids := map[atoll.Type][]string{}
	for _, key := range keys {
		if _, seen := r.recall.records[key]; !seen {
			ids[key.Type] = append(ids[key.Type], string(key.ID))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(ids)) {
		all := ids[kind]
		slices.Sort(all) // the order of the index
		all, err := r.newer(kind, slices.Compact(all))
		if err != nil {
			return err
		}
		for some := range slices.Chunk(all, prefetched) {
			if err := r.prefetch(kind, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// newer notes of the ids, which rise, those above all that are here as absent, and
// returns the others. Ids are made in the order of time: most that come are such.
func (r *reader) newer(kind atoll.Type, ids []string) ([]string, error) {
	if len(ids) < prefetched/16 {
		return ids, nil
	}
	var last string
	if _, err := r.row("read the last id", getLastID, []any{string(kind)}, &last); err != nil {
		return nil, err
	}
	n, found := slices.BinarySearch(ids, last)
	if found {
		n++
	}
	for _, id := range ids[n:] {
		r.noteAbsent(atoll.Key{Type: kind, ID: atoll.ID(id)})
	}
	return ids[:n], nil
}

func (r *reader) prefetch(kind atoll.Type, ids []string) error {
	if len(ids) < prefetched/16 {
		return nil // one by one is as good
	}
	args := make([]any, 1, prefetched+1)
	args[0] = string(kind)
	for i := range prefetched {
		args = append(args, ids[min(i, len(ids)-1)])
	}
	there := make(map[atoll.ID]bool, len(ids))
	err := r.each("read records together", getTogether, args, func(rows *sql.Rows) (bool, error) {
		rec, err := scanRecord(rows)
		if err != nil {
			return false, err
		}
		there[rec.ID] = true
		r.noteRecord(&rec)
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !there[atoll.ID(id)] {
			r.noteAbsent(atoll.Key{Type: kind, ID: atoll.ID(id)})
		}
	}
	return nil
}
