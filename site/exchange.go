package site

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
)

// A cut or a crash loses at most so many records, and not many more than arrive
// in so long: records are gathered, then made durable together.
const (
	keepEvery = 500
	keepFor   = 2 * time.Second
)

// round is one exchange with the centre.
type round struct {
	site    *Site
	row     *Cycle
	link    link // as of the last commit
	hello   exchange.Hello
	from    atoll.Position // the last checkpoint when it began
	sent    uint64         // seq of the last entry handed to the transport
	pending []exchange.Record
	kept    time.Time // when records were last made durable
	noted   []note    // what frames said, to be written with the next transaction
	more    bool      // the centre has more for us, or we for it
	moved   bool      // a checkpoint was integrated, or replicas were retracted
	doubts  int       // records in doubt when it began
	deaf    bool      // the records of this answer begin after where the site must go back to
}

// note is what one frame changes of the link.
type note func(tx storage.Tx, l *link) error

// exchange runs one exchange and keeps whatever of the answer arrived whole.
func (s *Site) exchange(ctx context.Context, row *Cycle) (more, moved bool, err error) {
	r := &round{site: s, row: row, kept: s.Now()}
	if err := r.open(ctx); err != nil {
		return false, false, err
	}
	ctx = exchange.InCycle(ctx, row.ID)
	for f, ferr := range s.Centre.Exchange(ctx, r.hello, r.entries(ctx)) {
		if ferr != nil {
			err = ferr
			break
		}
		if err = r.take(ctx, f); err != nil {
			break
		}
	}
	// Progress survives a cut: what arrived whole is kept.
	if kerr := r.finish(context.WithoutCancel(ctx)); kerr != nil && err == nil {
		err = kerr
	}
	return r.more, r.moved, err
}

// open notes durably that an exchange begins, and says where we stand. An
// exchange that was never answered to its end is opened again under the same
// turn and nonce.
func (r *round) open(ctx context.Context) error {
	s, row := r.site, r.row
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLink(tx)
		if err != nil {
			return err
		}
		if !l.Open {
			l.Turn++
			l.Nonce, l.Open = exchange.NonceIn(row.ID, newNonce()), true
		}
		if row.ID == "" {
			row.ID = exchange.CycleOf(l.Nonce)
		}
		if err := s.placed(tx, &l); err != nil {
			return err
		}
		l.LastTry = s.Now()
		set, err := loadSettings(tx)
		if err != nil {
			return err
		}
		s.pace.limit(set.Batch)
		head, err := tx.Head(s.Door.Site)
		if err != nil {
			return err
		}
		waiting, err := tx.CountStaged()
		if err != nil {
			return err
		}
		r.link, r.from = l, l.Applied
		r.sent = l.Acknowledged.Seq
		r.hello = exchange.Hello{
			Protocol: exchange.Protocol, Catalogue: s.Door.Judge.Catalogue.Version(), CatalogueHash: s.Door.Judge.Catalogue.Hash(),
			App: s.App, Site: s.Door.Site, Device: s.Device, Timeline: head.Timeline, Turn: l.Turn, Nonce: l.Nonce,
			Initialising: l.State == Initialising, Acknowledged: l.Acknowledged, Head: head, Earlier: l.earlier(), Centre: l.Centre, Run: l.run(), Cursor: l.Cursor,
			Subscription: exchange.DigestAudiences(l.Covered), Backfills: l.reading(), Queued: l.queued(), Again: l.Again,
			Records: s.pace.records(), Bytes: s.pace.bytes(), NoFeed: s.diskFull(),
			Clock: s.Now().UnixMilli(), Waiting: int(head.Seq - l.Acknowledged.Seq), Errors: waiting[integrate.LaneWaiting],
		}
		if r.doubts = l.Doubts; l.Vouch {
			r.hello.Voucher = l.Voucher
		}
		if l.Ask && !r.hello.NoFeed {
			if r.hello.Found, err = l.found(tx); err != nil {
				return err
			}
		}
		if l.Gap {
			base, err := tx.Base(s.Door.Site)
			if err != nil {
				return err
			}
			r.hello.Base = &base
		}
		return l.save(tx)
	})
}

// diskFullAt is how full the disk may be before nothing more is pulled (R-L-12).
const diskFullAt = 0.95

func (s *Site) diskFull() bool { return s.DiskUsed != nil && s.DiskUsed() >= diskFullAt }

