package sqlite

import (
	"errors"
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

const audience = atoll.Audience("store/a")

// put writes a record that is listed under the audience.
func put(tx storage.Tx, n int) error {
	at, err := tx.Put(atoll.Record{Key: key(n), Version: 1, Body: []byte(`{}`), Audiences: []atoll.Audience{audience}}, nil)
	return errors.Join(err, tx.List(audience, storage.FeedLine{Position: at, Key: key(n)}))
}

// asked is what a site asks of the audience: the lines after a position, and the digest.
func asked(t *testing.T, r storage.Reader, after atoll.Position) (lines []atoll.Position, sum digest.Sum) {
	t.Helper()
	feed, err := r.Feed(audience, after, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range feed {
		lines = append(lines, l.Position)
	}
	if sum, err = r.Digest(audience); err != nil {
		t.Fatal(err)
	}
	return lines, sum
}

func view(t *testing.T, s *Store, fn func(r storage.Reader)) {
	t.Helper()
	if err := s.View(t.Context(), func(r storage.Reader) error { fn(r); return nil }); err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, s *Store, fn func(tx storage.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// What is remembered of an audience is what each snapshot holds: not what was committed
// after it began, what was undone, or what another process wrote.
func TestAudiencesAreAsInTheSnapshot(t *testing.T) {
	s := fresh(t)
	other, err := Open(t.Context(), s.path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	want := func(what string, r storage.Reader, n int) {
		t.Helper()
		last, err := r.LastPosition()
		if err != nil {
			t.Fatal(err)
		}
		lines, sum := asked(t, r, 0)
		if len(lines) != n || sum.Count != n {
			t.Errorf("%s: %d lines and a digest of %d; want %d", what, len(lines), sum.Count, n)
		}
		if lines, _ := asked(t, r, last); len(lines) > 0 {
			t.Errorf("%s: lines %v after the last position %d", what, lines, last)
		}
		if n == 0 {
			return
		}
		newest := lines[n-1]
		if lines, _ := asked(t, r, newest-1); !slices.Equal(lines, []atoll.Position{newest}) {
			t.Errorf("%s: lines %v after %d; want the last, %d", what, lines, newest-1, newest)
		}
	}
	now := func(what string, n int) {
		t.Helper()
		for _, s := range []*Store{s, other} {
			for range 2 { // what the first asks, the second remembers
				view(t, s, func(r storage.Reader) { want(what, r, n) })
			}
		}
	}
	now("nothing yet", 0)
	update(t, s, func(tx storage.Tx) error { return put(tx, 1) })
	now("one", 1)
	view(t, s, func(before storage.Reader) {
		want("a snapshot", before, 1)
		update(t, s, func(tx storage.Tx) error { return put(tx, 2) })
		want("a snapshot from before", before, 1)
		view(t, s, func(r storage.Reader) { want("two", r, 2) })
		want("a snapshot from before, afterwards", before, 1)
	})
	now("two", 2)
	update(t, other, func(tx storage.Tx) error { return put(tx, 3) })
	now("one of another process", 3)
	update(t, s, func(tx storage.Tx) error {
		undone := errors.New("undone")
		err := tx.Savepoint(func() error {
			if _, err := tx.Digests("", 10); err != nil {
				return err
			}
			return errors.Join(put(tx, 4), undone)
		})
		if !errors.Is(err, undone) {
			return err
		}
		return tx.Set("x", "y", nil)
	})
	now("one undone", 3)
	gone := errors.New("gone")
	if err := s.Update(t.Context(), func(tx storage.Tx) error { return errors.Join(put(tx, 5), gone) }); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	now("a transaction undone", 3)
	elsewhere := func(r storage.Reader) int {
		lines, err := r.Feed("store/b", 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(lines)
	}
	view(t, s, func(r storage.Reader) { elsewhere(r) })
	update(t, other, func(tx storage.Tx) error {
		at, err := tx.NextPosition()
		return errors.Join(err, tx.List("store/b", storage.FeedLine{Position: at, Key: key(9)}))
	})
	update(t, s, func(tx storage.Tx) error { return errors.Join(put(tx, 6), tx.Forget(key(1))) })
	view(t, s, func(r storage.Reader) {
		if n := elsewhere(r); n != 1 {
			t.Errorf("%d lines of what another process listed before; want 1", n)
		}
	})
	view(t, s, func(r storage.Reader) {
		if lines, sum := asked(t, r, 0); len(lines) != 4 || sum.Count != 3 {
			t.Errorf("forgotten: %d lines and a digest of %d; want 4 and 3", len(lines), sum.Count)
		}
	})
}

// What is remembered is not asked for again, until memory is given back.
func TestAudiencesAreRemembered(t *testing.T) {
	s := fresh(t)
	update(t, s, func(tx storage.Tx) error { return put(tx, 1) })
	view(t, s, func(r storage.Reader) { asked(t, r, 0) })
	db := raw(t, s.path)
	for _, query := range []string{`DELETE FROM digest`, `INSERT INTO feed VALUES ('store/a', 7, 'item', 'x', 0, 0)`} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	view(t, s, func(r storage.Reader) {
		if lines, sum := asked(t, r, 1); len(lines) != 0 || sum.Count != 1 {
			t.Errorf("%d lines and a digest of %d; want what is remembered, none and 1", len(lines), sum.Count)
		}
	})
	if err := s.Rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	view(t, s, func(r storage.Reader) {
		if lines, sum := asked(t, r, 1); len(lines) != 1 || sum.Count != 0 {
			t.Errorf("%d lines and a digest of %d; want what the file has, 1 and none", len(lines), sum.Count)
		}
	})
}
