package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// What W6 is a day in the life of.
const (
	countrySites   = 40000
	countryRate    = 133 // cycles a second: each site every five minutes
	countryLarge   = 10  // sites with patients
	largePatients  = 10000
	signInsIn      = 12 // a site signs in once an hour, so in one cycle of so many
	mostUnderWay   = 2000
	countryMinutes = 2
)

var country = workload{
	"W6", "A country: 40,000 sites, 133 cycles a second for two minutes",
	"The centre, a process of its own, has 40,000 sites registered, each with a store that sees the store of its district of 400; ten of them have 10,000 patients each. " +
		"For two minutes sites are drawn at random, 133 a second at random moments, whether or not the earlier ones have ended; each pushes a transaction of two records and pulls. " +
		"One in twelve signs in first. A cycle's time counts from the moment at which it was due. The sites share connections, as behind a reverse proxy that does the encryption.",
	func(r *run) error { return r.country() },
}

func (r *run) country() error {
	sites := r.size(countrySites, 500)
	long := time.Duration(r.size(countryMinutes*60, 10)) * time.Second
	dir := filepath.Join(r.dir, "centre")
	began := time.Now()
	centre, n, fleet, err := r.centreOf(dir, sites, 400, 256)
	if err != nil {
		return err
	}
	defer fleet.close()
	clinics, err := r.populate(centre, n, fleet, sites, int(long.Seconds()*countryRate*1.2)+100)
	if err = errors.Join(err, centre.stop()); err != nil {
		return err
	}
	r.note("The country was made in %s.", time.Since(began).Truncate(time.Second))
	p, err := r.start(dir, centre.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = p.stop() }()
	r.say(0, 0, "%d sites, %d cycles a second for %s", sites, countryRate, long)
	before := p.usage()
	m, late, busy, err := r.draw(clinics, long)
	if err != nil {
		return err
	}
	after := p.usage()
	if err := p.stop(); err != nil {
		return err
	}
	r.add(figure("cycles", "1/s", []float64{m.n / m.wall}, nil, atLeast(0.97*countryRate)))
	for _, q := range []struct {
		name   string
		p      float64
		target *Target
	}{{"a cycle takes, median", 0.5, nil}, {"a cycle takes, 99th percentile", 0.99, atMost(1000)}, {"a cycle takes, longest", 1, nil}} {
		r.add(figure(q.name, "ms", []float64{percentile(m.latencies, q.p).Seconds() * 1000}, nil, q.target))
	}
	r.add(figure("cycles not begun, for so many were under way", "", []float64{float64(late)}, nil, atMost(0)))
	r.add(figure("cycles told that the centre is busy", "", []float64{float64(busy)}, nil, atMost(0)))
	if after.peak > 0 {
		r.add(figure("most memory the centre had", "MiB", []float64{float64(after.peak) / (1 << 20)}, nil, atMost(1024)))
		r.add(figure("processor time a cycle, at the centre", "ms", []float64{(after.cpu - before.cpu).Seconds() * 1000 / m.n}, nil, nil))
	}
	return nil
}

// populate gives the large sites their patients, and returns the sites to draw
// from.
func (r *run) populate(centre *served, n *nation, fleet *fleet, sites, most int) ([]*clinic, error) {
	patients := r.size(largePatients, 500)
	places := rand.New(rand.NewPCG(1, 1)).Perm(sites)
	large, err := r.clinics(centre.Host, n, fleet, places[:r.size(countryLarge, 1)])
	if err != nil {
		return nil, err
	}
	for i, c := range large {
		r.say(i, len(large), "registers %d patients", patients)
		if err := r.register(centre.Host, c, patients); err != nil {
			return nil, err
		}
	}
	rest := places[len(large):]
	r.say(0, 0, "signs sites in")
	small, err := r.clinics(centre.Host, n, fleet, rest[:min(most, len(rest))])
	return append(large, small...), err
}

