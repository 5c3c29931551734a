package memory_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
)

var errOurs = errors.New("ours")

func key(n int) atoll.Key { return atoll.Key{Type: "item", ID: atoll.DeriveID("test", fmt.Sprint(n))} }

func put(tx storage.Tx, n int) error {
	_, err := tx.Put(atoll.Record{Key: key(n), Version: 1, Body: fmt.Appendf(nil, `{"n":%d}`, n)}, map[string]string{"n": fmt.Sprint(n)})
	return err
}

// some writes something of every kind, with savepoints in savepoints: of the
// records n to n+5, n+3 is undone, with n+4 in it.
func some(tx storage.Tx, n int) error {
	head, err := tx.Head(1)
	if err != nil {
		return err
	}
	if err := put(tx, n); err != nil {
		return err
	}
	if err := tx.Append(storage.JournalEntry{Site: 1, Seq: head.Seq + 1, Hash: atoll.Hash{1, byte(n)}, Content: []byte("entry")}); err != nil {
		return err
	}
	err = tx.Savepoint(func() error {
		if err := put(tx, n+1); err != nil {
			return err
		}
		if err := tx.Savepoint(func() error { return put(tx, n+2) }); err != nil {
			return err
		}
		err := tx.Savepoint(func() error {
			if err := put(tx, n+3); err != nil {
				return err
			}
			if err := tx.Savepoint(func() error { return put(tx, n+4) }); err != nil {
				return err
			}
			return errOurs
		})
		if !errors.Is(err, errOurs) {
			return err
		}
		if err := tx.Stage("lane", storage.StagedItem{Key: key(n), Position: 1}); err != nil {
			return err
		}
		return tx.List("all", storage.FeedLine{Position: atoll.Position(n), Key: key(n)})
	})
	if err != nil {
		return err
	}
	if _, err := tx.Refuse(storage.Refusal{Site: 1, Keys: []atoll.Key{key(n)}}); err != nil {
		return err
	}
	if err := tx.Set("shelf", fmt.Sprint(n), []byte("value")); err != nil {
		return err
	}
	return put(tx, n+5)
}

func open(d *memory.Disk) *memory.Store {
	return memory.Open(d, memory.Options{Now: func() time.Time { return time.UnixMilli(1) }})
}

func write(t *testing.T, s *memory.Store, n int) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx storage.Tx) error { return some(tx, n) }); err != nil {
		t.Fatal(err)
	}
}

// contents is everything that can be read from the disk.
type contents struct {
	Records  []atoll.Record
	Found    map[string]int
	Counts   map[atoll.Type]int
	Last     atoll.Position
	Journals map[atoll.SiteID]atoll.Head
	Entries  []storage.JournalEntry
	Feed     []storage.FeedLine
	Staged   []storage.StagedItem
	Refusals []storage.Refusal
	Open     map[atoll.SiteID]int
	Shelf    []storage.Item
}

