package model

import "fmt"

// peace is a round of everybody: what is late arrives, sites exchange until they
// have all, people decide, and ask again when a move stands still.
func (m *moves) peace(s moveState) moveState {
	before := s
	if s.Late {
		m.admit(&s, int(s.LateFrom)-2, s.LateAsk)
		s.Late, s.LateFrom, s.LateAsk = false, 0, request{}
	}
	s.Open = 0
	for i := range s.Sites {
		s.Sites[i].giveUp()
		if n, _, ok := m.say(s, i); ok {
			s = n
		}
		q := s.Sites[i].ask()
		m.admit(&s, i, q)
		s.Sites[i].Answer = m.answer(s, i, q, true)
		m.take(&s, i, false)
	}
	if n, ok := m.advance(s); ok {
		s = n
	}
	if s == before && s.View.Move != 0 && s.Sites[0].Len < longest && s.Sites[1].Len < longest {
		s.View.Attempt++
	}
	return s
}

func (m *moves) oneWriter(s moveState) string {
	var may [4]bool
	var epochs [4]uint8
	for site := uint8(1); site <= 3; site++ {
		v := s.View
		if site > 1 {
			v = s.Sites[site-2].View
		}
		epochs[site], may[site] = m.court.here(v, site)
		for other := uint8(1); other < site; other++ {
			if !may[site] || !may[other] {
				continue
			}
			if epochs[site] == epochs[other] {
				return fmt.Sprintf("sites %d and %d may both edit the record under epoch %d", other, site, epochs[site])
			}
			if !s.AnyForce {
				return fmt.Sprintf("sites %d and %d may both edit the record, and nothing was forced", other, site)
			}
		}
	}
	return ""
}

func (m *moves) nothingLost(s moveState) string {
	if s.Refused != 0 && !s.AnyForce {
		return "an edit was refused, and nothing was forced"
	}
	for i, x := range s.Sites {
		for seq := uint8(1); seq <= x.Ack; seq++ {
			e := x.Journal[seq-1]
			if e.Kind == anEdit && (s.Rec.Set|s.Refused)&e.B == 0 {
				return fmt.Sprintf("entry %d of site %d is acknowledged: its edit is neither in the record at the centre nor in quarantine", seq, i+2)
			}
			if e.Kind == anEdit && s.Open&e.B&^x.Told != 0 {
				return fmt.Sprintf("entry %d of site %d is acknowledged and in quarantine, and the site was not told", seq, i+2)
			}
		}
	}
	return ""
}

func (m *moves) opensWhole(s moveState) string {
	for i, x := range s.Sites {
		if _, may := m.court.here(x.View, uint8(i+2)); !may || x.View.Epoch != s.View.Epoch {
			continue
		}
		if want := s.Began[x.View.Epoch%4]; x.Rec == none || x.Hidden || want&^x.Rec.Set != 0 {
			return fmt.Sprintf("site %d may edit under epoch %d, and lacks what the store held when that began", i+2, x.View.Epoch)
		}
	}
	return ""
}

func (m *moves) ended(s moveState) string {
	if s.View.Move != 0 {
		return fmt.Sprintf("the move to site %d stands still at %s", s.View.To, s.View.step())
	}
	owner := s.View
	if s.View.At > 1 {
		owner = s.Sites[s.View.At-2].View
	}
	if _, may := m.court.here(owner, s.View.At); !may {
		return fmt.Sprintf("site %d has the store and may not work in it", s.View.At)
	}
	return ""
}

func (m *moves) agree(s moveState) string {
	for i, x := range s.Sites {
		has := uint8(i+2) == s.View.At
		switch {
		case x.Len != x.Ack:
			return fmt.Sprintf("site %d has entries that the centre does not have", i+2)
		case has && (x.Hidden || x.Rec != s.Rec):
			return fmt.Sprintf("site %d has the store, and not the record as the centre has it", i+2)
		case !has && x.Rec != none && !x.Hidden:
			return fmt.Sprintf("site %d shows the record of a store that it no longer has", i+2)
		}
		for _, e := range x.Journal[:x.Len] {
			if e.Kind == anEdit && (s.Rec.Set|s.Refused)&e.B == 0 {
				return fmt.Sprintf("an edit of site %d is nowhere", i+2)
			}
		}
	}
	return ""
}
