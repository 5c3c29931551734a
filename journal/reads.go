package journal

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Reads reports whether the site is a member of the narrow audience now: whether
// the name, patient or prescriber is visible in one of its stores.
func Reads(r storage.Reader, t *topology.Topology, a atoll.Audience, site atoll.SiteID) (bool, error) {
	sites, err := members(r, t, a)
	return slices.Contains(sites, site), err
}
