package journal

import (
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Rebuild makes the version of a record that the entry origin made again, from the
// journals that this database holds: the centre has all of them. It fails with
// atoll.NotFound when they do not reach back to where the record was stated whole.
func Rebuild(r storage.Reader, key atoll.Key, origin atoll.Origin) (atoll.Record, error) {
	out := atoll.Record{Key: key, Origin: origin}
	versions, err := History(r, out, 0)
	if err != nil {
		return out, err
	}
	whole := slices.IndexFunc(versions, func(c Change) bool { return c.Op.Verb == atoll.Insert || c.Op.Verb == atoll.Restate })
	if whole < 0 {
		return out, atoll.Errorf(atoll.NotFound, "the journals here do not tell what version %s was", origin).About(key)
	}
	f := atoll.Fields{}
	for _, c := range slices.Backward(versions[:whole+1]) {
		out.Version, out.Deleted = c.Op.Version, c.Op.Gone()
		switch c.Op.Verb {
		case atoll.Insert, atoll.Restate:
			f = c.Op.Fields
		case atoll.Update:
			f = f.Apply(c.Op.Fields)
		case atoll.Delete: // a tombstone keeps its last fields
		}
	}
	out.Body = f.Encode()
	return out, nil
}

// Mended returns what a record of the centre's should be, from its journals: one
// that is spoiled, proven by its seal, or one that is missing, of which somebody
// has the version origin. It fails with atoll.NotFound when the journals cannot
// tell.
func (d *Door) Mended(r storage.Reader, key atoll.Key, origin atoll.Origin) (atoll.Record, error) {
	now, err := r.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return Rebuild(r, key, origin)
	}
	if err != nil {
		return now, err
	}
	seal, err := r.Seal(key)
	if err != nil {
		return now, err
	}
	was, found, err := sealed(r, key, seal, []atoll.Origin{now.Origin, origin})
	if err != nil || found {
		return was, err
	}
	// The row's own origin may be what was spoiled.
	versions, err := Versions(r, key)
	if err != nil {
		return now, err
	}
	if was, found, err = sealed(r, key, seal, versions); err != nil || found {
		return was, err
	}
	return now, atoll.Errorf(atoll.NotFound, "the journals here do not tell what the record was").About(key)
}

// sealed returns the version out of these that has the seal.
func sealed(r storage.Reader, key atoll.Key, seal digest.Row, versions []atoll.Origin) (was atoll.Record, found bool, err error) {
	for _, o := range versions {
		if o == (atoll.Origin{}) {
			continue
		}
		was, err = Rebuild(r, key, o)
		if err == nil && digest.Of(was) == seal {
			return was, true, nil
		}
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return was, false, err
		}
	}
	return was, false, nil
}

// Mend puts a record that is spoiled, or missing at the centre, back as it was; the
// centre lists it anew (R-H-44). It returns what it was put back to; see Mended.
func (d *Door) Mend(tx storage.Tx, key atoll.Key, origin atoll.Origin) (atoll.Record, error) {
	was, err := d.Mended(tx, key, origin)
	if err != nil {
		return was, err
	}
	t, err := d.Topology(tx)
	if err != nil {
		return was, err
	}
	def, ok := d.Judge.Catalogue.Lookup(key.Type)
	if !ok {
		return was, atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", key.Type)
	}
	f, err := was.Fields()
	if err != nil {
		return was, err
	}
	now, err := tx.Record(key)
	if err == nil && !d.Centre {
		was.Hidden, was.Audiences = now.Hidden, now.Audiences
		_, err = tx.Put(was, d.Judge.Catalogue.Index(key.Type, f))
		if err == nil && topology.Shapes(key.Type) {
			err = d.redraw(tx)
		}
		return was, err
	}
	before := &now
	if errors.Is(err, atoll.NotFound) {
		before = nil
		if err = d.unlist(tx, key, route.Audiences(t, def, key, f)); err == nil {
			err = tx.Recount()
		}
	}
	if err != nil {
		return was, err
	}
	return was, d.put(tx, t, def, was, f, before)
}

// unlist removes the lines that a missing record left behind, and its part in the
// digests, if it left that behind too.
func (d *Door) unlist(tx storage.Tx, key atoll.Key, wide []atoll.Audience) error {
	t, err := d.Topology(tx)
	if err != nil {
		return err
	}
	audiences, err := resolve(tx, t, wide)
	if err != nil {
		return err
	}
	counted := digest.Counted(audiences)
	for _, a := range audiences {
		lines, err := tx.Feed(a, 0, 0, 0)
		if err != nil {
			return err
		}
		var sum digest.Sum
		for _, l := range lines {
			if l.Key == key {
				if err := tx.Unlist(a, l.Position, key); err != nil {
					return err
				}
				continue
			}
			if l.Gone || !slices.Contains(counted, a) {
				continue
			}
			r, err := tx.Record(l.Key)
			if errors.Is(err, atoll.NotFound) || err == nil && r.Position != l.Position {
				continue
			}
			if err != nil {
				return err
			}
			seal, err := tx.Seal(l.Key)
			if err != nil {
				return err
			}
			if slices.Contains(digest.Counted(r.Audiences), a) {
				sum.Add(seal)
			}
		}
		if !slices.Contains(counted, a) {
			continue
		}
		kept, err := tx.Digest(a)
		if err != nil {
			return err
		}
		if off := sum.Minus(kept); off != (digest.Sum{}) {
			if err := tx.Amend(a, off); err != nil {
				return err
			}
		}
	}
	return nil
}

// Amend makes the digests those of the rows, by what counting them found; and, if
// the rows are not as many as were counted, the counts and the index.
func (d *Door) Amend(tx storage.Tx, off map[atoll.Audience]digest.Sum, uncounted bool) error {
	if uncounted || len(off) > 0 {
		if err := tx.Recount(); err != nil {
			return err
		}
	}
	for a, by := range off {
		if err := tx.Amend(a, by); err != nil {
			return err
		}
	}
	return nil
}

// Remove takes away a row that nobody ever stored, and says so to who may have read
// it. It does nothing to a record that the journals here know.
func (d *Door) Remove(tx storage.Tx, key atoll.Key) error {
	r, err := tx.Record(key)
	if err != nil {
		return err
	}
	for _, a := range r.Audiences {
		if err := tx.Unlist(a, r.Position, key); err != nil {
			return err
		}
		at, err := tx.NextPosition()
		if err != nil {
			return err
		}
		if err := tx.List(a, storage.FeedLine{Position: at, Key: key, Gone: true}); err != nil {
			return err
		}
	}
	return tx.Forget(key)
}
