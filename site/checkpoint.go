package site

import (
	"context"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// A cut or a crash loses at most so many records, and not many more than arrive
// in so long: records are gathered, then made durable together.
const (
	keepEvery = 500
	keepFor   = 2 * time.Second
)

// keep makes what was gathered durable, and the cursors with it: staged until
// the next checkpoint or, while initialising with nobody in, integrated at once.
func (r *round) keep(ctx context.Context) error {
	if len(r.pending) == 0 {
		return nil
	}
	s := r.site
	err := r.update(ctx, func(tx storage.Tx, l *link) error {
		t, err := s.Door.Topology(tx)
		if err != nil {
			return err
		}
		keys := make([]atoll.Key, len(r.pending))
		for i, f := range r.pending {
			keys[i] = f.Key
		}
		if err := tx.Prefetch(keys); err != nil {
			return err
		}
		reached := map[atoll.Audience]atoll.Position{}
		for _, f := range r.pending {
			if f.Origin.Site == atoll.CentreID {
				l.Seen = max(l.Seen, f.Origin.Seq)
			}
			if f.Lane == "" {
				l.Cursor = max(l.Cursor, f.Position)
			} else {
				reached[f.Lane] = max(reached[f.Lane], f.Position)
			}
			if early, err := l.early(tx, f.Key); err != nil {
				return err
			} else if early {
				continue
			}
			doubted, err := l.confirm(tx, f.Key)
			if err != nil {
				return err
			}
			// What a restored centre made itself it may say anew, also of records that are
			// ours: it is its word that stands here, and none of ours.
			f.Forced = f.Forced || doubted
			var fields atoll.Fields
			if l.State == Initialising && !f.Gone {
				fields = s.known(f)
			}
			if fields != nil {
				a := integrate.Arrived(f, l.Acknowledged.Seq)
				a.Initialising, a.Fields = true, fields
				if _, err := s.Door.Receive(tx, t, a); err != nil {
					return err
				}
				continue
			}
			if err := tx.Stage(string(f.Lane), integrate.Encode(f, l.Acknowledged.Seq)); err != nil {
				return err
			}
		}
		l.advance(reached)
		return nil
	})
	if err == nil {
		r.pending, r.kept = r.pending[:0], s.Now()
	}
	return err
}

// known returns the fields of a frame that can be integrated at once: its type is
// known and its body valid. Others are staged and wait.
func (s *Site) known(f exchange.Record) atoll.Fields {
	fields, err := atoll.ParseFields(f.Body)
	if err != nil || s.Door.Judge.Catalogue.CheckReceived(f.Key.Type, fields) != nil {
		return nil
	}
	return fields
}

// checkpoint integrates everything staged, all at once (R-A-10).
func (r *round) checkpoint(ctx context.Context, c exchange.Checkpoint) error {
	if err := r.keep(ctx); err != nil {
		return err
	}
	s := r.site
	if c.Position == 0 {
		return r.ahead(ctx, c)
	}
	if idle, err := r.idle(ctx, c); err != nil || idle {
		r.note(func(tx storage.Tx, l *link) error {
			if err := l.reached(tx, c.Position); err != nil {
				return err
			}
			return r.agree(tx, l, c)
		})
		return err
	}
	lanes := []string{integrate.LaneNormal}
	for _, a := range c.Joined {
		lanes = append(lanes, string(a))
	}
	var tally integrate.Tally
	s.progress("integrate", 0, 0)
	err := r.update(ctx, func(tx storage.Tx, l *link) (err error) {
		before, err := s.Door.Topology(tx)
		if err != nil {
			return err
		}
		if tally, err = s.integrate(tx, l, lanes); err != nil {
			return err
		}
		if l.Settling {
			if err := s.lookAgain(tx, l, before); err != nil {
				return err
			}
		}
		if l.State == Initialising { // what steers records came among them, in no order
			if err := s.Door.PlaceSteered(tx); err != nil {
				return err
			}
		}
		next := exchange.Agreement{Covered: l.Covered, Backfills: l.Backfills}.Join(c.Joined)
		l.Covered, l.Backfills = next.Covered, next.Backfills
		if err := l.reached(tx, c.Position); err != nil {
			return err
		}
		if l.State == Initialising && len(l.Backfills) == 0 {
			l.State, l.Scrubbed = Ready, s.Now() // what was just written was just read
			if err := s.follow(ctx, tx); err != nil {
				return err
			}
		}
		if err := s.recount(ctx, tx, l); err != nil {
			return err
		}
		return r.agree(tx, l, c)
	})
	if err != nil {
		return err
	}
	s.progress("integrate", int64(tally.Staged), int64(tally.Staged))
	r.row.Integrated.Add(tally)
	r.moved = true
	return nil
}

// lookAgain has every record looked at again if a restored centre has given a store back:
// it comes without its documents, which never left, and what answered them while it was
// away told nobody here. And it has all compared if the centre routes records otherwise than
// by the entry that it lost: what that took from this site it does not send, and what goes
// here beside another way counts under that one alone, so that no digest tells of it.
func (s *Site) lookAgain(tx storage.Tx, l *link, before *topology.Topology) error {
	now, err := s.Door.Topology(tx)
	if err != nil {
		return err
	}
	if journal.Rerouted(before, now) {
		l.Verify = "repair" // the cause of whatever differs is known, however much it is
	}
	had := before.Active(s.Door.Site)
	if !slices.ContainsFunc(now.Active(s.Door.Site), func(store atoll.ID) bool { return !slices.Contains(had, store) }) {
		return nil
	}
	return process.Rewind(tx)
}

// follow has the stock say what the documents say that the site got back.
func (s *Site) follow(ctx context.Context, tx storage.Tx) error {
	lines, left, err := documents.Follow(tx, s.Door)
	for _, no := range left {
		s.Log.ErrorContext(ctx, "stock that came back does not follow from its documents; count it", "err", no)
	}
	if lines > 0 {
		s.Log.WarnContext(ctx, "stock of stores whose transactions stayed here was lost with the database before; "+
			"it is what their transfers say now: count it", "stock_lines", lines)
	}
	return err
}

// recount has the stock say what the documents say that are here once some of them were
// sent back: when nothing of ours is in quarantine or on its way any longer, and nothing is
// still to come, as what is may bring stock and documents together by itself.
func (s *Site) recount(ctx context.Context, tx storage.Tx, l *link) error {
	if !l.SentBack {
		is, err := documents.SentBack(tx)
		if err != nil {
			return err
		}
		l.SentBack = is
	}
	if !l.recounts() || len(l.Backfills) > 0 {
		return nil
	}
	head, err := tx.Head(s.Door.Site)
	if err != nil || head.Seq > l.Acknowledged.Seq {
		return err
	}
	waits, err := tx.StagedTypes(integrate.LaneWaiting)
	if err != nil || slices.ContainsFunc(waits, documents.InLedger) {
		return err
	}
	lines, left, err := documents.FollowSentBack(tx, s.Door)
	for _, no := range left {
		s.Log.ErrorContext(ctx, "stock that documents moved which were sent back does not follow from the others; count it", "err", no)
	}
	if lines > 0 {
		s.Log.WarnContext(ctx, "documents were sent back after the stock that they moved had gone on; it is what the other documents say now: count it",
			"stock_lines", lines)
	}
	l.SentBack = len(left) > 0
	return err
}

// recounts reports whether stock may follow from documents now of which some were sent back.
func (l *link) recounts() bool { return l.SentBack && l.State == Ready && l.OpenRefusals == 0 }

// idle reports whether a checkpoint has nothing to integrate. What waits for
// others is tried again when something new came, and once in each run of the
// program: an upgrade may know what the last one did not.
func (r *round) idle(ctx context.Context, c exchange.Checkpoint) (bool, error) {
	s := r.site
	if r.link.State != Ready || r.link.recounts() || len(c.Joined) > 0 || !s.retried {
		s.retried = true
		return false, nil
	}
	staged := 0
	err := s.Store.View(ctx, func(v storage.Reader) error {
		lanes, err := v.CountStaged()
		for lane, n := range lanes {
			if lane != integrate.LaneWaiting {
				staged += n
			}
		}
		return err
	})
	return staged == 0, err
}
