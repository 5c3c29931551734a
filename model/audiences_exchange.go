package model

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// answerKey is all that an answer depends on.
type answerKey struct {
	Head     uint8
	Entitled bool
	Docs     [documents]document
	Cursor   uint8
	Covered  bool
	Lane     bool
	LaneAt   uint8
}

// answer is what the program's centre answers the reader now.
func (m *audiences) answer(s audienceState) []exchange.Frame {
	key := answerKey{s.Head, s.Entitled, s.Docs, s.Cursor, s.Covered, s.Lane, s.LaneAt}
	if frames, ok := m.answers[key]; ok {
		return frames
	}
	w := m.world
	a := m.agreement(s)
	subscription := exchange.DigestAudiences(a.Covered)
	t := w.topology[s.Entitled]
	if m.faults.LeftAlone {
		if _, agreed := exchange.Normal(t.Subscription(readerSite), a.Backfills, nil, subscription); !agreed {
			covered, _ := exchange.Normal(t.Subscription(readerSite), nil, nil, subscription)
			subscription, a.Backfills = exchange.DigestAudiences(covered), nil
		}
	}
	h := exchange.Hello{Site: readerSite, Cursor: atoll.Position(s.Cursor), Subscription: subscription, Backfills: a.Backfills}
	frames, err := central.Answer(snapshot{w: w, s: s}, t, h, nil, m.records, exchange.MaxBytes)
	if err != nil {
		panic(err) // a defect of the model
	}
	m.answers[key] = frames
	return frames
}

func (m *audiences) agreement(s audienceState) exchange.Agreement {
	a := exchange.Agreement{Covered: m.world.covered[s.Covered]}
	if s.Lane {
		a.Backfills = []exchange.Backfill{{Audience: m.world.copyAudience, Cursor: atoll.Position(s.LaneAt)}}
	}
	return a
}

func (m *audiences) agree(s *audienceState, a exchange.Agreement) {
	s.Covered = slices.Contains(a.Covered, m.world.copyAudience)
	s.Lane, s.LaneAt = len(a.Backfills) > 0, 0
	if s.Lane {
		s.LaneAt = uint8(a.Backfills[0].Cursor)
	}
}

// take has the reader work on the parts of an answer that arrived.
func (m *audiences) take(s audienceState, frames []exchange.Frame, cut bool) audienceState {
	var pending []exchange.Record
	keep := func() {
		for _, f := range pending {
			m.stage(&s, f, cut && m.faults.CursorBeforeApply)
		}
		pending = nil
	}
	for _, f := range frames {
		switch f := f.(type) {
		case exchange.Subscription:
			m.subscription(&s, f.Audiences)
		case exchange.Record:
			pending = append(pending, f)
		case exchange.Checkpoint:
			keep()
			m.checkpoint(&s, f)
		case exchange.End:
			keep()
			s.Cursor = max(s.Cursor, uint8(f.Cursor))
			for _, b := range f.Backfills {
				s.LaneAt = max(s.LaneAt, uint8(b.Cursor))
			}
		}
	}
	keep() // progress survives a cut
	return s
}

// stage makes an arrived record durable, and its cursor with it.
func (m *audiences) stage(s *audienceState, f exchange.Record, lost bool) {
	i := m.world.number(f.Key)
	h := held{At: uint8(f.Position), Version: uint8(f.Version), Deleted: f.Deleted, Gone: f.Gone, Forced: f.Forced}
	if f.Gone {
		h.Version = min(h.Version, 1) // all that counts is whether the centre has it
	} else {
		h.Via = m.world.via(f.Body)
	}
	switch {
	case f.Lane != "":
		s.LaneAt = max(s.LaneAt, h.At)
		if !lost {
			s.InLane[i] = h
		}
	default:
		s.Cursor = max(s.Cursor, h.At)
		if !lost {
			s.Normal[i] = h
		}
	}
}

