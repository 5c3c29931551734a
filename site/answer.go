package site

import (
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

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
		another := l.run() != "" && l.run() != w.Run
		if another {
			l.midway()
			if err := l.doubtHanded(tx); err != nil {
				return err
			}
		}
		l.vouch(w, another, r.hello.Voucher)
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
			if err := r.goBack(tx, l, w.Known); err != nil {
				return err
			}
		}
		if another || w.Rewind != nil {
			return l.doubtOwn(tx, s.Door.Site)
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
			if err := storage.Clear(tx, shelfNo); err != nil {
				return err
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
	r.note(func(tx storage.Tx, l *link) error {
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
		if r.found == 0 && l.Doubts == 0 && !e.More && !r.hello.NoFeed && l.Applied >= l.Cursor {
			return l.decided(tx)
		}
		return nil
	})
}
