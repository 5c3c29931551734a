package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
)

const newID = "0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"

func item(code string) string {
	return fmt.Sprintf(`{"code":%q,"name":"Item %s","kind":"stock","status":"active"}`, code, code)
}

func TestRecordIsMadeReadChangedAndRefused(t *testing.T) {
	c := newFleet(t).centre
	path := "/records/item/" + newID
	c.call("GET", path, "").refused(404, atoll.NotFound)
	made := c.call("PUT", path, `{"fields":`+item("amox")+`}`).want(201)
	if made.Header.Get("ETag") != `"1"` || made.field("version") != "1" || made.field("editable") != "true" || made.field("owner", "site") != "1" {
		t.Errorf("made as %s %s", made.Header.Get("ETag"), made.body)
	}
	before := c.state()
	// A change must say what it changes.
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`).refused(428, atoll.Conflict)
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`, with("If-Match", `"2"`)).refused(412, atoll.Conflict)
	c.call("PUT", path, `{"version":2,"fields":{"name":"Amoxicillin"}}`).refused(409, atoll.Conflict)
	c.call("PUT", path, `{"version":2,"fields":{"name":"Amoxicillin"}}`, with("If-Match", `"1"`)).refused(400, atoll.Invalid)
	c.call("PUT", path, `{"fields":`+item("amox")+`}`, with("If-None-Match", "*")).refused(412, atoll.Exists)
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`, with("If-Match", `W/"x"`)).refused(400, atoll.Invalid)
	c.unchanged(before)
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`, with("If-Match", `"1"`)).want(200)
	c.call("PUT", path, `{"version":2,"fields":{"strength":"250mg"}}`).want(200)
	c.call("PUT", path, `{"fields":{"strength":null}}`, with("If-Match", "*")).want(200)
	got := c.call("GET", path, "").want(200)
	if got.Header.Get("ETag") != `"4"` || got.text("fields", "name") != "Amoxicillin" || got.field("fields", "strength") != "" {
		t.Errorf("got %s", got.body)
	}
	// A change that changes nothing writes nothing.
	before = c.state()
	c.call("PUT", path, `{"version":4,"fields":{"name":"Amoxicillin"}}`).want(200)
	c.unchanged(before)
	// Faults say where they are.
	for _, bad := range []struct {
		body string
		code atoll.Code
		at   string
	}{
		{`{"version":4,"fields":{"nmae":"x"}}`, atoll.Schema, "nmae"},
		{`{"version":4,"fields":{"default_pack_size":"ten"}}`, atoll.Schema, "default_pack_size"},
		{`{"version":4,"fields":{"unit_id":"` + newID + `"}}`, atoll.Reference, "unit_id"},
	} {
		if p := c.call("PUT", path, bad.body).refused(422, bad.code); p.Field != bad.at || p.Subject == "" || p.Detail == "" {
			t.Errorf("%s: %+v", bad.body, p)
		}
	}
	for _, bad := range []string{
		`{"version":4,"fields":{"name":"a","name":"b"}}`, `{"version":4,"fields":[]}`, `{"version":4}`, `{"version":-1,"fields":{}}`,
		`{"version":4,"fields":{},"more":1}`, `{`, `null`, `{"version":4,"fields":{"name":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`,
	} {
		c.call("PUT", path, bad).refused(400, atoll.Invalid)
	}
	c.call("DELETE", path, "", with("If-Match", `"4"`)).refused(422, atoll.Rule)
	c.call("PUT", "/records/nothing/"+newID, `{"fields":{}}`).refused(404, atoll.Unknown)
	c.call("PUT", "/records/item/42", `{"fields":{}}`).refused(400, atoll.Invalid)
	c.unchanged(before)
}
