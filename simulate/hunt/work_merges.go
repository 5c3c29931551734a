package hunt

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/station"
)

// mergeWork is duplicates that become one, chains of them, and merges undone.
var mergeWork = []Work{
	{Name: "new item", Words: "an item is made, which may turn out to be a duplicate", Weight: 3, Do: newItem},
	{Name: "merge", Words: "a record is merged into another", Weight: 3, Do: mergeRecords},
	{Name: "unmerge", Words: "a merge is undone", Weight: 1, Do: unmergeRecords},
}

func newItem(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if d.Chance(70) {
		n, ok = w.At(w.Topology(w.Centre).Primary()), true
	}
	if !ok || n == nil || !w.Works(n) {
		return ErrIdle
	}
	def, _ := n.Catalogue.Lookup("item")
	p, ok := w.fresh(n, d, def)
	if !ok {
		return ErrIdle
	}
	p.Fields.Set("status", "active").Set("kind", "stock").Set("is_vaccine", false)
	for _, name := range []string{"doses", "unit_id"} { // those may be merged
		delete(p.Fields, name)
	}
	w.Say("%s makes %s", n.Name, w.Name("item", p.Key.ID))
	return w.Edit(n, p)
}

// mergeable are the types whose records are merged.
func mergeable(n *Node) []atoll.Type {
	var out []atoll.Type
	for _, def := range n.Catalogue.Types() {
		if def.Merge != "" && def.Merge != catalogue.NoMerge {
			out = append(out, def.Type)
		}
	}
	return out
}

func mergeRecords(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if d.Chance(70) {
		n, ok = w.At(w.Topology(w.Centre).Primary()), true
	}
	if !ok || n == nil || !w.Works(n) {
		return ErrIdle
	}
	kind, _ := Pick(d, append(mergeable(n), "item", "item", "item"))
	two := Some(d, 2, w.List(n, kind))
	if len(two) < 2 {
		return ErrIdle
	}
	if kept, ok := w.kept(n, d, kind); ok && kept.ID != two[1].ID && d.Chance(50) {
		two[0] = kept // what others were merged into is itself a duplicate
	}
	w.Say("%s merges %s into %s", n.Name, w.Name(string(kind), two[0].ID), w.Name(string(kind), two[1].ID))
	_, err := n.Merge(w.Ctx, "tester", station.Merge{Type: kind, From: two[0].ID, Into: two[1].ID, Confirmed: d.Chance(80)})
	return err
}

// kept is a record into which others were merged, as the node knows.
func (w *World) kept(n *Node, d Dice, kind atoll.Type) (station.Record, bool) {
	done, err := n.Merges(w.Ctx, kind)
	if err != nil {
		return station.Record{}, false
	}
	into := map[atoll.ID]bool{}
	for _, m := range done {
		into[m.Into] = true
	}
	return Pick(d, slices.DeleteFunc(w.List(n, kind), func(r station.Record) bool { return !into[r.ID] }))
}

func unmergeRecords(w *World, d Dice) error {
	n, ok := Pick(d, w.Workers())
	if !ok {
		return ErrIdle
	}
	var merged []atoll.Key
	for _, kind := range mergeable(n) {
		done, err := n.Merges(w.Ctx, kind)
		if err != nil {
			return err
		}
		for _, m := range done {
			merged = append(merged, atoll.Key{Type: kind, ID: m.ID})
		}
	}
	slices.SortFunc(merged, func(a, b atoll.Key) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	key, ok := Pick(d, merged)
	if !ok {
		return ErrIdle
	}
	w.Say("%s undoes the merge of %s", n.Name, w.Name(string(key.Type), key.ID))
	_, err := n.Unmerge(w.Ctx, "tester", key, nil)
	return err
}
