// Package simulate runs a centre and its sites in one process: the real code of
// both, over a network that can fail on purpose and a clock that is wound by
// hand. Tests, the demo and benchmarks build their systems with it.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Clock is a clock that is wound by hand.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a fixed moment.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)} }

// Now returns the time, a millisecond later at each call.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// Wind moves the clock.
func (c *Clock) Wind(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

// Network decides about the fate of one exchange. The zero Network is a good one.
type Network struct {
	// CutUp ends the request after so many entries; CutDown the answer after so many
	// frames. Negative never cuts.
	CutUp, CutDown func() int
	// Twice delivers the request a second time, before the answer is read.
	Twice func() bool
	// Records is how many records an answer carries at most; 0 leaves it to the
	// parties.
	Records int
	// Down refuses the exchange.
	Down func() bool
}

// Node is one installation of a fleet.
type Node struct {
	*station.Station
	Name   string
	Clock  *Clock
	Net    *Network
	Site   *site.Site      // nil at the centre
	Centre *central.Centre // nil at a site
}

// Fleet is a system: a centre and its sites.
type Fleet struct {
	Centre    *Node
	Sites     map[atoll.SiteID]*Node
	Stores    map[string]atoll.ID // by code
	Clock     *Clock
	Catalogue *catalogue.Catalogue
	// Apart are stores that kept their data at their site at some time: what others
	// have of them may be old, and laws that need all of it leave them out.
	Apart map[atoll.ID]bool
	// Gone are records of such stores, made when their data stayed at the site, whose
	// site has lost a disk since: nobody else ever had them. So are those that a restored
	// centre lost of its own and a person could not take back.
	Gone map[atoll.ID]bool
	// Damaged says that rows were spoiled on purpose. Unless it is set, nothing may
	// ever have been found to differ and been repaired.
	Damaged bool
	// Stranded are records that may have been found to differ, and repaired: their readers
	// had versions or saw records that a restored centre has lost.
	Stranded map[Strand]bool
	parts    Parts
	dir      string
	closers  []func() error
}

// Strand is a record as one reader has it.
type Strand struct {
	Site atoll.SiteID
	Key  atoll.Key
}

// Line is how a site reaches the centre.
type Line interface {
	exchange.Centre
	exchange.People
}

// Parts replace what a fleet is made of. Those that are nil are the usual ones:
// SQLite, a [Network], one clock for all, the embedded catalogue.
type Parts struct {
	Open      func(ctx context.Context, name string) (storage.Store, error)
	Disks     *Disks // instead of Open: the databases are in memory
	Line      func(n *Node) (Line, error)
	Clock     func(name string) *Clock
	Catalogue func(name string) *catalogue.Catalogue
	Log       *slog.Logger
	// Cycled is called after each cycle of a site.
	Cycled func(n *Node, c site.Cycle)
}

// System is the identity of every fleet.
var System = atoll.DeriveID("test system")

// New makes a fleet with a centre only, in the directory.
func New(ctx context.Context, dir string) (*Fleet, error) { return Assemble(ctx, dir, Parts{}) }

// Assemble is New with parts of one's own.
func Assemble(ctx context.Context, dir string, parts Parts) (*Fleet, error) {
	f := &Fleet{
		Sites: map[atoll.SiteID]*Node{}, Stores: map[string]atoll.ID{}, Clock: NewClock(), Catalogue: catalogue.Embedded(), parts: parts, dir: dir,
	}
	n, err := f.open(ctx, "centre", station.Identity{Role: station.Central, Site: atoll.CentreID, Name: "Centre"})
	if err != nil {
		return nil, err
	}
	f.Centre = n
	return f, nil
}

func (f *Fleet) open(ctx context.Context, name string, id station.Identity) (*Node, error) {
	store, err := f.database(ctx, name)
	if err != nil {
		return nil, err
	}
	f.closers = append(f.closers, store.Close)
	return f.start(ctx, name, id, store)
}

// Open opens the installation of the identity on its database, as a program does
// that starts. It takes its place in the fleet.
func (f *Fleet) Open(ctx context.Context, name string, id station.Identity) (*Node, error) {
	n, err := f.open(ctx, name, id)
	switch {
	case err != nil:
		return nil, err
	case n.Site == nil:
		f.Centre = n
	default:
		f.Sites[id.Site] = n
	}
	return n, nil
}

func (f *Fleet) start(ctx context.Context, name string, id station.Identity, store storage.Store) (*Node, error) {
	n := &Node{Name: name, Clock: f.clock(name), Net: &Network{}}
	words := f.Catalogue
	if f.parts.Catalogue != nil {
		words = f.parts.Catalogue(name)
	}
	n.Station = station.New(id, station.Options{Store: store, Catalogue: words, Now: n.Clock.Now, Log: f.parts.Log})
	if _, err := journal.Reindex(ctx, store, words); err != nil {
		return nil, err
	}
	if id.Role == station.Central {
		if err := n.found(ctx, f.parts.Log); err != nil {
			return nil, err
		}
		return n, nil
	}
	var to Line = &line{f, n}
	if f.parts.Line != nil {
		var err error
		if to, err = f.parts.Line(n); err != nil {
			return nil, err
		}
	}
	n.Site = site.New(site.Options{
		Store: store, Door: n.Door, Centre: to, Device: Device(name), App: "test", Now: n.Clock.Now, Log: f.parts.Log,
		Integrated: func(ctx context.Context) error { _, err := n.Processors.Run(ctx); return err },
		Restate:    func(ctx context.Context) error { _, err := n.Station.Restate(ctx, "atoll", nil); return err },
		Hooks: site.Hooks{Cycled: func(c site.Cycle) {
			if f.parts.Cycled != nil {
				f.parts.Cycled(n, c)
			}
		}},
	})
	n.Site.Comparer, _ = to.(exchange.Comparer)
	n.Usable, n.LastSync = n.Site.Usable, n.Site.LastSync
	n.People, n.Pull = to, n.Site.Fetch
	return n, n.Site.Begin(ctx)
}

func (f *Fleet) clock(name string) *Clock {
	if f.parts.Clock != nil {
		return f.parts.Clock(name)
	}
	return f.Clock
}

// Device is the identity of the machine of the installation.
func Device(name string) string { return "device of " + name }

func (n *Node) found(ctx context.Context, log *slog.Logger) error {
	err := n.Store.Update(ctx, func(tx storage.Tx) error {
		head, err := tx.Head(atoll.CentreID)
		if err != nil || head.Timeline != "" {
			return err
		}
		return tx.SetBase(atoll.CentreID, atoll.Head{Timeline: atoll.NewTimeline()})
	})
	if err != nil {
		return err
	}
	n.Centre = central.New(central.Options{
		Store: n.Store, Door: n.Door, System: System, Now: n.Clock.Now, App: "test", Log: log,
		Admitted: func(ctx context.Context) {
			if _, err := n.Processors.Run(ctx); err != nil {
				told := log
				if told == nil {
					told = slog.Default() // a test shall see it
				}
				told.ErrorContext(ctx, "processors failed", "err", err)
			}
		},
	})
	n.LastSync, n.LastContact = n.Centre.LastSync, n.Centre.LastContact
	if err := n.Centre.Prepare(ctx); err != nil {
		return err
	}
	if _, err := n.Centre.Start(ctx); err != nil {
		return err
	}
	return n.Centre.Found(ctx, "test", "Centre")
}

// Clone returns a fleet with copies of this one's databases, in another
// directory, or on other [Disks]. This one must be closed; it can be cloned any
// number of times. Of this one's other parts it has the log.
func (f *Fleet) Clone(ctx context.Context, dir string) (*Fleet, error) {
	out := &Fleet{
		Sites: map[atoll.SiteID]*Node{}, Stores: maps.Clone(f.Stores), Clock: &Clock{now: f.Clock.Now()}, Catalogue: f.Catalogue, dir: dir,
	}
	out.parts.Log = f.parts.Log
	if f.parts.Disks != nil {
		out.parts.Disks = &Disks{}
	}
	for _, n := range f.Nodes() {
		i, err := f.image(n.Name)
		if err != nil {
			return nil, err
		}
		if err := out.place(n.Name, i); err != nil {
			return nil, err
		}
		copied, err := out.open(ctx, n.Name, n.Identity)
		if err != nil {
			return nil, errors.Join(err, out.Close())
		}
		if n.Site == nil {
			out.Centre = copied
		} else {
			out.Sites[n.Door.Site] = copied
		}
	}
	return out, nil
}

// Nodes returns the centre, then the sites by number.
func (f *Fleet) Nodes() []*Node {
	out := []*Node{f.Centre}
	for _, id := range slices.Sorted(maps.Keys(f.Sites)) {
		out = append(out, f.Sites[id])
	}
	return out
}

// At returns the node of the site, the centre's included; nil if there is none.
func (f *Fleet) At(id atoll.SiteID) *Node {
	if id == atoll.CentreID {
		return f.Centre
	}
	return f.Sites[id]
}

// Close closes all databases.
func (f *Fleet) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// AddSite makes a site at the centre with its stores, enrols it and starts it. It
// has not synchronised yet.
func (f *Fleet) AddSite(ctx context.Context, name string, kind topology.Kind, stores ...string) (*Node, error) {
	s, code, err := f.Centre.Centre.AddSite(ctx, "test", name, kind)
	if err != nil {
		return nil, err
	}
	for _, store := range stores {
		if _, err := f.Centre.Centre.Configure(ctx, "test", central.Assign(f.Stores[store], s.ID)); err != nil {
			return nil, err
		}
	}
	key := make([]byte, 32)
	if len(stores) > 0 {
		if _, err := f.Centre.Centre.Enrol(ctx, exchange.Enrolment{
			Code: code, Key: key, Device: Device(name), Protocol: exchange.Protocol,
		}); err != nil {
			return nil, err
		}
	}
	n, err := f.open(ctx, name, station.Identity{Role: station.Remote, Site: s.ID, Name: name})
	if err != nil {
		return nil, err
	}
	f.Sites[s.ID] = n
	return n, nil
}

// AddStore makes a store, active at the centre.
func (f *Fleet) AddStore(ctx context.Context, code string, dispensary bool) error {
	id := atoll.DeriveID("test store", code)
	f.Stores[code] = id
	_, err := f.Centre.Centre.Configure(ctx, "test", central.AddStore(id, code, "Store "+code, dispensary))
	return err
}

// Sync runs one full cycle of the site.
func (f *Fleet) Sync(ctx context.Context, id atoll.SiteID) (site.Cycle, error) {
	n, ok := f.Sites[id]
	if !ok {
		return site.Cycle{}, fmt.Errorf("no site %d", id)
	}
	return n.Site.Cycle(ctx)
}

// Settle lets all sites synchronise until none has anything more to say or to
// hear: peace. It fails when that does not come about.
func (f *Fleet) Settle(ctx context.Context) error {
	for range 20 {
		moved := 0
		for _, id := range slices.Sorted(maps.Keys(f.Sites)) {
			c, err := f.Sync(ctx, id)
			if err != nil {
				return fmt.Errorf("site %d: %w", id, err)
			}
			moved += c.Sent + c.Received + c.Retracted
		}
		if moved == 0 {
			return nil
		}
	}
	return errors.New("the sites do not come to rest")
}

// line is the network between a site and the centre.
type line struct {
	fleet *Fleet
	node  *Node
}

// LookUp asks the centre about patients, if the network lets it.
func (l *line) LookUp(ctx context.Context, at atoll.SiteID, ask exchange.LookUp) (exchange.LookedUp, error) {
	if down := l.node.Net.Down; down != nil && down() {
		return exchange.LookedUp{}, atoll.Errorf(atoll.Unavailable, "no network")
	}
	return l.fleet.Centre.LookUp(ctx, at, ask)
}

// Compare asks the centre about rows, if the network lets it.
func (l *line) Compare(ctx context.Context, at atoll.SiteID, q exchange.Comparison) (exchange.Compared, error) {
	if down := l.node.Net.Down; down != nil && down() {
		return exchange.Compared{}, atoll.Errorf(atoll.Unavailable, "no network")
	}
	return l.fleet.Centre.Centre.Compare(ctx, at, q)
}

// Exchange hands the request to the centre, as far as the network lets it.
func (l *line) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	net := l.node.Net
	return func(yield func(exchange.Frame, error) bool) {
		cut := atoll.Errorf(atoll.Interrupted, "the line was cut")
		if net.Down != nil && net.Down() {
			yield(nil, atoll.Errorf(atoll.Unavailable, "no network"))
			return
		}
		if net.Records > 0 {
			h.Records = net.Records
		}
		up, down := -1, -1
		if net.CutUp != nil {
			up = net.CutUp()
		}
		if net.CutDown != nil {
			down = net.CutDown()
		}
		var sent []exchange.Entry
		for e, err := range entries {
			if err != nil {
				yield(nil, err)
				return
			}
			sent = append(sent, e)
		}
		request := func(yield func(exchange.Entry, error) bool) {
			for i, e := range sent {
				if up >= 0 && i >= up {
					yield(exchange.Entry{}, cut)
					return
				}
				if !yield(e, nil) {
					return
				}
			}
		}
		if net.Twice != nil && net.Twice() {
			for range l.fleet.Centre.Centre.Exchange(ctx, h, request) { //nolint:revive // the first answer is lost
			}
		}
		n := 0
		for f, err := range l.fleet.Centre.Centre.Exchange(ctx, h, request) {
			if down >= 0 && n >= down {
				yield(nil, cut)
				return
			}
			n++
			if !yield(f, err) {
				return
			}
		}
	}
}

// Insert makes records, in one transaction, as a user of the node.
func (n *Node) Insert(ctx context.Context, do ...journal.Proposal) error {
	_, err := n.Edit(ctx, journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: do})
	return err
}

// Finalise finalises an invoice on the node.
func (n *Node) Finalise(ctx context.Context, id atoll.ID) error {
	_, err := n.Act(ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) { return d.Finalise(id) })
	return err
}
