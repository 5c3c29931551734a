package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// Whoever is limited to stores changes nothing of others, by any act (R-J-01): not by
// those that make a change of their own out of what is asked either.
func TestR_J_01_ActsHeedTheStoresOfWhoAsks(t *testing.T) {
	f := newFleet(t)
	b, c := clinics(t, f)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	sent := f.shipment(t, line, medicine, "5")
	f.one.call("POST", "/invoices/"+sent+"/finalise", "").want(200)
	put := func(kind atoll.Type, fields atoll.Fields) string {
		t.Helper()
		id := atoll.NewID(f.Clock.Now())
		if err := f.one.node.Insert(t.Context(), journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: fields}); err != nil {
			t.Fatal(err)
		}
		return string(id)
	}
	ada := f.one.call("POST", "/patients", `{"store":"`+b+`",`+ada+`}`).want(201).text("id")
	draft := f.shipment(t, line, medicine, "1")
	asked := put("requisition", atoll.Fields{}.Set("store_id", b).Set("kind", "response").Set("status", "new").Set("partner_store_id", c))
	prescription := put("prescription", atoll.Fields{}.Set("store_id", b).Set("patient_id", ada).Set("status", "new"))
	encounter := put("encounter", atoll.Fields{}.Set("store_id", b).Set("patient_id", ada).Set("status", "pending").Set("started_at", "2026-01-02T10:00:00Z"))
	if err := f.Centre.Insert(t.Context(), journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: f.Stores["F"]}, Fields: atoll.Fields{}.Set("mode", "dispensary")}); err != nil {
		t.Fatal(err)
	}
	f.sync(t)
	edit := func(store string) string { return `{"store":"` + store + `","fields":{"phone":"2"}}` }
	f.one.token(station.StoreUser)
	if err := f.one.node.LimitUser(t.Context(), userOf(station.StoreUser), []atoll.ID{f.Stores["F"]}); err != nil {
		t.Fatal(err)
	}
	as := f.one.as(station.StoreUser)
	before := f.one.state()
	for _, try := range []struct{ method, path, body string }{
		{"POST", "/invoices/" + sent + "/ask-cancel", ""},
		{"POST", "/requisitions/" + asked + "/shipment", ""},
		{"POST", "/invoices/" + draft + "/finalise", ""},
		{"DELETE", "/invoices/" + draft, ""},
		{"POST", "/stock/" + string(line) + "/adjust", `{"packs":-1,"reason":"x"}`},
		{"POST", "/prescriptions/" + prescription + "/finalise", ""},
		{"GET", "/prescriptions/" + prescription, ""},
		{"PUT", "/records/prescription/" + prescription, `{"version":1,"fields":{"comment":"mine"}}`},
		{"PUT", "/records/encounter/" + encounter, `{"version":1,"fields":{"status":"visited"}}`},
		{"PUT", "/records/patient/" + newID, `{"fields":{"name":"Eve","home_store_id":"` + b + `","status":"active"}}`},
		{"POST", "/patients", `{"store":"` + b + `","fields":{"first_name":"Eve","last_name":"Other"}}`},
		{"POST", "/patients/" + ada + "/edit", edit(b)},
		{"POST", "/patients/find", `{"store":"` + b + `","last_name":"Love"}`},
		{"GET", "/patients?last_name=Love&store=" + b, ""},
		{"POST", "/patients/" + ada + "/fetch", `{"store":"` + b + `","user":"x","password":"y","reason":"because"}`},
		{"POST", "/sync/fetch", `{"store":"` + b + `","from":"2025-01-01T00:00:00Z","to":"2025-02-01T00:00:00Z"}`},
	} {
		if got := f.one.call(try.method, try.path, try.body, as); got.StatusCode != 403 || got.text("code") != string(atoll.Denied) {
			t.Errorf("%s %s: %d %s", try.method, try.path, got.StatusCode, got.body)
		}
	}
	f.one.unchanged(before)
	if got := f.one.call("GET", "/prescriptions", "", as).want(200); strings.Contains(string(got.body), prescription) {
		t.Errorf("listed: %s", got.body)
	}
	// The same is theirs to do in a store of theirs.
	f.one.call("POST", "/patients", fmt.Sprintf(`{"store":%q,"fields":{"first_name":"Eve","last_name":"Other"}}`, f.Stores["F"]), as).want(201)
	if err := f.one.node.LimitUser(t.Context(), userOf(station.StoreUser), []atoll.ID{f.Stores["B"]}); err != nil {
		t.Fatal(err)
	}
	f.one.call("POST", "/invoices/"+sent+"/ask-cancel", "", as).want(204)
	f.one.call("POST", "/patients/"+ada+"/edit", edit(b), as).want(200)
}

// Nobody changes by way of a patient what is none of her details (R-G-02): neither
// central data nor another record of the store.
func TestR_G_02_NothingElseIsChangedAsADetail(t *testing.T) {
	f := newFleet(t)
	b, _ := clinics(t, f)
	medicine := f.item(t, "amox")
	etag := f.centre.call("GET", "/records/store/"+string(f.Stores["A"]), "").want(200).Header.Get("ETag")
	f.centre.call("PUT", "/records/store/"+string(f.Stores["A"]), `{"fields":{"mode":"dispensary"}}`, with("If-Match", etag)).want(200)
	a := string(f.Stores["A"])
	ada := f.centre.call("POST", "/patients", `{"store":"`+a+`",`+ada+`}`).want(201).text("id")
	for _, as := range []option{f.centre.as(station.StoreUser), f.centre.as(station.Administrator)} {
		before := f.centre.state()
		for kind, id := range map[string]string{"item": string(medicine), "store": b, "patient_store_join": newID} {
			got := f.centre.call("POST", "/patients/"+ada+"/edit", `{"store":"`+a+`","type":"`+kind+`","record":"`+id+`","fields":{"code":"mine"}}`, as)
			if got.StatusCode < 400 {
				t.Errorf("%s: %d %s", kind, got.StatusCode, got.body)
			}
		}
		f.centre.unchanged(before)
	}
}
