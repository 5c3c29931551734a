package model

import (
	"fmt"
	"iter"
	"slices"
)

// A centre and a site. The centre edits one record, the site another; both hold both.
// Backups of either are taken and put back, and the site's machine is copied.

// What a number stands for is a content of its own: edits are numbered as they are
// made, by whomever.
const (
	contents = 8   // at most; as bits
	lostOwn  = 100 // an entry of the centre's that is passed over
	renewal  = 101 // the mark of a restored database
)

// piece is a record: the content, all contents before it in it, and its origin.
type piece struct{ Content, Set, Seq uint8 }

// line is an entry of the site's journal.
type line struct {
	Content, Set uint8 // what the edit wrote, and all that is then in the record
	Base         uint8 // the number of the entry it builds on
	Restates     uint8 // the number of the entry whose state it tells again; 0: an edit
}

// run is one run of the centre, as exchange.Run.
type run struct{ ID, Began, Own uint8 }

const (
	mostLines = 7
	mostOwn   = 8
	mostRuns  = 4
)

// hub is the centre's database.
type hub struct {
	Own    [mostOwn]uint8 // contents of its own journal
	OwnLen uint8
	Copy   [mostLines]line // of the site's journal
	Known  uint8
	Lost   uint8 // entries of the copy up to here are lost
	Wait   uint8 // an entry that waits for the site to state the record again
	C, S   piece // its own record, the site's
	CAt    uint8 // positions
	SAt    uint8
	Head   uint8
	Runs   [mostRuns]run
	NRuns  uint8
	// What it remembers of the site.
	Timeline, Turn, Nonce uint8
	Resend                bool
	Told                  uint8
	Found                 uint8 // contents of its own that the site handed in
}

// island is a site's database.
type island struct {
	There                 bool
	Refused               bool // its last exchange was
	Init                  bool // it initialises
	Timeline, Turn, Nonce uint8
	Earlier, EarlierSeq   uint8 // its timeline before it was restored, and where that ended
	Open                  bool
	Journal               [mostLines]line
	Base, Len, Ack        uint8
	Cursor, Applied       uint8
	Runs                  [mostRuns]run
	NRuns                 uint8
	C, S                  piece
	Staged                piece // of the centre's record
	StagedAt              uint8
	Gap, Resend           bool
	Voucher               uint8
	Vouch                 bool
	Doubt, Ask            bool
	// Stale is known to no program: the site's history went on without it.
	Stale bool
}

// restoreState is a state of the model of restores.
type restoreState struct {
	Hub       hub
	HubBackup hub
	HasHub    bool
	Site      [2]island // the site, and a copy of its machine
	Backup    island
	Content   uint8 // edits made so far
	// What may still happen.
	Edits, OwnEdits, HubRestores, SiteRestores, Clones, Restarts uint8
	// What no program knows: contents acknowledged, what each number of the site's
	// journal and of the centre's stands for, and what went wrong.
	Acked    uint8
	Meaning  [mostLines + 1]uint8
	Cloned   bool
	PutBack  bool // the site's backup was
	Restored bool // the centre was
	Wrong    uint8
}

// What went wrong, if it did.
const (
	twoMeanings = iota + 1
	stalePushed
	ownTwice
)

// RestoreFaults are mistakes to be put into the model of restores.
type RestoreFaults struct {
	NonceUnchecked     bool // the centre compares turns only
	TurnUnchecked      bool // … neither
	NoNewRun           bool // a restored centre goes on with its run
	RunsUncompared     bool // … and believes every cursor
	NotSentAgain       bool // the site does not go back when the centre lacks entries
	TurnNotDurable     bool // the turn is on the disk only when the answer came
	DuplicatesBelieved bool // an entry that comes again is not compared with the one that is known
	NoVoucher          bool // numbers of the centre's own are given again
	NoDoubt            bool // records of a restored centre are not asked about
	MidwayForgotten    bool // with a new run a site goes on from between two checkpoints
	NotRestated        bool // the order to state everything again is forgotten
}

// RestoreBounds say how much may happen.
type RestoreBounds struct {
	Edits, OwnEdits, HubRestores, SiteRestores, Clones, Restarts uint8
}

type restores struct{ faults RestoreFaults }

