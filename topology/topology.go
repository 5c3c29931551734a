// Package topology says who is where: sites, stores, instances, visibility,
// delegations, and what follows from them.
//
// What a person chose (where a store is active, a collector copy, "managed
// only", which stores see each other) is stored in records. What follows (the
// type of every instance, the sync-with values, the audiences a site subscribes
// to) is computed here, from values alone (R-C-11). A Topology never changes:
// build a new one from changed records.
package topology

import (
	"cmp"
	"encoding/json"
	"iter"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
)

// Types are the record types a topology is built from.
var Types = []atoll.Type{"system", "site", "store", "store_choice", "name_store_join", "delegation", "preference", "store_move", "job"}

// Shapes reports whether records of the type shape the topology.
func Shapes(t atoll.Type) bool { return slices.Contains(Types, t) }

// Kind is the type of a site (R-H-06).
type Kind string

// The kinds of site.
const (
	Central Kind = "central"
	Server  Kind = "server"
	Desktop Kind = "desktop"
	Mobile  Kind = "mobile"
	Open    Kind = "open"
	Mirror  Kind = "mirror"
)

// Site is one site (T-01).
type Site struct {
	ID       atoll.SiteID `json:"site"`
	Record   atoll.ID     `json:"id"`
	Name     string       `json:"name"`
	Kind     Kind         `json:"kind"`
	Disabled bool         `json:"disabled,omitempty"`
	// CentreAnswers says that its program cannot make responding halves: the centre
	// makes them for it, without a number (R-D-14).
	CentreAnswers bool `json:"centre_answers,omitempty"`
}

// Store is one store (T-09): where it is active and how it synchronises.
type Store struct {
	ID     atoll.ID `json:"id"`
	Code   string   `json:"code"`
	Name   string   `json:"name"`
	NameID atoll.ID `json:"name_id"`
	// Site is where the store is active: its Sync ID (T-22). One field, so that two
	// active instances cannot exist (R-A-05).
	Site atoll.SiteID `json:"site"`
	// Epoch counts the changes of Site (T-67).
	Epoch      uint64 `json:"epoch"`
	Dispensary bool   `json:"dispensary,omitempty"`
	Disabled   bool   `json:"disabled,omitempty"`
	// Successor takes over what is on its way to the store once it is disabled
	// (R-D-48).
	Successor atoll.ID `json:"successor_id,omitempty"`
	// Excluded stores keep their stock-affecting data at their site (R-B-92).
	Excluded bool `json:"excluded,omitempty"`
	// StayedOnce stores do, or once did: what others have of their stock need not
	// follow from what they have of their documents.
	StayedOnce bool `json:"stayed_once,omitempty"`
	// ManagedOnly stores keep all their data at their site (T-13 at the centre).
	ManagedOnly bool `json:"managed_only,omitempty"`
}

// Delegation is the right of one store's site to edit a domain of central data.
type Delegation struct {
	Domain string
	Store  atoll.ID
	Epoch  uint64
	Active bool
	// Closing says that the right is about to go to Next, or back to the primary if
	// that is "": its holder edits no more (R-F-10).
	Closing bool
	Next    atoll.ID
	// Closings counts how often it was closed.
	Closings uint64
}

// Topology is the configuration of a system at one moment.
type Topology struct {
	centre, primary atoll.SiteID
	primaryEpoch    uint64       // counts the changes of the primary
	nextPrimary     atoll.SiteID // while the primary is changing, who it will be; 0 otherwise
	sites           map[atoll.SiteID]Site
	stores          map[atoll.ID]Store
	listed          []Site                         // the sites, the centre first
	coded           []atoll.ID                     // the stores, by code
	byName          map[atoll.ID]atoll.ID          // name → store
	retired         []atoll.ID                     // disabled stores with a successor
	active          map[atoll.SiteID][]atoll.ID    // site → stores active there, sorted
	visible         map[atoll.ID]map[atoll.ID]bool // store → stores visible to it
	former          map[atoll.ID]map[atoll.ID]bool // pairs that were visible once
	collectors      map[atoll.ID]map[atoll.SiteID]bool
	delegations     map[string]Delegation
	preferences     map[string]json.RawMessage
	moves           map[atoll.ID]Move           // store → its move under way
	jobs            map[atoll.SiteID][]atoll.ID // site → jobs that send it something, sorted
}

