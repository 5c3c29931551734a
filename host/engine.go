package host

import (
	"context"
	"path/filepath"
	"time"

	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/sqlite"
)

// Database is a storage engine as an operator needs it: with a copy that can be
// made while it is in use, and an examination of what is on the disk.
type Database interface {
	storage.Store
	// Backup writes a consistent copy to a file that does not exist yet.
	Backup(ctx context.Context, file string) error
	// Check examines the database's own structures.
	Check(ctx context.Context) error
	// DefineViews makes the database have these views for reports, and no others.
	DefineViews(ctx context.Context, views []storage.View) error
	// Export writes what the views show into a database file of its own.
	Export(ctx context.Context, file string) error
	// Ask runs one query of a person over the views.
	Ask(ctx context.Context, query string, limit time.Duration, columns func([]string) error, row func([]*string) error) error
}

// engine opens the database of the data directory, and makes it if it is not
// there. It is the one place that knows which engine that is.
func (c Config) engine(ctx context.Context) (Database, error) {
	s, err := sqlite.Open(ctx, filepath.Join(c.Data, database), sqlite.Options{Now: c.Now})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// reading opens a database that exists to be looked at only.
func (c Config) reading(ctx context.Context, file string) (Database, error) {
	s, err := sqlite.Open(ctx, file, sqlite.Options{Now: c.Now, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return s, nil
}
