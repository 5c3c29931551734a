package site

import (
	"errors"
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// leaves reports whether the record came by an audience that was lost and by none
// that is left. Narrow audiences are the centre's business: it says so record by
// record.
func (s *Site) leaves(t *topology.Topology, rec atoll.Record, lost, entitled map[atoll.Audience]bool) bool {
	def, ok := s.Door.Judge.Catalogue.Lookup(rec.Type)
	if !ok {
		return false
	}
	f, err := rec.Fields()
	if err != nil {
		return false
	}
	return exchange.Leaves(route.Audiences(t, def, rec.Key, f), lost, entitled)
}

// unstage forgets what was staged for the next checkpoint of audiences that were
// lost meanwhile. It was the latest of these records: an earlier version that is here
// by an audience which the record has left since goes with it.
func (s *Site) unstage(tx storage.Tx, t *topology.Topology, lost, entitled map[atoll.Audience]bool) error {
	for _, lane := range []string{integrate.LaneNormal, integrate.LaneWaiting} {
		items, err := tx.Staged(lane, 0)
		if err != nil {
			return err
		}
		for _, item := range items {
			a, err := integrate.Decode(item)
			if err != nil || a.Gone || !s.leaves(t, a.Record, lost, entitled) {
				continue // what cannot be read waits, and is shown
			}
			if err := tx.Unstage(lane, item.Key); err != nil {
				return err
			}
			if err := s.Door.Hide(tx, item.Key); err != nil && !errors.Is(err, atoll.NotFound) {
				return err
			}
		}
	}
	return nil
}

func seqKey(seq uint64) string { return fmt.Sprintf("%020d", seq) }
