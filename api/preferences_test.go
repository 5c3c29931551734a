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
