package hunt

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

// parts are what the fleet is made of.
func (w *World) parts() simulate.Parts {
	return simulate.Parts{
		Open: func(ctx context.Context, name string) (storage.Store, error) {
			return w.disks.open(ctx, name, w.clock(name).Now)
		},
		Line:      w.newLine,
		Clock:     w.clock,
		Catalogue: w.version,
		Log:       slog.New(log{w}),
		Cycled:    w.cycled,
	}
}

// cycled hears of each cycle of a site.
func (w *World) cycled(n *Node, c site.Cycle) {
	delete(w.requests, n.Name)
	w.counts(n, c)
	if c.Code == "" {
		w.cameBack(n.Identity.Site)
	}
	if w.depth == 0 {
		w.tells(n, c)
	}
	w.trace.say("cycle", n.Name, c)
}

// key is the private key of a site.
func (w *World) key(name string) ed25519.PrivateKey {
	k, ok := w.keys[name]
	if !ok {
		seed := make([]byte, ed25519.SeedSize)
		_, _ = entropy.Read(seed)
		k = ed25519.NewKeyFromSeed(seed)
		w.keys[name] = k
	}
	return k
}

// build makes the system: stores, who sees whom, sites, items and a first stock.
func (w *World) build(d Dice) error {
	var err error
	if w.Fleet, err = simulate.Assemble(w.Ctx, "", w.parts()); err != nil {
		return err
	}
	w.serve(w.Centre)
	var codes []string
	for i := range 1 + w.story.Sites {
		for j := range d.Between(1, 3) {
			codes = append(codes, fmt.Sprintf("%c%d", 'A'+i%26, i/26*3+j))
		}
	}
	for _, code := range codes {
		if err := w.AddStore(w.Ctx, code, d.Chance(50)); err != nil {
			return err
		}
	}
	for i, code := range codes {
		if i > 0 { // everybody trades with somebody
			if err := w.Visible(code, codes[d.IntN(i)], true); err != nil {
				return err
			}
		}
		if other := codes[d.IntN(len(codes))]; other != code && d.Chance(50) {
			if err := w.Visible(code, other, true); err != nil {
				return err
			}
		}
	}
	for i := range w.story.Sites {
		var own []string
		for _, code := range codes {
			if code[0] == byte('A'+(i+1)%26) && int(code[1]-'0')/3 == (i+1)/26 {
				own = append(own, code)
			}
		}
		n, err := w.AddSite(fmt.Sprint("site ", i+2), own...)
		if err != nil {
			return err
		}
		if batch := newDice(w.story.Seed, "batch of "+n.Name); batch.Chance(40) { // in small steps, as on a bad line
			if err := n.Site.Configure(w.Ctx, "tester", func(s *site.Settings) { s.Batch = batch.Between(10, 30) }); err != nil {
				return err
			}
		}
	}
	for i := range d.Between(3, 6) {
		id, p := simulate.Item(fmt.Sprint("item ", i))
		w.named[id] = fmt.Sprint("item ", i)
		if err := w.Centre.Insert(w.Ctx, p); err != nil {
			return err
		}
	}
	for range 2 {
		for _, n := range w.Nodes()[1:] {
			if _, err := n.Site.Cycle(w.Ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Visible makes two stores see each other, or no longer.
func (w *World) Visible(a, b string, visible bool) error {
	_, err := w.Centre.Centre.Configure(w.Ctx, "tester", central.MakeVisible(w.Stores[a], w.Stores[b], visible))
	return err
}

// AddSite makes a site with its stores and starts it, as a technician does: with a
// ticket, over the line.
func (w *World) AddSite(name string, stores ...string) (*Node, error) {
	s, code, err := w.Centre.Centre.AddSite(w.Ctx, "tester", name, topology.Server)
	if err != nil {
		return nil, err
	}
	for _, store := range stores {
		if _, err := w.Centre.Centre.Configure(w.Ctx, "tester", central.Assign(w.Stores[store], s.ID)); err != nil {
			return nil, err
		}
	}
	id := station.Identity{Role: station.Remote, Site: s.ID, Name: name}
	if err := w.enrol(id, code); err != nil {
		return nil, err
	}
	return w.Open(w.Ctx, name, id)
}

// enrol gives a site its place.
func (w *World) enrol(id station.Identity, code string) error {
	client, err := wire.NewClient(wire.ClientOptions{
		URL: "http://centre.example", AllowPlain: true, Now: w.clock(id.Name).Now, Transport: &line{w, id.Site, id.Name},
	})
	if err != nil {
		return err
	}
	public, _ := w.key(id.Name).Public().(ed25519.PublicKey)
	_, err = client.Enrol(w.Ctx, exchange.Enrolment{Code: code, Key: public, Device: simulate.Device(id.Name), Protocol: exchange.Protocol, App: "test"})
	return err
}

// Edit makes changes at a node, as its user.
func (w *World) Edit(n *Node, do ...journal.Proposal) error { return n.Insert(w.Ctx, do...) }

// NewID is the id of a new record at a node.
func (w *World) NewID(n *Node) atoll.ID { return atoll.NewID(n.Clock.Now()) }

// List returns the records of a type at a node, as its users see them, in order of
// id, with these values of indexed fields (name, value, …).
func (w *World) List(n *Node, kind atoll.Type, where ...string) []station.Record {
	q := storage.Query{Type: kind, Where: map[string]string{}}
	for i := 0; i < len(where); i += 2 {
		q.Where[where[i]] = where[i+1]
	}
	out, _, err := n.Records(w.Ctx, q)
	if err != nil {
		return nil
	}
	return out
}

// Topology is the configuration as the node knows it.
func (w *World) Topology(n *Node) *topology.Topology {
	t, err := n.Topology(w.Ctx)
	if err != nil {
		return &topology.Topology{}
	}
	return t
}

// ActiveStores are the stores that are active at the node, as it knows it.
func (w *World) ActiveStores(n *Node) []topology.Store {
	t := w.Topology(n)
	var out []topology.Store
	for _, s := range t.Stores() {
		if s.Site == n.Identity.Site {
			out = append(out, s)
		}
	}
	return out
}

// Partners are the stores that the store may trade with, as the node knows it.
func (w *World) Partners(n *Node, store atoll.ID) []topology.Store {
	t := w.Topology(n)
	var out []topology.Store
	for _, s := range t.Stores() {
		if s.ID != store && t.Visible(store, s.ID) {
			out = append(out, s)
		}
	}
	return out
}

// Name is what a record is called in the story: its kind and a number.
func (w *World) Name(kind string, id atoll.ID) string {
	if id == "" {
		return "no " + kind
	}
	name, ok := w.named[id]
	if !ok {
		name = fmt.Sprintf("%s %d", kind, len(w.named)+1)
		w.named[id] = name
	}
	return name
}
