package central

import (
	"context"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// Transfers returns the transfers under way that the filter takes, the oldest
// first: where they are, and why those without a responding half have none
// (R-D-11, R-D-52).
func (c *Centre) Transfers(ctx context.Context, f transfer.Filter) ([]transfer.Transfer, error) {
	if err := c.Flush(ctx); err != nil { // so that the times of contact are up to date
		return nil, err
	}
	var out []transfer.Transfer
	err := c.Store.View(ctx, func(r storage.Reader) error {
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		out, err = transfer.List(r, t, c.Now(), f, func(site atoll.SiteID) time.Time {
			s, err := State(r, site)
			if err != nil {
				return time.Time{}
			}
			return s.LastComplete
		})
		return err
	})
	return out, err
}

// Succeed closes a store for good and lets another take its place: what is on its
// way to the one goes to the other, which becomes visible to every store that saw
// the first (R-D-48). Unlike Disable it does not wait for open transfers: they are
// what the successor is for.
func Succeed(store, successor atoll.ID) Configuration {
	return func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		s, ok := t.Store(store)
		if !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no store %s", store)
		}
		heir, ok := t.Heir(successor)
		switch {
		case !ok:
			return nil, atoll.Errorf(atoll.Rule, "store %s cannot take the place of another: it is not open", successor).On("successor_id").Because("heir.closed")
		case heir.ID == store:
			return nil, atoll.Errorf(atoll.Rule, "a store cannot take its own place").On("successor_id").Because("heir.self")
		case s.Site != t.Centre():
			return nil, atoll.Errorf(atoll.Rule, "%s cannot be closed: %s", s.Name, whereActive(r, t, s)).
				Do("move the store to the centre, then try again").Because("close.away", "store", s.Name, "site", siteName(t, s.Site))
		}
		out := update("store", store, atoll.Fields{}.Set("disabled", true).Set("successor_id", successor))
		for _, other := range t.VisibleTo(store) {
			if other == heir.ID || t.Visible(other, heir.ID) {
				continue
			}
			more, err := MakeVisible(other, heir.ID, true)(r, t)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
		return out, nil
	}
}

// CentreAnswers says whether a site's program cannot make responding halves, so
// that the centre makes them for its stores, without a number (R-D-14).
func CentreAnswers(site atoll.SiteID, on bool) Configuration {
	return func(_ storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		s, ok := t.Site(site)
		if !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no site %d", site)
		}
		if site == t.Centre() {
			return nil, atoll.Errorf(atoll.Rule, "the central server makes its own responding halves").Because("answers.centre")
		}
		return update("site", s.Record, atoll.Fields{}.Set("centre_answers", on)), nil
	}
}
