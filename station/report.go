package station

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/storage"
)

// Report answers a question from one snapshot (R-J-11). It writes nothing and asks
// nobody (R-J-14).
func (s *Station) Report(ctx context.Context, name string, q report.Question) (*report.Table, error) {
	var out *report.Table
	err := s.Store.View(ctx, func(r storage.Reader) error {
		desk, err := s.reportDesk(r)
		if err != nil {
			return err
		}
		out, err = desk.Ask(name, q)
		return err
	})
	return out, err
}

func (s *Station) reportDesk(r storage.Reader) (report.Desk, error) {
	t, err := s.Door.Topology(r)
	if err != nil {
		return report.Desk{}, err
	}
	of := func(fn func(storage.Reader, atoll.SiteID) (time.Time, error)) func(atoll.SiteID) (time.Time, error) {
		if fn == nil {
			return nil
		}
		return func(site atoll.SiteID) (time.Time, error) { return fn(r, site) }
	}
	return report.Desk{
		R: r, T: t, Catalogue: s.Catalogue, Here: s.Door.Site, Now: s.Now(), LastSync: of(s.LastSync), LastContact: of(s.LastContact),
	}, nil
}

// StockCheck is the outcome of a ledger check that ran by itself (R-J-09).
type StockCheck struct {
	At time.Time `json:"at"`
	documents.Examination
}

const (
	shelfCheck      = "stockcheck"
	stockCheckEvery = 24 * time.Hour
	stockCheckTold  = 20 // differences that the log names one by one
)

// ExamineStock compares every stock line with its documents if that was not done
// for a day, or not since the site was initialised, and tells the operator in the
// log what differs. It corrects nothing (R-J-09). Due is false when there was
// nothing to do.
func (s *Station) ExamineStock(ctx context.Context) (c StockCheck, due bool, err error) {
	usable := true
	err = s.Store.View(ctx, func(r storage.Reader) error {
		usable = s.Usable == nil || s.Usable(r) == nil
		c, err = lastCheck(r)
		if errors.Is(err, atoll.NotFound) {
			return nil
		}
		return err
	})
	switch {
	case err != nil:
		return c, false, err
	case !usable && !c.At.IsZero():
		// It is being initialised, so the last check was of other stock.
		return StockCheck{}, false, s.Store.Update(ctx, func(tx storage.Tx) error { return tx.Drop(shelfCheck, "last") })
	case !usable || !c.At.IsZero() && s.Now().Sub(c.At) < stockCheckEvery:
		return c, false, nil
	}
	c.At = s.Now()
	if c.Examination, err = s.CheckStock(ctx, ""); err != nil {
		return c, false, err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return c, false, err
	}
	if err := s.Store.Update(ctx, func(tx storage.Tx) error { return tx.Set(shelfCheck, "last", b) }); err != nil {
		return c, false, err
	}
	for _, d := range c.Differences[:min(len(c.Differences), stockCheckTold)] {
		s.Log.WarnContext(ctx, "a stock line is not what its documents say", "stock_line", d.StockLine, "store", d.Store, "item", d.Item,
			"batch", d.Batch, "packs", d.Total, "packs_by_documents", d.Ledger.Total, "lowest", d.Lowest)
	}
	if n := len(c.Differences); n > 0 {
		s.Log.WarnContext(ctx, "the ledger check found differences; list them with: atoll report ledger", "differences", n, "stock_lines", c.Lines)
	}
	return c, true, nil
}

// LastStockCheck returns the outcome of the last one, atoll.NotFound if there was
// none.
func (s *Station) LastStockCheck(ctx context.Context) (c StockCheck, err error) {
	err = s.Store.View(ctx, func(r storage.Reader) (err error) { c, err = lastCheck(r); return err })
	return c, err
}

func lastCheck(r storage.Reader) (c StockCheck, err error) {
	b, err := r.Get(shelfCheck, "last")
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}
