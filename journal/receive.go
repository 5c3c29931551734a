package journal

import (
	"bytes"
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Outcome says what Receive did with a record.
type Outcome int

// The outcomes.
const (
	Stored    Outcome = iota + 1 // it is here now
	Known                        // this very version was here already
	Kept                         // this site owns the record and keeps its own state
	Retracted                    // it is hidden now
	Forgotten                    // this site made it, and the centre never took it: it is not here any longer
)

// Arrival is a record's state from the centre's feed.
type Arrival struct {
	Record atoll.Record
	// Fields are the record's, if who received it has taken them apart; nil otherwise.
	Fields atoll.Fields
	// Gone retracts the record instead of storing it. Forced, and without a version, it
	// says that the centre has no such record.
	Gone bool
	// Forced replaces the state even of a record this site owns or made.
	Forced bool
	// Initialising takes everything, this site's own records included (R-H-22).
	Initialising bool
	// Pushed is the seq up to which the centre had this site's journal when it gave
	// the state. An own change after it is newer than any state that arrives.
	Pushed uint64
}

// Fate says what becomes of an arrival at the site, from values alone. Before is
// the record as it is here, nil if it is not; owns tells whether this site may write
// it now, and is asked only if that decides.
func Fate(site atoll.SiteID, before *atoll.Record, a Arrival, owns func() (bool, error)) (Outcome, error) {
	if before != nil && !a.Initialising {
		if !a.Gone && before.Origin == a.Record.Origin && before.Deleted == a.Record.Deleted && !before.Hidden && bytes.Equal(before.Body, a.Record.Body) {
			return Known, nil
		}
		if before.Origin.Site == site && before.Origin.Seq > a.Pushed {
			return Kept, nil // the centre has not seen our latest change yet
		}
		// What is later than what is here was made by another owner before this site
		// became it: the site hears of both at once.
		if !a.Forced && !before.Hidden && a.Record.Version <= before.Version {
			if own, err := owns(); err != nil || own {
				return Kept, err
			}
		}
	}
	switch {
	case before != nil && a.Initialising && !a.Gone && before.Origin.Site == site && before.Version > a.Record.Version:
		// The centre was restored from a backup meanwhile, and lacks what it gave of our
		// own: it is asked to take it back (see exchange.GoBack).
		return Kept, nil
	case !a.Gone:
		return Stored, nil
	case before == nil:
		return Known, nil
	case a.Forced && a.Record.Version == 0 && before.Origin.Site == site:
		return Forgotten, nil
	case before.Hidden:
		return Known, nil
	}
	return Retracted, nil
}

// Receive stores what arrived from the feed. No entry is written: the change is
// in its owner's journal, and nothing is sent back (R-A-12). The caller moves its
// cursor in the same transaction.
func (d *Door) Receive(tx storage.Tx, t *topology.Topology, a Arrival) (Outcome, error) {
	r := a.Record
	before, there, err := View{tx}.Record(r.Key)
	if err != nil {
		return 0, err
	}
	here := &before
	if there && a.Forced {
		// What is not as it was stored tells nothing about whose it is.
		seal, err := tx.Seal(r.Key)
		if err != nil {
			return 0, err
		}
		if there = seal == digest.Of(before); !there && a.Gone {
			return Retracted, d.drop(tx, r.Key)
		}
	}
	if !there {
		here = nil
	} else if a.Forced {
		// What was never before the centre it cannot have judged.
		unseen, err := d.unseen(tx, before, a.Pushed)
		if err != nil {
			return 0, err
		}
		a.Forced = !unseen
	}
	outcome, err := Fate(d.Site, here, a, func() (bool, error) {
		own, err := d.owns(tx, t, before)
		return own && !d.movedHome(before, r), err
	})
	if err == nil && outcome != Kept && there && a.Forced && a.Gone && a.Record.Version <= before.Version && a.Record.Origin != before.Origin {
		err = d.undone(tx, before, a.Record.Origin) // the centre has it as it was before, or not at all
	}
	switch {
	case err != nil:
		return 0, err
	case outcome == Forgotten:
		return outcome, errors.Join(tx.Drop(shelfRetracted, r.Key.String()), d.drop(tx, r.Key))
	case outcome == Retracted:
		return outcome, d.hide(tx, t, before)
	case outcome == Known && !a.Gone:
		return outcome, d.place(tx, t, before) // it may have stayed here until it was stated
	case outcome != Stored:
		return outcome, nil
	}
	if there && a.Forced {
		if err := errors.Join(d.undone(tx, before, r.Origin), d.rehome(tx, before, r)); err != nil {
			return 0, err
		}
	}
	if there && before.Hidden {
		if err := tx.Drop(shelfRetracted, r.Key.String()); err != nil {
			return 0, err
		}
	}
	return outcome, d.replace(tx, t, r, a.Fields)
}

// drop takes away a row that is not as it was stored and does not belong here.
func (d *Door) drop(tx storage.Tx, key atoll.Key) error {
	if err := tx.Forget(key); err != nil || !topology.Shapes(key.Type) {
		return err
	}
	return d.redraw(tx)
}

// replace stores a replica as it is. Its fields are taken apart unless the caller has
// done that.
func (d *Door) replace(tx storage.Tx, t *topology.Topology, r atoll.Record, f atoll.Fields) (err error) {
	if f == nil {
		if f, err = r.Fields(); err != nil {
			return err
		}
	}
	r.Audiences = d.places(t, r.Key, f)
	if _, err := tx.Put(r, d.Judge.Catalogue.Index(r.Type, f)); err != nil {
		return err
	}
	if !topology.Shapes(r.Type) {
		return nil
	}
	if err := d.redraw(tx); err != nil || !steers(r.Type, f) {
		return err
	}
	after, err := d.Topology(tx)
	if err != nil {
		return err
	}
	return d.reroute(tx, after, steering(t, after), true)
}

// owns reports whether this site may write the record now. A record whose owner
// cannot be told here is not this site's.
func (d *Door) owns(tx storage.Tx, t *topology.Topology, r atoll.Record) (bool, error) {
	def, ok := d.Judge.Catalogue.Lookup(r.Type)
	if !ok {
		return false, nil
	}
	f, err := r.Fields()
	if err != nil {
		return false, err
	}
	s, err := admit.SubjectOf(View{tx}, def, r.Key, f)
	if err != nil {
		return false, err
	}
	return authority.Holds(t, s, d.Site), nil
}

// movedHome reports whether what arrives tells of a later home store than the one
// that makes this site the owner: the centre moved it (R-G-42).
func (d *Door) movedHome(before, now atoll.Record) bool {
	def, ok := d.Judge.Catalogue.Lookup(now.Type)
	if !ok || def.Home == "" {
		return false
	}
	_, was := authority.HomeOf(def, before.MustFields())
	_, is := authority.HomeOf(def, now.MustFields())
	return is > was
}

// Hide retracts a replica whose audience this site has lost: it is kept for the
// documents that name it, and shown in no list (R-C-19).
func (d *Door) Hide(tx storage.Tx, key atoll.Key) error {
	r, err := tx.Record(key)
	if err != nil || r.Hidden {
		return err
	}
	t, err := d.Topology(tx)
	if err != nil {
		return err
	}
	return d.hide(tx, t, r)
}

// Owner returns who may write the record now, and why.
func (d *Door) Owner(r storage.Reader, rec atoll.Record) (authority.Owner, error) {
	t, err := d.Topology(r)
	if err != nil {
		return authority.Owner{}, err
	}
	def, ok := d.Judge.Catalogue.Lookup(rec.Type)
	if !ok {
		return authority.Owner{}, atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", rec.Type)
	}
	f, err := rec.Fields()
	if err != nil {
		return authority.Owner{}, err
	}
	s, err := admit.SubjectOf(View{r}, def, rec.Key, f)
	if err != nil {
		return authority.Owner{}, err
	}
	return authority.OwnerOf(t, s, d.Site)
}

func (d *Door) epoch(t *topology.Topology, s authority.Subject, verb atoll.Verb) uint64 {
	owner, err := authority.MayWrite(t, d.Site, verb, s)
	if err != nil {
		return 0 // the judge will say why not
	}
	return owner.Epoch
}