func read(t *testing.T, d *memory.Disk) (c contents) {
	t.Helper()
	s := open(d)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := s.View(t.Context(), func(r storage.Reader) error {
		errs := make([]error, 11)
		c.Records, errs[0] = r.Changed(0, 0)
		c.Found = map[string]int{}
		for _, rec := range c.Records {
			n := string(rec.MustFields()["n"])
			found, err := r.Records(storage.Query{Type: rec.Type, Where: map[string]string{"n": n}, All: true})
			c.Found[n], errs[1] = len(found), errors.Join(errs[1], err)
		}
		c.Counts, errs[2] = r.CountRecords()
		c.Last, errs[3] = r.LastPosition()
		c.Journals, errs[4] = r.Journals()
		c.Entries, errs[5] = r.Entries(1, 0, 0, 0)
		c.Feed, errs[6] = r.Feed("all", 0, 0, 0)
		c.Staged, errs[7] = r.Staged("lane", "item", storage.StagedPlace{}, 0)
		c.Refusals, errs[8] = r.Refusals(0, false, 0, 0)
		c.Open, errs[9] = r.CountRefusals()
		c.Shelf, errs[10] = r.Scan("shelf", "", 0, false)
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func same(t *testing.T, what string, got, want contents) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func wantCrashed(t *testing.T, what string, s *memory.Store, err error) {
	t.Helper()
	if !errors.Is(err, memory.ErrCrashed) || !errors.Is(err, atoll.Unavailable) {
		t.Fatalf("%s: got %v, want the crash", what, err)
	}
	if !s.Crashed() {
		t.Fatalf("%s: the machine has crashed and does not say so", what)
	}
}

// A crash at any storage call leaves exactly what was committed, in the midst of
// savepoints too, and the next program goes on from there (R-L-02).
func TestCrashAtEveryCallLosesTheTailOnly_R_L_02(t *testing.T) {
	before := memory.NewDisk()
	write(t, open(before), 100)
	s := open(before.Copy())
	write(t, s, 200)
	calls, after := s.Calls(), read(t, s.Disk())
	if calls < 20 {
		t.Fatalf("%d calls were counted", calls)
	}
	untouched := read(t, before)
	for k := 1; k <= calls+3; k++ {
		d := before.Copy()
		s := open(d)
		s.Arm(memory.Faults{Crash: k})
		err := s.Update(t.Context(), func(tx storage.Tx) error { return some(tx, 200) })
		if k > calls {
			if err != nil || s.Crashed() {
				t.Fatalf("a crash after the end: %v", err)
			}
			same(t, "after the whole", read(t, d), after)
			continue
		}
		wantCrashed(t, fmt.Sprint("Update, crash at ", k), s, err)
		if s.Calls() != k {
			t.Fatalf("crash at %d came at call %d", k, s.Calls())
		}
		same(t, fmt.Sprint("after a crash at ", k), read(t, d), untouched)
		wantCrashed(t, "another Update", s, s.Update(t.Context(), func(storage.Tx) error { t.Error("it ran"); return nil }))
		wantCrashed(t, "a View", s, s.View(t.Context(), func(storage.Reader) error { t.Error("it ran"); return nil }))
		s.Arm(memory.Faults{}) // brings nothing back
		wantCrashed(t, "a View", s, s.View(t.Context(), func(storage.Reader) error { return nil }))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, open(d), 200)
		same(t, "written again", read(t, d), after)
	}
}

// Who does not look at errors still commits nothing after a crash, and sees none
// of it as well done.
func TestCrashCannotBeOverlooked(t *testing.T) {
	d := memory.NewDisk()
	s := open(d)
	s.Arm(memory.Faults{Crash: 3})
	err := s.Update(t.Context(), func(tx storage.Tx) error {
		_, _ = put(tx, 1), put(tx, 2)
		_ = tx.Savepoint(func() error { t.Error("a savepoint began after the crash"); return nil })
		return nil
	})
	wantCrashed(t, "Update", s, err)
	same(t, "the disk", read(t, d), read(t, memory.NewDisk()))

	s = open(d)
	err = s.View(t.Context(), func(r storage.Reader) error {
		s.Crash()
		_, err := r.Changed(0, 1)
		wantCrashed(t, "a reading", s, err)
		return nil
	})
	wantCrashed(t, "View", s, err)
	// Another machine on the same disk lives.
	write(t, open(d), 1)
}

// A commit that reached the disk although its answer did not: the program never
// hears of it, and the next one finds it.
func TestTornCommitIsOnTheDisk(t *testing.T) {
	d := memory.NewDisk()
	s := open(d)
	write(t, s, 100)
	s.Arm(memory.Faults{Torn: 2})
	write(t, s, 200)
	// An Update that writes nothing is no commit.
	if err := s.Update(t.Context(), func(storage.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	wantCrashed(t, "Update", s, s.Update(t.Context(), func(tx storage.Tx) error { return some(tx, 300) }))
	wantCrashed(t, "a View", s, s.View(t.Context(), func(storage.Reader) error { return nil }))
	if s.Commits() != 3 {
		t.Errorf("%d commits were counted, want 3", s.Commits())
	}
	whole := memory.NewDisk()
	again := open(whole)
	for _, n := range []int{100, 200, 300} {
		write(t, again, n)
	}
	same(t, "the disk", read(t, d), read(t, whole))
}

// A full disk refuses with the code of the real engine and keeps nothing
// ; the program goes on, and with space again so does its work.
func TestDiskFullKeepsNothing(t *testing.T) {
	d := memory.NewDisk()
	s := open(d)
	write(t, s, 100)
	untouched := read(t, d)
	s.Arm(memory.Faults{Full: 2})
	for range 2 {
		err := s.Update(t.Context(), func(tx storage.Tx) error { return some(tx, 200) })
		var e *atoll.Error
		if !errors.As(err, &e) || e.Code != atoll.DiskFull || e.Hint == "" {
			t.Fatalf("Update: got %v, want that the disk is full", err)
		}
		if err := s.Update(t.Context(), func(storage.Tx) error { return nil }); err != nil {
			t.Fatalf("an Update that writes nothing: %v", err)
		}
		same(t, "the disk", read(t, d), untouched)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("reading while the disk is full: %v", err)
	}
	last := untouched.Last
	err := s.Update(t.Context(), func(tx storage.Tx) error {
		p, err := tx.NextPosition()
		if p <= last+5 {
			t.Errorf("position %d was given before, by what was not written", p)
		}
		return errors.Join(err, some(tx, 200))
	})
	if err != nil || s.Crashed() {
		t.Fatalf("with space again: %v", err)
	}
}

// A slow disk lets time pass at each commit, and at nothing else.
func TestSlowDiskLetsTimePass(t *testing.T) {
	s := open(memory.NewDisk())
	commits := 0
	s.Arm(memory.Faults{Slow: func() { commits++ }})
	write(t, s, 100)
	_ = s.Update(t.Context(), func(tx storage.Tx) error { return errors.Join(put(tx, 1), errOurs) })
	_ = s.Update(t.Context(), func(storage.Tx) error { return nil })
	_ = read(t, s.Disk())
	write(t, s, 200)
	if commits != 2 {
		t.Errorf("time passed at %d commits, want 2", commits)
	}
}

// An image is what was committed when it was made, whatever runs, and lives on
// its own.
func TestCopyLivesApart(t *testing.T) {
	d := memory.NewDisk()
	s := open(d)
	write(t, s, 100)
	want := read(t, d)
	var image *memory.Disk
	err := s.Update(t.Context(), func(tx storage.Tx) error {
		err := some(tx, 200)
		image = d.Copy()
		return errors.Join(err, some(tx, 300))
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "an image made while an Update ran", read(t, image), want)
	both := read(t, d)
	images := []*memory.Disk{image, image.Copy(), image.Copy()}
	for i, image := range images {
		write(t, open(image), 400+10*i)
	}
	same(t, "the original", read(t, d), both)
	for i, image := range images {
		other := memory.NewDisk()
		s := open(other)
		write(t, s, 100)
		write(t, s, 400+10*i)
		same(t, "an image that was written to", read(t, image), read(t, other))
	}
}

// Images of one disk may be written at once, while it is written itself and more
// images are made. The race detector sees to it that they share nothing that any
// of them changes.
func TestCopiesAreWrittenAtOnce(t *testing.T) {
	const many, each = 4, 60
	d := memory.NewDisk()
	write(t, open(d), 100)
	ctx := context.WithoutCancel(t.Context())
	fill := func(d *memory.Disk) error {
		s := open(d)
		for n := range each {
			if err := s.Update(ctx, func(tx storage.Tx) error { return some(tx, 10*n) }); err != nil {
				return err
			}
		}
		return s.Check(ctx)
	}
	done := make(chan error)
	ended := make(chan struct{})
	for range many {
		image := d.Copy()
		go func() { done <- fill(image) }()
	}
	go func() { done <- fill(d) }()
	go func() {
		for {
			select {
			case <-ended:
				done <- nil
				return
			default:
				if err := open(d.Copy()).Check(ctx); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for range many + 1 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	close(ended)
	<-done
	if c := read(t, d); c.Journals[1].Seq != 1+each {
		t.Errorf("the journal ends at %d, want %d", c.Journals[1].Seq, 1+each)
	}
}

// What was handed in and what was handed out belongs to the caller, who may
// write to it.
func TestNothingIsShared(t *testing.T) {
	d := memory.NewDisk()
	s := open(d)
	body, keys, audiences := []byte(`{"n":1}`), []atoll.Key{key(1)}, []atoll.Audience{"all"}
	index := map[string]string{"n": "1"}
	err := s.Update(t.Context(), func(tx storage.Tx) error {
		_, err := tx.Put(atoll.Record{Key: key(1), Body: body, Audiences: audiences}, index)
		_, err2 := tx.Refuse(storage.Refusal{Site: 1, Keys: keys, Content: body})
		return errors.Join(err, err2,
			tx.Append(storage.JournalEntry{Site: 1, Seq: 1, Hash: atoll.Hash{1}, Content: body}),
			tx.Stage("lane", storage.StagedItem{Key: key(1), Payload: body}), tx.Set("shelf", "k", body))
	})
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, d)
	spoil := func(b []byte) { clear(b) }
	spoil(body)
	keys[0], audiences[0], index["n"] = key(2), "other", "2"
	same(t, "after what was handed in was written to", read(t, d), want)
	got := read(t, d)
	spoil(got.Records[0].Body)
	spoil(got.Entries[0].Content)
	spoil(got.Staged[0].Payload)
	spoil(got.Refusals[0].Content)
	spoil(got.Shelf[0].Value)
	got.Records[0].Audiences[0], got.Refusals[0].Keys[0] = "other", key(3)
	err = s.View(t.Context(), func(r storage.Reader) error {
		return r.Rows(storage.RowQuery{Type: "item", Fields: []string{"n"}}, func(row storage.Row) error {
			spoil(row.Values[0])
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "after what was handed out was written to", read(t, d), want)
}

// The function that gets rows must not read with the same reader.
func TestRowsRefusesItsOwnReader(t *testing.T) {
	s := open(memory.NewDisk())
	write(t, s, 100)
	err := s.View(t.Context(), func(r storage.Reader) error {
		err := r.Rows(storage.RowQuery{Type: "item"}, func(storage.Row) error { _, err := r.LastPosition(); return err })
		if !errors.Is(err, atoll.Internal) {
			t.Errorf("it read: %v", err)
		}
		_, err = r.LastPosition()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReaderIsDeadAfterItsTransaction(t *testing.T) {
	s := open(memory.NewDisk())
	var kept storage.Tx
	if err := s.Update(t.Context(), func(tx storage.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := kept.Set("a", "b", nil); !errors.Is(err, atoll.Internal) {
		t.Errorf("a write after the end of the transaction: %v", err)
	}
}
