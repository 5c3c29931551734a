package site

import (
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/route"
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
	was := false
	for _, a := range route.Audiences(t, def, rec.Key, f) {
		if entitled[a] || a.Narrow() {
			return false
		}
		was = was || lost[a]
	}
	return was
}

func seqKey(seq uint64) string { return fmt.Sprintf("%020d", seq) }
