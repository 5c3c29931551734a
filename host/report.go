package host

import (
	"context"
	"time"

	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/report"
)

// views makes the database have the views of the catalogue (R-J-13).
func (h *Host) views(ctx context.Context) error {
	return h.Store.DefineViews(ctx, report.Views(h.Catalogue))
}

// index makes what lists filter by, and what records are looked for by, fit this
// program and its catalogue: after an upgrade, or a change of the operator's types.
// Whoever cannot have it is not kept from the rest: it is tried again at the next
// start.
func (h *Host) index(ctx context.Context) {
	n, err := journal.Reindex(ctx, h.Store, h.Catalogue)
	switch {
	case err != nil:
		h.Log.WarnContext(ctx, "what records are found by could not be made anew; it is tried again at the next start", "err", err)
	case n > 0:
		h.Log.InfoContext(ctx, "what records are found by is made anew", "records", n)
	}
}

// examine lets the ledger check run once a day, and after an initialisation
// (R-J-09). What differs is in the log, and in: atoll report ledger. At the centre it
// also publishes the dashboard when its time has come (R-J-10), and keeps in memory what
// reports over all stores and lists of all sites read; sites have little memory, and few stores.
func (h *Host) examine(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if h.Centre != nil { // first: somebody may ask for a report at once
			if err := h.Station.KeepReports(ctx); err != nil && ctx.Err() == nil {
				h.Log.WarnContext(ctx, "the stock could not be read ahead for reports; they read the database", "err", err)
			}
			if _, _, err := h.Centre.Summaries(ctx); err != nil && ctx.Err() == nil { // which remembers them
				h.Log.WarnContext(ctx, "the states of sites could not be read ahead; who asks for them first waits longer", "err", err)
			}
		}
		if _, _, err := h.Station.ExamineStock(ctx); err != nil && ctx.Err() == nil {
			h.Log.WarnContext(ctx, "the ledger check could not run; it is tried again", "err", err)
		}
		if h.Centre != nil {
			if err := h.scrub(ctx); err != nil && ctx.Err() == nil {
				h.Log.WarnContext(ctx, "the records could not be read through; it is tried again", "err", err)
			}
		}
		if n, due, err := h.Station.PublishDue(ctx); err != nil && ctx.Err() == nil {
			h.Log.WarnContext(ctx, "the dashboard could not be published; it is tried again", "err", err)
		} else if due {
			h.Log.InfoContext(ctx, "the dashboard is published", "changed", n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
