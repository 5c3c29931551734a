package sqlite

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/golden"
	"github.com/atollsync/atoll/storage"
)

func TestSchemaIsWhatMigrationsMake(t *testing.T) {
	s := fresh(t)
	rows, err := s.reading.QueryContext(t.Context(), `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type <> 'table', type, name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := []byte("-- What the migrations make. Written by: go test ./storage/sqlite -run Schema -update\n")
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		got = append(append(append(got, '\n'), text...), ";\n"...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "schema.sql", string(got))
}

// A column that nobody explains is one that the next reader guesses about.
func TestEveryColumnHasAComment(t *testing.T) {
	all, err := scripts()
	if err != nil {
		t.Fatal(err)
	}
	for i, script := range all {
		inside := false
		for l := range strings.Lines(script) {
			l = strings.TrimRight(l, "\n")
			switch {
			case strings.HasPrefix(l, "CREATE TABLE"):
				inside = true
			case strings.HasPrefix(l, ")"):
				inside = false
			case inside && !strings.Contains(l, "--") && !strings.HasPrefix(l, "\tPRIMARY KEY") && !strings.HasPrefix(l, "\tUNIQUE"):
				t.Errorf("migration %d: no comment:%s", i+1, l)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	write := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	sqlFile := func(queries ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			conn := raw(t, path)
			for _, q := range queries {
				run(t, conn, q)
			}
			conn.Close()
		}
	}
	ours := func(t *testing.T, path string) {
		if err := open(t, path).Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		make func(*testing.T, string)
		opts Options
		code atoll.Code
		says string
	}{
		{"text-file", write(strings.Repeat("not a database\n", 100)), Options{}, atoll.Damaged, "not an Atoll database"},
		{"other-program", sqlFile(`CREATE TABLE t (a)`), Options{}, atoll.Invalid, "another program"},
		{"other-mark", sqlFile(`PRAGMA application_id = 7`, `CREATE TABLE t (a)`), Options{}, atoll.Invalid, "another program"},
		{"newer", func(t *testing.T, path string) {
			ours(t, path)
			sqlFile(`PRAGMA user_version = 999`)(t, path)
		}, Options{}, atoll.Unavailable, "upgrade this program"},
		{"newer-read-only", func(t *testing.T, path string) {
			ours(t, path)
			sqlFile(`PRAGMA user_version = 999`)(t, path)
		}, Options{ReadOnly: true}, atoll.Unavailable, "upgrade this program"},
		{"older-read-only", func(t *testing.T, path string) {
			ours(t, path)
			sqlFile(`PRAGMA user_version = 0`)(t, path)
		}, Options{ReadOnly: true}, atoll.Unavailable, "open it once for writing"},
		{"none-read-only", func(*testing.T, string) {}, Options{ReadOnly: true}, atoll.Unavailable, "check the path"},
		{"directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, Options{}, atoll.Unavailable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.name)
			tt.make(t, path)
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), path, tt.opts)
			if err == nil {
				s.Close()
			}
			wantCode(t, "Open", err, tt.code)
			if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v: does not say %q and the path", err, tt.says)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "no", "such", "directory"), Options{})
	wantCode(t, "no directory", err, atoll.Unavailable)
}

func TestOpenTakesAnyPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%e&f=ü.db")
	s := open(t, path)
	fill(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the file's mode is %o; only its owner may read it", mode)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("Close left the log beside the file")
	}
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atoll.db")
	const many = 6
	done := make(chan error, many)
	ctx := context.WithoutCancel(t.Context())
	for range many {
		go func() {
			s, err := Open(ctx, path, Options{})
			if err == nil {
				err = s.Update(ctx, func(tx storage.Tx) error { _, err := tx.NextPosition(); return err })
				if err == nil {
					err = s.Close()
				}
			}
			done <- err
		}()
	}
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s := open(t, path)
	defer s.Close()
	if err := s.View(ctx, func(r storage.Reader) error {
		last, err := r.LastPosition()
		if last != many {
			t.Errorf("the last position is %d; want %d", last, many)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	s := fresh(t)
	fill(t, s, 2)
	r, err := Open(t.Context(), s.path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantCode(t, "Update", r.Update(t.Context(), func(storage.Tx) error { return nil }), atoll.Unavailable)
	fill(t, s, 3)
	if err := r.View(t.Context(), func(r storage.Reader) error {
		n, err := r.CountRecords()
		if n["item"] != 3 {
			t.Errorf("it sees %v; want what the other has committed", n)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
