package host

import (
	"context"
	"slices"
	"strconv"
	"time"

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

// fleetGauges tell how the fleet stands, by kind of site.
func (h *Host) fleetGauges(ctx context.Context, g *gauges) error {
	sites, err := h.Centre.Sites(ctx)
	if err != nil {
		return err
	}
	now, classes := h.Now(), map[string]*class{}
	for _, s := range sites {
		kind := string(s.Kind)
		h.kinds.Store(s.ID, kind)
		if s.Kind == topology.Central {
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
	g.classes(classes)
	under, err := h.Centre.Transfers(ctx, transfer.Filter{})
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
	for state, n := range states {
		g.add("atoll_transfers_open", "Documents between stores that are under way.", n, "state", state)
	}
	return nil
}

// silences are the days without a word that are counted.
var silences = []int{1, 3, 30}

// classes tell of the sites of each kind together.
func (g *gauges) classes(of map[string]*class) {
	for kind, c := range of {
		for _, light := range []central.Light{central.Green, central.Amber, central.Red, central.Grey} {
			g.add("atoll_sites", "Sites, by kind and light.", c.lights[light], "kind", kind, "light", string(light))
		}
		for _, days := range silences {
			g.add("atoll_sites_silent", "Sites that were not heard for so many days.", c.silent[days], "kind", kind, "days", strconv.Itoa(days))
		}
		slices.Sort(c.ages)
		for _, part := range []float64{0.5, 0.9, 1} {
			if n := len(c.ages); n > 0 {
				g.add("atoll_site_freshness_seconds", "How long ago sites were last complete: half of them, nine of ten, all.",
					c.ages[min(n-1, int(part*float64(n)))], "kind", kind, "part", strconv.FormatFloat(part, 'f', -1, 64))
			}
		}
		g.add("atoll_backlog_up", "Changes that sites still had to send when they were last heard.", c.up, "kind", kind)
		g.add("atoll_backlog_up_most", "The most of one site.", c.upMost, "kind", kind)
		g.add("atoll_backlog_down", "Positions of the feed that sites have not confirmed.", c.down, "kind", kind)
		g.add("atoll_quarantined", "Refused changes that wait for a decision.", c.refused, "kind", kind)
	}
}