// Restores returns the model of restores on either side, and of clones.
func Restores(b RestoreBounds, f RestoreFaults) Model[restoreState] {
	m := &restores{f}
	begin := restoreState{
		Edits: b.Edits, OwnEdits: b.OwnEdits, HubRestores: b.HubRestores, SiteRestores: b.SiteRestores, Clones: b.Clones, Restarts: b.Restarts,
	}
	begin.Hub.Timeline = 1
	begin.Hub.Runs[0], begin.Hub.NRuns = run{ID: 1}, 1
	begin.Site[0] = island{There: true, Timeline: 1}
	return Model[restoreState]{
		Name:  "restores and clones",
		Begin: []restoreState{begin},
		Next:  m.next,
		Always: []Law[restoreState]{
			{"no number of a site's journal ever means two things", func(s restoreState) string {
				if s.Wrong == twoMeanings {
					return "the centre took an entry with a number that it had acknowledged for another"
				}
				return ""
			}},
			{"a centre that was shown a voucher never gives a number of its own again", func(s restoreState) string {
				if s.Wrong == ownTwice {
					return "the centre gave an entry of its own a number that the site knows another by"
				}
				return ""
			}},
			{"a site that was neither restored nor copied is never refused", func(s restoreState) string {
				if s.Site[0].Refused && !s.PutBack && !s.Cloned {
					return "the site is refused, and has done nothing wrong"
				}
				return ""
			}},
			{"a restored or copied site never pushes", func(s restoreState) string {
				if s.Wrong == stalePushed {
					return "the centre went on with a database whose history had gone on without it"
				}
				return ""
			}},
		},
		Peace: m.peace,
		Rest: []Law[restoreState]{
			{"nothing acknowledged is missing after the site's next cycle", m.nothingMissing},
			{"everyone ends equal", m.equal},
			{"a position means the same to both", m.onePlace},
		},
	}
}

func (m *restores) next(s restoreState) iter.Seq2[Act, restoreState] {
	return func(yield func(Act, restoreState) bool) {
		_ = m.exchanges(s, yield) && m.works(s, yield) && m.misfortunes(s, yield)
	}
}

// who names the two databases that may work as the site.
var who = [2][5]string{
	{
		"The site and the centre exchange.", "The site begins an exchange; the answer is lost.",
		"The site begins an exchange; the answer is cut after its Receipt.", "The site begins an exchange; the answer is cut after its first record.",
		"The site, which was refused, is initialised again.",
	},
	{
		"The copy and the centre exchange.", "The copy begins an exchange; the answer is lost.",
		"The copy begins an exchange; the answer is cut after its Receipt.", "The copy begins an exchange; the answer is cut after its first record.",
		"",
	},
}

// How much of an answer arrives.
const (
	all = iota
	nothing
	untilReceipt
	untilRecord
)

func (m *restores) exchanges(s restoreState, yield func(Act, restoreState) bool) bool {
	for i, x := range s.Site {
		if !x.There || x.Refused {
			continue
		}
		for arrives := all; arrives <= untilRecord; arrives++ {
			n := m.exchange(s, i, arrives)
			if n != s && !yield(act(who[i][arrives]), n) {
				return false
			}
		}
	}
	if s.Site[0].Refused {
		return yield(act(who[0][4]), m.again(s))
	}
	return true
}

func (m *restores) works(s restoreState, yield func(Act, restoreState) bool) bool {
	if s.Content < contents && s.Edits > 0 {
		for i, x := range s.Site {
			if x.There && !x.Init && !x.Refused && x.Len < mostLines-2 {
				n := m.edit(s, i)
				words := "The site edits its record (entry %d)."
				if i == 1 {
					words = "The copy edits the site's record (entry %d)."
				}
				if !yield(act(words, n.Site[i].Len), n) {
					return false
				}
			}
		}
	}
	if s.Content < contents && s.OwnEdits > 0 && s.Hub.OwnLen < mostOwn {
		n := s
		n.OwnEdits--
		h := &n.Hub
		h.Own[h.OwnLen] = n.Content + 1
		h.OwnLen++
		for _, x := range s.Site {
			if x.There && !x.Vouch && x.NRuns > 0 && x.Runs[x.NRuns-1].ID == h.Runs[h.NRuns-1].ID && x.C.Seq >= h.OwnLen {
				n.Wrong = ownTwice // it was shown the voucher
			}
		}
		h.Head++
		h.C, h.CAt = piece{n.Content + 1, h.C.Set | 1<<n.Content, h.OwnLen}, h.Head
		n.Content++
		if !yield(act("The centre edits its own record (entry %d, position %d).", h.OwnLen, h.Head), n) {
			return false
		}
	}
	return true
}

func (m *restores) edit(s restoreState, i int) restoreState {
	s.Edits--
	x := &s.Site[i]
	x.Journal[x.Len] = line{Content: s.Content + 1, Set: x.S.Set | 1<<s.Content, Base: x.S.Seq}
	x.Len++
	x.S = piece{s.Content + 1, x.S.Set | 1<<s.Content, x.Len}
	s.Content++
	return s
}

