package topology

import (
	"slices"

	"github.com/atollsync/atoll"
)

// Heir returns the store that receives what is addressed to the store: the store
// itself, or, when it was disabled with a successor, the one that took over from
// it, through any number of them (R-D-48). It is not ok when nobody receives it.
func (t *Topology) Heir(store atoll.ID) (Store, bool) {
	seen := map[atoll.ID]bool{}
	for !seen[store] {
		seen[store] = true
		s, ok := t.stores[store]
		switch {
		case !ok:
			return Store{}, false
		case !s.Disabled:
			return s, true
		case s.Successor == "":
			return s, false
		}
		store = s.Successor
	}
	return Store{}, false // they took over from each other
}

// succeeded returns the disabled stores whose place a store on the site took,
// sorted: what is addressed to them goes there.
func (t *Topology) succeeded(site atoll.SiteID) (out []atoll.ID) {
	for _, id := range t.retired {
		if heir, ok := t.Heir(id); ok && heir.Site == site {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Predecessors returns the disabled stores whose place the store took, sorted.
func (t *Topology) Predecessors(store atoll.ID) (out []atoll.ID) {
	for _, id := range t.retired {
		if heir, ok := t.Heir(id); ok && heir.ID == store {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
