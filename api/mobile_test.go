package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
)

// sentByMobile is what the specification lets a mobile client send, and the types
// that are that here. It is written from the specification and not from the files.
var sentByMobile = map[string][]atoll.Type{
	"AdverseDrugReaction":            {"adverse_drug_reaction"},
	"IndicatorValue":                 {"indicator_value"},
	"InsurancePolicy":                {"insurance_policy"},
	"ItemBatch":                      {"stock_line"},
	"Location":                       {"location"},
	"LocationMovement":               {"location_movement"},
	"Message":                        {"message"},
	"Name":                           {"patient"},
	"NameNote":                       {"name_note", "patient_event"},
	"Prescriber":                     {"prescriber"},
	"Requisition":                    {"requisition"},
	"RequisitionItem":                {"requisition_line"},
	"Sensor":                         {"sensor"},
	"Stocktake":                      {"stocktake"},
	"StocktakeBatch":                 {"stocktake_line"},
	"TemperatureBreach":              {"temperature_breach"},
	"TemperatureBreachConfiguration": {"temperature_breach_config"},
	"TemperatureLog":                 {"temperature_log"},
	"Transaction":                    {"invoice", "prescription", "payment"},
	"TransactionBatch":               {"invoice_line", "prescription_line"},
	"VaccineVialMonitorStatusLog":    {"vvm_status_log"},
}

// TestR_B_104_MobileSendsOnlyItsTypes walks over all record types: what a mobile
// client may send is judged as anybody's change is, and every other type is refused
// by its name, whichever way the change comes.
func TestR_B_104_MobileSendsOnlyItsTypes(t *testing.T) {
	f := newFleet(t)
	tablet := f.one.as("mobile")
	allowed := map[atoll.Type]string{}
	for name, types := range sentByMobile {
		for _, kind := range types {
			allowed[kind] = name
		}
	}
	place, lone := atoll.DeriveID("place"), atoll.DeriveID("lone")
	f.one.token("store_user")
	before := f.one.state()
	for _, d := range catalogue.Embedded().Types() {
		path := "/records/" + string(d.Type) + "/" + string(atoll.DeriveID("sent", string(d.Type)))
		name, may := allowed[d.Type]
		delete(allowed, d.Type)
		if may != (d.Mobile != nil) || may && d.Mobile.Name != name {
			t.Errorf("%s: the catalogue says %+v, the specification %q", d.Type, d.Mobile, name)
		}
		if may {
			// It is judged by its fields, as a store user's is: it has none.
			own := f.one.call("PUT", path, `{"fields":{}}`, tablet)
			user := f.one.call("PUT", path, `{"fields":{}}`, f.one.as("store_user"))
			if own.StatusCode != user.StatusCode && d.Mobile.Only == "" || own.StatusCode == 403 && d.Mobile.Only == "" {
				t.Errorf("%s: a mobile client gets %d, a store user %d: %s", d.Type, own.StatusCode, user.StatusCode, own.body)
			}
			continue
		}
		both := `{"changes":[{"verb":"insert","type":"location","id":"` + string(place) + `","fields":{"store_id":"` + string(f.Stores["B"]) +
			`","code":"L","name":"L"}},{"verb":"insert","type":"` + string(d.Type) + `","id":"` + string(lone) + `","fields":{}}]}`
		for _, r := range []*reply{
			f.one.call("PUT", path, `{"fields":{}}`, tablet),
			f.one.call("POST", "/records", both, tablet),
			f.one.call("POST", "/records", `{"changes":[{"verb":"delete","type":"`+string(d.Type)+`","id":"`+string(lone)+`","version":1}]}`, tablet),
		} {
			r.refused(403, atoll.Denied)
			if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/problem+json") || !strings.Contains(r.text("detail"), "type "+string(d.Type)) {
				t.Errorf("%s: refused without its name: %s", d.Type, r.body)
			}
		}
		f.one.unchanged(before) // the half that may be sent was not made either
	}
	if len(allowed) > 0 {
		t.Errorf("not in the catalogue: %v", allowed)
	}
}

