package memory

import (
	"errors"
	"sync"

	"github.com/atollsync/atoll"
)

// ErrCrashed is in the chain of every error of a Store whose machine has crashed.
var ErrCrashed = errors.New("the machine has crashed")

// Faults are what shall go wrong with a Store from now on. The zero value is a
// machine and a disk without fault.
type Faults struct {
	// Crash stops the machine at a storage call: 1 is the next one, 0 none. See
	// [Store.Calls] for what is one. The call fails, as does every later one, and
	// nothing more reaches the disk: it holds what the last commit left there.
	Crash int
	// Torn stops the machine between a commit and its answer: 1 is the next
	// commit, 0 none. The disk holds what the Update wrote, and the Update fails
	// as if it did not.
	Torn int
	// Full is how many commits from now find the disk full: their Update fails
	// with atoll.DiskFull and nothing of it is written.
	Full int
	// Slow is called at each commit, before anything is written. It may wind a
	// clock; it must not call the Store.
	Slow func()
}

// fate is what has become of a Store's machine, and what will.
type fate struct {
	mu      sync.Mutex
	armed   Faults
	calls   int
	commits int
	crashed bool
}

// Arm makes these the faults of the Store, in place of any armed before. Crash,
// Torn and Full count from now. A Store that is opened again has none.
func (s *Store) Arm(f Faults) {
	s.fate.mu.Lock()
	defer s.fate.mu.Unlock()
	s.fate.armed = f
}

// Crash stops the machine now, whatever runs on it.
func (s *Store) Crash() {
	s.fate.mu.Lock()
	defer s.fate.mu.Unlock()
	s.fate.crashed = true
}

// Crashed reports whether the machine has crashed. Its Store never works again;
// another may be opened on its disk.
func (s *Store) Crashed() bool { return s.fate.dead() != nil }

// Calls returns the number of storage calls so far, the one included at which the
// machine crashed. A call is the beginning of a View or an Update, each call of a
// method of its Reader or Tx, the end of a Savepoint that stands, and a commit.
func (s *Store) Calls() int {
	s.fate.mu.Lock()
	defer s.fate.mu.Unlock()
	return s.fate.calls
}

// Commits returns the number of commits that wrote something, those included
// that found the disk full or were torn.
func (s *Store) Commits() int {
	s.fate.mu.Lock()
	defer s.fate.mu.Unlock()
	return s.fate.commits
}

func errCrashed() error {
	return atoll.Errorf(atoll.Unavailable, "%w", ErrCrashed).Do("open its database again")
}

func (f *fate) dead() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return errCrashed()
	}
	return nil
}

// call counts a storage call, and fails if it is the machine's last or comes
// after it.
func (f *fate) call() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return errCrashed()
	}
	f.calls++
	if f.armed.Crash > 0 {
		if f.armed.Crash--; f.armed.Crash == 0 {
			f.crashed = true
			return errCrashed()
		}
	}
	return nil
}

// commit makes write happen, as far as the faults let it.
func (f *fate) commit(write func()) error {
	if slow := f.slow(); slow != nil {
		slow()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return errCrashed()
	}
	f.commits++
	torn := f.armed.Torn == 1
	f.armed.Torn = max(f.armed.Torn-1, 0)
	if f.armed.Full > 0 {
		f.armed.Full--
		return atoll.Errorf(atoll.DiskFull, "the disk is full: commit").Do("free some space; nothing was written")
	}
	write()
	if torn {
		f.crashed = true
		return errCrashed()
	}
	return nil
}

func (f *fate) slow() func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.armed.Slow
}
