package host_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// scraped asks a handler for its metrics, from an address and perhaps with a token.
func scraped(t *testing.T, h http.Handler, from, token string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	r.RemoteAddr = from
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const here = "127.0.0.1:9999"

// The metrics tell how the fleet and a site stand; they are as many for a hundred
// sites as for two, and well formed (R-I-21, R-I-23).
func TestMetrics(t *testing.T) {
	f, err := simulate.F1(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	centre := (&host.Host{Config: host.Config{Now: f.Clock.Now, App: "1.2.3"}, Station: f.Centre.Station, Centre: f.Centre.Centre}).Handler()
	one := (&host.Host{Config: host.Config{Now: f.Clock.Now, App: "1.2.3"}, Station: f.Sites[2].Station, Site: f.Sites[2].Site}).Handler()
	if _, item := simulate.Item("amoxicillin"); true {
		if err := f.Centre.Insert(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, text := scraped(t, centre, here, "")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	for _, want := range []string{
		`atoll_build_info{role="central",version="1.2.3"} 1`, `atoll_sites{kind="server",light="green"} 2`, `atoll_sites_silent{days="30",kind="server"} 0`,
		`atoll_records{type="item"} 1`, `atoll_site_freshness_seconds{kind="server",part="0.9"}`,
		`atoll_backlog_down{kind="server"} 0`, `atoll_transfers_open{state="exception"} 0`, `process_resident_memory_bytes`, `go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the centre does not tell %s:\n%s", want, text)
		}
	}
	wellFormed(t, text)
	if strings.Contains(text, "Sync Client") || strings.Contains(text, "Store ") {
		t.Error("the metrics name sites or stores")
	}
	before := strings.Count(text, "\n")
	for i := range 50 {
		if _, _, err := f.Centre.Centre.AddSite(t.Context(), "tester", fmt.Sprintf("Another %d", i), topology.Server); err != nil {
			t.Fatal(err)
		}
	}
	_, text = scraped(t, centre, here, "")
	if after := strings.Count(text, "\n"); after > before+10 {
		t.Errorf("%d lines with 2 sites, %d with 52", before, after)
	}
	if !strings.Contains(text, `atoll_sites{kind="server",light="grey"} 50`) {
		t.Errorf("the new sites are not told:\n%s", text)
	}
	status, text = scraped(t, one, here, "")
	if status != http.StatusOK || !strings.Contains(text, "atoll_waiting 0") || !strings.Contains(text, "atoll_last_success_timestamp_seconds 1.77") {
		t.Errorf("a site tells %d %s", status, text)
	}
}

// wellFormed holds the text to the format and to the customs of Prometheus.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Every exchange is counted once, at both ends, however many there are between two
// scrapes (R-I-23).
func TestR_I_23_EveryExchangeIsCounted(t *testing.T) {
	p := newPair(t) // which enrols and makes a first cycle
	centre, site := p.centre.Handler(), p.site.Handler()
	const cycles = 20
	for range cycles {
		p.clock.Wind(time.Minute)
		if _, err := p.site.Site.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := p.centre.Centre.SyncLog(t.Context(), 0, 1000)
	for _, want := range []struct {
		at   http.Handler
		line string
	}{
		{centre, fmt.Sprintf(`atoll_cycles_total{kind="server",result="ok"} %d`, len(before))},
		{centre, fmt.Sprintf(`atoll_cycle_seconds_count{kind="server"} %d`, len(before))},
		{centre, `atoll_cycle_seconds_bucket{kind="server",le="+Inf"}`},
		{site, fmt.Sprintf(`atoll_cycles_total{kind="here",result="ok"} %d`, cycles+1)},
		{site, `atoll_bytes_total{direction="in"}`},
	} {
		_, text := scraped(t, want.at, here, "")
		if !strings.Contains(text, want.line) {
			t.Errorf("%s is not told:\n%s", want.line, text)
		}
		wellFormed(t, text)
	}
	if len(before) <= cycles {
		t.Errorf("%d exchanges in the sync log of the centre", len(before))
	}
	p.served = http.NotFoundHandler() // the line is bad
	p.clock.Wind(time.Minute)
	if _, err := p.site.Site.Cycle(t.Context()); err == nil {
		t.Fatal("a cycle without a centre succeeded")
	}
	if _, text := scraped(t, site, here, ""); !regexp.MustCompile(`atoll_cycles_total\{kind="here",result="[a-z_]+"\} 1\n`).MatchString(text) {
		t.Errorf("the cycle that failed is not told:\n%s", text)
	}
}

// From elsewhere only who looks after synchronisation reads them.
func TestMetricsAskForThePower(t *testing.T) {
	f, err := simulate.F1(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := (&host.Host{Config: host.Config{Now: f.Clock.Now}, Station: f.Centre.Station, Centre: f.Centre.Centre}).Handler()
	const away, password = "192.0.2.1:7", "correct horse battery"
	for role, want := range map[station.UserRole]int{"": 401, station.Viewer: 403, station.StoreUser: 403, station.Technician: 200, station.Administrator: 200} {
		token := ""
		if role != "" {
			if _, err := f.Centre.AddUser(t.Context(), string(role), role, password); err != nil {
				t.Fatal(err)
			}
			if token, _, err = f.Centre.SignInUser(t.Context(), string(role), password); err != nil {
				t.Fatal(err)
			}
		}
		if got, text := scraped(t, h, away, token); got != want || got != 200 && strings.Contains(text, "atoll_sites") {
			t.Errorf("%q: %d, want %d", role, got, want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	r.RemoteAddr = here
	r.Header.Set("X-Forwarded-For", "192.0.2.7") // through a proxy on this machine
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("through a proxy: %d", w.Code)
	}
}
