package sqlite

import "github.com/atollsync/atoll"

// recall is what one snapshot or transaction has read already and may read again:
// the document that each of its lines names, the generation of the topology. What
// the transaction itself writes is forgotten, and all of it when it goes back to a
// savepoint. Callers do not change what they are given.
type recall struct {
	records map[atoll.Key]known
	shelf   map[place][]byte // nil for what is not there
}

type known struct {
	record atoll.Record
	there  bool
}

type place struct{ bucket, key string }

// Bounds of what is kept: enough for what repeats, too little to matter.
const (
	recallRecords = 256
	recallPlaces  = 64
	recallBytes   = 8 << 10 // of one body or value
)

func (c *recall) noteRecord(key atoll.Key, r atoll.Record, there bool) {
	if len(r.Body) > recallBytes {
		return
	}
	if c.records == nil {
		c.records = make(map[atoll.Key]known)
	}
	if len(c.records) >= recallRecords {
		clear(c.records)
	}
	c.records[key] = known{r, there}
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
func (c *recall) forget() { clear(c.records); clear(c.shelf) }
