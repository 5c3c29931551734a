// Package sqlite keeps an Atoll database in one SQLite file. It implements
// package storage, whose contract it does not repeat here, and adds what an
// operator needs: a backup, a check and views for reports.
//
// One connection writes and several read. The file is in WAL mode, so readers
// see the snapshot they began with while a writer commits; every commit is
// synced to disk before Update returns. Several processes may open one file:
// their writers wait for each other.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Options say how a database is opened. The zero value works.
type Options struct {
	// ReadOnly opens an existing database for reading: Update fails, and nothing
	// is created or migrated.
	ReadOnly bool
	// Now gives the times that are stored when the caller left them out; time.Now
	// if nil.
	Now func() time.Time
	// BusyTimeout is how long a writer waits for another process that writes,
	// before it fails with atoll.Busy; 10 seconds if 0.
	BusyTimeout time.Duration
	// Readers is the largest number of Views that run at once; more wait. A View
	// inside a View counts twice. 32 if 0.
	Readers int
	// NoSync leaves writing to the disk to the operating system: what was committed
	// survives the end of the program, not a power cut. For tests that run many
	// databases, and for work that can be repeated; never for a site.
	NoSync bool
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = 32
	}
	return o
}

// Store is a database in one file. Use [Open] to get one.
type Store struct {
	path    string
	opts    Options
	writing *sql.DB // makes the writer's connection; nil when read-only
	reading *sql.DB // makes the readers' connections

	writer  *pool // of one
	readers *pool

	// given is the highest position handed out by this Store, also in
	// transactions that were rolled back. Only who holds the writer touches it.
	given atoll.Position

	audiences audiences

	mu      sync.Mutex
	running int           // transactions and other users of connections
	closing bool          // no more may start
	idle    chan struct{} // closed when closing and none is running
	once    sync.Once
	err     error // of closing
}

var _ storage.Store = (*Store)(nil)

// View implements [storage.Store]. The snapshot is the one at its start.
func (s *Store) View(ctx context.Context, fn func(storage.Reader) error) error {
	return s.view(ctx, func(r *reader) error { return fn(r) })
}

func (s *Store) view(ctx context.Context, fn func(*reader) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	c, err := take(ctx, s.readers, s.reading)
	if err != nil {
		return err
	}
	r := &reader{ctx: ctx, quiet: context.WithoutCancel(ctx), s: c, now: s.opts.Now, known: &s.audiences}
	defer func() { s.readers.give(r.end()) }()
	return r.view(fn)
}

// view runs fn on the snapshot of now.
func (r *reader) view(fn func(*reader) error) error {
	if err := r.begin("BEGIN"); err != nil {
		return err
	}
	// A deferred transaction takes its snapshot when it first reads.
	if err := r.locate(); err != nil {
		return err
	}
	return fn(r)
}

// Update implements [storage.Store].
func (s *Store) Update(ctx context.Context, fn func(storage.Tx) error) error {
	return s.update(ctx, func(t *tx) error { return fn(t) })
}

func (s *Store) update(ctx context.Context, fn func(*tx) error) error {
	if s.writing == nil {
		return atoll.Errorf(atoll.Unavailable, "the database %s was opened for reading only", s.path).Do("open it for writing, or use the program that has")
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	c, err := take(ctx, s.writer, s.writing)
	if err != nil {
		return err
	}
	t := &tx{reader: reader{ctx: ctx, quiet: context.WithoutCancel(ctx), s: c, now: s.opts.Now}, given: &s.given, audiences: &s.audiences}
	// Whatever ends fn without a commit (an error, a panic, a test's FailNow)
	// leaves through here, and end rolls back.
	defer func() { s.writer.give(t.end()) }()
	if err := t.begin("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := t.load(); err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return err
	}
	return t.commit()
}

// Close implements [storage.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	s.closing = true
	if s.running == 0 {
		s.signal()
	}
	s.mu.Unlock()
	<-s.idle
	s.once.Do(func() {
		// The readers first: the last connection to close moves the log into the file.
		s.err = errors.Join(closeAll(s.readers, s.reading), closeAll(s.writer, s.writing))
	})
	return s.err
}

// signal must be called with the lock held.
func (s *Store) signal() {
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}

func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return atoll.Errorf(atoll.Unavailable, "the database %s is closed", s.path)
	}
	s.running++
	return nil
}

func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.closing && s.running == 0 {
		s.signal()
	}
}