// TestR_B_104_PrescribersOfTheOwnStore: a mobile client sends prescribers of its
// store, and no others; it cannot give one away or take one either.
func TestR_B_104_PrescribersOfTheOwnStore(t *testing.T) {
	f := newFleet(t)
	for _, store := range []string{"B", "F"} {
		p := journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: f.Stores[store]}, Fields: atoll.Fields{}.Set("mode", "dispensary")}
		if err := f.Centre.Insert(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	f.sync(t)
	tablet := f.one.as("mobile")
	fields := func(store string) string {
		return `{"fields":{"last_name":"Okello","home_store_id":"` + string(f.Stores[store]) + `"}}`
	}
	path := "/records/prescriber/" + string(atoll.DeriveID("okello"))
	f.one.call("PUT", path, fields("F"), tablet).refused(403, atoll.Denied)
	f.one.call("PUT", path, fields("B"), tablet).want(201)
	f.one.call("PUT", path, fields("F"), tablet, with("If-Match", "*")).refused(403, atoll.Denied)
	theirs := "/records/prescriber/" + string(atoll.DeriveID("nsubuga"))
	f.one.call("PUT", theirs, fields("F"), f.one.as("store_user")).want(201)
	f.one.call("PUT", theirs, `{"fields":{"last_name":"Else"}}`, tablet, with("If-Match", "*")).refused(403, atoll.Denied)
	f.one.call("PUT", theirs, fields("B"), tablet, with("If-Match", "*")).refused(403, atoll.Denied)
}

// TestR_B_104_AMobileClientHasAStore: it works for one store that is active at the
// site, and has no powers but to read and edit.
func TestR_B_104_AMobileClientHasAStore(t *testing.T) {
	f := newFleet(t)
	f.one.call("POST", "/users", `{"name":"n","role":"mobile"}`).refused(400, atoll.Invalid) // B and F are active there
	f.one.call("POST", "/users", `{"name":"c","role":"mobile","store":"`+string(f.Stores["C"])+`","password":"`+password+`"}`).refused(403, atoll.NotHere)
	f.one.call("POST", "/users", `{"name":"v","role":"viewer","store":"`+string(f.Stores["B"])+`","password":"`+password+`"}`).refused(400, atoll.Invalid)
	f.one.call("POST", "/users", `{"name":"t","role":"mobile","store":"`+string(f.Stores["B"])+`","password":"`+password+`"}`).want(201)
	signed := f.one.call("POST", "/session", `{"name":"t","password":"`+password+`"}`, with("Authorization", "none")).want(201)
	tablet := with("Authorization", "Bearer "+signed.text("token"))
	in := f.one.call("GET", "/session", "", tablet).want(200)
	if got := in.field("powers"); got != `["read","edit"]` || in.text("store") != string(f.Stores["B"]) {
		t.Errorf("powers %s, store %s", got, in.text("store"))
	}
	f.one.call("POST", "/users", `{"name":"x","role":"viewer"}`, tablet).refused(403, atoll.Denied)
}

// TestR_B_104_EveryOperation: of all operations of the API that change something, a
// mobile client may use those on records and those on documents it may send; every
// other refuses it, also one that was added since.
func TestR_B_104_EveryOperation(t *testing.T) {
	f := newFleet(t)
	types := map[string]atoll.Type{
		"invoice": "invoice", "requisition": "requisition", "stocktake": "stocktake", "prescription": "prescription", "payment": "payment", "stock": "stock_line",
	}
	f.one.token("mobile")
	before := f.one.state()
	for _, op := range f.one.operations() {
		if powers[op.id] == "read" || powers[op.id] == "" || atSite[op.id] == "read" {
			continue
		}
		verb, noun, _ := strings.Cut(op.id, "-")
		r := f.one.call(op.method, somewhere.Replace(op.path), "{}", f.one.as("mobile"))
		kind, sent := types[noun]
		switch {
		case sent && powers[op.id] == "edit" && allowedByMobile(kind), noun == "record", noun == "records":
			if r.StatusCode == 403 && verb != "delete" {
				t.Errorf("%s %s refuses a mobile client: %s", op.method, op.path, r.body)
			}
		case op.id != "sign-in" && op.id != "sign-out" && r.StatusCode != 403:
			t.Errorf("%s %s lets a mobile client in: %d %s", op.method, op.path, r.StatusCode, r.body)
		}
	}
	f.one.unchanged(before)
}

func allowedByMobile(kind atoll.Type) bool {
	for _, types := range sentByMobile {
		if slices.Contains(types, kind) {
			return true
		}
	}
	return false
}
