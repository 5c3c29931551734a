package storagetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var transactionTests = []test{
	{"Update is durable R-L-02", updateIsDurable},
	{"Update rolls back on error", updateRollsBackOnError},
	{"Update rolls back on panic", updateRollsBackOnPanic},
	{"Update rolls back when its goroutine ends", updateRollsBackOnGoexit},
	{"Update rolls back on cancelled context", updateRollsBackOnCancel},
	{"Update refuses an ended context", updateRefusesEndedContext},
	{"Update commits record and journal together R-A-13", recordAndJournalTogether},
	{"Updates run one after the other", updatesRunInTurn},
	{"Update sees its own writes", updateSeesItsOwn},
	{"View is one snapshot while writers commit", viewIsOneSnapshot},
	{"View returns the error unchanged", viewReturnsError},
	{"Savepoint undoes only its own", savepointUndoesItsOwn},
	{"Savepoint undoes on panic", savepointUndoesOnPanic},
	{"Savepoints nest", savepointsNest},
	{"Close waits for running transactions", closeWaits},
	{"Close while others write loses nothing", closeWhileWriting},
	{"Close twice does nothing and then all fails", closeTwice},
}

func updateIsDurable(t *testing.T, b *bench) {
	for n := 1; n <= 3; n++ {
		update(t, b, func(tx storage.Tx) error { return writeSome(tx, n) })
	}
	before := read(t, b, all)
	b.reopen(t)
	for n := 1; n <= 3; n++ {
		there(t, b, n, true)
	}
	equal(t, "records after opening again", read(t, b, all), before)
}

func updateRollsBackOnError(t *testing.T, b *bench) {
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		if err := writeSome(tx, 1); err != nil {
			t.Errorf("writing: %v", err)
		}
		return errOurs
	})
	if err != errOurs {
		t.Errorf("Update returned %v; want the error of the function, unchanged", err)
	}
	there(t, b, 1, false)
	update(t, b, func(tx storage.Tx) error { return writeSome(tx, 2) })
	b.reopen(t)
	there(t, b, 1, false)
	there(t, b, 2, true)
	equal(t, "counts", read(t, b, storage.Reader.CountRecords), map[atoll.Type]int{"item": 1})
}

func updateRollsBackOnPanic(t *testing.T, b *bench) {
	func() {
		defer func() {
			if r := recover(); r != "ours" {
				t.Errorf("recovered %v; want the function's own panic", r)
			}
		}()
		_ = b.Update(t.Context(), func(tx storage.Tx) error {
			if err := writeSome(tx, 1); err != nil {
				t.Errorf("writing: %v", err)
			}
			panic("ours")
		})
		t.Error("Update swallowed a panic")
	}()
	there(t, b, 1, false)
	update(t, b, func(tx storage.Tx) error { return writeSome(tx, 2) })
	there(t, b, 2, true)
}

func updateRollsBackOnGoexit(t *testing.T, b *bench) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.Update(t.Context(), func(tx storage.Tx) error {
			if err := writeSome(tx, 1); err != nil {
				t.Errorf("writing: %v", err)
			}
			runtime.Goexit() // as t.FailNow does
			return nil
		})
	}()
	<-done
	there(t, b, 1, false)
	update(t, b, func(tx storage.Tx) error { return writeSome(tx, 2) })
	there(t, b, 2, true)
}

func updateRollsBackOnCancel(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Update(ctx, func(tx storage.Tx) error {
		if err := writeSome(tx, 1); err != nil {
			t.Errorf("writing: %v", err)
		}
		cancel()
		return nil
	})
	if err != context.Canceled {
		t.Errorf("Update returned %v; want %v", err, context.Canceled)
	}
	there(t, b, 1, false)
	update(t, b, func(tx storage.Tx) error { return writeSome(tx, 2) })
	there(t, b, 2, true)
}

func updateRefusesEndedContext(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Update(ctx, func(tx storage.Tx) error { return writeSome(tx, 1) }); !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v; want %v", err, context.Canceled)
	}
	if err := b.View(ctx, func(r storage.Reader) error { _, err := all(r); return err }); !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v; want %v", err, context.Canceled)
	}
	// One that ends while it waits for its turn gives up waiting.
	waiting, stop := context.WithCancel(t.Context())
	update(t, b, func(tx storage.Tx) error {
		wait := background(t, func(context.Context) error {
			if err := b.Update(waiting, func(tx storage.Tx) error { return writeSome(tx, 1) }); !errors.Is(err, context.Canceled) {
				return fmt.Errorf("an Update that waited: %v; want %v", err, context.Canceled)
			}
			return nil
		})
		stop()
		wait()
		return nil
	})
	there(t, b, 1, false)
}

func recordAndJournalTogether(t *testing.T, b *bench) {
	k := key("item", 1)
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		if _, err := tx.Put(record(k, 1), nil); err != nil {
			return err
		}
		return tx.Append(entry(1, 2)) // there is no entry 1
	})
	code(t, "an update whose entry is refused", err, atoll.WrongChain)
	err = b.View(t.Context(), func(r storage.Reader) error { _, err := r.Record(k); return err })
	code(t, "its record", err, atoll.NotFound)

	err = b.Update(t.Context(), func(tx storage.Tx) error {
		if err := tx.Append(entry(1, 1)); err != nil {
			return err
		}
		if _, err := tx.Put(record(k, 1), nil); err != nil {
			return err
		}
		return errOurs
	})
	if err != errOurs {
		t.Fatal(err)
	}
	equal(t, "journals", read(t, b, storage.Reader.Journals), map[atoll.SiteID]atoll.Head{})
}

