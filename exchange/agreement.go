package exchange

import (
	"slices"

	"github.com/atollsync/atoll"
)

// Agreement is what a site reads: the audiences its cursor covers, and those it
// gained and reads from their beginning.
type Agreement struct {
	Covered   []atoll.Audience
	Backfills []Backfill
}

// Take takes the audiences the site is entitled to now. What it gained it begins to
// read from its beginning; what it lost it no longer reads, and returns (R-C-12,
// R-C-13, R-C-20).
func (a Agreement) Take(entitled []atoll.Audience) (next Agreement, lost map[atoll.Audience]bool) {
	is, have := make(map[atoll.Audience]bool, len(entitled)), map[atoll.Audience]bool{}
	for _, e := range entitled {
		is[e] = true
	}
	lost = map[atoll.Audience]bool{}
	for _, c := range a.Covered {
		if !is[c] {
			lost[c] = true
			continue
		}
		have[c] = true
		next.Covered = append(next.Covered, c)
	}
	for _, b := range a.Backfills {
		if !is[b.Audience] {
			lost[b.Audience] = true
			continue
		}
		have[b.Audience] = true
		next.Backfills = append(next.Backfills, b)
	}
	for _, e := range entitled {
		if !have[e] {
			next.Backfills = append(next.Backfills, Backfill{Audience: e})
		}
	}
	return next, lost
}

// Gained reports whether it reads an audience from its beginning that the agreement
// before did not.
func (a Agreement) Gained(before Agreement) bool {
	was := make(map[atoll.Audience]bool, len(before.Backfills))
	for _, b := range before.Backfills {
		was[b.Audience] = true
	}
	return slices.ContainsFunc(a.Backfills, func(b Backfill) bool { return !was[b.Audience] })
}

// Join covers the backfilled audiences that a checkpoint completes.
func (a Agreement) Join(joined []atoll.Audience) Agreement {
	next := Agreement{Covered: append(slices.Clone(a.Covered), joined...)}
	slices.Sort(next.Covered)
	next.Covered = slices.Compact(next.Covered)
	for _, b := range a.Backfills {
		if !slices.Contains(joined, b.Audience) {
			next.Backfills = append(next.Backfills, b)
		}
	}
	return next
}

// Normal returns the audiences the normal flow of an answer covers: all the site is
// entitled to, but for those being backfilled (the lanes) and those that wait for it
// (queued, by their places). Nothing the site says can add to them (R-K-49). It is
// false when the site does not know what it is entitled to: it covers others than
// subscription, its digest, or names one it has lost.
func Normal(entitled []atoll.Audience, lanes []Backfill, queued []int, subscription string) ([]atoll.Audience, bool) {
	waits, ok := AtPlaces(entitled, queued)
	if !ok {
		return nil, false
	}
	aside := make(map[atoll.Audience]bool, len(lanes)+len(waits))
	for _, b := range lanes {
		aside[b.Audience] = true
	}
	named := len(aside)
	for _, a := range waits {
		aside[a] = true
	}
	if len(aside) != named+len(waits) {
		return nil, false // one of them has both
	}
	covered := slices.DeleteFunc(slices.Clone(entitled), func(a atoll.Audience) bool { return aside[a] })
	if len(covered)+len(aside) != len(entitled) {
		return nil, false // the site is not entitled to one of them
	}
	return covered, DigestAudiences(covered) == subscription
}

// Leaves reports whether a record of these audiences came to a site by one that it
// lost and by none that is left. Of narrow audiences the centre says so record by
// record.
func Leaves(audiences []atoll.Audience, lost, entitled map[atoll.Audience]bool) bool {
	was := false
	for _, a := range audiences {
		if entitled[a] || a.Narrow() {
			return false
		}
		was = was || lost[a]
	}
	return was
}
