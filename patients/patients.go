// Package patients is what is special about patients and prescribers: their home
// store and how it changes, where they are visible, what other sites may ask of
// their home, repeats that several places dispense, and looking people up.
//
// Laws are admit rules, in force at the edit and at the centre alike. Acts turn a
// wish into proposals for one transaction. What follows from what others did
// (a step of a transfer, a decision about a requested change) are kinds of
// package process. Nothing here writes.
package patients

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// The types of persons with a home store.
const (
	Patient    atoll.Type = "patient"
	Prescriber atoll.Type = "prescriber"
)

// Preferences of the system, besides those of the catalogue, and of a store.
const (
	// SharedDetails lets sites where a patient is visible ask for changes of her
	// details (R-G-10).
	SharedDetails = "shared_patient_details"
	// TransferWait is after how many days without an answer from the old home site
	// the centre may force a transfer (R-G-44).
	TransferWait = "home_transfer_wait_days"
	// DetailsKept is for how many days a site keeps the clinical details of patients
	// who are visible there no longer (R-G-12).
	DetailsKept = "patient_details_kept_days"
	// OwnPatientsOnly is the preference of a store in which the patients that other
	// stores of its site register are not visible (R-G-05).
	OwnPatientsOnly = "new_patients_visible_in_this_store_only"
)

// The defaults of the preferences in days.
const (
	defaultWait = 14
	defaultKept = 90
)

// kind is what a type of person is called in the other types.
type kind struct {
	person, join, transfer, change, decision atoll.Type
	field                                    string // with the person
	transferField, changeField               string
	word                                     string
}

var kinds = []kind{
	{Patient, "patient_store_join", "patient_transfer", "patient_change", "patient_change_decision", "patient_id", "patient_transfer_id", "patient_change_id", "patient"},
	{Prescriber, "prescriber_store_join", "prescriber_transfer", "prescriber_change", "prescriber_change_decision", "prescriber_id", "prescriber_transfer_id", "prescriber_change_id", "prescriber"},
}

// kindOf returns the kind of person that match says of.
func kindOf(match func(kind) bool) (kind, bool) {
	i := slices.IndexFunc(kinds, match)
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

func ofPerson(t atoll.Type) (kind, bool) { return kindOf(func(k kind) bool { return k.person == t }) }

func ofTransfer(t atoll.Type) (kind, bool) {
	return kindOf(func(k kind) bool { return k.transfer == t })
}

func ofChange(t atoll.Type) (kind, bool) { return kindOf(func(k kind) bool { return k.change == t }) }

// atHome reports whether records of the type are edited at the home of the patient
// or prescriber whom they are about.
func atHome(def *catalogue.Def) bool {
	return def.Class == catalogue.Patient && def.Editor == catalogue.ByHome
}

// personOf returns the patient or prescriber a record of the type is about, and
// whether it is edited at that person's home (R-G-02, R-G-45).
func personOf(def *catalogue.Def, key atoll.Key, f atoll.Fields) (atoll.Key, bool) {
	if !atHome(def) {
		return atoll.Key{}, false
	}
	if def.Scope == "id" {
		return key, true
	}
	field, ok := def.Field(def.Scope)
	if _, known := ofPerson(field.To); !ok || !known {
		return atoll.Key{}, false
	}
	return atoll.Key{Type: field.To, ID: f.ID(def.Scope)}, true
}

// Desk makes proposals from one snapshot or transaction, for people who work at
// the site.
type Desk struct {
	R         storage.Reader
	T         *topology.Topology
	Catalogue *catalogue.Catalogue
	Site      atoll.SiteID
	Now       time.Time
	// Actor is who acts; it is noted in what is asked for and decided.
	Actor string
}

func (d Desk) centre() bool { return d.Site == d.T.Centre() }

// record reads a record that must be there, hidden or not.
func record(r storage.RecordReader, key atoll.Key) (atoll.Record, atoll.Fields, error) {
	rec, err := r.Record(key)
	if errors.Is(err, atoll.NotFound) || err == nil && rec.Deleted {
		return rec, nil, atoll.Errorf(atoll.NotFound, "there is no such %s here", key.Type).About(key)
	}
	if err != nil {
		return rec, nil, err
	}
	f, err := rec.Fields()
	return rec, f, err
}

// find reads a record that may be missing: nil fields.
func find(r storage.RecordReader, key atoll.Key) (atoll.Record, atoll.Fields, error) {
	rec, err := r.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return rec, nil, nil
	}
	if err != nil {
		return rec, nil, err
	}
	f, err := rec.Fields()
	return rec, f, err
}

