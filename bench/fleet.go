package bench

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

// fleet are many sites that speak the protocol from memory, without a database of
// their own: what is measured with them is the centre. They share one HTTP client
// and its connections, as sites behind one reverse proxy do.
type fleet struct {
	centre    string // its address
	client    *wire.Client
	transport *http.Transport
	system    atoll.ID
	key       ed25519.PrivateKey // of all of them
	catalogue struct {
		version int
		hash    string
	}
}

// clinic is one site of a fleet.
type clinic struct {
	fleet    *fleet
	site     atoll.SiteID
	store    atoll.ID
	epoch    uint64
	timeline atoll.Timeline
	turn     uint64
	acked    atoll.Head // the end of its journal, all of it at the centre
	cursor   atoll.Position
	covered  string // digest of its audiences
	centre   atoll.Timeline
	run      string
	token    string
	expires  time.Time
	busy     sync.Mutex
	goods    *goods
}

const device = "bench device"

// newFleet makes the sites' side of a centre. Connections is how many requests
// they make at once.
func newFleet(h *host.Host, url string, connections int) (*fleet, error) {
	f := &fleet{
		centre: url, system: h.Station.Identity.System, key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: connections, MaxIdleConns: connections},
	}
	f.catalogue.version, f.catalogue.hash = h.Catalogue.Version(), h.Catalogue.Hash()
	var err error
	f.client, err = wire.NewClient(wire.ClientOptions{
		URL: url, Site: 2, System: f.system, Device: device, Key: f.key, Tokens: ofClinic{}, Transport: f.transport,
	})
	return f, err
}

func (f *fleet) close() { f.transport.CloseIdleConnections() }

// enrolled is what a centre remembers of sites that have enrolled, initialised and
// taken its device: written as the centre writes it, many in one transaction. (To
// enrol 40,000 sites by ticket would be measuring that.)
func (f *fleet) enrolled(ctx context.Context, h *host.Host, sites []atoll.SiteID) error {
	public, _ := f.key.Public().(ed25519.PublicKey)
	return h.Store.Update(ctx, func(tx storage.Tx) error {
		for _, site := range sites {
			b, err := json.Marshal(central.SiteState{
				Site: site, Key: public, Device: device, Timeline: timelineOf(site), TokenEpoch: 1, Summary: central.Summary{Initialisation: central.InitCompleted},
			})
			if err != nil {
				return err
			}
			if err := tx.Set("site", fmt.Sprintf("%010d", int(site)), b); err != nil {
				return err
			}
		}
		return nil
	})
}

func timelineOf(site atoll.SiteID) atoll.Timeline {
	return atoll.Timeline(fmt.Sprintf("%016x", int(site)))
}

// clinic returns a site that has everything the centre has for it now.
func (f *fleet) clinic(t *topology.Topology, site atoll.SiteID, items []atoll.ID, at atoll.Position) *clinic {
	c := &clinic{
		fleet: f, site: site, timeline: timelineOf(site), cursor: at,
		covered: exchange.DigestAudiences(t.Subscription(site)),
	}
	if stores := t.Active(site); len(stores) > 0 {
		c.store = stores[0]
		s, _ := t.Store(c.store)
		c.epoch = s.Epoch
	}
	c.goods = newGoods(uint64(site), c.store, items)
	c.goods.clock = time.Now()
	return c
}

// signIn gets a token from the centre's gate, without the network.
func (c *clinic) signIn(ctx context.Context, gate exchange.Gate) error {
	nonce, err := gate.Challenge(ctx, c.site)
	if err != nil {
		return err
	}
	t, err := gate.SignIn(ctx, exchange.SignIn{
		Site: c.site, Nonce: nonce, Device: device,
		Signature: ed25519.Sign(c.fleet.key, exchange.SignedText(c.fleet.system, c.site, device, nonce)),
	})
	c.token, c.expires = t.Token, time.Now().Add(t.Expires)
	return err
}

// signInOver gets a token over the network, as a site does once an hour.
func (c *clinic) signInOver(ctx context.Context) error {
	client, err := wire.NewClient(wire.ClientOptions{
		URL: c.fleet.centre, Site: c.site, System: c.fleet.system, Device: device, Key: c.fleet.key,
		Tokens: ofClinic{}, Transport: c.fleet.transport,
	})
	if err != nil {
		return err
	}
	return client.SignIn(with(ctx, c))
}

