// Package host is one installation on one machine: it opens a data directory,
// puts station, engine and wire together, and serves them. The command line and
// the demo run hosts; everything that a host can do, they do through it.
package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/discovery"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/support"
	"github.com/atollsync/atoll/wire"
)

// Config says how a host is to be run. Only Data is needed.
type Config struct {
	Data string // the directory with everything that belongs to the installation
	// Catalogue is a directory with record types of the operator's own, "" for none.
	Catalogue string
	// Listen is the address to serve on, URL the address at which sites reach it
	// when that is another.
	Listen, URL string
	// TLS is "auto" (plain on this machine only, otherwise encrypted), "on" or "off";
	// "" as in the last run, at first "auto".
	TLS string
	// TLSCert and TLSKey are files with a certificate of one's own; without them one
	// is made and signed by itself, and pinned by the sites that enrol.
	TLSCert, TLSKey string
	AllowPlain      bool   // unencrypted also beyond this machine: for networks that encrypt by themselves
	File            string // the configuration file in use, "" for none; backups name it when it is elsewhere
	Device          string // identity of the machine; found out when empty
	App             string // program version
	Now             func() time.Time
	Log             *slog.Logger
	Recent          *support.Log // keeps the newest lines of Log; made when nil
	Hooks           site.Hooks
	// Limits are what sites may ask of the central server (R-K-51); zero values are the
	// defaults.
	Limits wire.Limits
	// Announce is the local network on which the server tells clients of itself
	// (R-L-10); nil tells nobody. A server for this machine only is never announced.
	Announce discovery.Network
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Recent == nil { // otherwise both are in the logger already
		c.Recent = &support.Log{}
		c.Log = exchange.Traced(c.Recent.Beside(c.Log))
	}
	if c.Device == "" {
		c.Device = Device()
	}
	return c
}

// Host is one open installation.
type Host struct {
	Config
	Store     Database
	Station   *station.Station
	Centre    *central.Centre // nil at a remote site
	Site      *site.Site      // nil at the centre
	Catalogue *catalogue.Catalogue
	Mail      *notify.Office // tells people by mail; nil at a remote site

	client         *wire.Client
	sent, received atomic.Int64
	stopping       atomic.Bool // serving is about to end

	traffic *traffic
	kinds   sync.Map // atoll.SiteID to the kind of the site, as text
}

func newHost(c Config) *Host { return &Host{Config: c, traffic: newTraffic()} }

// database is the file in the data directory.
const database = "atoll.db"

// Exists reports whether the directory holds an installation.
func Exists(data string) bool {
	_, err := os.Stat(filepath.Join(data, database))
	return err == nil
}

// create makes the directory and its database, for whom id says. It fails with
// atoll.Exists when there is an installation already.
func create(ctx context.Context, c Config, id station.Identity) (Database, error) {
	if c.Data == "" {
		return nil, atoll.Errorf(atoll.Invalid, "no data directory was named").Do("name one with --data DIR")
	}
	if Exists(c.Data) {
		return nil, atoll.Errorf(atoll.Exists, "there is an installation in %s already", c.Data).
			Do("name another directory, or look at this one with: atoll status --data %s", c.Data)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, atoll.Errorf(atoll.Denied, "the data directory cannot be made: %w", err).
			Do("name a directory in which you may write, with --data DIR")
	}
	store, err := c.engine(ctx)
	if err != nil {
		return nil, err
	}
	err = store.Update(ctx, func(tx storage.Tx) error { return station.SaveIdentity(tx, id) })
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// InitCentral makes a central server in an empty directory, with a first
// administrator, and returns the open host and the administrator's password.
func InitCentral(ctx context.Context, c Config, name, admin, password string) (*Host, string, error) {
	c = c.withDefaults()
	if err := station.CheckUser(admin, station.Administrator, password); err != nil {
		return nil, "", err
	}
	system := atoll.NewID(c.Now())
	store, err := create(ctx, c, station.Identity{
		Role: station.Central, System: system, Site: atoll.CentreID, Name: name, Created: c.Now(),
	})
	if err != nil {
		return nil, "", err
	}
	err = store.Update(ctx, func(tx storage.Tx) error {
		return tx.SetBase(atoll.CentreID, atoll.Head{Timeline: atoll.NewTimeline()})
	})
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, "", err
	}
	h, err := Open(ctx, c)
	if err != nil {
		return nil, "", err
	}
	fail := func(err error) (*Host, string, error) { return nil, "", errors.Join(err, h.Close()) }
	if err := h.Centre.Prepare(ctx); err != nil {
		return fail(err)
	}
	if _, err := h.Centre.Start(ctx); err != nil {
		return fail(err)
	}
	if err := h.Centre.Found(ctx, "atoll", name); err != nil {
		return fail(err)
	}
	if password, err = h.Station.AddUser(ctx, admin, station.Administrator, password); err != nil {
		return fail(err)
	}
	return h, password, nil
}

