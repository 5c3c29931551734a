package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/storagetest"
)

func TestStorage(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, dir string) storage.Store {
		return open(t, filepath.Join(dir, "atoll.db"))
	})
}

// open opens a database; who asks for it closes it.
func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}
