package model

import (
	"fmt"
	"iter"
	"math/bits"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
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

func (s *moveState) wrote(epoch, site uint8) {
	if by := s.Wrote[epoch%4]; by != 0 && by != site {
		s.Wrote[0] = epoch
	}
	s.Wrote[epoch%4] = site
}

// number is the version's number: one more with each edit.
func (v version) number() uint64 { return uint64(1 + bits.OnesCount8(v.Set)) }

func (v version) origin() atoll.Origin {
	return atoll.Origin{Site: atoll.SiteID(v.Site), Seq: uint64(v.Seq)}
}
