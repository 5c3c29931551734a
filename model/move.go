package model

import (
	"fmt"
	"iter"
	"math/bits"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// A store, with one record in it, that moves between the centre (site 1) and two
// remote sites (2 and 3). It begins at site 2.

// version is a version of the record: its origin, and which edits are in it, as
// bits. None stands for a record that is not there.
type version struct{ Set, Site, Seq uint8 }

var none version

// view is what somebody knows of the store and of its move. The centre's is true.
type view struct {
	At, Epoch         uint8
	Move              uint8 // number of the move under way; 0: none
	From, To, Attempt uint8
	Backfill, Forced  bool // it is at its second step; it is forced
	Want              version
}

// The entries of a site's journal.
const (
	anEdit = iota + 1
	aFrozen
	aReceived
)

// entry is an entry: an edit of the record, or a site's word about a move.
type entry struct {
	Kind uint8
	// Of an edit: epoch, which edit. Of a word: move, attempt.
	A, B uint8
	// Of an edit: what it builds on. Of a word: what the site has.
	Rec version
}

const longest = 8 // journal

// mover is a remote site.
type mover struct {
	View          view
	Rec           version
	Hidden        bool
	Covered, Lane bool // the store's audience
	Journal       [longest]entry
	Len, Ack      uint8
	Said          entry // its last word, without what it had
	Told          uint8 // edits it was told were refused
	Back          uint8 // the last true state it has taken
	Waiting       bool  // for an answer, which is under way
	Answer        answer
}

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

// moveState is a state of the model of moves.
type moveState struct {
	// The centre.
	View  view
	Rec   version
	Known [2]uint8 // of the sites' journals
	Words [2]entry // the last word of each
	// Edits that were refused, and those of them that nobody has decided about.
	Refused, Open uint8
	Back          [2]uint8 // true states that were put on their way
	BackRec       [2]version
	Moves         uint8
	// The remote sites, 2 and 3.
	Sites [2]mover
	// A request that is late, and may arrive any number of times.
	Late     bool
	LateFrom uint8
	LateAsk  request
	// What may still happen.
	Edits, Lates, Repeats, Aborts, Forces uint8
	// What no program knows: who edited under which epoch, what the record held when an
	// epoch began, whether any move was forced.
	Wrote    [4]uint8
	Began    [4]uint8
	AnyForce bool
}

// MoveFaults are mistakes to be put into the model of moves.
type MoveFaults struct {
	EpochUnchecked   bool // the centre does not compare epochs
	OwnerUnchecked   bool // the centre takes everybody's edits
	EpochNotRaised   bool // a switch leaves the epoch as it is
	NoFreeze         bool // sites go on editing while the store moves
	OpenUnverified   bool // the new site works as soon as it hears of the switch
	SaysTooEarly     bool // the new site says that it has all before it has
	AnyWord          bool // a word for an earlier move or attempt counts
	AckBeforeCommit  bool // the centre acknowledges, and loses it in a crash
	RefusedForgotten bool // what is refused is not kept
}

// MoveBounds say how much may happen.
type MoveBounds struct {
	Edits, Moves, Lates, Repeats, Aborts, Forces uint8
}

type moves struct {
	bounds MoveBounds
	faults MoveFaults
	court  *court
}

// Moves returns the model of the move of a store.
func Moves(b MoveBounds, f MoveFaults) Model[moveState] {
	m := &moves{b, f, newCourt(f)}
	first := version{Site: 2}
	begin := moveState{
		View: view{At: 2, Epoch: 1}, Rec: first, Edits: b.Edits, Lates: b.Lates, Repeats: b.Repeats, Aborts: b.Aborts, Forces: b.Forces,
		Wrote: [4]uint8{1: 2},
	}
	for i := range begin.Sites {
		begin.Sites[i].View = begin.View
	}
	begin.Sites[0].Rec, begin.Sites[0].Covered = first, true
	return Model[moveState]{
		Name:  "move of a store",
		Begin: []moveState{begin},
		Next:  m.next,
		Always: []Law[moveState]{
			{"at most one site may write at one epoch", m.oneWriter},
			{"edits of one epoch stand from one site", func(s moveState) string {
				if s.Wrote[0] != 0 {
					return fmt.Sprintf("edits of two sites stand under epoch %d", s.Wrote[0])
				}
				return ""
			}},
			{"no acknowledged edit is lost, unless forced, quarantined and told", m.nothingLost},
			{"the new owner opens only with everything", m.opensWhole},
		},
		Peace: m.peace,
		Rest: []Law[moveState]{
			{"in peace every move ends, open or aborted", m.ended},
			{"at rest everybody agrees", m.agree},
		},
	}
}

func (m *moves) next(s moveState) iter.Seq2[Act, moveState] {
	return func(yield func(Act, moveState) bool) {
		_ = m.people(s, yield) && m.sites(s, yield) && m.line(s, yield) && m.centre(s, yield)
	}
}

// sites are the steps that sites take by themselves.
func (m *moves) sites(s moveState, yield func(Act, moveState) bool) bool {
	for i := range s.Sites {
		site := uint8(i + 2)
		if n, word, ok := m.say(s, i); ok {
			words := "Site %d says that it has stopped, and what it has."
			if word == aReceived {
				words = "Site %d says that it has received everything."
			}
			if !yield(act(words, site), n) {
				return false
			}
		}
	}
	return true
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

// centre is the centre's step in a move.
func (m *moves) centre(s moveState, yield func(Act, moveState) bool) bool {
	n, ok := m.advance(s)
	switch {
	case !ok:
		return true
	case s.View.Backfill:
		return yield(act("The centre hears that site %d has everything: the store opens there.", s.View.To), n)
	}
	return yield(act("The centre has all that site %d had, and gives the store to site %d under the next epoch.", s.View.From, s.View.To), n)
}

func (v view) step() topology.Step {
	switch {
	case v.Move == 0:
		return ""
	case v.Backfill:
		return topology.Backfill
	}
	return topology.Freeze
}

func (v *view) close() { *v = view{At: v.At, Epoch: v.Epoch} }

func (v view) move() topology.Move {
	return topology.Move{From: atoll.SiteID(v.From), To: atoll.SiteID(v.To), Step: v.step(), Attempt: int(v.Attempt), Forced: v.Forced}
}

// force moves the store from the copy at the centre.
func (m *moves) force(s moveState) moveState {
	s.View.Forced, s.AnyForce = true, true
	return m.change(s)
}

// change gives the store to its new site.
func (m *moves) change(s moveState) moveState {
	next := handover.Switches(s.View.move(), 1)
	s.View.At = s.View.To
	if !m.faults.EpochNotRaised {
		s.View.Epoch++
	}
	s.Began[s.View.Epoch%4] = s.Rec.Set
	s.View.Backfill, s.View.Want = true, s.Rec
	if next == topology.Moved || m.faults.OpenUnverified {
		s.View.close()
	}
	return s
}

// advance is the centre's next step in a move, if it has heard what it needs.
func (m *moves) advance(s moveState) (moveState, bool) {
	v := s.View
	by, _, awaits := handover.Awaits(v.move())
	if !awaits {
		return s, false
	}
	if by == 1 { // the centre itself: it has what it has
		return m.change(s), true
	}
	w := s.Words[by-2]
	if w.Kind == 0 || (w.A != v.Move && !m.faults.AnyWord) {
		return s, false
	}
	attempt := int(w.B)
	if m.faults.AnyWord {
		attempt = int(v.Attempt)
	}
	if !handover.Hears(v.move(), by, wordOf(w.Kind), attempt) {
		return s, false
	}
	if !v.Backfill {
		if s.Open&editsOf(uint8(by)) != 0 || (w.Rec != s.Rec && !m.faults.AnyWord) {
			return s, false
		}
		return m.change(s), true
	}
	if w.Rec != v.Want && !m.faults.SaysTooEarly {
		return s, false
	}
	s.View.close()
	return s, true
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

func (s *moveState) wrote(epoch, site uint8) {
	if by := s.Wrote[epoch%4]; by != 0 && by != site {
		s.Wrote[0] = epoch
	}
	s.Wrote[epoch%4] = site
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

// number is the version's number: one more with each edit.
func (v version) number() uint64 { return uint64(1 + bits.OnesCount8(v.Set)) }

func (v version) origin() atoll.Origin {
	return atoll.Origin{Site: atoll.SiteID(v.Site), Seq: uint64(v.Seq)}
}
