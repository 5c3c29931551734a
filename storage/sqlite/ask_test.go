package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

func ask(t *testing.T, s *Store, query string, limit time.Duration) (out []string, err error) {
	err = s.Ask(t.Context(), query, limit, func(c []string) error { out = append(out, strings.Join(c, "|")); return nil }, func(row []*string) error {
		var line []string
		for _, v := range row {
			if v == nil {
				line = append(line, "NULL")
				continue
			}
			line = append(line, *v)
		}
		out = append(out, strings.Join(line, "|"))
		return nil
	})
	return out, err
}

func TestR_J_13_AskReadsViewsAndNothingElse(t *testing.T) {
	s := fresh(t)
	if err := s.DefineViews(t.Context(), []View{
		{Name: "item", Type: "item", Columns: []Column{{Name: "code", JSONField: "code", SQLType: "TEXT"}, {Name: "price", JSONField: "price", SQLType: "DECIMAL"}}},
		{Name: "codes", Query: `SELECT i.code AS code, count(*) AS n FROM report_item i GROUP BY i.code`},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx storage.Tx) error {
		for n, body := range []string{`{"code":"a","price":1.50}`, `{"code":"b"}`, `{"code":"a","price":2}`} {
			if _, err := tx.Put(atoll.Record{Key: key(n), Version: 1, Body: []byte(body)}, nil); err != nil {
				return err
			}
		}
		return tx.Set("user", "admin", []byte("a secret"))
	}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		`SELECT code, price FROM report_item ORDER BY code, price`:                                    "code|price a|1.50 a|2 b|NULL",
		`SELECT * FROM report_codes ORDER BY code`:                                                    "code|n a|2 b|1",
		`SELECT count(*) AS n FROM report_item`:                                                       "n 3",
		`WITH x AS (SELECT code AS c FROM report_item) SELECT c, upper(c) AS u FROM x WHERE c = 'b'`:  "c|u b|B",
		`SELECT sum(price) AS s FROM (SELECT price FROM report_item WHERE code = 'a')`:                "s 3.5",
		`SELECT value AS v FROM json_each('[1,2]')`:                                                   "v 1 2",
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n`: "i 1 2 3",
		`SELECT a.code AS c FROM report_item a JOIN report_codes b USING (code) WHERE b.n = 1`:        "c b",
	} {
		if got, err := ask(t, s, query, time.Minute); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q %v; want %q", query, got, err, want)
		}
	}
	before := read(t, s)
	for _, query := range []string{
		`SELECT value FROM shelf`, `SELECT body FROM record`, `SELECT * FROM sqlite_schema`, `SELECT * FROM journal`,
		`SELECT code FROM report_item WHERE EXISTS (SELECT 1 FROM shelf)`, `SELECT * FROM pragma_table_list`,
		`INSERT INTO report_item (code) VALUES ('x')`, `UPDATE report_item SET code = 'x'`, `DELETE FROM report_item`,
		`DROP VIEW report_item`, `CREATE VIEW report_x AS SELECT value FROM shelf`, `CREATE TEMP VIEW report_x AS SELECT value FROM shelf`,
		`PRAGMA query_only = 0`, `ATTACH 'x.db' AS report_x`, `BEGIN`, `VACUUM INTO 'x.db'`, `SELECT 1; DELETE FROM shelf`,
		`WITH report_x AS (SELECT value FROM shelf) SELECT value FROM report_x`, `WITH report_item AS (SELECT body FROM record) SELECT body FROM report_item`,
		`WITH report_item AS (SELECT body FROM "Record") SELECT body FROM report_item`,
	} {
		if got, err := ask(t, s, query, time.Minute); !errors.Is(err, atoll.Denied) && !errors.Is(err, atoll.Invalid) {
			t.Errorf("%s: %q %v; want it refused", query, got, err)
		}
	}
	if after := read(t, s); after != before {
		t.Error("a query wrote")
	}
	if _, err := ask(t, s, `SELEC 1`, time.Minute); !errors.Is(err, atoll.Invalid) {
		t.Errorf("a misspelt query: %v", err)
	}
	// A query without end is ended, and who reads next reads everything again.
	if _, err := ask(t, s, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n`, 50*time.Millisecond); !errors.Is(err, atoll.Interrupted) {
		t.Errorf("a query without end: %v", err)
	}
	for range 3 {
		if err := s.View(t.Context(), func(r storage.Reader) error { _, err := r.Get("user", "admin"); return err }); err != nil {
			t.Fatal(err)
		}
	}
}

// A view is no table: nothing can be written through it, also on the connection
// that writes (R-J-13).
func TestR_J_13_ViewsCannotWrite(t *testing.T) {
	s := fresh(t)
	if err := s.DefineViews(t.Context(), []View{{Name: "item", Type: "item"}}); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{`INSERT INTO report_item (id) VALUES ('x')`, `UPDATE report_item SET id = 'x'`, `DELETE FROM report_item`} {
		if _, err := s.writing.ExecContext(t.Context(), query); err == nil || !strings.Contains(err.Error(), "it is a view") {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func read(t *testing.T, s *Store) (last atoll.Position) {
	t.Helper()
	if err := s.View(t.Context(), func(r storage.Reader) (err error) { last, err = r.LastPosition(); return err }); err != nil {
		t.Fatal(err)
	}
	return last
}

func TestR_J_13_ExportHoldsTheViewsAlone(t *testing.T) {
	s := fresh(t)
	file := filepath.Join(t.TempDir(), "for tools.sqlite")
	wantCode(t, "an export without views", s.Export(t.Context(), file), atoll.NotFound)
	if err := s.DefineViews(t.Context(), []View{
		{Name: "item", Type: "item", Columns: []Column{{Name: "code", JSONField: "code", SQLType: "TEXT"}, {Name: "price", JSONField: "price", SQLType: "DECIMAL"}}},
		{Name: "codes", Query: `SELECT i.code AS code, count(*) AS n FROM report_item i GROUP BY i.code`},
	}); err != nil {
		t.Fatal(err)
	}
	for n := range 2 { // the second takes the place of the first
		if err := s.Update(t.Context(), func(tx storage.Tx) error {
			_, err := tx.Put(atoll.Record{Key: key(n), Version: 1, Body: []byte(`{"code":"a","price":1.50,"secret":"hidden away"}`)}, nil)
			return errors.Join(err, tx.Set("user", "admin", []byte("hidden away")))
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Export(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		db := raw(t, file)
		var tables, price string
		var count int
		if err := db.QueryRowContext(t.Context(), `SELECT (SELECT group_concat(type || ' ' || name, ', ') FROM (SELECT type, name FROM sqlite_schema ORDER BY name)), (SELECT max(price) FROM report_item), (SELECT n FROM report_codes)`).
			Scan(&tables, &price, &count); err != nil {
			t.Fatal(err)
		}
		if tables != "table report_codes, table report_item" || price != "1.50" || count != n+1 {
			t.Errorf("%s; price %s, %d codes", tables, price, count)
		}
		db.Close()
	}
	b, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(b), "hidden away") {
		t.Errorf("%v; or something is in the file that no view shows", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.part")); left != nil {
		t.Errorf("%v is left", left)
	}
	// Readers go on as before.
	if read(t, s) == 0 {
		t.Error("nothing is there")
	}
}
