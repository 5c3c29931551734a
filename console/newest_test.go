package console_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// TestR_I_28_DocumentsAreListedNewestFirst: lists of documents begin with what was made
// last, page by page, also where documents answer those of other stores and their ids
// tell nothing of when they were made.
func TestR_I_28_DocumentsAreListedNewestFirst(t *testing.T) {
	f := newFleet(t)
	one := hand{f.one, t, station.StoreUser}
	base := f.Clock.Now().UTC().Truncate(time.Hour)
	at := func(n int) string { return base.Add(time.Duration(n) * time.Minute).Format(time.RFC3339) }
	comments := func(path string) (out []string) {
		t.Helper()
		for _, found := range regexp.MustCompile(`(made \d+|unknown)</td>`).FindAllStringSubmatch(one.page(path).body, -1) {
			out = append(out, found[1])
		}
		return out
	}
	var want []string
	for n := range 120 {
		fields := atoll.Fields{}.Set("store_id", f.Stores["B"]).Set("kind", "supplier_invoice").Set("status", "cancelled").
			Set("name_id", topology.StoreNameID(f.Stores["A"])).Set("comment", fmt.Sprintf("made %d", n)).Set("created_at", at(n))
		if n == 0 {
			fields.Set("comment", "unknown")
			delete(fields, "created_at")
		}
		want = append(want, fields.Text("comment"))
		key := atoll.Key{Type: "invoice", ID: atoll.DeriveID("any order", fmt.Sprint(n))}
		if err := f.Sites[2].Insert(t.Context(), journal.Proposal{Verb: atoll.Insert, Key: key, Fields: fields}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Reverse(want)
	for _, path := range []string{"/work/supplier-invoices?status=all", "/work/supplier-invoices?status=cancelled", "/work/supplier-invoices?q=a"} {
		var got []string
		for next := path; next != ""; {
			got = append(got, comments(next)...)
			more := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(one.page(next).body)
			if next = ""; more != nil {
				next = html.UnescapeString(more[1])
			}
		}
		if path[len(path)-1] == 'a' {
			got = got[:min(len(got), 119)] // the last has not a letter a
		}
		if !slices.Equal(got[:119], want[:119]) {
			t.Errorf("%s lists %q", path, got)
		}
	}
	for i, n := range []int{201, 203, 202} { // what is open comes so, too
		if err := f.Sites[2].Insert(t.Context(), journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: atoll.DeriveID("open", fmt.Sprint(i))}, Fields: atoll.Fields{}.
			Set("store_id", f.Stores["B"]).Set("kind", "supplier_invoice").Set("status", "new").Set("comment", fmt.Sprintf("made %d", n)).Set("created_at", at(n))}); err != nil {
			t.Fatal(err)
		}
	}
	if got := comments("/work/supplier-invoices"); !slices.Equal(got, []string{"made 203", "made 202", "made 201"}) {
		t.Errorf("what is open is listed as %q", got)
	}
	one.page("/work/customer-invoices?status=all").saysNot("made 119")
	gone := one.get("/work/supplier-invoices?status=all&after="+url.QueryEscape(string(atoll.DeriveID("gone"))), one.as(one.user)).want(303)
	if to := gone.Header.Get("Location"); to != "/work/supplier-invoices?status=all" {
		t.Errorf("a list after a record that is gone goes on at %q", to)
	}
}

