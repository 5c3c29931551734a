package memory

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// reader reads one state. What it returns is the caller's: nothing in it is
// shared with the state.
type reader struct {
	// The transaction is a function, and its methods take no context of their own;
	// this one ends with it.
	ctx    context.Context
	store  *Store
	state  *state
	over   bool
	inRows bool // a function given to Rows is running

	// What a table is asked with. A reader belongs to one transaction, which is
	// never at two places at once.
	ask struct {
		row     row
		indexed indexed
		chain   chain
		entry   storage.JournalEntry
		line    line
		staged  staged
		value   value
		refusal storage.Refusal
	}
}

var _ storage.Reader = (*reader)(nil)

var (
	errOver   = atoll.Errorf(atoll.Internal, "a transaction was used after its end")
	errInRows = atoll.Errorf(atoll.Internal, "a function that is given rows used the transaction that reads them")
)

// call counts a storage call and returns why it cannot be done, if so.
func (r *reader) call() error {
	switch {
	case r.over:
		return errOver
	case r.inRows:
		return errInRows
	}
	if err := r.store.fate.call(); err != nil {
		return err
	}
	return r.ctx.Err()
}

func (r *reader) end() { r.over = true }

// tired returns the end of the context, looking at times: a long answer does not
// outlive its request.
func (r *reader) tired(n int) error {
	if n%1024 == 0 {
		return r.ctx.Err()
	}
	return nil
}

// bound is the limit as a number that is never reached when there is none.
func bound(limit int) int {
	if limit <= 0 {
		return math.MaxInt
	}
	return limit
}

// clone is a copy of the bytes, nil if there are none.
func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

// moment is the time as the contract keeps it.
func moment(t time.Time) time.Time {
	if t.IsZero() || t.UnixMilli() == 0 {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
