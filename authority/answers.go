package authority

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// standsIn reports whether the centre makes the record in the place of a site whose
// program cannot: a responding half, or a line of one, in a store that is active
// there (R-D-14). Only making it; afterwards it is the site's like any other.
func standsIn(t *topology.Topology, site atoll.SiteID, verb atoll.Verb, s Subject) (Owner, bool) {
	if verb != atoll.Insert || site != t.Centre() || s.Def.Partner == "" {
		return Owner{}, false
	}
	answers := s.Fields.Has("originating_id") || s.Fields.Has("purchase_order_id") || s.Fields.Has("purchase_order_line_id")
	st, ok := t.Store(s.Fields.ID(s.Def.Scope))
	if at, known := t.Site(st.Site); !ok || !known || !answers || !at.CentreAnswers {
		return Owner{}, false
	}
	return Owner{Site: site, Epoch: st.Epoch, Why: "it makes responding halves for a site that cannot"}, true
}
