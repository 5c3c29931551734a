package host

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

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
