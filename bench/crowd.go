package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/atollsync/atoll/journal"
)

var crowd = workload{
	"W5", "200 sites at once, each pushing two records and pulling, for 30 s",
	"Each of 200 sites pushes a transaction of two lines and pulls what there is, again and again, over a connection of its own that stays open: " +
		"speaking the real protocol to the real server, from memory. The floor takes two records a request, one transaction each, and reads what came after the caller's position. " +
		"The 30 s are cut into turns of ten with each side. The server's limit on requests altogether (1,000 a second) is lifted.",
	func(r *run) error { return r.crowd() },
}

func (r *run) crowd() error {
	sites := r.size(200, 20)
	turn := 10 * time.Second
	if r.Short {
		turn = 2 * time.Second
	}
	r.runs = r.size(3, 1)
	dir := filepath.Join(r.dir, "centre")
	centre, n, fleet, err := r.centreOf(dir, sites, 50, sites)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, centre.stop()) }()
	defer fleet.close()
	places := make([]int, sites)
	for i := range places {
		places[i] = i
	}
	clinics, err := r.clinics(centre.Host, n, fleet, places)
	if err != nil {
		return err
	}
	for _, c := range clinics {
		if _, err := c.cycle(r, c.write(c.goods.header())); err != nil {
			return err
		}
	}
	ours, bare, err := r.pairs(
		func() (measured, error) {
			return r.together(r.watch(), sites, turn, func(ctx context.Context, i int) error {
				c := clinics[i]
				_, err := c.cycle(ctx, c.write(c.goods.line(), c.goods.line()))
				return err
			})
		},
		func() (measured, error) { return r.crowdBare(sites, turn, clinics) })
	if err != nil {
		return err
	}
	r.addRates("cycles", ours, bare, ratioAtLeast(1))
	var p50, p99, b99 []float64
	for i := range ours {
		p50 = append(p50, percentile(ours[i].latencies, 0.5).Seconds()*1000)
		p99 = append(p99, percentile(ours[i].latencies, 0.99).Seconds()*1000)
		b99 = append(b99, percentile(bare[i].latencies, 0.99).Seconds()*1000)
	}
	r.add(figure("a cycle takes, median", "ms", p50, nil, nil))
	r.add(figure("a cycle takes, 99th percentile", "ms", p99, b99, atMost(1000)))
	return nil
}

// together runs the work on so many goroutines for a while, and measures each.
func (r *run) together(watch stopwatch, workers int, long time.Duration, work func(ctx context.Context, i int) error) (m measured, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(r)
	defer cancel()
	end := time.Now().Add(long)
	for i := range workers {
		wg.Go(func() {
			var took []time.Duration
			for time.Now().Before(end) && ctx.Err() == nil {
				began := time.Now()
				if werr := work(ctx, i); werr != nil {
					mu.Lock()
					err = errors.Join(err, fmt.Errorf("worker %d: %w", i, werr))
					mu.Unlock()
					cancel()
					return
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			m.latencies = append(m.latencies, took...)
			mu.Unlock()
		})
	}
	wg.Wait()
	m.wall, m.cpu = watch.stop()
	m.n = float64(len(m.latencies))
	return m, err
}

func (r *run) crowdBare(sites int, turn time.Duration, clinics []*clinic) (m measured, err error) {
	dir, err := os.MkdirTemp(r.dir, "bare-")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	floor, err := startFloor(dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, floor.close()) }()
	client := newFloorClient(floor.url, sites)
	return r.together(start(), sites, turn, func(ctx context.Context, i int) error {
		var up []item
		for _, p := range []journal.Proposal{clinics[i].goods.line(), clinics[i].goods.line()} {
			up = append(up, asItem(p))
		}
		// There is nothing new for the caller, as there is nothing for Atoll's sites.
		_, _, err := client.exchange(ctx, up, 1<<62, batch)
		return err
	})
}
