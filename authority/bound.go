package authority

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// Bound reports whether this is done to the subject by whatever site the store is
// active on, or by this site because the store is: it changes hands when the store
// does. It is found out by asking who would do it if the store were nowhere, so it
// holds for every rule of ownership, and for every departure from one. What the site may
// do by a departure that no store is asked for, such as what the centre offers in the
// name of a store, is bound by none.
func Bound(t *topology.Topology, site atoll.SiteID, verb atoll.Verb, s Subject, store atoll.ID) bool {
	const nobody = atoll.SiteID(0)
	now, err := writer(t, verb, s, nobody)
	if err != nil {
		return false
	}
	without := t.Supposing(store, nobody)
	if _, still := Exception(without, site, verb, s); still {
		return false
	}
	then, err := writer(without, verb, s, nobody)
	if err != nil || now.Site != then.Site {
		return true
	}
	if now.Site == site {
		return false // with the store or without it
	}
	_, may := Exception(t, site, verb, s)
	return may
}

// Holds reports whether the subject is in the site's own hand: it is the owner, and
// no move of a store has the subject on its way. A subject whose owner cannot be told
// here is not in this site's.
func Holds(t *topology.Topology, s Subject, site atoll.SiteID) bool {
	if owner, err := OwnerOf(t, s, site); err != nil || owner.Site != site {
		return false
	}
	for _, m := range t.Moves() {
		if Bound(t, site, atoll.Update, s, m.Store) {
			// While its store moves it is in nobody's hand: the store may have been
			// elsewhere, and have come back, before this site heard that it left.
			return false
		}
	}
	return true
}
