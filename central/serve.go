package central

import (
	"context"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// serve reads what the site, of which this is the state, lacks from one snapshot of the feed. The answer is
// gathered before it is sent, so that a slow line holds no snapshot open.
// Written are records as the site wrote them in this exchange, with their positions.
func (c *Centre) serve(ctx context.Context, of SiteState, h exchange.Hello, rewind *atoll.Position,
	written map[atoll.Key]atoll.Position,
) ([]exchange.Frame, error) {
	var answer []exchange.Frame
	err := c.Store.View(ctx, func(r storage.Reader) error {
		answer = nil
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		s := &serving{r: r, hello: h, history: c.historyFor(r, t, of, h.Initialising), written: written, lost: len(of.Lost) > 0}
		answer, err = s.answer(t, rewind, c.Records, c.Bytes)
		return err
	})
	return answer, err
}

// Answer is the part of an answer that comes from the feed, made from a snapshot and
// nothing else: what the site that says hello lacks, with at most so many records and
// about so many bytes of bodies. Rewind is where a site must go back to, nil if it
// need not.
func Answer(r storage.Reader, t *topology.Topology, h exchange.Hello, rewind *atoll.Position, records, bytes int) ([]exchange.Frame, error) {
	return (&serving{r: r, hello: h}).answer(t, rewind, records, bytes)
}

func (s *serving) answer(t *topology.Topology, rewind *atoll.Position, records, bytes int) (_ []exchange.Frame, err error) {
	if s.head, err = s.r.LastPosition(); err != nil {
		return nil, err
	}
	h := s.hello
	s.entitled, s.cursor, s.lanes = t.Subscription(h.Site), h.Cursor, h.Backfills
	if rewind != nil { // the site sets all its cursors back before it takes the rest of the answer
		s.cursor, s.lanes = min(s.cursor, *rewind), slices.Clone(h.Backfills)
		for i := range s.lanes {
			s.lanes[i].Cursor = min(s.lanes[i].Cursor, *rewind)
		}
	}
	if err := s.ask(t); err != nil {
		return nil, err
	}
	s.records, s.bytes = limit(h.Records, records, exchange.MaxRecords), limit(h.Bytes, bytes, exchange.MaxBytes)
	return s.run(t)
}

// limit is the smaller of what the site asks for and the centre gives.
func limit(asked, own, most int) int {
	if asked <= 0 {
		asked = own
	}
	return min(asked, own, most)
}

// serving is the making of one answer.
type serving struct {
	r        storage.Reader
	hello    exchange.Hello
	head     atoll.Position
	entitled []atoll.Audience
	cursor   atoll.Position
	lanes    []exchange.Backfill // the Hello's, from where they are read
	records  int                 // left of the limits
	bytes    int
	written  map[atoll.Key]atoll.Position // by the site, in this exchange
	history  *history                     // nil for a site that is spared nothing (R-H-26)
	lost     bool                         // entries of the site are lost here, and no longer at the site
	covered  []atoll.Audience             // what the site has once it has taken the answer, but for the lane being read
	out      []exchange.Frame
}

func (s *serving) run(_ *topology.Topology) ([]exchange.Frame, error) {
	end := exchange.End{Cursor: s.cursor, Backfills: s.lanes, Head: s.head}
	normal, agreed := exchange.Normal(s.entitled, s.lanes, s.hello.Queued, s.hello.Subscription)
	if !agreed {
		s.out = append(s.out, exchange.Subscription{Audiences: s.entitled})
		end.More = true
		return append(s.out, end), nil
	}
	if s.hello.NoFeed {
		return append(s.out, end), nil
	}
	s.covered = slices.Clone(normal)
	if err := s.truths(); err != nil {
		return nil, err
	}
	if waits, err := s.ahead(); err != nil {
		return nil, err
	} else if waits {
		end.Backfills, end.More = s.lanes, true
		return append(s.out, end), nil
	}
	done := true
	if s.cursor < s.head {
		var err error
		if end.Cursor, done, err = s.flow("", normal, s.cursor); err != nil {
			return nil, err
		}
	}
	if !done {
		end.More = true
		return append(s.out, end), nil
	}
	checkpoint := exchange.Checkpoint{Position: s.head}
	var left []exchange.Backfill
	for i, b := range s.lanes {
		if i >= exchange.MaxBackfills || s.records <= 0 || s.bytes <= 0 {
			left = append(left, b)
			continue
		}
		cursor, whole, err := s.flow(b.Audience, []atoll.Audience{b.Audience}, b.Cursor)
		if err != nil {
			return nil, err
		}
		if whole {
			checkpoint.Joined = append(checkpoint.Joined, b.Audience)
			s.covered = append(s.covered, b.Audience)
		} else {
			left = append(left, exchange.Backfill{Audience: b.Audience, Cursor: cursor})
		}
	}
	held, err := journal.Held(s.r, append(slices.Clone(normal), checkpoint.Joined...))
	if err != nil {
		return nil, err
	}
	checkpoint.Digest = held.Short()
	end.Cursor, end.Backfills, end.More = s.head, left, len(left) > 0 || len(s.hello.Queued) > 0
	return append(s.out, checkpoint, end), nil
}

// flow adds the records of the audiences after the cursor, in order of position.
// It returns how far it came and whether that was all.
func (s *serving) flow(lane atoll.Audience, audiences []atoll.Audience, after atoll.Position) (atoll.Position, bool, error) {
	for s.records > 0 && s.bytes > 0 {
		page, bound, err := s.page(audiences, after, min(s.records, 500)+1)
		if err != nil {
			return after, false, err
		}
		if err := s.prefetch(lane, page); err != nil {
			return after, false, err
		}
		for i, l := range page {
			if s.records <= 0 || s.bytes <= 0 {
				return after, false, nil
			}
			// The same record once, unless the next line only says that it left an audience:
			// it may still be in this one. What the site must take whatever it has stays so.
			if i+1 < len(page) && page[i+1].Key == l.Key && (l.Gone || !page[i+1].Gone) {
				page[i+1].Forced = page[i+1].Forced || l.Forced
			} else if err := s.add(lane, l); err != nil {
				return after, false, err
			}
			// A position may carry lines of several audiences: it is passed only when
			// the next one begins.
			if i+1 == len(page) || page[i+1].Position > l.Position {
				after = l.Position
			}
		}
		after = max(after, bound)
		if bound >= s.head {
			return s.head, true, nil
		}
	}
	return after, false, nil
}

func (s *serving) prefetch(lane atoll.Audience, page []storage.FeedLine) error {
	keys := make([]atoll.Key, 0, len(page))
	for _, l := range page {
		if !s.wrote(lane, l) {
			keys = append(keys, l.Key)
		}
	}
	return s.r.Prefetch(keys)
}

// page returns the next lines of the audiences together, sorted by position, and
// the position up to which they are complete.
func (s *serving) page(audiences []atoll.Audience, after atoll.Position, limit int) ([]storage.FeedLine, atoll.Position, error) {
	var lines []storage.FeedLine
	bound := s.head
	for _, a := range audiences {
		got, err := s.r.Feed(a, after, s.head, limit)
		if err != nil {
			return nil, 0, err
		}
		if len(got) == limit {
			bound = min(bound, got[len(got)-1].Position)
		}
		lines = append(lines, got...)
	}
	lines = slices.DeleteFunc(lines, func(l storage.FeedLine) bool { return l.Position > bound })
	slices.SortStableFunc(lines, func(a, b storage.FeedLine) int {
		switch {
		case a.Position < b.Position:
			return -1
		case a.Position > b.Position:
			return 1
		case a.Key != b.Key:
			if a.Key.String() < b.Key.String() {
				return -1
			}
			return 1
		case a.Forced != b.Forced: // a forced line speaks for its twin
			if b.Forced {
				return -1
			}
			return 1
		}
		return 0
	})
	return lines, bound, nil
}

// fresh reports whether the site has nothing yet of what the lane brings: it is
// initialising, or gained the audience, and this is the beginning; not that it was
// set back there.
func (s *serving) fresh(lane atoll.Audience) bool {
	switch {
	case s.hello.Again:
		return false
	case lane == "":
		return s.hello.Initialising && s.hello.Cursor == 0
	}
	return !slices.ContainsFunc(s.hello.Backfills, func(b exchange.Backfill) bool { return b.Audience == lane && b.Cursor > 0 })
}

// reaches reports whether the record goes to the site, by whatever audience.
func (s *serving) reaches(r atoll.Record) bool {
	return slices.ContainsFunc(r.Audiences, func(a atoll.Audience) bool {
		_, in := slices.BinarySearch(s.entitled, a)
		return in
	})
}

// waits reports whether the line is of a record that the site gained, and what the site has
// made of it may be later and yet to be judged: a change waits in quarantine and was not
// sent back, or is lost here, and the site states the record. Nobody has said yet that it
// does not stand, and the entry may hold more than this record; so the site does not take
// the older version whatever it has.
func (s *serving) waits(l storage.FeedLine, r atoll.Record) (bool, error) {
	if l.Position != r.Position { // the true state, sent back
		return false, nil
	}
	if s.lost {
		return true, nil
	}
	open, err := s.r.OpenRefusals(s.hello.Site, []atoll.Key{l.Key})
	id, is := open[l.Key]
	if err != nil || !is {
		return false, err
	}
	first, err := s.r.Refusal(id)
	for err == nil && first.Behind != 0 {
		first, err = s.r.Refusal(first.Behind)
	}
	return !returned(first.Layer, first.Code), err
}

// wrote reports whether the line tells of what the site wrote in this exchange. While
// a record stands at the position the version is that one: the next moves the line.
func (s *serving) wrote(lane atoll.Audience, l storage.FeedLine) bool {
	at, written := s.written[l.Key]
	return written && at == l.Position && lane == "" && !l.Forced && !l.Gone && !s.hello.Initialising
}

// add puts one line's record into the answer, unless the site has it already.
func (s *serving) add(lane atoll.Audience, l storage.FeedLine) error {
	if s.wrote(lane, l) {
		return nil
	}
	frame := exchange.Record{Position: l.Position, Lane: lane, Key: l.Key, Forced: l.Forced, Gone: l.Gone}
	r, err := s.r.Record(l.Key)
	switch {
	case errors.Is(err, atoll.NotFound):
		frame.Gone = true
	case err != nil:
		return err
	case l.Forced && len(r.Audiences) > 0:
		// The true state is that of now: the record may have left the site's audiences
		// since the line was put, or have come back.
		frame.Gone = !s.reaches(r)
		frame.Version, frame.Origin = r.Version, r.Origin // the centre has it, if not for this site
		if !frame.Gone {
			waits, err := s.waits(l, r)
			if err != nil {
				return err
			}
			frame.Forced = !waits
		}
	case l.Gone:
		// It left one audience; the site may still have it by another, also where this
		// one is read late, from its beginning.
		for _, a := range r.Audiences {
			if a == lane || slices.Contains(s.covered, a) {
				return nil
			}
		}
	case len(r.Audiences) > 0 && !s.reaches(r):
		return nil // it was listed to be sent again, and has left the site's audiences since
	case r.Origin.Site == s.hello.Site && !s.hello.Initialising && !l.Forced && lane == "" && !s.fetched(l, r):
		return nil // the site made this version itself (R-A-12)
	}
	if !frame.Gone {
		if left, err := s.companions(lane, l, r); err != nil || left {
			return err
		}
		frame.Version, frame.Origin, frame.Deleted, frame.Body = r.Version, r.Origin, r.Deleted, r.Body
	}
	if frame.Gone && s.fresh(lane) {
		return nil // it never had it
	}
	s.out = append(s.out, frame)
	s.records--
	s.bytes -= len(frame.Body) + 100
	return nil
}
