package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/storage"
)

// Summary is how the system stands after the last scenario.
type Summary struct {
	Sites      []Part       `json:"sites"`
	Traffic    traffic      `json:"traffic"`
	Quarantine []Refused    `json:"quarantine,omitempty"`
	Unanswered []Unanswered `json:"unanswered,omitempty"`
	Chains     []Chain      `json:"chains"`
	Compared   []Comparison `json:"compared"`
	Laws       []string     `json:"laws,omitempty"` // breaches
	Checked    bool         `json:"laws_checked"`
}

// Part is one installation.
type Part struct {
	Site    atoll.SiteID `json:"site"`
	Name    string       `json:"name"`
	Stores  []string     `json:"stores"`
	Records int          `json:"records"`
	Entries uint64       `json:"entries"` // of its own journal
	Traffic traffic      `json:"traffic"` // of its cycles; of all sites' at the centre
}

// Refused is an entry in quarantine.
type Refused struct {
	Site   atoll.SiteID `json:"site"`
	Seq    uint64       `json:"seq"`
	Code   atoll.Code   `json:"code"`
	Reason string       `json:"reason"`
}

// Unanswered is a document that a site could not answer, or a record that it could
// not take yet.
type Unanswered struct {
	Site   atoll.SiteID `json:"site"`
	Record string       `json:"record,omitempty"`
	Reason string       `json:"reason"`
}

// Chain is a journal whose hash chain was recomputed.
type Chain struct {
	At      atoll.SiteID `json:"at"`
	Of      atoll.SiteID `json:"of"`
	From    uint64       `json:"from,omitempty"`
	Entries int          `json:"entries"`
	Error   string       `json:"error,omitempty"`
}

// Comparison is a site's records against the centre's.
type Comparison struct {
	Site   atoll.SiteID `json:"site"`
	Equal  int          `json:"equal"`
	Stay   int          `json:"stay"` // records of stores whose data stays at its site
	Differ []string     `json:"differ,omitempty"`
}

// Well reports whether nothing is wrong.
func (s *Summary) Well() bool {
	return len(s.Quarantine) == 0 && len(s.Unanswered) == 0 && len(s.Laws) == 0 &&
		!slices.ContainsFunc(s.Chains, func(c Chain) bool { return c.Error != "" }) &&
		!slices.ContainsFunc(s.Compared, func(c Comparison) bool { return len(c.Differ) > 0 })
}

// summarise brings all sites up to date and looks at everything there is.
func (w *world) summarise(ctx context.Context) (Summary, error) {
	s := Summary{Laws: w.laws, Checked: w.checked}
	if err := w.settle(ctx); err != nil {
		return s, err
	}
	centre, err := everything(ctx, w.centre.host.Store)
	if err != nil {
		return s, err
	}
	for _, p := range w.all() {
		part, err := w.part(ctx, p)
		if err != nil {
			return s, err
		}
		s.Sites = append(s.Sites, part)
		open, err := unanswered(ctx, p)
		if err != nil {
			return s, err
		}
		s.Unanswered = append(s.Unanswered, open...)
		chains, err := verify(ctx, p)
		if err != nil {
			return s, err
		}
		s.Chains = append(s.Chains, chains...)
		if p.site == centreSite {
			continue
		}
		c, err := w.compare(ctx, p, centre)
		if err != nil {
			return s, err
		}
		s.Compared = append(s.Compared, c)
	}
	err = w.centre.host.Store.View(ctx, func(r storage.Reader) error {
		open, err := r.Refusals(0, true, 0, 0)
		for _, q := range open {
			s.Quarantine = append(s.Quarantine, Refused{q.Site, q.Seq, q.Code, q.Message})
		}
		return err
	})
	s.Traffic = w.traffic
	return s, err
}

func (w *world) part(ctx context.Context, p *server) (Part, error) {
	part := Part{Site: p.site, Name: p.name}
	counts, err := p.host.Station.Counts(ctx)
	if err != nil {
		return part, err
	}
	for _, n := range counts {
		part.Records += n
	}
	for _, m := range w.places {
		if m.site == p.site && w.stores[m.code] != "" {
			part.Stores = append(part.Stores, m.name)
		}
	}
	part.Traffic = p.traffic
	if p.site == centreSite {
		part.Traffic = w.traffic
	}
	err = p.host.Store.View(ctx, func(r storage.Reader) error {
		head, err := r.Head(p.site)
		part.Entries = head.Seq
		return err
	})
	return part, err
}

