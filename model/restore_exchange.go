package model

import (
	"math/bits"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
)

// hash stands for the hash of a journal up to an entry: all of it.
func hash(journal [mostLines]line, seq uint8) (h atoll.Hash) {
	for i, l := range journal[:seq] {
		h[3*i], h[3*i+1], h[3*i+2] = l.Content+1, l.Restates+1, l.Base+1
		if l.Content == renewal {
			h[3*i+1] = l.Set
		}
	}
	return h
}

func head(journal [mostLines]line, seq, timeline uint8) atoll.Head {
	h := atoll.Head{Timeline: atoll.Timeline(names[timeline]), Seq: uint64(seq)}
	if seq > 0 {
		h.Hash = hash(journal, seq)
	}
	return h
}

func runsOf(runs [mostRuns]run, n uint8) []exchange.Run {
	out := make([]exchange.Run, n)
	for i := range out {
		out[i] = exchange.Run{ID: names[runs[i].ID], Began: atoll.Position(runs[i].Began), Own: uint64(runs[i].Own)}
	}
	return out
}

// hello is what the database says of itself.
func (x island) hello() exchange.Hello {
	h := exchange.Hello{
		Site: 2, Timeline: atoll.Timeline(names[x.Timeline]), Turn: uint64(x.Turn), Nonce: names[x.Nonce], Initialising: x.Init,
		Acknowledged: head(x.Journal, x.Ack, x.Timeline), Head: head(x.Journal, x.Len, x.Timeline), Cursor: atoll.Position(x.Cursor),
	}
	if x.Earlier != 0 && x.EarlierSeq >= x.Ack {
		h.Earlier = []atoll.Head{{Timeline: atoll.Timeline(names[x.Earlier]), Seq: uint64(x.EarlierSeq)}}
	}
	if x.NRuns > 0 {
		h.Run = names[x.Runs[x.NRuns-1].ID]
	}
	if x.Gap {
		base := head(x.Journal, x.Base, x.Timeline)
		h.Base = &base
	}
	return h
}

// exchange is one exchange of a database that works as the site.
func (m *restores) exchange(s restoreState, i, arrives int) restoreState {
	s = m.exchanged(s, i, arrives)
	s.settle()
	return s
}

func (m *restores) exchanged(s restoreState, i, arrives int) restoreState {
	x := &s.Site[i]
	if !x.Open {
		x.Turn++
		x.Nonce, x.Open = s.draw(nonces), true
	}
	told, refused := m.answer(&s, i)
	if m.faults.TurnNotDurable && arrives == nothing {
		x.Turn, x.Open = x.Turn-1, false
	}
	switch {
	case arrives == nothing:
		return s
	case refused:
		x.Refused = true
		return s
	}
	m.take(&s, i, told, arrives)
	return s
}

// said is the centre's answer.
type said struct {
	known     atoll.Head // before
	knownLine [mostLines]line
	run       uint8
	lost      bool
	rewind    bool
	from, own uint8
	runs      []exchange.Run
	voucher   uint8
	resend    bool
	ack       uint8
	truth     bool // about the centre's record, which was found
	records   [2]uint8
	n         int
	hub       hub
}

const (
	ofCentre = iota + 1
	ofSite
)

