package central

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/storage"
)

// offerLate offers what the site changed of patients and prescribers after their
// home store was transferred without it to their new home sites, as requested
// changes (R-G-44). An entry that held nothing else is settled by it: the site is
// sent the true records. The entry itself stays in quarantine's history. What cannot be
// offered now is tried again with the next exchange of the site.
func (c *Centre) offerLate(ctx context.Context, site atoll.SiteID) error {
	return c.commits.do(ctx, func(tx storage.Tx) error {
		open, err := tx.Refusals(site, true, 0, 0)
		if err != nil {
			return err
		}
		again := false
		for _, r := range open {
			if r, err = tx.Refusal(r.ID); err != nil {
				return err
			}
			if r.State != storage.Open || !patients.Late(r) {
				continue
			}
			err := tx.Savepoint(func() error { return c.offer(tx, r) })
			var no *admit.Refusal
			if errors.As(err, &no) {
				c.Log.Warn("a late change could not be offered", "refusal", r.ID, "err", err)
				again = true
				continue
			}
			if err != nil {
				return err
			}
		}
		return mayBeLate(tx, site, again)
	})
}

// mayBeLate notes whether late changes of the site may have to be offered yet: it goes
// with the transaction that puts them in quarantine, so that none is forgotten when the
// centre stops before they are.
func mayBeLate(tx storage.Tx, site atoll.SiteID, late bool) error {
	s, err := State(tx, site)
	if err != nil || s.Late == late {
		return err
	}
	s.Late = late
	return s.save(tx)
}

func (c *Centre) offer(tx storage.Tx, r storage.Refusal) error {
	t, err := c.Door.Topology(tx)
	if err != nil {
		return err
	}
	found, err := patients.Offer(tx, t, c.Door.Judge.Catalogue, r, c.Now().UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	if len(found.Do) > 0 {
		cause := atoll.Cause{Kind: "process/late change", Ref: fmt.Sprintf("%d/%d", r.Site, r.Seq)}
		if _, err := c.Door.Write(tx, journal.Edit{Actor: "atoll", Cause: cause, Do: found.Do}); err != nil {
			return err
		}
	}
	if !found.All || len(r.Keys) == 0 {
		return nil // the rest is for a person
	}
	d := c.docketOf(tx)
	chain, err := d.chainOf(r)
	if err != nil {
		return err
	}
	const by, note = "atoll", "offered to the new home site as a requested change"
	r.State, r.Settled, r.By, r.Note = storage.Returned, c.Now(), by, note
	if err := d.write(r); err != nil {
		return err
	}
	if err := c.giveBack(tx, r); err != nil {
		return err
	}
	return d.release(chain[1:], note, by)
}
