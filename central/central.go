// Package central is the engine of the central server: it lets sites in, takes
// what they push, serves them the feed, and keeps the registry of sites.
//
// It answers exchanges as values (package exchange) and knows nothing of HTTP or
// of any database: it stands on the stages (admit, journal, route) and the
// storage contract.
package central

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Options make a Centre.
type Options struct {
	Store storage.Store
	Door  *journal.Door // with Centre set
	// System is the identity of the whole system, Timeline that of this database.
	System atoll.ID
	Now    func() time.Time
	Log    *slog.Logger
	// App is this program's version, told to sites.
	App string
	// Admitted is called after entries of a site were committed, so that processors
	// can run; nil is allowed.
	Admitted func(ctx context.Context)
	// Exchanged is called after each exchange with its row of the sync log; nil is
	// allowed. It must not wait: the site does.
	Exchanged func(Cycle)
	// Records and Bytes limit one answer; 500 and 1 MB when zero (R-K-52).
	Records, Bytes int
}

// Centre is the central server's engine. It implements exchange.Centre and
// exchange.Gate. All methods may be called from several goroutines.
type Centre struct {
	Options
	commits   committer
	comparing chan struct{} // sites that are compared with
	roster    roster

	mu      sync.Mutex
	busy    map[atoll.SiteID]chan struct{}  // sites with an exchange under way
	nonces  map[string]nonce                // challenges given out
	visits  map[atoll.SiteID][]ConnectedDay // what Flush adds to the sites' days
	pending []func(tx storage.Tx) error     // what is written along with the next commit
}

// The Centre answers sites and lets them in.
var (
	_ exchange.Centre   = (*Centre)(nil)
	_ exchange.Gate     = (*Centre)(nil)
	_ exchange.Comparer = (*Centre)(nil)
)

// New returns a Centre.
func New(o Options) *Centre {
	if o.Records == 0 {
		o.Records = 500
	}
	if o.Bytes == 0 {
		o.Bytes = 1 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Centre{Options: o, busy: map[atoll.SiteID]chan struct{}{}, nonces: map[string]nonce{}, comparing: make(chan struct{}, maxComparing)}
	c.commits.update = c.Store.Update
	return c
}

// Start notes that the database is being served from here on: by a run of its own,
// or the one that Await began. It returns the timeline of the database.
func (c *Centre) Start(ctx context.Context) (atoll.Timeline, error) {
	var t atoll.Timeline
	err := c.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLife(tx)
		if err != nil {
			return err
		}
		if !l.Awaited {
			if err := c.begun(tx, &l); err != nil {
				return err
			}
		}
		l.Awaited = false
		t = l.Timeline
		return storage.Save(tx, shelfCentre, "life", l)
	})
	return t, err
}

// Await begins the next run while nobody serves the database. The caller makes
// sure of that, before anything else is written: a backup that was put back gives
// positions a second time with its first change, not when it is served, and sites
// must go back to before that. It writes nothing when a run waits already.
func (c *Centre) Await(ctx context.Context) error {
	var l life
	err := c.Store.View(ctx, func(r storage.Reader) (err error) {
		l, err = loadLife(r)
		return err
	})
	if err != nil || l.Awaited || len(l.Runs) == 0 { // one that was never served has given nothing
		return err
	}
	return c.Store.Update(ctx, func(tx storage.Tx) error {
		if l, err = loadLife(tx); err != nil || l.Awaited {
			return err
		}
		if err := c.begun(tx, &l); err != nil {
			return err
		}
		l.Awaited = true
		return storage.Save(tx, shelfCentre, "life", l)
	})
}

// begun adds a run that begins where the database stands.
func (c *Centre) begun(tx storage.Tx, l *life) error {
	at, err := tx.LastPosition()
	if err != nil {
		return err
	}
	own, err := tx.Head(c.Door.Site)
	if err != nil {
		return err
	}
	if l.Timeline == "" {
		l.Timeline = atoll.NewTimeline()
	}
	l.Runs = append(l.Runs, exchange.Run{ID: string(atoll.NewTimeline())[:8], Began: at, Own: own.Seq})
	if len(l.Runs) > exchange.MaxRuns {
		l.Runs = l.Runs[len(l.Runs)-exchange.MaxRuns:]
	}
	return nil
}

