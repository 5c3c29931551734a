package host

import (
	"context"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/wire"
)

// How much of the sync log one scrape looks at, and how long an answer is given
// again: five times as long as it took to make, and never longer than a while.
const (
	scrapedRows = 5000
	scrapeMost  = time.Minute
)

// meter answers /metrics in the text format of Prometheus. What it tells is bounded
// by the kinds of sites, the lights, the record types and a few results: never by the
// number of sites, stores or users.
type meter struct {
	h     *Host
	began time.Time

	mu    sync.Mutex
	text  []byte
	until time.Time
	seen  map[string]bool // rows of the sync log that were counted, of the newest
	count counts
}

func newMeter(h *Host) *meter {
	return &meter{h: h, began: h.Now(), seen: map[string]bool{}, count: counts{
		cycles: map[[2]string]float64{}, entries: map[string]float64{}, seconds: map[string]*histogram{},
	}}
}

// ServeHTTP answers a scrape: of this machine itself, or of a user who may look after
// synchronisation (a session's token as bearer).
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := m.admit(r); err != nil {
		wire.WriteProblem(w, err)
		return
	}
	text, err := m.scrape(r.Context())
	if err != nil {
		wire.WriteProblem(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text)
}

func (m *meter) admit(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsLoopback() && r.Header.Get("Forwarded") == "" && r.Header.Get("X-Forwarded-For") == "" {
		return nil
	}
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if c, err := r.Cookie(signin.CookieName); token == "" && err == nil {
		token = c.Value
	}
	if token == "" {
		return atoll.Errorf(atoll.SignIn, "sign in first").Do("scrape from this machine, or send the token of a session as a bearer token")
	}
	u, err := m.h.Station.Session(r.Context(), token)
	if err != nil {
		return err
	}
	if !u.Role.May(station.MaySync) {
		return atoll.Errorf(atoll.Denied, "a %s may not do this", u.Role.Words()).Do("ask someone who is %s", station.MaySync.Holders())
	}
	return nil
}

func (m *meter) scrape(ctx context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	started := m.h.Now()
	if started.Before(m.until) {
		return m.text, nil
	}
	var p page
	p.one("atoll_build_info", "The program's version and what it serves.", 1, "version", m.h.App, "role", string(m.h.Station.Identity.Role))
	p.one("atoll_uptime_seconds", "How long the program has been running.", started.Sub(m.began).Seconds())
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	p.one("atoll_memory_bytes", "Memory that the program has from the system.", float64(mem.Sys))
	p.one("atoll_goroutines", "Goroutines.", float64(runtime.NumGoroutine()))
	records, err := m.h.Station.Counts(ctx)
	if err != nil {
		return nil, err
	}
	p.head("atoll_records", "gauge", "Records here, by type.")
	for _, t := range slices.Sorted(maps.Keys(records)) {
		p.line("atoll_records", float64(records[t]), "type", string(t))
	}
	if m.h.Centre != nil {
		err = m.centre(ctx, &p)
	} else {
		err = m.site(ctx, &p)
	}
	if err != nil {
		return nil, err
	}
	m.counters(&p)
	m.text = []byte(p.b.String())
	m.until = m.h.Now().Add(min(5*m.h.Now().Sub(started), scrapeMost))
	return m.text, nil
}
