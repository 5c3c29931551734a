package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

const (
	actor    = "bench"
	password = "correct horse battery staple"
	items    = 200 // kinds of goods in a system
)

// served is an open installation that serves.
type served struct {
	*host.Host
	url  string
	stop func() error
}

// serve opens what is in the directory and serves it.
func (r *run) serve(dir, listen string) (*served, error) {
	h, err := host.Open(r, r.config(dir, listen))
	if err != nil {
		return nil, err
	}
	return r.serving(h)
}

func (r *run) serving(h *host.Host) (*served, error) {
	ctx, cancel := context.WithCancel(r)
	ready, over := make(chan string, 1), make(chan error, 1)
	go func() { over <- h.Serve(ctx, func(url string) { ready <- url }) }()
	s := &served{Host: h}
	select {
	case s.url = <-ready:
	case err := <-over:
		cancel()
		return nil, errors.Join(err, h.Close())
	}
	s.stop = func() error {
		cancel()
		return errors.Join(<-over, h.Close())
	}
	return s, nil
}

// config is an installation without the limit on requests altogether: at a thousand a
// second it would be the figure of W5.
func (r *run) config(dir, listen string) host.Config {
	return host.Config{
		Data: dir, Listen: listen, TLS: "off", App: "bench", Now: time.Now, Log: r.Log,
		Limits: wire.Limits{TotalRate: 1e6, TotalBurst: 1e6},
	}
}

// freeAddress is one on this machine that nobody listens on now.
func freeAddress() (string, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// system is a centre with a site, as two directories that can be copied.
type system struct {
	dir, listen string
	store       atoll.ID // active at the site
	items       []atoll.ID
}

func (s *system) centre() string { return filepath.Join(s.dir, "centre") }
func (s *system) site() string   { return filepath.Join(s.dir, "site") }

// found makes a centre with goods, and a site with a store that has initialised.
// With then is worked on both while they are open.
func (r *run) found(name string, then func(centre *served, site *host.Host, s *system) error) (_ *system, err error) {
	s := &system{dir: filepath.Join(r.dir, name)}
	if s.listen, err = freeAddress(); err != nil {
		return nil, err
	}
	h, _, err := host.InitCentral(r, r.config(s.centre(), s.listen), "Centre", "admin", password)
	if err != nil {
		return nil, err
	}
	centre, err := r.serving(h)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, centre.stop()) }()
	if s.items, err = r.stockList(centre.Host); err != nil {
		return nil, err
	}
	s.store = atoll.NewID(time.Now())
	if _, err := centre.Centre.Configure(r, actor, central.AddStore(s.store, "S1", "Store 1", false)); err != nil {
		return nil, err
	}
	_, ticket, err := centre.AddSite(r, actor, "Site 1", topology.Server, []atoll.ID{s.store})
	if err != nil {
		return nil, err
	}
	site, _, err := host.InitSite(r, r.config(s.site(), "127.0.0.1:0"), "admin", password)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	if _, err := site.Enrol(r, ticket); err != nil {
		return nil, err
	}
	if _, err := site.Site.Cycle(r); err != nil {
		return nil, err
	}
	return s, then(centre, site, s)
}

// stockList makes the goods of a system, at the centre.
func (r *run) stockList(h *host.Host) ([]atoll.ID, error) {
	var do []journal.Proposal
	var ids []atoll.ID
	for i := range items {
		id := atoll.DeriveID("bench item", fmt.Sprint(i))
		ids = append(ids, id)
		do = append(do, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "item", ID: id}, Fields: atoll.Fields{}.
			Set("code", fmt.Sprintf("%06d", 100000+i)).Set("name", medicines[i%len(medicines)]).Set("kind", "stock").Set("status", "active")})
	}
	return ids, edit(r, h, do...)
}

// edit makes an edit as a person does.
func edit(ctx context.Context, h *host.Host, do ...journal.Proposal) error {
	_, err := h.Station.Edit(ctx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "user"}, Do: do})
	return err
}

// edits makes entries through the door, many in one transaction: it is not what is
// measured. What follows from them is worked out at the end.
func edits(ctx context.Context, h *host.Host, entries int, next func(i int) []journal.Proposal) error {
	const together = 500
	for i := 0; i < entries; i += together {
		err := h.Store.Update(ctx, func(tx storage.Tx) error {
			for k := i; k < min(i+together, entries); k++ {
				if _, err := h.Station.Door.Write(tx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "user"}, Do: next(k)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err := h.Station.Processors.Run(ctx)
	return err
}

// copied is the system in another directory, both its parts closed.
func (s *system) copied(to string) (*system, error) {
	c := *s
	c.dir = to
	return &c, os.CopyFS(to, os.DirFS(s.dir))
}
