package api_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/simulate/access"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// powers is the whole table of who may do what. A new operation belongs here.
var powers = map[string]string{
	"sign-in": "", "get-session": "read", "sign-out": "read",
	"list-users": "configure", "add-user": "configure", "disable-user": "configure", "limit-user": "configure", "enable-user": "configure",
	"include-transactions": "configure", "list-duplicates": "sync",
	"list-types": "read", "get-type": "read",
	"list-records": "read", "get-record": "read", "get-history": "read", "get-whereabouts": "read",
	"put-record": "edit", "delete-record": "edit", "change-records": "edit",
	"list-invoices": "read", "get-invoice": "read", "make-invoice": "edit", "change-invoice": "edit", "delete-invoice": "edit",
	"suggest-invoice": "edit", "arrive-invoice": "edit", "confirm-invoice": "edit", "finalise-invoice": "edit", "receive-invoice": "edit", "cancel-invoice": "edit",
	"list-requisitions": "read", "get-requisition": "read", "make-requisition": "edit", "change-requisition": "edit", "delete-requisition": "edit",
	"suggest-requisition": "edit", "confirm-requisition": "edit", "finalise-requisition": "edit", "authorise-requisition": "edit", "deny-requisition": "edit", "cancel-requisition": "edit",
	"list-purchase-orders": "read", "get-purchase-order": "read", "make-purchase-order": "edit", "change-purchase-order": "edit", "delete-purchase-order": "edit",
	"suggest-purchase-order": "edit", "confirm-purchase-order": "edit", "finalise-purchase-order": "edit", "cancel-purchase-order": "edit",
	"list-goods-received": "read", "get-goods-receipt": "read", "make-goods-receipt": "edit", "change-goods-receipt": "edit", "delete-goods-receipt": "edit",
	"confirm-goods-receipt": "edit", "finalise-goods-receipt": "edit", "cancel-goods-receipt": "edit",
	"list-stocktakes": "read", "get-stocktake": "read", "make-stocktake": "edit", "change-stocktake": "edit", "delete-stocktake": "edit",
	"finalise-stocktake": "edit",
	"list-prescriptions": "read", "get-prescription": "read", "make-prescription": "edit", "change-prescription": "edit", "delete-prescription": "edit",
	"suggest-prescription": "edit", "confirm-prescription": "edit", "finalise-prescription": "edit", "cancel-prescription": "edit",
	"list-payments": "read", "get-payment": "read", "make-payment": "edit", "change-payment": "edit", "delete-payment": "edit",
	"confirm-payment": "edit", "finalise-payment": "edit", "cancel-payment": "edit",
	"adjust-stock": "edit", "repack-stock": "edit", "check-stock": "read",
	"list-stores": "read", "get-store": "read", "list-instances": "read",
	"add-store": "configure", "assign-store": "configure", "show-stores": "configure", "hide-stores": "configure",
	"add-collector": "configure", "remove-collector": "configure", "manage-store-only": "configure", "collect-store": "configure",
	"disable-store": "configure", "enable-store": "configure", "unlock": "sync", "set-lock": "configure", "get-lock-log": "configure",
	"set-site-kind": "configure", "make-primary": "configure",
	"list-sites": "sync", "get-site": "sync", "add-site": "configure", "new-site-code": "configure", "reset-device": "configure",
	"get-mail": "configure", "put-mail": "configure", "test-mail": "configure",
	"pause-site": "sync", "resume-site": "sync", "order-site": "sync",
	"get-sync-status": "read", "sync-now": "read", "list-waiting": "read", "get-sync-log": "sync", "put-sync-settings": "sync", "watch-sync": "read",
	"get-ledger": "read", "fetch-documents": "edit", "limit-history": "configure", "send-documents": "sync",
	"list-delegations": "read", "delegate": "configure", "withdraw-delegation": "configure", "keep-delegation": "configure",
	"list-preferences": "read", "set-preference": "configure",
	"list-merges": "read", "get-merge": "read", "merge": "edit", "preview-merge": "edit", "undo-merge": "edit",
	"list-patients": "read", "get-patient": "read", "register-patient": "edit", "edit-patient": "edit", "find-patients": "edit", "fetch-patient": "edit",
	"get-patient-history": "read", "ask-patient-history": "edit", "show-patient": "configure", "hide-patient": "configure",
	"list-prescribers": "read", "get-prescriber": "read", "register-prescriber": "edit", "edit-prescriber": "edit", "find-prescribers": "edit",
	"fetch-prescriber": "edit", "show-prescriber": "configure", "hide-prescriber": "configure",
	"transfer-patient": "edit", "transfer-prescriber": "edit", "transfer-all-patients": "edit", "list-home-requests": "read",
	"list-patient-transfers": "read", "list-prescriber-transfers": "read", "force-patient-transfer": "configure",
	"force-prescriber-transfer": "configure", "cancel-patient-transfer": "configure", "cancel-prescriber-transfer": "configure",
	"list-requested-changes": "read", "decide-requested-change": "edit", "list-over-dispensed": "read", "review-over-dispensed": "edit",
	"list-patient-accesses": "configure", "resync-patients": "configure",
	"list-moves": "sync", "get-move": "sync", "start-move": "configure", "abort-move": "configure", "repeat-move": "configure",
	"force-move": "configure", "delete-site": "configure",
	"list-jobs": "sync", "get-job": "sync", "start-job": "sync", "abort-job": "sync", "start-primary": "configure", "plan-system": "configure",
	"list-found": "sync", "settle-found": "configure",
	"list-reports": "read", "get-report": "read", "publish-dashboard": "curate",
	"list-transfers": "read", "list-differences": "read", "prepare-shipment": "edit", "ask-cancel": "edit", "decide-requisition": "configure",
	"close-store-with-successor": "configure", "answer-for-site": "configure", "let-site-answer": "configure",
	"list-quarantine": "sync", "get-refusal": "sync", "decide-refusal": "sync",
}