// Build makes a topology from records of [Types]; others are passed over, as are
// deleted and hidden ones, but for the pairs of stores that once saw each other.
// It fails with atoll.Invalid on a record it cannot read.
func Build(records iter.Seq2[atoll.Record, error]) (*Topology, error) {
	t := &Topology{
		centre: atoll.CentreID, primary: atoll.CentreID,
		sites: map[atoll.SiteID]Site{}, stores: map[atoll.ID]Store{}, byName: map[atoll.ID]atoll.ID{},
		active: map[atoll.SiteID][]atoll.ID{}, visible: map[atoll.ID]map[atoll.ID]bool{},
		former: map[atoll.ID]map[atoll.ID]bool{}, collectors: map[atoll.ID]map[atoll.SiteID]bool{},
		delegations: map[string]Delegation{}, preferences: map[string]json.RawMessage{},
		moves: map[atoll.ID]Move{}, jobs: map[atoll.SiteID][]atoll.ID{},
	}
	type join struct {
		name, partner, store atoll.ID
		former               bool
	}
	var joins []join
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		if !Shapes(r.Type) || ((r.Deleted || r.Hidden) && r.Type != "name_store_join") {
			continue
		}
		f, err := r.Fields()
		if err != nil {
			return nil, err
		}
		switch r.Type {
		case "system":
			t.centre = atoll.SiteID(max(f.Int("centre"), 1))
			t.primary = atoll.SiteID(max(f.Int("primary"), 1))
			t.primaryEpoch = uint64(f.Int("epoch"))
		case "site":
			id := atoll.SiteID(f.Int("number"))
			t.sites[id] = Site{ID: id, Record: r.ID, Name: f.Text("name"), Kind: Kind(f.Text("type")), Disabled: f.Bool("disabled", false), CentreAnswers: f.Bool("centre_answers", false)}
		case "store":
			t.stores[r.ID] = StoreFrom(r.ID, f)
		case "store_choice":
			if f.Text("choice") == "collector" {
				set(t.collectors, f.ID("store_id"), atoll.SiteID(f.Int("site_id")))
			}
		case "name_store_join":
			joins = append(joins, join{
				f.ID("name_id"), f.ID("partner_store_id"), f.ID("store_id"), r.Deleted || r.Hidden || f.Bool("inactive", false),
			})
		case "delegation":
			d := Delegation{
				f.Text("domain"), f.ID("store_id"), uint64(f.Int("epoch")), f.Bool("active", false),
				f.Bool("closing", false), f.ID("next_store_id"), uint64(f.Int("closings")),
			}
			if old, ok := t.delegations[d.Domain]; !ok || old.Epoch < d.Epoch {
				t.delegations[d.Domain] = d
			}
		case "preference":
			t.preferences[f.Text("key")] = f["value"]
		case "store_move":
			if m := MoveFrom(r.ID, f); m.Step.Open() {
				t.moves[m.Store] = m
			}
		case "job":
			switch kind, step := f.Text("kind"), f.Text("step"); {
			case kind == "resync" && step == "sending":
				site := atoll.SiteID(f.Int("site_id"))
				t.jobs[site] = append(t.jobs[site], r.ID)
			case kind == "primary" && step == "closing":
				t.nextPrimary = atoll.SiteID(f.Int("to_site"))
			}
		}
	}
	for id, s := range t.stores {
		t.active[s.Site] = append(t.active[s.Site], id)
		if s.NameID != "" {
			t.byName[s.NameID] = id
		}
		if s.Disabled && s.Successor != "" {
			t.retired = append(t.retired, id)
		}
	}
	for _, ids := range t.active {
		slices.Sort(ids)
	}
	for _, j := range joins {
		other := j.partner
		if other == "" {
			other = t.byName[j.name]
		}
		if other == "" || j.store == "" || other == j.store {
			continue // a plain name, or a store that would see itself (R-C-16)
		}
		pairs := t.visible
		if j.former {
			pairs = t.former
		}
		set(pairs, j.store, other) // symmetric, whichever row is there (R-A-07)
		set(pairs, other, j.store)
	}
	t.order()
	return t, nil
}

