package console_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/simulate/access"
	"github.com/atollsync/atoll/station"
)

// roles is who has which power. The account of a mobile client opens no page.
var roles = func() map[station.UserRole][]station.Power {
	all := maps.Clone(access.Roles)
	all[station.MobileClient] = nil
	return all
}()

// powers is what each route needs, written down once more: who adds a route adds
// its line, and thinks twice.
var powers = map[string]station.Power{
	"GET /{$}": "read", "GET /sign-in": "", "POST /sign-in": "", "POST /sign-out": "", "GET /me": "read", "POST /look": "",
	"GET /today": "read", "GET /sync": "read", "GET /sync/events": "read", "POST /sync/now": "read", "POST /sync/settings": "sync",
	"GET /fleet": "sync", "GET /fleet.csv": "sync", "GET /fleet/map": "sync", "GET /fleet/{site}": "sync", "POST /fleet/{site}/pause": "sync", "POST /fleet/{site}/order": "sync",
	"GET /quarantine": "sync", "POST /quarantine": "sync", "GET /quarantine/{id}": "sync", "POST /quarantine/{id}": "sync",
	"GET /transfers": "read", "GET /find": "read", "GET /reports": "read", "GET /reports/{name}": "read", "GET /reports/{name}/file": "read",
	"GET /jobs": "sync", "POST /jobs": "sync", "POST /jobs/{job}/abort": "sync", "POST /moves/{job}/abort": "configure", "POST /moves/{job}/again": "configure",
	"GET /enrolment": "configure", "POST /enrolment": "configure", "POST /enrolment/revoke": "configure", "POST /fleet/{site}/code": "configure",
	"GET /server": "sync", "GET /server/log": "sync", "POST /server/support": "sync",
	"GET /audit": "sync", "GET /stores": "read", "GET /stores/{store}": "read", "GET /visibility": "read", "GET /delegations": "read",
	"GET /mail": "configure", "POST /mail": "configure", "POST /mail/test": "configure", "POST /stores/unlock": "sync", "POST /stores/{store}/change": "configure", "POST /delegations": "configure",
	"GET /work": "read", "GET /work/{work}": "read", "POST /work/{work}": "edit", "GET /work/{work}/new": "edit",
	"POST /records/{type}/{id}/act": "edit", "POST /records/{type}/{id}/lines": "edit",
	"GET /records": "read", "GET /records/{type}": "read", "POST /records/{type}": "edit", "GET /new/{type}": "edit", "GET /choose/{type}/{field}": "edit",
	"GET /records/{type}/{id}": "read", "POST /records/{type}/{id}": "edit", "GET /records/{type}/{id}/edit": "edit",
}

// somewhere puts values in the places of a path.
var somewhere = strings.NewReplacer("{$}", "", "{type}", "location", "{field}", "store_id", "{id}", string(atoll.DeriveID("nothing")), "{site}", "9", "{name}", "stock", "{work}", "requests", "{job}", string(atoll.DeriveID("no job")), "{store}", string(atoll.DeriveID("no store")))

// state is everything that a request may not change.
func (f *face) state() [32]byte { f.t.Helper(); return access.Sum(f.t, f.node) }

// No request without the right power reads or changes anything: every route, with
// every role, at the centre and at a site.
func TestEveryRouteAsksForItsPower(t *testing.T) {
	f := newFleet(t)
	for _, at := range []*face{f.centre, f.one} {
		for role := range roles {
			at.as(role)
		}
		seen := 0
		for _, r := range console.Routes() {
			name := r.Method + " " + r.Path
			power, known := powers[name]
			if !known || power != r.Power {
				t.Errorf("%s needs %q; the table of this test says %q, %v", name, r.Power, power, known)
				continue
			}
			seen++
			path, here := somewhere.Replace(r.Path), at == f.centre && r.Centre || at == f.one && r.Site
			if r.Path == "/sync/events" {
				continue // TestR_I_04 watches it
			}
			var form url.Values
			if r.Method == http.MethodPost {
				form = url.Values{}
			}
			before := at.state()
			if got := at.ask(r.Method, path, form); here && power != "" && (got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/sign-in")) {
				t.Errorf("%s with nobody signed in: %d %s", name, got.StatusCode, got.Header.Get("Location"))
			}
			for role, has := range roles {
				if r.Path == "/sign-out" {
					continue
				}
				got := at.ask(r.Method, path, form, at.as(role))
				allowed := power == "" || slices.Contains(has, power)
				switch {
				case !here && got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusMethodNotAllowed:
					t.Errorf("%s is not here, and %s got %d", name, role, got.StatusCode)
				case here && (got.StatusCode == http.StatusForbidden) == allowed:
					t.Errorf("%s as %s: %d", name, role, got.StatusCode)
				case got.StatusCode >= 500:
					t.Errorf("%s as %s: %d %s", name, role, got.StatusCode, got.text())
				}
				if !allowed && strings.Contains(got.body, "<table") {
					t.Errorf("%s as %s shows something", name, role)
				}
			}
			if here && r.Method == http.MethodGet && at.state() != before {
				t.Errorf("%s changed something", name)
			}
		}
		if seen != len(powers) {
			t.Errorf("%d routes are there, the table of this test has %d", seen, len(powers))
		}
	}
}