// entries reads the journal after what the centre has, as it leaves the site: as
// many as are wise to send at once.
func (r *round) entries(ctx context.Context) iter.Seq2[exchange.Entry, error] {
	return func(yield func(exchange.Entry, error) bool) {
		s := r.site
		left, bytes := s.pace.entries(), s.pace.bytes()
		after := r.hello.Acknowledged.Seq
		for left > 0 && bytes > 0 && after < r.hello.Head.Seq {
			var page []storage.JournalEntry
			err := s.Store.View(ctx, func(v storage.Reader) (err error) {
				page, err = v.Entries(s.Door.Site, after, min(left, 100), bytes)
				return err
			})
			if err != nil {
				yield(exchange.Entry{}, err)
				return
			}
			if len(page) == 0 {
				return
			}
			for _, je := range page {
				if je.Seq > r.hello.Head.Seq || left <= 0 || bytes <= 0 {
					return
				}
				out := atoll.Outgoing(je.Content)
				after, r.sent = je.Seq, je.Seq
				left--
				bytes -= len(out)
				r.row.content += int64(len(out))
				r.row.Sent++
				s.progress("push", int64(je.Seq-r.hello.Acknowledged.Seq), int64(r.hello.Head.Seq-r.hello.Acknowledged.Seq))
				if !yield(exchange.Entry{Seq: je.Seq, Content: out}, nil) {
					return
				}
			}
		}
	}
}

// take works on one frame of the answer.
func (r *round) take(ctx context.Context, f exchange.Frame) error {
	if r.deaf {
		f = r.onlyEnd(f)
	}
	switch f := f.(type) {
	case exchange.Welcome:
		r.welcome(f)
		if f.Rewind != nil || r.hello.Run != "" && f.Run != r.hello.Run {
			return r.rewound(ctx, f.Rewind)
		}
	case exchange.Receipt:
		r.receipt(f)
	case exchange.Subscription:
		return r.subscription(ctx, f)
	case exchange.Record:
		r.pending = append(r.pending, f)
		r.row.Received++
		r.row.content += int64(len(f.Body))
		r.pulled(f)
		if len(r.pending) >= keepEvery || r.site.Now().Sub(r.kept) >= keepFor {
			return r.keep(ctx)
		}
	case exchange.Checkpoint:
		return r.checkpoint(ctx, f)
	case exchange.End:
		if err := r.keep(ctx); err != nil {
			return err
		}
		r.end(f)
	}
	return nil
}

// note has what a frame says written with the next transaction: a commit costs a
// slow disk more than the frame did.
func (r *round) note(fn note) { r.noted = append(r.noted, fn) }

// update writes what was noted, and then fn, in one transaction.
func (r *round) update(ctx context.Context, fn note) error {
	err := r.site.Store.Update(ctx, func(tx storage.Tx) error {
		l, err := loadLink(tx)
		if err != nil {
			return err
		}
		for _, n := range append(slices.Clone(r.noted), fn) {
			if err := n(tx, &l); err != nil {
				return err
			}
		}
		r.link = l
		return l.save(tx)
	})
	if err == nil {
		r.noted = nil
	}
	return err
}

// finish makes durable whatever is not yet.
func (r *round) finish(ctx context.Context) error {
	if err := r.keep(ctx); err != nil || len(r.noted) == 0 {
		return err
	}
	return r.update(ctx, func(storage.Tx, *link) error { return nil })
}

func (r *round) welcome(w exchange.Welcome) {
	s := r.site
	r.note(func(tx storage.Tx, l *link) error {
		l.Centre, l.CentreApp, l.RuleHash = w.Centre, w.App, w.CatalogueHash
		l.ClockAhead = r.hello.Clock - w.Clock
		if w.Rewind != nil {
			if err := l.rewind(tx, *w.Rewind, w.Since); err != nil {
				return err
			}
		}
		if len(w.Runs) > 0 {
			at, since := exchange.CommonPosition(w.Runs, l.Runs)
			if err := l.rewind(tx, at, since); err != nil {
				return err
			}
		}
		if l.run() != "" && l.run() != w.Run {
			l.midway()
		}
		l.vouch(w, r.hello.Voucher != nil)
		if l.run() != w.Run {
			l.Runs = append(l.Runs, exchange.Run{ID: w.Run, Began: l.Cursor, Own: l.Seen})
			if len(l.Runs) > exchange.MaxRuns {
				l.Runs = l.Runs[len(l.Runs)-exchange.MaxRuns:]
			}
		}
		if slices.Contains(w.Orders, "resend") {
			l.Resend = true
		}
		l.Rekey = slices.Contains(w.Orders, "rekey")
		for _, o := range []string{"verify", "repair"} {
			if slices.Contains(w.Orders, o) {
				l.Verify = o
			}
		}
		head, err := tx.Head(s.Door.Site)
		if err != nil {
			return err
		}
		if l.State == Initialising && w.Spared != 0 {
			if err := documents.Spared(tx, time.UnixMilli(w.Spared)); err != nil {
				return err
			}
		}
		switch {
		case l.State == Initialising && head.Seq == 0 && w.Known.Seq > 0:
			// Our journal goes on from the centre's memory of it (R-H-25).
			base := atoll.Head{Timeline: head.Timeline, Seq: w.Known.Seq, Hash: w.Known.Hash}
			l.Acknowledged = base
			return tx.SetBase(s.Door.Site, base)
		case l.Gap && w.Known.Seq == l.Acknowledged.Seq:
			l.Gap = false
		case w.Known.Seq < l.Acknowledged.Seq:
			// The centre was restored from a backup: it gets again what it lost.
			return r.goBack(tx, l, w.Known)
		}
		return nil
	})
}

