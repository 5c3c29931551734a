package bench

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

var wide = workload{
	"W4", "One central record changed, with 10, 1,000 and 40,000 sites",
	"Three centres, one with 10 sites registered, one with 1,000, one with 40,000, each site with a store and visible stores. In turns, the name of an item is changed at each, " +
		"which every site gets, and then one site pulls. Each figure is a median of medians; the ratios are to the centre with 10 sites, measured in the same turns.",
	func(r *run) error { return r.wide() },
}

func (r *run) wide() (err error) {
	type one struct {
		sites        int
		centre       *served
		clinic       *clinic
		writes, read []float64 // ms, a median for each turn
		last         time.Time // when the site last asked
	}
	var all []*one
	for _, sites := range []int{10, r.size(1000, 100), r.size(40000, 500)} {
		o := &one{sites: sites}
		var n *nation
		var f *fleet
		if o.centre, n, f, err = r.centreOf(filepath.Join(r.dir, fmt.Sprint(sites)), sites, 100, 4); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.centre.stop()) }()
		defer f.close()
		c, err := r.clinics(o.centre.Host, n, f, []int{sites/2 + 1}) // one like the others, not a district's own
		if err != nil {
			return err
		}
		o.clinic = c[0]
		all = append(all, o)
	}
	change := func(o *one, i int) (wrote, pulled time.Duration, err error) {
		item := atoll.Key{Type: "item", ID: o.clinic.goods.items[i%items]}
		began := time.Now()
		if err := edit(r, o.centre.Host, journal.Proposal{Verb: atoll.Update, Key: item, Fields: atoll.Fields{}.Set("name", fmt.Sprint("Item, change ", i))}); err != nil {
			return 0, 0, err
		}
		wrote = time.Since(began)
		// A centre takes twenty exchanges a second from one site.
		time.Sleep(time.Until(o.last.Add(60 * time.Millisecond)))
		began = time.Now()
		o.last = began
		t, err := o.clinic.cycle(r)
		if err == nil && (t.records != 1 || t.exchanges != 1) {
			err = atoll.Errorf(atoll.Internal, "the site got %d records in %d exchanges; want the one that changed", t.records, t.exchanges)
		}
		return wrote, time.Since(began), err
	}
	turns, each := r.size(9, 2), r.size(40, 5)
	for turn := range turns {
		r.say(turn, turns, "turn %d of %d", turn+1, turns)
		writes, pulls := make([][]float64, len(all)), make([][]float64, len(all))
		for i := range each + 2 {
			for k, o := range all {
				w, p, err := change(o, turn*1000+i)
				if err != nil {
					return err
				}
				if i < 2 {
					continue // the first after another centre's turn
				}
				writes[k], pulls[k] = append(writes[k], w.Seconds()*1000), append(pulls[k], p.Seconds()*1000)
			}
		}
		for k, o := range all {
			o.writes, o.read = append(o.writes, spread(writes[k]).Median), append(o.read, spread(pulls[k]).Median)
		}
	}
	for _, o := range all {
		var target *Target
		if o.sites != all[0].sites {
			target = &Target{Value: 1.2, Ratio: true}
		}
		r.add(figure(fmt.Sprintf("the write, %d sites", o.sites), "ms", o.writes, all[0].writes, target))
		r.add(figure(fmt.Sprintf("one site's pull, %d sites", o.sites), "ms", o.read, all[0].read, target))
	}
	return nil
}
