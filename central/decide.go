package central

import (
	"context"
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Decision is what a person decides about a refusal (R-I-25, R-K-42).
type Decision string

// The decisions.
const (
	Retry  Decision = "retry"  // judge it again now
	Skip   Decision = "skip"   // leave it out for good
	Return Decision = "return" // leave it out, and send the site the true records
	Accept Decision = "accept" // make the change here, by the centre's own right
)

// Decide settles a refusal. The entry stays in quarantine's history and in the
// journal copy whatever is decided (R-K-36). Entries held behind it are judged
// again. Note is the reason, kept with the name of who decided; all but retry need
// one. It reports whether the refused changes stand now.
func (c *Centre) Decide(ctx context.Context, id int64, d Decision, by, note string) (applied bool, err error) {
	err = c.commits.do(ctx, func(tx storage.Tx) error {
		applied = false
		r, err := tx.Refusal(id)
		if errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.NotFound, "there is no refusal %d", id).Do("list them with: atoll quarantine list")
		}
		if err != nil {
			return err
		}
		if r.State != storage.Open {
			return atoll.Errorf(atoll.Conflict, "refusal %d is settled already (%s, by %s)", id, r.State, r.By)
		}
		switch d {
		case Retry:
			applied, err = c.docketOf(tx).retryHeld(r, note, by)
			return err
		case Skip, Return, Accept:
		default:
			return atoll.Errorf(atoll.Invalid, "unknown decision %q", d).Do("use retry, accept, skip or return")
		}
		if note == "" {
			return atoll.Errorf(atoll.Invalid, "a reason is needed to %s a refusal", d).On("note")
		}
		waiting := c.docketOf(tx)
		chain, err := waiting.chainOf(r)
		if err != nil {
			return err
		}
		open := r
		r.State, r.Settled, r.By, r.Note = storage.Skipped, c.Now(), by, note
		switch d {
		case Return:
			r.State = storage.Returned
		case Accept:
			own, err := c.itsOwn(tx, r)
			if err != nil {
				return err
			}
			if own {
				applied, err = waiting.again(open, note, by, true)
				return err
			}
			r.State, applied = storage.Applied, true
			if err := c.accept(tx, r, by); err != nil {
				return err
			}
		case Retry, Skip:
		}
		if err := waiting.write(r); err != nil {
			return err
		}
		if d == Return {
			if err := c.giveBack(tx, r); err != nil {
				return err
			}
		}
		return waiting.release(chain[1:], note, by)
	})
	if err == nil && c.Admitted != nil {
		c.Admitted(ctx) // something may have waited for it
	}
	return applied, err
}

// leftOut are the entries of a site that a person left out for good, and how: skipped or
// returned.
func leftOut(r storage.Reader, site atoll.SiteID) (map[uint64]string, error) {
	all, err := r.Refusals(site, false, 0, 0)
	if err != nil {
		return nil, err
	}
	out := map[uint64]string{}
	for _, no := range all {
		if no.State == storage.Skipped || no.State == storage.Returned {
			out[no.Seq] = no.State
		}
	}
	return out, nil
}
