package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// reader reads in one transaction on one session. Every method reads its rows to
// the end before it returns: a loop over open rows must never meet a write to
// the table it reads.
type reader struct {
	// The transaction is a function, and its methods take no context of their own;
	// this one ends with it.
	ctx   context.Context
	quiet context.Context // ctx without its end: a statement is short, and watching each would cost more than it
	s     *session
	now   func() time.Time
	err   error // set when the transaction cannot go on
	open  bool
	// settle, if there is one, writes what is to be written before anything is asked.
	settle func() error
	newest atoll.Position // the last position, as the transaction found it
	// revision is that of the snapshot; known is what is remembered of audiences, nil
	// for a transaction that may change them.
	revision int64
	known    *audiences
	recall
}

var _ storage.Reader = (*reader)(nil)

var errOver = atoll.Errorf(atoll.Internal, "a transaction was used after its end")

func (r *reader) begin(how string) error {
	// Set before, for end: a BEGIN that was interrupted may have begun.
	r.open = true
	st, err := r.s.prepare(r.quiet, how)
	if err == nil {
		_, err = st.ExecContext(r.ctx)
	}
	return ended(r.ctx, explain("begin", err))
}

// end rolls back what was not committed and returns the session, or nil when it
// cannot be used again.
func (r *reader) end() *session {
	s := r.s
	r.err = errOver
	if !r.open {
		return s
	}
	r.open = false
	if r.plain("ROLLBACK") == nil {
		return s
	}
	// SQLite rolls back by itself after some errors. If a transaction can begin,
	// none is open; otherwise the connection is not used again.
	if r.plain("BEGIN") == nil && r.plain("ROLLBACK") == nil {
		return s
	}
	_ = s.close()
	return nil
}

// plain runs a statement whether the transaction can go on or not.
func (r *reader) plain(query string) error {
	st, err := r.s.prepare(r.quiet, query)
	if err == nil {
		_, err = st.ExecContext(r.quiet)
	}
	return err
}

// ready returns why no statement may run, if so.
func (r *reader) ready() error {
	if r.err != nil {
		return r.err
	}
	return r.ctx.Err()
}

// settled returns why no statement may run now, if so.
func (r *reader) settled() error {
	if err := r.ready(); err != nil || r.settle == nil {
		return err
	}
	return r.settle()
}

// failed notes an error of SQLite after which the transaction cannot go on.
func (r *reader) failed(doing string, err error) error {
	out := explain(doing, err)
	if fatal(err) {
		r.err = out
	}
	return out
}

// exec runs a statement and returns the number of rows it changed.
func (r *reader) exec(doing, query string, args ...any) (int64, error) {
	if err := r.settled(); err != nil {
		return 0, err
	}
	res, err := r.run(query, args)
	if err != nil {
		return 0, r.failed(doing, err)
	}
	n, err := res.RowsAffected()
	return n, err
}

func (r *reader) run(query string, args []any) (sql.Result, error) {
	st, err := r.s.prepare(r.quiet, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(r.quiet, args...)
}

// each calls fn for every row until fn returns false or an error. fn may not run
// statements.
func (r *reader) each(doing, query string, args []any, fn func(*sql.Rows) (bool, error)) error {
	if err := r.settled(); err != nil {
		return err
	}
	st, err := r.s.prepare(r.quiet, query)
	if err != nil {
		return r.failed(doing, err)
	}
	rows, err := st.QueryContext(r.quiet, args...)
	if err != nil {
		return r.failed(doing, err)
	}
	defer rows.Close()
	for n := 1; rows.Next(); n++ {
		// A long answer does not outlive its request.
		if n%1024 == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		more, err := fn(rows)
		if err != nil {
			return explain(doing, err)
		}
		if !more {
			break
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return r.failed(doing, err)
	}
	return nil
}

// row reads the first row into dest and reports whether there was one.
func (r *reader) row(doing, query string, args []any, dest ...any) (found bool, err error) {
	err = r.each(doing, query, args, func(rows *sql.Rows) (bool, error) {
		found = true
		return false, rows.Scan(dest...)
	})
	return found, err
}

// bound is the LIMIT for a limit of which 0 means none.
func bound(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
}

// blob is b for a column that is NOT NULL: the driver stores nil as NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