// subscription takes the audiences the reader is entitled to.
func (m *audiences) subscription(s *audienceState, entitled []atoll.Audience) {
	next, lost := m.agreement(*s).Take(entitled)
	if m.faults.BackfillAtCursor && !s.Lane {
		for i := range next.Backfills {
			next.Backfills[i].Cursor = atoll.Position(s.Cursor)
		}
	}
	if next.Gained(m.agreement(*s)) {
		for i, h := range s.Normal {
			if h.Gone {
				m.receive(s, i, h)
				s.Normal[i] = held{}
			}
		}
	}
	m.agree(s, next)
	if len(lost) == 0 {
		return
	}
	is := map[atoll.Audience]bool{}
	for _, a := range entitled {
		is[a] = true
	}
	leaves := func(h held) bool {
		return h.Version > 0 && (m.faults.RetractsEverything && h.Via&viaCopy != 0 || exchange.Leaves(m.world.audiences[h.Via], lost, is))
	}
	if !m.faults.StagingKept {
		s.InLane = [documents]held{}
		for i, h := range s.Normal {
			if !h.Gone && leaves(h) {
				s.Normal[i] = held{}
				s.Records[i].Hidden = s.Records[i].Version > 0
			}
		}
	}
	if m.faults.NoRetraction {
		return
	}
	for i, h := range s.Records {
		if !h.Hidden && leaves(h) {
			s.Records[i].Hidden = true
		}
	}
}

// checkpoint integrates what is staged of the normal flow and of the lanes that join
// it.
func (m *audiences) checkpoint(s *audienceState, c exchange.Checkpoint) {
	joined := slices.Contains(c.Joined, m.world.copyAudience)
	var items []storage.StagedItem
	var arrived [2 * documents]held // by the number that an item has in Attempts
	gather := func(lane *[documents]held) {
		for i, h := range lane {
			if h.At > 0 {
				arrived[len(items)] = h
				items = append(items, storage.StagedItem{Key: m.world.keys[i], Position: atoll.Position(h.At), Attempts: len(items)})
			}
		}
		*lane = [documents]held{}
	}
	gather(&s.Normal)
	if joined {
		gather(&s.InLane)
	}
	var newest []storage.StagedItem
	for _, item := range items {
		i := slices.IndexFunc(newest, func(o storage.StagedItem) bool { return o.Key == item.Key })
		if i < 0 {
			newest = append(newest, item)
		} else if item.Outdates(newest[i]) != m.faults.OldestWins {
			newest[i] = item
		}
	}
	for _, item := range newest {
		i, h := m.world.number(item.Key), arrived[item.Attempts]
		if lane := (storage.StagedItem{Position: atoll.Position(s.InLane[i].At)}); !h.Gone && item.Outdates(lane) && !m.faults.LanePutsBack {
			s.InLane[i] = held{}
		}
		m.receive(s, i, h)
	}
	s.Cursor = max(s.Cursor, uint8(c.Position))
	if m.faults.LaneJoinedEarly && s.Lane {
		c.Joined = []atoll.Audience{m.world.copyAudience}
	}
	m.agree(s, m.agreement(*s).Join(c.Joined))
}

// receive makes a record of what arrived, as the program decides.
func (m *audiences) receive(s *audienceState, i int, h held) {
	var before *atoll.Record
	if was := s.Records[i]; was.Version > 0 {
		r := m.world.version(i, was.Version, was.Via, was.Deleted)
		r.Hidden = was.Hidden
		before = &r
	}
	a := journal.Arrival{Record: m.world.version(i, h.Version, h.Via, h.Deleted), Gone: h.Gone, Forced: h.Forced, Pushed: 9}
	outcome, err := journal.Fate(readerSite, before, a, func() (bool, error) { return false, nil })
	if err != nil {
		panic(err)
	}
	switch outcome {
	case journal.Stored:
		s.Records[i] = held{Version: h.Version, Via: h.Via, Deleted: h.Deleted}
		s.Best[i] = max(s.Best[i], h.Version)
	case journal.Retracted:
		s.Records[i].Hidden = true
	case journal.Known, journal.Kept, journal.Forgotten: // the centre has them all
	}
}
