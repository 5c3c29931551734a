package host

import (
	"context"
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// Examine holds this database to everything that must always hold in it: the file
// and its own structures, journals, records, digests, the feed, stock and its ledger,
// what was refused and what waits. It changes nothing. Progress may be nil.
func (h *Host) Examine(ctx context.Context, progress func(law string, done int)) ([]verify.Law, error) {
	file := verify.Law{Name: "file", Words: "the file is whole, and its own structures agree", Looked: 1}
	if err := h.Store.Check(ctx); err != nil {
		var e *atoll.Error
		if !errors.As(err, &e) || e.Code != atoll.Damaged {
			return nil, err
		}
		file.Fault("%s", e.Message)
	}
	laws := []verify.Law{file}
	err := h.Store.View(ctx, func(r storage.Reader) error {
		more, err := verify.Check(r, h.Station.Door, progress)
		if laws = append(laws, more...); err != nil || h.Site == nil {
			return err
		}
		law, err := h.Site.Check(r)
		laws = append(laws, law)
		return err
	})
	if err != nil {
		return laws, err
	}
	ledger := verify.Law{Name: "ledger", Words: "every stock line is what its documents say"}
	stock, err := h.Station.CheckStock(ctx, "")
	if err != nil {
		return laws, err
	}
	ledger.Looked = stock.Lines
	for _, d := range stock.Differences {
		if d.Wrong() {
			ledger.Fault("stock line %s: %s packs and %s set aside, its documents say %s and %s", d.StockLine, d.Total, d.Reserved, d.Ledger.Total, d.Ledger.Reserved)
		}
	}
	return append(laws, ledger), nil
}

// shelfScrub tells when the centre's database was last read through.
const shelfScrub = "scrub"

// scrub reads the centre's database through once a day and repairs what it can
// (R-H-44); a site does it with its cycles.
func (h *Host) scrub(ctx context.Context) error {
	last := ""
	err := h.Store.View(ctx, func(r storage.Reader) error {
		b, err := r.Get(shelfScrub, "last")
		last = string(b)
		if errors.Is(err, atoll.NotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if at, perr := time.Parse(time.RFC3339, last); perr == nil && h.Now().Sub(at) < 24*time.Hour {
		return nil
	}
	found, err := h.Centre.Scrub(ctx, true, nil)
	if err != nil {
		return err
	}
	if n := len(found.Rows) + found.Audiences; n > 0 {
		h.Log.ErrorContext(ctx, "records of this database were not as they were stored", "rows", len(found.Rows), "repaired", found.Repaired, "audiences", found.Audiences)
	}
	return h.Store.Update(ctx, func(tx storage.Tx) error {
		return tx.Set(shelfScrub, "last", []byte(h.Now().UTC().Format(time.RFC3339)))
	})
}
