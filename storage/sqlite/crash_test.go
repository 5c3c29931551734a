package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// childVariable makes the test binary the process that is killed: it holds the
// path of its database.
const childVariable = "ATOLL_SQLITE_CRASH_DATABASE"

const perBatch = 8 // records

func crashKey(batch, n int) atoll.Key {
	return atoll.Key{Type: "item", ID: atoll.DeriveID("crash", strconv.Itoa(batch), strconv.Itoa(n))}
}

// crashChild receives and integrates one batch after the other, as a site does,
// and writes a line for each when its Update has returned. It never ends.
func crashChild(path string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	s, err := Open(ctx, path, Options{})
	fail(err)
	var head atoll.Head
	fail(s.View(ctx, func(r storage.Reader) (err error) {
		head, err = r.Head(1)
		return err
	}))
	for batch := int(head.Seq) + 1; ; batch++ {
		fail(s.Update(ctx, func(tx storage.Tx) error { // arrives; what arrived and was not integrated before is staged again
			for n := range perBatch {
				it := storage.StagedItem{Key: crashKey(batch, n), Position: atoll.Position(batch*perBatch + n), Payload: make([]byte, 900)}
				if err := tx.Stage("in", it); err != nil {
					return err
				}
			}
			return nil
		}))
		fail(s.Update(ctx, func(tx storage.Tx) error { return integrate(tx, batch) }))
		fmt.Println(batch)
	}
}

func integrate(tx storage.Tx, batch int) error {
	items, err := tx.Staged("in", "item", storage.StagedPlace{}, 0)
	if err != nil {
		return err
	}
	for _, it := range items {
		r := atoll.Record{Key: it.Key, Version: 1, Body: fmt.Appendf(nil, `{"batch":"%d","pad":"%0900d"}`, batch, batch)}
		p, err := tx.Put(r, map[string]string{"batch": strconv.Itoa(batch)})
		if err != nil {
			return err
		}
		if err := tx.List("all", storage.FeedLine{Position: p, Key: r.Key}); err != nil {
			return err
		}
	}
	return errors.Join(
		tx.Unstage("in", atoll.Key{}),
		tx.Append(storage.JournalEntry{Site: 1, Seq: uint64(batch), Hash: atoll.Hash{1}, Content: make([]byte, 3000)}),
		tx.Set("cursor", "in", []byte(strconv.Itoa(batch))))
}

// A process that is killed in the middle of its work loses nothing that Update
// acknowledged, and leaves nothing half (R-L-02, R-L-13).
func TestKilledProcessLosesNothing_R_L_02_R_L_13(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atoll.db")
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	acknowledged := 0
	for round := range rounds {
		acknowledged = max(acknowledged, killChild(t, path, 1+round*7%40))
		there := afterCrash(t, path)
		if there < acknowledged {
			t.Fatalf("round %d: batch %d was acknowledged; the database ends at %d", round, acknowledged, there)
		}
	}
	if acknowledged < rounds {
		t.Fatalf("only %d batches in %d rounds: the test tests nothing", acknowledged, rounds)
	}
}

// killChild kills a child after it has acknowledged some batches, at whatever it
// is doing then, and returns the last one acknowledged.
func killChild(t *testing.T, path string, after int) (last int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childVariable+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 1; lines.Scan(); n++ {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if n == after {
			if err := child.Process.Kill(); err != nil { // kill -9
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return last
}

// afterCrash opens the database, fails unless every batch is there as a whole or
// not at all, and returns the last one.
func afterCrash(t *testing.T, path string) int {
	t.Helper()
	s := open(t, path)
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := 0
	err := s.View(t.Context(), func(r storage.Reader) error {
		head, err := r.Head(1)
		if err != nil {
			return err
		}
		last = int(head.Seq)
		cursor, err := r.Get("cursor", "in")
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return err
		}
		counts, err := r.CountRecords()
		if err != nil {
			return err
		}
		lines, err := r.Feed("all", 0, 0, 0)
		if err != nil {
			return err
		}
		if last > 0 && string(cursor) != strconv.Itoa(last) || counts["item"] != last*perBatch || len(lines) != last*perBatch {
			t.Errorf("the journal ends at %d, the cursor at %s; %d records, %d lines", last, cursor, counts["item"], len(lines))
		}
		for batch := 1; batch <= last; batch++ {
			for n := range perBatch {
				if _, err := r.Record(crashKey(batch, n)); err != nil {
					return err
				}
			}
		}
		items, err := r.Staged("in", "item", storage.StagedPlace{}, 0)
		if len(items) != 0 && (len(items) != perBatch || items[0].Key != crashKey(last+1, 0)) {
			t.Errorf("%d items are staged, from %s", len(items), items[0].Key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}