// InitSite makes a remote site in an empty directory: a key of its own and a
// first administrator. It must be enrolled before it can do anything.
func InitSite(ctx context.Context, c Config, admin, password string) (*Host, string, error) {
	c = c.withDefaults()
	if err := station.CheckUser(admin, station.Administrator, password); err != nil {
		return nil, "", err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	store, err := create(ctx, c, station.Identity{Role: station.Remote, Created: c.Now(), Key: key.Seed()})
	if err != nil {
		return nil, "", err
	}
	if err := store.Close(); err != nil {
		return nil, "", err
	}
	h, err := Open(ctx, c)
	if err != nil {
		return nil, "", err
	}
	if password, err = h.Station.AddUser(ctx, admin, station.Administrator, password); err != nil {
		return nil, "", errors.Join(err, h.Close())
	}
	return h, password, nil
}

// Open opens the installation in the data directory. It fails with
// atoll.NotFound when there is none.
func Open(ctx context.Context, c Config) (*Host, error) {
	c = c.withDefaults()
	if !Exists(c.Data) {
		return nil, atoll.Errorf(atoll.NotFound, "there is no installation in %q", c.Data).
			Do("make one with: atoll init central --data DIR, or: atoll init site --data DIR; or name another directory with --data")
	}
	cat, err := catalogue.WithDirectory(c.Catalogue)
	if err != nil {
		return nil, err
	}
	store, err := c.engine(ctx)
	if err != nil {
		return nil, err
	}
	h := newHost(c)
	h.Store, h.Catalogue = store, cat
	if err := h.assemble(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	h.index(ctx)
	if err := h.views(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := h.await(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return h, nil
}

func (h *Host) assemble(ctx context.Context) error {
	id, err := station.LoadIdentity(ctx, h.Store)
	if err != nil {
		return err
	}
	h.Station = station.New(id, station.Options{Store: h.Store, Catalogue: h.Catalogue, Now: h.Now, Log: h.Log})
	if id.Role == station.Central {
		h.Centre = central.New(central.Options{
			Store: h.Store, Door: h.Station.Door, System: id.System, Now: h.Now, Log: h.Log, App: h.App,
			Admitted: func(ctx context.Context) {
				if _, err := h.Station.Processors.Run(context.WithoutCancel(ctx)); err != nil {
					h.Log.Error("processors failed", "err", err)
				}
			},
			Exchanged: h.exchanged,
		})
		h.Station.LastSync, h.Station.LastContact = h.Centre.LastSync, h.Centre.LastContact
		h.Mail = &notify.Office{Store: h.Store, Now: h.Now, Log: h.Log, Words: h.letter, Trial: h.trial, Note: h.note}
		return nil
	}
	return h.assembleSite(ctx, id)
}

func (h *Host) assembleSite(_ context.Context, id station.Identity) error {
	var centre exchange.Centre = unreachable{}
	if id.Support {
		centre = detached{}
	}
	if id.URL != "" {
		client, err := h.dial(id)
		if err != nil {
			return err
		}
		h.client, centre = client, client
	}
	hooks := h.Hooks
	hooks.Cycled = func(row site.Cycle) {
		h.cycled(row)
		if h.Hooks.Cycled != nil {
			h.Hooks.Cycled(row)
		}
	}
	h.Site = site.New(site.Options{
		Store: h.Store, Door: h.Station.Door, Centre: centre, Device: h.Device, App: h.App, Now: h.Now, Log: h.Log,
		Integrated: func(ctx context.Context) error { _, err := h.Station.Processors.Run(ctx); return err },
		Restate:    func(ctx context.Context) error { _, err := h.Station.Restate(ctx, "atoll", nil); return err },
		DiskUsed:   func() float64 { return DiskUsed(h.Data) },
		Lock:       h.lock,
		Bytes:      func() (int64, int64) { return h.sent.Load(), h.received.Load() },
		Hooks:      hooks,
	})
	h.Station.Usable = h.Site.Usable
	h.Station.LastSync, h.Station.Pull = h.Site.LastSync, h.Site.Fetch
	if h.client != nil {
		h.Station.People, h.Site.Comparer = h.client, h.client
	}
	h.Station.Changed = h.Site.Nudge
	return nil
}

// dial makes the client for the centre that the identity names.
func (h *Host) dial(id station.Identity) (*wire.Client, error) {
	var pin wire.Pin
	if id.Pin != "" {
		var err error
		if pin, err = wire.ParsePin(id.Pin); err != nil {
			return nil, err
		}
	}
	return wire.NewClient(wire.ClientOptions{
		URL: id.URL, Pin: pin, AllowPlain: h.AllowPlain, Site: id.Site, System: id.System, Device: h.Device,
		Key: ed25519.NewKeyFromSeed(id.Key), Now: h.Now,
		Tokens: tokens{h.Store},
		Report: func(r exchange.Report) {
			h.sent.Add(r.Sent)
			h.received.Add(r.Received)
		},
	})
}

// unreachable is the centre of a site that is not enrolled.
type unreachable struct{}

// Exchange says what is missing.
func (unreachable) Exchange(context.Context, exchange.Hello, iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		yield(nil, atoll.Errorf(atoll.Initialise, "this site is not enrolled yet").Do("enrol it with: atoll enrol TICKET"))
	}
}

// lock takes the lock that keeps two programs on one database from syncing at
// once.
func (h *Host) lock(ctx context.Context) (func(), error) {
	f := flock.New(filepath.Join(h.Data, "sync.lock"))
	ok, err := f.TryLockContext(ctx, 200*time.Millisecond)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, atoll.Errorf(atoll.Busy, "another program is synchronising this site")
	}
	return func() { _ = f.Unlock() }, nil
}

// Close closes everything. Closing twice does nothing.
func (h *Host) Close() error {
	var errs []error
	if h.Centre != nil {
		errs = append(errs, h.Centre.Flush(context.Background()))
	}
	if h.client != nil {
		h.client.Close()
	}
	return errors.Join(append(errs, h.Store.Close())...)
}

// tokens keeps the site's token on the shelf, so that a restart costs no sign-in.
type tokens struct{ store storage.Store }

const shelfToken = "token"

// Load returns the token, "" if there is none.
func (t tokens) Load(ctx context.Context) (token string, expires time.Time) {
	err := t.store.View(ctx, func(r storage.Reader) error {
		b, err := r.Get(shelfToken, "token")
		if err != nil {
			return err
		}
		when, err := r.Get(shelfToken, "expires")
		token = string(b)
		return errors.Join(err, expires.UnmarshalText(when))
	})
	if err != nil {
		return "", time.Time{}
	}
	return token, expires
}

// Save keeps the token. Losing it costs a sign-in, so errors are not told.
func (t tokens) Save(ctx context.Context, token string, expires time.Time) {
	when, err := expires.MarshalText()
	if err != nil {
		return
	}
	_ = t.store.Update(ctx, func(tx storage.Tx) error {
		return errors.Join(tx.Set(shelfToken, "token", []byte(token)), tx.Set(shelfToken, "expires", when))
	})
}
