package central

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// maxAttempts is how often a refusal is tried again by itself before only a
// person can settle it (R-K-41).
const maxAttempts = 10

func viewOf(r storage.RecordReader) journal.View { return journal.View{RecordReader: r} }

// retryWaiting tries the site's open refusals again after new entries came from
// it: a reference may have arrived, or a later entry may have mended an earlier
// one at the source (R-K-40). Refusals about the right to write are left to a
// person.
func (c *Centre) retryWaiting(tx storage.Tx, site atoll.SiteID) error {
	d := c.docketOf(tx)
	open, err := tx.Refusals(site, true, 0, 200)
	if err != nil {
		return err
	}
	for _, r := range open {
		if r, err = d.now(r); err != nil {
			return err
		}
		if r.State != storage.Open || forAPerson(r) || r.Attempts >= maxAttempts {
			continue
		}
		if _, err := d.retry(r, "the site sent more", "by itself"); err != nil {
			return err
		}
	}
	return nil
}

// forAPerson reports whether a refusal is not tried again by itself: the site was sent
// the true records, or it goes with the one that it is held behind.
func forAPerson(r storage.Refusal) bool {
	return returned(r.Layer, r.Code) || r.Code == atoll.HeldBehind
}

// retryTaken tries again what waits, of whatever site, now that the centre has these
// records of its own back: an entry may name them, and also follow a merge, or answer a
// document that was cancelled, which a lost version alone told of.
func (c *Centre) retryTaken(tx storage.Tx, back []atoll.Key) error {
	d := c.docketOf(tx)
	open, err := tx.Refusals(0, true, 0, 1000)
	if err != nil {
		return err
	}
	for _, r := range open {
		if r, err = d.now(r); err != nil {
			return err
		}
		if r.State != storage.Open || r.Code == atoll.Reference || forAPerson(r) {
			continue
		}
		done, err := d.retry(r, "the centre has taken back what it lost", "by itself")
		if err != nil {
			return err
		}
		if done {
			back = append(back, r.Keys...)
		}
	}
	return c.retryOthers(tx, c.Door.Site, back)
}

// retryOthers tries refusals of other sites again that wait for one of these records.
// A site has another's record from the centre, so only a centre that was restored can
// lack what a change of it builds on, until the site that made it sends it again.
func (c *Centre) retryOthers(tx storage.Tx, site atoll.SiteID, came []atoll.Key) error {
	l, err := loadLife(tx)
	if err != nil || !l.Restored && len(l.Lost) == 0 {
		return err
	}
	d := c.docketOf(tx)
	open, err := tx.Refusals(0, true, 0, 1000)
	if err != nil {
		return err
	}
	for settled := true; settled; { // one may wait for another
		settled = false
		for _, r := range open {
			if r, err = d.now(r); err != nil {
				return err
			}
			if r.Site == site || r.State != storage.Open || r.Code != atoll.Reference || !c.mayStand(tx, r, came) {
				continue
			}
			done, err := d.retry(r, "another site sent what it builds on", "by itself")
			if err != nil {
				return err
			}
			if done {
				came, settled = append(came, r.Keys...), true
			}
		}
	}
	return nil
}

// mayStand reports whether a refusal for want of a record is worth another look: that
// came, or is here.
func (c *Centre) mayStand(r storage.Reader, no storage.Refusal, came []atoll.Key) bool {
	here := true
	for _, key := range c.wanted(no) {
		if slices.Contains(came, key) {
			return true
		}
		_, is, err := viewOf(r).Record(key)
		here = here && err == nil && is
	}
	return here && no.Attempts < maxAttempts
}

// wanted are the records for want of which an entry was refused: those that the field
// names, or an earlier version of the record itself.
func (c *Centre) wanted(no storage.Refusal) (keys []atoll.Key) {
	e, err := atoll.DecodeEntry(no.Content)
	if err == nil && no.Field != "" {
		for _, op := range e.Operations {
			for _, ref := range c.Door.Judge.Catalogue.References(op.Type, op.Fields) {
				if op.Key == no.Subject && ref.Field == no.Field {
					keys = append(keys, atoll.Key{Type: ref.To, ID: ref.ID})
				}
			}
		}
	}
	if len(keys) == 0 {
		keys = append(keys, no.Subject)
	}
	return keys
}

// retry judges a refusal again, together with the entries held behind it: what
// they make of the records together is what has to stand. If it does, all of
// them are applied.
func (d *docket) retry(r storage.Refusal, note, by string) (bool, error) {
	return d.again(r, note, by, false)
}

// retryHeld is retry, also of an entry that is held behind others: the first of them is
// judged again, and it with them. Alone it could bring back a part of what they made.
func (d *docket) retryHeld(r storage.Refusal, note, by string) (applied bool, err error) {
	first := r
	for first.Behind != 0 {
		if first, err = d.tx.Refusal(first.Behind); err != nil {
			return false, err
		}
	}
	if first.State != storage.Open { // it was settled, and what was behind it let go
		first = r
	}
	if _, err = d.retry(first, note, by); err != nil {
		return false, err
	}
	r, err = d.now(r)
	return r.State == storage.Applied, err
}
