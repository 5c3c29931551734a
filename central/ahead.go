package central

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// ask adds to what the site is entitled to the narrow audiences that it reads by
// themselves, such as the one patient somebody waits for, if it is a member of
// them now (R-G-21, R-K-49).
func (s *serving) ask(t *topology.Topology) error {
	for _, b := range s.lanes {
		if !b.Audience.Narrow() {
			continue
		}
		is, err := journal.Reads(s.r, t, b.Audience, s.hello.Site)
		if err != nil {
			return err
		}
		if is {
			s.entitled = append(s.entitled, b.Audience)
		}
	}
	slices.Sort(s.entitled)
	s.entitled = slices.Compact(s.entitled)
	return nil
}

// ahead serves the narrow audiences before everything else. What is complete gets
// a Checkpoint of its own, at position 0: it is about those audiences only. It
// returns true when the limits were reached before the end.
func (s *serving) ahead() (waits bool, err error) {
	var joined []atoll.Audience
	var left []exchange.Backfill
	for _, b := range s.lanes {
		if !b.Audience.Narrow() {
			left = append(left, b)
			continue
		}
		cursor, whole := b.Cursor, false
		if !waits {
			if cursor, whole, err = s.flow(b.Audience, []atoll.Audience{b.Audience}, b.Cursor); err != nil {
				return false, err
			}
		}
		if whole {
			joined = append(joined, b.Audience)
			continue
		}
		left = append(left, exchange.Backfill{Audience: b.Audience, Cursor: cursor})
		waits = true
	}
	if len(joined) > 0 {
		s.out = append(s.out, exchange.Checkpoint{Joined: joined})
	}
	s.lanes = left
	return waits, nil
}
