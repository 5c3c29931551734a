package demo

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// fixtureScenarios show that the configuration is the one of the worked example.
var fixtureScenarios = []scenario{
	{id: "R-C-30", title: "The configuration follows from visibility", run: derived},
	{id: "R-C-31", title: "The primary has every store's record", mirrored: true, run: derivedMirrored},
}

// instances are the types of the stores' instances, as the worked example has
// them: at the centre, at site 2, at site 3.
var instances = map[string][3]topology.SyncType{
	"A": {topology.Active, topology.Collector, topology.None},
	"B": {topology.Collector, topology.Active, topology.Transfer},
	"C": {topology.Collector, topology.Transfer, topology.Active},
	"D": {topology.Collector, topology.None, topology.Active},
	"E": {topology.Active, topology.None, topology.None},
	"F": {topology.Transfer, topology.Active, topology.None},
}

func derived(s *stage) {
	s.say("Centre", "Visible pairs: A-B, A-E, B-C, B-F, C-D. Chosen: A is collected on site 2, F is managed only.")
	for _, code := range []string{"A", "B", "C", "D", "E", "F"} {
		var got, want []string
		for i, id := range []atoll.SiteID{centreSite, firstSite, secondSite} {
			got = append(got, string(s.topology(centreSite).Instance(s.stores[code], id).Type))
			want = append(want, string(instances[code][i]))
			// A remote site derives the same from what it has.
			if own := s.topology(id).Instance(s.stores[code], id).Type; own != instances[code][i] {
				s.check(id, false, "%s is %s here (found: %s)", code, instances[code][i], own)
			}
		}
		s.same(centreSite, code+" at the centre, site 2, site 3", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	s.same(firstSite, "sites in its sync-with table of B (the centre alone)", len(s.topology(firstSite).Links(s.stores["B"], firstSite)), 1)
	s.same(centreSite, "sites in its sync-with table of B (all remote sites)", len(s.topology(centreSite).Links(s.stores["B"], centreSite)), len(s.sites))
}

func derivedMirrored(s *stage) {
	t := s.topology(centreSite)
	s.same(centreSite, "sync-with of P for site 4", t.SyncWith(s.stores["P"], primarySite), topology.WithActive)
	for _, code := range []string{"A", "B", "C", "D", "E", "F"} {
		s.same(centreSite, "sync-with of "+code+" for site 4", t.SyncWith(s.stores[code], primarySite), topology.WithTransfer)
	}
	s.same(centreSite, "the primary", t.Primary(), primarySite)
}