// ofClinic keeps each site's token in the site that the context names.
type ofClinic struct{}

type clinicKey struct{}

func with(ctx context.Context, c *clinic) context.Context {
	return context.WithValue(ctx, clinicKey{}, c)
}

func (ofClinic) Load(ctx context.Context) (string, time.Time) {
	c, _ := ctx.Value(clinicKey{}).(*clinic)
	return c.token, c.expires
}

func (ofClinic) Save(ctx context.Context, token string, expires time.Time) {
	c, _ := ctx.Value(clinicKey{}).(*clinic)
	c.token, c.expires = token, expires
}

// write makes an entry of proposals, as the site's own door would.
func (c *clinic) write(do ...journal.Proposal) atoll.Entry {
	e := atoll.Entry{
		Time: c.goods.clock, Actor: actor, Cause: atoll.Cause{Kind: "user"}, Catalogue: c.fleet.catalogue.version,
	}
	for _, p := range do {
		e.Operations = append(e.Operations, atoll.Operation{Verb: p.Verb, Key: p.Key, Version: 1, Epoch: c.epoch, Fields: p.Fields})
	}
	return e
}

// tally is what a cycle of a clinic came to.
type tally struct {
	exchanges, records int
}

// cycle pushes the entries and pulls until nothing is left either way. Anything
// refused is an error.
func (c *clinic) cycle(ctx context.Context, entries ...atoll.Entry) (t tally, err error) {
	var content [][]byte
	head := c.acked
	for _, e := range entries {
		b := e.Encode()
		content = append(content, b)
		head = atoll.Head{
			Timeline: c.timeline, Seq: head.Seq + 1,
			Hash: atoll.Chain(head.Hash, c.site, c.timeline, head.Seq+1, atoll.Digest(b)),
		}
	}
	for {
		more, n, err := c.exchange(ctx, head, content)
		t.exchanges++
		t.records += n
		if err != nil || !more {
			return t, err
		}
		content = nil
	}
}

func (c *clinic) exchange(ctx context.Context, head atoll.Head, content [][]byte) (more bool, records int, err error) {
	c.turn++
	h := exchange.Hello{
		Protocol: exchange.Protocol, Catalogue: c.fleet.catalogue.version, CatalogueHash: c.fleet.catalogue.hash, App: "bench",
		Site: c.site, Device: device, Timeline: c.timeline, Turn: c.turn, Nonce: nonce(), Acknowledged: c.acked, Head: head,
		Centre: c.centre, Run: c.run, Cursor: c.cursor, Subscription: c.covered, Records: batch, Bytes: 1 << 20,
		Clock: time.Now().UnixMilli(), Waiting: int(head.Seq - c.acked.Seq),
	}
	first := c.acked.Seq + 1
	ended := false
	for f, ferr := range c.fleet.client.Exchange(with(ctx, c), h, numbered(first, content)) {
		if ferr != nil {
			return false, records, ferr
		}
		switch f := f.(type) {
		case exchange.Welcome:
			c.centre, c.run = f.Centre, f.Run
		case exchange.Receipt:
			if f.Quarantined > 0 || f.Applied != len(content) {
				return false, 0, atoll.Errorf(atoll.Internal, "site %d: of %d entries %d were applied: %v", c.site, len(content), f.Applied, f.Refusals)
			}
			c.acked = atoll.Head{Timeline: c.timeline, Seq: f.Acknowledged.Seq, Hash: f.Acknowledged.Hash}
		case exchange.Subscription:
			c.covered = exchange.DigestAudiences(f.Audiences)
		case exchange.Record:
			records++
		case exchange.End:
			ended, more, c.cursor = true, f.More, max(c.cursor, f.Cursor)
		}
	}
	if !ended {
		err = atoll.Errorf(atoll.Interrupted, "the answer has no end")
	}
	return more, records, err
}

func numbered(first uint64, content [][]byte) iter.Seq2[exchange.Entry, error] {
	return func(yield func(exchange.Entry, error) bool) {
		for i, b := range content {
			if !yield(exchange.Entry{Seq: first + uint64(i), Content: b}, nil) {
				return
			}
		}
	}
}

func nonce() string {
	var b [8]byte
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return hex.EncodeToString(b[:])
}
