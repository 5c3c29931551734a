// Package rights is how the right to edit central data changes hands: granted to
// a store's site, handed on, withdrawn (part F of the specification).
//
// Central data is edited on the primary. For one area of the catalogue, or for
// all, the right may be delegated to the site where a store is active. One record
// for each domain says who has it; only the centre writes it, so nobody can grant
// the right to himself (R-F-02, X-11). An edit carries the epoch of the right it
// was made under, and each change raises it: what was made under a right that is
// gone is kept in quarantine, for a person to decide (R-F-10).
//
// A right that leaves a remote site is closed first: the site stops editing when
// it hears of it, and confirms in its journal, behind everything it had edited.
// When the confirmation is at the centre, so is all before it, and the right
// passes on. Nobody holds it in between. The state is in records that travel with
// the ordinary exchange, so a hand-over may take days and be cut at any byte.
package rights

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// All is the domain of all central data: its holder is the primary in all but
// name (R-F-04).
const All = "all"

// Kinds are the edits that follow when a right is closed.
var Kinds = []process.Kind{closed, moved("store"), moved("site"), passed}

// Rules are the laws of rights.
func Rules() []admit.Rule { return []admit.Rule{noEditWhileClosing} }

// Domains lists what can be delegated, sorted: the areas of the catalogue with
// types that the primary edits. [All] is not among them.
func Domains(c *catalogue.Catalogue) []string {
	var out []string
	for _, d := range c.Types() {
		if d.Editor == catalogue.ByPrimary && !slices.Contains(out, d.Area) {
			out = append(out, d.Area)
		}
	}
	slices.Sort(out)
	return out
}

// Deed is one act about a right, for the records: who, when and why.
type Deed struct {
	Domain string
	Actor  string
	Reason string
	Now    time.Time
	// AtOnce does not wait for the holder's confirmation: what it has not sent yet
	// will be quarantined (R-F-10).
	AtOnce bool
}

// Key is the key of the record about a domain.
func Key(domain string) atoll.Key {
	return atoll.Key{Type: "delegation", ID: atoll.DeriveID("delegation", domain)}
}

// Grant gives the right to the site where the store is active. It fails with
// atoll.Exists when the right, or part of it, is delegated to another (R-F-26). To
// the holder, from whom the right is on its way, it is the same as [Keep].
func Grant(c *catalogue.Catalogue, t *topology.Topology, d Deed, store atoll.ID) ([]journal.Proposal, error) {
	if err := check(c, t, d.Domain, store); err != nil {
		return nil, err
	}
	for _, other := range t.Delegations() {
		if !other.Active || other.Store == store && other.Domain == d.Domain {
			continue
		}
		if other.Domain == d.Domain || other.Domain == All || d.Domain == All {
			st, _ := t.Store(other.Store)
			return nil, atoll.Errorf(atoll.Exists, "the right to edit %s is delegated to %s (site %d)", words(other.Domain), st.Name, st.Site).
				About(Key(other.Domain)).Do("hand it on with: atoll delegate change %s STORE, or withdraw it first", other.Domain)
		}
	}
	return pass(t, d, store)
}

// Change hands a delegated right on to another store's site, once the old holder
// has sent everything (R-F-10). To the holder itself it is the same as [Keep], if the
// right was on its way from it.
func Change(c *catalogue.Catalogue, t *topology.Topology, d Deed, store atoll.ID) ([]journal.Proposal, error) {
	if err := check(c, t, d.Domain, store); err != nil {
		return nil, err
	}
	if err := held(t, d.Domain); err != nil {
		return nil, err
	}
	return pass(t, d, store)
}

// Withdraw gives the right back to the primary: once the holder has sent
// everything, or at once.
func Withdraw(t *topology.Topology, d Deed) ([]journal.Proposal, error) {
	if err := held(t, d.Domain); err != nil {
		return nil, err
	}
	return pass(t, d, "")
}

// Keep calls off a change that has not taken effect yet: the holder edits again.
func Keep(t *topology.Topology, d Deed) ([]journal.Proposal, error) {
	g, ok := t.Delegation(d.Domain)
	if !ok || !g.Closing {
		return nil, atoll.Errorf(atoll.Rule, "the right to edit %s is not about to change hands", words(d.Domain)).
			Do("see who has it with: atoll delegate list").Because("right.still")
	}
	return write(true, d, atoll.Fields{}.Set("closing", false).Set("next_store_id", nil)), nil
}

func check(c *catalogue.Catalogue, t *topology.Topology, domain string, store atoll.ID) error {
	if domain != All && !slices.Contains(Domains(c), domain) {
		return atoll.Errorf(atoll.Invalid, "there is no domain %.60q of central data", domain).On("domain").
			Do("choose all, or one of: %s", strings.Join(Domains(c), ", "))
	}
	st, ok := t.Store(store)
	if !ok {
		return atoll.Errorf(atoll.NotFound, "there is no store %s", store)
	}
	if st.Disabled {
		return atoll.Errorf(atoll.Rule, "store %s is closed", st.Name).Do("choose an open one").Because("store.disabled", "store", st.Name)
	}
	return nil
}

