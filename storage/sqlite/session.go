package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// session is one connection with the statements prepared on it so far. One
// transaction uses it at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // by their SQL, which is constant but for the number of conditions
}

// take waits for a free session of the pool and opens it if it is not open.
func take(ctx context.Context, pool chan *session, db *sql.DB) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var s *session
	select {
	case s = <-pool:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s != nil {
		return s, nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		pool <- nil
		return nil, ended(ctx, explain("open a connection", err))
	}
	return &session{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
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

// closeAll closes the sessions of a pool, which must all be in it, and the
// database that made them.
func closeAll(pool chan *session, db *sql.DB) error {
	if db == nil {
		return nil
	}
	var errs []error
	for range cap(pool) {
		if s := <-pool; s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(append(errs, db.Close())...)
}
