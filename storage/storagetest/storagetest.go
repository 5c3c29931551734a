// Package storagetest examines a storage engine: one test for each promise of
// package storage, named after it and after the requirement it keeps. An
// engine's own test calls [Run] and passes all of it before anybody uses the
// engine.
//
// It assumes nothing about the engine but the contract. It sleeps nowhere and
// reads no clock: where goroutines meet, they wait for each other.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Open opens the database that belongs to dir, an empty directory of its own for
// each test. A second call with the same dir opens the same database again,
// whether the first Store is closed or not. It ends the test when it fails.
type Open func(t *testing.T, dir string) storage.Store

type test struct {
	name string
	run  func(*testing.T, *bench)
}

// Run holds an engine to the contract.
func Run(t *testing.T, open func(t *testing.T, dir string) storage.Store) {
	for _, group := range [][]test{
		transactionTests, sharedTests, recordTests, digestTests, queryTests, positionTests, journalTests, feedTests, stageTests,
		quarantineTests, shelfTests, rowTests,
	} {
		for _, tt := range group {
			t.Run(tt.name, func(t *testing.T) {
				b := &bench{dir: t.TempDir(), open: open}
				b.Store = b.another(t)
				tt.run(t, b)
			})
		}
	}
}

// bench is one database under examination.
type bench struct {
	storage.Store
	dir  string
	open Open
}

