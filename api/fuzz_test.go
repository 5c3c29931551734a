package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// FuzzRequests (R-K-28): whatever is asked, by whom, of whom: never a defect, and
// what is refused or only read leaves the database as it was.
func FuzzRequests(f *testing.F) {
	for _, op := range []struct {
		method       uint8
		path, header string
		body         string
	}{
		{0, "records/item?limit=1&where[code]=a", "", ""},
		{0, "records/item/" + newID + "/history", "", ""},
		{2, "records/item/" + newID, `"1"`, `{"fields":{"code":"a","name":"b","kind":"stock"}}`},
		{2, "records/item/" + newID, "", `{"fields":{"code":1e400,"name":"\ud800","kind":null}}`},
		{2, "records/stock_line/" + newID, "*", `{"version":18446744073709551615,"fields":{"pack_size":1e99999999}}`},
		{1, "records", "", `{"changes":[{"verb":"insert","type":"item","fields":{"code":"a","name":"b","kind":"stock"}},{"verb":"delete","type":"item","id":"` + newID + `","version":1}]}`},
		{1, "records", "", `{"changes":[{"verb":"update","type":"preference","id":"` + newID + `","version":1,"fields":{"value":{"a":[{}]}}}]}`},
		{1, "stock/" + newID + "/adjust", "", `{"packs":-1.5,"reason":"x"}`},
		{1, "invoices/" + newID + "/finalise", "", "{}"},
		{3, "records/item/" + newID + "?version=1", "", ""},
		{1, "sites", "", `{"name":"x","kind":"mobile"}`},
		{1, "stores?preview=true", "", `{"code":"a","name":"b","id":"00000000000000000000000000000000"}`},
		{2, "visibility/" + newID + "/" + strings.ToUpper(newID), "", ""},
		{0, "quarantine?after=-1&open=maybe&site=0", "", ""},
		{1, "quarantine/9223372036854775807/decide", "", `{"decision":"retry","note":""}`},
		{2, "sync/settings", "", `{"interval_seconds":1,"paused":null}`},
		{4, "%2e%2e/%00//records/../x?%zz=%zz&&=;", "\x00", "\x00\xff"},
		{1, "session", "", `{"name":"viewer","password":"x"}`},
	} {
		f.Add(op.method, op.path, op.header, op.body, uint8(3))
	}
	fl := newFleet(f)
	for _, at := range []*face{fl.centre, fl.one} {
		for _, role := range station.UserRoles {
			at.token(role)
		}
	}
	methods := []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}
	f.Fuzz(func(t *testing.T, method uint8, path, header, body string, who uint8) {
		at := []*face{fl.centre, fl.one}[who>>2&1]
		at.t = t
		at.log.Reset()
		if strings.Contains(path, "sync/events") || strings.Contains(path, "%65vents") {
			t.Skip("it streams for minutes")
		}
		path, query, _ := strings.Cut(path, "?")
		u := &url.URL{Path: "/api/v1/" + path, RawQuery: query}
		if raw, err := url.PathUnescape(u.Path); err == nil {
			u.RawPath, u.Path = u.Path, raw
		}
		r := (&http.Request{
			Method: methods[int(method)%len(methods)], URL: u, Host: "atoll.example", RemoteAddr: "192.0.2.1:1", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/json"}, "If-Match": {header}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}).WithContext(t.Context())
		role := station.UserRoles[who&3]
		r.Header.Set("Authorization", "Bearer "+at.token(role))
		before := at.state()
		w := httptest.NewRecorder()
		at.handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s %s as %s: %d %s", r.Method, u, role, w.Code, w.Body)
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: a refusal as %s", r.Method, u, w.Header().Get("Content-Type"))
		}
		mayWrite := role == station.StoreUser || role == station.Administrator
		unsafe := r.Method == "POST" || r.Method == "PUT" || r.Method == "DELETE"
		if w.Code >= 300 || !mayWrite || !unsafe {
			steered := role == station.Technician && unsafe && w.Code < 300 // settling a refusal moves positions
			if after := at.state(); after != before && !steered {
				t.Fatalf("%s %s as %s: %d, and the database changed: %+v, then %+v", r.Method, u, role, w.Code, before, after)
			}
		}
		// Sign-out ends the session; the next run needs one.
		if _, err := at.node.Session(t.Context(), at.tokens[role]); err != nil && atoll.CodeOf(err) == atoll.SignIn {
			token, _, err := at.node.SignInUser(t.Context(), userOf(role), password)
			if err != nil {
				t.Fatal(err)
			}
			at.tokens[role] = token
		}
	})
}