func (r *round) receipt(rc exchange.Receipt) {
	s := r.site
	r.row.Offered += rc.Offered
	r.row.Applied += rc.Applied
	r.row.Duplicate += rc.Duplicate
	r.row.Quarantined += rc.Quarantined
	r.note(func(tx storage.Tx, l *link) error {
		if rc.Acknowledged.Seq > 0 && rc.Acknowledged.Seq > l.Acknowledged.Seq {
			e, err := tx.Entry(s.Door.Site, rc.Acknowledged.Seq)
			if err != nil && !errors.Is(err, atoll.NotFound) {
				return err // a disk that fails says nothing about whose journal it is
			}
			if err != nil || e.Hash != rc.Acknowledged.Hash {
				return atoll.Errorf(atoll.Cloned, "the centre acknowledges entry %d, which is not as this site made it", rc.Acknowledged.Seq).
					Do("another database has worked as this site; export the unsent work and re-initialise")
			}
			l.Acknowledged = rc.Acknowledged
			l.Acknowledged.Timeline = e.Timeline
		}
		if l.Acknowledged.Seq < r.hello.Head.Seq {
			r.more = true
		}
		if rc.Open == 0 && l.OpenRefusals > 0 {
			// All of it is settled: what was told about it is history at the centre.
			told, err := tx.Scan(shelfNo, "", 0, false)
			if err != nil {
				return err
			}
			for _, it := range told {
				if err := tx.Drop(shelfNo, it.Key); err != nil {
					return err
				}
			}
		}
		l.OpenRefusals = rc.Open
		for _, no := range rc.Refusals {
			if err := storage.Save(tx, shelfNo, seqKey(no.Seq), no); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *round) end(e exchange.End) {
	r.more = r.more || e.More
	r.note(func(_ storage.Tx, l *link) error {
		l.Open = false
		l.Head = e.Head
		if e.Cursor > l.Cursor && len(l.Covered) > 0 && !r.hello.NoFeed {
			l.Cursor = e.Cursor
		}
		reached := map[atoll.Audience]atoll.Position{}
		for _, b := range e.Backfills {
			reached[b.Audience] = b.Cursor
		}
		l.advance(reached)
		// Records in doubt are asked about at once, as long as that gets on.
		if l.Doubts > 0 && (l.Doubts != r.doubts || l.Ask && len(r.hello.Found) == 0) {
			r.more = r.more || !r.hello.NoFeed
		}
		return nil
	})
}

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
			doubted, err := l.confirm(tx, f.Key)
			if err != nil {
				return err
			}
			// What a restored centre made itself it may say anew, also of records that are
			// ours: it is its word that stands here, and none of ours.
			f.Forced = f.Forced || doubted
			if f.Origin.Site == atoll.CentreID {
				l.Seen = max(l.Seen, f.Origin.Seq)
			}
			if f.Lane == "" {
				l.Cursor = max(l.Cursor, f.Position)
			} else {
				reached[f.Lane] = max(reached[f.Lane], f.Position)
			}
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
		if tally, err = s.integrate(tx, l, lanes); err != nil {
			return err
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

// idle reports whether a checkpoint has nothing to integrate. What waits for
// others is tried again when something new came, and once in each run of the
// program: an upgrade may know what the last one did not.
func (r *round) idle(ctx context.Context, c exchange.Checkpoint) (bool, error) {
	s := r.site
	if r.link.State != Ready || len(c.Joined) > 0 || !s.retried {
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
