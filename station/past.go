package station

import (
	"context"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// AskPast asks the centre for old documents that this site was spared when it
// initialised (R-H-26). The request is an edit like any other: it may be made
// offline, goes up with the next cycle, and its answer comes in the same one.
func (s *Station) AskPast(ctx context.Context, actor string, p documents.Past) error {
	if s.Identity.Role == Central {
		return atoll.Errorf(atoll.Rule, "the centre has all documents").Do("name the site that shall have them").Because("past.centre")
	}
	_, err := s.Act(ctx, actor, atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
		if err := p.Check(); err != nil {
			return nil, err
		}
		if err := worksIn(ctx, p.Store); err != nil {
			return nil, err
		}
		if p.Key.Type != "" {
			if _, err := d.R.Record(p.Key); !errors.Is(err, atoll.NotFound) {
				if err == nil {
					err = atoll.Errorf(atoll.Exists, "the document is here already").About(p.Key)
				}
				return nil, err
			}
		}
		stores := slices.DeleteFunc(slices.Clone(d.T.Active(s.Door.Site)), func(id atoll.ID) bool {
			st, _ := d.T.Store(id)
			return st.ManagedOnly || worksIn(ctx, id) != nil // the centre has nothing of it, or it is not for who asks
		})
		switch {
		case p.Store != "" && !slices.Contains(stores, p.Store):
			return nil, atoll.Errorf(atoll.NotHere, "the centre keeps nothing for store %s at this site", p.Store).On("store").
				Do("name a store that is active here")
		case p.Store != "":
			stores = []atoll.ID{p.Store}
		case len(stores) == 0:
			return nil, atoll.Errorf(atoll.SiteNoStore, "no store is active here of which the centre has documents")
		case p.Key.Type != "":
			stores = stores[:1]
		}
		var do []journal.Proposal
		for _, store := range stores {
			ask, err := d.AskPast(store, actor, p)
			if err != nil {
				return nil, err
			}
			do = append(do, ask)
		}
		return do, nil
	})
	return err
}

// Ledger returns what happened to a stock line, as far as the documents here tell.
func (s *Station) Ledger(ctx context.Context, stockLine atoll.ID) (documents.StockLedger, error) {
	var out documents.StockLedger
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		out, err = documents.Desk{R: r, Now: s.Now()}.Ledger(stockLine)
		return err
	})
	return out, err
}
