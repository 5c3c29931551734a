package admit

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// Edited returns the names of the fields that an update changes on purpose, sorted:
// without the references that only follow a merge, which no rule about what may
// change holds up (R-E-10, R-E-12).
func (c Change) Edited() []string {
	return slices.DeleteFunc(c.Op.Fields.Names(), func(name string) bool { return slices.Contains(c.Followed, name) })
}

// merges knows which records were merged into which, the entry's own merges
// included.
type merges struct {
	catalogue *catalogue.Catalogue
	world     World
	own       map[atoll.Key]atoll.Fields // what the entry says of them
	known     map[step]bool
}

type step struct {
	of       atoll.Type
	from, to atoll.ID
}

func mergesOf(c *catalogue.Catalogue, w World, ops []atoll.Operation) *merges {
	m := &merges{catalogue: c, world: w, own: map[atoll.Key]atoll.Fields{}, known: map[step]bool{}}
	for _, op := range ops {
		if op.Fields.Has("merged_into") || op.Fields.Has("unmerged_from") {
			m.own[op.Key] = op.Fields
		}
	}
	return m
}

// followed returns the changed references that follow a merge or its undoing: the
// records that are named before and after were merged with each other, or once
// were, if only each with a third.
func (m *merges) followed(def *catalogue.Def, old, changed atoll.Fields) ([]string, error) {
	var out []string
	for name := range changed {
		f, ok := def.Field(name)
		if !ok || f.Kind != catalogue.Reference || name == "merged_into" || name == "unmerged_from" {
			continue
		}
		to, ok := m.catalogue.Lookup(f.To)
		was, is := old.ID(name), changed.ID(name)
		if !ok || to.Merge == catalogue.NoMerge || !was.Valid() || !is.Valid() || was == is {
			continue
		}
		related, err := m.related(step{f.To, was, is})
		if err != nil {
			return nil, err
		}
		if related {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// related reports whether merges connect, or once connected, the two records. It is
// looked for from both: a record says what it was merged into, and not always what was
// once merged into it.
func (m *merges) related(s step) (bool, error) {
	if yes, ok := m.known[s]; ok {
		return yes, nil
	}
	one, err := m.kin(s.of, s.from)
	if err != nil {
		return false, err
	}
	other, err := m.kin(s.of, s.to)
	if err != nil {
		return false, err
	}
	m.known[s] = slices.ContainsFunc(one, func(id atoll.ID) bool { return slices.Contains(other, id) })
	return m.known[s], nil
}

// kin returns the record and those that merges lead to from it.
func (m *merges) kin(of atoll.Type, id atoll.ID) ([]atoll.ID, error) {
	todo := []atoll.ID{id}
	add := func(id atoll.ID) {
		if id != "" && !slices.Contains(todo, id) {
			todo = append(todo, id)
		}
	}
	for i := 0; i < len(todo); i++ {
		key := atoll.Key{Type: of, ID: todo[i]}
		r, there, err := m.world.Record(key)
		if err != nil {
			return nil, err
		}
		f := atoll.Fields{}
		if there {
			if f, err = r.Fields(); err != nil {
				return nil, err
			}
		}
		f = f.Apply(m.own[key])
		for _, was := range catalogue.MergedBefore(f) {
			add(was)
		}
		for _, name := range []string{"merged_into", "unmerged_from"} {
			add(f.ID(name))
			others, err := m.world.Lines(of, name, key.ID)
			if err != nil {
				return nil, err
			}
			for _, o := range others {
				add(o.ID)
			}
			for own, f := range m.own {
				if own.Type == of && f.ID(name) == key.ID {
					add(own.ID)
				}
			}
		}
	}
	return todo, nil
}

// without returns the fields less those of the names.
func without(f atoll.Fields, names []string) atoll.Fields {
	if len(names) == 0 {
		return f
	}
	out := f.Clone()
	for _, name := range names {
		delete(out, name)
	}
	return out
}
