package central

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// ConnectedDay is what the exchanges of one site on one day came to, as this server saw
// them.
type ConnectedDay struct {
	Day       string        `json:"day"` // of UTC
	Exchanges int           `json:"exchanges"`
	Connected time.Duration `json:"connected"` // how long they took together
	// Emptied is whether, at the end of one, nothing was left to go either way.
	Emptied bool `json:"emptied,omitempty"`
}

// connectedDays is for how many days, today included, a site's connection is judged.
const connectedDays = 7

// noted adds an exchange to a site's days, and forgets those that are over: they are in
// rising order. One that was refused says nothing of the connection.
func noted(days []ConnectedDay, row Cycle) []ConnectedDay {
	if row.Code != "" && row.Code != atoll.Interrupted {
		return days
	}
	today := row.Started.UTC().Format(time.DateOnly)
	days = slices.DeleteFunc(days, func(d ConnectedDay) bool { return d.Day <= before(row.Started, connectedDays) })
	if len(days) == 0 || days[len(days)-1].Day < today {
		days = append(days, ConnectedDay{Day: today})
	}
	d := &days[len(days)-1]
	d.Exchanges++
	d.Connected += max(row.Took, 0)
	d.Emptied = d.Emptied || row.Complete && row.Code == ""
	return days
}

// before is the day so many days before the moment.
func before(at time.Time, days int) string {
	return at.UTC().AddDate(0, 0, -days).Format(time.DateOnly)
}

// Sufficiency says whether the time for which a site was connected sufficed.
type Sufficiency string

// What there is to say of it.
const (
	NotConnected Sufficiency = "none"   // not once in the last days
	Enough       Sufficiency = "enough" // on the last day on which it was connected everything was exchanged
	Tight        Sufficiency = "tight"  // on earlier days, and not on the last one
	TooShort     Sufficiency = "short"  // on none of them
)

// Connection tells whether the time for which a site was connected in the last seven
// days sufficed: whether all that waited could go both ways (R-I-30).
type Connection struct {
	Sufficed Sufficiency   `json:"sufficed"`
	Days     int           `json:"days"`    // on which it was connected
	Emptied  int           `json:"emptied"` // of them, on which everything was exchanged
	ADay     time.Duration `json:"-"`       // how long it was connected on such a day
}

// ConnectionOf is the rule, of a site's days.
func ConnectionOf(days []ConnectedDay, now time.Time) Connection {
	c := Connection{Sufficed: NotConnected}
	for _, d := range days {
		if d.Day <= before(now, connectedDays) {
			continue
		}
		c.Days++
		c.ADay += d.Connected
		switch {
		case d.Emptied:
			c.Emptied++
			c.Sufficed = Enough
		case c.Emptied > 0:
			c.Sufficed = Tight
		default:
			c.Sufficed = TooShort
		}
	}
	if c.Days > 0 {
		c.ADay /= time.Duration(c.Days)
	}
	return c
}

// visited counts an exchange among the days of its site that Flush writes: a site that
// comes again at once costs no more than one that comes once.
func (c *Centre) visited(row Cycle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.visits == nil {
		c.visits = map[atoll.SiteID][]ConnectedDay{}
	}
	c.visits[row.Site] = noted(c.visits[row.Site], row)
}

// takeVisits returns what writes the days that were counted, and forgets them.
func (c *Centre) takeVisits() []func(tx storage.Tx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []func(tx storage.Tx) error
	for _, site := range slices.Sorted(maps.Keys(c.visits)) {
		came := c.visits[site]
		out = append(out, func(tx storage.Tx) error { return noteConnected(tx, site, came) })
	}
	c.visits = nil
	return out
}

// noteConnected adds days to those of the site.
func noteConnected(tx storage.Tx, site atoll.SiteID, came []ConnectedDay) error {
	if _, err := State(tx, site); err != nil {
		return nil //nolint:nilerr // a site that was never made is none
	}
	var days []ConnectedDay
	if err := storage.Load(tx, shelfConnected, siteKey(site), &days); err != nil && !errors.Is(err, atoll.NotFound) {
		return err
	}
	return storage.Save(tx, shelfConnected, siteKey(site), joined(days, came))
}

// joined are the days of a site with those of a later count of its exchanges.
func joined(days, came []ConnectedDay) []ConnectedDay {
	for _, c := range came {
		if n := len(days); n > 0 && days[n-1].Day >= c.Day {
			c.Day = days[n-1].Day
			c.Exchanges += days[n-1].Exchanges
			c.Connected += days[n-1].Connected
			c.Emptied = c.Emptied || days[n-1].Emptied
			days = days[:n-1]
		}
		days = append(days, c)
	}
	return days[max(0, len(days)-connectedDays):]
}

// Connections returns how long the sites were connected lately, and whether that
// sufficed; of one site if site is not 0. A site that was never connected is not there.
func (c *Centre) Connections(ctx context.Context, site atoll.SiteID) (map[atoll.SiteID]Connection, error) {
	if err := c.Flush(ctx); err != nil {
		return nil, err
	}
	out, now := map[atoll.SiteID]Connection{}, c.Now()
	err := c.Store.View(ctx, func(r storage.Reader) error {
		clear(out)
		after, most := "", 0
		if site != 0 {
			after, most = siteKey(site-1), 1
		}
		items, err := r.Scan(shelfConnected, after, most, false)
		if err != nil {
			return err
		}
		for _, it := range items {
			id, err := strconv.Atoi(it.Key)
			if err != nil || site != 0 && atoll.SiteID(id) != site {
				continue
			}
			var days []ConnectedDay
			if err := storage.Decode(shelfConnected, it, &days); err != nil {
				return err
			}
			out[atoll.SiteID(id)] = ConnectionOf(days, now)
		}
		return nil
	})
	return out, err
}
