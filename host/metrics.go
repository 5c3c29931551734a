package host

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
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

// counts are totals since the program began.
type counts struct {
	cycles   map[[2]string]float64 // by kind of site and result
	entries  map[string]float64    // that sites sent, by what became of them
	records  float64               // sent to sites, or received from the centre
	bytesOut float64
	bytesIn  float64
	seconds  map[string]*histogram // by kind of site
}

// histogram counts durations.
type histogram struct {
	under []float64 // cumulative, by the bounds
	sum   float64
	n     float64
}

var bounds = []float64{0.1, 0.5, 1, 5, 30, 120, 600}

func (h *histogram) add(seconds float64) {
	for i, b := range bounds {
		if seconds <= b {
			h.under[i]++
		}
	}
	h.sum += seconds
	h.n++
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

// class is what is told of all sites of one kind together.
type class struct {
	lights   map[central.Light]float64
	silent   map[int]float64
	up, down float64
	upMost   float64
	refused  float64
	ages     []float64 // since each was last complete
}

// centre tells how the fleet stands, by kind of site.
func (m *meter) centre(ctx context.Context, p *page) error {
	sites, err := m.h.Centre.Sites(ctx)
	if err != nil {
		return err
	}
	now := m.h.Now()
	kinds, classes := map[atoll.SiteID]string{}, map[string]*class{}
	for _, s := range sites {
		kind := string(s.Kind)
		if kinds[s.ID] = kind; s.Kind == topology.Central {
			continue
		}
		c := classes[kind]
		if c == nil {
			c = &class{lights: map[central.Light]float64{}, silent: map[int]float64{}}
			classes[kind] = c
		}
		light, _ := s.Condition(now)
		c.lights[light]++
		if !s.State.LastContact.IsZero() && !s.Disabled {
			for _, days := range silences {
				if now.Sub(s.State.LastContact) >= time.Duration(days)*24*time.Hour {
					c.silent[days]++
				}
			}
		}
		if !s.State.LastComplete.IsZero() && !s.Disabled {
			c.ages = append(c.ages, now.Sub(s.State.LastComplete).Seconds())
		}
		c.up, c.down, c.refused = c.up+float64(s.State.Waiting), c.down+float64(s.Behind), c.refused+float64(s.Quarantined)
		c.upMost = max(c.upMost, float64(s.State.Waiting))
	}
	p.classes(classes)
	under, err := m.h.Centre.Transfers(ctx, transfer.Filter{})
	if err != nil {
		return err
	}
	states := map[string]float64{"in_transit": 0, "exception": 0, "other": 0}
	for _, t := range under {
		switch {
		case t.Exception:
			states["exception"]++
		case t.InTransit:
			states["in_transit"]++
		default:
			states["other"]++
		}
	}
	p.head("atoll_transfers_open", "gauge", "Documents between stores that are under way.")
	for _, state := range slices.Sorted(maps.Keys(states)) {
		p.line("atoll_transfers_open", states[state], "state", state)
	}
	log, err := m.h.Centre.SyncLog(ctx, 0, scrapedRows)
	if err != nil {
		return err
	}
	fresh := map[string]bool{}
	for _, row := range log {
		if !m.first(fresh, row.Site, row.Started, row.Took) {
			continue
		}
		kind := cmp.Or(kinds[row.Site], "unknown")
		m.count.cycle(kind, row.Code, row.Took)
		m.count.entries["applied"] += float64(row.Applied)
		m.count.entries["duplicate"] += float64(row.Duplicate)
		m.count.entries["quarantined"] += float64(row.Quarantined)
		m.count.records += float64(row.Sent)
		m.count.bytesOut += float64(row.Bytes)
	}
	m.seen = fresh
	return nil
}

// silences are the days without a word that are counted.
var silences = []int{1, 3, 30}

// first reports whether a row of the sync log is counted for the first time.
func (m *meter) first(fresh map[string]bool, site atoll.SiteID, started time.Time, took time.Duration) bool {
	key := site.String() + " " + strconv.FormatInt(started.UnixNano(), 36)
	fresh[key] = true
	return !m.seen[key] && !started.Add(took).Before(m.began)
}

func (c *counts) cycle(kind string, code atoll.Code, took time.Duration) {
	result := "ok"
	if code != "" {
		result = string(code)
	}
	c.cycles[[2]string{kind, result}]++
	if c.seconds[kind] == nil {
		c.seconds[kind] = &histogram{under: make([]float64, len(bounds))}
	}
	c.seconds[kind].add(took.Seconds())
}

// site tells how this site's synchronisation stands.
func (m *meter) site(ctx context.Context, p *page) error {
	st, err := m.h.Site.Status(ctx)
	if err != nil {
		return err
	}
	p.one("atoll_waiting", "Changes that wait to be sent.", float64(st.Waiting))
	p.one("atoll_refused", "Changes that the central server refused and nobody has settled.", float64(st.Refused))
	p.one("atoll_unresolved", "Received records that could not be taken yet.", float64(st.Unresolved))
	if !st.LastSuccess.IsZero() {
		p.one("atoll_last_success_timestamp_seconds", "When the last cycle succeeded.", float64(st.LastSuccess.Unix()))
	}
	p.one("atoll_sync_running", "1 while a cycle runs.", truth(st.Running))
	p.one("atoll_sync_paused", "1 while synchronisation is paused or switched off.", truth(st.Settings.Paused || st.Settings.Disabled))
	p.one("atoll_clock_ahead_seconds", "This clock minus the central server's.", st.ClockAhead.Seconds())
	p.one("atoll_disk_used_ratio", "How full the disk with the database is.", st.DiskUsed)
	log, err := m.h.Site.SyncLog(ctx, scrapedRows)
	if err != nil {
		return err
	}
	fresh := map[string]bool{}
	for _, row := range log {
		m.siteRow(fresh, row)
	}
	m.seen = fresh
	return nil
}

func (m *meter) siteRow(fresh map[string]bool, row site.Cycle) {
	if !m.first(fresh, m.h.Station.Identity.Site, row.Started, row.Took) {
		return
	}
	m.count.cycle("here", row.Code, row.Took)
	m.count.entries["applied"] += float64(row.Applied)
	m.count.entries["duplicate"] += float64(row.Duplicate)
	m.count.entries["quarantined"] += float64(row.Quarantined)
	m.count.records += float64(row.Received)
	m.count.bytesOut += float64(row.BytesOut)
	m.count.bytesIn += float64(row.BytesIn)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// counters tells what was counted since the program began.
func (m *meter) counters(p *page) {
	p.head("atoll_cycles_total", "counter", "Exchanges, by kind of site and result: ok, or the code of what went wrong.")
	byKind := func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) }
	for _, k := range slices.SortedFunc(maps.Keys(m.count.cycles), byKind) {
		p.line("atoll_cycles_total", m.count.cycles[k], "kind", k[0], "result", k[1])
	}
	p.head("atoll_entries_total", "counter", "Journal entries of sites, by what became of them at the central server.")
	for _, k := range slices.Sorted(maps.Keys(m.count.entries)) {
		p.line("atoll_entries_total", m.count.entries[k], "outcome", k)
	}
	p.head("atoll_records_down_total", "counter", "Records that went from the central server to sites.")
	p.line("atoll_records_down_total", m.count.records)
	p.head("atoll_bytes_total", "counter", "Bytes of exchanges: out of here, and in.")
	p.line("atoll_bytes_total", m.count.bytesOut, "direction", "out")
	p.line("atoll_bytes_total", m.count.bytesIn, "direction", "in")
	p.head("atoll_cycle_seconds", "histogram", "How long exchanges took, by kind of site.")
	for _, kind := range slices.Sorted(maps.Keys(m.count.seconds)) {
		h := m.count.seconds[kind]
		for i, b := range bounds {
			p.line("atoll_cycle_seconds_bucket", h.under[i], "kind", kind, "le", strconv.FormatFloat(b, 'f', -1, 64))
		}
		p.line("atoll_cycle_seconds_bucket", h.n, "kind", kind, "le", "+Inf")
		p.line("atoll_cycle_seconds_sum", h.sum, "kind", kind)
		p.line("atoll_cycle_seconds_count", h.n, "kind", kind)
	}
}

