package site

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
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
	found   int       // records that wait for a person at the centre
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
		switch r.doubts = l.Doubts; {
		case l.Vouch:
			r.hello.Voucher = l.Voucher
		case l.Remind:
			r.hello.Voucher = l.Shown
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
		r.found = f.Found
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
