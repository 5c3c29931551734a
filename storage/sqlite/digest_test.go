package sqlite

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// TestR_H_44_OldDatabasesAreSealedOnce: a database that was made before records
// had seals gets them, and its digests, when it is opened (R-H-44).
func TestR_H_44_OldDatabasesAreSealedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atoll.db")
	type kept struct {
		Sealed  []storage.Sealed
		Digests []storage.AudienceDigest
	}
	keeps := func(s *Store) (k kept) {
		t.Helper()
		err := s.View(t.Context(), func(r storage.Reader) (err error) {
			if k.Sealed, err = r.Sealed(0, 0); err == nil {
				k.Digests, err = r.Digests("", 0)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	s := open(t, path)
	err := s.Update(t.Context(), func(tx storage.Tx) error {
		for n := range 2500 { // more than are sealed at once
			r := atoll.Record{
				Key: atoll.Key{Type: "item", ID: atoll.DeriveID("item", string(rune(n)))}, Version: 1, Deleted: n%7 == 0, Hidden: n%11 == 0,
				Body: []byte(`{"code":"a"}`), Audiences: []atoll.Audience{atoll.All, atoll.SiteAudience(atoll.SiteID(n%3 + 2))},
			}
			if _, err := tx.Put(r, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := keeps(s)
	if err := s.Close(); err != nil || len(want.Sealed) != 2500 || len(want.Digests) != 4 {
		t.Fatal(err, len(want.Sealed), len(want.Digests))
	}
	conn := raw(t, path)
	for _, query := range []string{`ALTER TABLE record DROP COLUMN seal`, `DROP TABLE digest`, `ALTER TABLE quarantine DROP COLUMN reason`, `ALTER TABLE last_position DROP COLUMN revision`, `PRAGMA user_version = 1`} {
		run(t, conn, query)
	}
	s = open(t, path)
	got := keeps(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d digests and %d seals are not what they were", len(got.Digests), len(got.Sealed))
	}
	for _, r := range got.Sealed {
		if r.Seal == (digest.Row{}) || !r.Whole() {
			t.Fatalf("%s is not sealed", r.Record.Key)
		}
	}
}