// A request that another site's page sent does nothing; nor does one with a token
// in a header, which no browser sends.
func TestForeignRequestsDoNothing(t *testing.T) {
	f := newFleet(t).one
	admin := f.as(station.Administrator)
	before := f.state()
	pause := url.Values{"do": {"pause"}, "reason": {"because"}}
	f.ask("POST", "/sync/settings", pause, admin, with("Sec-Fetch-Site", "cross-site")).want(403)
	f.ask("POST", "/sync/settings", pause, admin, with("Origin", "https://evil.example")).want(403)
	f.ask("POST", "/sync/settings", pause, with("Authorization", "Bearer "+f.cookies[station.Administrator])).want(303)
	if f.state() != before {
		t.Error("a request of another page changed something")
	}
	f.ask("POST", "/sync/settings", pause, admin, with("Sec-Fetch-Site", "same-origin")).want(303)
	if f.state() == before {
		t.Error("the same request of our own page changed nothing")
	}
}

// A site's token opens no page, at the centre or at a site (R-K-27, R-K-46).
func TestR_K_27_SiteTokensOpenNothing(t *testing.T) {
	f := newFleet(t)
	cookie := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "atoll_session", Value: "no session at all"}) }
	f.centre.get("/me", cookie).want(303)
}

func TestSignInAndOut(t *testing.T) {
	f := newFleet(t).one
	f.as(station.StoreUser)
	f.get("/sync?rows=7").want(303)
	if to := f.get("/sync?rows=7").Header.Get("Location"); to != "/sign-in?next="+url.QueryEscape("/sync?rows=7") {
		t.Errorf("led to %s", to)
	}
	f.ask("POST", "/sign-in", url.Values{"name": {"store-user"}, "password": {"wrong"}}).want(401).says("That did not work")
	in := f.ask("POST", "/sign-in", url.Values{"name": {"store-user"}, "password": {password}, "next": {"/sync?rows=7"}}).want(303)
	if to := in.Header.Get("Location"); to != "/sync?rows=7" {
		t.Errorf("led to %s", to)
	}
	c := in.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Name != "atoll_session" {
		t.Errorf("the cookie is %v", c)
	}
	session := func(r *http.Request) { r.AddCookie(c) }
	f.get("/today", session).want(200)
	f.ask("POST", "/sign-out", url.Values{}, session).want(303)
	f.get("/today", session).want(303)
	f.ask("POST", "/sign-in", url.Values{"name": {"store-user"}, "password": {password}, "next": {"https://evil.example/"}}).want(303)
	for range 20 {
		if f.ask("POST", "/sign-in", url.Values{"name": {"x"}, "password": {"y"}}).StatusCode == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("an address may try passwords without end")
}

// A page leads only to pages of its own console.
func TestLocalAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"/sync": "/sync", "/records/item?x=1": "/records/item?x=1", "": "", "//evil.example/": "", "https://evil.example": "", "/\\evil.example": "",
		"javascript:alert(1)": "", "sync": "", "/a\r\nb": "", "/\t/evil.example": "",
	} {
		if got := console.Local(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// Every answer tells browsers to run nothing but our own files.
func TestHeaders(t *testing.T) {
	f := newFleet(t).one
	for _, path := range []string{"/sign-in", "/nothing", "/today"} {
		h := f.get(path).Header
		if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: %s", path, p)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, h)
		}
	}
	page := f.get("/sign-in").body
	at := page[strings.Index(page, "/assets/"):]
	at = at[:strings.IndexByte(at, '"')]
	if h := f.get(at).want(200).Header; !strings.Contains(h.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %v", at, h)
	}
	f.get("/assets/x/console.css").want(404)
	f.get("/assets/x/../../words/codes.yaml")
}
