// Package authority says who may write what now: a pure function of catalogue
// and topology (rule 1 of the design). It is asked three times, with the same
// answer: at the edit, at the centre on push, and at a site on pull (R-A-04).
package authority

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/topology"
)

// Subject is a record whose owner is asked for.
type Subject struct {
	Def *catalogue.Def
	Key atoll.Key
	// Fields are those that decide: of the record as it stands, or of the new one
	// for an insert.
	Fields atoll.Fields
	// Home is the home store of the patient or prescriber the record belongs to,
	// for types edited at home; HomeEpoch is its epoch. The caller reads them from
	// the record in the type's Scope (see HomeOf).
	Home      atoll.ID
	HomeEpoch uint64
	// Moves says that the change moves the home store and does nothing else (see
	// MovesHome).
	Moves bool
}

// Owner is the one site that may write a record now.
type Owner struct {
	Site atoll.SiteID
	// Epoch counts the changes of ownership: a write under another epoch was made
	// under an ownership that has since moved.
	Epoch uint64
	// Why says in words what makes the site the owner.
	Why string
}

// HomeOf reads the home store and its epoch from a patient or prescriber.
func HomeOf(def *catalogue.Def, f atoll.Fields) (atoll.ID, uint64) {
	if def.Home == "" {
		return "", 0
	}
	return f.ID(def.Home), uint64(f.Int("home_epoch"))
}

// MovesHome reports whether the changed fields of a patient or prescriber move the
// home store and nothing else: the one change of them that is the centre's
// (R-G-40).
func MovesHome(def *catalogue.Def, changed atoll.Fields) bool {
	_, moves := changed[def.Home]
	_, raises := changed["home_epoch"]
	return def.Home != "" && moves && raises && len(changed) == 2
}

// Editor returns who edits the type in the system as it is.
func Editor(t *topology.Topology, d *catalogue.Def) catalogue.Editor {
	if t.Mirrored() && d.Mirrored != "" {
		return d.Mirrored
	}
	return d.Editor
}

// OwnerOf returns the owner of the subject. Local data, and a message that was
// not sent from a store, belong to whoever holds them: asker. It fails with
// atoll.Reference when the store or home store that decides is unknown here.
func OwnerOf(t *topology.Topology, s Subject, asker atoll.SiteID) (Owner, error) {
	if s.Def.Class == catalogue.Local {
		return Owner{Site: asker, Why: "local data belongs to the site it is on"}, nil
	}
	if e, ok := centralised(s.Def); ok {
		st, _ := t.Store(s.store())
		// R-D-74: an order keeps the owner it was entered under, whatever the
		// preference says later. Nobody else can claim one (R-B-101).
		owner := atoll.SiteID(s.Fields.Int("owning_site"))
		central := t.PrefersAt(e.Name, st.Site)
		switch {
		case central && (owner == 0 || owner == t.Primary()):
			return Owner{Site: t.Primary(), Why: e.Name + " is on: the primary enters them"}, nil
		case owner > 0 && (owner == t.Primary() || owner == t.Centre()):
			return Owner{Site: owner, Why: "it was entered there"}, nil
		}
	}
	switch Editor(t, s.Def) {
	case catalogue.ByCentre:
		return Owner{Site: t.Centre(), Why: "edited at the central server"}, nil
	case catalogue.ByPrimary:
		site, epoch := t.Delegate(s.Def.Area)
		if site != t.Primary() {
			return Owner{Site: site, Epoch: epoch, Why: "the right to edit " + s.Def.Area + " is delegated to it"}, nil
		}
		return Owner{Site: site, Epoch: epoch, Why: "central data is edited on the primary"}, nil
	case catalogue.ByActive:
		return ownerByStore(t, s.store(), 0, "the store is active there")
	case catalogue.ByHome:
		if s.Home == "" {
			return Owner{}, atoll.Errorf(atoll.Reference, "%s has no home store known here", s.Key).Because("reference.home")
		}
		return ownerByStore(t, s.Home, s.HomeEpoch, "it is the home site")
	case catalogue.ByAny:
	}
	if marked(s.Def) {
		// Who sends it never touches it again: from then on it has one owner, its reader.
		if to := s.Fields.ID("to_store_id"); to != "" {
			return ownerByStore(t, to, 0, "the message is addressed to it")
		}
		return Owner{Site: t.Centre(), Why: "the message is addressed to the centre"}, nil
	}
	if s.Def.Class == catalogue.Message {
		if from := s.Fields.ID("from_store_id"); from != "" {
			return ownerByStore(t, from, 0, "the message was sent from there")
		}
	}
	return Owner{Site: asker, Why: "any site may"}, nil
}

// marked reports whether records of the type are messages that their receiver marks
// as processed (R-B-78).
func marked(d *catalogue.Def) bool {
	_, status := d.Field("status")
	return d.Class == catalogue.Message && status
}

