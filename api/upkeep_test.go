package api_test

import (
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// TestADisabledUserIsOut: at once, also with a token; and there is always an
// administrator left.
func TestADisabledUserIsOut(t *testing.T) {
	f := newFleet(t).one
	viewer := f.as(station.Viewer)
	f.call("GET", "/session", "", viewer).want(200)
	for range 2 {
		f.call("PUT", "/users/viewer/disabled", "").want(204)
	}
	f.call("GET", "/session", "", viewer).refused(401, atoll.SignIn)
	f.call("POST", "/session", `{"name":"viewer","password":"`+password+`"}`, with("Authorization", "none")).refused(401, atoll.SignIn)
	if list := f.call("GET", "/users", "").want(200); strings.Count(string(list.body), `"disabled":true`) != 1 {
		t.Errorf("users: %s", list.body)
	}
	f.call("DELETE", "/users/viewer/disabled", "").want(204)
	f.call("POST", "/session", `{"name":"viewer","password":"`+password+`"}`, with("Authorization", "none")).want(201)
	f.call("PUT", "/users/nobody/disabled", "").refused(404, atoll.NotFound)
	if p := f.call("PUT", "/users/administrator/disabled", "").refused(422, atoll.Rule); !strings.Contains(p.Detail, "only administrator") {
		t.Errorf("refused with %q", p.Detail)
	}
	f.call("POST", "/users", `{"name":"second","role":"administrator"}`).want(201)
	f.call("PUT", "/users/second/disabled", "").want(204)
	f.call("PUT", "/users/administrator/disabled", "").refused(422, atoll.Rule) // the second is out
}

// TestR_B_93_TransactionsAreIncludedOverREST: as on the command line, a reason is
// needed, and only a dispensary has the choice.
func TestR_B_93_TransactionsAreIncludedOverREST(t *testing.T) {
	f := newFleet(t)
	made := f.centre.call("POST", "/stores", `{"code":"P","name":"Pharmacy","dispensary":true}`).want(200)
	path := "/stores/" + made.text("store") + "/include-transactions"
	f.centre.call("PUT", path, `{"include":false}`).refused(400, atoll.Invalid)
	const off = `{"include":false,"reason":"agreed"}`
	f.centre.call("PUT", path, off).refused(428, atoll.Rule) // a lost device takes the stock along (R-C-94)
	if got := f.centre.call("PUT", path+"?preview=true", off).want(200); !strings.Contains(string(got.body), "if its device is lost") {
		t.Errorf("preview: %s", got.body)
	}
	f.centre.call("PUT", path+"?confirm=true", off).want(200)
	if got := f.centre.call("GET", "/stores/"+made.text("store"), "").want(200); got.field("excluded") != "true" {
		t.Errorf("excluded: %s", got.body)
	}
	f.centre.call("PUT", path, `{"include":true,"reason":"agreed again"}`).want(200)
	if got := f.centre.call("GET", "/stores/"+made.text("store"), "").want(200); got.field("excluded") != "false" {
		t.Errorf("excluded: %s", got.body)
	}
	f.centre.call("PUT", "/stores/"+string(f.Stores["A"])+"/include-transactions", `{"include":false,"reason":"x"}`).refused(422, atoll.Rule)
	f.one.call("PUT", path, `{"include":true,"reason":"x"}`).refused(403, atoll.Ownership)
}

// TestR_K_45_EqualDocumentsAreListed.
func TestR_K_45_EqualDocumentsAreListed(t *testing.T) {
	f := newFleet(t)
	if none := f.centre.call("GET", "/documents/duplicates", "").want(200); none.field("duplicates") != "[]" {
		t.Errorf("nothing is equal: %s", none.body)
	}
	store := string(f.Stores["A"])
	for range 2 {
		f.centre.call("PUT", "/records/invoice/"+string(atoll.NewID(f.Clock.Now())),
			`{"fields":{"store_id":"`+store+`","kind":"supplier_invoice","status":"new","number":7}}`, with("If-None-Match", "*")).want(201)
	}
	got := f.centre.call("GET", "/documents/duplicates", "").want(200)
	if !strings.Contains(got.field("duplicates"), `"type":"invoice","store":"`+store+`","kind":"supplier_invoice","number":7`) {
		t.Errorf("equal documents: %s", got.body)
	}
}

// TestR_A_01_TheCentreAndThePrimaryCannotBeDisabled, by whatever edit; any other
// site can.
func TestR_A_01_TheCentreAndThePrimaryCannotBeDisabled(t *testing.T) {
	f := newFleet(t)
	disable := func(n string, disabled string) *reply {
		t.Helper()
		for _, r := range f.records(t, f.Centre, "site") {
			if r.Fields.Number("number") == n {
				return f.centre.call("PUT", "/records/site/"+string(r.ID), `{"fields":{"disabled":`+disabled+`}}`, with("If-Match", "*"))
			}
		}
		t.Fatalf("no site %s", n)
		return nil
	}
	if p := disable("1", "true").refused(422, atoll.Rule); !strings.Contains(p.Detail, "central server") || p.Hint == "" {
		t.Errorf("the centre: %+v", p)
	}
	disable("3", "true").want(200)
	f.centre.call("PUT", "/sites/3/primary?confirm=true", "").refused(422, atoll.Rule)
	disable("3", "false").want(200)
	f.centre.call("PUT", "/sites/3/primary?confirm=true", "").want(200)
	if p := disable("3", "true").refused(422, atoll.Rule); !strings.Contains(p.Detail, "primary") || p.Hint == "" {
		t.Errorf("the primary: %+v", p)
	}
	disable("2", "true").want(200)
}

func (f *fleet) records(t *testing.T, n *simulate.Node, kind atoll.Type) []station.Record {
	t.Helper()
	list, _, err := n.Records(t.Context(), storage.Query{Type: kind})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
