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
	case catalogue.HomeSites:
		for _, field := range []string{"from_store_id", "to_store_id"} {
			if f.Has(field) {
				out = append(out, atoll.ToAudience(f.ID(field))) // R-G-42
			}
		}
	case catalogue.CentralProcurement, catalogue.CentralPayments:
		// An order's owner has it, and with the preference on the primary follows what
		// becomes of its orders (R-B-52).
		store, _ := t.Store(f.ID("store_id"))
		if t.Mirrored() && (f.Int("owning_site") == int64(t.Primary()) || t.PrefersAt(e.Name, store.Site)) {
			out = append(out, atoll.SiteAudience(t.Primary()))
		}
	case catalogue.OrderingSite:
		if site := atoll.SiteID(f.Int("ordering_site")); site > 0 && site != t.Centre() { // R-D-72
			out = append(out, atoll.SiteAudience(site))
		}
	}
	return out
}
