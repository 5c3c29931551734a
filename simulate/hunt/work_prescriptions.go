package hunt

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
)

// prescriptionWork is what is dispensed to patients.
var prescriptionWork = []Work{
	{Name: "prescription", Words: "a prescription is dispensed to a patient", Weight: 5, Apart: true, Do: prescribe},
	{Name: "repeat", Words: "a repeat is prescribed, at home or elsewhere", Weight: 1, Apart: true, Do: prescribeRepeat},
	{Name: "dispense repeat", Words: "a repeat is dispensed, wherever it is known", Weight: 2, Apart: true, Do: dispenseRepeat},
	{Name: "review repeat", Words: "a repeat that was dispensed too often is looked at", Weight: 1, Apart: true, Do: reviewRepeat},
}

func prescribe(w *World, d Dice) error {
	n, store, ok := w.ownDispensary(d)
	if !ok {
		return ErrIdle
	}
	who, ok := w.person(n, d, patients.Patient)
	if !ok {
		return ErrIdle
	}
	f := atoll.Fields{}.Set("store_id", store.ID).Set("patient_id", who.ID)
	if by, ok := w.person(n, d, patients.Prescriber); ok && d.Chance(60) {
		f.Set("prescriber_id", by.ID)
	}
	var lines []atoll.Fields
	for _, from := range Some(d, d.Between(1, 2), w.Shelf(n, store.ID)) {
		lines = append(lines, w.drawn(d, from).Set("patient_id", who.ID).Set("kind", documents.StockOut))
	}
	var acts []documents.Action
	if d.Chance(80) {
		acts = append(acts, documents.Finalise)
	}
	w.Say("%s: store %s dispenses %d lines to %s", n.Name, store.Code, len(lines), w.Name("patient", who.ID))
	return w.Draft(n, "prescription", f, lines, acts...)
}

func prescribeRepeat(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	who, ok := w.person(n, d, patients.Patient)
	item, there := Pick(d, w.List(n, "item"))
	if !ok || !there {
		return ErrIdle
	}
	id := w.NewID(n)
	w.Say("%s prescribes %s to %s", n.Name, w.Name("repeat", id), w.Name("patient", who.ID))
	return w.Edit(n, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "repeat", ID: id}, Fields: atoll.Fields{}.
		Set("patient_id", who.ID).Set("item_id", item.ID).Set("quantity", json.Number(strconv.Itoa(d.Between(1, 30)))).
		Set("total_repeats", d.Between(1, 4)).Set("status", "active")})
}

func dispenseRepeat(w *World, d Dice) error {
	n, store, ok := w.ownDispensary(d)
	if !ok {
		return ErrIdle
	}
	all := w.List(n, "repeat")
	r, ok := Pick(d, all)
	if !ok {
		return ErrIdle
	}
	here := slices.DeleteFunc(all, func(r station.Record) bool {
		return !w.visibleIn(n, store.ID, atoll.Key{Type: patients.Patient, ID: r.Fields.ID("patient_id")})
	})
	if one, some := Pick(d, here); some && d.Chance(80) {
		r = one // of somebody who may come here
	}
	f := atoll.Fields{}.Set("store_id", store.ID).Set("patient_id", r.Fields.ID("patient_id")).Set("repeat_id", r.ID).
		Set("repeat_number", r.Fields.Int("last_number")+1)
	w.Say("%s: store %s dispenses %s", n.Name, store.Code, w.Name("repeat", r.ID))
	if err := w.Draft(n, "prescription", f, nil, documents.Finalise); err != nil {
		return err
	}
	return w.dispenseToo(n, d, r, f)
}

// dispenseToo dispenses the repeat in another place, where nobody knows yet that it was:
// once too often, it may turn out.
func (w *World) dispenseToo(but *Node, d Dice, r station.Record, as atoll.Fields) error {
	n, store, ok := w.ownDispensary(d)
	if !ok || n == but || !d.Chance(60) || !w.visibleIn(n, store.ID, atoll.Key{Type: patients.Patient, ID: r.Fields.ID("patient_id")}) ||
		!slices.ContainsFunc(w.List(n, "repeat"), func(o station.Record) bool { return o.ID == r.ID }) {
		return nil
	}
	w.Say("so does %s: store %s", n.Name, store.Code)
	return w.Draft(n, "prescription", as.Clone().Set("store_id", store.ID), nil, documents.Finalise)
}

func reviewRepeat(w *World, d Dice) error {
	type finding struct {
		n *Node
		station.Record
	}
	var all []finding
	for _, n := range w.Workers() {
		over, err := n.OverDispensed(w.Ctx, false)
		if err != nil {
			return err
		}
		for _, r := range over {
			all = append(all, finding{n, r})
		}
	}
	r, ok := Pick(d, all)
	if !ok {
		return w.dispenseTwice(d)
	}
	w.Say("%s looks at %s, dispensed once too often", r.n.Name, w.Name("dispensing", r.ID))
	return r.n.ReviewRepeat(w.Ctx, "tester", r.ID, "as the story has it")
}

// dispenseTwice has a repeat that is good for once dispensed where a patient is at home
// and where she is a guest, before the two places hear of each other.
func (w *World) dispenseTwice(d Dice) error {
	g, ok := Pick(d, w.guests())
	home := w.At(w.homeOf(w.Centre, g.Key))
	item, there := Pick(d, w.List(w.Centre, "item"))
	if !ok || !there || home == nil || home == g.n || !w.Works(home) {
		return ErrIdle
	}
	if err := w.allow("repeats_everywhere", g.n); err != nil {
		return err
	}
	id := w.NewID(home)
	w.Say("%s prescribes %s to %s, once", home.Name, w.Name("repeat", id), w.Name("patient", g.ID))
	err := w.Edit(home, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "repeat", ID: id}, Fields: atoll.Fields{}.
		Set("patient_id", g.ID).Set("item_id", item.ID).Set("quantity", json.Number("10")).Set("total_repeats", 1).Set("status", "active")})
	if err != nil {
		return err
	}
	if err := w.both(home, g.n); err != nil {
		return err
	}
	f := atoll.Fields{}.Set("patient_id", g.ID).Set("repeat_id", id).Set("repeat_number", 1)
	w.Say("both places dispense it")
	if err := w.Draft(home, "prescription", f.Clone().Set("store_id", g.Fields.ID("home_store_id")), nil, documents.Finalise); err != nil {
		return err
	}
	if err := w.Draft(g.n, "prescription", f.Clone().Set("store_id", g.store.ID), nil, documents.Finalise); err != nil {
		return err
	}
	if err := w.both(g.n, home); err != nil {
		return err
	}
	over, err := home.OverDispensed(w.Ctx, false)
	if err != nil || len(over) == 0 {
		return cmp.Or(err, ErrIdle)
	}
	w.Say("%s looks at %s, dispensed once too often", home.Name, w.Name("dispensing", over[0].ID))
	return home.ReviewRepeat(w.Ctx, "tester", over[0].ID, "as the story has it")
}
