package site

import (
	"context"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
)

// How long Fetch lets a cycle under way go on before it looks again, and after how
// many exchanges without progress it gives up.
const (
	fetchLooks = 200 * time.Millisecond
	fetchTries = 5
)

// Fetch receives everything of a narrow audience now, such as one patient, ahead of
// whatever else the site lacks (R-G-21). It returns when all of it is integrated,
// at once; a failure leaves nothing half-done, and calling it again goes on from
// where it was (R-G-25). An audience the site is not a member of brings nothing.
func (s *Site) Fetch(ctx context.Context, a atoll.Audience) error {
	if !a.Narrow() {
		return atoll.Errorf(atoll.Invalid, "%s is not fetched by itself", a)
	}
	err := s.Store.Update(ctx, func(tx storage.Tx) error {
		if err := s.Usable(tx); err != nil {
			return err
		}
		l, err := loadLink(tx)
		if err != nil || l.backfill(a) != nil {
			return err
		}
		l.Backfills = append([]exchange.Backfill{{Audience: a}}, l.Backfills...)
		return l.save(tx)
	})
	if err != nil {
		return err
	}
	last, tries := exchange.Backfill{}, 0
	for {
		b, err := s.fetching(ctx, a)
		if err != nil || b == nil {
			return err
		}
		if !s.cycle.TryLock() {
			if err := pause(ctx, fetchLooks); err != nil { // its next exchange brings it
				return err
			}
			continue
		}
		err = s.fetch(ctx)
		s.cycle.Unlock()
		if err != nil {
			return err
		}
		if tries++; *b != last {
			last, tries = *b, 0
		}
		if tries >= fetchTries {
			return atoll.Errorf(atoll.Unavailable, "nothing more arrives of %s", a).Do("try again; it goes on from where it was")
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// backfill returns the backfill of the audience, nil if there is none.
func (l *link) backfill(a atoll.Audience) *exchange.Backfill {
	i := slices.IndexFunc(l.Backfills, func(b exchange.Backfill) bool { return b.Audience == a })
	if i < 0 {
		return nil
	}
	return &l.Backfills[i]
}

func (s *Site) fetching(ctx context.Context, a atoll.Audience) (b *exchange.Backfill, err error) {
	err = s.Store.View(ctx, func(r storage.Reader) error {
		l, err := loadLink(r)
		b = l.backfill(a)
		return err
	})
	return b, err
}

// fetch runs one exchange. The caller holds the cycle.
func (s *Site) fetch(ctx context.Context) error {
	if s.Lock != nil {
		unlock, err := s.Lock(ctx)
		if err != nil {
			return err
		}
		defer unlock()
	}
	if err := s.mayRun(ctx); err != nil {
		return err
	}
	row := Cycle{Started: s.Now(), Rounds: 1}
	_, moved, err := s.exchange(ctx, &row)
	s.owed = s.owed || moved
	row.Took = s.Now().Sub(row.Started)
	if err == nil {
		err = s.process(ctx)
	}
	s.SyncSoon() // the rest
	return err
}

// ahead integrates what is complete of narrow audiences, and nothing else: what is
// staged of the normal flow waits for its own checkpoint.
func (r *round) ahead(ctx context.Context, c exchange.Checkpoint) error {
	s := r.site
	var lanes []string
	for _, a := range c.Joined {
		lanes = append(lanes, string(a))
	}
	var tally integrate.Tally
	err := r.update(ctx, func(tx storage.Tx, l *link) (err error) {
		if tally, err = s.integrate(tx, l, lanes); err != nil {
			return err
		}
		l.Backfills = slices.DeleteFunc(l.Backfills, func(b exchange.Backfill) bool { return slices.Contains(c.Joined, b.Audience) })
		return nil
	})
	if err != nil {
		return err
	}
	r.row.Integrated.Add(tally)
	r.moved = true
	return nil
}
