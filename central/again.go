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
func (c *Centre) again(tx storage.Tx, r storage.Refusal, note, by string, renewed bool) (bool, error) {
	chain, err := c.chainOf(tx, r)
	if err != nil {
		return false, err
	}
	t, err := c.Door.Topology(tx)
	if err != nil {
		return false, err
	}
	if len(chain) == 0 {
		return false, nil // it was settled along with another
	}
	asked := r // as it was refused, whatever is found now
	// The shortest run of entries that can stand: the refused one alone, or with
	// those that mended it.
	for n := 1; n <= len(chain); n++ {
		ops, ends, err := composed(chain[:n])
		if err != nil || c.mustStay(ops) != nil {
			break
		}
		if ops, err = c.missing(tx, r.Site, ops, ends); err != nil {
			return false, err
		}
		if renewed {
			if err := c.renew(tx, r.Site, ops); err != nil {
				return false, err
			}
		}
		changes, err := c.judge(tx, t, atoll.Origin{Site: r.Site, Seq: chain[n-1].Seq}, ops)
		var refusal *admit.Refusal
		if errors.As(err, &refusal) {
			if err := c.buildsOnLost(tx, r.Site, ops, refusal, false); err != nil {
				return false, err
			}
			if n == 1 && refusal.Layer == admit.LayerReference {
				if stands, err := c.stated(tx, r.Site, r.Seq, ops); err != nil {
					return false, err
				} else if stands {
					r.State, r.Settled, r.By, r.Note = storage.Applied, c.Now(), by, "the site has stated it again since"
					r.Attempts++
					return true, errors.Join(tx.Settle(r), c.release(tx, r.Site, chain[1:], note, by))
				}
			}
			// What is wrong with those behind it is not why this one waits, unless it waits
			// for what one of them states, and the site may not state that.
			cannot := r.Code == atoll.Reference && refusal.Layer == admit.LayerOwnership && ends[refusal.Key].stated
			if n == 1 || cannot {
				r.Code, r.Layer, r.Message = refusal.Err.Code, refusal.Layer, c.tell(tx, r.Site, ops, refusal)
				r.Subject, r.Field, r.Reason = refusal.Key, refusal.Err.Field, refusal.Err.Why()
			}
			continue
		}
		if err != nil {
			return false, err
		}
		if lost, err := overtaken(tx, ops, changes, ends); err != nil {
			return false, err
		} else if lost {
			continue
		}
		if err := c.applyMended(tx, asked, changes, ends); err != nil {
			return false, err
		}
		for _, done := range chain[:n] {
			done.State, done.Settled, done.By, done.Note = storage.Applied, c.Now(), by, note
			done.Attempts++
			if err := tx.Settle(done); err != nil {
				return false, err
			}
		}
		return true, c.release(tx, r.Site, chain[n:], note, by)
	}
	r.Attempts++
	if err := tx.Settle(r); err != nil || r.Layer != admit.LayerOwnership || asked.Layer == admit.LayerOwnership {
		return false, err
	}
	return false, c.sendBack(tx, r, chain)
}

// sendBack sends the site the true records of an entry that waited for something else until
// it was found that the site has no right to make it, and of those held behind it, as when
// that is found at once (R-F-09). The right may have moved while it waited, or be one that
// was given by a step that is lost here. Until the site hears so it works on by that right,
// and whatever answers there would be refused, and be given again, for ever.
func (c *Centre) sendBack(tx storage.Tx, r storage.Refusal, chain []storage.Refusal) error {
	for _, waits := range chain {
		if waits.ID != r.ID && waits.Code != atoll.HeldBehind {
			continue
		}
		if err := c.giveBack(tx, waits); err != nil {
			return err
		}
	}
	if err := mayBeLate(tx, r.Site, true); !errors.Is(err, atoll.SiteUnknown) { // it may have been deleted since
		return err
	}
	return nil
}

// release judges what was held behind refusals that are settled now.
func (c *Centre) release(tx storage.Tx, site atoll.SiteID, held []storage.Refusal, note, by string) error {
	for _, h := range held {
		h, err := tx.Refusal(h.ID)
		if err != nil {
			return err
		}
		if h.State != storage.Open {
			continue // it was settled along with one before it
		}
		e, err := atoll.DecodeEntry(h.Content)
		if err != nil {
			continue
		}
		open, err := tx.OpenRefusals(site, keysOf(e.Operations))
		if err != nil {
			return err
		}
		first := h.ID
		for _, id := range open {
			first = min(first, id)
		}
		if first < h.ID {
			h.Behind = first
			if err := tx.Settle(h); err != nil {
				return err
			}
			continue
		}
		h.Behind = 0
		h.Code, h.Message, h.Reason = atoll.Rule, "it waits to be judged", atoll.Reason{}
		if _, err := c.retry(tx, h, note, by); err != nil {
			return err
		}
	}
	return nil
}

// chainOf returns the refusal and the open ones of its site that touch the same
// records, directly or through each other, in their order.
func (c *Centre) chainOf(tx storage.Tx, r storage.Refusal) ([]storage.Refusal, error) {
	open, err := tx.Refusals(r.Site, true, r.ID-1, 0)
	if err != nil {
		return nil, err
	}
	touched := map[atoll.Key]bool{}
	in := make([]bool, len(open))
	for grew := true; grew; { // one may touch what only a later one has in common with the first
		grew = false
		for i, o := range open {
			joins := o.ID == r.ID || slices.ContainsFunc(o.Keys, func(k atoll.Key) bool { return touched[k] })
			if in[i] || !joins {
				continue
			}
			in[i], grew = true, true
			for _, k := range o.Keys {
				touched[k] = true
			}
		}
	}
	var chain []storage.Refusal
	for i, o := range open {
		if in[i] {
			chain = append(chain, o)
		}
	}
	return chain, nil
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
func composed(chain []storage.Refusal) ([]atoll.Operation, map[atoll.Key]end, error) {
	var ops []atoll.Operation
	place := map[atoll.Key]int{}
	ends := map[atoll.Key]end{}
	for _, r := range chain {
		e, err := atoll.DecodeEntry(r.Content)
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