// writer is who may do this to the subject, exceptions aside: its owner, and of a
// message that does not exist yet whoever sends it.
func writer(t *topology.Topology, verb atoll.Verb, s Subject, asker atoll.SiteID) (Owner, error) {
	if marked(s.Def) && verb == atoll.Insert {
		return sender(t, s, asker)
	}
	return OwnerOf(t, s, asker)
}

// sender is who may make such a message: the site of the store that it comes from,
// any site if it comes from the system.
func sender(t *topology.Topology, s Subject, asker atoll.SiteID) (Owner, error) {
	if from := s.Fields.ID("from_store_id"); from != "" {
		return ownerByStore(t, from, 0, "the message is sent from there")
	}
	return Owner{Site: asker, Why: "any site may send one"}, nil
}

// StoresOwn is the owning site of an order that belongs to whatever site its store
// is active on.
const StoresOwn = -1

// EnteredBy returns the owning site to write into a new record of a type that may
// be entered centrally, so that it keeps its owner when the preference changes
// (R-B-80, R-D-74): the primary, or StoresOwn. Ok is false for other types.
func EnteredBy(t *topology.Topology, s Subject) (site atoll.SiteID, ok bool) {
	e, ok := centralised(s.Def)
	if _, has := s.Def.Field("owning_site"); !ok || !has {
		return 0, false
	}
	if st, _ := t.Store(s.store()); t.PrefersAt(e.Name, st.Site) {
		return t.Primary(), true
	}
	return StoresOwn, true
}

// centralised returns the exception by which a preference makes the primary enter
// records of the type.
func centralised(d *catalogue.Def) (catalogue.Exception, bool) {
	for _, e := range d.Also {
		if e.Editor != "" && (e.Name == catalogue.CentralProcurement || e.Name == catalogue.CentralPayments) {
			return e, true
		}
	}
	return catalogue.Exception{}, false
}

// store is the store that decides about the subject.
func (s Subject) store() atoll.ID {
	if s.Def.Scope == "id" {
		return s.Key.ID
	}
	if s.Def.Class == catalogue.Patient { // prescriptions: by store, about a patient
		return s.Fields.ID("store_id")
	}
	return s.Fields.ID(s.Def.Scope)
}

func ownerByStore(t *topology.Topology, store atoll.ID, epoch uint64, why string) (Owner, error) {
	st, ok := t.Store(store)
	if !ok {
		return Owner{}, atoll.Errorf(atoll.Reference, "store %s is not known here", store).Because("reference.unknown_store")
	}
	// Both counters only rise, so their sum changes whenever ownership does.
	return Owner{Site: st.Site, Epoch: epoch + st.Epoch, Why: why}, nil
}

// MayWrite says whether the site may do this to the subject, and under which
// epoch. The error carries atoll.Ownership and names the owner.
func MayWrite(t *topology.Topology, site atoll.SiteID, verb atoll.Verb, s Subject) (Owner, error) {
	if s.Moves && verb == atoll.Update && site == t.Centre() {
		return Owner{Site: site, Why: "the centre moves home stores"}, nil
	}
	owner, err := writer(t, verb, s, site)
	if err != nil {
		return owner, err
	}
	if owner.Site == site {
		return owner, nil
	}
	if by, ok := Exception(t, site, verb, s); ok {
		return by, nil
	}
	if by, ok := standsIn(t, site, verb, s); ok {
		return by, nil
	}
	return owner, atoll.Errorf(atoll.Ownership, "not editable here: it belongs to %s (%s)", Place(t, owner.Site), owner.Why).
		About(s.Key).Do("make the change there; it arrives here with the next synchronisation").Because("elsewhere", "site", owner.Site)
}

// Exception finds the departures of R-K-16 under which a site other than the
// owner may write, and the epoch under which it does.
func Exception(t *topology.Topology, site atoll.SiteID, verb atoll.Verb, s Subject) (Owner, bool) {
	for _, e := range s.Def.Also {
		switch e.Name {
		case catalogue.CreatedAtSites:
			// R-B-35, R-B-60: the site where the store is active, or the patient's home
			// is, creates; afterwards the centre controls it.
			store := s.Home
			if store == "" {
				store = s.Fields.ID("store_id")
			}
			if st, ok := t.Store(store); ok && verb == atoll.Insert && st.Site == site {
				return Owner{Site: site, Epoch: st.Epoch + s.HomeEpoch, Why: "sites create them"}, true
			}
		case catalogue.OfferedByCentre:
			if verb == atoll.Insert && site == t.Centre() { // R-G-44
				return Owner{Site: site, Why: "the centre offers what came too late"}, true
			}
		case catalogue.ProposalsByStores:
			if verb == atoll.Insert {
				return Owner{Site: site, Why: "any site may propose one"}, true
			}
		case catalogue.NamesOfStores:
			if verb == atoll.Insert && site == t.Primary() && s.Fields.Text("kind") == "store" && s.Fields.Has("store_id") {
				return Owner{Site: site, Why: "the primary makes the names of stores"}, true // R-C-22
			}
		}
	}
	return Owner{}, false
}
