package console_test

import (
	"encoding/csv"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
)

// stocked puts stock of two items into stores of both sites and of the centre, and
// has the centre hear of it.
func (f *fleet) stocked(t testing.TB) (amoxicillin atoll.ID) {
	t.Helper()
	ctx := t.Context()
	amoxicillin, a := simulate.Item("amoxicillin")
	paracetamol, p := simulate.Item("paracetamol")
	if err := f.Centre.Insert(ctx, a, p); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		node  *simulate.Node
		store string
		item  atoll.ID
		packs string
	}{
		{f.Centre, "A", amoxicillin, "120"}, {f.Sites[2], "B", amoxicillin, "40"}, {f.Sites[3], "C", amoxicillin, "25.5"}, {f.Sites[3], "D", paracetamol, "300"},
	} {
		if err := s.node.Insert(ctx, simulate.Stock(atoll.NewID(f.Clock.Now()), f.Stores[s.store], s.item, s.packs)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	return amoxicillin
}

// TestR_J_06_FreshnessComesFirst: of when an answer is, which stores are behind and which
// are not in it stands above the answer, by name.
func TestR_J_06_FreshnessComesFirst(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	viewer := f.centre.as(station.Viewer)
	before := func(page *seen, first, second string) {
		t.Helper()
		text := page.says(first, second).text()
		if strings.Index(text, first) > strings.Index(text, second) {
			t.Errorf("%q stands below %q", first, second)
		}
	}
	page := f.centre.get("/reports/stock", viewer).want(200).says("The oldest part came").saysNot("behind")
	before(page, "As of today, ", "Value, in all")
	before(page, "1 store is not in it: Store F (all its data stay at its site)", "Code Store")
	f.Clock.Wind(5 * 24 * time.Hour)
	for range 2 {
		if _, err := f.Sync(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
	}
	viewer = f.centre.as(station.Viewer)
	page = f.centre.get("/reports/stock", viewer).want(200)
	before(page, "2 stores are behind Store C ( 5 days ago ); Store D ( 5 days ago )", "Value, in all")
	f.centre.get("/reports/stock", viewer, with("Accept-Language", "fr")).says("2 dépôts sont en retard", "1 dépôt n’y est pas")
	f.centre.get("/reports/sync", viewer).want(200).says("Last complete exchange")
}

// How much of an item there is in the country is found from the first page by its
// name alone, with how fresh each store's part is (R-J-02, R-J-06).
func TestR_J_02_HowMuchIsThere(t *testing.T) {
	f := newFleet(t)
	item, ctx := f.stocked(t), t.Context()
	viewer := f.centre.as(station.Viewer)
	f.centre.get("/today", viewer).want(200).says("What are you looking for?", "How much is in stock, and where?").saysNot("Sites that need somebody", "0 silent for 30 days")
	// Who does not look after sites has the question all the same, and an answer.
	if body := f.centre.get("/today", viewer).says("Which sites have been silent for a month?").body; !strings.Contains(body, `href="/reports/sync"`) {
		t.Error("the question of a viewer leads nowhere")
	}
	f.centre.get("/reports/sync", viewer).want(200).says("Sync Client 1", "Overdue")
	f.centre.get("/today", f.centre.as(station.Technician)).says("Sites that need somebody", "100 %")
	found := f.centre.get("/find?q=Amoxi", viewer).want(200)
	found.says("Item amoxicillin (amoxicillin) 1,855 units in 3 stores", "Stock on hand").saysNot("paracetamol")
	if err := f.centre.node.LimitUser(ctx, "viewer", []atoll.ID{f.Stores["C"]}); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/find?q=Amoxi", viewer).says("255 units in 1 store").saysNot("1,855")
	if err := f.centre.node.LimitUser(ctx, "viewer", nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(found.body, `href="/reports/stock?item=`+string(item)+`"`) {
		t.Fatal("the search does not lead to the stock of the item")
	}
	page := f.centre.get("/reports/stock?item="+string(item), viewer).want(200)
	page.says("1,855 Units, in all", "278.25 Value, in all", "Store A 1,200", "Store C 255", "3 rows", "as of its last exchange", "all its data stay at its site", "1 store is not in it")
	f.centre.get("/reports/stock?item=amoxicillin", viewer).says("1,855 Units")
	f.centre.get("/reports/stock?item=item", viewer).says("Which item do you mean?", "Item paracetamol")
	f.centre.get("/reports/stock?item=nothing+like+it", viewer).says("No item has these words")
	f.centre.get("/reports/stock?by=system", viewer).want(200).says("728.25 Value, in all", "2 rows").saysNot("Units, in all")
	f.centre.get("/reports/stock?by=batch&store="+string(f.Stores["C"]), viewer).says("30 Jun 2028", "1 row")
	f.centre.get("/reports/stock?by=nonsense", viewer).want(400).says("is not well formed")
	f.centre.get("/reports/use?from=2026-01-01&to=2026-12-31", viewer).want(200)
	f.centre.get("/reports/nonsense", viewer).want(404)
	f.centre.get("/find?q=store+c", viewer).says("Store C (C)", "On the way")
	f.centre.get("/find?q=sync+client", f.centre.as(station.Technician)).says("How it stands")
	// Numbers say what they count, where the central data does.
	f.centre.get("/reports/stock?item=amoxicillin", viewer).saysNot("one unit", "values in")
	unit, currency := atoll.Key{Type: "unit", ID: atoll.DeriveID("test unit", "capsule")}, atoll.Key{Type: "currency", ID: atoll.DeriveID("test currency", "KES")}
	err := f.Centre.Insert(t.Context(),
		journal.Proposal{Verb: atoll.Insert, Key: unit, Fields: atoll.Fields{}.Set("name", "Capsule")},
		journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "item", ID: item}, Fields: atoll.Fields{}.Set("unit_id", unit.ID)},
		journal.Proposal{Verb: atoll.Insert, Key: currency, Fields: atoll.Fields{}.Set("code", "KES").Set("rate", 1).Set("is_home_currency", true)},
	)
	if err != nil {
		t.Fatal(err)
	}
	f.centre.get("/reports/stock?item=amoxicillin", viewer).says("one unit: Capsule", "values in KES")
	f.centre.get("/reports/consumption", viewer).saysNot("values in")
	// Averages do not run on; what an item is called is its name.
	f.shipped(t, "F", "7")
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	// A number is a document's first, and nothing else where it is written as one.
	_, tube := simulate.Item("tube 1")
	if err := f.Centre.Insert(ctx, tube); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/find?q=1", viewer).says("Documents Customer invoice #1 Store B Open Customer invoice #1 Items Item tube 1 (tube 1) none in stock")
	f.centre.get("/find?q=%231", viewer).says("Documents Customer invoice #1").saysNot("tube")
	average := f.centre.get("/reports/consumption", viewer).says("Item amoxicillin", "Average")
	if endless := regexp.MustCompile(`\d\.\d{4,}`).FindString(average.text()); endless != "" {
		t.Errorf("the page says %s", endless)
	}
	if csv := f.centre.get("/reports/consumption/file?format=csv", viewer); !regexp.MustCompile(`\d\.\d{4,}`).MatchString(csv.body) {
		t.Error("the file has no average that does not end: the test looks in the wrong place")
	}
	f.centre.get("/records/item", viewer).says("Item amoxicillin amoxicillin", "Item paracetamol paracetamol")
	f.centre.get("/find", viewer).want(200).says("Type a name, a code or a number", "Look among all kinds of records")
	f.centre.get("/find?q=nothing+like+it", viewer).says("Nothing is like that")
	// At a site: of its own.
	f.one.get("/today", f.one.as(station.Viewer)).says("What are you looking for?")
	f.one.get("/reports/stock", f.one.as(station.Viewer)).want(200).says("Store B", "it only trades with stores here")
	f.one.get("/reports/sync", f.one.as(station.Viewer)).want(404)
}

// A report goes out as a file, all rows of it, and heeds the reader's stores
// (R-J-01).
func TestR_J_01_ReportFiles(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	viewer := f.centre.as(station.Viewer)
	rows := func() [][]string {
		t.Helper()
		got := f.centre.get("/reports/stock/file?format=csv", viewer).want(200)
		out, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := rows(); len(got) != 5 {
		t.Errorf("%d rows, want 5", len(got))
	}
	if x := f.centre.get("/reports/stock/file?format=xlsx", viewer).want(200); !strings.HasPrefix(x.body, "PK") || !strings.Contains(x.Header.Get("Content-Disposition"), "stock-2026") {
		t.Errorf("%v", x.Header)
	}
	f.centre.get("/reports/stock/file?format=exe", viewer).want(400)
	if err := f.centre.node.LimitUser(t.Context(), "viewer", []atoll.ID{f.Stores["B"]}); err != nil {
		t.Fatal(err)
	}
	if got := rows(); len(got) != 2 || got[1][1] != "Store B" {
		t.Errorf("of one store: %v", got)
	}
	f.centre.get("/reports/stock", viewer).says("Store B").saysNot("Store C", "paracetamol")
	if got := f.centre.get("/reports/stock?"+url.Values{"store": {string(f.Stores["C"])}}.Encode(), viewer); strings.Contains(got.text(), "25.5") {
		t.Errorf("another store's stock is shown:\n%s", got.text())
	}
}
