package journal

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// A remote site keeps with each record the audiences under which the centre must
// list it, as far as the site can tell: both ends then keep digests of the same
// sets, in the transactions that write the records (R-H-44). What stays at the site
// is under none.

// places returns the audiences of a record at this site. A narrow audience stands
// for this site as its member: that the record is here, and not hidden, shows that
// it is one. (One made here about somebody who is not visible here any longer is an
// exception until the centre has it, and says that it goes.)
func (d *Door) places(t *topology.Topology, key atoll.Key, f atoll.Fields) []atoll.Audience {
	def, ok := d.Judge.Catalogue.Lookup(key.Type)
	if !ok || def.Class == catalogue.Local {
		return nil
	}
	out := route.Audiences(t, def, key, f)
	if slices.ContainsFunc(out, atoll.Audience.Narrow) {
		out = append(out, atoll.SiteAudience(d.Site))
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

// place makes the record's audiences at this site what they must be now.
func (d *Door) place(tx storage.Tx, t *topology.Topology, r atoll.Record) error {
	f, err := r.Fields()
	if err != nil {
		return nil //nolint:nilerr // a body that cannot be read is found by comparing seals
	}
	if want := d.places(t, r.Key, f); !slices.Equal(want, r.Audiences) {
		return tx.Place(r.Key, want)
	}
	return nil
}

// PlaceAll works out the audiences of every replica and every record of a site whose
// database was made before they were kept, but for those that stay here.
func (d *Door) PlaceAll(tx storage.Tx) error {
	t, err := d.Topology(tx)
	if err != nil || d.Centre {
		return err
	}
	for after := atoll.Position(0); ; {
		page, err := tx.Changed(after, 1000)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			after = r.Position
			if r.Hidden || len(r.Audiences) > 0 {
				continue
			}
			stays, err := d.stayedHere(tx, r)
			if err != nil {
				return err
			}
			if stays {
				continue
			}
			if err := d.place(tx, t, r); err != nil {
				return err
			}
		}
	}
}

// Stayed reports whether the record was made here, and its version neither left nor was
// stated since: what is stated is under its audiences.
func (d *Door) Stayed(r storage.Reader, rec atoll.Record) (bool, error) {
	if len(rec.Audiences) > 0 {
		return false, nil
	}
	return d.stayedHere(r, rec)
}

// stayedHere reports whether the record was made here and its version never left.
func (d *Door) stayedHere(r storage.Reader, rec atoll.Record) (bool, error) {
	if rec.Origin.Site != d.Site {
		return false, nil
	}
	h, err := History(r, rec, 1)
	return err == nil && len(h) == 1 && h[0].Op.Stays, err
}

// unseen reports whether the record stayed here, and the centre, which had this site's
// journal up to an entry, was not told of it either. What is stated goes up by another
// entry than the one that made it, and is under its audiences from then on.
func (d *Door) unseen(r storage.Reader, rec atoll.Record, pushed uint64) (bool, error) {
	stayed, err := d.stayedHere(r, rec)
	if err != nil || !stayed || len(rec.Audiences) == 0 {
		return stayed, err
	}
	unsent := false
	err = Walk(r, d.Site, pushed, func(je storage.JournalEntry) error {
		e, err := atoll.DecodeEntry(je.Content)
		if err != nil {
			return nil //nolint:nilerr // it states nothing that can be read
		}
		unsent = unsent || slices.ContainsFunc(e.Operations, func(op atoll.Operation) bool {
			return op.Key == rec.Key && op.Verb == atoll.Restate
		})
		return nil
	})
	return unsent, err
}

// Audiences returns the audiences that follow from the record as it is: at the
// centre those it must be listed under, at a site those it is compared under. Told
// is false when that cannot be told: of a body that cannot be read, an unknown type,
// and at a site of what is hidden, or stayed there.
func (d *Door) Audiences(r storage.Reader, rec atoll.Record) (out []atoll.Audience, told bool, err error) {
	t, err := d.Topology(r)
	if err != nil {
		return nil, false, err
	}
	def, ok := d.Judge.Catalogue.Lookup(rec.Type)
	f, ferr := rec.Fields()
	switch {
	case !ok || ferr != nil:
		return nil, false, nil //nolint:nilerr // it cannot be told
	case d.Centre:
		out, err = resolve(r, t, route.Audiences(t, def, rec.Key, f))
		return out, err == nil, err
	case rec.Hidden || len(rec.Audiences) == 0:
		return nil, false, nil
	}
	return d.places(t, rec.Key, f), true, nil
}
