package topology

import (
	"cmp"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
)

// SyncType is the type of a store's instance on one site (R-C-01).
type SyncType string

// The sync types.
const (
	None      SyncType = "none"
	Active    SyncType = "active"
	Collector SyncType = "collector"
	Transfer  SyncType = "transfer"
)

// SyncWith is a value of the sync-with table (T-25).
type SyncWith string

// The sync-with values.
const (
	WithNone     SyncWith = "none"
	WithActive   SyncWith = "active/collector"
	WithTransfer SyncWith = "transfer"
)

// Instance is one store on one site (T-10).
type Instance struct {
	Store atoll.ID
	Site  atoll.SiteID
	Type  SyncType
	// RecordOnly instances exist because the centre and the primary know every
	// store: the core store record and nothing else (R-C-26).
	RecordOnly bool
}

// Instance derives the type of the store on the site (R-C-11).
func (t *Topology) Instance(store atoll.ID, site atoll.SiteID) Instance {
	in := Instance{Store: store, Site: site, Type: None}
	s, ok := t.stores[store]
	if !ok {
		return in
	}
	switch {
	case s.Site == site:
		in.Type = Active
	case site == t.centre && !s.ManagedOnly:
		in.Type = Collector
	case t.seenOn(store, site):
		in.Type = Transfer
		if t.collectors[store][site] {
			in.Type = Collector
		}
	case site == t.centre, site == t.primary:
		in.Type, in.RecordOnly = Transfer, true
	}
	return in
}

// seenOn reports whether a store active on the site sees the store.
func (t *Topology) seenOn(store atoll.ID, site atoll.SiteID) bool {
	for other := range t.visible[store] {
		if t.stores[other].Site == site {
			return true
		}
	}
	return false
}

// Instances returns the instances on the site, other than None, sorted by store.
// Its cost is that of the stores the site knows, not of all stores, except on
// the centre and the primary.
func (t *Topology) Instances(site atoll.SiteID) []Instance {
	known := map[atoll.ID]bool{}
	if site == t.centre || site == t.primary {
		for id := range t.stores {
			known[id] = true
		}
	} else {
		for _, y := range t.active[site] {
			known[y] = true
			for x := range t.visible[y] {
				known[x] = true
			}
		}
	}
	var out []Instance
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if in := t.Instance(id, site); in.Type != None {
			out = append(out, in)
		}
	}
	return out
}

// SyncWith is the value in the store's sync-with table on site at for the linked
// site: whatever the type of the store is there (R-C-03).
func (t *Topology) SyncWith(store atoll.ID, linked atoll.SiteID) SyncWith {
	switch t.Instance(store, linked).Type {
	case Active, Collector:
		return WithActive
	case Transfer:
		return WithTransfer
	case None:
	}
	return WithNone
}

// Link is one row of a sync-with table.
type Link struct {
	Site  atoll.SiteID `json:"site"`
	Name  string       `json:"name"` // the link's credential: the remote site's own name (R-C-04)
	Value SyncWith     `json:"value"`
	Local bool         `json:"local"` // the store's Sync ID is this site (T-24)
}

// Links returns the store's sync-with table as site at shows it: the centre
// lists every remote site, a remote site only the centre, under its own name
// (R-C-04).
func (t *Topology) Links(store atoll.ID, at atoll.SiteID) []Link {
	if at != t.centre {
		if t.Instance(store, at).Type == None {
			return nil
		}
		return []Link{{t.centre, t.sites[at].Name, t.SyncWith(store, t.centre), t.stores[store].Site == t.centre}}
	}
	var out []Link
	for _, s := range t.Sites() {
		if s.ID != t.centre {
			out = append(out, Link{s.ID, s.Name, t.SyncWith(store, s.ID), t.stores[store].Site == s.ID})
		}
	}
	return out
}

// Subscription returns the audiences the site is entitled to, sorted: the pure
// consequence of its instances. The centre, which has everything, has none.
func (t *Topology) Subscription(site atoll.SiteID) []atoll.Audience {
	if site == t.centre {
		return nil
	}
	out := []atoll.Audience{atoll.All, atoll.SiteAudience(site)}
	for _, in := range t.Instances(site) {
		out = append(out, atoll.CoreAudience(in.Store))
		if in.Type == Active || in.Type == Collector {
			out = append(out, atoll.StoreAudience(in.Store))
		}
		if in.Type == Active {
			out = append(out, atoll.ToAudience(in.Store))
		}
	}
	for _, id := range t.jobs[site] {
		out = append(out, atoll.JobAudience(id)) // R-H-43
	}
	for _, id := range t.succeeded(site) {
		out = append(out, atoll.CoreAudience(id), atoll.ToAudience(id)) // R-D-48
	}
	dispensary := site == t.primary // which edits what only dispensaries use
	for _, id := range t.active[site] {
		dispensary = dispensary || t.stores[id].Dispensary // R-B-91
	}
	if dispensary {
		out = append(out, atoll.Dispensary)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Readers returns the sites, other than the centre, with an active or collector
// instance of one of the stores, sorted; of dispensaries only if asked. It
// resolves a narrow audience: where a name or a patient is visible (PVIS, NVIS).
func (t *Topology) Readers(stores []atoll.ID, dispensaries bool) []atoll.SiteID {
	found := map[atoll.SiteID]bool{}
	for _, id := range stores {
		s, ok := t.stores[id]
		if !ok || (dispensaries && !s.Dispensary) {
			continue
		}
		found[s.Site] = true
		for site := range t.collectors[id] {
			if t.Instance(id, site).Type == Collector {
				found[site] = true
			}
		}
	}
	delete(found, t.centre)
	return slices.Sorted(maps.Keys(found))
}

// Change is one instance that differs between two topologies.
type Change struct {
	Store atoll.ID     `json:"store"`
	Site  atoll.SiteID `json:"site"`
	From  SyncType     `json:"from"`
	To    SyncType     `json:"to"`
}

// Diff returns the instances that change from one topology to another: what an
// edit will start and stop (R-C-24). Sorted by site and store.
func Diff(before, after *Topology) []Change {
	sites := map[atoll.SiteID]bool{}
	for id := range before.sites {
		sites[id] = true
	}
	for id := range after.sites {
		sites[id] = true
	}
	var out []Change
	for _, site := range slices.Sorted(maps.Keys(sites)) {
		old := map[atoll.ID]SyncType{}
		for _, in := range before.Instances(site) {
			old[in.Store] = in.Type
		}
		for _, in := range after.Instances(site) {
			from, was := old[in.Store]
			if !was {
				from = None
			}
			delete(old, in.Store)
			if from != in.Type {
				out = append(out, Change{in.Store, site, from, in.Type})
			}
		}
		for _, store := range slices.Sorted(maps.Keys(old)) {
			out = append(out, Change{store, site, old[store], None})
		}
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Store, b.Store))
	})
	return out
}
