package station

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
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
		R: r, T: t, Catalogue: s.Catalogue, Here: s.Door.Site, Now: s.Now(), LastSync: of(s.LastSync), LastContact: of(s.LastContact), Kept: &s.kept,
	}, nil
}

// KeepReports keeps a copy in memory of what reports over all stores and the map read, or
// makes it fit the database, so that who asks for one does not wait until all is read
// through (report.Kept). Without it they read the database.
func (s *Station) KeepReports(ctx context.Context) error {
	return s.Store.View(ctx, func(r storage.Reader) error { return s.kept.KeepUp(r) })
}

// Rows calls fn with the records that the query selects, in no order: from what
// KeepReports keeps, if it has them as the reader sees them, or from the database.
func (s *Station) Rows(r storage.Reader, q storage.RowQuery, fn func(storage.Row) error) error {
	return s.kept.Rows(r, q, fn)
}

// KnownRows is Rows from what KeepReports keeps alone; done is false when that does not
// tell, and fn was not called.
func (s *Station) KnownRows(r storage.Reader, q storage.RowQuery, fn func(storage.Row) error) (done bool, err error) {
	return s.kept.Known(r, q, fn)
}

// Mark tells which state of the database answers are of from now on.
func (s *Station) Mark(ctx context.Context) (m report.Mark, err error) {
	err = s.Store.View(ctx, func(r storage.Reader) error { m, err = report.MarkOf(r); return err })
	return m, err
}

// PublishDashboard writes what the dashboard says of each store into records that
// go to the site of that store and to no other, with the ordinary exchange (R-J-10,
// R-B-32). Results that have not changed are left alone. It is done at the centre.
func (s *Station) PublishDashboard(ctx context.Context, actor string) (changed int, err error) {
	if s.Identity.Role != Central {
		return 0, atoll.Errorf(atoll.NotHere, "results of the dashboard are made at the central server").Do("ask there; for this site alone: atoll report dashboard")
	}
	t, err := s.Report(ctx, "dashboard", report.Question{})
	if err != nil {
		return 0, err
	}
	_, err = s.Act(ctx, actor, atoll.Cause{Kind: "dashboard"}, func(d documents.Desk) (do []journal.Proposal, err error) {
		changed = 0
		for _, r := range report.Results(t) {
			key := atoll.Key{Type: "dashboard_store_report", ID: atoll.DeriveID("dashboard", string(r.Store), report.DashboardCode)}
			p := journal.Proposal{Verb: atoll.Insert, Key: key, Fields: r.Fields.Set("generated_at", t.At.UTC().Format(time.RFC3339))}
			rec, err := d.R.Record(key)
			switch {
			case errors.Is(err, atoll.NotFound):
			case err != nil:
				return nil, err
			case string(rec.MustFields()["result"]) == string(r.Fields["result"]):
				continue
			default:
				p.Verb, p.Fields = atoll.Update, atoll.Fields{"result": r.Fields["result"], "generated_at": r.Fields["generated_at"]}
			}
			changed++
			do = append(do, p)
		}
		return do, nil
	})
	return changed, err
}

// dashboardEvery is how often the dashboard is published unless the preference
// dashboard_every_hours says otherwise.
const dashboardEvery = 24 * time.Hour

// PublishDue publishes the dashboard at the centre when the time has come for it
// (R-J-10): the first time that long after it was first asked. Due is false when it
// has not come, and at a remote site.
func (s *Station) PublishDue(ctx context.Context) (changed int, due bool, err error) {
	if s.Identity.Role != Central {
		return 0, false, nil
	}
	begun := false
	err = s.Store.View(ctx, func(r storage.Reader) error {
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		every := dashboardEvery
		if said := t.Preference("dashboard_every_hours"); said != nil {
			var hours float64
			if json.Unmarshal(said, &hours) == nil {
				every = time.Duration(hours * float64(time.Hour))
			}
		}
		b, err := r.Get(shelfDashboard, "published")
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return err
		}
		last, _ := time.Parse(time.RFC3339, string(b))
		begun = len(b) > 0
		due = begun && every > 0 && s.Now().Sub(last) >= every
		return nil
	})
	if err != nil || begun && !due {
		return 0, false, err
	}
	if due {
		if changed, err = s.PublishDashboard(ctx, "atoll"); err != nil {
			return changed, true, err
		}
	}
	return changed, due, s.Store.Update(ctx, func(tx storage.Tx) error {
		return tx.Set(shelfDashboard, "published", []byte(s.Now().UTC().Format(time.RFC3339)))
	})
}

