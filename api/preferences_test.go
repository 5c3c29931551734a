package api_test

import (
	"testing"

	"github.com/atollsync/atoll"
)

// Preferences are listed with what holds, and set where they may be: of the system
// where central data is edited, of a store at the centre.
//
// R-B-96, R-B-116.
func TestPreferencesOverREST(t *testing.T) {
	f := newFleet(t)
	type view struct {
		Key             string
		Default         any
		Set, Own, Holds any
	}
	holds := func(r *reply, key string) view {
		t.Helper()
		var got struct{ Preferences []view }
		r.want(200).json(&got)
		for _, p := range got.Preferences {
			if p.Key == key {
				return p
			}
		}
		return view{}
	}
	if p := holds(f.centre.call("GET", "/preferences", ""), "pack_to_one"); p.Holds != false || p.Set != nil {
		t.Errorf("before it is set: %+v", p)
	}
	f.centre.call("PUT", "/preferences/pack_to_one", `{"value":true}`, f.centre.as("store_user")).refused(403, atoll.Denied)
	f.one.call("PUT", "/preferences/pack_to_one", `{"value":true}`).refused(403, atoll.Ownership)
	for _, wrong := range []string{`{"value":"maybe"}`, `{"value":3}`, `{"value":null}`} {
		f.centre.call("PUT", "/preferences/pack_to_one", wrong).refused(400, atoll.Invalid)
	}
	f.centre.call("PUT", "/preferences/no_such_thing", `{"value":true}`).refused(404, atoll.NotFound)
	f.centre.call("PUT", "/preferences/transfer_pre_advice", `{"value":true,"store":"B"}`).refused(400, atoll.Invalid)
	f.centre.call("PUT", "/preferences/pack_to_one", `{"value":true}`).want(200)
	got := f.centre.call("PUT", "/preferences/pack_to_one", `{"value":false,"store":"B"}`).want(200)
	if got.field("own") != "false" || got.field("set") != "true" || got.field("holds") != "false" {
		t.Errorf("set for a store: %s", got.body)
	}
	f.centre.call("PUT", "/preferences/pack_to_one", `{"value":false,"store":"B"}`).want(200) // again
	f.sync(t)
	if p := holds(f.one.call("GET", "/preferences?store=B", ""), "pack_to_one"); p.Holds != false || p.Set != true || p.Own != false {
		t.Errorf("at the site, for its store: %+v", p)
	}
	if p := holds(f.one.call("GET", "/preferences", ""), "pack_to_one"); p.Holds != true {
		t.Errorf("at the site, for the system: %+v", p)
	}
	if p := holds(f.centre.call("GET", "/preferences?store=B", ""), "transfer_pre_advice"); p.Key != "" {
		t.Errorf("a choice of the system is listed for a store: %+v", p)
	}
}

// A user who may see some stores only sees these: in reports, documents, records,
// transfers; and changes nothing of the others.
//
// R-J-01.
func TestR_J_01_UsersSeeTheirStores(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	other := f.stock(t, f.Sites[2], f.Stores["F"], medicine)
	invoice := f.shipment(t, line, medicine, "2")
	amina := f.one.as("store_user")
	f.one.call("PUT", "/users/store-user/stores", `{"stores":["F"]}`, f.one.as("viewer")).refused(403, atoll.Denied)
	f.one.call("PUT", "/users/store-user/stores", `{"stores":["nowhere"]}`).refused(404, atoll.NotFound)
	f.one.call("PUT", "/users/nobody/stores", `{"stores":["F"]}`).refused(404, atoll.NotFound)
	f.one.call("GET", "/records/stock_line/"+string(line), "", amina).want(200)
	f.one.call("PUT", "/users/store-user/stores", `{"stores":["F"]}`).want(204)

	stores := func(r *reply) []string {
		t.Helper()
		var got struct {
			Records []struct{ Fields struct{ Store_id string } } //nolint:revive // the field's name
		}
		r.want(200).json(&got)
		var out []string
		for _, rec := range got.Records {
			out = append(out, rec.Fields.Store_id)
		}
		return out
	}
	if got := stores(f.one.call("GET", "/records/stock_line", "", amina)); len(got) != 1 || got[0] != string(f.Stores["F"]) {
		t.Errorf("stock of stores %v is listed, want of F alone", got)
	}
	if got := stores(f.one.call("GET", "/invoices", "", amina)); len(got) != 0 {
		t.Errorf("documents of stores %v are listed, want none", got)
	}
	f.one.call("GET", "/records/stock_line/"+string(other), "", amina).want(200)
	f.one.call("GET", "/records/item/"+string(medicine), "", amina).want(200) // central data is everybody's
	for _, path := range []string{
		"/records/stock_line/" + string(line), "/records/stock_line/" + string(line) + "/history", "/invoices/" + invoice,
		"/stock/" + string(line) + "/ledger", "/stock/check?store=B", "/transfers?store=B", "/transfers/differences?store=B",
	} {
		f.one.call("GET", path, "", amina).refused(403, atoll.Denied)
	}
	f.one.call("GET", "/transfers", "", amina).want(200)
	before := f.one.state()
	f.one.call("POST", "/invoices/"+invoice+"/finalise", "", amina).refused(403, atoll.Denied)
	f.one.call("POST", "/invoices", `{"fields":{"store_id":"B","kind":"customer_invoice"}}`, amina).refused(403, atoll.Denied)
	f.one.call("POST", "/stock/"+string(line)+"/adjust", `{"packs":1,"reason":"found"}`, amina).refused(403, atoll.Denied)
	f.one.unchanged(before)
	f.one.call("POST", "/invoices", `{"fields":{"store_id":"F","kind":"inventory_addition"}}`, amina).want(201)

	var report struct{ Stores []struct{ Code string } }
	f.one.call("GET", "/reports/stock?format=json", "", amina).want(200).json(&report)
	for _, s := range report.Stores {
		if s.Code != "F" {
			t.Errorf("the report tells of store %s", s.Code)
		}
	}
	if len(report.Stores) == 0 {
		t.Error("the report tells of no store")
	}
	f.one.call("PUT", "/users/store-user/stores", `{"stores":[]}`).want(204)
	f.one.call("GET", "/records/stock_line/"+string(line), "", amina).want(200)
	f.one.call("PUT", "/users/administrator/stores", `{"stores":["F"]}`).refused(422, atoll.Rule)
}
