package console_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
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
	written    = flag.String("speed", "", "where BenchmarkPages and BenchmarkFleet write what they measured, as a page of documentation")
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
			Site: id, Key: []byte("k"), Device: string(atoll.DeriveID("device", id.String())), Timeline: atoll.Timeline(strings.Repeat("0123456789abcdef", 2)),
			Turn: uint64(1000 + i), Nonce: "0123456789abcdef", Voucher: uint64(i), Protocol: 1, Catalogue: 30, CatalogueHash: strings.Repeat("0123456789abcdef", 4),
			Head: uint64(i * 3), Summary: central.Summary{
				Initialisation: central.InitCompleted, App: fmt.Sprintf("1.%d.0", i%3), Waiting: i * 7 % 40,
				FirstContact: now.Add(-400 * 24 * time.Hour), LastContact: now.Add(-time.Duration(i*i%50000) * time.Minute), Cursor: 100,
			},
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
		if states = append(states, s); len(states) == 8000 {
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
	f.spread(b, 1000)
	f.many(b, 1000)
	items := f.items(b, *records/2)
	f.stock(b, *records/2, items)
	if err := f.Centre.KeepReports(b.Context()); err != nil { // as a server does soon after its start
		b.Fatal(err)
	}
	item := string(items[len(items)-1])
	speed{b, f.centre, fmt.Sprintf("A centre with 1,000 sites and %d records", *records)}.of(
		"/today", "/find?q=number+77", "/find?q=item+number", fmt.Sprintf("/find?q=I%06d", *records/2-1), "/find?q=no+such+words",
		"/fleet", "/fleet?sort=name&page=7", "/fleet?q=centre+9", "/fleet/map", "/fleet/map?box=34,-2,38,2", "/fleet/2", "/fleet/1099",
		"/records", "/records/item", "/records/item?q=number+77", "/records/item?q=i", "/records/item?q=no+such+words", "/records/stock_line?q=b00001",
		"/records/item/"+item, "/records/item/"+item+"/edit", "/new/item", "/choose/stock_line/item_id?q.item_id=number+77",
		"/reports", "/reports/stock?item="+item, "/reports/use?item="+item, "/reports/consumption?item="+item, "/reports/value?item="+item,
		"/reports/stock?store="+string(f.Stores["B"]), "/reports/stock", "/reports/stock?by=system", "/reports/value", "/reports/dashboard", "/reports/exceptions", "/reports/sync",
		"/transfers", "/jobs", "/quarantine", "/enrolment", "/stores", "/stores/"+string(f.Stores["A"]), "/visibility", "/delegations", "/audit?site=1", "/me",
		"/work", "/work/stock", "/work/stock?q=number+77", "/work/customer-invoices",
	)
}

// BenchmarkFleet is the list and the map of 40,000 sites.
func BenchmarkFleet(b *testing.B) {
	f := newFleet(b)
	f.spread(b, *fleetSites)
	f.many(b, *fleetSites)
	if _, _, err := f.Centre.Centre.Summaries(b.Context()); err != nil { // as a server does soon after its start
		b.Fatal(err)
	}
	if err := f.Centre.KeepReports(b.Context()); err != nil { // as above
		b.Fatal(err)
	}
	speed{b, f.centre, fmt.Sprintf("A centre with %d sites", *fleetSites)}.of("/fleet", "/fleet?sort=name&page=700", "/fleet?q=centre+9", "/fleet/map", "/fleet/map?box=36,-2,38,0", "/fleet/2")
}

// speed asks for pages, and writes what each took.
type speed struct {
	b     *testing.B
	at    *face
	title string
}

// took is what one page took: the first time, in the middle, in processor time, that of
// the first time, and its size.
type took struct {
	page                       string
	first, middle, work, begun time.Duration
	size                       int
}

func (s speed) of(pages ...string) {
	admin := s.at.as(station.Administrator)
	var all []took
	for _, page := range pages {
		if strings.HasPrefix(page, *only) {
			s.b.Run(page, func(b *testing.B) { all = append(all, askBench(b, s.at, page, admin)) })
		}
	}
	if *written != "" {
		s.write(all)
	}
}

// write adds a table to the page of documentation.
func (s speed) write(all []took) {
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	ms := func(d time.Duration) string { return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) }
	var out strings.Builder
	fmt.Fprintf(&out, "\n## %s\n\n| page | processor ms | the first time | clock, the first time | median | KB |\n|---|---|---|---|---|---|\n", s.title)
	for _, t := range all {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | %.1f |\n", id.ReplaceAllString(t.page, "…"), ms(t.work), ms(t.begun), ms(t.first), ms(t.middle), float64(t.size)/1000)
	}
	file, err := os.OpenFile(*written, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.b.Fatal(err)
	}
	if _, err := file.WriteString(out.String()); err != nil {
		s.b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		s.b.Fatal(err)
	}
}

func askBench(b *testing.B, at *face, page string, how func(*http.Request)) took {
	b.Helper()
	t, before := took{page: page}, processorTime()
	var each []time.Duration
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), "GET", page, nil)
		r.Header.Set("Accept", "text/html")
		how(r)
		w := httptest.NewRecorder()
		started := time.Now()
		at.handler.ServeHTTP(w, r)
		each = append(each, time.Since(started))
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
		if len(each) == 1 {
			t.begun = processorTime() - before
		}
		t.size = w.Body.Len()
	}
	t.work = (processorTime() - before) / time.Duration(len(each))
	t.first = each[0]
	slices.Sort(each)
	t.middle = each[len(each)/2]
	b.ReportMetric(float64(t.size), "B/page")
	b.ReportMetric(float64(t.work.Microseconds())/1000, "cpu-ms/page")
	at.log.Reset()
	return t
}
