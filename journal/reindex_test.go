package journal_test

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
)

// Records that were written under another catalogue are found by what this one
// says, and are otherwise as they were.
func TestReindex(t *testing.T) {
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	store := memory.Open(memory.NewDisk(), memory.Options{})
	item := atoll.Key{Type: "item", ID: "018f0000-0000-7000-8000-000000000001"}
	body := atoll.Fields{}.Set("code", "AMX").Set("name", "Amoxicillin").Encode()
	var at atoll.Position
	err = store.Update(t.Context(), func(tx storage.Tx) error {
		at, err = tx.Put(atoll.Record{Key: item, Version: 1, Body: body}, map[string]string{"old": "x"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func(q storage.Query) (n int) {
		q.Type = "item"
		err := store.View(t.Context(), func(r storage.Reader) error {
			recs, err := r.Records(q)
			n = len(recs)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, want := range []int{1, 0} { // and again: nothing to do
		if n, err := journal.Reindex(t.Context(), store, c); err != nil || n != want {
			t.Fatalf("looked at %d records (%v), want %d", n, err, want)
		}
	}
	for name, q := range map[string]storage.Query{
		"a word": {Begun: catalogue.Looked("amox")}, "a field": {Where: map[string]string{"code": "AMX"}},
	} {
		if list(q) != 1 {
			t.Errorf("not found by %s", name)
		}
	}
	if list(storage.Query{Where: map[string]string{"old": "x"}}) != 0 {
		t.Error("found by what it is found by no longer")
	}
	err = store.View(t.Context(), func(r storage.Reader) error {
		rec, err := r.Record(item)
		if err == nil && (rec.Position != at || string(rec.Body) != string(body)) {
			t.Errorf("the record is %+v", rec)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
