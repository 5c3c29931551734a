package hunt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/sqlite"
)

// Engines are the storage engines on which a story can be played, the usual one
// first.
func Engines() []string { return []string{"sqlite"} }

// errDead is what a program gets whose machine has lost its power.
var errDead = errors.New("the machine has no power")

// disks are the disks of all nodes, by name.
type disks interface {
	open(ctx context.Context, name string, now func() time.Time) (storage.Store, error)
	close()
}

func openDisks(engine string) (disks, error) {
	if engine != "sqlite" {
		return nil, atoll.Errorf(atoll.Invalid, "there is no engine %q", engine).Do("use one of: sqlite")
	}
	dir, err := os.MkdirTemp("", "atoll-hunt-")
	return &sqliteDisks{dir: dir}, err
}

type sqliteDisks struct{ dir string }

func (d *sqliteDisks) open(ctx context.Context, name string, now func() time.Time) (storage.Store, error) {
	return sqlite.Open(ctx, filepath.Join(d.dir, name+".db"), sqlite.Options{NoSync: true, Now: now})
}

func (d *sqliteDisks) close() { _ = os.RemoveAll(d.dir) }