// homeSite is the site where the home store is active, 0 if that is not known.
func homeSite(t *topology.Topology, f atoll.Fields) atoll.SiteID {
	st, ok := t.Store(f.ID("home_store_id"))
	if !ok {
		return 0
	}
	return st.Site
}

// place names a store and its site, as people know them.
func place(t *topology.Topology, store atoll.ID) string {
	st, ok := t.Store(store)
	if !ok {
		return "store " + string(store)
	}
	words := st.Name + ", site " + st.Site.String()
	if s, ok := t.Site(st.Site); ok && s.Name != "" {
		words += " (" + s.Name + ")"
	}
	return words
}

// dispensary returns the store if people can work with patients in it.
func dispensary(t *topology.Topology, id atoll.ID) (topology.Store, bool) {
	st, ok := t.Store(id)
	return st, ok && st.Dispensary && !st.Disabled
}

// dispensaries returns the open dispensary stores active on the site.
func dispensaries(t *topology.Topology, site atoll.SiteID) (out []topology.Store) {
	for _, id := range t.Active(site) {
		if st, ok := dispensary(t, id); ok {
			out = append(out, st)
		}
	}
	return out
}

// days reads a preference that is a number of days.
func days(t *topology.Topology, key string, otherwise int) time.Duration {
	n, err := strconv.Atoi(string(t.Preference(key)))
	if err != nil || n < 0 {
		n = otherwise
	}
	return time.Duration(n) * 24 * time.Hour
}

// Wait is how long the centre waits for the old home site before it may force a
// transfer.
func Wait(t *topology.Topology) time.Duration { return days(t, TransferWait, defaultWait) }

// Kept is how long a site keeps clinical details of patients who are visible there
// no longer.
func Kept(t *topology.Topology) time.Duration { return days(t, DetailsKept, defaultKept) }

func update(key atoll.Key, f atoll.Fields) journal.Proposal {
	return journal.Proposal{Verb: atoll.Update, Key: key, Fields: f}
}

func insert(key atoll.Key, f atoll.Fields) journal.Proposal {
	return journal.Proposal{Verb: atoll.Insert, Key: key, Fields: f.Compacted()}
}

// homeOf is the home store and its epoch in the fields of a person.
func homeOf(f atoll.Fields) (atoll.ID, uint64) {
	return f.ID("home_store_id"), uint64(f.Int("home_epoch"))
}

// Rules are the laws of patients and prescribers.
func Rules(cat *catalogue.Catalogue) []admit.Rule {
	return []admit.Rule{homeMoves, locked, inDispensary, mayDispense, dispensedOnce, properRequest, properChange(cat)}
}

// epochAfter is the home epoch of a person whose home store becomes the other.
// Ownership is counted by the sum of home epoch and store epoch: the sum must
// rise, too, or an edit from before would pass for one of now.
func epochAfter(t *topology.Topology, f atoll.Fields, to atoll.ID) uint64 {
	home, epoch := homeOf(f)
	old, _ := t.Store(home)
	next, _ := t.Store(to)
	sum := epoch + old.Epoch
	epoch++
	if epoch+next.Epoch <= sum {
		epoch = sum + 1 - next.Epoch
	}
	return epoch
}
