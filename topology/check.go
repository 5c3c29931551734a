package topology

import (
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// CheckActivate says whether the store may be made active on the site outside
// the move procedure: from the centre to a site that may take it (R-C-10,
// R-C-17, R-C-23, R-H-04). Errors carry atoll.Rule.
func (t *Topology) CheckActivate(store atoll.ID, site atoll.SiteID) error {
	s, ok := t.stores[store]
	if !ok {
		return atoll.Errorf(atoll.NotFound, "there is no store %s", store)
	}
	to, ok := t.sites[site]
	if !ok {
		return atoll.Errorf(atoll.NotFound, "there is no site %d", site).Do("list the sites with: atoll site list")
	}
	if s.Site == site {
		return nil
	}
	if s.Site != t.centre {
		return atoll.Errorf(atoll.Rule, "store %s is active on site %d; a second active instance is impossible", s.Name, s.Site).
			Do("move the store with a move job, which freezes and drains it first").Because("active.elsewhere", "store", s.Name, "site", s.Site)
	}
	if to.Kind == Mobile && len(t.active[site]) > 0 {
		return atoll.Errorf(atoll.Rule, "site %d is mobile and already has store %s; a mobile site has one store", site, t.stores[t.active[site][0]].Name).
			Do("create another site for this store").Because("mobile.one", "site", site, "store", t.stores[t.active[site][0]].Name)
	}
	return nil
}

// CheckKind says whether the site may become of the kind (R-A-01, R-C-112).
func (t *Topology) CheckKind(site atoll.SiteID, kind Kind) error {
	if (kind == Central) != (site == t.centre) {
		return atoll.Errorf(atoll.Rule, "site %d is the central server, and the only one", t.centre).Because("centre.one")
	}
	if kind == Mobile && len(t.active[site]) > 1 {
		var names []string
		for _, id := range t.active[site] {
			names = append(names, t.stores[id].Name)
		}
		return atoll.Errorf(atoll.Rule, "site %d has %d stores (%s); a mobile site has one", site, len(names), strings.Join(names, ", ")).
			Do("move the other stores first").Because("mobile.many", "site", site, "stores", strings.Join(names, ", "))
	}
	return nil
}

// CheckCollector says whether a collector copy of the store may be kept on the
// site (R-C-14, R-C-111).
func (t *Topology) CheckCollector(store atoll.ID, site atoll.SiteID) error {
	s, ok := t.stores[store]
	if !ok {
		return atoll.Errorf(atoll.NotFound, "there is no store %s", store)
	}
	if _, ok := t.sites[site]; !ok {
		return atoll.Errorf(atoll.NotFound, "there is no site %d", site)
	}
	if s.Site == site {
		return atoll.Errorf(atoll.Rule, "store %s is active on site %d", s.Name, site).Because("collector.active", "store", s.Name, "site", site)
	}
	if site == t.centre || t.seenOn(store, site) {
		return nil
	}
	var names []string
	for _, id := range t.active[site] {
		names = append(names, t.stores[id].Name)
	}
	if len(names) == 0 {
		return atoll.Errorf(atoll.Rule, "site %d has no active store, so none can see %s", site, s.Name).
			Because("collector.empty", "site", site, "store", s.Name)
	}
	return atoll.Errorf(atoll.Rule, "store %s is not visible to any store active on site %d", s.Name, site).
		Do("make it visible to one of: %s", strings.Join(names, ", ")).Because("collector.unseen", "store", s.Name, "site", site)
}

// CheckVisible says whether the two stores may be made visible to each other.
func (t *Topology) CheckVisible(a, b atoll.ID) error {
	if a == b {
		return atoll.Errorf(atoll.Rule, "a store cannot be visible to itself").Because("visible.self")
	}
	for _, id := range []atoll.ID{a, b} {
		if _, ok := t.stores[id]; !ok {
			return atoll.Errorf(atoll.NotFound, "there is no store %s", id)
		}
	}
	return nil
}

// guarded are the fields that only acts of configuration change: they decide who
// is where, and each act checks what must be checked first. A store's are those
// of its Synchronisation tab, and whether it is open.
var guarded = map[atoll.Type][]string{
	"store":        {"site_id", "epoch", "managed_only", "include_transactions", "excluded_at", "disabled"},
	"store_choice": {"store_id", "site_id", "choice"},
	"site":         {"number", "type"},
	"system":       {"centre", "primary", "epoch"},
	"delegation":   {"store_id", "epoch", "active", "closing", "closings", "next_store_id"},
	"store_move":   {"store_id", "from_site", "to_site", "step", "attempt", "keep_copy", "epoch", "forced", "signed_by"},
	"job":          {"kind", "site_id", "store_id", "selection", "step", "question"},
}

// Guarded returns the names of the changed fields that an ordinary edit may not
// change (R-C-07, R-C-110, R-C-118, R-C-119), sorted.
func Guarded(kind atoll.Type, changed atoll.Fields) (names []string) {
	for _, name := range guarded[kind] {
		if _, ok := changed[name]; ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Supposing returns the topology as it would be with the store active on the
// site: what a screen shows before anything is decided (R-C-08, R-C-114).
// Nothing is checked, and nothing changes.
func (t *Topology) Supposing(store atoll.ID, site atoll.SiteID) *Topology {
	s, ok := t.stores[store]
	if !ok {
		return t
	}
	out := *t
	out.stores, out.active = maps.Clone(t.stores), maps.Clone(t.active)
	out.active[s.Site] = slices.DeleteFunc(slices.Clone(t.active[s.Site]), func(id atoll.ID) bool { return id == store })
	s.Site = site
	out.stores[store] = s
	out.active[site] = append(slices.Clone(t.active[site]), store)
	slices.Sort(out.active[site])
	return &out
}
