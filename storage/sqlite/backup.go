package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/atollsync/atoll"
)

// Backup writes a copy of the database to a new file at path, while others read
// and write: the state at one moment, without gaps in the file. The copy is
// complete and on the disk when Backup returns; until then the file has another
// name, so that half a backup is never taken for one. It fails with atoll.Exists
// when there is a file at path.
//
// A database that is put in place of the original is a restored one: it goes on
// under a new timeline.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, atoll.Errorf(atoll.Exists, "there is a file already").About(path).Do("give the backup a name of its own"))
	}
	part := path + ".part"
	// Made first, for its permissions: a copy is as secret as the original. What
	// an interrupted backup left is written over.
	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return cannotOpen(part, err)
	}
	defer f.Close()
	done := false
	defer func() {
		if !done {
			_ = os.Remove(part)
		}
	}()
	c, err := take(ctx, s.readers, s.reading)
	if err != nil {
		return err
	}
	_, err = c.conn.ExecContext(ctx, `VACUUM INTO ?`, part)
	s.readers.give(c)
	if err != nil {
		return ended(ctx, explain("write a backup", err))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil { // SQLite does not sync it
		return explain("write a backup", err)
	}
	if err := os.Rename(part, path); err != nil {
		return explain("name a backup", err)
	}
	done = true
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes a new name survive a power cut, where directories can be
// synced.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return explain("name a backup", err)
	}
	defer d.Close()
	_ = d.Sync() // Windows refuses, and needs it not
	return nil
}
