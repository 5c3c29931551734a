package api_test

import (
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
)

// clinics makes dispensaries of B (site 2) and C (site 3).
func clinics(t *testing.T, f *fleet) (b, c string) {
	t.Helper()
	b, c = string(f.Stores["B"]), string(f.Stores["C"])
	for _, store := range []string{b, c} {
		etag := f.centre.call("GET", "/records/store/"+store, "").want(200).Header.Get("ETag")
		f.centre.call("PUT", "/records/store/"+store, `{"fields":{"mode":"dispensary"}}`, with("If-Match", etag)).want(200)
	}
	f.sync(t)
	return b, c
}

const ada = `"fields":{"first_name":"Ada","last_name":"Lovelace","date_of_birth":"1990-12-10","barcode":"P-1"}`

// TestR_G_10_R_G_42_OverTheAPI: registered, edited at home, asked for elsewhere,
// transferred; what is refused says what may be done instead.
//
// R-G-02, R-G-06, R-G-10, R-G-11, R-G-13, R-G-41, R-G-42, R-G-48.
func TestR_G_10_R_G_42_OverTheAPI(t *testing.T) {
	f := newFleet(t)
	b, c := clinics(t, f)
	made := f.one.call("POST", "/patients", `{"store":"`+b+`",`+ada+`}`).want(201)
	id := made.text("id")
	if made.text("home_store") != b || made.field("editable") != "true" || made.field("visible_in") != `["`+b+`"]` {
		t.Errorf("registered: %s", made.body)
	}
	f.one.call("POST", "/patients", `{"store":"`+string(f.Stores["F"])+`",`+ada+`}`).refused(422, atoll.Rule)
	f.one.call("GET", "/patients?store="+string(f.Stores["F"]), "").refused(422, atoll.Rule)
	if got := f.one.call("GET", "/patients?store="+b+"&last_name=LOVE", "").want(200); !strings.Contains(string(got.body), id) {
		t.Errorf("listed: %s", got.body)
	}
	f.one.call("POST", "/patients/"+id+"/edit", `{"store":"`+b+`","fields":{"phone":"1"}}`).want(200)
	f.sync(t)
	f.centre.call("PUT", "/patients/"+id+"/visibility/"+c, "").want(204)
	f.one.call("PUT", "/patients/"+id+"/visibility/"+c, "").refused(403, atoll.NotHere)
	f.sync(t)

	edit := `{"store":"` + c + `","fields":{"phone":"2"},"reason":"she said so"}`
	no := f.two.call("POST", "/patients/"+id+"/edit", edit).refused(403, atoll.Ownership)
	if !strings.Contains(no.Detail, "Store B") {
		t.Errorf("the refusal does not name the home: %s", no.Detail)
	}
	f.centre.call("PUT", "/records/preference/"+newID, `{"fields":{"key":"`+patients.SharedDetails+`","value":true}}`).want(201)
	f.sync(t)
	asked := f.two.call("POST", "/patients/"+id+"/edit", edit).want(200)
	if asked.field("pending") != "true" || !strings.Contains(asked.field("person", "pending"), `"wanted":{"phone":"2"}`) {
		t.Errorf("asked: %s", asked.body)
	}
	f.one.call("POST", "/patients/"+id+"/edit", `{"store":"`+b+`","fields":{"phone":"3"}}`).want(200) // meanwhile
	f.sync(t)
	f.sync(t)
	var changes struct {
		Changes []struct {
			ID   string
			Open []string
		}
	}
	f.one.call("GET", "/requested-changes?patient="+id, "").want(200).json(&changes)
	if len(changes.Changes) != 1 || len(changes.Changes[0].Open) != 1 || changes.Changes[0].Open[0] != "phone" {
		t.Fatalf("open: %+v", changes)
	}
	decide := "/requested-changes/" + changes.Changes[0].ID + "/decide"
	f.two.call("POST", decide, `{"all":true}`).refused(403, atoll.Ownership)
	f.one.call("POST", decide, `{"take":["email"]}`).refused(400, atoll.Invalid)
	f.one.call("POST", decide, `{"take":["phone"],"note":"asked her"}`).want(204)
	f.one.call("POST", decide, `{"all":true}`).refused(409, atoll.Conflict)

	transfer := `{"to":"` + c + `","reason":"moved"}`
	if f.two.call("POST", "/patients/"+id+"/transfer", transfer).want(202).text("request") == "" {
		t.Error("no request")
	}
	f.one.call("POST", "/patients/"+id+"/transfer/force", "").refused(403, atoll.NotHere)
	f.centre.call("POST", "/patients/"+id+"/transfer/cancel", "").refused(404, atoll.NotFound)
	if _, err := f.Sync(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	f.centre.call("POST", "/patients/"+id+"/transfer/force", "").refused(422, atoll.Rule)
	if got := f.centre.call("GET", "/home-transfers/patients", "").want(200); !strings.Contains(string(got.body), `"step":"freezing"`) {
		t.Errorf("under way: %s", got.body)
	}
	f.sync(t)
	f.sync(t)
	if got := f.two.call("GET", "/patients/"+id, "").want(200); got.text("home_store") != c || got.field("editable") != "true" || !strings.Contains(string(got.body), `"phone":"2"`) {
		t.Errorf("transferred: %s", got.body)
	}
	if got := f.two.call("GET", "/home-requests", "").want(200); !strings.Contains(string(got.body), `"state":"done"`) {
		t.Errorf("the request: %s", got.body)
	}
	f.two.call("POST", "/patients/"+id+"/transfer", transfer).refused(422, atoll.Rule)
	h := f.two.call("GET", "/patients/"+id+"/history", "").want(200)
	if !strings.Contains(h.text("warning"), "card") || h.text("as_of") == "" {
		t.Errorf("history: %s", h.body)
	}
}

// TestR_G_20_R_G_23_OverTheAPI: looked up with credentials of the centre and a
// reason, fetched, logged.
//
// R-G-14, R-G-20, R-G-21, R-G-23.
func TestR_G_20_R_G_23_OverTheAPI(t *testing.T) {
	f := newFleet(t)
	b, c := clinics(t, f)
	id := f.one.call("POST", "/patients", `{"store":"`+b+`",`+ada+`}`).want(201).text("id")
	doctor := f.one.call("POST", "/prescribers", `{"store":"`+b+`","fields":{"last_name":"Curie","registration_code":"R1"}}`).want(201).text("id")
	f.sync(t)
	f.centre.token(station.StoreUser)
	who := `,"user":"` + userOf(station.StoreUser) + `","password":"` + password + `"`
	find := func(rest string) string { return `{"store":"` + c + `","centre":true,"barcode":"P-1"` + rest + `}` }
	f.two.call("POST", "/patients/find", find(`,"reason":"at the counter"`)).refused(403, atoll.Denied)
	f.two.call("POST", "/patients/find", find(who)).refused(400, atoll.Invalid)
	got := f.two.call("POST", "/patients/find", find(who+`,"reason":"at the counter"`)).want(200)
	if !strings.Contains(got.field("elsewhere"), id) || got.field("here") != "null" && got.field("here") != "[]" || got.text("token") == "" {
		t.Errorf("found: %s", got.body)
	}
	fetch := `{"store":"` + c + `","token":"` + got.text("token") + `","reason":"to dispense"}`
	if p := f.two.call("POST", "/patients/"+id+"/fetch", fetch).want(200); p.text("home_store") != b || !strings.Contains(p.field("visible_in"), c) {
		t.Errorf("fetched: %s", p.body)
	}
	f.two.call("POST", "/prescribers/"+doctor+"/fetch", fetch).want(200)
	f.two.call("POST", "/patients/"+newID+"/fetch", fetch).refused(404, atoll.NotFound)
	f.two.call("POST", "/patients/"+id+"/history", `{"token":"`+got.text("token")+`","reason":"to dispense"}`).want(200)
	f.one.call("GET", "/patient-accesses", "").refused(403, atoll.Ownership)
	log := f.centre.call("GET", "/patient-accesses", "").want(200)
	for kind, n := range map[string]int{"look_up": 3, "fetch": 3, "history": 1} {
		if strings.Count(string(log.body), `"kind":"`+kind+`"`) != n {
			t.Errorf("the log has not %d of %s: %s", n, kind, log.body)
		}
	}
	show := f.centre.call("POST", "/stores/"+b+"/resync-patients?preview=true", "").want(202)
	if show.field("preview") != "true" || show.field("records", "patient") != "1" || show.field("jobs") != "" {
		t.Errorf("preview: %s", show.body)
	}
	f.centre.call("POST", "/stores/"+string(f.Stores["D"])+"/resync-patients", "").refused(422, atoll.Rule)
}
