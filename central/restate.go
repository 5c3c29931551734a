package central

import (
	"bytes"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// judge is the verdict on operations of a site's entry: the laws that hold everywhere,
// and for restatements what only the centre can tell.
func (c *Centre) judge(tx storage.Tx, t *topology.Topology, from atoll.Origin, ops []atoll.Operation) ([]admit.Change, error) {
	changes, err := c.Door.Judge.Entry(t, viewOf(tx), from, ops, false)
	if err != nil {
		return nil, err
	}
	read := map[atoll.Origin]*atoll.Entry{}
	for _, change := range changes {
		if change.Op.Verb != atoll.Restate {
			continue
		}
		why, err := c.unfounded(tx, change, read)
		if err != nil {
			return nil, err
		}
		if why != nil {
			layer := admit.LayerRule
			if why.Code == atoll.Reference {
				layer = admit.LayerReference
			}
			return nil, &admit.Refusal{Layer: layer, Key: change.Op.Key, Err: why.About(change.Op.Key)}
		}
	}
	return changes, nil
}

// unfounded says why a restatement may not stand, nil if it may. A restatement is
// not judged by the laws of documents, as what it tells has happened already; so
// it must tell what this database could not know: a version whose content stayed
// at its site, or a record that was lost here.
func (c *Centre) unfounded(tx storage.Tx, change admit.Change, read map[atoll.Origin]*atoll.Entry) (*atoll.Error, error) {
	op := change.Op
	if change.Before != nil && change.Before.Deleted {
		return atoll.Errorf(atoll.BaseVersion, "the record was deleted by entry %s", change.Before.Origin), nil
	}
	if b := change.Before; b != nil && b.Version == op.Version && b.Origin == op.Base {
		return c.mends(tx, op)
	}
	made, known := read[op.Base]
	if !known {
		je, err := tx.Entry(op.Base.Site, op.Base.Seq)
		if errors.Is(err, atoll.NotFound) {
			code := atoll.BaseVersion
			if l, err := loadLife(tx); err != nil {
				return nil, err
			} else if len(l.Lost) > 0 {
				code = atoll.Reference // a site has yet to send it again
			}
			return atoll.Errorf(code, "it names entry %s as its origin, which is not known here", op.Base), nil
		}
		if err != nil {
			return nil, err
		}
		if made, err = atoll.DecodeEntry(je.Content); err != nil {
			made = &atoll.Entry{} // it was refused as it came
		}
		read[op.Base] = made
	}
	if !made.Withheld.IsZero() {
		return nil, nil
	}
	for _, o := range made.Operations {
		switch {
		case !o.Withheld.IsZero():
			return nil, nil
		case o.Key != op.Key || o.Version != op.Version:
			continue
		}
		if out, err := leftWithStock(tx, op, made); err != nil || out {
			return atoll.Errorf(atoll.BaseVersion, "entry %s, which made it and moved stock with it, was refused and left out", op.Base), err
		}
		if change.Before == nil {
			from, err := c.fromLost(tx, o)
			if err == nil && from == beyond {
				// Who made it makes it first.
				return atoll.Errorf(atoll.Reference, "it builds on an entry of another site that is not here yet"), nil
			}
			return nil, err
		}
		// It may build on versions that were lost here, and wait for just this.
		s, err := State(tx, op.Base.Site)
		if err == nil && s.afterLoss(op.Base.Seq) {
			return nil, nil
		}
		if err != nil && !errors.Is(err, atoll.SiteUnknown) {
			return nil, err
		}
		if from, err := c.fromLost(tx, o); err != nil || from == lost {
			return nil, err
		}
	}
	return atoll.Errorf(atoll.BaseVersion, "entry %s, which it names as its origin, did not make version %d of it", op.Base, op.Version), nil
}

// leftWithStock reports whether the entry that made a version moved stock with it, and a person
// has left that entry out for good (R-K-42). What moves with stock is left out whole: the
// document would stand without the stock it moved, or the stock without its document.
func leftWithStock(r storage.Reader, op *atoll.Operation, made *atoll.Entry) (bool, error) {
	if !documents.MovedWith(op.Type, made.Operations) {
		return false, nil
	}
	out, err := leftOut(r, op.Base.Site)
	return out[op.Base.Seq] != "", err
}

// mends sees whether an owner says of the very version that stands here what the
// journals say of it: then ours was damaged (R-H-44). Where they do not tell, the
// owner is believed.
func (c *Centre) mends(tx storage.Tx, op *atoll.Operation) (*atoll.Error, error) {
	was, err := journal.Rebuild(tx, op.Key, op.Base)
	if errors.Is(err, atoll.NotFound) {
		return nil, nil
	}
	if err != nil || bytes.Equal(was.Body, op.Fields.Encode()) {
		return nil, err
	}
	return atoll.Errorf(atoll.BaseVersion, "entry %s made something else of version %d of it", op.Base, op.Version), nil
}

// fromLost says whether a version goes back, by entries of sites, to one that the
// centre made itself and lost; or, where this database was restored, to an entry that
// a site has yet to send again.
func (c *Centre) fromLost(tx storage.Tx, o atoll.Operation) (loss, error) {
	for range maxBack {
		if o.Base == (atoll.Origin{}) {
			return present, nil
		}
		if o.Base.Site == c.Door.Site {
			return c.lostOwn(tx, o.Base, o.Key)
		}
		je, err := tx.Entry(o.Base.Site, o.Base.Seq)
		if errors.Is(err, atoll.NotFound) {
			l, err := loadLife(tx)
			if err != nil || len(l.Lost) == 0 {
				return present, err
			}
			return beyond, nil
		}
		if err != nil {
			return present, err
		}
		e, err := atoll.DecodeEntry(je.Content)
		if err != nil {
			return present, nil //nolint:nilerr // it was refused as it came
		}
		i := slices.IndexFunc(e.Operations, func(b atoll.Operation) bool { return b.Key == o.Key })
		if i < 0 {
			return present, nil
		}
		o = e.Operations[i]
	}
	return present, nil
}

// maxBack is how many versions are followed back.
const maxBack = 1000
