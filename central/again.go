package central

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/storage"
)

// again is retry; renewed says that a person lets an edit of the site stand that
// was made under an ownership it has lost and now has again.
func (d *docket) again(r storage.Refusal, note, by string, renewed bool) (bool, error) {
	chain, err := d.chainOf(r)
	if err != nil {
		return false, err
	}
	t, err := d.Door.Topology(d.tx)
	if err != nil {
		return false, err
	}
	if len(chain) == 0 {
		return false, nil // it was settled along with another
	}
	asked := r // as it was refused, whatever is found now
	var why vain
	// The shortest run of entries that can stand: the refused one alone, or with
	// those that mended it.
	for n := 1; n <= len(chain); n++ {
		if d.inVain(chain[:n], &why) {
			continue
		}
		ops, ends, err := d.composed(chain[:n])
		if err != nil || d.mustStay(ops) != nil {
			break
		}
		if ops, err = d.missing(d.tx, r.Site, ops, ends); err != nil {
			return false, err
		}
		if renewed {
			if err := d.renew(d.tx, r.Site, ops); err != nil {
				return false, err
			}
		}
		changes, err := d.judge(d.tx, t, atoll.Origin{Site: r.Site, Seq: chain[n-1].Seq}, ops)
		var refusal *admit.Refusal
		if errors.As(err, &refusal) {
			why = d.learn(chain[:n], ops, ends, refusal)
			if err := d.buildsOnLost(d.tx, r.Site, ops, refusal, false); err != nil {
				return false, err
			}
			if n == 1 && refusal.Layer == admit.LayerReference {
				if stands, err := d.stated(d.tx, r.Site, r.Seq, ops); err != nil {
					return false, err
				} else if stands {
					err := d.settle(r, storage.Applied, by, "the site has stated it again since")
					return true, errors.Join(err, d.release(chain[1:], note, by))
				}
			}
			// What is wrong with those behind it is not why this one waits, unless it waits
			// for what one of them states, and the site may not state that.
			cannot := r.Code == atoll.Reference && refusal.Layer == admit.LayerOwnership && ends[refusal.Key].stated
			if n == 1 || cannot {
				r.Code, r.Layer, r.Message = refusal.Err.Code, refusal.Layer, d.tell(d.tx, r.Site, ops, refusal)
				r.Subject, r.Field, r.Reason = refusal.Key, refusal.Err.Field, refusal.Err.Why()
			}
			continue
		}
		if err != nil {
			return false, err
		}
		if lost, err := overtaken(d.tx, ops, changes, ends); err != nil {
			return false, err
		} else if lost {
			continue
		}
		if err := d.applyMended(d.tx, asked, changes, ends); err != nil {
			return false, err
		}
		for _, done := range chain[:n] {
			if err := d.settle(*done, storage.Applied, by, note); err != nil {
				return false, err
			}
		}
		return true, d.release(chain[n:], note, by)
	}
	r.Attempts++
	if err := d.write(r); err != nil || r.Layer != admit.LayerOwnership || asked.Layer == admit.LayerOwnership {
		return false, err
	}
	return false, d.sendBack(d.tx, r, chain)
}

// sendBack sends the site the true records of an entry that waited for something else until
// it was found that the site has no right to make it, and of those held behind it, as when
// that is found at once (R-F-09). The right may have moved while it waited, or be one that
// was given by a step that is lost here. Until the site hears so it works on by that right,
// and whatever answers there would be refused, and be given again, for ever.
func (c *Centre) sendBack(tx storage.Tx, r storage.Refusal, chain []*storage.Refusal) error {
	for _, waits := range chain {
		if waits.ID != r.ID && waits.Code != atoll.HeldBehind {
			continue
		}
		if err := c.giveBack(tx, *waits); err != nil {
			return err
		}
	}
	if err := mayBeLate(tx, r.Site, true); !errors.Is(err, atoll.SiteUnknown) { // it may have been deleted since
		return err
	}
	return nil
}

// release judges what was held behind refusals that are settled now.
func (d *docket) release(held []*storage.Refusal, note, by string) error {
	for _, h := range held {
		if h.State != storage.Open {
			continue // it was settled along with one before it
		}
		open, err := d.tx.OpenRefusals(h.Site, h.Keys)
		if err != nil {
			return err
		}
		first := *h
		for _, id := range open {
			first.ID = min(first.ID, id)
		}
		if first.ID < h.ID {
			first.ID, first.Behind = h.ID, first.ID
			if err := d.write(first); err != nil {
				return err
			}
			continue
		}
		first.Behind = 0
		first.Code, first.Message, first.Reason = atoll.Rule, "it waits to be judged", atoll.Reason{}
		if _, err := d.again(first, note, by, false); err != nil {
			return err
		}
	}
	return nil
}

