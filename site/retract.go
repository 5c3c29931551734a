package site

import (
	"errors"
	"fmt"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// leaves reports whether the record came by an audience that was lost and by none
// that is left. That a site is no longer a member of a narrow audience is the
// centre's business, which says so record by record; of one that the site was never a
// member of it has nothing to say, so that the record does not stay by it.
func (s *Site) leaves(r storage.Reader, t *topology.Topology, rec atoll.Record, lost, entitled map[atoll.Audience]bool) (bool, error) {
	def, ok := s.Door.Judge.Catalogue.Lookup(rec.Type)
	if !ok {
		return false, nil
	}
	f, err := rec.Fields()
	if err != nil {
		return false, nil //nolint:nilerr // what cannot be read is found by comparing
	}
	audiences := route.Audiences(t, def, rec.Key, f)
	if !slices.ContainsFunc(audiences, func(a atoll.Audience) bool { return lost[a] }) {
		return false, nil
	}
	var by []atoll.Audience
	for _, a := range audiences {
		if a.Narrow() {
			is, err := journal.Reads(r, t, a, s.Door.Site)
			if err != nil {
				return false, err
			}
			if !is {
				continue
			}
		}
		by = append(by, a)
	}
	return exchange.Leaves(by, lost, entitled), nil
}

// unstage forgets what was staged for the next checkpoint of audiences that were
// lost meanwhile. It was the latest of these records: an earlier version that is here
// by an audience which the record has left since goes with it.
func (s *Site) unstage(tx storage.Tx, t *topology.Topology, lost, entitled map[atoll.Audience]bool) error {
	for _, lane := range []string{integrate.LaneNormal, integrate.LaneWaiting} {
		err := storage.EachStaged(tx, lane, func(item storage.StagedItem) error {
			a, err := integrate.Decode(item)
			if err != nil || a.Gone {
				return nil //nolint:nilerr // what cannot be read waits, and is shown
			}
			if is, err := s.leaves(tx, t, a.Record, lost, entitled); err != nil || !is {
				return err
			}
			if err := tx.Unstage(lane, item.Key); err != nil {
				return err
			}
			if err := s.Door.Hide(tx, item.Key); err != nil && !errors.Is(err, atoll.NotFound) {
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// integrate takes what is staged in the lanes, and what waited from before.
func (s *Site) integrate(tx storage.Tx, l *link, lanes []string) (integrate.Tally, error) {
	if err := s.recognise(tx, l); err != nil {
		return integrate.Tally{}, err
	}
	return integrate.Checkpoint(tx, s.Door, lanes, l.underWay(lanes))
}

// recognise forgets, once after an upgrade, what waited because its type was not known
// and came by audiences that have been lost since: nobody could tell then (R-K-63).
func (s *Site) recognise(tx storage.Tx, l *link) error {
	if l.Catalogue == s.Door.Judge.Catalogue.Hash() {
		return nil
	}
	l.Catalogue = s.Door.Judge.Catalogue.Hash()
	entitled := map[atoll.Audience]bool{}
	for _, a := range l.Covered {
		entitled[a] = true
	}
	for _, b := range l.Backfills {
		entitled[b.Audience] = true
	}
	t, err := s.Door.Topology(tx)
	if err != nil {
		return err
	}
	return storage.EachStaged(tx, integrate.LaneWaiting, func(item storage.StagedItem) error {
		a, err := integrate.Decode(item)
		if err != nil || a.Gone {
			return nil //nolint:nilerr // what cannot be read waits, and is shown
		}
		def, known := s.Door.Judge.Catalogue.Lookup(item.Key.Type)
		f, err := a.Record.Fields()
		if err != nil || !known {
			return nil //nolint:nilerr // as above
		}
		lost := map[atoll.Audience]bool{}
		for _, a := range route.Audiences(t, def, item.Key, f) {
			lost[a] = !a.Narrow() && !entitled[a]
		}
		if is, err := s.leaves(tx, t, a.Record, lost, entitled); err != nil || !is {
			return err
		}
		return tx.Unstage(integrate.LaneWaiting, item.Key)
	})
}

func seqKey(seq uint64) string { return fmt.Sprintf("%020d", seq) }
