package host

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

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
