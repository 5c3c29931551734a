package hunt

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// homeWork is home stores that change.
var homeWork = []Work{
	{Name: "transfer home", Words: "another home store is asked for: by the old site, the new one, the centre, or somebody else", Weight: 3, Apart: true, Do: transferHome},
	{Name: "transfer all", Words: "all patients of a store are to get another home store", Weight: 1, Apart: true, Do: transferAll},
	{Name: "force home", Words: "a home store is transferred without the site that does not answer", Weight: 1, Apart: true, Do: forceHome},
	{Name: "cancel home", Words: "the transfer of a home store is called off", Weight: 1, Apart: true, Do: cancelHome},
}

func transferHome(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if d.Chance(50) {
		n, ok = w.Centre, true
	}
	if !ok || !w.Works(n) {
		return ErrIdle
	}
	who, ok := w.person(n, d, personal(d))
	to, there := w.newHome(n, d)
	if !ok || !there {
		return ErrIdle
	}
	w.Say("%s asks that %s be at home in store %s", n.Name, w.Name(string(who.Type), who.ID), to.Code)
	_, err := n.AskTransfer(w.Ctx, "tester", patients.Wanted{Person: who.Key, To: to.ID, From: w.asker(n, d), Reason: "as the story has it"})
	return err
}

// newHome is a store that may become a home: most often a dispensary.
func (w *World) newHome(n *Node, d Dice) (topology.Store, bool) {
	var some []topology.Store
	for _, s := range w.Topology(n).Stores() {
		if s.Dispensary || d.Chance(5) {
			some = append(some, s)
		}
	}
	return Pick(d, some)
}

// asker is the store of a site that asks; the centre may ask without one.
func (w *World) asker(n *Node, d Dice) atoll.ID {
	s, _ := Pick(d, w.ActiveStores(n))
	if n.Site == nil && d.Chance(60) {
		return ""
	}
	return s.ID
}

func transferAll(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	from, ok := w.newHome(n, d)
	to, there := w.newHome(n, d)
	if !ok || !there || from.ID == to.ID {
		return ErrIdle
	}
	w.Say("%s asks that all patients of store %s be at home in store %s", n.Name, from.Code, to.Code)
	_, err := n.AskTransfer(w.Ctx, "tester", patients.Wanted{AllOf: from.ID, To: to.ID, From: w.asker(n, d), Reason: "as the story has it"})
	return err
}

// underway is a transfer that is not over, as the centre knows it.
func (w *World) underway(d Dice) (station.HomeTransfer, atoll.Key, bool) {
	if !w.Alive(w.Centre) {
		return station.HomeTransfer{}, atoll.Key{}, false
	}
	var all []station.HomeTransfer
	for _, kind := range []atoll.Type{patients.Patient, patients.Prescriber} {
		some, err := w.Centre.HomeTransfers(w.Ctx, kind, false)
		if err != nil {
			continue
		}
		all = append(all, some...)
	}
	t, ok := Pick(d, all)
	kind, id, _ := strings.Cut(t.Person, "/")
	return t, atoll.Key{Type: atoll.Type(kind), ID: atoll.ID(id)}, ok
}

// forceHome takes a home store from a site that is not heard of: the days of waiting
// go by first. What that site did since is offered to the new home.
func forceHome(w *World, d Dice) error {
	t, who, ok := w.underway(d)
	if !ok {
		return ErrIdle
	}
	w.Centre.Clock.Wind(patients.Wait(w.Topology(w.Centre)))
	w.Say("the transfer of %s is forced", w.Name(string(who.Type), who.ID))
	old, known := w.Topology(w.Centre).Store(t.From)
	w.found(func() {
		all, _ := w.Centre.HomeTransfers(w.Ctx, who.Type, true)
		forced := slices.ContainsFunc(all, func(h station.HomeTransfer) bool {
			return h.Person == t.Person && h.Round == t.Round && h.Forced
		})
		if forced && known && t.Step == patients.Freezing {
			if w.taken[old.Site] == nil {
				w.taken[old.Site] = map[atoll.ID]bool{}
			}
			w.taken[old.Site][who.ID] = true
		}
	})
	return w.Centre.ForceTransfer(w.Ctx, "the director", who)
}

func cancelHome(w *World, d Dice) error {
	_, who, ok := w.underway(d)
	if !ok {
		return ErrIdle
	}
	w.Say("the transfer of %s is called off", w.Name(string(who.Type), who.ID))
	return w.Centre.CancelTransfer(w.Ctx, "tester", who)
}

// callOff ends the transfers that cannot go on because the new home store is no open
// dispensary any longer, as the person at the centre would, who is told so. It reports
// whether there was any.
func (w *World) callOff() (bool, error) {
	t, done := w.Topology(w.Centre), false
	for _, kind := range []atoll.Type{patients.Patient, patients.Prescriber} {
		open, err := w.Centre.HomeTransfers(w.Ctx, kind, false)
		if err != nil {
			return done, err
		}
		for _, h := range open {
			if s, ok := t.Store(h.To); h.Step != patients.Freezing || ok && s.Dispensary && !s.Disabled {
				continue
			}
			_, id, _ := strings.Cut(h.Person, "/")
			w.Say("the transfer of %s, whose new home is closed, is called off", w.Name(string(kind), atoll.ID(id)))
			if err := w.Centre.CancelTransfer(w.Ctx, "tester", atoll.Key{Type: kind, ID: atoll.ID(id)}); err != nil {
				return done, err
			}
			done = true
		}
	}
	return done, nil
}