// page is the answer as it is written.
type page struct{ b strings.Builder }

func (p *page) head(name, kind, help string) {
	fmt.Fprintf(&p.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// one is a gauge with one line.
func (p *page) one(name, help string, value float64, labels ...string) {
	p.head(name, "gauge", help)
	p.line(name, value, labels...)
}

func (p *page) line(name string, value float64, labels ...string) {
	p.b.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		p.b.WriteByte(sep)
		_, _ = io.WriteString(&p.b, labels[i]+`="`+escape.Replace(labels[i+1])+`"`)
	}
	if len(labels) > 0 {
		p.b.WriteByte('}')
	}
	p.b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// classes tells of the sites of each kind together.
func (p *page) classes(of map[string]*class) {
	kinds := slices.Sorted(maps.Keys(of))
	each := func(name, help string, value func(*class) float64) {
		p.head(name, "gauge", help)
		for _, k := range kinds {
			p.line(name, value(of[k]), "kind", k)
		}
	}
	p.head("atoll_sites", "gauge", "Sites, by kind and light.")
	for _, k := range kinds {
		for _, light := range []central.Light{central.Green, central.Amber, central.Red, central.Grey} {
			p.line("atoll_sites", of[k].lights[light], "kind", k, "light", string(light))
		}
	}
	p.head("atoll_sites_silent", "gauge", "Sites that were not heard for so many days.")
	for _, k := range kinds {
		for _, days := range silences {
			p.line("atoll_sites_silent", of[k].silent[days], "kind", k, "days", strconv.Itoa(days))
		}
	}
	p.head("atoll_site_freshness_seconds", "gauge", "How long ago sites were last complete: half of them, nine of ten, all.")
	for _, k := range kinds {
		ages := of[k].ages
		slices.Sort(ages)
		for _, q := range []float64{0.5, 0.9, 1} {
			if n := len(ages); n > 0 {
				p.line("atoll_site_freshness_seconds", ages[min(n-1, int(q*float64(n)))], "kind", k, "quantile", strconv.FormatFloat(q, 'f', -1, 64))
			}
		}
	}
	each("atoll_backlog_up", "Changes that sites still had to send when they were last heard.", func(c *class) float64 { return c.up })
	each("atoll_backlog_up_most", "The most of one site.", func(c *class) float64 { return c.upMost })
	each("atoll_backlog_down", "Positions of the feed that sites have not confirmed.", func(c *class) float64 { return c.down })
	each("atoll_quarantined", "Refused changes that wait for a decision.", func(c *class) float64 { return c.refused })
}
