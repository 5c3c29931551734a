package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/storagetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		crashChild(path)
	}
	os.Exit(m.Run())
}

func TestStorage(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, dir string) storage.Store {
		return open(t, filepath.Join(dir, "atoll.db"))
	})
}

// open opens a database; who asks for it closes it.
func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

// fresh is a database in a file of its own.
func fresh(t testing.TB) *Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "atoll.db"))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// raw is a connection with none of our settings: what an operator's shell has.
func raw(t *testing.T, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); db.Close() })
	return conn
}

func run(t *testing.T, conn *sql.Conn, query string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func key(n int) atoll.Key {
	return atoll.Key{Type: "item", ID: atoll.DeriveID("test", string(rune('a'+n)))}
}

// fill writes n records with an index, an entry and a refusal.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), func(tx storage.Tx) error {
		for i := range n {
			r := atoll.Record{Key: key(i), Version: 1, Body: []byte(`{"code":"c","price":1.50}`)}
			if _, err := tx.Put(r, map[string]string{"code": "c"}); err != nil {
				return err
			}
		}
		head, err := tx.Head(1)
		if err != nil {
			return err
		}
		_, err = tx.Refuse(storage.Refusal{Site: 1, Keys: []atoll.Key{key(0)}})
		return errors.Join(err, tx.Append(storage.JournalEntry{Site: 1, Seq: head.Seq + 1, Hash: atoll.Hash{1}, Content: []byte("x")}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, code atoll.Code) {
	t.Helper()
	var e *atoll.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("%s: got %v; want code %s", what, err, code)
	}
	if e.Hint == "" && code != atoll.Exists {
		t.Errorf("%s: %v: no hint says what to do", what, err)
	}
}

// A shell, and INSERT OR REPLACE with or without our settings, cannot change
// what is in the journal or remove a refusal (R-K-59).
func TestRawSQLCannotChangeTheJournal_R_K_59(t *testing.T) {
	s := fresh(t)
	fill(t, s, 1)
	fill(t, s, 1)
	c, err := take(t.Context(), s.writer, s.writing)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.writer.give(c) }()
	const forged = `(site, seq, timeline, hash, received, content) VALUES `
	for name, conn := range map[string]*sql.Conn{"shell": raw(t, s.path), "program": c.conn} {
		for _, query := range []string{
			`UPDATE journal SET content = x'00'`,
			`UPDATE journal SET hash = zeroblob(32) WHERE seq = 2`,
			`UPDATE OR REPLACE journal SET seq = 2 WHERE seq = 1`,
			`DELETE FROM journal`,
			`DELETE FROM journal WHERE seq = 2`,
			`INSERT OR REPLACE INTO journal ` + forged + `(1, 1, '', zeroblob(32), 0, x'')`,
			`INSERT OR REPLACE INTO journal ` + forged + `(1, 2, '', zeroblob(32), 0, x'')`,
			`REPLACE INTO journal (place, site, seq, timeline, hash, received, content) VALUES (1, 9, 9, '', zeroblob(32), 0, x'')`,
			`INSERT INTO journal ` + forged + `(1, 2, '', zeroblob(32), 0, x'') ON CONFLICT DO UPDATE SET content = x'00'`,
			`INSERT INTO journal_base (site, timeline, seq, hash) VALUES (1, '', 7, zeroblob(32))`,
			`UPDATE last_position SET position = 0`,
			`DELETE FROM last_position`,
			`DELETE FROM quarantine_key`,
			`DELETE FROM quarantine`,
			`UPDATE quarantine SET content = x'00'`,
			`UPDATE quarantine_key SET id = ''`,
			`REPLACE INTO quarantine SELECT * FROM quarantine`,
			`REPLACE INTO quarantine_key SELECT * FROM quarantine_key`,
		} {
			if _, err := conn.ExecContext(t.Context(), query); err == nil {
				t.Errorf("%s: %s: was done", name, query)
			} else if !strings.Contains(err.Error(), "(1811)") { // SQLITE_CONSTRAINT_TRIGGER
				t.Errorf("%s: %s: %v; want a refusal by trigger", name, query, err)
			}
		}
	}
	err = s.View(t.Context(), func(r storage.Reader) error {
		entries, err := r.Entries(1, 0, 0, 0)
		if len(entries) != 2 || string(entries[0].Content) != "x" || entries[1].Hash != (atoll.Hash{1}) {
			t.Errorf("the journal is now %+v", entries)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSettingsHoldOnEveryConnection(t *testing.T) {
	s := fresh(t)
	value := func(c *session, pragma string) (n string) {
		t.Helper()
		if err := c.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&n); err != nil {
			t.Fatalf("%s: %v", pragma, err)
		}
		return n
	}
	w, err := take(t.Context(), s.writer, s.writing)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.writer.give(w) }()
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "fullfsync": "1",
		"trusted_schema": "0", "recursive_triggers": "1", "application_id": "1098149740",
	} {
		if got := value(w, pragma); got != want {
			t.Errorf("writer: %s is %s; want %s", pragma, got, want)
		}
	}
	for range 3 {
		r, err := take(t.Context(), s.readers, s.reading)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { s.readers.give(r) }()
		for pragma, want := range map[string]string{"foreign_keys": "1", "busy_timeout": "10000", "trusted_schema": "0"} {
			if got := value(r, pragma); got != want {
				t.Errorf("reader: %s is %s; want %s", pragma, got, want)
			}
		}
		if _, err := r.conn.ExecContext(t.Context(), `DELETE FROM shelf`); err == nil {
			t.Error("a reader's connection writes")
		}
	}
}

func TestBusyWhenAnotherProcessKeepsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atoll.db")
	s, err := Open(t.Context(), path, Options{BusyTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other := raw(t, path)
	run(t, other, `BEGIN IMMEDIATE`)
	err = s.Update(t.Context(), func(storage.Tx) error { t.Error("two write at once"); return nil })
	wantCode(t, "Update", err, atoll.Busy)
	if err := s.View(t.Context(), func(r storage.Reader) error { _, err := r.LastPosition(); return err }); err != nil {
		t.Errorf("View while another process writes: %v", err)
	}
	// The end of the context ends the wait.
	patient := open(t, path)
	defer patient.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := patient.Update(ctx, func(storage.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Update with a deadline: %v", err)
	}
	run(t, other, `ROLLBACK`)
	for _, s := range []*Store{s, patient} {
		if err := s.Update(t.Context(), func(tx storage.Tx) error { return tx.Set("a", "b", nil) }); err != nil {
			t.Errorf("Update afterwards: %v", err)
		}
	}
}

func TestDiskFullKeepsNothing(t *testing.T) {
	s := fresh(t)
	fill(t, s, 1)
	limit := func(pages string) {
		c, err := take(t.Context(), s.writer, s.writing)
		if err != nil {
			t.Fatal(err)
		}
		run(t, c.conn, "PRAGMA max_page_count = "+pages)
		s.writer.give(c)
	}
	limit("1") // means "as large as it is now"
	big := make([]byte, 1<<20)
	err := s.Update(t.Context(), func(tx storage.Tx) error {
		if err := tx.Set("a", "small", []byte("x")); err != nil {
			t.Errorf("before the disk is full: %v", err)
		}
		wantCode(t, "Set", tx.Set("a", "big", big), atoll.DiskFull)
		// The transaction is gone: nothing more may be written on its own, even if
		// nobody looks at the error.
		if err := tx.Set("a", "after", []byte("x")); err == nil {
			t.Error("a write after the disk was full succeeded")
		}
		return nil
	})
	wantCode(t, "Update", err, atoll.DiskFull)
	err = s.Update(t.Context(), func(tx storage.Tx) error {
		err := tx.Savepoint(func() error { return tx.Set("a", "big", big) })
		wantCode(t, "Savepoint", err, atoll.DiskFull)
		return nil
	})
	wantCode(t, "Update", err, atoll.DiskFull)
	limit("1000000")
	if err := s.Update(t.Context(), func(tx storage.Tx) error {
		items, err := tx.Scan("a", "", 0, false)
		if len(items) != 0 {
			t.Errorf("there remain %+v", items)
		}
		return errors.Join(err, tx.Set("a", "big", big))
	}); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A deferred transaction would take its snapshot at its first reading.
func TestViewIsTheSnapshotOfItsBeginning(t *testing.T) {
	s := fresh(t)
	err := s.View(t.Context(), func(r storage.Reader) error {
		fill(t, s, 3)
		records, err := r.Changed(0, 9)
		if len(records) != 0 {
			t.Errorf("a View sees %d records that were committed after it began", len(records))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReaderIsDeadAfterItsTransaction(t *testing.T) {
	s := fresh(t)
	var kept storage.Tx
	if err := s.Update(t.Context(), func(tx storage.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := kept.Set("a", "b", nil); err == nil {
		t.Error("a write after the end of the transaction succeeded")
	}
}

func TestManyViewsWaitForAConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atoll.db")
	s, err := Open(t.Context(), path, Options{Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := make(chan error)
	for range 20 {
		go func() {
			done <- s.View(context.WithoutCancel(t.Context()), func(r storage.Reader) error { _, err := r.Changed(0, 1); return err })
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
