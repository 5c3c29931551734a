package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/notify/notifytest"
	"github.com/atollsync/atoll/simulate/access"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// deed is a request that really changes something, as a page sends it.
type deed struct {
	route string
	by    station.UserRole // one who may
	// form is the address and what is sent; it is asked anew each time.
	form func() (path string, form url.Values)
	// mute says that it changes no database: what it does lies outside.
	mute bool
}

// Without its power nobody changes or reads anything: every route that does something
// is sent what really does it, in every role, and the digest of the whole database is
// the same before and after; then who may does it, which shows that the test sends the
// right thing. Every page of what was made tells nothing of it to who may not read it.
func TestNobodyActsWithoutThePower(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	for _, at := range []*face{f.one, f.centre} {
		for role := range roles {
			at.as(role)
		}
		if err := f.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		deeds := f.deeds(t, at)
		known := map[string]bool{}
		for _, d := range deeds {
			known[d.route] = true
		}
		for _, r := range console.Routes() {
			name := r.Method + " " + r.Path
			here := at == f.centre && r.Centre || at == f.one && r.Site
			if r.Method == http.MethodPost && here && r.Power != "" && !known[name] {
				t.Errorf("%s does something, and this test does not try it", name)
			}
		}
		for _, d := range deeds {
			path, form := d.form()
			access.Try(t, at.node, roles, access.Deed{Name: d.route, Power: powers[d.route], By: d.by, Mute: d.mute, Send: func(by station.UserRole) access.Answer {
				if by == access.Nobody {
					return answer(at.ask(http.MethodPost, path, form))
				}
				got := at.ask(http.MethodPost, path, form, at.as(by))
				if got.StatusCode == http.StatusForbidden && strings.Contains(got.body, "<table") {
					t.Errorf("%s as %s shows something", d.route, by)
				}
				return answer(got)
			}}, http.StatusSeeOther)
		}
	}
}

func answer(s *seen) access.Answer { return access.Answer{Status: s.StatusCode, Text: s.text()} }