// atSite are the powers that are others at a remote site: how its own exchanges go
// is for everybody who works there (R-I-01, R-I-10).
var atSite = map[string]string{"get-sync-log": "read", "list-quarantine": "read"}

type operation struct{ id, method, path string }

// operations reads the OpenAPI document.
func (f *face) operations() []operation {
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	f.call("GET", "/openapi.json", "", with("Authorization", "none")).want(200).json(&doc)
	var out []operation
	for path, item := range doc.Paths {
		for method, op := range item {
			out = append(out, operation{op.OperationID, strings.ToUpper(method), path})
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return out
}

// somewhere puts values in the places of a path.
var somewhere = strings.NewReplacer("{type}", "item", "{id}", newID, "{a}", newID, "{b}", newID, "{site}", "9", "{domain}", "items", "{name}", "nobody")

func TestEveryOperationAsksForItsPower(t *testing.T) {
	f := newFleet(t)
	for _, at := range []*face{f.centre, f.one} {
		seen := 0
		for _, op := range at.operations() {
			power, known := powers[op.id]
			if !known {
				t.Errorf("%s %s (%s) is not in the table of this test", op.method, op.path, op.id)
				continue
			}
			if p, other := atSite[op.id]; other && at == f.one {
				power = p
			}
			seen++
			path := somewhere.Replace(op.path)
			if op.id == "get-refusal" || op.id == "decide-refusal" {
				path = strings.Replace(op.path, "{id}", "1", 1)
			}
			nobody := at.call(op.method, path, "", with("Authorization", "none"))
			if (power == "") == (nobody.StatusCode == http.StatusUnauthorized) {
				t.Errorf("%s with nobody signed in: %d", op.id, nobody.StatusCode)
			}
			at.call(op.method, path, "", with("Authorization", "Basic YTpi")).json(&problem{})
			for role, has := range access.Roles {
				allowed := power == "" || slices.Contains(has, station.Power(power))
				if allowed && (op.id == "watch-sync" || op.id == "sign-out") {
					continue // one streams, the other would end the session
				}
				got := at.call(op.method, path, "", at.as(role))
				code := ""
				if got.StatusCode >= 400 {
					code = got.text("code")
				}
				if denied := code == "denied"; denied == allowed {
					t.Errorf("%s as %s: %d %s", op.id, role, got.StatusCode, code)
				}
				if got.StatusCode >= 500 {
					t.Errorf("%s as %s: %s", op.id, role, got.body)
				}
			}
		}
		if seen != len(powers) {
			t.Errorf("%d operations are there, the table has %d", seen, len(powers))
		}
	}
}

func TestR_K_27_R_K_46_SiteTokensOpenNothingAndUsersAreNoSites(t *testing.T) {
	f := newFleet(t)
	ctx := t.Context()
	centre := f.Centre.Centre
	s, code, err := centre.AddSite(ctx, "test", "Third", topology.Server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := centre.Configure(ctx, "test", central.Assign(f.Stores["E"], s.ID)); err != nil {
		t.Fatal(err)
	}
	public, private, _ := ed25519.GenerateKey(nil)
	done, err := centre.Enrol(ctx, exchange.Enrolment{Code: code, Key: public, Device: "d", Protocol: exchange.Protocol})
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := centre.Challenge(ctx, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	token, err := centre.SignIn(ctx, exchange.SignIn{
		Site: s.ID, Device: "d", Nonce: nonce,
		Signature: ed25519.Sign(private, exchange.SignedText(done.System, s.ID, "d", nonce)),
	})
	if err != nil {
		t.Fatal(err)
	}
	before := f.centre.state()
	for _, op := range f.centre.operations() {
		if op.id == "sign-in" {
			continue
		}
		f.centre.call(op.method, somewhere.Replace(op.path), "", with("Authorization", "Bearer "+token.Token)).refused(403, atoll.Denied)
		f.centre.call(op.method, somewhere.Replace(op.path), "", with("Authorization", "none"), with("Cookie", "atoll_session="+token.Token)).refused(403, atoll.Denied)
		// At a site the centre's tokens mean nothing at all.
		f.one.call(op.method, somewhere.Replace(op.path), "", with("Authorization", "Bearer "+token.Token)).refused(401, atoll.SignIn)
	}
	f.centre.unchanged(before)
	if _, err := centre.Authenticate(ctx, f.centre.token(station.Administrator)); atoll.CodeOf(err) != atoll.SignIn {
		t.Errorf("a user's session opened synchronisation: %v", err)
	}
	// A name of a site, with its code, is no user.
	_, code, err = centre.AddSite(ctx, "test", "fourth", topology.Server)
	if err != nil {
		t.Fatal(err)
	}
	f.centre.call("POST", "/session", fmt.Sprintf(`{"name":"fourth","password":%q}`, code), with("Authorization", "none")).refused(401, atoll.SignIn)
}

func TestSignInOutAndCookie(t *testing.T) {
	f := newFleet(t).one
	f.add(station.StoreUser)
	f.add(station.Viewer)
	none := with("Authorization", "none")
	in := f.call("POST", "/session", `{"name":"store-user","password":"`+password+`"}`, none).want(201)
	if in.text("user", "role") != "store_user" || in.field("user", "powers") != `["read","edit"]` {
		t.Errorf("signed in as %s", in.body)
	}
	cookies := in.Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Value != in.text("token") {
		t.Fatalf("cookies %v", cookies)
	}
	cookie := with("Cookie", cookies[0].Name+"="+cookies[0].Value)
	if got := f.call("GET", "/session", "", none, cookie).want(200); got.text("name") != "store-user" {
		t.Errorf("the session is %s", got.body)
	}
	// A page of another origin cannot use the cookie, whatever the browser tells of it.
	put := `{"fields":{}}`
	for _, foreign := range []option{with("Sec-Fetch-Site", "cross-site"), with("Origin", "https://evil.example")} {
		f.call("PUT", "/records/item/"+newID, put, none, cookie, foreign).refused(403, atoll.Denied)
		f.call("POST", "/session", `{"name":"viewer","password":"`+password+`"}`, none, foreign).refused(403, atoll.Denied)
		f.call("GET", "/session", "", none, cookie, foreign).want(200)
	}
	f.call("PUT", "/records/item/"+newID, put, none, cookie, with("Sec-Fetch-Site", "same-origin")).refused(403, atoll.Denied) // through the gate, to the guard
	out := f.call("DELETE", "/session", "", none, cookie).want(204)
	if c := out.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("cookies after signing out: %v", c)
	}
	f.call("GET", "/session", "", none, cookie).refused(401, atoll.SignIn)
	f.call("GET", "/session", "", with("Authorization", "Bearer "+cookies[0].Value)).refused(401, atoll.SignIn)
}

func TestSignInIsLimitedByAddress(t *testing.T) {
	fl := newFleet(t)
	f := fl.centre
	f.add(station.Viewer)
	none := with("Authorization", "none")
	try := func(name string) *reply {
		return f.call("POST", "/session", fmt.Sprintf(`{"name":%q,"password":"wrong"}`, name), none)
	}
	for i := range 10 {
		try(fmt.Sprintf("nobody%d", i)).refused(401, atoll.SignIn)
	}
	if got := try("nobody"); got.refused(429, atoll.Busy).Hint == "" || got.Header.Get("Retry-After") != "6" {
		t.Errorf("refused without word of when: %v", got.Header)
	}
	f.call("POST", "/session", `{"name":"viewer","password":"`+password+`"}`, none).refused(429, atoll.Busy)
	f.address = "192.0.2.2:7"
	f.call("POST", "/session", `{"name":"viewer","password":"`+password+`"}`, none).want(201)
	f.address = "192.0.2.1:9999" // another port is the same address
	fl.Clock.Wind(7 * time.Second)
	f.call("POST", "/session", `{"name":"viewer","password":"`+password+`"}`, none).want(201)
	try("viewer").refused(429, atoll.Busy)
	f.address = "[2001:db8::1]:5"
	for range 10 {
		try("nobody").refused(401, atoll.SignIn)
	}
	f.address = "[2001:db8::ffff]:5" // the same network
	try("nobody").refused(429, atoll.Busy)
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	f := newFleet(t).centre
	for _, path := range []string{"", "/", "/nothing", "/records", "/records/item/a/b", "/session/x"} {
		if path == "/records" {
			got := f.call("GET", path, "")
			got.refused(405, atoll.Invalid)
			if got.Header.Get("Allow") != "POST" {
				t.Errorf("Allow: %v", got.Header["Allow"])
			}
			continue
		}
		f.call("GET", path, "").refused(404, atoll.NotFound)
	}
	for _, method := range []string{"PATCH", "POST", "OPTIONS", "TRACE", "BREW"} {
		got := f.call(method, "/records/item/"+newID, "")
		got.refused(405, atoll.Invalid)
		if got := strings.Join(got.Header["Allow"], " "); got != "GET HEAD PUT DELETE" {
			t.Errorf("Allow: %s", got)
		}
	}
	f.call("GET", "/records/item?store_id=x", "").refused(400, atoll.Invalid)
	f.call("GET", "/records/item?limit=5000", "").refused(400, atoll.Invalid)
	f.call("PUT", "/records/item/"+newID, "a: 1", with("Content-Type", "application/yaml")).refused(415, atoll.Invalid)
	got := f.call("GET", "/types", "").want(200)
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
}

func TestR_K_29_EveryRequestIsLogged(t *testing.T) {
	f := newFleet(t).one
	f.call("GET", "/records/store?limit=2", "", f.as(station.Viewer)).want(200)
	f.call("GET", "/nothing", "")
	f.call("POST", "/session", `{"name":"viewer","password":"not this secret"}`, with("Authorization", "none")).refused(401, atoll.SignIn)
	lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines for 3 requests: %s", len(lines), f.log)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"method": "GET", "path": "/api/v1/records/store", "route": "GET /api/v1/records/{type}", "status": 200.0, "site": 2.0,
		"user": "viewer", "address": "192.0.2.1", "records": 2.0,
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if line["bytes_out"].(float64) <= 0 || line["took_ms"].(float64) <= 0 {
		t.Errorf("bytes and duration: %v", line)
	}
	if strings.Contains(f.log.String(), "not this secret") || strings.Contains(f.log.String(), f.token(station.Viewer)) {
		t.Errorf("a secret is in the log: %s", f.log)
	}
}

func TestUsersAreAddedByAdministrators(t *testing.T) {
	f := newFleet(t).one
	got := f.call("POST", "/users", `{"name":"joseph","role":"technician"}`).want(201)
	f.call("POST", "/users", `{"name":"joseph","role":"viewer"}`).refused(409, atoll.Exists)
	f.call("POST", "/users", `{"name":"Joseph Two","role":"viewer"}`).refused(400, atoll.Invalid)
	f.call("POST", "/users", `{"name":"mary","role":"king"}`).refused(400, atoll.Invalid)
	f.call("POST", "/users", `{"name":"mary","role":"viewer","password":"short"}`).refused(400, atoll.Invalid)
	f.call("POST", "/session", fmt.Sprintf(`{"name":"joseph","password":%q}`, got.text("password")), with("Authorization", "none")).want(201)
	list := f.call("GET", "/users", "").want(200)
	if !strings.Contains(string(list.body), `"joseph"`) || strings.Contains(string(list.body), "argon2") {
		t.Errorf("users: %s", list.body)
	}
}
