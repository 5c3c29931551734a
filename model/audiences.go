package model

import (
	"fmt"
	"iter"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// A reader, which is the site 2 with a store of its own, and a store that it has a
// collector copy of for some of the time. Two documents of that store: each may be
// addressed to the reader's own store as well.

// The audiences of the documents, as bits.
const (
	viaCopy = 1 << iota // store/<the store>: entitled to while the copy lasts
	viaOwn              // to/<the reader's store>: entitled to always
)

const readerSite = atoll.SiteID(2)

const documents = 2

// document is a document at the centre.
type document struct {
	Version, At uint8 // At is its position
	Via         uint8 // its audiences
	Deleted     bool
	// Gone is the position of its line that says it left the audience of the copy, and
	// of the reader's own; 0 if there is none.
	GoneCopy, GoneOwn uint8
	// Back is the position of a line that returns its true state to the reader, as
	// after a refusal; BackGone says that it was not the reader's to see then.
	Back     uint8
	BackGone bool
}

// held is a document at the reader, or on its way into it.
type held struct {
	Version, Via uint8
	Deleted      bool
	Hidden       bool // in records: retracted
	// Of what is staged:
	At           uint8
	Gone, Forced bool
}

// audienceState is a state of the model of subscriptions.
type audienceState struct {
	// At the centre.
	Head     uint8
	Entitled bool // to the copy
	Docs     [documents]document
	// At the reader.
	Cursor  uint8
	Covered bool  // the copy's audience, by the cursor
	Lane    bool  // it is read from its beginning
	LaneAt  uint8 // how far
	Normal  [documents]held
	InLane  [documents]held
	Records [documents]held
	// Best is the highest version of each that was ever integrated; no program knows it.
	Best [documents]uint8
	// What may still happen.
	Changes, Turns, Returns uint8
}

// AudienceFaults are mistakes to be put into the model of subscriptions.
type AudienceFaults struct {
	CursorBeforeApply  bool // a cut loses what arrived, but the cursor has moved
	BackfillAtCursor   bool // what was gained is read from where the cursor is
	NoRetraction       bool // what was lost is not hidden
	StagingKept        bool // what was staged of a lost audience stays staged
	LaneJoinedEarly    bool // a lane counts as complete with any checkpoint
	RetractsEverything bool // what is still held by another audience is hidden, too
	OldestWins         bool // of two staged states of one record the older is taken
	GoneForgotten      bool // a record that leaves an audience leaves no line there
	LanePutsBack       bool // what a lane holds of a record stays staged, whatever comes beside it
	LeftAlone          bool // the digest of the audiences is not compared
}

// AudienceBounds say how much may happen.
type AudienceBounds struct {
	Changes, Turns, Returns uint8 // of documents; of the entitlement; of true states
	Records                 int   // in one answer
}

// audiences is the model of subscriptions.
type audiences struct {
	faults  AudienceFaults
	records int
	world   *copyWorld
	answers map[answerKey][]exchange.Frame
}

// Audiences returns the model of audiences gained and lost.
func Audiences(b AudienceBounds, f AudienceFaults) Model[audienceState] {
	m := &audiences{f, b.Records, newCopyWorld(), map[answerKey][]exchange.Frame{}}
	begin := audienceState{Head: 2, Cursor: 2, Changes: b.Changes, Turns: b.Turns, Returns: b.Returns}
	for i := range begin.Docs {
		begin.Docs[i] = document{Version: 1, At: uint8(i + 1), Via: viaCopy}
	}
	return Model[audienceState]{
		Name:  "audiences gained and lost",
		Begin: []audienceState{begin},
		Next:  m.next,
		Always: []Law[audienceState]{
			{"a reader never skips: what its cursors have passed it has", m.skips},
			{"a reader never goes back: what it shows is the newest it ever had", m.goesBack},
		},
		Peace: m.peace,
		Rest: []Law[audienceState]{
			{"at rest a reader holds exactly what it is entitled to, at its latest version", m.exact},
		},
	}
}

func (m *audiences) next(s audienceState) iter.Seq2[Act, audienceState] {
	return func(yield func(Act, audienceState) bool) {
		if s.Turns > 0 {
			n := s
			n.Turns--
			n.Head++
			n.Entitled = !s.Entitled
			words := "The reader gets a collector copy of the store."
			if s.Entitled {
				words = "The reader's collector copy of the store ends."
			}
			if !yield(act(words), n) {
				return
			}
		}
		for i := range s.Docs {
			for _, to := range m.changes(s, i) {
				if !yield(to.act, to.state) {
					return
				}
			}
		}
		frames := m.answer(s)
		for cut := range frames {
			if !yield(act("An exchange; the line is cut after %d of the answer's %d parts.", uint8(cut), uint8(len(frames))), m.take(s, frames[:cut], true)) {
				return
			}
		}
		yield(act("An exchange, answered to its end (%d parts).", uint8(len(frames))), m.take(s, frames, false))
	}
}

type audienceStep struct {
	act   Act
	state audienceState
}

// changes are what may happen to a document at the centre.
func (m *audiences) changes(s audienceState, i int) (out []audienceStep) {
	d, name := s.Docs[i], uint8(i+1)
	if s.Changes > 0 && !d.Deleted {
		change := func(words string, via uint8, deleted bool) {
			n := s
			n.Changes--
			n.Head++
			m.put(&n, i, via, deleted)
			out = append(out, audienceStep{act(words, name), n})
		}
		change("Document %d is changed.", d.Via, false)
		change("Document %d is deleted.", d.Via, true)
		for _, to := range []struct {
			via   uint8
			words string
		}{
			{viaCopy, "Document %d is the store's, and not addressed to the reader's own store."},
			{viaOwn, "Document %d is another store's, and addressed to the reader's own store."},
			{viaCopy | viaOwn, "Document %d is the store's, and addressed to the reader's own store."},
		} {
			if to.via != d.Via {
				change(to.words, to.via, false)
			}
		}
	}
	if s.Returns > 0 {
		n := s
		n.Returns--
		n.Head++
		n.Docs[i].Back, n.Docs[i].BackGone = n.Head, d.Via&m.entitledBits(s) == 0
		out = append(out, audienceStep{act("The true state of document %d is put on its way to the reader.", name), n})
	}
	return out
}

// put gives the document a new version at the centre's newest position, and has the
// feed's lines follow, as journal.Lines says.
func (m *audiences) put(s *audienceState, i int, via uint8, deleted bool) {
	d := &s.Docs[i]
	before := m.world.record(i, *d)
	d.Version++
	d.At, d.Via, d.Deleted = s.Head, via, deleted
	for _, l := range journal.Lines(&before, before.Key, atoll.Position(d.At), m.world.audiences[via]) {
		if !l.Gone || m.faults.GoneForgotten {
			continue
		}
		if l.Audience == m.world.copyAudience {
			d.GoneCopy = d.At
		} else {
			d.GoneOwn = d.At
		}
	}
}

func (m *audiences) entitledBits(s audienceState) uint8 {
	if s.Entitled {
		return viaCopy | viaOwn
	}
	return viaOwn
}

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

// peace is an exchange that is answered to its end.
func (m *audiences) peace(s audienceState) audienceState {
	return m.take(s, m.answer(s), false)
}

func (m *audiences) skips(s audienceState) string {
	for i, d := range s.Docs {
		passed := d.Via&viaOwn != 0 && d.At <= s.Cursor ||
			s.Entitled && d.Via&viaCopy != 0 && (s.Covered && d.At <= s.Cursor || s.Lane && d.At <= s.LaneAt)
		if s.Covered && !s.Entitled {
			continue // it has not heard yet; what it is sent is in order
		}
		if passed && s.Records[i].Version != d.Version && s.Normal[i].Version != d.Version && s.InLane[i].Version != d.Version {
			return fmt.Sprintf("the reader's cursor is at %d, beyond document %d at %d, and it does not have version %d of it", s.Cursor, i+1, d.At, d.Version)
		}
	}
	return ""
}

func (m *audiences) goesBack(s audienceState) string {
	for i, h := range s.Records {
		if !h.Hidden && h.Version < s.Best[i] {
			return fmt.Sprintf("the reader shows version %d of document %d, after version %d", h.Version, i+1, s.Best[i])
		}
	}
	return ""
}

func (m *audiences) exact(s audienceState) string {
	for i, d := range s.Docs {
		h := s.Records[i]
		entitled := d.Via&m.entitledBits(s) != 0
		switch {
		case entitled && (h.Version == 0 || h.Hidden) && !d.Deleted:
			return fmt.Sprintf("the reader does not show document %d, which it is entitled to", i+1)
		case entitled && h.Version > 0 && !h.Hidden && (h.Version != d.Version || h.Deleted != d.Deleted):
			return fmt.Sprintf("the reader holds version %d of document %d, which is at %d", h.Version, i+1, d.Version)
		case !entitled && h.Version > 0 && !h.Hidden && !h.Deleted:
			return fmt.Sprintf("the reader shows document %d, which it is not entitled to", i+1)
		case s.Normal[i] != held{} || s.InLane[i] != held{}:
			return fmt.Sprintf("document %d is still staged", i+1)
		}
	}
	if s.Covered != s.Entitled || s.Lane {
		return "the reader does not read what it is entitled to"
	}
	return ""
}
