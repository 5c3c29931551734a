package merge

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// Rules are the laws of merges. Who may merge follows from who owns the record:
// the primary or its delegate (R-E-01), the site of the location's store (R-E-02),
// the home site (R-E-03).
func Rules() []admit.Rule { return []admit.Rule{merging} }

// merging judges a change of what a record says of its own merge.
func merging(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if c.Def.Merge == catalogue.NoMerge || c.New == nil || c.Imported {
		return nil
	}
	was, is := survivor.Into(c.Old), survivor.Into(c.New)
	if (c.New.Text("status") == survivor.Merged) != (is != "") || c.New.Has("merged_into") != (is != "") {
		return atoll.Errorf(atoll.Rule, "a merged %s says into which other, and one that is not merged does not", c.Def.Title).
			On("merged_into").Do("merge it with: atoll merge %s", c.Op.Type).Because("merge.field")
	}
	if err := remembered(c, was, is); err != nil {
		return err
	}
	switch {
	case was == "" && is != "":
		return merged(t, w, c, is)
	case was != "" && is == "":
		return unmerged(w, c, was)
	case was != is:
		return atoll.Errorf(atoll.Rule, "it was merged already, into %s", name(w, c, was)).On("merged_into").
			Do("merge %s instead", was).Because("merged.already", "record", name(w, c, was))
	case was != "" && c.Here && slices.ContainsFunc(c.Edited(), content):
		return atoll.Errorf(atoll.Rule, "it was merged into %s and no longer changes", name(w, c, was)).
			Do("change the record that was kept: %s", was).Because("merged.into", "record", name(w, c, was))
	}
	return nil
}

// remembered is the law that a record keeps what it was once merged into: by that it is
// known which references follow a merge or its undoing, whenever a site hears of them
// (R-E-10, R-E-50).
func remembered(c admit.Change, was, is atoll.ID) error {
	old, now := catalogue.MergedBefore(c.Old), catalogue.MergedBefore(c.New)
	if was != "" && is == "" && !slices.Contains(old, was) {
		old = append(old, was)
	}
	if c.Op.Verb == atoll.Update && !slices.Equal(old, now) {
		return refuse("it is said by undoing a merge which it once was").Do("undo it with: atoll merge undo %s %s", c.Op.Type, c.Op.ID)
	}
	return nil
}

// content reports whether the field is one that people edit: where a merged patient
// is at home may still move.
func content(field string) bool {
	return field != "home_store_id" && field != "home_epoch"
}

// merged is the law that a record is merged once, into a record of its own type
// that is there, is kept, and is not itself (R-E-05, R-E-44).
func merged(t *topology.Topology, w admit.World, c admit.Change, into atoll.ID) error {
	if into == c.Op.ID {
		return refuse("a record cannot be merged into itself").Do("name another record to keep")
	}
	seen := []atoll.ID{c.Op.ID}
	for at := into; at != ""; {
		if slices.Contains(seen, at) {
			return refuse("%s was merged into this record", name(w, c, into)).Do("this is the record that was kept already")
		}
		seen = append(seen, at)
		r, there, err := w.Record(atoll.Key{Type: c.Op.Type, ID: at})
		if err != nil {
			return err
		}
		if !there {
			break
		}
		at = survivor.Into(r.MustFields())
	}
	if c.Op.Verb == atoll.Restate || c.Old == nil {
		return nil // it tells what was; what it names may come later
	}
	r, there, err := w.Record(atoll.Key{Type: c.Op.Type, ID: into})
	if err != nil {
		return err
	}
	if !there || r.Deleted {
		return atoll.Errorf(atoll.Reference, "there is no %s %s to merge it into", c.Op.Type, into).On("merged_into").
			Do("choose a record of the same type that is in use").Because("merge.unknown")
	}
	kept, err := r.Fields()
	if err != nil {
		return err
	}
	if len(seen) > 2 {
		last := seen[len(seen)-1]
		return refuse("%s was itself merged, into %s", name(w, c, into), name(w, c, last)).Do("merge it into %s instead", last)
	}
	return together(t, c, kept)
}

// together is what must be true of the two records besides.
func together(t *topology.Topology, c admit.Change, kept atoll.Fields) error {
	switch c.Op.Type {
	case "name":
		if _, is := t.StoreOfName(c.Op.ID); is || c.New.Has("store_id") || c.New.Text("kind") == "store" {
			return refuse("the name of a store is not merged").Do("merge the plain name into the store's name instead") // R-E-04
		}
		for _, f := range []atoll.Fields{c.New, kept} {
			switch k := f.Text("kind"); k {
			case "build", "repack", "inventory_adjustment":
				return refuse("the name for %s is the program's own", k).Do("choose another name")
			}
		}
	case "item":
		if a, b := c.New.Text("kind"), kept.Text("kind"); a != b {
			return refuse("one item is of kind %s, the other of kind %s", a, b).Do("merge items of one kind")
		}
	}
	switch c.Def.Merge {
	case catalogue.MergeActive: // R-E-02
		if c.New.ID(c.Def.Scope) != kept.ID(c.Def.Scope) {
			return refuse("the two are of different stores").Do("merge locations of one store")
		}
	case catalogue.MergeHome: // R-E-03
		a, _ := t.Store(c.New.ID(c.Def.Home))
		b, _ := t.Store(kept.ID(c.Def.Home))
		if a.Site != b.Site {
			return refuse("the two have different home sites: %d (store %s) and %d (store %s)", a.Site, a.Name, b.Site, b.Name).
				Do("transfer the home store of one of them first")
		}
	case catalogue.MergePrimary, catalogue.NoMerge:
	}
	return nil
}

// unmerged is the law that the latest merge of a chain is undone first (R-E-51),
// and that what was undone says so.
func unmerged(w admit.World, c admit.Change, was atoll.ID) error {
	if c.New.ID("unmerged_from") != was {
		return refuse("an undone merge says which it was").On("unmerged_from").Do("undo it with: atoll merge undo %s %s", c.Op.Type, c.Op.ID)
	}
	if c.Op.Verb == atoll.Restate {
		return nil
	}
	r, there, err := w.Record(atoll.Key{Type: c.Op.Type, ID: was})
	if err != nil || !there {
		return err
	}
	if next := survivor.Into(r.MustFields()); next != "" {
		return refuse("%s, into which it was merged, was merged since into %s", name(w, c, was), name(w, c, next)).
			Do("undo the merge of %s first", was)
	}
	return nil
}

func refuse(format string, args ...any) *atoll.Error {
	return atoll.Errorf(atoll.Rule, format, args...).On("merged_into").Because("merge.cannot")
}

// name is the record in words: its label, and its code where it has one.
func name(w admit.World, c admit.Change, id atoll.ID) string {
	r, there, err := w.Record(atoll.Key{Type: c.Op.Type, ID: id})
	if err != nil || !there {
		return string(id)
	}
	f := r.MustFields()
	out := f.Text(c.Def.Label)
	if code := f.Text("code"); code != "" && code != out {
		out = code + " " + out
	}
	return out + " (" + string(id) + ")"
}
