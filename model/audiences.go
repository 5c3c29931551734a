package model

import (
	"fmt"
	"iter"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
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