// Renew lets a database that was restored from a backup go on: its next run begins,
// and its own journal goes on under a new timeline.
func (c *Centre) Renew(ctx context.Context) error {
	if err := c.Await(ctx); err != nil {
		return err
	}
	return c.Store.Update(ctx, func(tx storage.Tx) error {
		_, err := c.Door.Renew(tx)
		return err
	})
}

// life is the history of the centre's own database, on the shelf.
type life struct {
	Timeline atoll.Timeline `json:"timeline"`
	Runs     []exchange.Run `json:"runs"` // oldest first; the last is the present one
	// Awaited says that the last run has begun and that nobody served it yet.
	Awaited bool `json:"awaited,omitempty"`
	// Restored says that a site has shown this database to be older than what it had said.
	Restored bool `json:"restored,omitempty"`
	// Lost are numbers of the centre's own journal that were given before it was
	// restored, and are not given again.
	Lost []Span `json:"lost,omitempty"`
	// Twice are numbers that were given again, before a site told that they had been
	// given; Since is the last one that was not, while no site has told how far they went.
	Twice []Span  `json:"twice,omitempty"`
	Since *uint64 `json:"since,omitempty"`
}

// run is the present run.
func (l life) run() string {
	if len(l.Runs) == 0 {
		return ""
	}
	return l.Runs[len(l.Runs)-1].ID
}

// sure is the last number of the centre's own journal that was surely not given again, where
// its end is own: as a site that had to go back told, or the last before the present run.
func (l life) sure(own uint64) uint64 {
	switch {
	case l.Since != nil:
		return *l.Since
	case len(l.Runs) == 0:
		return own
	}
	return l.Runs[len(l.Runs)-1].Own
}

func loadLife(r storage.Reader) (life, error) {
	var l life
	err := storage.Load(r, shelfCentre, "life", &l)
	if errors.Is(err, atoll.NotFound) {
		err = nil
	}
	return l, err
}

// enter waits for the site's exchange under way, if there is one, and takes its
// place. One site has one exchange at a time.
func (c *Centre) enter(ctx context.Context, site atoll.SiteID) (leave func(), err error) {
	for {
		c.mu.Lock()
		other, taken := c.busy[site]
		if !taken {
			done := make(chan struct{})
			c.busy[site] = done
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				delete(c.busy, site)
				c.mu.Unlock()
				close(done)
			}, nil
		}
		c.mu.Unlock()
		wait := time.NewTimer(20 * time.Second)
		select {
		case <-other:
			wait.Stop()
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		case <-wait.C:
			return nil, atoll.Errorf(atoll.Busy, "an earlier exchange of site %d is still being worked on", site).
				Do("it is tried again by itself")
		}
	}
}

// later has fn write along with the next commit, or with Flush.
func (c *Centre) later(fn func(tx storage.Tx) error) {
	c.mu.Lock()
	c.pending = append(c.pending, fn)
	c.mu.Unlock()
}

// takePending returns what waits to be written, and forgets it.
func (c *Centre) takePending() []func(tx storage.Tx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending
	c.pending = nil
	return p
}

// Flush writes what waits to be written: rows of the sync log and times of last
// contact, which are not worth a commit of their own.
func (c *Centre) Flush(ctx context.Context) error {
	p := append(c.takePending(), c.takeVisits()...)
	if len(p) == 0 {
		return nil
	}
	return c.commits.do(ctx, func(tx storage.Tx) error { return runAll(tx, p) })
}

func runAll(tx storage.Tx, fns []func(storage.Tx) error) error {
	for _, fn := range fns {
		if err := fn(tx); err != nil {
			return err
		}
	}
	return nil
}