// end is the last of the entries that touched a record: what stands afterwards is
// its version, as its site has it. Stated tells that it states the record whole, in place
// of what those before it changed; unmade, that they made the record and deleted it.
type end struct {
	version, seq   uint64
	stated, unmade bool
}

// composed returns one set of operations with the effect of the entries one
// after the other, each with the version and base of the first that touched its
// record, and where each record ends.
func (d *docket) composed(run []*storage.Refusal) ([]atoll.Operation, map[atoll.Key]end, error) {
	var ops []atoll.Operation
	place := map[atoll.Key]int{}
	ends := map[atoll.Key]end{}
	for _, r := range run {
		e, err := d.entry(r)
		if err != nil {
			return nil, nil, err
		}
		for _, op := range e.Operations {
			if !op.Withheld.IsZero() {
				continue
			}
			i, there := place[op.Key]
			ends[op.Key] = end{version: op.Version, seq: r.Seq, stated: there && op.Verb == atoll.Restate}
			if !there {
				place[op.Key] = len(ops)
				ops = append(ops, op)
				continue
			}
			if ops[i], err = compose(ops[i], op); err != nil {
				return nil, nil, err
			}
		}
	}
	// What was made and unmade was never here.
	for _, op := range ops {
		if e := ends[op.Key]; op.Verb == "" {
			e.unmade = true
			ends[op.Key] = e
		}
	}
	ops = slices.DeleteFunc(ops, func(op atoll.Operation) bool { return op.Verb == "" })
	return ops, ends, nil
}

// compose returns the operation with the effect of first, then next; it has no
// verb when together they do nothing.
func compose(first, next atoll.Operation) (atoll.Operation, error) {
	out := next
	out.Base, out.Version = first.Base, first.Version
	switch {
	case next.Verb == atoll.Restate:
		return next, nil // it says all there is to say, and builds on nothing
	case next.Verb == atoll.Delete && first.Verb == atoll.Insert:
		return atoll.Operation{Key: first.Key}, nil
	case next.Verb == atoll.Delete && first.Verb == atoll.Update:
		return out, nil
	case next.Verb == atoll.Update && first.Verb == atoll.Insert:
		out.Verb, out.Fields = atoll.Insert, first.Fields.Apply(next.Fields)
		return out, nil
	case next.Verb == atoll.Update && first.Verb == atoll.Update:
		out.Fields = first.Fields.Clone()
		maps.Copy(out.Fields, next.Fields)
		return out, nil
	}
	return out, atoll.Errorf(atoll.Invalid, "a %s after a %s", next.Verb, first.Verb)
}

// applyMended writes the changes as the entries left them: each record at the
// version and with the origin that its site gave it last, so that the site goes
// on from it. A change that was sent back before is sent again.
func (c *Centre) applyMended(tx storage.Tx, r storage.Refusal, changes []admit.Change, ends map[atoll.Key]end) error {
	bySeq := map[uint64][]admit.Change{}
	for _, change := range changes {
		e := ends[change.Op.Key]
		if change.Op.Verb != atoll.Restate {
			change.Op.Version = e.version
		}
		bySeq[e.seq] = append(bySeq[e.seq], change)
	}
	for _, seq := range slices.Sorted(maps.Keys(bySeq)) {
		if err := c.Door.Apply(tx, atoll.Origin{Site: r.Site, Seq: seq}, bySeq[seq]); err != nil {
			return err
		}
	}
	// What was held behind another refusal may have been sent back with that one.
	again := c.Door.Fetch
	if returned(r.Layer, r.Code) {
		again = c.Door.Return
	}
	for _, change := range changes {
		if err := again(tx, r.Site, change.Op.Key); err != nil {
			return err
		}
	}
	return c.forgetUnmade(tx, r.Site, ends)
}

// forgetUnmade has the site forget the tombstones of records that it made and deleted
// while both waited here: both ends would count other records (R-H-44).
func (c *Centre) forgetUnmade(tx storage.Tx, site atoll.SiteID, ends map[atoll.Key]end) error {
	for _, key := range slices.SortedFunc(maps.Keys(ends), func(a, b atoll.Key) int { return strings.Compare(a.String(), b.String()) }) {
		if !ends[key].unmade {
			continue
		}
		_, there, err := viewOf(tx).Record(key)
		if err == nil && !there {
			err = c.Door.Return(tx, site, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
