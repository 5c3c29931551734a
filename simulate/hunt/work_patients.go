package hunt

import (
	"cmp"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// patientWork is patients and prescribers: who they are, where they are visible, what
// hangs on them.
var patientWork = []Work{
	{Name: "register", Words: "a patient or prescriber is registered", Weight: 4, Apart: true, Do: register},
	{Name: "change person", Words: "details of a patient or prescriber are changed at home, or asked for elsewhere", Weight: 5, Apart: true, Do: changePerson},
	{Name: "note person", Words: "something is noted about a patient, at home or elsewhere", Weight: 4, Apart: true, Do: notePerson},
	{Name: "decide change", Words: "a change of details that was asked for is decided", Weight: 2, Apart: true, Do: decideChange},
	{Name: "show person", Words: "a patient or prescriber becomes visible in a store, or no longer", Weight: 4, Apart: true, Do: showPerson},
	{Name: "fetch person", Words: "a site looks a patient up at the centre and fetches her", Weight: 1, Apart: true, Do: fetchPerson},
	{Name: "share details", Words: "sites may ask for changes of patients' details, or not", Weight: 1, Apart: true, Do: shareDetails},
}

// personal are the types of persons; patients are the most.
func personal(d Dice) atoll.Type {
	if d.Chance(25) {
		return patients.Prescriber
	}
	return patients.Patient
}

// dispensaries are the open dispensaries of a node.
func (w *World) dispensaries(n *Node) []topology.Store {
	return slices.DeleteFunc(w.ActiveStores(n), func(s topology.Store) bool { return !s.Dispensary })
}

// ownDispensary is a dispensary that is active where people can work.
func (w *World) ownDispensary(d Dice) (*Node, topology.Store, bool) {
	type place struct {
		n *Node
		s topology.Store
	}
	var all []place
	for _, n := range w.Workers() {
		for _, s := range w.dispensaries(n) {
			all = append(all, place{n, s})
		}
	}
	p, ok := Pick(d, all)
	return p.n, p.s, ok
}

func register(w *World, d Dice) error {
	n, store, ok := w.ownDispensary(d)
	if !ok {
		return ErrIdle
	}
	person := personal(d)
	f := atoll.Fields{}.Set("last_name", words(d, 60)).Set("first_name", words(d, 60))
	if person == patients.Patient {
		f.Set("date_of_birth", "19"+string(rune('0'+d.IntN(10)))+"4-05-06")
	}
	w.Say("%s: store %s registers a %s", n.Name, store.Code, person)
	id, err := n.Register(w.Ctx, "tester", person, store.ID, f)
	if err == nil {
		w.Say("it is %s", w.Name(string(person), id))
	}
	return err
}

// person is one that the node shows.
func (w *World) person(n *Node, d Dice, kind atoll.Type) (station.Record, bool) {
	return Pick(d, w.List(n, kind))
}

// guest is a patient who is visible in a store of the node and at home at another.
type guest struct {
	n     *Node
	store topology.Store
	station.Record
}

func (w *World) guests() (out []guest) {
	for _, n := range w.Workers() {
		if len(w.dispensaries(n)) == 0 {
			continue
		}
		all := slices.DeleteFunc(w.List(n, patients.Patient), func(r station.Record) bool { return w.homeOf(n, r.Key) == n.Identity.Site })
		for _, s := range w.dispensaries(n) {
			for _, r := range all {
				if w.visibleIn(n, s.ID, r.Key) {
					out = append(out, guest{n, s, r})
				}
			}
		}
	}
	return out
}

// visibleIn reports whether a patient is visible in the store, as the node knows it.
func (w *World) visibleIn(n *Node, store atoll.ID, who atoll.Key) (is bool) {
	_ = n.Store.View(w.Ctx, func(r storage.Reader) (err error) {
		is, err = patients.Visible(r, who, store)
		return err
	})
	return is
}

func changePerson(w *World, d Dice) error {
	n, store, ok := w.ownDispensary(d)
	if !ok {
		return ErrIdle
	}
	who, ok := w.person(n, d, personal(d))
	if g, is := Pick(d, w.guests()); is && d.Chance(50) {
		n, store, who, ok = g.n, g.store, g.Record, true
	}
	if !ok {
		return ErrIdle
	}
	f := atoll.Fields{}
	for _, name := range Some(d, d.Between(1, 3), []string{"phone", "email", "address1", "first_name"}) {
		f.Set(name, words(d, 60))
	}
	w.Say("%s: store %s changes %s", n.Name, store.Code, w.Name(string(who.Type), who.ID))
	pending, err := n.EditPerson(w.Ctx, "tester", store.ID, who.Key, who.Key, f, "as the story has it")
	if !pending || err != nil {
		return err
	}
	w.Say("its home is asked to")
	return w.changeAtHome(d, who, f.Names(), 80)
}

// changeAtHome changes the same details at the person's home, which has not heard that
// it is asked to: somebody has to decide then.
func (w *World) changeAtHome(d Dice, who station.Record, names []string, chance int) error {
	home, _ := w.Topology(w.Centre).Store(who.Fields.ID("home_store_id"))
	n := w.At(home.Site)
	if n == nil || !w.Works(n) || !d.Chance(chance) {
		return nil
	}
	f := atoll.Fields{}
	for _, name := range names {
		f.Set(name, words(d, 60))
	}
	w.Say("there, %s is being changed meanwhile", w.Name(string(who.Type), who.ID))
	_, err := n.EditPerson(w.Ctx, "tester", home.ID, who.Key, who.Key, f, "as the story has it")
	return err
}

// notes are the types of what is noted about patients.
var notes = []atoll.Type{"patient_medication", "patient_event", "document", "program_enrolment", "encounter", "vaccination", "repeat", "insurance_policy"}

func notePerson(w *World, d Dice) error {
	n, store, ok := w.ownDispensary(d)
	if !ok {
		return ErrIdle
	}
	kind, _ := Pick(d, notes)
	def, _ := n.Catalogue.Lookup(kind)
	who, ok := w.person(n, d, patients.Patient)
	if !ok {
		return ErrIdle
	}
	if old, ok := Pick(d, w.List(n, kind, "patient_id", string(who.ID))); ok && d.Chance(40) {
		f := atoll.Fields{}
		for _, field := range Some(d, 2, def.Fields) {
			if v, ok := w.value(n, d, def, field); ok && !field.Fixed && field.Name != "patient_id" {
				f.Set(field.Name, v)
			}
		}
		if len(f) == 0 {
			return ErrIdle
		}
		w.Say("%s: store %s changes %s of %s", n.Name, store.Code, w.Name(string(kind), old.ID), w.Name("patient", who.ID))
		if def.Editor == catalogue.ByActive { // it is the store's, and no detail of hers
			return w.Edit(n, journal.Proposal{Verb: atoll.Update, Key: old.Key, Fields: f})
		}
		_, err := n.EditPerson(w.Ctx, "tester", store.ID, who.Key, old.Key, f, "as the story has it")
		return err
	}
	given := atoll.Fields{}.Set("patient_id", who.ID)
	if _, has := def.Field("store_id"); has {
		given.Set("store_id", store.ID)
	}
	p, ok := w.freshWith(n, d, def, given)
	if !ok {
		return ErrIdle
	}
	w.Say("%s: store %s notes %s about %s", n.Name, store.Code, w.Name(string(kind), p.Key.ID), w.Name("patient", who.ID))
	return w.Edit(n, p)
}

// disagree has a patient's details changed where she is a guest and at her home, which
// hears of it and leaves it for somebody to decide; and somebody does.
func (w *World) disagree(d Dice) error {
	g, ok := Pick(d, w.guests())
	home := w.At(w.homeOf(w.Centre, g.Key))
	if !ok || home == nil || home == g.n || !w.Works(home) {
		return ErrIdle
	}
	if err := w.allow(patients.SharedDetails, g.n); err != nil {
		return err
	}
	f := atoll.Fields{}.Set("phone", words(d, 60))
	w.Say("%s: store %s changes %s", g.n.Name, g.store.Code, w.Name("patient", g.ID))
	if pending, err := g.n.EditPerson(w.Ctx, "tester", g.store.ID, g.Key, g.Key, f, "as the story has it"); err != nil || !pending {
		return err
	}
	if err := w.changeAtHome(d, g.Record, f.Names(), 100); err != nil {
		return err
	}
	if err := w.both(g.n, home); err != nil {
		return err
	}
	left, err := home.RequestedChanges(w.Ctx, g.Key)
	for _, p := range left {
		if p.Open != nil {
			all := d.Chance(50)
			w.Say("%s decides: %t", home.Name, all)
			return home.DecideChange(w.Ctx, "tester", p.ID, nil, all, "as the story has it")
		}
	}
	return cmp.Or(err, ErrIdle)
}

// both synchronises one site and then another, and tries again where the line is bad.
func (w *World) both(nodes ...*Node) error {
	for _, n := range nodes {
		for range 5 {
			if n.Site == nil || !w.Works(n) {
				break
			}
			err := w.Cycle(n)
			if err == nil || errors.Is(err, ErrIdle) {
				break
			}
			if !passing(err) {
				return err
			}
		}
	}
	return nil
}

// allow has the preference set for all, if it is not, and says so to a site.
func (w *World) allow(key string, tell *Node) error {
	n := w.At(w.Topology(w.Centre).Primary())
	if n == nil || !w.Works(n) || !w.Works(tell) {
		return ErrIdle
	}
	if w.Topology(tell).Prefers(key) {
		return nil
	}
	w.Say("%s sets %s to true", n.Name, key)
	if _, err := n.SetPreference(w.Ctx, "tester", key, []byte("true"), ""); err != nil {
		return err
	}
	return w.both(n, tell)
}

func decideChange(w *World, d Dice) error {
	type question struct {
		n *Node
		patients.Pending
	}
	var asked, elsewhere []question
	for _, n := range w.Workers() {
		for _, kind := range []atoll.Type{patients.Patient, patients.Prescriber} {
			some, err := n.RequestedChanges(w.Ctx, atoll.Key{Type: kind})
			if err != nil {
				return err
			}
			for _, p := range some {
				if p.Open != nil && w.homeOf(n, p.Person) == n.Identity.Site { // left for a person here
					asked = append(asked, question{n, p})
				} else {
					elsewhere = append(elsewhere, question{n, p})
				}
			}
		}
	}
	p, ok := Pick(d, asked)
	if !ok && d.Chance(70) {
		return w.disagree(d)
	}
	if !ok || d.Chance(20) {
		if p, ok = Pick(d, elsewhere); !ok {
			return ErrIdle
		}
	}
	all := d.Chance(50)
	w.Say("%s decides what was asked about %s: %t", p.n.Name, w.Name(string(p.Person.Type), p.Person.ID), all)
	return p.n.DecideChange(w.Ctx, "tester", p.ID, nil, all, "as the story has it")
}

// homeOf is the site at which somebody is at home, as the node knows it.
func (w *World) homeOf(n *Node, who atoll.Key) atoll.SiteID {
	r, err := n.Record(w.Ctx, who)
	if err != nil {
		return 0
	}
	home, _ := w.Topology(n).Store(r.Fields.ID("home_store_id"))
	return home.Site
}

// showPerson is most often done where it is decided.
func showPerson(w *World, d Dice) error {
	n := w.Centre
	if d.Chance(15) {
		n, _ = Pick(d, w.Workers())
	}
	if n == nil || !w.Works(n) {
		return ErrIdle
	}
	who, ok := w.person(n, d, personal(d))
	store, there := Pick(d, slices.DeleteFunc(w.Topology(n).Stores(), func(s topology.Store) bool { return !s.Dispensary && !d.Chance(10) }))
	if !ok || !there {
		return ErrIdle
	}
	visible := d.Chance(70)
	w.Say("%s: %s is visible in store %s: %t", n.Name, w.Name(string(who.Type), who.ID), store.Code, visible)
	return n.ShowPerson(w.Ctx, "tester", who.Key, store.ID, visible)
}

const (
	clerk         = "clerk"
	clerkPassword = "a password of the story"
)

// clerkOf is what the user of the centre shows who looks patients up.
func (w *World) clerkOf() (station.Credentials, error) {
	by := station.Credentials{User: clerk, Password: clerkPassword, Reason: "she is here"}
	if w.clerk != "" {
		if _, err := w.Centre.Session(w.Ctx, w.clerk); err == nil {
			by.Token = w.clerk
			return by, nil
		}
	}
	if _, err := w.Centre.AddUser(w.Ctx, clerk, station.Administrator, clerkPassword); err != nil && atoll.CodeOf(err) != atoll.Exists {
		return by, err
	}
	token, _, err := w.Centre.SignInUser(w.Ctx, clerk, clerkPassword)
	w.clerk, by.Token = token, token
	return by, err
}

func fetchPerson(w *World, d Dice) error {
	n, store, ok := w.ownDispensary(d)
	if !ok || n.Site == nil || w.away[n.Identity.Site] > w.at || !w.Alive(w.Centre) {
		return ErrIdle
	}
	who, ok := w.person(w.Centre, d, personal(d)) // as she says who she is
	if !ok {
		return ErrIdle
	}
	by, err := w.clerkOf()
	if err != nil {
		return err
	}
	w.Say("%s: store %s fetches %s", n.Name, store.Code, w.Name(string(who.Type), who.ID))
	_, err = n.Fetch(w.Ctx, who.Key, store.ID, by)
	if w.turnedAway(n, err) {
		return nil
	}
	return err
}

func shareDetails(w *World, d Dice) error {
	n := w.At(w.Topology(w.Centre).Primary())
	if n == nil || !w.Works(n) {
		return ErrIdle
	}
	key, _ := Pick(d, []string{patients.SharedDetails, "prescriptions_everywhere", "repeats_everywhere"})
	value := []byte("false")
	if d.Chance(70) {
		value = []byte("true")
	}
	w.Say("%s sets %s to %s", n.Name, key, value)
	_, err := n.SetPreference(w.Ctx, "tester", key, value, "")
	return err
}
