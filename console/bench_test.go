package console_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// How large the benchmarks' systems are.
var (
	records    = flag.Int("records", 200_000, "records of BenchmarkPages, half of them items")
	only       = flag.String("page", "", "BenchmarkPages asks only for the pages that begin so")
	fleetSites = flag.Int("sites", 40_000, "sites of BenchmarkFleet")
)

// many makes so many sites at the centre, of which some are in trouble: as records,
// with what the centre would remember of each.
func (f *fleet) many(t testing.TB, n int) {
	t.Helper()
	ctx, now := t.Context(), f.Clock.Now()
	var do []journal.Proposal
	var states []central.SiteState
	flush := func() {
		wanted := do
		if _, err := f.Centre.Centre.Configure(ctx, "test", func(storage.Reader, *topology.Topology) ([]journal.Proposal, error) { return wanted, nil }); err != nil {
			t.Fatal(err)
		}
		err := f.Centre.Store.Update(ctx, func(tx storage.Tx) error {
			for _, s := range states {
				b, err := json.Marshal(s)
				if err != nil {
					return err
				}
				if err := tx.Set("site", fmt.Sprintf("%010d", int(s.Site)), b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		do, states = nil, nil
	}
	for i := range n {
		id := atoll.SiteID(100 + i)
		do = append(do, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "site", ID: atoll.NewID(now)}, Fields: atoll.Fields{}.
			Set("number", id).Set("name", fmt.Sprintf("Health centre %d", i)).Set("type", "server").Set("created_at", now.UTC().Format(time.RFC3339))})
		s := central.SiteState{
			Site: id, Initialisation: central.InitCompleted, App: fmt.Sprintf("1.%d.0", i%3), Key: []byte("k"), Waiting: i * 7 % 40,
			FirstContact: now.Add(-400 * 24 * time.Hour), LastContact: now.Add(-time.Duration(i*i%50000) * time.Minute), Cursor: 100,
		}
		s.LastComplete = s.LastContact.Add(-time.Duration(i%90) * time.Minute)
		switch {
		case i%17 == 3:
			s.Initialisation, s.LastContact, s.LastComplete = central.InitNew, time.Time{}, time.Time{}
		case i%19 == 5:
			s.LastCode, s.LastError = atoll.Cloned, "two databases claim to be site"
		case i%23 == 7:
			s.ClockAhead = 9 * time.Hour
		case i%29 == 11:
			s.Paused = "market day"
		}
		if states = append(states, s); len(states) == 1000 {
			flush()
		}
	}
	flush()
}

// records puts so many items into the centre.
func (f *fleet) items(t testing.TB, n int) (ids []atoll.ID) {
	t.Helper()
	now := f.Clock.Now()
	for made := 0; made < n; {
		var do []journal.Proposal
		for range min(2000, n-made) {
			ids = append(ids, atoll.NewID(now))
			do = append(do, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "item", ID: ids[made]}, Fields: atoll.Fields{}.
				Set("code", fmt.Sprintf("I%06d", made)).Set("name", fmt.Sprintf("Item number %d", made)).Set("kind", "stock").Set("status", "active")})
			made++
		}
		if err := f.Centre.Insert(t.Context(), do...); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// stock puts so many stock lines into the centre's database, in turn of every store
// and item: as copies of what sites have, which nobody may change here.
func (f *fleet) stock(t testing.TB, n int, items []atoll.ID) {
	t.Helper()
	stores := slices.Sorted(maps.Values(f.Stores))
	for made := 0; made < n; {
		err := f.Centre.Store.Update(t.Context(), func(tx storage.Tx) error {
			for range min(5000, n-made) {
				key := atoll.Key{Type: "stock_line", ID: atoll.NewID(f.Clock.Now())}
				fields := atoll.Fields{}.Set("store_id", stores[made%len(stores)]).Set("item_id", items[made%len(items)]).
					Set("pack_size", json.Number("100")).Set("total_number_of_packs", json.Number("12")).
					Set("available_number_of_packs", json.Number("12")).Set("cost_price_per_pack", json.Number("1.25")).
					Set("batch", fmt.Sprintf("B%05d", made%7000)).Set("expiry_date", "2028-01-31")
				made++
				if _, err := tx.Put(atoll.Record{Key: key, Version: 1, Body: fields.Encode()}, f.Catalogue.Index(key.Type, fields)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkPages asks for the pages of a centre with 1,000 sites and 200,000
// records: each within 200 ms, none of 150 KB or more.
func BenchmarkPages(b *testing.B) {
	f := newFleet(b)
	f.many(b, 1000)
	items := f.items(b, *records/2)
	f.stock(b, *records/2, items)
	item := items[len(items)-1]
	admin := f.centre.as(station.Administrator)
	for _, page := range []string{
		"/fleet", "/fleet?sort=name&page=7", "/fleet?q=centre+9", "/fleet/2", "/fleet/1099", "/records", "/records/item", "/records/item?q=number+77",
		"/records/item?q=no+such+words", "/records/item/" + string(item), "/records/item/" + string(item) + "/edit", "/new/item", "/me",
		"/today", "/find?q=number+77", "/find?q=" + fmt.Sprintf("I%06d", *records/2-1), "/find?q=no+such+words", "/find?q=item+number", "/records/item?q=i", "/reports",
		"/reports/stock?item=" + string(item), "/reports/stock", "/reports/stock?by=system", "/reports/value", "/reports/use?item=" + string(item),
		"/reports/consumption?item=" + string(item), "/reports/dashboard", "/reports/exceptions", "/reports/sync", "/records/stock_line?q=b00001", "/transfers",
		"/jobs", "/enrolment", "/stores", "/stores/" + string(f.Stores["A"]), "/visibility", "/delegations", "/audit?site=1", "/work", "/work/stock", "/work/customer-invoices",
	} {
		if strings.HasPrefix(page, *only) {
			b.Run(page, func(b *testing.B) { askBench(b, f.centre, page, admin) })
		}
	}
}

// BenchmarkFleet is the list of 40,000 sites.
func BenchmarkFleet(b *testing.B) {
	f := newFleet(b)
	f.many(b, *fleetSites)
	admin := f.centre.as(station.Administrator)
	for _, page := range []string{"/fleet", "/fleet?sort=name&page=700", "/fleet/2"} {
		b.Run(page, func(b *testing.B) { askBench(b, f.centre, page, admin) })
	}
}

func askBench(b *testing.B, at *face, page string, how func(*http.Request)) {
	b.Helper()
	size, before := 0, processorTime()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), "GET", page, nil)
		r.Header.Set("Accept", "text/html")
		how(r)
		w := httptest.NewRecorder()
		at.handler.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size), "B/page")
	b.ReportMetric(float64((processorTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/page")
	at.log.Reset()
}
