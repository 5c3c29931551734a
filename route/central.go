package route

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/topology"
)

// central data goes to every site (R-B-71).
func central(out []atoll.Audience) []atoll.Audience { return append(out, atoll.All) }

// name data goes where the name is visible (T-39).
func name(out []atoll.Audience, name atoll.ID) []atoll.Audience {
	if name == "" {
		return out
	}
	return append(out, atoll.NameAudience(name))
}

// also adds what a named exception adds, if the preference it hangs on is set.
func also(out []atoll.Audience, t *topology.Topology, e catalogue.Exception, f atoll.Fields) []atoll.Audience {
	switch e.Name {
	case catalogue.PrescriptionsEverywhere:
		if t.Prefers(e.Name) && f.Has("patient_id") { // R-B-95
			out = append(out, atoll.PatientAudience(f.ID("patient_id")))
		}
	case catalogue.CentralProcurement, catalogue.CentralPayments:
		if t.Prefers(e.Name) && t.Mirrored() { // R-B-52: the primary follows its orders
			out = append(out, atoll.SiteAudience(t.Primary()))
		}
	}
	return out
}
