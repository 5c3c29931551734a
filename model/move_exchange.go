package model

import (
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
)

// request is an exchange on its way to the centre.
type request struct {
	Ack, Head     uint8
	Covered, Lane bool
	Back          uint8
}

// answer is what the centre said.
type answer struct {
	Ack                 uint8
	Told                uint8
	Sub                 bool // only what it is entitled to: Entitled
	Entitled            bool
	View                view
	There, Forced, Gone bool // a state of the record
	Joined, Lane        bool
	Rec                 version
	Back                uint8
}

// line are exchanges, and what the network makes of them. (A request that is lost
// changes nothing.)
func (m *moves) line(s moveState, yield func(Act, moveState) bool) bool {
	for i := range s.Sites {
		x, site := s.Sites[i], uint8(i+2)
		if x.Waiting {
			n := s
			m.take(&n, i, false)
			if !yield(act("Site %d takes the answer.", site), n) {
				return false
			}
			n = s
			m.take(&n, i, true)
			if !yield(act("The line is cut after the first parts of the answer to site %d.", site), n) {
				return false
			}
			n = s
			n.Sites[i].giveUp()
			if !yield(act("The answer to site %d is lost, or the site crashes.", site), n) {
				return false
			}
			continue
		}
		q := x.ask()
		for _, whole := range []bool{true, false} {
			if !whole && !q.Lane {
				continue
			}
			n := s
			m.admit(&n, i, q)
			n.Sites[i].Waiting, n.Sites[i].Answer = true, m.answer(n, i, q, whole)
			words := "Site %d begins an exchange, and the centre answers."
			if !whole {
				words = "Site %d begins an exchange, and the centre answers: there is no room yet for what the site gained."
			}
			if !yield(act(words, site), n) {
				return false
			}
			if m.faults.AckBeforeCommit {
				lost := s
				lost.Sites[i].Waiting, lost.Sites[i].Answer = true, n.Sites[i].Answer
				if !yield(act("Site %d begins an exchange; the centre answers, and crashes before its commit.", site), lost) {
					return false
				}
			}
		}
		if !s.Late && s.Lates > 0 {
			n := s
			n.Lates--
			n.Late, n.LateFrom, n.LateAsk = true, site, q
			if !yield(act("Site %d begins an exchange; its request is late, and the site gives up waiting.", site), n) {
				return false
			}
		}
	}
	if s.Late {
		n := s
		m.admit(&n, int(s.LateFrom)-2, s.LateAsk)
		if n != s && !yield(act("The late request of site %d arrives; nobody waits for the answer.", s.LateFrom), n) {
			return false
		}
		n = s
		n.Late, n.LateFrom, n.LateAsk = false, 0, request{}
		if !yield(act("The late request is lost."), n) {
			return false
		}
	}
	return true
}

func wordOf(kind uint8) string {
	if kind == aFrozen {
		return "frozen"
	}
	return "received"
}

// say is a site's word, if the move waits for it.
func (m *moves) say(s moveState, i int) (moveState, uint8, bool) {
	x := s.Sites[i]
	by, word, awaits := handover.Awaits(x.View.move())
	if !awaits || int(by) != i+2 || x.Len == longest {
		return s, 0, false
	}
	has := x.Rec
	if x.Hidden {
		has = none
	}
	said := entry{aFrozen, x.View.Move, x.View.Attempt, none}
	if word == wordOf(aReceived) {
		said.Kind = aReceived
		if has != x.View.Want && !m.faults.SaysTooEarly {
			return s, 0, false
		}
	}
	if x.Said == said {
		return s, 0, false
	}
	x.Said = said
	said.Rec = has
	x.Journal[x.Len] = said
	x.Len++
	s.Sites[i] = x
	return s, said.Kind, true
}

// ask is the site's next request.
func (x mover) ask() request {
	return request{Ack: x.Ack, Head: x.Len, Covered: x.Covered, Lane: x.Lane, Back: x.Back}
}

func (x *mover) giveUp() { x.Waiting, x.Answer = false, answer{} }

// admit takes the entries of a request.
func (m *moves) admit(s *moveState, i int, q request) {
	for seq := q.Ack + 1; seq <= q.Head; seq++ {
		if seq != s.Known[i]+1 {
			continue // a duplicate, or beyond a gap
		}
		s.Known[i] = seq
		e := s.Sites[i].Journal[seq-1]
		if e.Kind != anEdit {
			s.Words[i] = e
			continue
		}
		if m.court.stands(s.View, uint8(i+2), e.A, e.Rec == s.Rec) {
			s.wrote(e.A, uint8(i+2))
			s.Rec = version{e.Rec.Set | e.B, uint8(i + 2), seq}
			continue
		}
		if m.faults.RefusedForgotten {
			continue
		}
		s.Refused |= e.B
		s.Open |= e.B
		s.Back[i]++
		s.BackRec[i] = s.Rec
	}
}

// answer is what the centre answers.
func (m *moves) answer(s moveState, i int, q request, whole bool) answer {
	site := uint8(i + 2)
	a := answer{Ack: s.Known[i], Lane: q.Lane}
	for seq := q.Ack + 1; seq <= min(q.Head, s.Known[i]); seq++ {
		if e := s.Sites[i].Journal[seq-1]; e.Kind == anEdit && e.B&s.Open != 0 {
			a.Told |= e.B
		}
	}
	entitled := m.court.entitled(s.View, site)
	if (q.Covered || q.Lane) != entitled {
		a.Sub, a.Entitled = true, entitled
		return a
	}
	a.View, a.Back = s.View, s.Back[i]
	switch {
	case q.Lane && whole:
		a.There, a.Joined = true, true
	case q.Covered:
		a.There = s.Rec.Site != site // not what it wrote itself
	}
	if s.Back[i] > q.Back {
		a.Forced = !a.There || s.BackRec[i] == s.Rec // else the record has changed since
		a.There, a.Gone = true, !entitled
	}
	if a.There {
		a.Rec = s.Rec
	}
	return a
}

// take has a site work on an answer.
func (m *moves) take(s *moveState, i int, cut bool) {
	x := &s.Sites[i]
	a := x.Answer
	x.giveUp()
	x.Ack = max(x.Ack, a.Ack)
	x.Told |= a.Told
	if a.Sub && !cut {
		x.Covered, x.Lane = false, a.Entitled
		if !a.Entitled && x.Rec != none {
			x.Hidden = true
		}
		return
	}
	if a.Sub || cut {
		return
	}
	x.View, x.Back = a.View, a.Back
	if a.Joined {
		x.Covered, x.Lane = true, false
	}
	if !a.There {
		return
	}
	switch m.court.fate(*x, uint8(i+2), a) {
	case journal.Stored:
		x.Rec, x.Hidden = a.Rec, false
	case journal.Retracted:
		x.Hidden = true
	case journal.Known, journal.Kept, journal.Forgotten: // the centre has them all
	}
}