// another opens the database once more, beside the first Store.
func (b *bench) another(t *testing.T) storage.Store {
	t.Helper()
	s := b.open(t, b.dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// reopen closes the Store and opens the database again.
func (b *bench) reopen(t *testing.T) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	b.Store = b.another(t)
}

// update runs fn in an Update that must succeed.
func update(t *testing.T, s storage.Store, fn func(storage.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// view runs fn in a View that must succeed.
func view(t *testing.T, s storage.Store, fn func(storage.Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// read returns what get reads in a View of its own.
func read[T any](t *testing.T, s storage.Store, get func(storage.Reader) (T, error)) (out T) {
	t.Helper()
	view(t, s, func(r storage.Reader) (err error) {
		out, err = get(r)
		return err
	})
	return out
}

// equal fails the test unless got is want.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// code fails the test unless err has the code.
func code(t *testing.T, what string, err error, want atoll.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %s", what, err, want)
	}
}

var errOurs = errors.New("ours")

// The values of the tests. id(1) < id(2) < …

func id(n int) atoll.ID { return atoll.ID(fmt.Sprintf("00000000-0000-7000-8000-%012d", n)) }

func key(typ string, n int) atoll.Key { return atoll.Key{Type: atoll.Type(typ), ID: id(n)} }

func hash(n int) atoll.Hash { return atoll.Hash{0: 1, 30: byte(n >> 8), 31: byte(n)} }

func timeline(n int) atoll.Timeline { return atoll.Timeline(fmt.Sprintf("%016x", n)) }

// at is a time to the millisecond, which is what every engine keeps.
func at(n int) time.Time {
	return time.Date(2026, 3, 14, 15, 9, 26, 535e6, time.UTC).Add(time.Duration(n) * time.Millisecond)
}

func record(k atoll.Key, version int) atoll.Record {
	return atoll.Record{
		Key: k, Version: uint64(version),
		Body:   fmt.Appendf(nil, `{"code":"c%d","price":"%d.50"}`, version, version),
		Origin: atoll.Origin{Site: 7, Seq: uint64(version)},
	}
}

func entry(site, seq int) storage.JournalEntry {
	return storage.JournalEntry{
		Site: atoll.SiteID(site), Timeline: timeline(site), Seq: uint64(seq), Hash: hash(seq),
		Received: at(seq), Content: fmt.Appendf(nil, "entry %d of site %d", seq, site),
	}
}

// put puts a record and returns it as it is stored.
func put(tx storage.Tx, r atoll.Record, index map[string]string) (atoll.Record, error) {
	p, err := tx.Put(r, index)
	r.Position = p
	return r, err
}

// all reads every record, by Changed.
func all(r storage.Reader) ([]atoll.Record, error) { return r.Changed(0, 1<<20) }

func keys(records []atoll.Record) []atoll.Key {
	out := make([]atoll.Key, len(records))
	for i, r := range records {
		out[i] = r.Key
	}
	return out
}

// writeSome writes something of each kind, so that a test can see whether it is
// all there or not at all. n tells several apart.
func writeSome(tx storage.Tx, n int) error {
	r := record(key("item", n), n)
	p, err := tx.Put(r, map[string]string{"code": fmt.Sprint(n)})
	if err != nil {
		return err
	}
	_, err = tx.Refuse(storage.Refusal{Site: 7, Seq: uint64(n), Code: atoll.Rule, Keys: []atoll.Key{r.Key}, At: at(n), Content: []byte("x")})
	return errors.Join(err,
		tx.Append(entry(n, 1)),
		tx.SetBase(atoll.SiteID(1000+n), atoll.Head{Timeline: timeline(n), Seq: 5, Hash: hash(5)}),
		tx.List("all", storage.FeedLine{Position: p, Key: r.Key}),
		tx.Stage("in", storage.StagedItem{Key: r.Key, Position: p, Payload: []byte("payload")}),
		tx.Set("bucket", fmt.Sprint(n), []byte("value")),
	)
}

// wrote reports what of writeSome(n) is there: everything, or nothing. A part of
// it is an error.
func wrote(r storage.Reader, n int) (bool, error) {
	k := key("item", n)
	_, err := r.Record(k)
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return false, err
	}
	want := err == nil
	var wrong []string
	expect := func(what string, got bool, err error) {
		if err != nil && !errors.Is(err, atoll.NotFound) || got != want {
			wrong = append(wrong, fmt.Sprintf("%s %t %v", what, got, err))
		}
	}
	found, err := r.Records(storage.Query{Type: "item", Where: map[string]string{"code": fmt.Sprint(n)}})
	expect("index", len(found) == 1, err)
	e, err := r.Entry(atoll.SiteID(n), 1)
	expect("journal", bytes.Equal(e.Content, entry(n, 1).Content), err)
	h, err := r.Head(atoll.SiteID(1000 + n))
	expect("base", h.Seq == 5, err)
	lines, err := r.Feed("all", 0, 0, 1<<20)
	expect("feed", has(lines, func(l storage.FeedLine) bool { return l.Key == k }), err)
	items, err := r.Staged("in", "item", storage.StagedPlace{}, 0)
	expect("stage", has(items, func(i storage.StagedItem) bool { return i.Key == k }), err)
	refusals, err := r.OpenRefusals(7, []atoll.Key{k})
	expect("quarantine", refusals[k] != 0, err)
	v, err := r.Get("bucket", fmt.Sprint(n))
	expect("shelf", string(v) == "value", err)
	if wrong != nil {
		return false, fmt.Errorf("%d: record there: %t, but %v", n, want, wrong)
	}
	return want, nil
}

func has[T any](list []T, is func(T) bool) bool {
	for _, v := range list {
		if is(v) {
			return true
		}
	}
	return false
}

// there fails the test unless all or nothing of writeSome(n) is there, as wanted.
func there(t *testing.T, s storage.Store, n int, want bool) {
	t.Helper()
	got := read(t, s, func(r storage.Reader) (bool, error) { return wrote(r, n) })
	equal(t, fmt.Sprintf("%d is there", n), got, want)
}

// rounds is how often a test repeats what races: many, fewer under the race
// detector, which makes some engines very slow, and few with -short.
func rounds(many int) int {
	switch {
	case testing.Short():
		return max(many/20, 3)
	case raceEnabled:
		return max(many/8, 3)
	}
	return many
}

// background runs fn in a goroutine and returns a function that waits for it and
// fails the test if it failed.
func background(t *testing.T, fn func(context.Context) error) (wait func()) {
	t.Helper()
	ctx := t.Context()
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
