package simulate

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Breach is one case of a law that does not hold.
type Breach struct {
	Law   string `json:"law"`
	Words string `json:"words"`
}

// String tells the breach.
func (b Breach) String() string { return b.Law + ": " + b.Words }

// Check holds the fleet to the laws that must be true whenever all sites have
// synchronised and none has anything left to say (see [Fleet.Settle]). It asks
// from both sides, as a record that never reached the centre is missed by nobody
// who only asks the centre. It returns each breach in words, none when all is
// well.
func (f *Fleet) Check(ctx context.Context) []string {
	breaches, _ := f.Laws(ctx)
	var out []string
	for _, b := range breaches {
		out = append(out, b.Words)
	}
	return out
}

// Laws is Check with the name of each law, and how many things were held against
// it: a law that looked at nothing has proved nothing.
func (f *Fleet) Laws(ctx context.Context) (breaches []Breach, looked map[string]int) {
	c := &checker{fleet: f, looked: map[string]int{}}
	if err := c.run(ctx); err != nil {
		c.say("checked", "the laws could not be checked: %v", err)
	}
	slices.SortFunc(c.breaches, func(a, b Breach) int { return strings.Compare(a.String(), b.String()) })
	const most = 50
	return c.breaches[:min(len(c.breaches), most)], c.looked
}

// checker gathers breaches.
type checker struct {
	fleet    *Fleet
	breaches []Breach
	looked   map[string]int
}

func (c *checker) say(law, format string, args ...any) {
	c.breaches = append(c.breaches, Breach{law, fmt.Sprintf(format, args...)})
}

func (c *checker) run(ctx context.Context) error {
	centre, err := snapshot(ctx, c.fleet.Centre)
	if err != nil {
		return err
	}
	nodes := map[atoll.SiteID]*holding{atoll.CentreID: centre}
	for id, n := range c.fleet.Sites {
		if nodes[id], err = snapshot(ctx, n); err != nil {
			return err
		}
		c.replicas(centre, nodes[id])
		if err := c.digests(ctx, centre, nodes[id]); err != nil {
			return err
		}
		c.holdings(centre, nodes[id])
		c.rest(nodes[id])
	}
	c.rest(centre)
	if err := c.pairs(ctx, nodes, centre); err != nil {
		return err
	}
	for _, n := range c.fleet.Nodes() {
		if err := c.chains(ctx, n); err != nil {
			return err
		}
	}
	if err := c.merges(ctx, nodes, centre); err != nil {
		return err
	}
	return c.stock(ctx, nodes, centre)
}

// holding is everything that one node has.
type holding struct {
	node       *Node
	topology   *topology.Topology
	records    map[atoll.Key]atoll.Record
	staged     map[string]int
	refused    map[atoll.SiteID]int
	open       []storage.Refusal
	exceptions []process.Exception
}

func snapshot(ctx context.Context, n *Node) (*holding, error) {
	h := &holding{node: n, records: map[atoll.Key]atoll.Record{}}
	err := n.Store.View(ctx, func(r storage.Reader) error {
		var err error
		if h.topology, err = n.Door.Topology(r); err != nil {
			return err
		}
		for after := atoll.Position(0); ; {
			page, err := r.Changed(after, 1000)
			if err != nil {
				return err
			}
			for _, rec := range page {
				after = rec.Position
				h.records[rec.Key] = rec
			}
			if len(page) == 0 {
				break
			}
		}
		if h.staged, err = r.CountStaged(); err != nil {
			return err
		}
		if h.refused, err = r.CountRefusals(); err != nil {
			return err
		}
		h.open, err = r.Refusals(0, true, 0, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.exceptions, err = n.Processors.Exceptions(ctx)
	return h, err
}

// replicas: a site holds every record it is entitled to, as the centre has it, to
// the byte.
func (c *checker) replicas(centre, at *holding) {
	site := at.node.Door.Site
	entitled := centre.topology.Subscription(site)
	for key, want := range centre.records {
		due := slices.ContainsFunc(want.Audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) })
		got, there := at.records[key]
		switch {
		case !due, c.apart(want):
		case !there && want.Deleted: // it never had what is gone
		case !there:
			c.say("equal", "site %d lacks %s", site, key)
		case got.Hidden:
			c.say("equal", "site %d hides %s, which it is entitled to", site, key)
		default:
			c.same(site, got, want)
		}
	}
}

// apart reports whether the record is data of a store that kept it to itself.
func (c *checker) apart(r atoll.Record) bool {
	return len(c.fleet.Apart) > 0 && c.fleet.Apart[r.MustFields().ID("store_id")]
}

// same compares a site's record with the centre's.
func (c *checker) same(site atoll.SiteID, got, want atoll.Record) {
	c.looked["equal"]++
	switch {
	case got.Version != want.Version || got.Origin != want.Origin || got.Deleted != want.Deleted:
		c.say("equal", "%s: site %d has version %d of %s (deleted: %t), the centre version %d of %s (deleted: %t)", got.Key, site,
			got.Version, got.Origin, got.Deleted, want.Version, want.Origin, want.Deleted)
	case !bytes.Equal(got.Body, want.Body):
		c.say("equal", "%s: site %d has %s, the centre %s", got.Key, site, got.Body, want.Body)
	}
}

// holdings: what a site has is at the centre, unless it stays; and it has nothing
// that is not meant for it.
func (c *checker) holdings(centre, at *holding) {
	site := at.node.Door.Site
	entitled := centre.topology.Subscription(site)
	for key, got := range at.records {
		c.looked["entitled"]++
		c.looked["kept"]++
		def, ok := at.node.Catalogue.Lookup(key.Type)
		if !ok || got.Hidden {
			continue
		}
		want, there := centre.records[key]
		owned := c.owner(at, def, got) == site
		switch {
		case c.apart(got), route.Stays(at.topology, def, got.MustFields()):
			continue // what was sent before its store kept its data to itself stays where it went
		case !there && got.Deleted:
			continue // made and unmade before it was ever sent
		case !there:
			c.say("kept", "the centre lacks %s, which site %d has", key, site)
			continue
		}
		due := slices.ContainsFunc(want.Audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) })
		if !due && !owned && !got.Deleted && got.Origin.Site != site {
			c.say("entitled", "site %d holds %s, which is not meant for it (audiences %v)", site, key, want.Audiences)
		}
		if owned {
			c.same(site, got, want)
		}
	}
}

