package bench

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
)

var idle = workload{
	"W3", "A cycle in which nothing happens",
	"A site that has everything synchronises again over its open connection; what goes over the connection is counted between the two, headers of HTTP included. " +
		"Encryption adds its own framing to each way, which is not counted.",
	func(r *run) error {
		return r.overLine(func(one func(do ...journal.Proposal) (counted, error), _ *goods) error {
			var both, up, trips []float64
			for range r.size(20, 3) {
				c, err := one()
				if err != nil {
					return err
				}
				both, up, trips = append(both, float64(c.up+c.down)), append(up, float64(c.up)), append(trips, float64(c.trips))
			}
			r.add(figure("bytes both ways", "B", both, nil, atMost(250)))
			r.add(figure("of them up", "B", up, nil, nil))
			r.add(figure("round trips", "", trips, nil, atMost(1)))
			return nil
		})
	},
}

var few = workload{
	"W3b", "A cycle with two new records",
	"As W3, but the site has written a transaction of two lines of an invoice since the last cycle. The payload is what such a cycle has over an idle one, up and down, headers included.",
	func(r *run) error {
		return r.overLine(func(one func(do ...journal.Proposal) (counted, error), g *goods) error {
			var payload, trips []float64
			for range r.size(20, 3) {
				empty, err := one()
				if err != nil {
					return err
				}
				c, err := one(g.line(), g.line())
				if err != nil {
					return err
				}
				payload = append(payload, float64(c.up+c.down-empty.up-empty.down)/2)
				trips = append(trips, float64(c.trips))
			}
			r.add(figure("payload a record", "B", payload, nil, atMost(110)))
			r.add(figure("round trips", "", trips, nil, atMost(1)))
			return nil
		})
	},
}

// overLine lets a site that has everything exchange with its centre over a line
// that counts. One writes an entry, if there is something to write, and runs a
// cycle.
func (r *run) overLine(then func(one func(do ...journal.Proposal) (counted, error), g *goods) error) error {
	_, err := r.found("system", func(centre *served, site *host.Host, s *system) (err error) {
		g := newGoods(1, s.store, s.items)
		do := []journal.Proposal{g.header()}
		for _, it := range s.items {
			do = append(do, g.shelf(it))
		}
		l, err := newLine(centre.url)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		if _, err := site.ChangeAddress(r, "admin", password, l.url(), ""); err != nil {
			return err
		}
		one := func(do ...journal.Proposal) (counted, error) {
			if len(do) > 0 {
				if err := edit(r, site, do...); err != nil {
					return counted{}, err
				}
			}
			before := l.count()
			row, err := site.Site.Cycle(r)
			after := l.count()
			if err == nil && (row.Applied != min(len(do), 1) || after.opened != before.opened) {
				err = atoll.Errorf(atoll.Internal, "the cycle was not what it was to be: %d applied, %d connections opened", row.Applied, after.opened-before.opened)
			}
			return counted{up: after.up - before.up, down: after.down - before.down, trips: after.trips - before.trips}, err
		}
		// What it has to say of itself first, and what it hears of its centre, is said.
		if err := edit(r, site, do...); err != nil {
			return err
		}
		for range 4 {
			if _, err := site.Site.Cycle(r); err != nil {
				return err
			}
		}
		return then(one, g)
	})
	return err
}
