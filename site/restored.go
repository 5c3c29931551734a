package site

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// rewound writes down that cursors were set back. The answer goes on from the
// position the centre named, or from where the site was; a site that went back further
// reads it in the next exchange.
func (r *round) rewound(ctx context.Context, named *atoll.Position) error {
	if err := r.update(ctx, func(storage.Tx, *link) error { return nil }); err != nil {
		return err
	}
	to := ^atoll.Position(0)
	if named != nil {
		to = *named
	}
	r.deaf = r.link.Cursor < min(r.hello.Cursor, to)
	for _, b := range r.hello.Backfills {
		now := r.link.backfill(b.Audience)
		r.deaf = r.deaf || now != nil && now.Cursor < min(b.Cursor, to)
	}
	return nil
}

// onlyEnd passes over what an answer says of the feed: nil for records and
// checkpoints, an End that moves nothing.
func (r *round) onlyEnd(f exchange.Frame) exchange.Frame {
	switch f := f.(type) {
	case exchange.Record, exchange.Checkpoint:
		return nil
	case exchange.End:
		return exchange.End{Head: f.Head, More: true}
	default:
		return f
	}
}

// goBack sets the acknowledged position back to what a restored centre has, after
// making sure that it is our journal it has.
func (r *round) goBack(tx storage.Tx, l *link, known atoll.Head) error {
	site := r.site.Door.Site
	base, err := tx.Base(site)
	if err != nil {
		return err
	}
	to, gap, err := exchange.GoBack(known, base, func(seq uint64) (atoll.Hash, error) {
		e, err := tx.Entry(site, seq)
		return e.Hash, err
	})
	if err != nil {
		return err
	}
	l.Acknowledged, l.Gap = to, gap
	r.more = true
	return nil
}
