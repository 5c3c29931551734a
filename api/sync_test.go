package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/api"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

func TestStatusAndLogOfSynchronisation(t *testing.T) {
	f := newFleet(t)
	f.one.token(station.Viewer)
	f.one.token(station.Administrator)
	f.sync(t)
	st := f.one.call("GET", "/sync/status", "", f.one.as(station.Viewer)).want(200)
	if st.text("role") != "site" || st.text("light") != "green" || st.field("site", "waiting") != "0" || st.text("words") == "" {
		t.Errorf("at the site: %s", st.body)
	}
	medicine := f.item(t, "amox")
	f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	if got := f.one.call("GET", "/sync/status", "").want(200).field("site", "waiting"); got != "1" {
		t.Errorf("%s changes wait", got)
	}
	f.sync(t)
	all := f.centre.call("GET", "/sync/status", "").want(200)
	if all.text("role") != "central" || all.field("sites", "total") != "2" || all.field("sites", "ready") != "2" {
		t.Errorf("at the centre: %s", all.body)
	}
}

func TestR_I_24_TheSyncLogHasARowForEachCycle(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	f.sync(t)
	var log struct {
		Cycles []struct {
			Site, Offered, Applied, Duplicate, Quarantined int
			Started, Ended                                 time.Time
			Result                                         string
		}
	}
	for _, at := range []*face{f.one, f.centre} {
		at.call("GET", "/sync/log?site=2&limit=10", "").want(200).json(&log)
		if len(log.Cycles) < 2 {
			t.Fatalf("%d rows", len(log.Cycles))
		}
		sum := 0
		for _, c := range log.Cycles {
			if c.Site != 2 || c.Result != "ok" || c.Offered != c.Applied+c.Duplicate+c.Quarantined || !c.Ended.After(c.Started) {
				t.Errorf("row %+v", c)
			}
			sum += c.Applied
		}
		if sum == 0 || !log.Cycles[0].Started.After(log.Cycles[1].Started) {
			t.Errorf("%d applied, rows %+v", sum, log.Cycles)
		}
	}
	if got := f.centre.call("GET", "/sync/log?limit=1", "").want(200); strings.Count(string(got.body), `"started"`) != 1 {
		t.Errorf("limited: %s", got.body)
	}
	f.one.call("GET", "/sync/log?site=3", "").refused(403, atoll.Ownership)
	f.one.Net().Down = func() bool { return true }
	_, _ = f.Sync(t.Context(), 2)
	f.one.call("GET", "/sync/log?limit=1", "").want(200).json(&log)
	if log.Cycles[0].Result != "unavailable" {
		t.Errorf("a failed cycle: %+v", log.Cycles[0])
	}
}

// Net is the site's network.
func (f *face) Net() *simulate.Network { return f.node.Net }

func TestSettingsOfSynchronisation(t *testing.T) {
	f := newFleet(t)
	put := func(body string) *reply { return f.one.call("PUT", "/sync/settings", body) }
	if got := put(`{"interval_seconds":1800,"paused":true,"reason":"dear"}`).want(200); got.field("interval_seconds") != "1800" || got.text("by") != "administrator" {
		t.Errorf("settings: %s", got.body)
	}
	if got := put(`{"disabled":true}`).want(200); got.field("interval_seconds") != "1800" || got.field("paused") != "true" {
		t.Errorf("what was left out changed: %s", got.body)
	}
	put(`{"interval_seconds":0}`).refused(400, atoll.Invalid)
	put(`{"interval_seconds":99999999}`).refused(400, atoll.Invalid)
	put(`{"speed":9}`).refused(400, atoll.Invalid)
	f.one.call("POST", "/sync", "").refused(409, atoll.Paused)
	put(`{"disabled":false,"paused":false}`).want(200)
	if got := f.one.call("POST", "/sync", "").want(202); got.Header.Get("Location") != "/api/v1/sync/status" {
		t.Errorf("where to look: %v", got.Header)
	}
	f.centre.call("POST", "/sync", "").refused(400, atoll.Invalid)
	f.centre.call("PUT", "/sync/settings", `{}`).refused(400, atoll.Invalid)
}

// acting is a station and a site that play a part.
type acting struct {
	api.Station
	api.Sync
	mu     sync.Mutex
	asked  int
	ends   time.Time // of the cycle under way
	signed bool
}

func (a *acting) Session(context.Context, string) (station.User, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.signed {
		return station.User{}, atoll.SignIn
	}
	return station.User{Name: "amina", Role: station.Technician}, nil
}

func (a *acting) Status(context.Context) (site.Status, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return site.Status{Light: site.Green, Words: "fine", Site: 2, State: site.Ready, Running: time.Now().Before(a.ends)}, nil
}

func (a *acting) Settings(context.Context) (site.Settings, error) { return site.Settings{}, nil }
func (a *acting) SyncSoon()                                       { a.asked++ }