func held(t *topology.Topology, domain string) error {
	if g, ok := t.Delegation(domain); ok && (g.Active || g.Closing) {
		return nil
	}
	return atoll.Errorf(atoll.Rule, "the right to edit %s is not delegated; the primary has it", words(domain)).
		Do("see who has which with: atoll delegate list").Because("right.none")
}

// pass lets the right go to the store, or to the primary if store is "": at once
// when nothing of the holder can be on its way, otherwise when it has confirmed.
func pass(t *topology.Topology, d Deed, store atoll.ID) ([]journal.Proposal, error) {
	g, known := t.Delegation(d.Domain)
	if known && g.Active && g.Store == store {
		if !g.Closing {
			return nil, nil
		}
		// It has had the right all along: an epoch raised now would refuse what it did
		// before it heard.
		return Keep(t, d)
	}
	holder, _ := t.Delegate(d.Domain)
	if d.AtOnce || holder == t.Centre() {
		return write(known, d, handed(t, g, store)), nil
	}
	// A confirmation of an earlier closing, since called off, may be on its way: the
	// count tells them apart.
	f := atoll.Fields{}.Set("closing", true).Set("next_store_id", nil).Set("closings", g.Closings+1)
	if store != "" {
		f.Set("next_store_id", store)
	}
	if !known {
		f.Set("active", false).Set("epoch", 0)
	}
	return write(known, d, f), nil
}

// handed are the fields by which the store holds the right, or the primary again.
// What counts is the epoch of the right and that of its store together, which must
// rise by this, too.
func handed(t *topology.Topology, g topology.Delegation, store atoll.ID) atoll.Fields {
	epoch := g.Epoch + 1
	if st, ok := t.Store(g.Store); ok && g.Active {
		epoch += st.Epoch
	}
	f := atoll.Fields{}.Set("active", store != "").Set("store_id", nil).Set("closing", false).Set("next_store_id", nil).Set("epoch", epoch)
	if store != "" {
		f.Set("store_id", store)
	}
	return f
}

func write(known bool, d Deed, f atoll.Fields) []journal.Proposal {
	f.Set("granted_at", d.Now.UTC().Format(time.RFC3339)).Set("granted_by", d.Actor).Set("reason", nil)
	if d.Reason != "" {
		f.Set("reason", d.Reason)
	}
	p := journal.Proposal{Verb: atoll.Update, Key: Key(d.Domain), Fields: f}
	if !known {
		p.Verb = atoll.Insert
		p.Fields = f.Set("domain", d.Domain).Compacted()
	}
	return []journal.Proposal{p}
}

func words(domain string) string {
	if domain == All {
		return "central data"
	}
	return strings.ReplaceAll(domain, "_", " ")
}

// noEditWhileClosing stops the holder's edits from the moment it hears that the
// right leaves it: its confirmation must stand behind all it did.
func noEditWhileClosing(t *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if !c.Here || authority.Editor(t, c.Def) != catalogue.ByPrimary {
		return nil
	}
	for _, domain := range []string{c.Def.Area, All} {
		if g, ok := t.Delegation(domain); ok && g.Closing {
			return atoll.Errorf(atoll.Ownership, "the right to edit %s is changing hands; nobody edits until it has", words(domain)).
				Do("try again after the next synchronisations; the centre may call it off with: atoll delegate keep %s", domain).Because("right.moving")
		}
	}
	return nil
}

// confirmation is the kind of message by which a holder confirms.
const confirmation = "right_closed"

// closingOf is what a confirmation answers: one closing of a right that stands as f, and
// no other. It holds when that was: a centre that was restored counts a second time.
func closingOf(f atoll.Fields) json.RawMessage {
	return atoll.Fields{}.Set("domain", f.Text("domain")).Set("closing", f.Int("closings")).Set("since", f.Text("granted_at")).Encode()
}

// confirms reports whether the message is the site's confirmation of that closing. It goes
// by what the message says, and by whose it is. When the holding store moves meanwhile,
// the site it leaves and the one it comes to each give their own.
func confirms(message atoll.Record, f, right atoll.Fields, by atoll.SiteID) bool {
	return f.Text("kind") == confirmation && message.Origin.Site == by && bytes.Equal(f["body"], closingOf(right))
}

