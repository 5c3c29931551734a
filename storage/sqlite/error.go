package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/atollsync/atoll"
)

// explain turns an error of SQLite into one that says what to do about it.
func explain(doing string, err error) error {
	var e *driver.Error
	if err == nil || !errors.As(err, &e) {
		if err != nil {
			return fmt.Errorf("database: %s: %w", doing, err)
		}
		return nil
	}
	if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE { // the file beside the log could not grow
		return caused(atoll.DiskFull, "the disk is full", doing, err).Do("free some space; nothing was written")
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return caused(atoll.Busy, "the database is in use by another process", doing, err).Do("try again; look for another program that keeps it locked")
	case sqlite3.SQLITE_FULL:
		return caused(atoll.DiskFull, "the disk is full", doing, err).Do("free some space; nothing was written")
	case sqlite3.SQLITE_NOTADB:
		return caused(atoll.Damaged, "the file is not an Atoll database, or its beginning is damaged", doing, err).Do("check the path; restore a backup if the file is the right one")
	case sqlite3.SQLITE_CORRUPT:
		return caused(atoll.Damaged, "the database file is damaged", doing, err).Do("restore a backup, or initialise the site again")
	case sqlite3.SQLITE_IOERR:
		return caused(atoll.Unavailable, "the disk does not answer as it should", doing, err).Do("check the disk and the file system")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY:
		return caused(atoll.Unavailable, "the database file cannot be opened or written", doing, err).Do("check that its directory exists and that this user may write there")
	case sqlite3.SQLITE_NOMEM:
		return caused(atoll.Unavailable, "there is not enough memory", doing, err).Do("free some memory and try again")
	case sqlite3.SQLITE_TOOBIG:
		return caused(atoll.TooLarge, "the value is too large for the database", doing, err)
	case sqlite3.SQLITE_CONSTRAINT:
		return caused(atoll.Invalid, "the database refuses the value", doing, err)
	}
	return caused(atoll.Internal, "the database failed", doing, err)
}

func caused(code atoll.Code, message, doing string, err error) *atoll.Error {
	return &atoll.Error{Code: code, Message: message + ": " + doing + ": " + err.Error(), Err: err}
}

// fatal reports whether a transaction cannot go on after the error: SQLite may
// have rolled it back already, and what came next would be committed on its own.
func fatal(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return err != nil
	}
	return e.Code()&0xff != sqlite3.SQLITE_CONSTRAINT && e.Code()&0xff != sqlite3.SQLITE_TOOBIG
}

// ended prefers the reason that ctx ended for over what failed because of it.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