func (m *restores) misfortunes(s restoreState, yield func(Act, restoreState) bool) bool {
	if s.HubRestores > 0 {
		if !s.HasHub {
			n := s
			n.HasHub, n.HubBackup = true, s.Hub
			if !yield(act("The centre is backed up."), n) {
				return false
			}
		} else if s.Hub.NRuns < mostRuns {
			n := s
			n.HubRestores--
			n.Restored = true
			n.Hub = s.HubBackup
			n.HasHub, n.HubBackup = false, hub{}
			if !m.faults.NoNewRun {
				n.begin()
			}
			for i := range n.Site {
				n.Site[i].Stale = false // whichever comes now, the centre knows no better
			}
			n.forget()
			if !yield(act("The centre's backup is put back."), n) {
				return false
			}
		}
	}
	if s.Restarts > 0 && s.Hub.NRuns < mostRuns {
		n := s
		n.Restarts--
		n.begin()
		if !yield(act("The centre is restarted."), n) {
			return false
		}
	}
	x := s.Site[0]
	if s.SiteRestores > 0 && !x.Refused {
		if !s.Backup.There {
			n := s
			n.Backup = x
			if !yield(act("The site is backed up."), n) {
				return false
			}
		} else {
			for _, byProgram := range []bool{false, true} {
				n := s
				n.SiteRestores--
				n.PutBack = true
				n.Site[0], n.Backup = s.Backup, island{}
				b := &n.Site[0]
				b.Stale = s.Hub.wentOnWithout(*b, x.Timeline, s.Restored)
				words := "The site's backup is put back."
				if byProgram {
					if b.Init || b.Len >= mostLines-1 {
						continue
					}
					words = "The site's backup is put back by the program, which begins a new timeline."
					n.renew(b)
				}
				n.forget()
				if !yield(act(words), n) {
					return false
				}
			}
		}
	}
	if s.Clones > 0 && !s.Site[1].There && !x.Refused {
		n := s
		n.Clones--
		n.Site[1], n.Cloned = x, true
		if !yield(act("The site's machine is copied, and both go on."), n) {
			return false
		}
	}
	return true
}

// wentOnWithout reports whether the centre has seen the site's database later than
// this: has taken entries of it, if it was restored itself and may have sent the site
// back in an exchange that took none.
func (h hub) wentOnWithout(x island, live uint8, restored bool) bool {
	if restored && h.Known <= x.Len && hash(h.Copy, h.Known) == hash(x.Journal, h.Known) {
		return false
	}
	if h.Timeline != x.Timeline {
		return h.Timeline == live
	}
	return h.Turn > x.Turn || h.Turn == x.Turn && h.Nonce != x.Nonce
}

func (s *restoreState) begin() {
	h := &s.Hub
	h.Runs[h.NRuns] = run{s.draw(func(d island, h hub) []uint8 {
		var ids []uint8
		for i := range mostRuns {
			ids = append(ids, d.Runs[i].ID, h.Runs[i].ID)
		}
		return ids
	}), h.Head, h.OwnLen}
	h.NRuns++
}

// draw gives what is drawn at random, a nonce, a timeline, a run: the lowest number
// that nobody remembers. (Which one it is makes no difference, so states that differ
// in it only are one.)
func (s *restoreState) draw(used func(island, hub) []uint8) uint8 {
	var taken [64]bool
	for _, h := range []hub{s.Hub, s.HubBackup} {
		for _, x := range []island{s.Site[0], s.Site[1], s.Backup} {
			for _, n := range used(x, h) {
				taken[n%64] = true
			}
		}
	}
	n := uint8(1)
	for taken[n] {
		n++
	}
	return n
}

func timelines(x island, h hub) []uint8 { return []uint8{x.Timeline, x.Earlier, h.Timeline} }

func nonces(x island, h hub) []uint8 { return []uint8{x.Nonce, h.Nonce} }

// settle makes states one that differ only in how many exchanges there were: turns are
// compared and nothing else, so what counts is their order and whether one follows
// the other.
func (s *restoreState) settle() {
	turns := []*uint8{&s.Hub.Turn, &s.Hub.Told, &s.HubBackup.Turn, &s.HubBackup.Told, &s.Site[0].Turn, &s.Site[1].Turn, &s.Backup.Turn}
	slices.SortStableFunc(turns, func(a, b *uint8) int { return int(*a) - int(*b) })
	was, is := uint8(0), uint8(0)
	for _, t := range turns {
		is += min(*t-was, 2)
		was, *t = *t, is
	}
}

// renew goes on under a new timeline, as site.Renew does.
func (s *restoreState) renew(x *island) {
	x.Earlier, x.EarlierSeq = x.Timeline, x.Len
	x.Timeline = s.draw(timelines)
	if x.Len > x.Base {
		x.Journal[x.Len] = line{Content: renewal, Set: x.Timeline}
		x.Len++
	}
}

// forgot reports whether a restored centre may take either of two databases for the
// site.
func (s restoreState) forgot() bool { return s.Cloned && s.Restored }

// forget strikes out what no database holds any longer: nobody can bring it back.
func (s *restoreState) forget() {
	held := s.Hub.S.Set
	for _, x := range s.Site {
		if x.There {
			held |= x.S.Set
		}
	}
	s.Acked &= held
	for seq := 1; seq <= mostLines; seq++ {
		is := seq <= int(s.Hub.Known) && s.Hub.Copy[seq-1].Content == s.Meaning[seq]
		for _, x := range s.Site {
			is = is || x.There && seq <= int(x.Len) && x.Journal[seq-1].Content == s.Meaning[seq]
		}
		if !is {
			s.Meaning[seq] = 0
		}
	}
}

// again begins the site anew with an empty database.
func (m *restores) again(s restoreState) restoreState {
	s.Site[0] = island{There: true, Init: true, Timeline: s.draw(timelines)}
	s.forget()
	return s
}

var names = func() (out [256]string) {
	for i := range out {
		out[i] = fmt.Sprintf("%08d", i)
	}
	return out
}()
