package journal

import (
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// resolved returns the proposal with every reference to a merged record replaced
// by the one to its survivor: what is written here from now on names the survivor,
// whatever the form or the message it comes from still held (R-E-34, R-E-35,
// R-D-50). Edit is the whole edit, which may itself undo a merge.
func (d *Door) resolved(s *survivor.Resolver, edit []Proposal, p Proposal) (Proposal, error) {
	if p.Verb != atoll.Insert && p.Verb != atoll.Update {
		return p, nil
	}
	f, err := s.Fields(p.Key.Type, p.Fields)
	if err != nil {
		return p, err
	}
	for _, ref := range d.Judge.Catalogue.References(p.Key.Type, p.Fields) {
		to := atoll.Key{Type: ref.To, ID: ref.ID}
		if f.ID(ref.Field) != ref.ID && slices.ContainsFunc(edit, func(o Proposal) bool { return o.Key == to && o.Fields.Has("status") }) {
			f.Set(ref.Field, ref.ID)
		}
	}
	p.Fields = f
	return p, nil
}

// kin returns the narrow audience and those of every record of the same family: a
// merged patient and the one that was kept are seen wherever either is (R-E-20).
func kin(r storage.Reader, a atoll.Audience) ([]atoll.Audience, error) {
	_, who := a.Split()
	out := []atoll.Audience{a}
	for _, v := range visibility {
		if v.narrow(atoll.ID(who)) != a {
			continue
		}
		ids, err := survivor.Family(r, atoll.Key{Type: v.of, ID: atoll.ID(who)})
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if b := v.narrow(id); !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out, nil
}

// whose returns the narrow audience of a record that others may be merged into,
// "" for other types.
func whose(key atoll.Key) atoll.Audience {
	for _, v := range visibility {
		if v.of == key.Type {
			return v.narrow(key.ID)
		}
	}
	return ""
}

// members returns the sites that a narrow audience consists of: those where the name
// or person is visible, and a person's home site, visible there or not. It owns the
// details, and keeps what it owns (R-A-04): were it not told of them, nobody could
// change them or transfer the home store.
func members(r storage.Reader, t *topology.Topology, a atoll.Audience) ([]atoll.SiteID, error) {
	family, err := kin(r, a)
	if err != nil {
		return nil, err
	}
	var stores []atoll.ID
	var homes []atoll.SiteID
	for _, a := range family {
		_, who := a.Split()
		for _, v := range visibility {
			if v.narrow(atoll.ID(who)) != a {
				continue
			}
			if v.home != "" {
				person, err := r.Record(atoll.Key{Type: v.of, ID: atoll.ID(who)})
				if err != nil && !errors.Is(err, atoll.NotFound) {
					return nil, err
				}
				// Of one who is hidden here nothing is heard, nor where the home went.
				home, ok := t.Store(person.MustFields().ID(v.home))
				if err == nil && ok && !person.Hidden && home.Site != t.Centre() {
					homes = append(homes, home.Site)
				}
			}
			joins, err := r.Records(storage.Query{Type: v.kind, Where: map[string]string{v.who: who}})
			if err != nil {
				return nil, err
			}
			for _, j := range joins {
				f, err := j.Fields()
				if err != nil {
					return nil, err
				}
				if !f.Bool("inactive", false) {
					stores = append(stores, f.ID("store_id"))
				}
			}
		}
	}
	// Patient data is used in dispensaries only (R-G-08).
	kind, _ := a.Split()
	out := append(t.Readers(stores, kind == "patient"), homes...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// relistKin lists anew what concerns the record or any of its family.
func (d *Door) relistKin(tx storage.Tx, t *topology.Topology, a atoll.Audience) error {
	family, err := kin(tx, a)
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	for _, a := range family {
		if err := d.relistAudience(tx, t, a); err != nil {
			return err
		}
	}
	return nil
}
