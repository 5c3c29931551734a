package central

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// maxHistoryMonths bounds the limit of a site; what is older than a century is no
// limit.
const maxHistoryMonths = 1200

// LimitHistory has the site spared, when it initialises, the documents that were
// settled more than so many months ago (R-H-26); 0 spares it nothing. It holds
// from the next initialisation on: nothing is taken from a site that has it.
func (c *Centre) LimitHistory(ctx context.Context, actor string, site atoll.SiteID, months int) error {
	if months < 0 || months > maxHistoryMonths {
		return atoll.Errorf(atoll.Invalid, "cannot keep %d months of documents", months).On("months").
			Do("give 1 to %d months, or 0 for all", maxHistoryMonths)
	}
	return c.order(ctx, actor, site, "limit_history", atoll.Fields{}.Set("months", months), func(s *SiteState) error {
		s.HistoryMonths = months
		return nil
	})
}

// Fetch puts old documents on their way to the site, with all that hangs on them
// (R-H-26). It returns how many documents there are; they come with the site's
// next cycle. Only what the site is entitled to is sent.
func (c *Centre) Fetch(ctx context.Context, site atoll.SiteID, p documents.Past) (n int, err error) {
	return n, c.commits.do(ctx, func(tx storage.Tx) error {
		if _, err := State(tx, site); err != nil {
			return err
		}
		if n, err = c.fetch(tx, site, p); err == nil && n == 0 {
			err = atoll.Errorf(atoll.NotFound, "there is nothing like that which site %d may have", site).
				Do("check document, store and dates; only settled documents are fetched by date")
		}
		return err
	})
}

// fetchAsked fetches what the site asks for in the entry. What it may not have, or
// does not exist, it does not get; the entry stands all the same.
func (c *Centre) fetchAsked(tx storage.Tx, site atoll.SiteID, changes []admit.Change) error {
	for _, ch := range changes {
		if ch.Op.Type != documents.PastType || ch.Op.Verb != atoll.Insert {
			continue
		}
		p, err := documents.PastOf(ch.New)
		if err != nil {
			c.Log.Warn("a request for old documents makes no sense", "site", site, "record", ch.Op.Key.String(), "err", err)
			continue
		}
		n, err := c.fetch(tx, site, p)
		if err != nil {
			return err
		}
		c.Log.Info("old documents fetched", "site", site, "documents", n)
	}
	return nil
}

// fetchSpared completes what the site has where the store is active, so that it can
// be compared with what the centre has (R-H-30 3).
func (c *Centre) fetchSpared(ctx context.Context, store atoll.ID) error {
	return c.commits.do(ctx, func(tx storage.Tx) error {
		t, err := c.Door.Topology(tx)
		if err != nil {
			return err
		}
		at, ok := t.Store(store)
		if !ok || at.Site == t.Centre() {
			return nil // said by who moves it
		}
		if s, err := State(tx, at.Site); err != nil || s.HistoryMonths == 0 {
			return err
		}
		_, err = c.fetch(tx, at.Site, documents.Past{Store: store, To: c.Now()})
		return err
	})
}

func (c *Centre) fetch(tx storage.Tx, site atoll.SiteID, p documents.Past) (n int, err error) {
	t, err := c.Door.Topology(tx)
	if err != nil {
		return 0, err
	}
	h := &history{r: tx, catalogue: c.Door.Judge.Catalogue, entitled: t.Subscription(site)}
	if p.Key.Type != "" {
		root, ok, err := h.root(p.Key)
		if err != nil || !ok {
			return 0, err
		}
		r, there, err := h.record(root)
		if err != nil || !there || !h.routed(r) {
			return 0, err
		}
		return 1, c.Door.Fetch(tx, site, root)
	}
	for _, store := range readableStores(t, site, p.Store) {
		for _, def := range c.Door.Judge.Catalogue.Types() {
			if len(def.Settled) == 0 {
				continue
			}
			m, err := c.fetchPeriod(tx, h, site, def, store, p)
			if n += m; err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (c *Centre) fetchPeriod(tx storage.Tx, h *history, site atoll.SiteID, def *catalogue.Def, store atoll.ID, p documents.Past) (n int, err error) {
	for after := atoll.ID(""); ; {
		page, err := tx.Records(storage.Query{Type: def.Type, Where: map[string]string{"store_id": string(store)}, After: after, Limit: 1000})
		if err != nil || len(page) == 0 {
			return n, err
		}
		for _, r := range page {
			after = r.ID
			f, err := r.Fields()
			if err != nil {
				return n, err
			}
			if at := settledAt(def, f); at.IsZero() || at.Before(p.From) || !at.Before(p.To) || !h.routed(r) {
				continue
			}
			if err := c.Door.Fetch(tx, site, r.Key); err != nil {
				return n, err
			}
			n++
		}
	}
}

// readableStores are the stores whose data the site holds: all, or the one.
func readableStores(t *topology.Topology, site atoll.SiteID, one atoll.ID) []atoll.ID {
	var out []atoll.ID
	for _, s := range t.Stores() {
		kind := t.Instance(s.ID, site).Type
		if (kind == topology.Active || kind == topology.Collector) && (one == "" || one == s.ID) {
			out = append(out, s.ID)
		}
	}
	return out
}
