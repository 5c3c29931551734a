package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/url"
	"os"
	"path/filepath"

	"github.com/atollsync/atoll"
)

// Export writes what the views show, at one moment, as tables of the same names
// into a new database file, for tools that shall not see this one: users, keys,
// journals and secret fields are not in it. The file is replaced as a whole, so a
// reader never sees half of it. It works while others write.
func (s *Store) Export(ctx context.Context, file string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	part := file + ".part"
	if err := os.Remove(part); err != nil && !os.IsNotExist(err) {
		return cannotOpen(part, err)
	}
	if err := s.export(ctx, part); err != nil {
		_ = os.Remove(part)
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return cannotOpen(file, err)
	}
	return nil
}

func (s *Store) export(ctx context.Context, file string) error {
	if err := touch(file, false); err != nil {
		return err
	}
	conn, err := s.reading.Conn(ctx)
	if err != nil {
		return ended(ctx, explain("open a connection", err))
	}
	defer conn.Close()
	// The connection is not given back: the new file stays attached to it.
	defer func() { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }()
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	at := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: "mode=rw"}
	if _, err := conn.ExecContext(ctx, `ATTACH ? AS export`, at.String()); err != nil {
		return ended(ctx, explain("attach the new file", err))
	}
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return ended(ctx, explain("begin", err))
	}
	names, err := viewNames(ctx, conn)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return atoll.Errorf(atoll.NotFound, "the database has no views").Do("open it once with this program: atoll status")
	}
	for _, name := range names {
		if _, err := conn.ExecContext(ctx, `CREATE TABLE export."`+name+`" AS SELECT * FROM main."`+name+`"`); err != nil {
			return ended(ctx, explain("write "+name, err))
		}
	}
	_, err = conn.ExecContext(ctx, `COMMIT`)
	return ended(ctx, explain("commit", err))
}

func viewNames(ctx context.Context, conn *sql.Conn) (names []string, err error) {
	rows, err := conn.QueryContext(ctx, getViews)
	if err != nil {
		return nil, ended(ctx, explain("list views", err))
	}
	defer rows.Close()
	for rows.Next() {
		var name, query string
		if err := rows.Scan(&name, &query); err != nil {
			return nil, explain("list views", err)
		}
		names = append(names, name)
	}
	return names, explain("list views", rows.Err())
}
