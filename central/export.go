package central

import (
	"context"
	"iter"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// Request is what a site tells of itself to be given its data in a file (R-H-41):
// what it would say when it enrols and begins to initialise.
type Request struct {
	Key           []byte         `json:"key"` // public, ed25519
	Device        string         `json:"device"`
	Timeline      atoll.Timeline `json:"timeline"` // of its empty database
	Protocol      int            `json:"protocol"`
	Catalogue     int            `json:"catalogue"`
	CatalogueHash string         `json:"catalogue_hash"`
	App           string         `json:"app"`
}

// Export enrols the site with what it told of itself, and answers it as if it were
// initialising: the frames of one answer, which a site may take from a file. A
// database that had the site's place before has lost it. What an exchange over the
// line would have refused is refused here. Who did it stands in the journal (R-K-59).
func (c *Centre) Export(ctx context.Context, actor string, site atoll.SiteID, q Request) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		if err := c.admitRequest(ctx, actor, site, q); err != nil {
			yield(nil, err)
			return
		}
		if err := c.export(ctx, site, q, func(f exchange.Frame) bool { return yield(f, nil) }); err != nil {
			yield(nil, err)
			return
		}
	}
}

// admitRequest gives the site its place, as Enrol does.
func (c *Centre) admitRequest(ctx context.Context, actor string, site atoll.SiteID, q Request) error {
	return c.commits.do(ctx, func(tx storage.Tx) error {
		t, err := c.Door.Topology(tx)
		if err != nil {
			return err
		}
		s, err := State(tx, site)
		if err != nil {
			return err
		}
		at, _ := t.Site(site)
		switch {
		case at.Disabled:
			return atoll.Errorf(atoll.SiteUnknown, "site %d is deleted", site)
		case len(q.Key) != 32:
			return atoll.Errorf(atoll.Invalid, "the site's key has %d bytes; want 32", len(q.Key)).On("key")
		case !q.Timeline.Valid():
			return atoll.Errorf(atoll.Invalid, "the request names no timeline").On("timeline")
		case s.Device != "" && s.Device != q.Device:
			return atoll.Errorf(atoll.SiteDevice, "site %d belongs to another device", site).
				Do("if the device was replaced, reset it with: atoll site reset-device %d", site)
		case len(t.Active(site)) == 0:
			return atoll.Errorf(atoll.SiteNoStore, "site %d has no store yet", site).
				Do("put a store on it with: atoll store assign STORE %d", site)
		}
		s.CodeHash, s.CodeExpires, s.Failures, s.KeyUntil = nil, time.Time{}, 0, time.Time{}
		s.Key, s.Device, s.App, s.Protocol = q.Key, q.Device, q.App, q.Protocol
		s.TokenEpoch++
		if err := s.save(tx); err != nil {
			return err
		}
		return c.ordered(tx, actor, site, "export", nil)
	})
}

// export plays the site's part of an initialisation. All exchanges have one turn
// and one nonce: for the centre they are one exchange that was repeated, so that
// the site's own count goes on from it.
func (c *Centre) export(ctx context.Context, site atoll.SiteID, q Request, yield func(exchange.Frame) bool) error {
	h := exchange.Hello{
		Protocol: q.Protocol, Catalogue: q.Catalogue, CatalogueHash: q.CatalogueHash, App: q.App, Site: site, Device: q.Device,
		Timeline: q.Timeline, Turn: 1, Nonce: "file", Initialising: true, Subscription: exchange.DigestAudiences(nil),
		Head: atoll.Head{Timeline: q.Timeline}, Acknowledged: atoll.Head{}, Records: exchange.MaxRecords, Bytes: exchange.MaxBytes,
		Clock: c.Now().UnixMilli(),
	}
	begun := false
	for {
		var end exchange.End
		var last *exchange.Checkpoint
		ended := false
		for f, err := range c.Exchange(ctx, h, func(func(exchange.Entry, error) bool) {}) {
			if err != nil {
				return err
			}
			out := true
			switch f := f.(type) {
			case exchange.Welcome:
				out = !begun
				h.Centre, h.Run = f.Centre, f.Run
			case exchange.Receipt:
				out = !begun
				begun = true
			case exchange.Subscription:
				h.Subscription = exchange.DigestAudiences(f.Audiences)
			case exchange.Checkpoint:
				last, out = &f, false
			case exchange.End:
				end, ended, out = f, true, false
			case exchange.Record:
			}
			if out && !yield(f) {
				return errStopped
			}
		}
		if !ended {
			return atoll.Errorf(atoll.Internal, "the answer has no end")
		}
		h.Cursor = end.Cursor
		if end.More {
			continue
		}
		if last != nil && !yield(*last) || !yield(end) {
			return errStopped
		}
		return c.unseen(ctx, site)
	}
}

// unseen forgets that the site was here: it was not.
func (c *Centre) unseen(ctx context.Context, site atoll.SiteID) error {
	if err := c.Flush(ctx); err != nil {
		return err
	}
	return c.change(ctx, site, func(s *SiteState) error {
		s.FirstContact, s.LastContact, s.LastComplete, s.Initialisation = time.Time{}, time.Time{}, time.Time{}, InitStarted
		return nil
	})
}