// answer is the centre's part of an exchange.
func (m *restores) answer(s *restoreState, i int) (a said, refused bool) {
	x := s.Site[i]
	next := s.Hub // committed as a whole
	h := &next
	hello := x.hello()
	known := head(h.Copy, h.Known, h.Timeline)
	reading := exchange.Place(runsOf(h.Runs, h.NRuns), hello, known)
	if m.faults.RunsUncompared {
		reading.Lost, reading.Back = false, false
	}
	memory := exchange.Memory{Timeline: atoll.Timeline(names[h.Timeline]), Turn: uint64(h.Turn), Nonce: names[h.Nonce]}
	if m.faults.NonceUnchecked && hello.Turn == memory.Turn {
		memory.Nonce = hello.Nonce
	}
	if m.faults.TurnUnchecked {
		memory.Turn, memory.Nonce = min(memory.Turn, hello.Turn), hello.Nonce
	}
	_, taken, err := memory.Recognise(hello, reading.Older)
	if err != nil {
		return a, true
	}
	if taken {
		h.Told = 0
		if x.Init {
			h.Resend = false
		}
	}
	if hello.Base != nil && x.Base > h.Known && x.Ack >= x.Base {
		copy(h.Copy[:x.Base], x.Journal[:x.Base]) // what is in them it does not know
		h.Lost, h.Known, h.Resend, h.Told = x.Base, x.Base, !m.faults.NotRestated, 0
		known = *hello.Base
	}
	err = exchange.OneJournal(hello, known, func(seq uint64) (atoll.Hash, error) { return hash(h.Copy, uint8(seq)), nil })
	if err != nil {
		return a, true
	}
	if x.Vouch && x.Voucher > h.OwnLen && !m.faults.NoVoucher {
		for h.OwnLen < min(x.Voucher, mostOwn) {
			h.Own[h.OwnLen] = lostOwn
			h.OwnLen++
		}
	}
	if x.Ask && x.C.Content != 0 {
		h.Found |= 1 << (x.C.Content - 1)
		a.truth = true
	}
	if h.Resend {
		switch {
		case h.Told == 0 || x.Turn <= h.Told:
			h.Told = x.Turn
		default:
			h.Resend, h.Told = false, 0
		}
	}
	h.Timeline, h.Turn, h.Nonce = x.Timeline, x.Turn, x.Nonce
	a.known, a.knownLine = known, h.Copy
	repeats := hello.Turn == memory.Turn && hello.Nonce == memory.Nonce
	before := h.Known
	if !m.admit(s, h, x) {
		return a, true
	}
	if x.Stale && (!repeats || h.Known > before) && !s.forgot() {
		s.Wrong = stalePushed
	}
	for j := range s.Site { // of two, the first to begin an exchange is the site
		if j != i && s.Site[j].There && !s.Site[j].Init && !repeats {
			s.Site[j].Stale = true
		}
	}
	a.run, a.ack, a.resend = h.Runs[h.NRuns-1].ID, h.Known, h.Resend
	a.lost, a.rewind, a.from, a.own = reading.Lost, reading.Back, uint8(reading.From), uint8(reading.Own)
	a.voucher = min(h.OwnLen+2, mostOwn)
	if a.lost {
		a.runs = runsOf(h.Runs, h.NRuns)
	} else {
		from := x.Cursor
		if a.rewind {
			from = min(from, a.from)
		}
		add := func(which, at uint8, send bool) {
			if send && at > from {
				a.records[a.n] = which
				a.n++
			}
		}
		mine := x.Init || h.S.Seq <= h.Lost // its own come back only then
		if h.SAt < h.CAt {
			add(ofSite, h.SAt, mine)
			add(ofCentre, h.CAt, true)
		} else {
			add(ofCentre, h.CAt, true)
			add(ofSite, h.SAt, mine)
		}
	}
	a.hub = *h
	s.Hub = next
	return a, false
}

// admit takes the entries that the site sends.
func (m *restores) admit(s *restoreState, h *hub, x island) bool {
	for seq := x.Ack + 1; seq <= x.Len; seq++ {
		if seq <= h.Known && h.Copy[seq-1] != x.Journal[seq-1] && !m.faults.DuplicatesBelieved {
			return false // the same number with other content
		}
		if seq != h.Known+1 {
			continue // known already, or beyond a gap: it is told, and sends again
		}
		l := x.Journal[seq-1]
		h.Copy[seq-1], h.Known = l, seq
		if is := s.Meaning[seq]; is != 0 && is != l.Content && !s.forgot() {
			s.Wrong = twoMeanings
		}
		s.Meaning[seq] = l.Content
		switch {
		case l.Content == renewal:
		case l.Restates != 0:
			if h.S.Seq != l.Restates && l.Restates >= h.S.Seq {
				h.Head++
				h.S, h.SAt = piece{l.Content, l.Set, l.Restates}, h.Head
			}
			if h.Wait != 0 {
				m.apply(h, h.Wait)
			}
		default:
			m.apply(h, seq)
		}
	}
	return true
}

// apply makes a record of an edit; one that builds on what was lost waits.
func (m *restores) apply(h *hub, seq uint8) {
	l := h.Copy[seq-1]
	if l.Base != h.S.Seq {
		if h.Wait == 0 {
			h.Wait = seq
		}
		return
	}
	h.Head++
	h.S, h.SAt = piece{l.Content, l.Set, seq}, h.Head
	h.Wait = 0
	for later := seq + 1; later <= h.Known; later++ { // what waited behind it
		if b := h.Copy[later-1]; b.Content != renewal && b.Restates == 0 && b.Base == seq {
			m.apply(h, later)
			return
		}
	}
}

