package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/atollsync/atoll"
)

// applicationID marks our files, in bytes 68 to 71 of each: "Atol".
const applicationID = 0x41746f6c

// Open opens the database in the file at path, creates it if there is none and
// brings it to this program's schema. The file is readable by its owner only. It
// fails with atoll.Damaged for a file that is not a database, with atoll.Invalid
// for one of another program, with atoll.Unavailable for one that a newer Atoll
// has written, and with atoll.Busy when another process keeps it locked.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	if err := touch(path, opts.ReadOnly); err != nil {
		return nil, err
	}
	if err := recognise(ctx, path, opts); err != nil {
		return nil, about(path, err)
	}
	s := &Store{
		path: path, opts: opts, idle: make(chan struct{}),
		writer: newPool(1), readers: newPool(opts.Readers),
	}
	var err error
	if s.reading, err = connect(path, "ro", opts); err != nil {
		return nil, err
	}
	if !opts.ReadOnly {
		if s.writing, err = connect(path, "rw", opts); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		err = patiently(ctx, opts.BusyTimeout, func() error { return migrate(ctx, s) })
	} else {
		err = current(ctx, s.reading)
	}
	if err != nil {
		return nil, errors.Join(about(path, err), s.Close())
	}
	return s, nil
}

// touching makes sure that no file is opened by SQLite while touch has it open:
// a process that closes a file drops all locks it has on it, also SQLite's.
var touching sync.Mutex

// touch creates an empty file, which is an empty database, so that it never
// exists with wider permissions. A file that exists it leaves closed.
func touch(path string, readOnly bool) error {
	touching.Lock()
	defer touching.Unlock()
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return atoll.Errorf(atoll.Unavailable, "%s is a directory", path).Do("name a file")
	case err == nil:
		return nil
	case readOnly || !errors.Is(err, fs.ErrNotExist):
		return cannotOpen(path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return cannotOpen(path, err)
	}
	return f.Close()
}

func cannotOpen(path string, err error) error {
	e := atoll.Errorf(atoll.Unavailable, "the database cannot be opened: %w", err)
	if errors.Is(err, fs.ErrNotExist) {
		return e.Do("check the path and that its directory exists")
	}
	return e.Do("check that this user may write %s", path)
}

func about(path string, err error) error {
	var e *atoll.Error
	if errors.As(err, &e) && e.Subject == "" {
		return e.About(path)
	}
	return err
}

// recognise fails unless the file is empty or ours. It sets nothing: a file of
// another program must stay as it is.
func recognise(ctx context.Context, path string, opts Options) error {
	db, err := sql.Open("sqlite", dsn(path, "ro", "busy_timeout("+milliseconds(opts.BusyTimeout)+")"))
	if err != nil {
		return err
	}
	defer db.Close()
	var id, objects int
	err = db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`).Scan(&id, &objects)
	if err != nil {
		return ended(ctx, explain("look at the file", err))
	}
	if id != applicationID && (id != 0 || objects > 0) {
		return atoll.Errorf(atoll.Invalid, "the file is a database of another program").Do("check the path")
	}
	return nil
}

// connect prepares connections to the file. All settings are in the name, for
// they must hold on every connection of the pool.
func connect(path, mode string, opts Options) (*sql.DB, error) {
	pragmas := []string{
		"busy_timeout(" + milliseconds(opts.BusyTimeout) + ")",
		"foreign_keys(1)",
		"trusted_schema(0)",
		"temp_store(memory)",
	}
	if mode == "rw" {
		sync := "synchronous(full)" // a commit is on the disk when it returns …
		if opts.NoSync {
			sync = "synchronous(off)"
		}
		pragmas = append(pragmas,
			"journal_mode(wal)",
			sync,
			"fullfsync(1)", // … on macOS too
			"recursive_triggers(1)",
			"cache_size(-16384)",           // KiB
			"wal_autocheckpoint(8000)",     // pages: a page that changes often is copied back seldom
			"journal_size_limit(67108864)", // bytes the log keeps on disk after a checkpoint
		)
	}
	db, err := sql.Open("sqlite", dsn(path, mode, pragmas...))
	if err != nil {
		return nil, err
	}
	return db, nil
}

func dsn(path, mode string, pragmas ...string) string {
	p := path
	if abs, err := filepath.Abs(path); err == nil {
		p = abs
	}
	p = filepath.ToSlash(p)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/data becomes file:///C:/data
	}
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: p, RawQuery: q.Encode()}).String()
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// patiently repeats what fails with atoll.Busy: switching a new file to WAL mode
// does not wait by itself when another process is doing the same.
func patiently(ctx context.Context, patience time.Duration, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := do()
		if !errors.Is(err, atoll.Busy) {
			return err
		}
		pause := time.NewTimer(20 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}
