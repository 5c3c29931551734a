package main

import (
	"time"

	"github.com/atollsync/atoll/api"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/site"
)

// What --json prints says durations in seconds, as REST does. An outer field with
// the name of an inner one hides it.
type (
	cycleJSON struct {
		site.Cycle
		Took   float64 `json:"took_seconds"`
		Hidden *bool   `json:"took,omitempty"`
	}
	exchangeJSON struct {
		central.Cycle
		Took      float64 `json:"took_seconds"`
		Receiving float64 `json:"receiving_seconds"`
		Hidden    *bool   `json:"took,omitempty"`
		HiddenToo *bool   `json:"receiving,omitempty"`
	}
	settingsJSON struct {
		site.Settings
		Interval float64 `json:"interval_seconds,omitempty"`
		Hidden   *bool   `json:"interval,omitempty"`
	}
	statusJSON struct {
		site.Status
		ClockAhead float64      `json:"clock_ahead_seconds"`
		Settings   settingsJSON `json:"settings"`
		Hidden     *bool        `json:"clock_ahead,omitempty"`
	}
	drillJSON struct {
		host.Drilled
		Took   float64 `json:"took_seconds"`
		Hidden *bool   `json:"took,omitempty"`
	}
	connectionJSON struct {
		host.Connection
		ClockAhead float64 `json:"clock_ahead_seconds"`
		Hidden     *bool   `json:"clock_ahead,omitempty"`
	}
)

func drillOf(d host.Drilled) drillJSON { return drillJSON{Drilled: d, Took: d.Took.Seconds()} }

func cycleOf(c site.Cycle) cycleJSON { return cycleJSON{Cycle: c, Took: c.Took.Seconds()} }

func exchangeOf(c central.Cycle) exchangeJSON {
	return exchangeJSON{Cycle: c, Took: c.Took.Seconds(), Receiving: c.Receiving.Seconds()}
}

func settingsOf(set site.Settings) settingsJSON {
	return settingsJSON{Settings: set, Interval: set.Interval.Seconds()}
}

func standingOf(st site.Status) statusJSON {
	return statusJSON{Status: st, ClockAhead: st.ClockAhead.Seconds(), Settings: settingsOf(st.Settings)}
}

func connectionOf(c host.Connection) connectionJSON {
	return connectionJSON{Connection: c, ClockAhead: c.Clock.Seconds()}
}

// each makes of every element what --json prints; an empty list of none.
func each[T, V any](list []T, of func(T) V) []V {
	out := make([]V, 0, len(list))
	for _, x := range list {
		out = append(out, of(x))
	}
	return out
}

func sitesOf(all []central.SiteStatus) []api.SiteView {
	now := time.Now()
	return each(all, func(c central.SiteStatus) api.SiteView { return api.SiteViewOf(c, now) })
}
