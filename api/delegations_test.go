package api_test

import (
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// TestR_F_21: on the delegated site a user without the permission is refused, and
// nothing is written that could be pushed (R-F-06, R-F-01).
func TestR_F_21_R_F_06_PermissionOnTheDelegatedSite(t *testing.T) {
	f := newFleet(t)
	b := string(f.Stores["B"])
	item := "/records/item/" + newID
	body := `{"fields":{"code":"new","name":"New","kind":"stock","status":"active"}}`
	f.one.call("PUT", item, body).refused(403, atoll.Ownership) // nobody here may, yet
	got := f.centre.call("PUT", "/delegations/items", `{"store":"`+b+`","reason":"a pilot"}`).want(200)
	if got.text("state") != "delegated" || got.field("site") != "2" {
		t.Errorf("granted: %s", got.body)
	}
	f.sync(t)
	user := f.one.as(station.StoreUser) // making the user is told to the centre
	before := f.one.state()
	f.one.call("PUT", item, body, user).refused(403, atoll.Denied)
	f.one.unchanged(before)
	f.one.call("PUT", item, body, f.one.as(station.DataManager)).want(201)
	f.centre.call("PUT", "/records/item/"+string(atoll.DeriveID("x", "y")), body).refused(403, atoll.Ownership)

	f.centre.call("PUT", "/delegations/items", `{"store":"`+string(f.Stores["C"])+`"}`).refused(409, atoll.Exists)
	f.centre.call("PUT", "/delegations/nonsense", `{"store":"`+b+`"}`).refused(400, atoll.Invalid)
	f.centre.call("PUT", "/delegations/names", `{"store":"`+newID+`"}`).refused(404, atoll.NotFound)
	f.centre.call("POST", "/delegations/items/keep", "").refused(422, atoll.Rule)
	list := f.one.call("GET", "/delegations", "").want(200)
	if !strings.Contains(string(list.body), `"domain":"items","site":2,"store":"`+b+`"`) || !strings.Contains(string(list.body), `"units"`) && !strings.Contains(string(list.body), `"names"`) {
		t.Errorf("as the site knows it: %s", list.body)
	}
	gone := f.centre.call("DELETE", "/delegations/items?now=true&reason=over", "").want(200)
	if gone.text("state") != "primary" || gone.field("site") != "1" {
		t.Errorf("withdrawn: %s", gone.body)
	}
	f.one.call("PUT", "/delegations/items", `{"store":"`+b+`"}`).refused(403, atoll.Ownership)
}