func updatesRunInTurn(t *testing.T, b *bench) {
	const writers = 4
	each := rounds(100)
	var waits []func()
	for range writers {
		waits = append(waits, background(t, func(ctx context.Context) error {
			for range each {
				if err := b.Update(ctx, increment); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for _, wait := range waits {
		wait()
	}
	equal(t, "the counter", counter(t, b), writers*each)
}

func updateSeesItsOwn(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		if err := writeSome(tx, 1); err != nil {
			return err
		}
		if ok, err := wrote(tx, 1); err != nil || !ok {
			t.Errorf("what the transaction wrote: %t, %v", ok, err)
		}
		n, err := tx.CountRecords()
		equal(t, "counts", n, map[atoll.Type]int{"item": 1})
		return err
	})
}

func viewIsOneSnapshot(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error { return writeSome(tx, 1) })
	err := b.View(t.Context(), func(r storage.Reader) error {
		before, err := all(r)
		if err != nil {
			return err
		}
		for n := 2; n <= 4; n++ {
			if err := b.Update(t.Context(), func(tx storage.Tx) error {
				_, err := tx.Put(record(key("item", 1), n), nil)
				return errors.Join(err, writeSome(tx, n))
			}); err != nil {
				return err
			}
			after, err := all(r)
			if err != nil {
				return err
			}
			equal(t, "records in the same View", after, before)
			if ok, err := wrote(r, n); ok || err != nil {
				t.Errorf("a View sees what was committed after it began: %t, %v", ok, err)
			}
			last, err := r.LastPosition()
			equal(t, "the last position", last, before[len(before)-1].Position)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	there(t, b, 4, true)
}

func viewReturnsError(t *testing.T, b *bench) {
	if err := b.View(t.Context(), func(storage.Reader) error { return errOurs }); err != errOurs {
		t.Errorf("View returned %v; want the error of the function, unchanged", err)
	}
}

func savepointUndoesItsOwn(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		if err := writeSome(tx, 1); err != nil {
			return err
		}
		last, err := tx.LastPosition()
		if err != nil {
			return err
		}
		if err := tx.Savepoint(func() error {
			if err := writeSome(tx, 2); err != nil {
				t.Errorf("writing: %v", err)
			}
			if _, err := tx.CountRecords(); err != nil { // a reading must not keep what is undone
				t.Errorf("counting: %v", err)
			}
			return errOurs
		}); err != errOurs {
			t.Errorf("Savepoint returned %v; want the error of the function, unchanged", err)
		}
		if ok, err := wrote(tx, 2); ok || err != nil {
			t.Errorf("what a savepoint undid: %t, %v", ok, err)
		}
		if now, err := tx.LastPosition(); now != last || err != nil {
			t.Errorf("the last position is %d, %v; want %d, that of the last change that stands", now, err, last)
		}
		return errors.Join(
			tx.Savepoint(func() error { return writeSome(tx, 3) }),
			writeSome(tx, 4))
	})
	b.reopen(t)
	for n, want := range map[int]bool{1: true, 2: false, 3: true, 4: true} {
		there(t, b, n, want)
	}
	equal(t, "counts", read(t, b, storage.Reader.CountRecords), map[atoll.Type]int{"item": 3})
}

func savepointUndoesOnPanic(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		func() {
			defer func() { _ = recover() }()
			_ = tx.Savepoint(func() error {
				if err := writeSome(tx, 1); err != nil {
					t.Errorf("writing: %v", err)
				}
				panic("ours")
			})
		}()
		return writeSome(tx, 2)
	})
	there(t, b, 1, false)
	there(t, b, 2, true)
}

func savepointsNest(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		err := tx.Savepoint(func() error { // stays
			inner := tx.Savepoint(func() error { // is undone
				kept := tx.Savepoint(func() error { return writeSome(tx, 1) }) // … with what it held
				return errors.Join(kept, writeSome(tx, 2), errOurs)
			})
			if !errors.Is(inner, errOurs) {
				t.Errorf("the inner savepoint returned %v", inner)
			}
			return errors.Join(writeSome(tx, 3), tx.Savepoint(func() error { return writeSome(tx, 4) }))
		})
		return err
	})
	for n, want := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		there(t, b, n, want)
	}
}

func closeWaits(t *testing.T, b *bench) {
	entered, leave := make(chan struct{}), make(chan struct{})
	write := background(t, func(ctx context.Context) error {
		return b.Update(ctx, func(tx storage.Tx) error {
			close(entered)
			<-leave
			return writeSome(tx, 1)
		})
	})
	<-entered
	closed := background(t, func(context.Context) error { return b.Close() })
	// Close may or may not have begun by now; the Update must go well either way.
	runtime.Gosched()
	close(leave)
	write()
	closed()
	b.Store = b.another(t)
	there(t, b, 1, true)
}

func closeWhileWriting(t *testing.T, b *bench) {
	update(t, b, increment)
	const writers = 6
	first, done := make(chan bool, writers), make(chan int, writers)
	for range writers {
		go func() {
			n := 0
			for b.Update(t.Context(), increment) == nil { // until it is closed
				if n++; n == 1 {
					first <- true
				}
			}
			done <- n
		}()
	}
	for range writers {
		<-first
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	want := 1
	for range writers {
		want += <-done
	}
	s := b.another(t)
	equal(t, "the counter", counter(t, s), want)
}

func closeTwice(t *testing.T, b *bench) {
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	if err := b.View(t.Context(), func(storage.Reader) error { return nil }); err == nil {
		t.Error("View after Close succeeded")
	}
	if err := b.Update(t.Context(), func(storage.Tx) error { return nil }); err == nil {
		t.Error("Update after Close succeeded")
	}
}
