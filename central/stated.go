package central

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// A site that is asked for its records again states them while earlier entries of it
// wait in quarantine. When those are judged again, a part of what they made may stand.

// stated reports whether every record of an entry stands here as its site made it in
// that entry or a later one.
func (c *Centre) stated(tx storage.Tx, site atoll.SiteID, seq uint64, ops []atoll.Operation) (bool, error) {
	for _, op := range ops {
		now, there, err := viewOf(tx).Record(op.Key)
		if err != nil || !there || now.Origin.Site != site || now.Origin.Seq < seq || now.Version < op.Version {
			return false, err
		}
	}
	return len(ops) > 0, nil
}

// missing leaves out the operations whose effect stands here already: the record is at
// the version that they made, or at one that goes back to it, as its site has stated it
// since.
func (c *Centre) missing(tx storage.Tx, site atoll.SiteID, ops []atoll.Operation, ends map[atoll.Key]end) (out []atoll.Operation, err error) {
	for _, op := range ops {
		now, there, err := viewOf(tx).Record(op.Key)
		if err != nil {
			return nil, err
		}
		of := atoll.Origin{Site: site, Seq: ends[op.Key].seq}
		if there && now.Origin.Site == site && now.Origin.Seq >= of.Seq {
			if is, err := goesBack(tx, op.Key, now.Origin, of); err != nil {
				return nil, err
			} else if is {
				continue
			}
		}
		out = append(out, op)
	}
	return out, nil
}

// overtaken reports whether a change that a later entry states whole is lost: what was
// stated is passed over, as another version stands here, and that one does not go back to
// it. Such is the record of a store that was taken from the site, and that its new site
// made anew.
func overtaken(tx storage.Tx, ops []atoll.Operation, changes []admit.Change, ends map[atoll.Key]end) (bool, error) {
	for _, op := range ops {
		if !ends[op.Key].stated || slices.ContainsFunc(changes, func(c admit.Change) bool { return c.Op.Key == op.Key }) {
			continue
		}
		now, there, err := viewOf(tx).Record(op.Key)
		if err != nil || !there {
			return true, err
		}
		if is, err := goesBack(tx, op.Key, now.Origin, op.Base); err != nil || !is {
			return true, err
		}
	}
	return false, nil
}

// goesBack reports whether the version of a record that one entry made goes back, by what
// the journals here tell, to the version that another made.
func goesBack(tx storage.Tx, key atoll.Key, from, to atoll.Origin) (bool, error) {
	if from == to {
		return true, nil
	}
	before, err := journal.History(tx, atoll.Record{Key: key, Origin: from}, maxBack)
	return slices.ContainsFunc(before, func(c journal.Change) bool { return c.Op.Base == to }), err
}
