package hunt

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
)

// versionWork is programs of two versions side by side (R-K-62 to R-K-64): all begin
// with the present one, and in the end all have the next.
var versionWork = []Work{
	{Name: "upgrade", Words: "a program is replaced by its next version, which knows more types, fields and values", Weight: 1, Apart: true, Do: upgradeOne},
	{Name: "newer edit", Words: "what only the next version knows is written, where it runs", Weight: 3, Apart: true, Do: newerEdit},
}

// version is the catalogue of the program that the node runs.
func (w *World) version(name string) *catalogue.Catalogue {
	if w.upgraded[name] {
		return simulate.NextCatalogue()
	}
	return catalogue.Embedded()
}

// ahead reports whether a site is newer than the centre, which then turns it away.
func (w *World) ahead() bool { return len(w.upgraded) > 0 && !w.upgraded[w.Centre.Name] }

func upgradeOne(w *World, d Dice) error {
	n, ok := Pick(d, w.Nodes())
	if d.Chance(40) {
		n = w.Centre
	}
	if !ok || !w.Alive(n) || w.upgraded[n.Name] || w.cloned(n.Identity.Site) {
		return ErrIdle
	}
	return w.upgrade(n)
}

// upgrade stops the node's program and starts the next version of it on its disk.
func (w *World) upgrade(n *Node) error {
	w.Say("%s is upgraded", n.Name)
	w.upgraded[n.Name] = true
	w.Fleet.Catalogue = simulate.NextCatalogue() // the laws know what anybody knows
	_ = n.Store.Close()
	again, err := w.Open(w.Ctx, n.Name, n.Identity)
	if err == nil && again.Site == nil {
		w.serve(again)
	}
	return err
}

// upgradeAll ends what a story began: nobody stays behind.
func (w *World) upgradeAll() {
	if len(w.upgraded) == 0 {
		return
	}
	for _, n := range w.Nodes() {
		if w.upgraded[n.Name] {
			continue
		}
		if err := w.upgrade(n); err != nil {
			w.Breach("sound", "%s cannot be upgraded: %v", n.Name, err)
		}
	}
}

// newerEdit writes a field, a value or a record that the present version does not know.
func newerEdit(w *World, d Dice) error {
	n, ok := Pick(d, slices.DeleteFunc(w.Workers(), func(n *Node) bool { return n.Catalogue.Version() == catalogue.Embedded().Version() }))
	if !ok {
		return ErrIdle
	}
	if d.Chance(50) {
		kind, _ := Pick(d, []atoll.Type{"hazard_note", "location_check", "location"})
		def, _ := n.Catalogue.Lookup(kind)
		p, ok := w.fresh(n, d, def)
		if !ok {
			return ErrIdle
		}
		w.Say("%s makes %s", n.Name, w.Name(string(kind), p.Key.ID))
		return w.Edit(n, p)
	}
	a, _ := Pick(d, simulate.Novelties)
	r, ok := Pick(d, w.List(n, a.Kind))
	if !ok {
		return ErrIdle
	}
	f := atoll.Fields{}.Set(a.Field, a.Value)
	if a.Value == "" {
		field, _ := r.Def.Field(a.Field)
		v, _ := w.value(n, d, r.Def, field)
		f.Set(a.Field, v)
	}
	w.Say("%s sets %s of %s", n.Name, a.Field, w.Name(string(a.Kind), r.ID))
	return w.Edit(n, journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: f})
}