// Each request is passed on; that it makes one more cycle
// and never two is the site's doing.
func TestR_I_09_ManualSyncIsAskedForAndNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &acting{signed: true, ends: time.Now().Add(time.Hour)}
		h := api.New(api.Options{Here: 2, Catalogue: catalogue.Embedded(), Station: a, Sync: a, Now: time.Now})
		for range 3 {
			r := httptest.NewRequest("POST", "/api/v1/sync", nil)
			r.Header.Set("Authorization", "Bearer x")
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != 202 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		if a.asked != 3 {
			t.Errorf("asked %d times", a.asked)
		}
	})
}

func TestEventsComeEachSecondWhileACycleRuns(t *testing.T) {
	watch := func(t *testing.T, a *acting, stop time.Duration) (*httptest.ResponseRecorder, time.Duration) {
		h := api.New(api.Options{Here: 2, Catalogue: catalogue.Embedded(), Station: a, Sync: a, Now: time.Now})
		ctx, cancel := context.WithTimeout(t.Context(), stop)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/sync/events", nil)
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		began := time.Now()
		h.ServeHTTP(w, r)
		return w, time.Since(began)
	}
	synctest.Test(t, func(t *testing.T) {
		a := &acting{signed: true, ends: time.Now().Add(4500 * time.Millisecond)}
		w, _ := watch(t, a, 40*time.Second)
		events := strings.Split(w.Body.String(), "\n\n")
		if kind := w.Header().Get("Content-Type"); w.Code != 200 || kind != "text/event-stream" || !w.Flushed {
			t.Errorf("%d %s", w.Code, kind)
		}
		running, idle, quiet := 0, 0, 0
		for _, e := range events {
			data, ok := strings.CutPrefix(e, "event: status\ndata: ")
			switch {
			case strings.HasPrefix(e, ":"):
				quiet++
			case ok:
				var v api.SyncView
				if err := json.Unmarshal([]byte(data), &v); err != nil {
					t.Fatalf("%v in %s", err, data)
				}
				if v.Site.Running {
					running++
				} else {
					idle++
				}
			}
		}
		// At 0 to 4 seconds it runs; the change at 5 is told once; then it is quiet.
		if got := fmt.Sprint(running, idle, quiet); got != "5 1 2" {
			t.Errorf("events while running, after it, and signs of life: %s", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a := &acting{signed: true}
		if _, took := watch(t, a, time.Hour); took != 10*time.Minute {
			t.Errorf("the stream lasted %s", took)
		}
		time.AfterFunc(3500*time.Millisecond, func() { a.mu.Lock(); a.signed = false; a.mu.Unlock() })
		if _, took := watch(t, a, time.Hour); took != 4*time.Second {
			t.Errorf("the stream outlived its session by %s", took-3500*time.Millisecond)
		}
	})
}

// TestR_J_01_QuarantineHeedsTheStoresOfItsReader: a technician who looks after some
// stores sees, reads and decides what is about these alone: refusals at both ends, and
// what waits at the site.
func TestR_J_01_QuarantineHeedsTheStoresOfItsReader(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	f.sync(t)
	f.Sites[2].Door.Judge.Rules, f.Sites[2].Door.Judge.Laws = nil, nil
	spoil := func(packs string) {
		t.Helper()
		err := f.Sites[2].Insert(t.Context(), journal.Proposal{
			Verb: atoll.Update, Key: atoll.Key{Type: "stock_line", ID: line}, Fields: atoll.Fields{}.Set("total_number_of_packs", json.Number(packs)),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	spoil("-5")
	f.sync(t)
	spoil("-6")
	for _, at := range []*face{f.centre, f.one} {
		technician := at.as("technician")
		shown := func(want bool) {
			t.Helper()
			for _, path := range []string{"/quarantine", "/sync/waiting"} {
				if at == f.centre && path == "/sync/waiting" {
					continue
				}
				if got := at.call("GET", path, "", technician).want(200); strings.Contains(string(got.body), string(line)) != want {
					t.Errorf("%s, wanted %v: %s", path, want, got.body)
				}
			}
		}
		shown(true)
		at.call("PUT", "/users/technician/stores", `{"stores":["F"]}`).want(204)
		shown(false)
		if at == f.centre {
			before := at.state()
			at.call("GET", "/quarantine/1", "", technician).refused(403, atoll.Denied)
			at.call("POST", "/quarantine/1/decide", `{"decision":"skip","note":"mine"}`, technician).refused(403, atoll.Denied)
			at.unchanged(before)
			if got := at.call("GET", "/quarantine/1", "").want(200); got.text("state") != "open" {
				t.Errorf("it was decided: %s", got.body)
			}
		}
		at.call("PUT", "/users/technician/stores", `{"stores":["B"]}`).want(204)
		shown(true)
	}
}

func TestQuarantineIsShownComparedAndDecided(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line, other := f.stock(t, f.Sites[2], f.Stores["B"], medicine), f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	f.sync(t)
	// A site whose rules are broken sends what the centre refuses.
	f.Sites[2].Door.Judge.Rules, f.Sites[2].Door.Judge.Laws = nil, nil
	for i, id := range []atoll.ID{line, other} {
		change := journal.Proposal{
			Verb: atoll.Update, Key: atoll.Key{Type: "stock_line", ID: id},
			Fields: atoll.Fields{}.Set("total_number_of_packs", json.Number("-5")).Set("batch", fmt.Sprint("X", i)),
		}
		if err := f.Sites[2].Insert(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	f.sync(t)
	list := f.centre.call("GET", "/quarantine?site=2&open=true", "").want(200)
	var body struct {
		Refusals []struct {
			ID                   int64
			Code, State, Subject string
		}
		Next int64
	}
	list.json(&body)
	if len(body.Refusals) != 2 || body.Refusals[0].Code != "business_rule" || body.Refusals[0].Subject != "stock_line/"+string(line) {
		t.Fatalf("quarantine: %s", list.body)
	}
	if got := f.centre.call("GET", "/quarantine?site=3", "").want(200); got.field("refusals") != "[]" {
		t.Errorf("of site 3: %s", got.body)
	}
	f.centre.call("GET", "/quarantine?limit=1", "").want(200).json(&body)
	if body.Next == 0 {
		t.Error("there is no next page")
	}
	if got := f.centre.call("GET", fmt.Sprintf("/quarantine?after=%d", body.Next), "").want(200); strings.Count(string(got.body), `"id"`) != 1 {
		t.Errorf("the next page: %s", got.body)
	}
	told := f.one.call("GET", "/quarantine", "").want(200)
	if !strings.Contains(string(told.body), `"code":"business_rule"`) || !strings.Contains(string(told.body), "stock_line/"+string(line)) {
		t.Errorf("at the site: %s", told.body)
	}
	path := fmt.Sprintf("/quarantine/%d", body.Refusals[0].ID)
	one := f.centre.call("GET", path, "").want(200)
	// The rule that refused and what it speaks of, wherever the refusal is shown.
	const reason = `"reason":{"rule":"stock.below","values":{"field":"total_number_of_packs","packs":"-5"}}`
	for name, at := range map[string]*reply{"the list": list, "the refusal": one, "the site": told} {
		if !strings.Contains(string(at.body), reason) {
			t.Errorf("%s has not %s: %s", name, reason, at.body)
		}
	}
	for _, part := range []string{
		`{"field":"total_number_of_packs","now":100,"wanted":-5}`, `"wanted":"X0"`, `"verb":"update"`, `"actor":"tester"`, `"total":1`, `"cost_price_per_pack":1.50`,
	} {
		if !strings.Contains(string(one.body), part) {
			t.Errorf("%s is not in %s", part, one.body)
		}
	}
	f.centre.call("GET", "/quarantine/999", "").refused(404, atoll.NotFound)
	decide := func(body string) *reply { return f.centre.call("POST", path+"/decide", body) }
	decide(`{"decision":"forget"}`).refused(400, atoll.Invalid)
	decide(`{"decision":"skip"}`).refused(400, atoll.Invalid) // without a reason
	if got := decide(`{"decision":"retry"}`).want(200); got.field("applied") != "false" || got.text("refusal", "state") != "open" {
		t.Errorf("retried: %s", got.body)
	}
	got := decide(`{"decision":"return","note":"counted twice"}`).want(200)
	if got.text("refusal", "state") != "returned" || got.text("refusal", "settled_by") != "administrator" || got.text("refusal", "note") != "counted twice" {
		t.Errorf("decided: %s", got.body)
	}
	decide(`{"decision":"skip","note":"again"}`).refused(409, atoll.Conflict)
	f.centre.call("POST", "/quarantine/999/decide", `{"decision":"retry"}`).refused(404, atoll.NotFound)
}

// TestR_I_30_ConnectedTimeOverREST: of one site it is said whether the time for which it
// was connected sufficed, and of each in the list if that is asked for.
func TestR_I_30_ConnectedTimeOverREST(t *testing.T) {
	f := newFleet(t)
	f.sync(t)
	if got := f.centre.call("GET", "/sites/2", "").want(200); got.text("connection", "sufficed") != "enough" || got.field("connection", "days") != "1" {
		t.Errorf("connected: %s", got.body)
	}
	if _, err := f.AddSite(t.Context(), "Mulago", topology.Server); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Sites []struct {
			Site       int
			Connection struct{ Sufficed string }
		}
	}
	if plain := f.centre.call("GET", "/sites", "").want(200); strings.Contains(string(plain.body), `"connection"`) {
		t.Errorf("not asked for, and said: %s", plain.body)
	}
	f.centre.call("GET", "/sites?connection=true", "").want(200).json(&list)
	var said []string
	for _, s := range list.Sites {
		said = append(said, fmt.Sprint(s.Site, s.Connection.Sufficed))
	}
	if got := strings.Join(said, " "); got != "2enough 3enough 4none" {
		t.Errorf("listed: %s", got)
	}
	f.Clock.Wind(8 * 24 * time.Hour)
	f.centre.tokens = map[station.UserRole]string{}
	if _, err := f.Centre.AddUser(t.Context(), "later", station.Technician, password); err != nil {
		t.Fatal(err)
	}
	token, _, err := f.Centre.SignInUser(t.Context(), "later", password)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.centre.call("GET", "/sites/2", "", with("Authorization", "Bearer "+token)).want(200); got.text("connection", "sufficed") != "none" {
		t.Errorf("a week later: %s", got.body)
	}
}