// deeds are what can be done at an installation, in an order in which each can be.
func (f *fleet) deeds(t *testing.T, at *face) []deed {
	t.Helper()
	ctx := t.Context()
	edit, sync, configure := station.StoreUser, station.Technician, station.Administrator
	user, mine, theirs := hand{at, t, edit}, f.Stores["B"], f.Stores["C"]
	if at == f.centre {
		mine, theirs = f.Stores["A"], f.Stores["B"]
	}
	fixed := func(path string, pairs ...string) func() (string, url.Values) {
		form := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return func() (string, url.Values) { return path, form }
	}
	var invoice, shelf string
	stock := user.only("stock_line", mine, "store_id", string(mine))
	common := []deed{
		{route: "POST /records/{type}", by: edit, form: fixed("/records/location", "f.code", "X1", "f.name", "Shelf", "f.store_id", string(mine))},
		{route: "POST /records/{type}/{id}", by: edit, form: func() (string, url.Values) {
			shelf = user.only("location", mine, "code", "X1")
			return shelf, url.Values{"version": {user.version(shelf)}, "f.code": {"X1"}, "f.name": {"Another"}, "f.store_id": {string(mine)}}
		}},
		{route: "POST /work/{work}", by: edit, form: fixed("/work/customer-invoices", "store", string(mine), "f.name_id", string(topology.StoreNameID(theirs)))},
		{route: "POST /records/{type}/{id}/lines", by: edit, form: func() (string, url.Values) {
			invoice = user.only("invoice", mine, "kind", "customer_invoice")
			return invoice + "/lines", url.Values{"version": {user.version(invoice)}, "f.stock_line_id": {stock[len("/records/stock_line/"):]}, "f.number_of_packs": {"2"}}
		}},
		{route: "POST /records/{type}/{id}/act", by: edit, form: func() (string, url.Values) {
			return invoice + "/act", url.Values{"version": {user.version(invoice)}, "do": {"finalise"}}
		}},
		{route: "POST /server/support", by: sync, form: fixed("/server/support")},
	}
	if at == f.one {
		return append(common,
			deed{route: "POST /sync/settings", by: sync, form: fixed("/sync/settings", "do", "pause", "reason", "the line is dear today")},
			deed{route: "POST /sync/now", by: station.Viewer, form: fixed("/sync/now"), mute: true})
	}
	f.refuse(t, 2)
	found := func(pattern string) func() (string, url.Values) {
		return func() (string, url.Values) {
			m := regexp.MustCompile(`action="(` + pattern + `)"`).FindStringSubmatch(at.get("/jobs", at.as(configure)).want(200).body)
			if m == nil {
				t.Fatalf("%s is not on the page", pattern)
			}
			return m[1], url.Values{}
		}
	}
	letters := notifytest.New(t)
	return append(common,
		deed{route: "POST /fleet/{site}/order", by: sync, form: fixed("/fleet/2/order", "do", "verify")},
		deed{route: "POST /quarantine", by: sync, form: fixed("/quarantine", "code", "business_rule", "type", "stock_line", "field", "total_number_of_packs", "rule", "stock.below")},
		deed{route: "POST /quarantine/{id}", by: sync, form: fixed("/quarantine/1", "do", "return", "note", "counted twice")},
		deed{route: "POST /jobs", by: sync, form: fixed("/jobs", "kind", "verify", "site", "2", "about", string(f.Stores["B"]))},
		deed{route: "POST /jobs/{job}/abort", by: sync, form: found("/jobs/[^\"]+/abort")},
		deed{route: "POST /stores/{store}/change", by: configure, form: fixed("/stores/"+string(f.Stores["D"])+"/change", "do", "see", "other", string(f.Stores["B"]), "sure", "1")},
		deed{route: "POST /delegations", by: configure, form: fixed("/delegations", "do", "give", "domain", "items", "store", string(f.Stores["C"]), "reason", "they know")},
		deed{route: "POST /moves/{job}/again", by: configure, form: func() (string, url.Values) {
			id, _, err := f.Centre.Centre.StartMove(ctx, "administrator", handover.Order{Store: f.Stores["D"], To: 2, Reason: "nearer"}, false)
			if err != nil {
				t.Fatal(err)
			}
			return "/moves/" + string(id) + "/again", url.Values{}
		}},
		deed{route: "POST /moves/{job}/abort", by: configure, form: found("/moves/[^\"]+/abort")},
		deed{route: "POST /enrolment", by: configure, form: fixed("/enrolment", "name", "Mulago", "kind", "server")},
		deed{route: "POST /fleet/{site}/code", by: configure, form: fixed("/fleet/4/code")},
		deed{route: "POST /fleet/{site}/pause", by: sync, form: fixed("/fleet/3/pause", "do", "pause", "reason", "the roof leaks")},
		deed{route: "POST /enrolment/revoke", by: configure, form: fixed("/enrolment/revoke", "site", "3")},
		deed{route: "POST /mail", by: configure, form: fixed("/mail", "server", letters.Address, "security", "none", "from", "atoll@example.org", "to", "amina@example.org",
			"language", "en", "silent_hours", "72", "refused", "1", "waiting", "0", "held_up", "1", "repeat_hours", "168")},
		deed{route: "POST /mail/test", by: configure, mute: true, form: fixed("/mail/test")},
		deed{route: "POST /stores/unlock", by: sync, form: func() (string, url.Values) { // the last: it locks what others change
			if err := f.Centre.Centre.SetUnlockCode(ctx, "administrator", "three-green-boats"); err != nil {
				t.Fatal(err)
			}
			return "/stores/unlock", url.Values{"code": {"three-green-boats"}}
		}})
}

// refuse has a site, whose rules are broken, send what the centre refuses.
func (f *fleet) refuse(t *testing.T, site atoll.SiteID) {
	t.Helper()
	n := f.Sites[site]
	rules, laws := n.Door.Judge.Rules, n.Door.Judge.Laws
	defer func() { n.Door.Judge.Rules, n.Door.Judge.Laws = rules, laws }()
	n.Door.Judge.Rules, n.Door.Judge.Laws = nil, nil
	lines, _, err := n.Records(t.Context(), storage.Query{Type: "stock_line", Limit: 1, Where: map[string]string{"store_id": string(f.Stores["B"])}})
	if err != nil || len(lines) == 0 {
		t.Fatal(err)
	}
	err = n.Insert(t.Context(), journal.Proposal{
		Verb: atoll.Update, Key: lines[0].Key, Fields: atoll.Fields{}.Set("total_number_of_packs", json.Number("-5")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}
