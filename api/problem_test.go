package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
)

// TestR_I_10_ProblemsNameTheRule: an answer that refuses names the rule and what it speaks
// of, as the list of refused changes does; one that no rule made names none.
func TestR_I_10_ProblemsNameTheRule(t *testing.T) {
	f := newFleet(t)
	move := fmt.Sprintf(`{"store":%q,"to":2}`, f.Stores["B"])
	if p := f.centre.call("POST", "/moves", move).refused(422, atoll.Rule); p.Rule != "move.already" || p.Args["store"] != "Store B" {
		t.Errorf("%+v", p)
	}
	p := f.centre.call("DELETE", "/sites/2", "").refused(422, atoll.Rule)
	if p.Rule != "site.used" || p.Args["site"] != 2.0 {
		t.Errorf("%+v", p)
	}
	plain := f.centre.call("GET", "/sites/77", "")
	if p := plain.refused(404, atoll.SiteUnknown); p.Rule != "" || p.Args != nil || strings.Contains(string(plain.body), `"rule"`) || strings.Contains(string(plain.body), `"args"`) {
		t.Errorf("%s", plain.body)
	}
}
