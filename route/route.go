// Package route says where a record goes: from a record to its audiences, and
// whether it leaves its site at all. Pure functions of catalogue and topology,
// one file for each group of data classes.
//
// A new data class gets its file here, its case in Audiences, and its line in the
// golden tables of the tests.
package route

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/topology"
)

// Audiences returns the audiences of the record, sorted, each once. Where a
// record goes depends on its own fields and on preferences, never on the
// record's history, so that the answer can be given again at any time. An empty
// answer means that only the centre has it.
func Audiences(t *topology.Topology, d *catalogue.Def, key atoll.Key, f atoll.Fields) []atoll.Audience {
	var out []atoll.Audience
	scope := f.ID(d.Scope)
	if d.Scope == "id" {
		scope = key.ID
	}
	switch d.Route {
	case catalogue.ToAll:
		out = central(out)
	case catalogue.ToDispensary:
		out = append(out, atoll.Dispensary)
	case catalogue.ToInstances:
		out = core(out, scope)
	case catalogue.ToStore:
		out = store(out, d, f, scope)
	case catalogue.ToActive:
		out = active(out, scope)
	case catalogue.ToName:
		out = name(out, scope)
	case catalogue.ToPatient:
		out = patient(out, scope)
	case catalogue.ToMessage:
		out = message(out, f)
	case catalogue.ToCentre:
		out = chosen(own(out, d, f), d, f)
	case catalogue.ToNobody:
	}
	for _, e := range d.Also {
		out = also(out, t, e, f)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Stays reports whether the record's data does not leave the site it is on: only
// its digest is pushed (R-B-76, R-B-92, R-C-90). It is asked when the change is
// made, and the answer is kept with it (R-B-80).
func Stays(t *topology.Topology, d *catalogue.Def, f atoll.Fields) bool {
	switch d.Class {
	case catalogue.Local:
		return true
	case catalogue.Store:
	case catalogue.Patient:
		if !d.Stock { // patients go up; what they were given follows the store
			return false
		}
	case catalogue.Central, catalogue.CentralStore, catalogue.Name, catalogue.Message, catalogue.Sync:
		return false
	}
	st, ok := t.Store(f.ID(storeField(d)))
	if !ok {
		return false
	}
	if by := atoll.SiteID(f.Int("owning_site")); by > 0 && by != st.Site {
		return false // an order entered centrally is not the store's data (R-D-70)
	}
	if st.ManagedOnly && st.Site != t.Centre() {
		return true
	}
	// Transfers go through the centre even from a store that excludes its
	// transactions.
	return st.Excluded && d.Stock && (d.Partner == "" || !f.Has(d.Partner))
}

func storeField(d *catalogue.Def) string {
	if d.Class == catalogue.Patient {
		return "store_id"
	}
	return d.Scope
}
