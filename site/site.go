// Package site is the engine of a remote site: it pushes the site's journal,
// pulls and integrates the centre's feed, and drives both by a schedule.
//
// It speaks to the centre through exchange.Centre and knows nothing of HTTP or
// of any database. What a user does never waits for it (rule 8 of the design).
package site

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Options make a Site.
type Options struct {
	Store  storage.Store
	Door   *journal.Door
	Centre exchange.Centre
	// Device is the identity of this machine (R-H-12).
	Device string
	App    string
	Now    func() time.Time
	Log    *slog.Logger
	// Integrated is called after records were integrated, so that processors can
	// run; what they write is pushed in the same cycle (R-D-20). Nil is allowed.
	Integrated func(ctx context.Context) error
	// Restate is called when the centre has lost data and asks for all of it again.
	Restate func(ctx context.Context) error
	// DiskUsed returns how full the disk is, 0 to 1; from 0.95 on nothing is pulled,
	// and everything still pushed (R-L-12). Nil never limits.
	DiskUsed func() float64
	// Lock takes a lock that holds between processes, so that two programs on one
	// database never sync at once. It waits. Nil locks within this process only.
	Lock func(ctx context.Context) (unlock func(), err error)
	// Bytes returns the bytes sent and received so far, as counted by the
	// transport. Nil counts nothing.
	Bytes func() (sent, received int64)
	Hooks Hooks
	// Comparer answers when rows that differ are looked for (R-H-44). Nil compares
	// digests only.
	Comparer exchange.Comparer
	// ScrubEvery is how often every record is read, to see whether it is as it was
	// stored; once a day when zero.
	ScrubEvery time.Duration
}

// Hooks are called when things happen. Any of them may be nil. They must not
// block.
type Hooks struct {
	// Progress is called as a cycle moves on.
	Progress func(Progress)
	// Cycled is called after each cycle with its row of the sync log.
	Cycled func(Cycle)
}

// Progress tells how far a cycle is (R-I-04).
type Progress struct {
	Step  string `json:"step"` // prepare, push, pull, integrate, process
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0: not known
}

// Site is the engine of a remote site. All methods may be called from several
// goroutines; cycles never overlap (R-I-09).
type Site struct {
	Options
	pace pace

	cycle   sync.Mutex // held by the cycle under way
	retried bool       // what waits was tried again in this run; guarded by cycle
	owed    bool       // processors have not seen all that was integrated; guarded by cycle
	mu      sync.Mutex
	running bool
	now     Progress      // of the cycle under way
	began   time.Time     // when it began
	stepped time.Time     // when its step began
	out, in int64         // bytes as counted then
	wake    chan struct{} // one more sync is wanted
	nudge   chan struct{} // something changed here
}

// New returns a Site.
func New(o Options) *Site {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Site{Options: o, owed: true, wake: make(chan struct{}, 1), nudge: make(chan struct{}, 1)}
}

// Begin makes an empty database one that must initialise: it gets a timeline of
// its own. It does nothing to a database that has one.
func (s *Site) Begin(ctx context.Context) error {
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLink(tx)
		if err != nil || l.State != Unenrolled {
			return err
		}
		head, err := tx.Head(s.Door.Site)
		if err != nil {
			return err
		}
		if head.Timeline == "" {
			if err := tx.SetBase(s.Door.Site, atoll.Head{Timeline: atoll.NewTimeline()}); err != nil {
				return err
			}
		}
		l.State = Initialising
		return l.save(tx)
	})
}

// Renew lets a database that was restored from a backup go on, under a new timeline
// (R-H-13). The centre takes it for the site's if the backup is as new as what it
// has seen of the site, and refuses it otherwise (R-H-27).
func (s *Site) Renew(ctx context.Context) error {
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLink(tx)
		if err != nil || l.State == Unenrolled {
			return err
		}
		before, err := s.Door.Renew(tx)
		if err != nil {
			return err
		}
		l.Earlier = append(l.Earlier, atoll.Head{Timeline: before.Timeline, Seq: before.Seq})
		l.Earlier = l.Earlier[max(0, len(l.Earlier)-exchange.MaxEarlier):]
		return l.save(tx)
	})
}

// Earlier returns the timelines that the site's journal had before its database was
// restored from backups, oldest first, each with the number of its last entry.
func (s *Site) Earlier(r storage.Reader) ([]atoll.Head, error) {
	l, err := loadLink(r)
	return l.Earlier, err
}

// Usable says whether users may work here: not before initialisation is done
// (R-H-21). The error tells what to do.
func (s *Site) Usable(r storage.Reader) error {
	l, err := loadLink(r)
	if err != nil {
		return err
	}
	switch l.State {
	case Ready:
		return nil
	case Unenrolled:
		return atoll.Errorf(atoll.Initialise, "this site is not enrolled yet").Do("run: atoll enrol")
	case Initialising:
	}
	return atoll.Errorf(atoll.Initialise, "this site is still receiving its data").Do("wait until it is done; watch it with: atoll sync --watch")
}

// Nudge says that something changed here: a sync soon would be welcome, debounced
// (R-K-30). It never blocks.
func (s *Site) Nudge() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// SyncSoon asks for a cycle now, or for one more after the cycle under way;
// never for two (R-I-09). It never blocks.
func (s *Site) SyncSoon() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Site) progress(step string, done, total int64) {
	p := Progress{step, done, total}
	s.mu.Lock()
	if s.now.Step != step {
		s.stepped = s.Now()
	}
	s.now = p
	s.mu.Unlock()
	if s.Hooks.Progress != nil {
		s.Hooks.Progress(p)
	}
}

func newNonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
