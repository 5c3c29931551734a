package storagetest

import (
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

var stageTests = []test{
	{"Staged returns what is staged of a type in rising order of position", stagedInOrder},
	{"What is staged is read by pages", stagedByPages},
	{"Restage moves a lane, and the newer stays", restage},
	{"Staging twice is staging once", stagingTwice},
	{"Unstage removes one item or the lane", unstage},
	{"Outdate removes an item that is no newer", outdate},
	{"Integration is all or nothing R-L-13", integrationIsWhole},
}

func staged(position, n int) storage.StagedItem {
	return storage.StagedItem{Key: key("item", n), Position: atoll.Position(position), Payload: []byte{byte(n), 0, 255}}
}

func lane(t *testing.T, s storage.Store, name string, limit int) []storage.StagedItem {
	t.Helper()
	return read(t, s, func(r storage.Reader) ([]storage.StagedItem, error) {
		return r.Staged(name, "item", storage.StagedPlace{}, limit)
	})
}

func stagedInOrder(t *testing.T, b *bench) {
	other := staged(1, 1)
	other.Key.Type = "name"
	failed := staged(3, 1)
	failed.Error, failed.Attempts = "refers to nothing", 4
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			tx.Stage("a", staged(10, 3)), tx.Stage("a", staged(2, 9)), tx.Stage("a", failed),
			tx.Stage("b", staged(1, 1)), tx.Stage("a", other))
	})
	b.reopen(t)
	equal(t, "the lane", lane(t, b, "a", 0), []storage.StagedItem{staged(2, 9), failed, staged(10, 3)})
	equal(t, "its first two", lane(t, b, "a", 2), []storage.StagedItem{staged(2, 9), failed})
	equal(t, "another lane", lane(t, b, "b", 0), []storage.StagedItem{staged(1, 1)})
	equal(t, "no lane", lane(t, b, "c", 0), []storage.StagedItem(nil))
	equal(t, "counts", read(t, b, storage.Reader.CountStaged), map[string]int{"a": 4, "b": 1})
	types := func(name string) []atoll.Type {
		return read(t, b, func(r storage.Reader) ([]atoll.Type, error) { return r.StagedTypes(name) })
	}
	equal(t, "types", types("a"), []atoll.Type{"item", "name"})
	equal(t, "types of no lane", types("c"), []atoll.Type(nil))
}

func stagedByPages(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Stage("a", staged(2, 1)), tx.Stage("a", staged(2, 2)), tx.Stage("a", staged(2, 3)), tx.Stage("a", staged(5, 0)), tx.Stage("b", staged(3, 4)))
	})
	var got []atoll.Key
	for after := (storage.StagedPlace{}); ; {
		page := read(t, b, func(r storage.Reader) ([]storage.StagedItem, error) { return r.Staged("a", "item", after, 2) })
		for _, it := range page {
			got = append(got, it.Key)
			after = storage.StagedPlace{Position: it.Position, ID: it.Key.ID}
		}
		if len(page) < 2 {
			break
		}
	}
	equal(t, "all pages", got, items(1, 2, 3, 0))
}

func restage(t *testing.T, b *bench) {
	marked := func(position, n int, payload string) storage.StagedItem {
		it := staged(position, n)
		it.Payload = []byte(payload)
		return it
	}
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			tx.Stage("a", marked(2, 1, "older")), tx.Stage("a", marked(3, 2, "same")), tx.Stage("a", marked(9, 3, "newer")), tx.Stage("a", marked(1, 4, "alone")),
			tx.Stage("b", marked(4, 1, "stays")), tx.Stage("b", marked(3, 2, "goes")), tx.Stage("b", marked(8, 3, "goes")), tx.Stage("b", marked(7, 5, "was there")),
			tx.Stage("c", marked(1, 1, "elsewhere")))
	})
	update(t, b, func(tx storage.Tx) error { return errors.Join(tx.Restage("a", "b"), tx.Restage("none", "b")) })
	b.reopen(t)
	equal(t, "what was moved", lane(t, b, "a", 0), []storage.StagedItem(nil))
	equal(t, "where to", lane(t, b, "b", 0), []storage.StagedItem{
		marked(1, 4, "alone"), marked(3, 2, "same"), marked(4, 1, "stays"), marked(7, 5, "was there"), marked(9, 3, "newer"),
	})
	equal(t, "another lane", lane(t, b, "c", 0), []storage.StagedItem{marked(1, 1, "elsewhere")})
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

func outdate(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Stage("a", staged(4, 1)), tx.Stage("a", staged(5, 2)), tx.Stage("a", staged(6, 3)), tx.Stage("b", staged(4, 1)))
	})
	update(t, b, func(tx storage.Tx) error {
		same, newer, older, other := staged(4, 1), staged(9, 2), staged(5, 3), staged(9, 8)
		return errors.Join(tx.Outdate("a", same), tx.Outdate("a", newer), tx.Outdate("a", older), tx.Outdate("a", other))
	})
	equal(t, "what is newer", lane(t, b, "a", 0), []storage.StagedItem{staged(6, 3)})
	equal(t, "the other lane", lane(t, b, "b", 0), []storage.StagedItem{staged(4, 1)})
	equal(t, "counts", read(t, b, storage.Reader.CountStaged), map[string]int{"a": 1, "b": 1})
}

// integrationIsWhole does what integration does, and fails in the middle.
func integrationIsWhole(t *testing.T, b *bench) {
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.Stage("a", staged(1, 1)), tx.Stage("a", staged(2, 2)))
	})
	integrate := func(fail bool) error {
		return b.Update(t.Context(), func(tx storage.Tx) error {
			items, err := tx.Staged("a", "item", storage.StagedPlace{}, 0)
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