// closed: the holder's site confirms that it edits no more, behind all its edits. One
// that was initialised again has not what it said, and says it again under another id:
// the centre may wait still, for what was refused (R-C-94).
var closed = process.Kind{Name: "right closed", Type: "delegation", Needs: "closing", Answer: func(c process.Case) ([]journal.Proposal, error) {
	if !c.Fields.Bool("closing", false) {
		return nil, nil
	}
	if holder, _ := c.T.Delegate(c.Fields.Text("domain")); holder != c.Site {
		return nil, nil
	}
	told, err := c.R.Records(storage.Query{Type: "message", Where: map[string]string{"subject_id": string(c.Record.ID)}})
	if err != nil || slices.ContainsFunc(told, func(m atoll.Record) bool { return confirms(m, m.MustFields(), c.Fields, c.Site) }) {
		return nil, err
	}
	// It is the site's word, not its store's, which may be moving.
	f := atoll.Fields{}.Set("kind", confirmation).Set("status", "new").Set("subject_type", string(c.Record.Type)).
		Set("subject_id", string(c.Record.ID)).Set("created_at", atoll.Stamp(c.Now)).Set("body", closingOf(c.Fields))
	return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: "message", ID: atoll.NewID(c.Now)}, Fields: f}}, nil
}}

// moved: a right that is closing comes to another site with its store, or with the
// primary; that site is asked to confirm too.
func moved(t atoll.Type) process.Kind {
	return process.Kind{Name: "right moved with a " + string(t), Type: t, Wakes: func(c process.Case) ([]atoll.Key, error) {
		if !slices.ContainsFunc(c.T.Delegations(), func(d topology.Delegation) bool { return d.Closing }) {
			return nil, nil
		}
		recs, err := c.R.Records(storage.Query{Type: "delegation"})
		var out []atoll.Key
		for _, r := range recs {
			out = append(out, r.Key)
		}
		return out, err
	}}
}

// passed: at the centre, a confirmed right goes to whom it was meant for.
var passed = process.Kind{Name: "right passed", Type: "message", Needs: "subject_id", Answer: func(c process.Case) ([]journal.Proposal, error) {
	if c.Site != c.T.Centre() || c.Fields.Text("kind") != confirmation {
		return nil, nil
	}
	key := atoll.Key{Type: "delegation", ID: c.Fields.ID("subject_id")}
	rec, err := c.R.Record(key)
	if atoll.CodeOf(err) == atoll.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := rec.MustFields()
	domain := f.Text("domain")
	g, _ := c.T.Delegation(domain)
	// Only the holder's own word counts, and only about this closing.
	holder, _ := c.T.Delegate(domain)
	if !g.Closing || !confirms(c.Record, c.Fields, f, holder) {
		return nil, nil
	}
	why, err := c.Undrained(holder, func(op atoll.Operation) (bool, error) {
		def, ok := c.Catalogue.Lookup(op.Type)
		return !ok || authority.Editor(c.T, def) == catalogue.ByPrimary && (domain == All || domain == def.Area), nil
	})
	if err != nil {
		return nil, err
	}
	if why != nil {
		return nil, why.About(key)
	}
	return []journal.Proposal{{Verb: atoll.Update, Key: key, Fields: handed(c.T, g, f.ID("next_store_id"))}}, nil
}}

// View is one right as people see it.
type View struct {
	Domain string       `json:"domain"`
	Site   atoll.SiteID `json:"site" doc:"Who edits it now"`
	Store  atoll.ID     `json:"store,omitempty" doc:"The store whose site it is delegated to"`
	Name   string       `json:"name,omitempty" doc:"The store's name"`
	Epoch  uint64       `json:"epoch"`
	// State is "primary", "delegated" or "changing".
	State string `json:"state" enum:"primary,delegated,changing"`
	Next  string `json:"next,omitempty" doc:"Who has it next, while it changes hands"`
}

// Of returns who may edit the domain.
func Of(t *topology.Topology, domain string) View {
	list := List(t)
	for _, v := range list {
		if v.Domain == domain {
			return v
		}
	}
	v := list[0]
	v.Domain = domain
	return v
}

// List returns who may edit what, one row for each domain that was ever
// delegated and one for the rest.
func List(t *topology.Topology) []View {
	general, epoch := t.Delegate("")
	out := []View{{Domain: All, Site: general, Epoch: epoch, State: "primary"}}
	for _, g := range t.Delegations() {
		v := &out[0]
		if g.Domain != All {
			out = append(out, View{Domain: g.Domain, State: "primary"})
			v = &out[len(out)-1]
			v.Site, v.Epoch = t.Delegate(g.Domain)
		}
		if g.Active {
			st, _ := t.Store(g.Store)
			v.State, v.Store, v.Name = "delegated", g.Store, st.Name
		}
		if g.Closing {
			v.State, v.Next = "changing", "the primary"
			if st, ok := t.Store(g.Next); ok {
				v.Next = st.Name
			}
		}
	}
	return out
}