// register has the site push patients who are visible in its store.
func (r *run) register(h *host.Host, c *clinic, patients int) error {
	const together = 250
	var t *topology.Topology
	if err := h.Store.View(r, func(v storage.Reader) (err error) { t, err = h.Station.Door.Topology(v); return err }); err != nil {
		return err
	}
	for from := 0; from < patients; from += together {
		var do []journal.Proposal
		for i := from; i < min(from+together, patients); i++ {
			do = append(do, c.patient(i)...)
		}
		e := c.write(do...)
		for i := range e.Operations {
			op := &e.Operations[i]
			def, _ := h.Catalogue.Lookup(op.Type)
			owner, err := authority.MayWrite(t, c.site, op.Verb, authority.Subject{Def: def, Key: op.Key, Fields: op.Fields, Home: c.store})
			if err != nil {
				return err
			}
			op.Epoch = owner.Epoch
		}
		if _, err := c.cycle(r, e); err != nil {
			return err
		}
	}
	return nil
}

// patient is a patient at home in the clinic's store, and visible there.
func (c *clinic) patient(i int) []journal.Proposal {
	g := c.goods
	id, first, last := g.id(), g.name(), g.name()
	return []journal.Proposal{
		{Verb: atoll.Insert, Key: atoll.Key{Type: "patient", ID: id}, Fields: atoll.Fields{}.
			Set("name", last+", "+first).Set("first_name", first).Set("last_name", last).Set("code", fmt.Sprintf("%d-%05d", c.site, i)).
			Set("home_store_id", c.store).Set("status", "active").
			Set("date_of_birth", fmt.Sprintf("%d-%02d-%02d", 1940+g.IntN(85), 1+g.IntN(12), 1+g.IntN(28))).
			Set("gender", "female").Set("address1", "Village Road").Set("phone", fmt.Sprintf("%07d", g.IntN(1e7)))},
		{Verb: atoll.Insert, Key: atoll.Key{Type: "patient_store_join", ID: atoll.DeriveID("bench join", string(id))}, Fields: atoll.Fields{}.
			Set("patient_id", id).Set("store_id", c.store)},
	}
}

// draw begins cycles at random moments, each of another site, and measures from
// when each was due. Late is how many were not begun, since too many were under
// way; busy how many the centre told to come back, which a site does by itself.
func (r *run) draw(clinics []*clinic, long time.Duration) (m measured, late, busy int, err error) {
	ctx, cancel := context.WithCancel(r)
	defer cancel()
	random := rand.New(rand.NewPCG(2, 2))
	places := make(chan struct{}, mostUnderWay)
	var mu sync.Mutex
	var wg sync.WaitGroup
	watch := start()
	began := time.Now()
	due := began
	for i := 0; ctx.Err() == nil; i++ {
		due = due.Add(time.Duration(random.ExpFloat64() / countryRate * float64(time.Second)))
		if due.Sub(began) > long {
			break
		}
		time.Sleep(time.Until(due))
		select {
		case places <- struct{}{}:
		default:
			late++
			continue
		}
		c, at, first := clinics[i%len(clinics)], due, i < len(clinics) && i%signInsIn == 0
		wg.Go(func() {
			defer func() { <-places }()
			err1 := c.visit(ctx, first)
			took := time.Since(at)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err1, atoll.Busy) {
				busy++
				return
			}
			if err1 != nil {
				// One is enough: a site would try again, but no error is what is asked.
				err = cmp.Or(err, fmt.Errorf("site %d, %s after it was due: %w", c.site, took.Truncate(time.Millisecond), err1))
				cancel()
				return
			}
			m.latencies = append(m.latencies, took)
		})
	}
	wg.Wait()
	m.wall, m.cpu = watch.stop()
	m.n = float64(len(m.latencies))
	return m, late, busy, err
}

// visit is one cycle: two records up, and what there is down.
func (c *clinic) visit(ctx context.Context, signIn bool) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	if signIn {
		if err := c.signInOver(ctx); err != nil {
			return err
		}
	}
	_, err := c.cycle(ctx, c.write(c.goods.header(), c.goods.line()))
	return err
}
