package api_test

import (
	"testing"

	"github.com/atollsync/atoll"
)

// What a restored database lost is listed and settled at the central server alone,
// with a reason (R-M-03); what is found and taken is a matter of package central.
func TestR_M_03_FoundRecords(t *testing.T) {
	f := newFleet(t)
	before := f.centre.state()
	got := f.centre.call("GET", "/found", "").want(200)
	if got.field("records") != "[]" || got.text("words") != "" {
		t.Errorf("nothing was lost, but: %s", got.body)
	}
	for _, decision := range []string{"take", "leave"} {
		done := f.centre.call("POST", "/found", `{"decision":"`+decision+`","reason":"a day old"}`).want(200)
		if done.field("settled") != "0" {
			t.Errorf("%s: %s", decision, done.body)
		}
	}
	f.centre.call("POST", "/found", `{"decision":"take","reason":""}`).refused(400, atoll.Invalid)
	f.centre.call("POST", "/found", `{"decision":"forget","reason":"x"}`).refused(400, atoll.Invalid)
	f.one.call("GET", "/found", "").refused(403, atoll.Ownership)
	f.centre.unchanged(before)
}
