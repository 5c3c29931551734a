package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate"
)

// TestR_H_26_Faces: the limit is set, documents are fetched at either end, and the
// ledger adds up, all over REST.
func TestR_H_26_Faces(t *testing.T) {
	f := newFleet(t)
	line := atoll.DeriveID("line")
	item := f.item(t, "x")
	if err := f.Sites[2].Insert(t.Context(), simulate.Stock(line, f.Stores["B"], item, "20")); err != nil {
		t.Fatal(err)
	}
	f.one.call("POST", "/stock/"+string(line)+"/adjust", `{"packs":-1.5,"reason":"broken"}`).want(200)
	f.sync(t)
	l := f.one.call("GET", "/stock/"+string(line)+"/ledger", "", f.one.as("viewer")).want(200)
	if l.field("opening") != "20.0" || l.field("now") != "18.5" {
		t.Errorf("the ledger: %s", l.body)
	}
	var ledger struct {
		Movements []struct{ Type, ID, Kind string }
	}
	l.json(&ledger)
	if len(ledger.Movements) != 1 || ledger.Movements[0].Kind != "inventory_reduction" {
		t.Fatalf("movements: %s", l.body)
	}
	doc := fmt.Sprintf(`{"type":"invoice","id":%q}`, ledger.Movements[0].ID)

	f.centre.call("PUT", "/sites/2/history", `{"months":12}`, f.centre.as("technician")).refused(403, atoll.Denied)
	site := f.centre.call("PUT", "/sites/2/history", `{"months":12}`).want(200)
	if site.field("history_months") != "12" {
		t.Errorf("the site: %s", site.body)
	}
	f.centre.call("PUT", "/sites/2/history", `{"months":-1}`).refused(400, atoll.Invalid)
	f.centre.call("PUT", "/sites/99/history", `{"months":1}`).refused(404, atoll.SiteUnknown)

	if got := f.centre.call("POST", "/sites/2/fetch", doc, f.centre.as("technician")).want(200).field("documents"); got != "1" {
		t.Errorf("%s documents are on their way", got)
	}
	period := fmt.Sprintf(`{"from":%q,"to":%q}`, f.Clock.Now().Add(-time.Hour).Format(time.RFC3339), f.Clock.Now().Add(time.Hour).Format(time.RFC3339))
	if got := f.centre.call("POST", "/sites/2/fetch", period).want(200).field("documents"); got != "1" {
		t.Errorf("%s documents are on their way", got)
	}
	f.centre.call("POST", "/sites/3/fetch", doc).refused(404, atoll.NotFound) // not site 3's to have
	f.centre.call("POST", "/sites/2/fetch", `{}`).refused(400, atoll.Invalid)
	f.one.call("POST", "/sites/2/fetch", doc).refused(403, atoll.Ownership)

	f.one.call("POST", "/sync/fetch", doc, f.one.as("viewer")).refused(403, atoll.Denied)
	f.one.call("POST", "/sync/fetch", period, f.one.as("mobile")).refused(403, atoll.Denied)
	f.one.call("POST", "/sync/fetch", doc, f.one.as("store_user")).refused(409, atoll.Exists) // it is here
	before := f.one.state()
	f.one.call("POST", "/sync/fetch", period, f.one.as("store_user")).want(202)
	if after := f.one.state(); after.head.Seq <= before.head.Seq {
		t.Error("the request is not in the journal")
	}
	f.centre.call("POST", "/sync/fetch", period).refused(422, atoll.Rule)
}
