package model

import (
	"math/bits"

	"github.com/atollsync/atoll/topology"
)

// people are the steps of users and operators.
func (m *moves) people(s moveState, yield func(Act, moveState) bool) bool {
	if s.Edits > 0 {
		for site := uint8(1); site <= 3; site++ {
			if n, ok := m.edit(s, site); ok && !yield(act("Site %d edits the record.", site), n) {
				return false
			}
		}
	}
	if s.View.Move == 0 && s.Moves < m.bounds.Moves {
		for to := uint8(1); to <= 3; to++ {
			if to == s.View.At {
				continue
			}
			n := s
			n.Moves++
			n.View.Move, n.View.From, n.View.To, n.View.Attempt = n.Moves, s.View.At, to, 1
			if s.View.At == 1 || s.Open&editsOf(s.View.At) == 0 {
				if !yield(act("The centre begins to move the store to site %d.", to), n) {
					return false
				}
			}
			if s.View.At != 1 && s.Forces > 0 {
				n.Forces--
				if !yield(act("The centre moves the store to site %d by force.", to), m.force(n)) {
					return false
				}
			}
		}
	}
	if s.View.Move != 0 && !s.View.Backfill {
		if topology.Aborted.Follows(s.View.step()) && s.Aborts > 0 {
			n := s
			n.Aborts--
			n.View.close()
			if !yield(act("The move is called off."), n) {
				return false
			}
		}
		if s.View.From != 1 && s.Forces > 0 {
			n := s
			n.Forces--
			if !yield(act("The move goes on by force, without site %d.", s.View.From), m.force(n)) {
				return false
			}
		}
	}
	if s.View.Move != 0 && s.Repeats > 0 {
		n := s
		n.Repeats--
		n.View.Attempt++
		if !yield(act("The sites are asked again what they have."), n) {
			return false
		}
	}
	if s.Open != 0 {
		n := s
		n.Open = 0
		if !yield(act("A person decides about the refused edits: the true state stands."), n) {
			return false
		}
	}
	return true
}

// edit is an edit at a site, if it may make it.
func (m *moves) edit(s moveState, site uint8) (moveState, bool) {
	v, r, hidden := s.View, s.Rec, false
	if site > 1 {
		x := s.Sites[site-2]
		v, r, hidden = x.View, x.Rec, x.Hidden
		if x.Len == longest-3 { // room for words
			return s, false
		}
	}
	bit := s.freeEdit(site)
	epoch, may := m.court.here(v, site)
	if !may || r == none || hidden || bit == 0 {
		return s, false
	}
	s.Edits--
	if site == 1 {
		s.wrote(epoch, site)
		s.Rec = version{r.Set | bit, 1, uint8(bits.TrailingZeros8(bit))}
		return s, true
	}
	x := &s.Sites[site-2]
	x.Journal[x.Len] = entry{anEdit, epoch, bit, r}
	x.Len++
	x.Rec = version{r.Set | bit, site, x.Len}
	return s, true
}

// editsOf are the bits of a site's edits: two or three for each site.
func editsOf(site uint8) uint8 {
	switch site {
	case 1:
		return 0b0000_0011
	case 2:
		return 0b0001_1100
	}
	return 0b1110_0000
}

// freeEdit is the next of the site's edits that was not made.
func (s moveState) freeEdit(site uint8) uint8 {
	used := s.Rec.Set | s.Refused
	for _, x := range s.Sites {
		for _, e := range x.Journal[:x.Len] {
			if e.Kind == anEdit {
				used |= e.B
			}
		}
	}
	free := editsOf(site) &^ used
	return free & -free
}
