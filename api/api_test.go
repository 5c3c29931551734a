package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/api"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

const password = "correct horse battery"

// face is one installation seen through its API, with a user of each role that
// is asked for.
type face struct {
	t       testing.TB
	node    *simulate.Node
	handler http.Handler
	tokens  map[station.UserRole]string
	log     *bytes.Buffer
	address string
	store   atoll.ID // of its mobile client
}

// fleet is F1 with an API on the centre and on both sites.
type fleet struct {
	*simulate.Fleet
	centre, one, two *face
}

func newFleet(t testing.TB) *fleet {
	t.Helper()
	f, err := simulate.F1(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	out := &fleet{Fleet: f, centre: newFace(t, f.Centre), one: newFace(t, f.Sites[2]), two: newFace(t, f.Sites[3])}
	out.centre.store, out.one.store, out.two.store = f.Stores["A"], f.Stores["B"], f.Stores["C"]
	return out
}

func newFace(t testing.TB, n *simulate.Node) *face {
	t.Helper()
	f := &face{t: t, node: n, tokens: map[station.UserRole]string{}, log: &bytes.Buffer{}, address: "192.0.2.1:1000"}
	o := api.From(n.Station, n.Centre, n.Site)
	if n.Site != nil {
		o.URL = "https://centre.example"
	}
	o.Log = slog.New(slog.NewJSONHandler(f.log, nil))
	if n.Centre != nil {
		o.Mail = &notify.Office{Store: n.Store, Now: n.Clock.Now, Log: o.Log, Trial: func(language string) (subject, body string) { return "A test", language }}
	}
	f.handler = api.New(o)
	return f
}

// token signs a user of the role in, once; passwords are slow to check.
func (f *face) token(role station.UserRole) string {
	f.t.Helper()
	if f.tokens[role] == "" {
		f.add(role)
		token, _, err := f.node.SignInUser(f.t.Context(), userOf(role), password)
		if err != nil {
			f.t.Fatal(err)
		}
		f.tokens[role] = token
	}
	return f.tokens[role]
}

func userOf(role station.UserRole) string { return strings.ReplaceAll(string(role), "_", "-") }

// add makes the user of the role.
func (f *face) add(role station.UserRole) {
	f.t.Helper()
	var err error
	if role == station.MobileClient {
		_, err = f.node.AddMobileUser(f.t.Context(), userOf(role), f.store, password)
	} else {
		_, err = f.node.AddUser(f.t.Context(), userOf(role), role, password)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// reply is an answer that was read to its end.
type reply struct {
	*http.Response
	t    testing.TB
	call string
	body []byte
}

type option func(*http.Request)

func with(name, value string) option { return func(r *http.Request) { r.Header.Set(name, value) } }

func (f *face) as(role station.UserRole) option {
	return with("Authorization", "Bearer "+f.token(role))
}

// call makes a request as the administrator, unless an option says otherwise.
func (f *face) call(method, path, body string, options ...option) *reply {
	f.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(f.t.Context(), method, "/api/v1"+path, in)
	r.RemoteAddr = f.address
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, o := range options {
		o(r)
	}
	if r.Header.Get("Authorization") == "" {
		f.as(station.Administrator)(r)
	}
	if r.Header.Get("Authorization") == "none" {
		r.Header.Del("Authorization")
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	res := w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return &reply{Response: res, t: f.t, call: method + " " + path, body: b}
}

// want fails unless the answer has the status.
func (r *reply) want(status int) *reply {
	r.t.Helper()
	if r.StatusCode != status {
		r.t.Fatalf("%s: got %d, want %d: %.600s", r.call, r.StatusCode, status, r.body)
	}
	return r
}

type problem struct {
	Type, Title, Detail, Code, Subject, Field, Hint, Rule string
	Args                                                  map[string]any
	Status                                                int
	Errors                                                []struct{ Location, Message string }
}

// refused fails unless the answer is a problem with the status and code.
func (r *reply) refused(status int, code atoll.Code) problem {
	r.t.Helper()
	r.want(status)
	if kind := r.Header.Get("Content-Type"); kind != "application/problem+json" {
		r.t.Fatalf("%s: a refusal of type %q: %s", r.call, kind, r.body)
	}
	var p problem
	r.json(&p)
	if p.Code != string(code) || p.Status != status || p.Title == "" || p.Type != "urn:atoll:problem:"+string(code) {
		r.t.Fatalf("%s: got %+v, want code %s and status %d", r.call, p, code, status)
	}
	return p
}

func (r *reply) json(into any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		r.t.Fatalf("%s: %v in %.300s", r.call, err, r.body)
	}
}

// field returns a value of the answer by its path, as JSON text.
func (r *reply) field(path ...string) string {
	r.t.Helper()
	text := json.RawMessage(r.body)
	for _, name := range path {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(text, &m); err != nil {
			r.t.Fatalf("%s: no %v: %v in %.300s", r.call, path, err, r.body)
		}
		text = m[name]
	}
	return string(text)
}

// text is field for a JSON string.
func (r *reply) text(path ...string) string {
	r.t.Helper()
	return strings.Trim(r.field(path...), `"`)
}

// state is what a refused request must not change.
type state struct {
	head atoll.Head
	last atoll.Position
}

func (f *face) state() (s state) {
	f.t.Helper()
	f.token(station.Administrator) // a new user is an entry too
	err := f.node.Store.View(context.WithoutCancel(f.t.Context()), func(r storage.Reader) (err error) {
		if s.head, err = r.Head(f.node.Identity.Site); err == nil {
			s.last, err = r.LastPosition()
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// unchanged fails if the database is not as it was.
func (f *face) unchanged(before state) {
	f.t.Helper()
	if after := f.state(); after != before {
		f.t.Fatalf("the database changed: %+v, then %+v", before, after)
	}
}

// item makes an item at the centre and brings it to both sites.
func (f *fleet) item(t testing.TB, code string) atoll.ID {
	t.Helper()
	id, p := simulate.Item(code)
	if err := f.Centre.Insert(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	f.sync(t)
	return id
}

func (f *fleet) sync(t testing.TB) {
	t.Helper()
	for _, id := range []atoll.SiteID{2, 3} {
		if _, err := f.Sync(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// stock makes a stock line of 100 packs in a store at a node.
func (f *fleet) stock(t testing.TB, n *simulate.Node, store, item atoll.ID) atoll.ID {
	t.Helper()
	id := atoll.NewID(f.Clock.Now())
	if err := n.Insert(t.Context(), []journal.Proposal{simulate.Stock(id, store, item, "100")}...); err != nil {
		t.Fatal(err)
	}
	return id
}
