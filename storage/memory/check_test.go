package memory

import (
	"errors"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Check names what does not agree. No call of a Store brings that about, so the
// damage is done by hand.
func TestCheckFindsDamage(t *testing.T) {
	key := func(n string) atoll.Key { return atoll.Key{Type: "item", ID: atoll.DeriveID("test", n)} }
	write := func(tx storage.Tx) error {
		for _, n := range []string{"a", "b"} {
			if _, err := tx.Put(atoll.Record{Key: key(n), Version: 1, Body: []byte(`{}`), Audiences: []atoll.Audience{"all"}},
				map[string]string{"code": n}); err != nil {
				return err
			}
		}
		_, err := tx.Refuse(storage.Refusal{Site: 1, Keys: []atoll.Key{key("a")}})
		return errors.Join(err,
			tx.Append(storage.JournalEntry{Site: 1, Seq: 1, Hash: atoll.Hash{1}}),
			tx.Append(storage.JournalEntry{Site: 1, Seq: 2, Hash: atoll.Hash{2}}),
			tx.Stage("lane", storage.StagedItem{Key: key("a"), Position: 1}), tx.Set("shelf", "a", nil), tx.Set("shelf", "b", nil))
	}
	row := func(s *state) *row { r, _ := s.records.tree.Min(); return r }
	for words, damage := range map[string]func(*state){
		"":                            func(*state) {},
		"is not among the changes":    func(s *state) { s.changed.tree.PopMin() },
		"above the last position":     func(s *state) { s.last = 1 },
		"a body that is not JSON":     func(s *state) { row(s).record.Body = []byte(`{`) },
		"is not as it was put":        func(s *state) { row(s).record.Version = 7 },
		"is not that of its records":  func(s *state) { row(s).record.Audiences = nil },
		"have no digest":              func(s *state) { s.digests.tree.Clear() },
		"is missing from the index":   func(s *state) { s.index.tree.PopMax() },
		"the index has 3 rows":        func(s *state) { s.index.tree.Set(&indexed{"item", "code", "c", key("a").ID}) },
		"more than counted":           func(s *state) { s.counts.tree.Set(count{"item", 1}) },
		"types that are not counted":  func(s *state) { s.counts.tree.Clear() },
		"has no entry 1":              func(s *state) { s.journal.tree.PopMin() },
		"and has 1 entries":           func(s *state) { c, _ := s.heads.tree.Min(); c.entries = 1 },
		"does not end with its last":  func(s *state) { c, _ := s.heads.tree.Min(); c.head.Hash = atoll.Hash{9} },
		"journal entries, the":        func(s *state) { s.journal.tree.Set(&storage.JournalEntry{Site: 2, Seq: 1}) },
		"not in the lane":             func(s *state) { s.lanes.tree.PopMin() },
		"are staged, 1 are in lanes":  func(s *state) { s.staged.tree.PopMin() },
		"from those of site 1":        func(s *state) { s.bySite.tree.PopMin() },
		"listed as open: false":       func(s *state) { s.open.tree.PopMin() },
		"missing from those of item/": func(s *state) { s.byKey.tree.PopMin() },
		"hold more than there are":    func(s *state) { s.open.tree.Set(refused{site: 2, id: 9}) },
		"the shelf are not in order":  func(s *state) { v, _ := s.shelf.tree.Min(); v.Key = "c" },
	} {
		t.Run(words, func(t *testing.T) {
			disk := NewDisk()
			s := Open(disk, Options{})
			if err := s.Update(t.Context(), write); err != nil {
				t.Fatal(err)
			}
			damage(disk.state)
			err := s.Check(t.Context())
			if words == "" {
				if err != nil {
					t.Errorf("nothing is wrong: %v", err)
				}
				return
			}
			if !errors.Is(err, atoll.Damaged) || !strings.Contains(err.Error(), words) {
				t.Errorf("got %v, want that it %q", err, words)
			}
		})
	}
}
