package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

func TestBackupIsOneMomentWhileOthersWrite(t *testing.T) {
	s := fresh(t)
	fill(t, s, 20)
	ctx, stop := context.WithCancel(t.Context())
	writing, wrote := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for n := 0; err == nil; n++ {
			err = s.Update(ctx, func(tx storage.Tx) error { // both or none
				p, err := tx.Put(atoll.Record{Key: key(n % 20), Version: 2, Body: []byte(`{}`)}, nil)
				v := []byte{byte(p), byte(p >> 8), byte(p >> 16)}
				return errors.Join(err, tx.Set("pair", "a", v), tx.Set("pair", "b", v))
			})
			if n == 5 {
				close(writing)
			}
		}
		wrote <- err
	}()
	<-writing
	dir := t.TempDir()
	for _, name := range []string{"one", "two", "three"} {
		path := filepath.Join(dir, name)
		if err := s.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the backup: %v %v; only its owner may read it", info.Mode(), err)
		}
		c := open(t, path)
		if err := c.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := c.View(t.Context(), func(r storage.Reader) error {
			a, err := r.Get("pair", "a")
			b, err2 := r.Get("pair", "b")
			last, err3 := r.LastPosition()
			if !slices.Equal(a, b) || last != atoll.Position(a[0])+atoll.Position(a[1])<<8+atoll.Position(a[2])<<16 {
				t.Errorf("the backup holds half a transaction: %v, %v, %d", a, b, last)
			}
			return errors.Join(err, err2, err3)
		}); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-wrote; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantCode(t, "a backup over a file", s.Backup(t.Context(), filepath.Join(dir, "one")), atoll.Exists)
	wantCode(t, "a backup into nowhere", s.Backup(t.Context(), filepath.Join(dir, "no", "where")), atoll.Unavailable)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ended, filepath.Join(dir, "four")); !errors.Is(err, context.Canceled) {
		t.Errorf("a backup for nobody: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*.part")); names != nil {
		t.Errorf("half backups remain: %v", names)
	}
}

func TestCheckFindsWhatDisagrees(t *testing.T) {
	for _, tt := range []struct{ damage, says string }{
		{`DELETE FROM record_index WHERE id = (SELECT min(id) FROM record_index)`, "missing from the index"},
		{`INSERT INTO record_index VALUES ('item', 'code', 'd', 'x')`, "the index has"},
		{`UPDATE record_count SET live = live - 1`, "than counted"},
		{`DELETE FROM record_count`, "than counted"},
		{`UPDATE record SET position = 99 WHERE position = (SELECT min(position) FROM record)`, "above the last position"},
		{`UPDATE record SET body = '{' WHERE position = (SELECT min(position) FROM record)`, "not JSON"},
		{`DROP TRIGGER journal_never_shrinks; DELETE FROM journal WHERE seq = 2`, "the journal of site 1"},
		{`DROP TRIGGER quarantine_never_shrinks; DELETE FROM quarantine`, "refers to no row"},
		{`PRAGMA writable_schema = on; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'shelf'`, "file is damaged"},
	} {
		t.Run(tt.says, func(t *testing.T) {
			s := fresh(t)
			for range 3 {
				fill(t, s, 3)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Fatalf("a sound database: %v", err)
			}
			run(t, raw(t, s.path), tt.damage)
			err := s.Check(t.Context())
			wantCode(t, tt.damage, err, atoll.Damaged)
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v: does not say %q", err, tt.says)
			}
		})
	}
}

func TestDamagedFileIsAClearError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atoll.db")
	s := open(t, path)
	fill(t, s, 20)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ {
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), path, Options{})
	if err == nil {
		err = s.View(t.Context(), func(r storage.Reader) error { _, err := r.Changed(0, 99); return err })
		s.Close()
	}
	wantCode(t, "a damaged file", err, atoll.Damaged)
}

