package site

import (
	"context"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// Verified is what comparing all that this site holds with the centre came to.
type Verified struct {
	Records int `json:"records"`
	// Rows are those that were not the same, and what was to be done.
	Rows []verify.Repair `json:"rows,omitempty"`
	// Repaired is how many of them are the same again; UnderWay how many rows could
	// not be compared, as a change of them is on its way or was refused.
	Repaired int `json:"repaired"`
	UnderWay int `json:"under_way,omitempty"`
	Spared   int `json:"spared,omitempty"` // old documents that this site need not have
	// Not says why nothing could be compared, in words.
	Not string `json:"not,omitempty"`
	// Remade is how many rows were not as they were stored, and were made again from
	// the journal here before anything was compared.
	Remade int `json:"remade,omitempty"`
	// Spoiled is how many others were not as they were stored.
	Spoiled int `json:"spoiled,omitempty"`
	// Held back: so many rows differ that only a person may have them repaired.
	HeldBack bool `json:"held_back,omitempty"`
}

// Left is how many rows differ still.
func (v Verified) Left() int { return len(v.Rows) - v.Repaired }

// Without a person's word no more is repaired than so many rows, or this share of
// all: so much damage has a cause that should be found first.
const (
	repairRows  = 50
	repairShare = 20 // one in
)

// lookAgain is after how long the same difference is looked into once more.
const lookAgain = 24 * time.Hour

// Verify synchronises, reads every record of this database, compares them with
// what the centre has, and repairs what differs if asked to (R-H-44, R-M-02).
func (s *Site) Verify(ctx context.Context, repair bool) (Verified, error) {
	if s.Comparer == nil {
		return Verified{}, atoll.Errorf(atoll.Unavailable, "this site has no central server to compare with").Do("enrol it first")
	}
	if _, err := s.Cycle(ctx); err != nil {
		return Verified{}, err
	}
	s.cycle.Lock()
	defer s.cycle.Unlock()
	if s.Lock != nil {
		unlock, err := s.Lock(ctx)
		if err != nil {
			return Verified{}, err
		}
		defer unlock()
	}
	found, remade, err := s.Scrub(ctx, repair)
	if err != nil {
		return Verified{}, err
	}
	row := Cycle{Started: s.Now()}
	out, err := s.verify(ctx, &row, repair, true)
	out.Remade = remade
	out.Spoiled = len(found.Spoiled) - remade
	return out, err
}

// look compares at the end of a cycle, when the digests of both ends, or what was
// ordered, say that there is something to look for. What fails is tried again with
// the next cycle, and stops none.
func (s *Site) look(ctx context.Context, row *Cycle) {
	if s.Comparer == nil {
		return
	}
	var l link
	err := s.Store.View(ctx, func(r storage.Reader) (err error) { l, err = loadLink(r); return err })
	if err != nil || l.State != Ready {
		return
	}
	must := l.Verify != ""
	if s.Now().Sub(l.Scrubbed) >= s.scrubEvery() || must {
		found, _, err := s.Scrub(ctx, l.Verify != "verify")
		if err != nil {
			s.Log.WarnContext(ctx, "the records here could not be read through", "err", err)
			return
		}
		must = must || !found.Well()
	}
	fresh := l.Agreement.Looked != l.Agreement.Ours+l.Agreement.Theirs || s.Now().Sub(l.Agreement.LookedAt) >= lookAgain
	if !must && (!l.Agreement.differs() || !fresh) {
		return
	}
	out, err := s.verify(ctx, row, l.Verify != "verify", l.Verify == "repair")
	if err != nil {
		s.Log.WarnContext(ctx, "this site could not be compared with the central server", "err", err)
		return
	}
	row.Compared, row.Differing, row.Repaired = out.Records, len(out.Rows), out.Repaired
}

// verify compares, and repairs unless it only looks; by order of a person also when
// much differs. The caller holds the cycle.
func (s *Site) verify(ctx context.Context, row *Cycle, repair, ordered bool) (Verified, error) {
	m := &comparison{site: s}
	if err := m.compare(ctx); err != nil {
		return m.out, err
	}
	out := m.out
	if repair && len(out.Rows) > 0 && !ordered && len(out.Rows) > max(repairRows, out.Records/repairShare) {
		out.HeldBack, repair = true, false
		s.Log.ErrorContext(ctx, "so much differs from the central server that nothing is repaired without a person's word", "rows", len(out.Rows))
	}
	if repair && len(out.Rows) > 0 {
		if err := m.repair(ctx); err != nil {
			return out, err
		}
		if err := s.rounds(ctx, row); err != nil {
			return out, err
		}
		again := &comparison{site: s}
		if err := again.compare(ctx); err != nil {
			return out, err
		}
		left := map[string]bool{}
		for _, r := range again.out.Rows {
			left[r.Record] = true
		}
		for _, r := range out.Rows {
			if !left[r.Record] {
				out.Repaired++
			}
		}
		m = again
	}
	return out, m.conclude(ctx, out)
}
