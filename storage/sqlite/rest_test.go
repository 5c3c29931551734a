package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/atollsync/atoll/storage"
)

// TestRest: memory is given back while others read and write, and everything goes on
// as it was. What is in use stays open, and of what is not, one connection.
func TestRest(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "rest.db"))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	set := func(v string) error {
		return s.Update(t.Context(), func(tx storage.Tx) error { return tx.Set("b", "k", []byte(v)) })
	}
	get := func(r storage.Reader) string {
		b, err := r.Get("b", "k")
		must(err)
		return string(b)
	}
	must(set("1"))
	// Three readers at once, and a rest within the innermost.
	must(s.View(t.Context(), func(a storage.Reader) error {
		return s.View(t.Context(), func(b storage.Reader) error {
			must(s.View(t.Context(), func(storage.Reader) error { return nil }))
			must(s.Rest(t.Context()))
			must(set("2"))
			if get(a) != "1" || get(b) != "1" {
				t.Error("a snapshot did not last through a rest")
			}
			return nil
		})
	}))
	must(s.Update(t.Context(), func(tx storage.Tx) error { return errors.Join(s.Rest(t.Context()), tx.Set("b", "k", []byte("3"))) }))
	must(s.Rest(t.Context()))
	if n, w := len(s.readers.idle), len(s.writer.idle); n != 1 || w != 1 {
		t.Errorf("%d readers and %d writers are open after a rest; want one of each", n, w)
	}
	if n := len(s.readers.places) + len(s.writer.places); n != 0 {
		t.Errorf("%d places are taken by nobody", n)
	}
	must(s.View(t.Context(), func(r storage.Reader) error {
		if got := get(r); got != "3" {
			t.Errorf("after a rest %q is there", got)
		}
		return nil
	}))
	must(s.Close())
	if s.Rest(t.Context()) == nil {
		t.Error("a closed database rests")
	}
}

// TestReadersAreWaitedFor: with more readers in use than processors could serve, one
// that is given back is taken before another is opened; but nobody waits for what is
// not given back.
func TestReadersAreWaitedFor(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "wait.db"))
	var hold func(n int) error
	hold = func(n int) error {
		if n == 0 {
			return nil
		}
		return s.View(t.Context(), func(storage.Reader) error { return hold(n - 1) })
	}
	most := enough() + 2
	if err := hold(most); err != nil {
		t.Fatal(err)
	}
	if n := len(s.readers.idle); n != most {
		t.Errorf("%d readers were opened for %d at once", n, most)
	}
	if err := s.Rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	// All but one of what is enough are held, and many come for the last in turn.
	if err := s.View(t.Context(), func(storage.Reader) error {
		var all errgroup.Group
		for range 200 {
			all.Go(func() error { return s.View(t.Context(), func(storage.Reader) error { return nil }) })
		}
		return all.Wait()
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.readers.places); n != 0 {
		t.Errorf("%d places are taken by nobody", n)
	}
}
