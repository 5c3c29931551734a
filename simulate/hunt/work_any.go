package hunt

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// anyWork is edits of every type of the catalogue, where it belongs and where not.
var anyWork = []Work{
	{Name: "any type", Words: "a record of any type of the catalogue is made, where it may be; most often of one that the story has not seen", Weight: 8, Apart: true, Do: anyType},
	{Name: "wrong site", Words: "a record of any type is changed, deleted or made where it belongs to another", Weight: 4, Apart: true, Do: wrongSite},
}

// ruled are types that only acts and the program itself write: whoever may write raw
// records at a site is kept from them at every face.
var ruled = []string{"sites", "jobs", "homes", "merges", "users"}

func anyType(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	var all, unseen []*catalogue.Def
	for _, def := range n.Catalogue.Types() {
		if slices.Contains(ruled, def.Area) || def.Class == catalogue.Sync || slices.Contains(livelyTypes, def.Type) || slices.Contains(papers, def.Type) {
			continue
		}
		all = append(all, def)
		if w.tally.Types[string(def.Type)] == 0 {
			unseen = append(unseen, def)
		}
	}
	def, _ := Pick(d, all)
	if some, ok := Pick(d, unseen); ok && d.Chance(80) {
		def = some
	}
	p, ok := w.fresh(n, d, def)
	if ok && def.Editor == catalogue.ByPrimary && d.Chance(85) {
		if n = w.At(w.Topology(w.Centre).Primary()); n == nil || !w.Works(n) {
			return ErrIdle
		}
		if def, ok = n.Catalogue.Lookup(def.Type); !ok { // its program is older
			return ErrIdle
		}
		p, ok = w.fresh(n, d, def)
	}
	if !ok {
		return ErrIdle
	}
	w.Say("%s makes %s", n.Name, w.Name(string(def.Type), p.Key.ID))
	err := w.Edit(n, p)
	if err == nil {
		w.tally.Types[string(def.Type)]++
	}
	return err
}

// wrongSite tries to change what belongs to another site, by what the site itself
// knows: it must be refused.
func wrongSite(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	for range 5 {
		def, _ := Pick(d, n.Catalogue.Types())
		r, ok := Pick(d, w.List(n, def.Type))
		if !ok || r.Editable || def.Class == catalogue.Local {
			continue
		}
		owner, err := w.ownerOf(n, r.Record)
		if err != nil || owner == n.Identity.Site || owner == 0 {
			continue
		}
		p := journal.Proposal{Verb: atoll.Update, Key: r.Key, Fields: atoll.Fields{}}
		if d.Chance(20) {
			p = journal.Proposal{Verb: atoll.Delete, Key: r.Key}
		}
		for _, field := range Some(d, 2, def.Fields) {
			if v, ok := w.value(n, d, def, field); ok && p.Verb == atoll.Update && !field.Fixed {
				p.Fields.Set(field.Name, v)
			}
		}
		if p.Verb == atoll.Update && len(p.Fields) == 0 {
			continue
		}
		w.Say("%s tries to %s %s, which belongs to site %d", n.Name, p.Verb, w.Name(string(def.Type), r.ID), owner)
		err = w.Edit(n, p)
		if now, rerr := n.Record(w.Ctx, r.Key); err == nil && (rerr != nil || now.Version != r.Version) {
			w.Breach("owned", "%s could %s %s, which belongs to site %d", n.Name, p.Verb, r.Key, owner)
		}
		if err != nil && lawfulRefusal(err) {
			w.Say("refused: %s", short(err))
			return nil // as it has to be
		}
		return err
	}
	return ErrIdle
}

// ownerOf is whose a record is, as the node knows it.
func (w *World) ownerOf(n *Node, r atoll.Record) (atoll.SiteID, error) {
	var owner authority.Owner
	err := n.Store.View(w.Ctx, func(v storage.Reader) (err error) {
		owner, err = n.Door.Owner(v, r)
		return err
	})
	return owner.Site, err
}
