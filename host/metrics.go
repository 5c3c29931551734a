package host

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/wire"
)

// scrapeMost is the longest for which the gauges are told again. They are told again
// for five times as long as it took to read them, too.
const scrapeMost = time.Minute

// meter answers /metrics. What it tells is bounded by the kinds of sites, the lights,
// the record types and a few results: never by the number of sites, stores or users.
type meter struct {
	h       *Host
	exposed http.Handler

	mu     sync.Mutex
	gauges *gauges
	until  time.Time
}

func newMeter(h *Host) *meter {
	m := &meter{h: h}
	own := prometheus.NewRegistry()
	own.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	told := prometheus.Gatherers{own}
	if h.traffic != nil {
		told = append(told, h.traffic.told)
	}
	m.exposed = promhttp.HandlerFor(told, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	return m
}

// ServeHTTP answers a scrape: of this machine itself, or of a user who may look after
// synchronisation (a session's token as bearer).
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := m.admit(r)
	if err == nil {
		err = m.look(r.Context())
	}
	if err != nil {
		wire.WriteProblem(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	m.exposed.ServeHTTP(w, r)
}

// Describe implements prometheus.Collector. It names nothing: what is told depends on
// what the installation is.
func (m *meter) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector: it tells what was read last.
func (m *meter) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gauges == nil {
		return
	}
	for _, g := range m.gauges.told {
		to <- g
	}
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

// look reads the gauges, if those that were read last are too old.
func (m *meter) look(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	started := m.h.Now()
	if started.Before(m.until) {
		return nil
	}
	g := &gauges{}
	g.add("atoll_build_info", "The program's version and what it serves.", 1, "version", m.h.App, "role", string(m.h.Station.Identity.Role))
	records, err := m.h.Station.Counts(ctx)
	if err != nil {
		return err
	}
	for t, n := range records {
		g.add("atoll_records", "Records here, by type.", float64(n), "type", string(t))
	}
	if m.h.Centre != nil {
		err = m.h.fleetGauges(ctx, g)
	} else {
		err = m.h.siteGauges(ctx, g)
	}
	if err != nil {
		return err
	}
	m.gauges = g
	m.until = m.h.Now().Add(min(5*m.h.Now().Sub(started), scrapeMost))
	return nil
}

// text writes what a scrape is answered.
func (m *meter) text(ctx context.Context, w io.Writer) error {
	if err := m.look(ctx); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody)
	if err != nil {
		return err
	}
	m.exposed.ServeHTTP(&answerTo{Writer: w, header: http.Header{}}, r)
	return nil
}

// answerTo is an answer that is written somewhere else than to a caller.
type answerTo struct {
	io.Writer
	header http.Header
}

func (a *answerTo) Header() http.Header { return a.header }
func (a *answerTo) WriteHeader(int)     {}

// gauges are what was read of an installation at one moment.
type gauges struct{ told []prometheus.Metric }

// add tells one value. The labels are names and values in turns.
func (g *gauges) add(name, help string, value float64, labels ...string) {
	var names, values []string
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	g.told = append(g.told, prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), prometheus.GaugeValue, value, values...))
}
