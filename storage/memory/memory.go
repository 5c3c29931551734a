// Package memory keeps an Atoll database in memory, on a simulated disk. It
// implements package storage, whose contract it does not repeat here, for
// simulations and tests: opening costs nothing, a commit costs microseconds, and
// the disk fails on order.
//
// A [Disk] holds what was committed; [Open] gives a [Store] on it, as a program
// that starts does on a real one. What is committed is on the Disk when Update
// returns and outlives the Store; nothing outlives the process. Several Stores
// may be open on one Disk, and keep every promise that the contract makes to
// several processes; processes themselves cannot share a Disk.
//
// Everything is as its callers make it: no goroutine, no clock of its own, and
// the same calls give the same answers and the same count of calls. All tables
// are ordered maps that are copied on writing, so a View's snapshot, a savepoint
// and an image of a whole Disk share what has not changed since.
package memory

import (
	"context"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Options say how a database is opened. The zero value works.
type Options struct {
	// Now gives the times that are stored when the caller left them out; time.Now
	// if nil.
	Now func() time.Time
}

// Store is a database on a Disk. Use [Open] to get one.
type Store struct {
	disk *Disk
	now  func() time.Time

	// given is the highest position handed out by this Store, also in
	// transactions that were rolled back. Only who holds the writer touches it.
	given atoll.Position

	fate fate

	mu      sync.Mutex
	running int           // transactions
	closing bool          // no more may start
	idle    chan struct{} // made by Close; closed when none is running
}

var _ storage.Store = (*Store)(nil)

// Open opens the database on the disk: an empty one, on a new disk.
func Open(disk *Disk, opts Options) *Store {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Store{disk: disk, now: opts.Now}
}

// Disk returns the disk that the Store was opened on.
func (s *Store) Disk() *Disk { return s.disk }

// View implements [storage.Store]. The snapshot is the one at its start.
func (s *Store) View(ctx context.Context, fn func(storage.Reader) error) error {
	return s.view(ctx, func(r *reader) error { return fn(r) })
}

func (s *Store) view(ctx context.Context, fn func(*reader) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	r := &reader{ctx: ctx, store: s}
	if err := r.call(); err != nil {
		return err
	}
	r.state = s.disk.committed()
	defer r.end()
	if err := fn(r); err != nil {
		return err
	}
	return s.fate.dead()
}

// Update implements [storage.Store].
func (s *Store) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.disk.lock(ctx); err != nil {
		return err
	}
	defer s.disk.unlock()
	t := &tx{reader: reader{ctx: ctx, store: s}}
	if err := t.call(); err != nil {
		return err
	}
	t.begin()
	// Whatever ends fn without a commit leaves through here, and what it wrote is
	// dropped.
	defer t.end()
	if err := fn(t); err != nil {
		return err
	}
	return t.commit()
}

// Close implements [storage.Store]. A Store whose machine has crashed is closed
// like any other.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closing = true
	if s.running == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	<-idle
	return nil
}

func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return atoll.Errorf(atoll.Unavailable, "the database is closed")
	}
	s.running++
	return nil
}

func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running--; s.running == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}
