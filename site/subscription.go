package site

import (
	"context"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
)

// subscription takes the list of audiences we are entitled to: gained ones are
// read from their beginning beside the normal flow, lost ones are retracted at
// once (R-C-12, R-C-13, R-C-19, R-C-20).
func (r *round) subscription(ctx context.Context, sub exchange.Subscription) error {
	s := r.site
	return r.update(ctx, func(tx storage.Tx, l *link) error {
		if l.State == Initialising && l.Cursor == 0 && len(l.Backfills) == 0 && !l.Again {
			l.Covered = slices.Clone(sub.Audiences) // everything begins at the beginning
			return nil
		}
		entitled := map[atoll.Audience]bool{}
		for _, a := range sub.Audiences {
			entitled[a] = true
		}
		for _, b := range l.Backfills {
			if !entitled[b.Audience] {
				if err := tx.Unstage(string(b.Audience), atoll.Key{}); err != nil {
					return err
				}
			}
		}
		next, lost := exchange.Agreement{Covered: l.Covered, Backfills: l.Backfills}.Take(sub.Audiences)
		if next.Gained(exchange.Agreement{Backfills: l.Backfills}) {
			if err := integrate.Departures(tx, s.Door, l.underWay(nil)); err != nil {
				return err
			}
		}
		l.Covered, l.Backfills = next.Covered, next.Backfills
		for _, a := range slices.Sorted(maps.Keys(lost)) { // in one order: what is hidden gets positions
			kind, job := a.Split()
			if kind != "job" {
				continue
			}
			// What a job sent again came by other audiences before; only its mark goes.
			delete(lost, a)
			marks, err := tx.Records(storage.Query{Type: "job_mark", Where: map[string]string{"job_id": job}})
			if err != nil {
				return err
			}
			for _, m := range marks {
				if err := s.Door.Hide(tx, m.Key); err != nil {
					return err
				}
			}
		}
		if len(lost) == 0 {
			return nil
		}
		n, err := s.retract(tx, lost, entitled)
		r.row.Retracted += n
		r.moved = r.moved || n > 0 // what could not be answered may be nobody's to answer here any more
		return err
	})
}

// retract hides the replicas that no audience of ours covers any longer.
func (s *Site) retract(tx storage.Tx, lost, entitled map[atoll.Audience]bool) (int, error) {
	t, err := s.Door.Topology(tx)
	if err != nil {
		return 0, err
	}
	if err := s.unstage(tx, t, lost, entitled); err != nil {
		return 0, err
	}
	var gone []atoll.Key
	for after := atoll.Position(0); ; {
		page, err := tx.Changed(after, 1000)
		if err != nil {
			return 0, err
		}
		if len(page) == 0 {
			break
		}
		for _, rec := range page {
			after = rec.Position
			if rec.Hidden {
				continue
			}
			is, err := s.leaves(tx, t, rec, lost, entitled)
			if err != nil {
				return 0, err
			}
			if is {
				gone = append(gone, rec.Key)
			}
		}
	}
	for _, key := range gone {
		if err := s.Door.Hide(tx, key); err != nil {
			return 0, err
		}
	}
	return len(gone), nil
}