// TestR_I_28_DraftsAreToldApart: what is not numbered yet is known in a list by the
// other party, its lines and what they come to, and who touched it last.
func TestR_I_28_DraftsAreToldApart(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	one := hand{f.one, t, station.StoreUser}
	stock := one.only("stock_line", f.Stores["B"], "store_id", string(f.Stores["B"]))
	for _, packs := range []string{"", "3", "5"} {
		page := one.makes("customer-invoices", f.Stores["B"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["C"]))}})
		if packs != "" {
			one.line(page, url.Values{"f.stock_line_id": {stock[len("/records/stock_line/"):]}, "f.number_of_packs": {packs}}).want(303)
			one.line(page, url.Values{"f.stock_line_id": {stock[len("/records/stock_line/"):]}, "f.number_of_packs": {"1"}}).want(303)
		}
	}
	one.page("/work/customer-invoices").says(
		"Document Status Customer or supplier Lines Value Made at Last changed by",
		"Customer invoice new Store C 2 12.60", "Customer invoice new Store C 2 8.40", "Customer invoice new Store C 0 –", "store-user")
	one.get("/work/customer-invoices", one.as(one.user), with("Accept-Language", "fr")).says("Lignes Valeur", "12,60")
	page := one.makes("supplier-invoices", f.Stores["B"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["C"]))}})
	one.line(page, url.Values{
		"q.item_id": {"amoxicillin"}, "f.pack_size": {"10"}, "f.number_of_packs": {"4"}, "f.cost_price_per_pack": {"2.25"}, "f.sell_price_per_pack": {"9"},
	}).want(303)
	one.page("/work/supplier-invoices").says("Supplier invoice new Store C 1 9.00")
	page = one.makes("orders", f.Stores["B"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["C"]))}})
	one.line(page, url.Values{
		"q.item_id": {"amoxicillin"}, "f.requested_pack_size": {"10"}, "f.requested_quantity": {"40"}, "f.price_per_pack_before_discount": {"1.5"},
	}).want(303)
	one.page("/work/orders").says("new Store C 1 6.00")
	one.makes("stocktakes", f.Stores["B"], url.Values{"f.description": {"Monthly"}})
	one.page("/work/stocktakes").says("Stocktake new Monthly 0")
	one.page("/work/stock").says("Item Packs in all")
}

// TestR_I_28_DocumentsHaveATotal: the page of a document says what each line comes to and
// all of them, with the tax where one is noted, in the country's currency.
func TestR_I_28_DocumentsHaveATotal(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	one := hand{f.one, t, station.StoreUser}
	page := one.makes("supplier-invoices", f.Stores["B"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["C"]))}})
	one.page(page).saysNot("Total")
	one.line(page, url.Values{"q.item_id": {"amoxicillin"}, "f.pack_size": {"10"}, "f.number_of_packs": {"1000"}, "f.cost_price_per_pack": {"2.25"}}).want(303)
	one.line(page, url.Values{"q.item_id": {"paracetamol"}, "f.pack_size": {"10"}, "f.number_of_packs": {"2"}, "f.cost_price_per_pack": {"0.5"}}).want(303)
	one.line(page, url.Values{"q.item_id": {"paracetamol"}, "f.pack_size": {"10"}, "f.number_of_packs": {"3"}}).want(303) // nobody knows its price yet
	one.page(page).says("Value Change", "2,250.00", "1.00", "Total 2,251.00").saysNot("Tax")
	one.get(page, one.as(one.user), with("Accept-Language", "es")).says("Total 2.251,00")
	id := atoll.ID(page[len("/records/invoice/"):])
	if err := f.Sites[2].Insert(t.Context(), journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "invoice", ID: id}, Fields: atoll.Fields{}.Set("tax_percent", json.Number("10"))}); err != nil {
		t.Fatal(err)
	}
	if err := f.Centre.Insert(t.Context(), journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "currency", ID: atoll.NewID(f.Clock.Now())}, Fields: atoll.Fields{}.
		Set("code", "KES").Set("rate", json.Number("1")).Set("is_home_currency", true)}); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.page(page).says("Value of the lines 2,251.00 Tax 225.10 Total 2,476.10 KES")
	stock := one.only("stock_line", f.Stores["B"], "store_id", string(f.Stores["B"]))
	out := one.makes("customer-invoices", f.Stores["B"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["C"]))}})
	one.line(out, url.Values{"f.stock_line_id": {stock[len("/records/stock_line/"):]}, "f.number_of_packs": {"2"}}).want(303)
	one.page(out).says("Total 4.20 KES") // for what it is sold, not what it cost
	count := one.makes("stocktakes", f.Stores["B"], url.Values{})
	one.page(count).saysNot("Total")
}
