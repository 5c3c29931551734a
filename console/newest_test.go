package console_test

import (
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
