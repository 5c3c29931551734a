package hunt

import (
	"slices"

	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/topology"
)

// rightsWork is how the right to edit central data changes hands.
var rightsWork = []Work{
	{Name: "delegate", Words: "the right to edit central data is given to a site", Weight: 2, Do: delegate},
	{Name: "pass right", Words: "a delegated right is handed on", Weight: 1, Do: passRight},
	{Name: "withdraw right", Words: "a delegated right is withdrawn, or kept after all", Weight: 1, Do: withdrawRight},
}

func (w *World) deed(d Dice, domain string) central.Delegation {
	return central.Delegation{Domain: domain, Reason: "as the story has it", AtOnce: d.Chance(20)}
}

func delegate(w *World, d Dice) error {
	domain, ok := Pick(d, append(rights.Domains(w.Centre.Catalogue), rights.All, "items", "items"))
	s, there := Pick(d, w.Topology(w.Centre).Stores())
	if !ok || !there {
		return ErrIdle
	}
	w.Say("the right to edit %q goes to store %s", domain, s.Code)
	return w.configure(w.Centre.Centre.Grant("tester", w.deed(d, domain), s.ID))
}

// delegated is a right that some store holds.
func (w *World) delegated(d Dice) (topology.Delegation, bool) {
	held := slices.DeleteFunc(slices.Clone(w.Topology(w.Centre).Delegations()), func(g topology.Delegation) bool { return !g.Active })
	return Pick(d, held)
}

// atOnce says which site loses work when the right is taken without its word. A centre
// that crashes may have taken it all the same: its disk tells when it is up again.
func (w *World) atOnce(g topology.Delegation, deed central.Delegation, c central.Configuration) error {
	err := w.configure(c)
	if !deed.AtOnce {
		return err
	}
	w.found(func() {
		t := w.Topology(w.Centre)
		now, _ := t.Delegation(g.Domain)
		if s, ok := t.Store(g.Store); ok && now.Epoch != g.Epoch {
			w.Fenced(s.Site, "a right was taken from it at once")
		}
	})
	return err
}

func passRight(w *World, d Dice) error {
	g, ok := w.delegated(d)
	s, there := Pick(d, w.Topology(w.Centre).Stores())
	if !ok || !there {
		return ErrIdle
	}
	deed := w.deed(d, g.Domain)
	w.Say("the right to edit %q is handed on to store %s (at once: %t)", g.Domain, s.Code, deed.AtOnce)
	return w.atOnce(g, deed, w.Centre.Centre.ChangeDelegate("tester", deed, s.ID))
}

func withdrawRight(w *World, d Dice) error {
	g, ok := w.delegated(d)
	if !ok {
		return ErrIdle
	}
	if g.Closing && d.Chance(40) {
		w.Say("the right to edit %q stays where it is after all", g.Domain)
		return w.configure(w.Centre.Centre.KeepDelegate("tester", w.deed(d, g.Domain)))
	}
	deed := w.deed(d, g.Domain)
	w.Say("the right to edit %q is withdrawn (at once: %t)", g.Domain, deed.AtOnce)
	return w.atOnce(g, deed, w.Centre.Centre.Withdraw("tester", deed))
}
