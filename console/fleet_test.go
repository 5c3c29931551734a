package console_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/support"
)

const password = "correct horse battery"

// face is one installation seen through its console.
type face struct {
	t       testing.TB
	node    *simulate.Node
	handler http.Handler
	cookies map[station.UserRole]string
	log     *bytes.Buffer
	logger  *slog.Logger
	address string
	store   atoll.ID // of its mobile client
}

// fleet is the worked example, F1, with a console on the centre and on both sites.
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
	f := &face{t: t, node: n, cookies: map[station.UserRole]string{}, log: &bytes.Buffer{}, address: "192.0.2.1:1000"}
	o := console.From(n.Station, n.Centre, n.Site)
	recent := &support.Log{}
	o.Log = recent.Beside(slog.New(slog.NewJSONHandler(f.log, nil)))
	f.logger = o.Log
	database, _ := n.Store.(host.Database)
	o.Machine = &host.Host{
		Config: host.Config{Now: n.Clock.Now, App: "test", Log: o.Log, Recent: recent},
		Store:  database, Station: n.Station, Centre: n.Centre, Site: n.Site, Catalogue: n.Door.Judge.Catalogue,
	}
	if n.Centre != nil {
		o.Mail = &notify.Office{
			Store: n.Store, Now: n.Clock.Now, Log: o.Log,
			Trial: func(language string) (subject, body string) { return "A test", language },
		}
	}
	f.handler = console.New(o)
	return f
}

func userOf(role station.UserRole) string { return strings.ReplaceAll(string(role), "_", "-") }

// as is a request of a signed-in user of the role.
func (f *face) as(role station.UserRole) func(*http.Request) {
	f.t.Helper()
	if f.cookies[role] == "" {
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
	if _, err := f.node.Session(f.t.Context(), f.cookies[role]); err != nil { // none yet, or the clock was wound
		token, _, err := f.node.SignInUser(f.t.Context(), userOf(role), password)
		if err != nil {
			f.t.Fatal(err)
		}
		f.cookies[role] = token
	}
	token := f.cookies[role]
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "atoll_session", Value: token}) }
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// seen is an answer.
type seen struct {
	t testing.TB
	*http.Response
	body string
}

// ask sends a request as a browser does. A body is a form.
func (f *face) ask(method, path string, form url.Values, how ...func(*http.Request)) *seen {
	f.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(f.t.Context(), method, path, body)
	r.RemoteAddr = f.address
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", "en")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range how {
		h(r)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	res := w.Result()
	b, _ := io.ReadAll(res.Body)
	return &seen{f.t, res, string(b)}
}

func (f *face) get(path string, how ...func(*http.Request)) *seen {
	f.t.Helper()
	return f.ask(http.MethodGet, path, nil, how...)
}

func (s *seen) want(status int) *seen {
	s.t.Helper()
	if s.StatusCode != status {
		s.t.Fatalf("%d, want %d:\n%s", s.StatusCode, status, s.text())
	}
	return s
}

// flashes wants the next page to say these words.
func (s *seen) flashes(key string) *seen {
	s.t.Helper()
	for _, c := range s.Cookies() {
		if said, err := url.QueryUnescape(c.Value); err == nil && strings.Contains(said, key) {
			return s
		}
	}
	s.t.Errorf("%s is not told", key)
	return s
}

// says fails the test unless the page holds all of the words.
func (s *seen) says(words ...string) *seen {
	s.t.Helper()
	text := s.text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			s.t.Errorf("the page does not say %q:\n%s", w, text)
		}
	}
	return s
}

func (s *seen) saysNot(words ...string) *seen {
	s.t.Helper()
	for _, w := range words {
		if strings.Contains(s.text(), w) {
			s.t.Errorf("the page says %q:\n%s", w, s.text())
		}
	}
	return s
}

// keeps fails the test unless an input of the page holds the value.
func (s *seen) keeps(name, value string) *seen {
	s.t.Helper()
	if want := `name="` + name + `" value="` + value + `"`; !strings.Contains(s.body, want) {
		s.t.Errorf("the page has no %s:\n%s", want, s.text())
	}
	return s
}

// text is what a reader reads of the page.
func (s *seen) text() string {
	out := tags.ReplaceAllString(s.body, " ")
	out = strings.Join(strings.Fields(out), " ")
	return strings.NewReplacer("&#39;", "'", "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#34;", `"`).Replace(out)
}

// patience is how long a test waits for another goroutine before it gives up.
const patience = 30 * time.Second

var tags = regexp.MustCompile(`(?s)<head>.*?</head>|<[^>]*>`)
