package authority

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// Bound reports whether this is done to the subject by whatever site the store is
// active on: it changes hands when the store does. It is found out by asking who would
// do it if the store were nowhere, so it holds for every rule of ownership.
func Bound(t *topology.Topology, verb atoll.Verb, s Subject, store atoll.ID) bool {
	const nobody = atoll.SiteID(0)
	now, err := writer(t, verb, s, nobody)
	if err != nil {
		return false
	}
	then, err := writer(t.Supposing(store, nobody), verb, s, nobody)
	return err != nil || now.Site != then.Site
}

// Holds reports whether the subject is in the site's own hand: it is the owner, and
// no move of a store has the subject on its way. A subject whose owner cannot be told
// here is not in this site's.
func Holds(t *topology.Topology, s Subject, site atoll.SiteID) bool {
	if owner, err := OwnerOf(t, s, site); err != nil || owner.Site != site {
		return false
	}
	for _, m := range t.Moves() {
		if Bound(t, atoll.Update, s, m.Store) {
			// While its store moves it is in nobody's hand: the store may have been
			// elsewhere, and have come back, before this site heard that it left.
			return false
		}
	}
	return true
}
