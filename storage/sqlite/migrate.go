package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/atollsync/atoll"
)

// The scripts are numbered from 1 without gaps; PRAGMA user_version holds the
// number of the last one that ran. A script that was released never changes.
//
//go:embed migrations/*.sql
var migrations embed.FS

// fills are what migrations do beyond their scripts, by number: in the same
// transaction.
var fills = map[int]func(context.Context, *sql.Conn) error{2: seal}

// scripts returns the migrations in their order.
func scripts() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	out := make([]string, len(names))
	for i, name := range names {
		var n int
		if _, err := fmt.Sscanf(name, "migrations/%04d_", &n); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s: want number %04d", name, i+1)
		}
		b, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out[i] = string(b)
	}
	return out, nil
}

// migrate brings the database up to date: each script commits together with its
// number, so that an interrupted migration goes on where it was.
func migrate(ctx context.Context, s *Store) error {
	all, err := scripts()
	if err != nil {
		return err
	}
	c, err := take(ctx, s.writer, s.writing)
	if err != nil {
		return err
	}
	defer s.writer.give(c)
	// Usually there is nothing to do, and then nobody need be waited for.
	done, err := version(ctx, c.conn, len(all))
	if err != nil {
		return err
	}
	for done < len(all) {
		// Looked at under the lock: another process may be migrating too.
		if done, err = step(ctx, c.conn, all); err != nil {
			return err
		}
	}
	return nil
}

// step runs the next script, if any, and returns how many have run.
func step(ctx context.Context, conn *sql.Conn, all []string) (done int, err error) {
	if _, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return 0, ended(ctx, explain("begin", err))
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if done, err = version(ctx, conn, len(all)); err != nil {
		return 0, err
	}
	if done < len(all) {
		done++
		if _, err = conn.ExecContext(ctx, all[done-1]+fmt.Sprintf("; PRAGMA user_version = %d", done)); err != nil {
			return 0, ended(ctx, explain(fmt.Sprintf("migrate to %d", done), err))
		}
		if more, ok := fills[done]; ok {
			if err := more(ctx, conn); err != nil {
				return 0, ended(ctx, explain(fmt.Sprintf("migrate to %d", done), err))
			}
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return done, ended(ctx, explain("commit", err))
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version returns the number of the last migration that ran. It fails when this
// program does not know it.
func version(ctx context.Context, db querier, known int) (n int, err error) {
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n); err != nil {
		return 0, ended(ctx, explain("read the schema's version", err))
	}
	if n > known {
		return 0, atoll.Errorf(atoll.Unavailable, "the database has schema %d; this program knows %d", n, known).Do("upgrade this program")
	}
	return n, nil
}

// current fails unless the database has exactly this program's schema: what is
// opened for reading only cannot be migrated.
func current(ctx context.Context, db *sql.DB) error {
	all, err := scripts()
	if err != nil {
		return err
	}
	n, err := version(ctx, db, len(all))
	if err != nil {
		return err
	}
	if n < len(all) {
		return atoll.Errorf(atoll.Unavailable, "the database has schema %d; this program needs %d", n, len(all)).Do("open it once for writing")
	}
	return nil
}
