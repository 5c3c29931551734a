package storagetest

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var stageTests = []test{
	{"Staged returns a lane in rising order of position", stagedInOrder},
	{"Staging twice is staging once", stagingTwice},
	{"Unstage removes one item or the lane", unstage},
	{"Integration is all or nothing R-L-13", integrationIsWhole},
}

func staged(position, n int) storage.StagedItem {
	return storage.StagedItem{Key: key("item", n), Position: atoll.Position(position), Payload: []byte{byte(n), 0, 255}}
}

func lane(t *testing.T, s storage.Store, name string, limit int) []storage.StagedItem {
	t.Helper()
	return read(t, s, func(r storage.Reader) ([]storage.StagedItem, error) { return r.Staged(name, limit) })
}

func stagedInOrder(t *testing.T, b *bench) {
	failed := staged(3, 1)
	failed.Error, failed.Attempts = "refers to nothing", 4
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			tx.Stage("a", staged(10, 3)), tx.Stage("a", staged(2, 9)), tx.Stage("a", failed),
			tx.Stage("b", staged(1, 1)))
	})
	b.reopen(t)
	equal(t, "the lane", lane(t, b, "a", 0), []storage.StagedItem{staged(2, 9), failed, staged(10, 3)})
	equal(t, "its first two", lane(t, b, "a", 2), []storage.StagedItem{staged(2, 9), failed})
	equal(t, "another lane", lane(t, b, "b", 0), []storage.StagedItem{staged(1, 1)})
	equal(t, "no lane", lane(t, b, "c", 0), []storage.StagedItem(nil))
	equal(t, "counts", read(t, b, storage.Reader.CountStaged), map[string]int{"a": 3, "b": 1})
}

func stagingTwice(t *testing.T, b *bench) {
	again := staged(7, 1)
	again.Payload = []byte("newer")
	for range 2 {
		update(t, b, func(tx storage.Tx) error {
			return errors.Join(tx.Stage("a", staged(2, 1)), tx.Stage("a", staged(5, 2)), tx.Stage("b", staged(2, 1)), tx.Stage("a", again))
		})
		equal(t, "the lane", lane(t, b, "a", 0), []storage.StagedItem{staged(5, 2), again})
		equal(t, "counts", read(t, b, storage.Reader.CountStaged), map[string]int{"a": 2, "b": 1})
	}
}

func unstage(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Stage("a", staged(1, 1)), tx.Stage("a", staged(2, 2)), tx.Stage("a", staged(3, 3)), tx.Stage("b", staged(1, 1)))
	})
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Unstage("a", key("item", 2)), tx.Unstage("a", key("item", 9)), tx.Unstage("c", atoll.Key{}))
	})
	equal(t, "without one", lane(t, b, "a", 0), []storage.StagedItem{staged(1, 1), staged(3, 3)})
	update(t, b, func(tx storage.Tx) error { return tx.Unstage("a", atoll.Key{}) })
	equal(t, "without all", lane(t, b, "a", 0), []storage.StagedItem(nil))
	equal(t, "the other lane", lane(t, b, "b", 0), []storage.StagedItem{staged(1, 1)})
	equal(t, "counts", read(t, b, storage.Reader.CountStaged), map[string]int{"b": 1})
}

// integrationIsWhole does what integration does, and fails in the middle.
func integrationIsWhole(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Stage("a", staged(1, 1)), tx.Stage("a", staged(2, 2)))
	})
	integrate := func(fail bool) error {
		return b.Update(t.Context(), func(tx storage.Tx) error {
			items, err := tx.Staged("a", 0)
			if err != nil {
				return err
			}
			for i, it := range items {
				if _, err := tx.Put(record(it.Key, 1), nil); err != nil {
					return err
				}
				if fail && i == 1 {
					return errOurs
				}
			}
			return errors.Join(tx.Unstage("a", atoll.Key{}), tx.Set("cursor", "a", []byte("2")))
		})
	}
	if err := integrate(true); err != errOurs {
		t.Fatal(err)
	}
	b.reopen(t)
	equal(t, "records", keys(read(t, b, all)), items())
	equal(t, "staged", lane(t, b, "a", 0), []storage.StagedItem{staged(1, 1), staged(2, 2)})
	if err := integrate(false); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	equal(t, "records", keys(read(t, b, all)), items(1, 2))
	equal(t, "staged", lane(t, b, "a", 0), []storage.StagedItem(nil))
}
