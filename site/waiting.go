package site

import (
	"context"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// Unsent is one transaction that the centre does not have yet, as far as its
// journal entry tells (R-I-02, R-I-04).
type Unsent struct {
	Seq   uint64      `json:"seq"`
	Time  time.Time   `json:"time"` // when it was written
	Actor string      `json:"actor"`
	Cause atoll.Cause `json:"cause"`
	Keys  []atoll.Key `json:"records"` // in the order in which it changed them
	// Unreadable says why the entry cannot be read, if it cannot: then only its number
	// is known. It is sent as it is, and the centre keeps it and refuses it.
	Unreadable string `json:"unreadable,omitempty"`
}

// waitingBytes bounds how much of the journal is read for one list.
const waitingBytes = 4 << 20

// Waiting returns what waits to be sent, oldest first: up to limit transactions,
// and as many as there are in all.
func (s *Site) Waiting(ctx context.Context, limit int) (out []Unsent, total uint64, err error) {
	err = s.Store.View(ctx, func(r storage.Reader) error {
		out, total = nil, 0
		l, err := loadLink(r)
		if err != nil {
			return err
		}
		head, err := r.Head(s.Door.Site)
		if err != nil {
			return err
		}
		total = head.Seq - l.Acknowledged.Seq
		entries, err := r.Entries(s.Door.Site, l.Acknowledged.Seq, limit, waitingBytes)
		if err != nil {
			return err
		}
		for _, je := range entries {
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				out = append(out, Unsent{Seq: je.Seq, Time: je.Received, Keys: []atoll.Key{}, Unreadable: err.Error()})
				continue
			}
			u := Unsent{Seq: je.Seq, Time: e.Time, Actor: e.Actor, Cause: e.Cause}
			for _, op := range e.Operations {
				u.Keys = append(u.Keys, op.Key)
			}
			out = append(out, u)
		}
		return nil
	})
	return out, total, err
}

// Acknowledged returns the number of the last entry of this site's journal that
// the centre has confirmed: it has that one and all before it.
func (s *Site) Acknowledged(ctx context.Context) (seq uint64, err error) {
	err = s.Store.View(ctx, func(r storage.Reader) error {
		l, err := loadLink(r)
		seq = l.Acknowledged.Seq
		return err
	})
	return seq, err
}

// pulled tells how far the answer has come, counted from the last checkpoint: a
// small one does not begin at its end, and one that is resumed after a cut goes on
// where it was (R-H-29).
func (r *round) pulled(f exchange.Record) {
	from := r.from
	if f.Lane != "" || f.Position < from { // beside the normal flow: how much there is nobody knows
		r.site.progress("pull", int64(r.row.Received), 0)
		return
	}
	r.site.progress("pull", int64(f.Position-from), int64(max(r.link.Head, f.Position)-from))
}