func TestViewsShowRecordsInColumns(t *testing.T) {
	s := fresh(t)
	views := []View{{Name: "item", Type: "item", Columns: []Column{
		{Name: "code", JSONField: "code", SQLType: "TEXT"},
		{Name: "price", JSONField: "price", SQLType: "DECIMAL"},
		{Name: "amount", JSONField: "price", SQLType: "REAL"},
		{Name: "packs", JSONField: "packs", SQLType: "INTEGER"},
		{Name: "active", JSONField: "active", SQLType: "BOOLEAN"},
		{Name: "tags", JSONField: "tags", SQLType: "JSON"},
		{Name: "select", JSONField: "other", SQLType: "TEXT"},
	}}, {Name: "old", Type: "item"}}
	if err := s.DefineViews(t.Context(), views); err != nil {
		t.Fatal(err)
	}
	put := func(n int, body string, deleted bool, typ atoll.Type) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx storage.Tx) error {
			_, err := tx.Put(atoll.Record{Key: atoll.Key{Type: typ, ID: key(n).ID}, Version: 1, Body: []byte(body), Deleted: deleted}, nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	put(0, `{"active":true,"code":"0012","packs":"7","price":1.50,"tags":["a","b"]}`, false, "item")
	put(1, `{"code":12.0,"price":12345678901234567890.10}`, false, "item")
	put(2, `{}`, true, "item")
	put(3, `{}`, false, "name")
	query := func(q string) (out string) {
		t.Helper()
		rows, err := s.reading.QueryContext(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		names, _ := rows.Columns()
		for rows.Next() {
			values := make([]sql.NullString, len(names))
			into := make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if !v.Valid {
					v.String = "NULL"
				}
				out += v.String + " "
			}
			out = strings.TrimSpace(out) + "\n"
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	const columns = `SELECT code, price, amount, packs, active, tags, "select" FROM report_item ORDER BY code`
	const want = "0012 1.50 1.5 7 1 [\"a\",\"b\"] NULL\n12.0 12345678901234567890.10 1.2345678901234567e+19 NULL NULL NULL NULL\n"
	if got := query(columns); got != want {
		t.Errorf("the view shows\n%swant\n%s", got, want)
	}
	if got := query(`SELECT group_concat(id, ' ') FROM (SELECT id FROM report_item ORDER BY id)`); strings.Count(got, "-") != 8 {
		t.Errorf("ids %q", got)
	}
	// Again with one changed, one gone, one new; and the same again.
	views = []View{{Name: "item", Type: "item", Columns: []Column{{Name: "price", JSONField: "price", SQLType: "TEXT"}}}, {Name: "new", Type: "name"}}
	for range 2 {
		if err := s.DefineViews(t.Context(), views); err != nil {
			t.Fatal(err)
		}
		if got := query(`SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name`); got != "report_item\nreport_new\n" {
			t.Errorf("views\n%s", got)
		}
	}
	if got := query(`SELECT * FROM report_new`); !strings.Contains(got, string(key(3).ID)) {
		t.Errorf("report_new shows %q", got)
	}
	version := query(`PRAGMA schema_version`)
	if err := s.DefineViews(t.Context(), views); err != nil || query(`PRAGMA schema_version`) != version {
		t.Errorf("the same views changed the schema (%v)", err)
	}
	column := func(c Column) []View { return []View{{Name: "x", Type: "x", Columns: []Column{c}}} }
	for _, bad := range [][]View{
		{{Name: `x"; DROP TABLE record; --`, Type: "item"}},
		{{Name: "x", Type: "it'em"}},
		{{Name: "", Type: "item"}},
		{{Name: "x", Type: "x"}, {Name: "X", Type: "y"}},
		column(Column{Name: "id", JSONField: "a", SQLType: "TEXT"}), column(Column{Name: "a b", JSONField: "a", SQLType: "TEXT"}), column(Column{Name: "a", JSONField: "a'", SQLType: "TEXT"}),
		column(Column{Name: "a", JSONField: "a", SQLType: "TEXT, (SELECT 1)"}), column(Column{Name: "a", JSONField: "a", SQLType: ""}),
	} {
		if err := s.DefineViews(t.Context(), bad); !errors.Is(err, atoll.Invalid) {
			t.Errorf("%+v: %v; want %s", bad, err, atoll.Invalid)
		}
	}
}
