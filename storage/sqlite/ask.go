package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"regexp"
	"strings"
	"time"

	engine "modernc.org/sqlite"

	"github.com/atollsync/atoll"
)

// Ask runs one query of a person over the views (R-J-13), on a connection that
// cannot write and sees nothing but what begins with "report_". It tells the
// columns first, then each row as text, nil for NULL. It fails with atoll.Denied
// for a statement that does anything else, with atoll.Invalid for one that cannot
// be understood, and with atoll.Interrupted when it takes longer than limit.
func (s *Store) Ask(ctx context.Context, query string, limit time.Duration, columns func([]string) error, row func([]*string) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	// A name that a query gives to a part of itself hides which view that is; so the
	// one table that views read may not be named at all.
	if table.MatchString(query) {
		return notAView("record")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := s.reading.Conn(ctx)
	if err != nil {
		return ended(ctx, explain("open a connection", err))
	}
	defer conn.Close()
	// The connection is not given back: its authorizer would bind the next reader.
	defer func() { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }()
	refused := ""
	if err := conn.Raw(func(c any) error {
		r, ok := c.(engine.AuthorizerRegisterer)
		if !ok {
			return atoll.Errorf(atoll.Internal, "the database cannot guard its queries")
		}
		return r.RegisterAuthorizer(func(a engine.AuthorizerActionCode, what, part, _, view string) engine.AuthorizerReturnCode {
			if mayAsk(a, what, view) {
				return engine.AuthorizerOK
			}
			if refused == "" {
				refused = strings.TrimSpace(what + " " + part)
			}
			return engine.AuthorizerDeny
		})
	}); err != nil {
		return err
	}
	err = answer(ctx, conn, query, columns, row)
	var ours *atoll.Error
	switch {
	case err == nil, errors.As(err, &ours):
		return err
	case refused != "":
		return notAView(refused)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return atoll.Errorf(atoll.Interrupted, "the query took longer than %s", limit).Do("ask for less, or allow more time")
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return atoll.Errorf(atoll.Invalid, "the query was not understood: %w", err).Do("it is SQL as SQLite knows it; list the views with: atoll report views")
}

var table = regexp.MustCompile(`(?i)\brecord\b`)

func notAView(what string) error {
	return atoll.Errorf(atoll.Denied, "the query uses %s; it may only read the views", what).Do("list them with: atoll report views")
}

// mayAsk is what a query of a person may do: read, calculate, and look into the
// tables through the views alone.
func mayAsk(a engine.AuthorizerActionCode, what, view string) bool {
	switch a {
	case engine.AuthSelect, engine.AuthRecursive:
		return true
	case engine.AuthFunction:
		return true // none of ours writes, and loading others is off
	case engine.AuthRead:
		return strings.HasPrefix(what, viewPrefix) || what == "record" && strings.HasPrefix(view, viewPrefix) ||
			what == "json_each" || what == "json_tree"
	default:
		return false
	}
}

func answer(ctx context.Context, conn *sql.Conn, query string, columns func([]string) error, row func([]*string) error) error {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	if err := columns(names); err != nil {
		return theirs(err)
	}
	values, into, out := make([]sql.NullString, len(names)), make([]any, len(names)), make([]*string, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i := range values {
			out[i] = nil
			if values[i].Valid {
				out[i] = &values[i].String
			}
		}
		if err := row(out); err != nil {
			return theirs(err)
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// theirs marks an error of whoever takes the answer, which is not the query's.
func theirs(err error) error {
	var e *atoll.Error
	if errors.As(err, &e) {
		return err
	}
	return atoll.Errorf(atoll.Unavailable, "the answer could not be passed on: %w", err)
}
