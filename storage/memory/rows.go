package memory

import (
	"encoding/json"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Rows implements [storage.RowReader]. As the contract has it, the values are
// gone when fn returns, and fn must not use this reader: it fails then.
func (r *reader) Rows(q storage.RowQuery, fn func(storage.Row) error) error {
	if err := r.call(); err != nil {
		return err
	}
	row1 := storage.Row{Values: make([]json.RawMessage, len(q.Fields))}
	var body []byte
	var theirs error
	err := r.rows(q.Type, "", false, fields(q.Where), func(found *row) bool {
		if !found.live() {
			return true
		}
		// A copy that the next row overwrites: who keeps a value, or changes it, does
		// no harm here, and is found out.
		body = append(body[:0], found.record.Body...)
		row1.ID = found.record.ID
		atoll.Pick(body, q.Fields, row1.Values)
		r.inRows = true
		defer func() { r.inRows = false }()
		theirs = fn(row1)
		return theirs == nil
	})
	if theirs != nil {
		return theirs
	}
	return err
}