// StockCheck is the outcome of a ledger check that ran by itself (R-J-09).
type StockCheck struct {
	At time.Time `json:"at"`
	documents.Examination
}

const (
	shelfCheck      = "stockcheck"
	shelfDashboard  = "dashboard"
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
	if err := s.Store.Update(ctx, func(tx storage.Tx) error { return storage.Save(tx, shelfCheck, "last", c) }); err != nil {
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
	err = storage.Load(r, shelfCheck, "last", &c)
	return c, err
}

// Asking is a question as people write it: stores and items by code, name or id,
// days or moments as text.
type Asking struct {
	Stores           []string // none: all that can be reported on
	Item             string
	From, To         string // a day (the last one included) or a moment in RFC 3339
	By               string
	WithoutTransfers bool
	Only             []atoll.ID // the stores that whoever asks may see; none for all
}

// Ask is Report for a question in words. It fails with atoll.Invalid for a day that
// is none, and with atoll.NotFound for a store or item that is not here.
func (s *Station) Ask(ctx context.Context, name string, a Asking) (*report.Table, error) {
	q := report.Question{By: report.By(a.By), WithoutTransfers: a.WithoutTransfers, Only: a.Only}
	var err error
	if q.From, err = momentOf(a.From, "from", 0); err != nil {
		return nil, err
	}
	if q.To, err = momentOf(a.To, "to", 24*time.Hour); err != nil {
		return nil, err
	}
	t, err := s.Topology(ctx)
	if err != nil {
		return nil, err
	}
	for _, want := range a.Stores {
		id, ok := storeBy(t, want)
		if !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no store %.60q here", want).On("store").Do("list them with: atoll store list")
		}
		q.Stores = append(q.Stores, id)
	}
	if a.Item != "" {
		if q.Item, err = s.itemBy(ctx, a.Item); err != nil {
			return nil, err
		}
	}
	return s.Report(ctx, name, q)
}

// momentOf reads a day, which ends later by length, or a moment.
func momentOf(text, field string, length time.Duration) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.Add(length), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, atoll.Errorf(atoll.Invalid, "%.40q is neither a day nor a moment", text).On(field).Do("write 2026-03-31 or 2026-03-31T12:00:00Z")
	}
	return t.UTC(), nil
}

// storeBy finds a store by id, code or name.
func storeBy(t *topology.Topology, want string) (atoll.ID, bool) {
	for _, is := range []func(topology.Store) string{
		func(s topology.Store) string { return string(s.ID) }, func(s topology.Store) string { return s.Code }, func(s topology.Store) string { return s.Name },
	} {
		for _, s := range t.Stores() {
			if strings.EqualFold(is(s), want) {
				return s.ID, true
			}
		}
	}
	return "", false
}

func (s *Station) itemBy(ctx context.Context, want string) (atoll.ID, error) {
	if id, err := atoll.ParseID(want); err == nil {
		return id, nil
	}
	found, _, err := s.Records(ctx, storage.Query{Type: "item", Where: map[string]string{"code": want}, Limit: 2})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", atoll.Errorf(atoll.NotFound, "there is no item with the code %.60q here", want).On("item").Do("list them with: atoll record list item")
	case len(found) > 1:
		return "", atoll.Errorf(atoll.Invalid, "several items have the code %.60q", want).On("item").Do("name it by its id")
	}
	return found[0].ID, nil
}
