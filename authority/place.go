package authority

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// Place is a site in the words of its users: by number and name. Remote sites do
// not know each other's names, but they know stores; there, a site goes by a store
// that is active on it.
func Place(t *topology.Topology, id atoll.SiteID) string {
	number := "site " + id.String()
	if s, ok := t.Site(id); ok && s.Name != "" {
		return number + ", " + s.Name
	}
	if id == t.Centre() {
		return "the central server"
	}
	var names []string
	for _, store := range t.Active(id) {
		if s, ok := t.Store(store); ok && s.Name != "" {
			names = append(names, s.Name)
		}
	}
	switch slices.Sort(names); len(names) {
	case 0:
		return number
	case 1:
		return number + ", the site of " + names[0]
	default:
		return number + ", the site of " + names[0] + " and others"
	}
}
