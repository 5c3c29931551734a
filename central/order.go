package central

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// orderKind is the record type that keeps what was ordered about sites.
const orderKind = atoll.Type("site_order")

// SiteOrder is one order of a person about a site: a pause, a comparison, a new code.
type SiteOrder struct {
	ID     atoll.ID
	What   string
	Reason string
	Months int // of documents that the site is limited to; 0 for all
	At, By string
}

// order alters what the centre remembers of a site because a person wants it so, and
// writes into the journal who wanted what, with what more there is to say of it, in the
// same transaction (R-K-59).
func (c *Centre) order(ctx context.Context, actor string, site atoll.SiteID, what string, more atoll.Fields, fn func(*SiteState) error) error {
	return c.commits.do(ctx, func(tx storage.Tx) error {
		s, err := State(tx, site)
		if err != nil {
			return err
		}
		if err := fn(&s); err != nil {
			return err
		}
		if err := s.save(tx); err != nil {
			return err
		}
		return c.ordered(tx, actor, site, what, more)
	})
}

// ordered writes the order into the journal.
func (c *Centre) ordered(tx storage.Tx, actor string, site atoll.SiteID, what string, more atoll.Fields) error {
	f := atoll.Fields{}.Set("site_id", site).Set("what", what).Set("ordered_at", c.stamp()).Set("ordered_by", actor)
	maps.Copy(f, more)
	_, err := c.Door.Write(tx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{
		{Verb: atoll.Insert, Key: atoll.Key{Type: orderKind, ID: atoll.NewID(c.Now())}, Fields: f},
	}})
	return err
}

// SiteOrders returns the newest orders about a site, the newest first.
func (c *Centre) SiteOrders(ctx context.Context, site atoll.SiteID, limit int) ([]SiteOrder, error) {
	var out []SiteOrder
	err := c.Store.View(ctx, func(r storage.Reader) error {
		recs, err := r.Records(storage.Query{Type: orderKind, Where: map[string]string{"site_id": site.String()}})
		if err != nil {
			return err
		}
		out = out[:0]
		for _, rec := range recs {
			f := rec.MustFields()
			out = append(out, SiteOrder{rec.ID, f.Text("what"), f.Text("reason"), int(f.Int("months")), f.Text("ordered_at"), f.Text("ordered_by")})
		}
		return nil
	})
	slices.SortFunc(out, func(a, b SiteOrder) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.ID, a.ID)) })
	return out[:min(limit, len(out))], err
}
