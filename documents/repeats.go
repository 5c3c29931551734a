package documents

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/topology"
)

// repeatAtHome lets a repeat be dispensed only on its patient's home site, unless
// a preference allows it wherever the patient is visible (R-B-97). It holds at the
// counter, by what is known there: what arrives from elsewhere was handed out,
// whatever the preference and the home are by now.
func repeatAtHome(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if !c.Here || c.Op.Type != "prescription" || c.New == nil || c.Op.Verb == atoll.Restate || t.Prefers(catalogue.RepeatsEverywhere) ||
		!c.New.Has("repeat_id") || c.Old.ID("repeat_id") == c.New.ID("repeat_id") {
		return nil
	}
	at, ok := t.Store(c.New.ID("store_id"))
	person, there, err := w.Record(atoll.Key{Type: "patient", ID: c.New.ID("patient_id")})
	if err != nil || !there || !ok {
		return err // the checks of references say what is missing
	}
	home := person.MustFields().ID("home_store_id")
	st, known := t.Store(home)
	if known && st.Site == at.Site {
		return nil
	}
	where := "site " + st.Site.String() + ", with " + st.Name
	if !known {
		where = "the site of store " + string(home)
	}
	return atoll.Errorf(atoll.Rule, "repeats of this patient are dispensed at home: %s", where).On("repeat_id").
		Do("send the patient there, or make a new prescription").Because("repeats.home", "place", where)
}
