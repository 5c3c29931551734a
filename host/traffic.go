package host

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
)

// traffic counts the exchanges that this process took part in, each when it is over.
type traffic struct {
	told    *prometheus.Registry
	cycles  *prometheus.CounterVec   // by kind of site and result
	entries *prometheus.CounterVec   // that sites sent, by what became of them
	records prometheus.Counter       // that went to sites, or came from the centre
	bytes   *prometheus.CounterVec   // by direction
	seconds *prometheus.HistogramVec // by kind of site
}

// seconds of an exchange that are told apart: a local line to an hour of a bad one.
var exchangeSeconds = []float64{0.1, 0.5, 1, 5, 30, 120, 600}

func newTraffic() *traffic {
	counter := func(name, help string) prometheus.CounterOpts { return prometheus.CounterOpts{Name: name, Help: help} }
	t := &traffic{
		told:    prometheus.NewRegistry(),
		cycles:  prometheus.NewCounterVec(counter("atoll_cycles_total", "Exchanges, by kind of site and result: ok, or the code of what went wrong."), []string{"kind", "result"}),
		entries: prometheus.NewCounterVec(counter("atoll_entries_total", "Journal entries of sites, by what became of them at the central server."), []string{"outcome"}),
		records: prometheus.NewCounter(counter("atoll_records_down_total", "Records that went from the central server to sites.")),
		bytes:   prometheus.NewCounterVec(counter("atoll_bytes_total", "Bytes of exchanges: out of here, and in."), []string{"direction"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "atoll_cycle_seconds", Help: "How long exchanges took, by kind of site.", Buckets: exchangeSeconds,
		}, []string{"kind"}),
	}
	t.told.MustRegister(t.cycles, t.entries, t.records, t.bytes, t.seconds)
	return t
}

// counted is what is counted of an exchange.
type counted struct {
	kind                            string
	code                            atoll.Code
	took                            time.Duration
	applied, duplicate, quarantined int
	records                         int
	out, in                         int64
}

func (t *traffic) count(c counted) {
	result := "ok"
	if c.code != "" {
		result = string(c.code)
	}
	t.cycles.WithLabelValues(c.kind, result).Inc()
	t.seconds.WithLabelValues(c.kind).Observe(c.took.Seconds())
	for outcome, n := range map[string]int{"applied": c.applied, "duplicate": c.duplicate, "quarantined": c.quarantined} {
		t.entries.WithLabelValues(outcome).Add(float64(n))
	}
	t.records.Add(float64(c.records))
	t.bytes.WithLabelValues("out").Add(float64(c.out))
	t.bytes.WithLabelValues("in").Add(float64(c.in))
}

// exchanged counts an exchange of the centre with a site.
func (h *Host) exchanged(row central.Cycle) {
	h.traffic.count(counted{
		kind: h.kindOf(row.Site), code: row.Code, took: row.Took,
		applied: row.Applied, duplicate: row.Duplicate, quarantined: row.Quarantined,
		records: row.Sent, out: int64(row.Bytes),
	})
}

// cycled counts a cycle of this site.
func (h *Host) cycled(row site.Cycle) {
	h.traffic.count(counted{
		kind: "here", code: row.Code, took: row.Took,
		applied: row.Applied, duplicate: row.Duplicate, quarantined: row.Quarantined,
		records: row.Received, out: row.BytesOut, in: row.BytesIn,
	})
}

// kindOf is the kind of a site: from memory, where a scrape puts it anew, or as the
// topology has it.
func (h *Host) kindOf(id atoll.SiteID) string {
	if kind, known := h.kinds.Load(id); known {
		return kind.(string) //nolint:forcetypeassert // nothing else is put there
	}
	kind := "unknown"
	err := h.Store.View(context.Background(), func(r storage.Reader) error {
		t, err := h.Station.Door.Topology(r)
		if err != nil {
			return err
		}
		if s, there := t.Site(id); there {
			kind = string(s.Kind)
			h.kinds.Store(id, kind)
		}
		return nil
	})
	if err != nil {
		h.Log.Warn("an exchange is counted without its kind of site", "site", id, "err", err)
	}
	return kind
}
