package admit

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/topology"
)

// ownership asks whether the site may do this now, under the epoch it believed
// in. A change of the fields that decide (the store, the home store) must be
// allowed before and after it.
func ownership(t *topology.Topology, w World, site atoll.SiteID, c Change) error {
	for i, fields := range []atoll.Fields{c.Old, c.New} {
		if fields == nil {
			continue
		}
		s, err := SubjectOf(w, c.Def, c.Op.Key, fields)
		if err != nil {
			return err
		}
		s.Moves = authority.MovesHome(c.Def, c.Op.Fields)
		owner, err := authority.MayWrite(t, site, c.Op.Verb, s)
		if err != nil {
			return err
		}
		// A change of owner is made under the epoch of the new one.
		if owner.Epoch != c.Op.Epoch && (c.Op.Verb != atoll.Update || i == 1 || sameOwner(c)) {
			// What any site may do, it may have done before it became the owner.
			if by, ok := authority.Exception(t, site, c.Op.Verb, s); ok && by.Epoch == c.Op.Epoch {
				return nil
			}
			return atoll.Errorf(atoll.OldEpoch, "written under ownership epoch %d; it is %d now", c.Op.Epoch, owner.Epoch).
				Do("ownership has moved since; a person decides whether the change still stands")
		}
		if c.Op.Verb == atoll.Update && sameOwner(c) {
			return nil
		}
	}
	return nil
}

// sameOwner reports whether the fields that decide about the owner are the same
// before and after.
func sameOwner(c Change) bool {
	for _, name := range []string{c.Def.Scope, c.Def.Home, "store_id", "site_id", "owning_site", "epoch", "home_epoch"} {
		if name == "" {
			continue
		}
		if _, changed := c.Op.Fields[name]; changed {
			return false
		}
	}
	return true
}

// SubjectOf makes the authority's question about a record, reading the home store
// of the patient or prescriber it hangs on.
func SubjectOf(w World, def *catalogue.Def, key atoll.Key, f atoll.Fields) (authority.Subject, error) {
	s := authority.Subject{Def: def, Key: key, Fields: f}
	if def.Home != "" {
		s.Home, s.HomeEpoch = authority.HomeOf(def, f)
		return s, nil
	}
	if def.Class != catalogue.Patient || def.Editor == catalogue.ByActive || def.Scope == "" {
		return s, nil
	}
	field, ok := def.Field(def.Scope)
	if !ok || field.Kind != catalogue.Reference {
		return s, nil
	}
	r, there, err := w.Record(atoll.Key{Type: field.To, ID: f.ID(def.Scope)})
	if err != nil || !there {
		return s, err
	}
	person, err := r.Fields()
	if err != nil {
		return s, err
	}
	s.Home, s.HomeEpoch = person.ID("home_store_id"), uint64(person.Int("home_epoch"))
	return s, nil
}