// take has the database work on the part of the answer that arrived.
func (m *restores) take(s *restoreState, i int, a said, arrives int) {
	x := &s.Site[i]
	shown, to := x.Vouch, x.Cursor // from where the answer reads
	switch {
	case a.rewind:
		to = min(to, a.from)
		m.rewind(x, a.from, a.own)
	case a.lost:
		at, own := exchange.CommonPosition(a.runs, runsOf(x.Runs, x.NRuns))
		m.rewind(x, uint8(min(at, 200)), uint8(own))
	}
	if x.NRuns > 0 && x.Runs[x.NRuns-1].ID != a.run && !m.faults.MidwayForgotten {
		x.Cursor = min(x.Cursor, x.Applied) // it may have been between two checkpoints
	}
	deaf := x.Cursor < to
	restored := a.rewind || a.lost
	x.Vouch = restored && x.Voucher != 0 || x.Vouch && !shown
	if !x.Vouch {
		x.Voucher = max(x.Voucher, a.voucher)
	}
	if x.NRuns == 0 || x.Runs[x.NRuns-1].ID != a.run {
		if x.NRuns == mostRuns {
			copy(x.Runs[:], x.Runs[1:])
			x.NRuns--
		}
		x.Runs[x.NRuns] = run{ID: a.run, Began: x.Cursor}
		x.NRuns++
	}
	x.Resend = x.Resend || a.resend
	switch {
	case x.Init && x.Len == 0 && a.known.Seq > 0:
		x.Journal = a.knownLine
		x.Base, x.Len, x.Ack = uint8(a.known.Seq), uint8(a.known.Seq), uint8(a.known.Seq)
		for j := x.Len; j < mostLines; j++ {
			x.Journal[j] = line{}
		}
	case x.Gap && uint8(a.known.Seq) == x.Ack:
		x.Gap = false
	case uint8(a.known.Seq) < x.Ack && !m.faults.NotSentAgain:
		to, gap, err := exchange.GoBack(a.known, head(x.Journal, x.Base, x.Timeline), func(seq uint64) (atoll.Hash, error) { return hash(x.Journal, uint8(seq)), nil })
		if err != nil {
			x.Refused = true
			return
		}
		x.Ack, x.Gap = uint8(to.Seq), gap
	}
	if a.ack > x.Ack && a.ack <= x.Len {
		if hash(a.hub.Copy, a.ack) != hash(x.Journal, a.ack) {
			x.Refused = true
			return
		}
		for seq := x.Ack + 1; seq <= a.ack; seq++ {
			if l := x.Journal[seq-1]; l.Content != renewal {
				s.Acked |= 1 << (l.Content - 1)
			}
		}
		x.Ack = a.ack
	}
	if arrives == untilReceipt {
		return
	}
	if deaf {
		x.Open = x.Open && arrives != all
		return
	}
	if a.truth {
		x.C, x.Doubt, x.Ask = a.hub.C, false, false
		x.Staged, x.StagedAt = piece{}, 0
	}
	for n, which := range a.records[:a.n] {
		if arrives == untilRecord && n == 1 {
			return
		}
		if which == ofCentre {
			x.Staged, x.StagedAt, x.Doubt = a.hub.C, a.hub.CAt, false
			x.Cursor = max(x.Cursor, a.hub.CAt)
			continue
		}
		if takes(*x, a.hub.S) {
			x.S = a.hub.S
		}
		x.Cursor = max(x.Cursor, a.hub.SAt)
	}
	if arrives == untilRecord {
		return
	}
	x.Open = false
	if a.lost {
		return
	}
	if x.StagedAt != 0 { // the checkpoint
		x.C, x.Staged, x.StagedAt = x.Staged, piece{}, 0
	}
	x.Cursor, x.Applied, x.Ask, x.Init = max(x.Cursor, a.hub.Head), a.hub.Head, x.Doubt, false
	if x.Resend { // what was ordered
		x.Resend = false
		if x.S.Content != 0 && x.Len < mostLines {
			x.Journal[x.Len] = line{Content: x.S.Content, Set: x.S.Set, Restates: x.S.Seq}
			x.Len++
		}
	}
}

// takes is what the program's journal does with the site's own record when it arrives.
func takes(x island, arrives piece) bool {
	record := func(p piece) atoll.Record {
		return atoll.Record{
			Origin: atoll.Origin{Site: 2, Seq: uint64(p.Seq)}, Version: uint64(bits.OnesCount8(p.Set)), Body: []byte(names[p.Content]),
		}
	}
	var before *atoll.Record
	if x.S.Content != 0 {
		is := record(x.S)
		before = &is
	}
	a := journal.Arrival{Record: record(arrives), Initialising: x.Init, Pushed: uint64(x.Ack)}
	outcome, err := journal.Fate(2, before, a, func() (bool, error) { return true, nil })
	if err != nil {
		panic(err) // a defect of the model
	}
	return outcome == journal.Stored
}

// rewind sets the cursor back, as the site does when the centre was restored.
func (m *restores) rewind(x *island, to, own uint8) {
	x.Cursor, x.Ask = min(x.Cursor, to), false
	if x.C.Content != 0 && x.C.Seq > own && !m.faults.NoDoubt {
		x.Doubt = true
	}
	x.Applied = min(x.Applied, to)
	if x.StagedAt > to {
		x.Staged, x.StagedAt = piece{}, 0
	}
}
