package demo

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/wire"
)

// clock is the clock of all servers. It begins some weeks ago, so that weeks can
// pass in a moment and the end is now.
type clock struct {
	real   func() time.Time
	mu     sync.Mutex
	behind time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.real().Add(-c.behind)
}

// wind lets time pass, as far as there is any left until now.
func (c *clock) wind(d time.Duration) {
	c.mu.Lock()
	c.behind = max(0, c.behind-d)
	c.mu.Unlock()
}

// catchUp makes it now.
func (c *clock) catchUp() {
	c.mu.Lock()
	c.behind = 0
	c.mu.Unlock()
}

// admin is the name of the first administrator of every installation.
const admin = "admin"

// server is one installation that is being served.
type server struct {
	site     atoll.SiteID
	name     string
	config   host.Config
	host     *host.Host
	url      string
	password string
	token    string // of the API, and since when
	signedIn time.Time
	traffic  traffic
	line     *line // to the centre; nil at the centre
	end      context.CancelFunc
	done     chan error
}

// serve begins serving, on an address that the system chooses.
func (s *server) serve(ctx context.Context) error {
	ctx, s.end = context.WithCancel(ctx)
	done, ready := make(chan error, 1), make(chan string, 1)
	s.done = done
	s.host.Listen = "127.0.0.1:0"
	h := s.host
	go func() { done <- h.Serve(ctx, func(url string) { ready <- url }) }()
	select {
	case s.url = <-ready:
		return nil
	case err := <-done:
		s.end()
		s.done = nil
		return err
	}
}

// shut ends serving and closes the database. Shutting twice does nothing.
func (s *server) shut() error {
	if s.host == nil {
		return nil
	}
	var err error
	if s.done != nil {
		s.end()
		err = <-s.done
		s.done = nil
	}
	err = errors.Join(err, s.host.Close())
	s.host, s.token = nil, ""
	return err
}

// enrol gives the site a place with a ticket, and fills it. The line stands
// between the site and the address on the ticket.
func (s *server) enrol(ctx context.Context, t wire.Ticket) (site.Cycle, error) {
	t.URL = s.line.url()
	if _, err := s.host.Enrol(ctx, t); err != nil {
		return site.Cycle{}, err
	}
	if err := s.pause(ctx, true); err != nil {
		return site.Cycle{}, err
	}
	return s.host.Site.Cycle(ctx)
}

// pause stops or starts the schedule. While scenarios are played it is stopped:
// they say themselves when a site synchronises.
func (s *server) pause(ctx context.Context, paused bool) error {
	return s.host.Site.Configure(ctx, admin, func(set *site.Settings) {
		set.Paused, set.Reason = paused, ""
		if paused {
			set.Reason = "the demo says when"
		}
		set.Interval = interval
	})
}

// direct takes the line out: from now on the site reaches the centre itself. The
// site is opened anew and not served yet.
func (s *server) direct(ctx context.Context, url string) error {
	id := s.host.Station.Identity
	id.URL = url
	err := s.host.Store.Update(ctx, func(tx storage.Tx) error { return station.SaveIdentity(tx, id) })
	if err != nil {
		return err
	}
	if err := s.shut(); err != nil {
		return err
	}
	s.line.close()
	s.host, err = host.Open(ctx, s.config)
	return err
}

// lose throws the site's device away: its database is gone.
func (s *server) lose() error {
	if err := s.shut(); err != nil {
		return err
	}
	return os.RemoveAll(s.config.Data)
}