func (c *checker) owner(at *holding, def *catalogue.Def, r atoll.Record) atoll.SiteID {
	s := authority.Subject{Def: def, Key: r.Key, Fields: r.MustFields()}
	s.Home, s.HomeEpoch = authority.HomeOf(def, s.Fields)
	if field, ok := def.Field(def.Scope); ok && field.Kind == catalogue.Reference && def.Home == "" {
		if person, there := at.records[atoll.Key{Type: field.To, ID: s.Fields.ID(def.Scope)}]; there {
			s.Home = person.MustFields().ID("home_store_id")
		}
	}
	owner, err := authority.OwnerOf(at.topology, s, at.node.Door.Site)
	if err != nil {
		return 0
	}
	return owner.Site
}

// rest: nothing waits, nothing was refused, no document is unanswered.
func (c *checker) rest(h *holding) {
	c.looked["rest"]++
	for lane, n := range h.staged {
		c.say("rest", "%s: %d records wait in lane %q", h.node.Name, n, lane)
	}
	for _, no := range h.open {
		c.say("rest", "%s: entry %d of site %d is in quarantine: %s (%s): %s", h.node.Name, no.Seq, no.Site, no.Code, no.Layer, no.Message)
	}
	for _, e := range h.exceptions {
		if e.Code == atoll.LoopGuard && c.namesGone(h, e.Record) {
			continue // what it builds on was left for good: that it stays an exception is the answer
		}
		c.say("rest", "%s: %s could not be answered by %s: %s", h.node.Name, e.Record, e.Kind, e.Message)
	}
}

// namesGone reports whether a document, or a line of it, names a record that the centre lost
// and that was left.
func (c *checker) namesGone(h *holding, record string) bool {
	for _, r := range h.records {
		its, gone := r.Key.String() == record, false
		for _, ref := range c.fleet.Catalogue.References(r.Type, r.MustFields()) {
			its = its || ref.Parent && (atoll.Key{Type: ref.To, ID: ref.ID}).String() == record
			gone = gone || c.fleet.Gone[ref.ID]
		}
		if its && gone {
			return true
		}
	}
	return false
}

// chains: every journal follows from its first entry to its last, and the
// centre's copies end where the originals do.
func (c *checker) chains(ctx context.Context, n *Node) error {
	own := n.Door.Site
	return n.Store.View(ctx, func(r storage.Reader) error {
		heads, err := r.Journals()
		if err != nil {
			return err
		}
		for site, head := range heads {
			first, err := r.Entries(site, 0, 1, 1)
			if err != nil {
				return err
			}
			if len(first) == 0 || first[0].Seq != 1 {
				continue // it goes on from the centre's memory (R-H-25)
			}
			c.looked["chains"] += int(head.Seq)
			read, err := journal.Verify(r, site, 0, atoll.Hash{})
			if err != nil {
				c.say("chains", "%s: journal of site %d: %v", n.Name, site, err)
			}
			if uint64(read) != head.Seq {
				c.say("chains", "%s: journal of site %d ends at %d, not %d", n.Name, site, read, head.Seq)
			}
		}
		if n.Site == nil {
			return nil
		}
		return c.fleet.Centre.Store.View(ctx, func(at storage.Reader) error {
			copied, err := at.Head(own)
			if err == nil && (copied.Seq != heads[own].Seq || copied.Hash != heads[own].Hash) {
				c.say("chains", "the journal of site %d ends at %d (%s), the centre's copy at %d (%s)", own, heads[own].Seq, heads[own].Hash, copied.Seq, copied.Hash)
			}
			return err
		})
	})
}
