package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"sync"
	"time"
)

// session is one connection with the statements prepared on it so far. One
// transaction uses it at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // by their SQL, which is constant but for the number of conditions
}

// pool lends sessions: the one that was given back last first, so that as few are
// open as are in use at once. Each costs a cache of its own, and reading the
// schema when it is opened.
type pool struct {
	places chan struct{} // one for each session in use
	back   chan struct{} // told when one is given back; who waits may be told in vain
	mu     sync.Mutex
	idle   []*session
}

func newPool(size int) *pool {
	return &pool{places: make(chan struct{}, size), back: make(chan struct{}, size)}
}

// Opening a session costs some milliseconds of processor time and a megabyte. With
// more in use than processors could serve, one that is given back is waited for as
// long as opening another would take.
const opening = 10 * time.Millisecond

func enough() int { return 2 * runtime.GOMAXPROCS(0) }

// take waits for a free session of the pool and opens one if none is open.
func take(ctx context.Context, p *pool, db *sql.DB) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s := p.await(ctx); s != nil {
		return s, nil
	}
	s, err := connected(ctx, db)
	if err != nil {
		p.give(nil)
	}
	return s, err
}

func connected(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, ended(ctx, explain("open a connection", err))
	}
	return &session{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

// end closes the session and its connection, which is not used again.
func (s *session) end() error {
	var errs []error
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	return errors.Join(errs...)
}

// await returns an idle session, or nil if another is to be opened.
func (p *pool) await(ctx context.Context) *session {
	if s := p.last(); s != nil || len(p.places) <= enough() {
		return s
	}
	late := time.NewTimer(opening)
	defer late.Stop()
	for {
		select {
		case <-p.back:
			if s := p.last(); s != nil {
				return s
			}
		case <-late.C:
			return p.last()
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *pool) last() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	s := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return s
}

// give takes a session back; nil is one that cannot be used again.
func (p *pool) give(s *session) {
	if s != nil {
		p.mu.Lock()
		p.idle = append(p.idle, s)
		p.mu.Unlock()
		select {
		case p.back <- struct{}{}:
		default:
		}
	}
	<-p.places
}

// prepare returns the statement, prepared at its first use.
func (s *session) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

func (s *session) close() error {
	var errs []error
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// closeAll closes the sessions of a pool, none of which may be in use, and the
// database that made them.
func closeAll(p *pool, db *sql.DB) error {
	if db == nil {
		return nil
	}
	var errs []error
	for s := p.last(); s != nil; s = p.last() {
		errs = append(errs, s.close())
	}
	return errors.Join(append(errs, db.Close())...)
}