// unanswered lists what a site could not answer or take.
func unanswered(ctx context.Context, p *server) ([]Unanswered, error) {
	var out []Unanswered
	open, err := p.host.Station.Processors.Exceptions(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range open {
		out = append(out, Unanswered{p.site, e.Record, e.Message})
	}
	if p.host.Site == nil {
		return out, nil
	}
	st, err := p.host.Site.Status(ctx)
	if err == nil && st.Unresolved > 0 {
		out = append(out, Unanswered{Site: p.site, Reason: fmt.Sprintf("%d received records wait for others", st.Unresolved)})
	}
	return out, err
}

// verify recomputes the hash chains of all journals in a database.
func verify(ctx context.Context, p *server) ([]Chain, error) {
	var out []Chain
	err := p.host.Store.View(ctx, func(r storage.Reader) error {
		out = nil
		heads, err := r.Journals()
		if err != nil {
			return err
		}
		for _, of := range slices.Sorted(maps.Keys(heads)) {
			head := heads[of]
			base, err := r.Base(of)
			if err != nil {
				return err
			}
			c := Chain{At: p.site, Of: of, From: base.Seq}
			n, err := journal.Verify(r, of, base.Seq, base.Hash)
			c.Entries = n
			switch {
			case err != nil:
				c.Error = words(err)
			case base.Seq+uint64(n) != head.Seq:
				c.Error = fmt.Sprintf("it ends at entry %d, not %d", base.Seq+uint64(n), head.Seq)
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// compare holds every record that a site shows against the centre's.
func (w *world) compare(ctx context.Context, p *server, centre []atoll.Record) (Comparison, error) {
	c := Comparison{Site: p.site}
	there := make(map[atoll.Key]atoll.Record, len(centre))
	for _, r := range centre {
		there[r.Key] = r
	}
	t, err := p.host.Station.Topology(ctx)
	if err != nil {
		return c, err
	}
	here, err := everything(ctx, p.host.Store)
	if err != nil {
		return c, err
	}
	for _, r := range here {
		def, known := p.host.Catalogue.Lookup(r.Type)
		if r.Hidden || !known {
			continue
		}
		other, ok := there[r.Key]
		switch {
		case route.Stays(t, def, r.MustFields()):
			c.Stay++
		case !ok && r.Deleted: // made and unmade before it was ever sent
		case !ok:
			c.Differ = append(c.Differ, fmt.Sprintf("%s is at site %d and not at the centre", r.Key, p.site))
		case !identical(r, other):
			c.Differ = append(c.Differ, fmt.Sprintf("%s is version %d at site %d, version %d at the centre", r.Key, r.Version, p.site, other.Version))
		default:
			c.Equal++
		}
		delete(there, r.Key)
	}
	// What the site should have and has not.
	entitled := w.subscription(ctx, p.site)
	for key, r := range there {
		if !r.Deleted && slices.ContainsFunc(r.Audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) }) {
			c.Differ = append(c.Differ, fmt.Sprintf("site %d lacks %s", p.site, key))
		}
	}
	slices.Sort(c.Differ)
	const most = 20
	if len(c.Differ) > most {
		c.Differ = append(c.Differ[:most], fmt.Sprintf("and %d more", len(c.Differ)-most))
	}
	return c, nil
}

func (w *world) subscription(ctx context.Context, id atoll.SiteID) []atoll.Audience {
	t, err := w.centre.host.Station.Topology(ctx)
	if err != nil {
		return nil
	}
	return t.Subscription(id)
}

// everything reads all records of a database, hidden ones and tombstones too.
func everything(ctx context.Context, store storage.Store) ([]atoll.Record, error) {
	var out []atoll.Record
	err := store.View(ctx, func(r storage.Reader) error {
		out = nil
		for after := atoll.Position(0); ; {
			page, err := r.Changed(after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			out = append(out, page...)
			after = page[len(page)-1].Position
		}
	})
	return out, err
}

// judge holds the whole system to the laws of a fleet at peace, as the simulation
// does after each of its runs.
func (w *world) judge(ctx context.Context) error {
	if err := w.settle(ctx); err != nil || w.Capture != "" {
		return err // imported documents take no effect, and so have no pairs
	}
	f := &simulate.Fleet{
		Centre: &simulate.Node{Station: w.centre.host.Station, Name: "Centre", Centre: w.centre.host.Centre},
		Sites:  map[atoll.SiteID]*simulate.Node{}, Stores: w.stores, Catalogue: w.centre.host.Catalogue,
	}
	for id, s := range w.sites {
		f.Sites[id] = &simulate.Node{Station: s.host.Station, Name: s.name, Site: s.host.Site}
	}
	w.laws, w.checked = f.Check(ctx), true
	return nil
}