// order puts sites and stores in the order in which they are listed: tens of thousands,
// which many ask for.
func (t *Topology) order() {
	t.listed = slices.SortedFunc(maps.Values(t.sites), func(a, b Site) int {
		if (a.ID == t.centre) != (b.ID == t.centre) {
			if a.ID == t.centre {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	type coded struct {
		code string
		id   atoll.ID
	}
	all := make([]coded, 0, len(t.stores))
	for id, s := range t.stores {
		all = append(all, coded{s.Code, id})
	}
	slices.SortFunc(all, func(a, b coded) int { return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.id, b.id)) })
	t.coded = make([]atoll.ID, len(all))
	for i, s := range all {
		t.coded[i] = s.id
	}
}

// StoreFrom reads a store from the fields of its record.
func StoreFrom(id atoll.ID, f atoll.Fields) Store {
	s := Store{
		ID: id, Code: f.Text("code"), Name: f.Text("name"), NameID: f.ID("name_id"),
		Site: atoll.SiteID(f.Int("site_id")), Epoch: uint64(f.Int("epoch")),
		Dispensary: f.Text("mode") == "dispensary", Disabled: f.Bool("disabled", false),
		ManagedOnly: f.Bool("managed_only", false), Successor: f.ID("successor_id"),
	}
	// R-B-94: on unless switched off, and meaningful for dispensaries only (T-30).
	s.Excluded = s.Dispensary && !f.Bool("include_transactions", true)
	s.StayedOnce = s.Excluded || f.Has("excluded_at")
	if s.Site == 0 {
		s.Site = atoll.CentreID // R-C-23
	}
	if s.NameID == "" {
		s.NameID = StoreNameID(id)
	}
	return s
}

// JoinID is the identity of the row that makes a store visible in another. Both
// rows of a pair have ids that follow from the pair, so that making it twice is
// making it once.
func JoinID(in, partner atoll.ID) atoll.ID {
	return atoll.DeriveID("visible store", string(in), string(partner))
}

// FreeJoinID is JoinID, or the next id in a row of its own when that one is taken
// by a row that was deleted: a deleted record never comes back.
func FreeJoinID(in, partner atoll.ID, taken func(atoll.ID) (bool, error)) (atoll.ID, error) {
	for id := JoinID(in, partner); ; id = atoll.DeriveID("visible store again", string(id)) {
		if is, err := taken(id); err != nil || !is {
			return id, err
		}
	}
}

// StoreNameID is the identity of the name that the primary makes for a store
// that came without one: a store is also a name (T-09), and names are the
// primary's while stores are the centre's (R-C-22).
func StoreNameID(store atoll.ID) atoll.ID { return atoll.DeriveID("name of store", string(store)) }

func set[K, V comparable](m map[K]map[V]bool, k K, v V) {
	if m[k] == nil {
		m[k] = map[V]bool{}
	}
	m[k][v] = true
}

// Centre returns the site that is the central server.
func (t *Topology) Centre() atoll.SiteID { return t.centre }

// Primary returns the site that edits central data (T-03).
func (t *Topology) Primary() atoll.SiteID { return t.primary }

// Mirrored reports whether primary and centre are two sites (T-06).
func (t *Topology) Mirrored() bool { return t.primary != t.centre }

// Site returns a site by its Sync ID.
func (t *Topology) Site(id atoll.SiteID) (Site, bool) { s, ok := t.sites[id]; return s, ok }

// Sites returns all sites, the centre first.
func (t *Topology) Sites() []Site { return slices.Clone(t.listed) }

// Store returns a store by its id.
func (t *Topology) Store(id atoll.ID) (Store, bool) { s, ok := t.stores[id]; return s, ok }

// StoreOfName returns the store that the name is, if it is one.
func (t *Topology) StoreOfName(name atoll.ID) (Store, bool) { return t.Store(t.byName[name]) }

// Stores returns all stores, by code.
func (t *Topology) Stores() []Store {
	out := make([]Store, len(t.coded))
	for i, id := range t.coded {
		out[i] = t.stores[id]
	}
	return out
}

// Active returns the stores that are active on the site, sorted by id.
func (t *Topology) Active(site atoll.SiteID) []atoll.ID { return t.active[site] }

// Visible reports whether the two stores may trade (R-A-07).
func (t *Topology) Visible(a, b atoll.ID) bool { return t.visible[a][b] }

// WereVisible reports whether the two stores may trade, or once might: what was
// begun then is completed (R-D-47).
func (t *Topology) WereVisible(a, b atoll.ID) bool { return t.visible[a][b] || t.former[a][b] }

// VisibleTo returns the stores visible to the store, sorted by id.
func (t *Topology) VisibleTo(store atoll.ID) []atoll.ID {
	return slices.Sorted(maps.Keys(t.visible[store]))
}

// Delegate returns who may edit a domain of central data: the primary, or the
// site where the delegated store is active (R-F-03). The epoch rises with each
// grant and withdrawal, with each move of the delegated store, and with each
// change of the primary. Domain "" stands for what is not delegated by itself.
func (t *Topology) Delegate(domain string) (atoll.SiteID, uint64) {
	site, epoch := t.primary, t.primaryEpoch
	for _, d := range slices.Compact([]string{"all", domain}) {
		g, ok := t.delegations[d]
		if !ok {
			continue
		}
		epoch += g.Epoch
		if s, there := t.stores[g.Store]; there && g.Active {
			site = s.Site
			epoch += s.Epoch
		}
	}
	return site, epoch
}

// Delegation returns what is recorded about the right to edit the domain.
func (t *Topology) Delegation(domain string) (Delegation, bool) {
	g, ok := t.delegations[domain]
	return g, ok
}

// Delegations returns every recorded right, by domain.
func (t *Topology) Delegations() []Delegation {
	return slices.SortedFunc(maps.Values(t.delegations), func(a, b Delegation) int { return cmp.Compare(a.Domain, b.Domain) })
}

// Preference returns the value of a synchronised preference, nil if unset.
func (t *Topology) Preference(key string) json.RawMessage { return t.preferences[key] }

// Prefers reports whether a synchronised preference is true.
func (t *Topology) Prefers(key string) bool { return string(t.preferences[key]) == "true" }

// PrefersAt is Prefers for the stores of one site: a preference may be on with
// exceptions, {"on": true, "except": [2, 3]}, for sites that keep to their own
// ways (R-B-100).
func (t *Topology) PrefersAt(key string, site atoll.SiteID) bool {
	if t.Prefers(key) {
		return true
	}
	var v struct {
		On     bool           `json:"on"`
		Except []atoll.SiteID `json:"except"`
	}
	return json.Unmarshal(t.preferences[key], &v) == nil && v.On && !slices.Contains(v.Except, site)
}
