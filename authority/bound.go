package authority

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// Bound reports whether the subject is edited by whatever site the store is active
// on: it changes hands when the store does. It is found out by asking who would
// edit it if the store were nowhere, so it holds for every rule of ownership.
func Bound(t *topology.Topology, s Subject, store atoll.ID) bool {
	const nobody = atoll.SiteID(0)
	now, err := OwnerOf(t, s, nobody)
	if err != nil {
		return false
	}
	then, err := OwnerOf(t.Supposing(store, nobody), s, nobody)
	return err != nil || now.Site != then.Site
}
