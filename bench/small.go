package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

// The slow line of W7: 128 kbit/s each way, 600 ms there and back, cut every two
// minutes in the middle of what it carries.
const (
	slowRate  = 128000 / 8
	slowDelay = 600 * time.Millisecond
	slowCuts  = 2 * time.Minute
)

var small = workload{
	"W7", "A site with 100,000 records",
	"The site's program, a process of its own, starts on a database with 100,000 records, and is ready when it answers; its memory is read when it has been idle for ten seconds, and the most it ever had, which the first start has: the site's stock is then compared with its documents. " +
		"The first load goes over a line of 128 kbit/s with 600 ms there and back, which is cut every two minutes. The line is simulated: a proxy passes bytes on as fast as it can, and sets forward a clock that " +
		"both ends go by, by what the line would have taken: each byte its time, each change of direction 600 ms, each new connection two trips more, for TCP and TLS. " +
		"What is not line is the time it really took, in which the line would have been idle. The same load again without the line, in a process of its own, for its memory.",
	func(r *run) error { return r.small() },
}

func (r *run) small() error {
	records := r.size(100000, 3000)
	r.say(0, 0, "makes %d records", records)
	made, err := r.found("small", func(_ *served, site *host.Host, s *system) error {
		if err := r.lines(site, s, records, nil); err != nil {
			return err
		}
		_, err := site.Site.Cycle(r)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.firstLoad(made); err != nil {
		return err
	}
	return r.resident(made)
}

// begun gives the site of the system an empty database.
func (r *run) begun(s *system) error {
	old, err := host.Open(r, r.config(s.site(), "127.0.0.1:0"))
	if err != nil {
		return err
	}
	_, _, err = old.Reinitialise(r)
	return err
}

// emptied is a copy of the system whose site has an empty database and whose centre
// serves; done ends it and removes it.
func (r *run) emptied(made *system, folder string) (s *system, centre *served, done func() error, err error) {
	s, err = made.copied(filepath.Join(r.dir, folder))
	if err != nil {
		return nil, nil, nil, err
	}
	removed := func(err error) error { return errors.Join(err, os.RemoveAll(s.dir)) }
	if err := r.begun(s); err != nil {
		return nil, nil, nil, removed(err)
	}
	centre, err = r.serve(s.centre(), s.listen)
	if err != nil {
		return nil, nil, nil, removed(err)
	}
	return s, centre, func() error { return removed(centre.stop()) }, nil
}

// firstLoad loads everything over the slow line.
func (r *run) firstLoad(made *system) (err error) {
	s, centre, done, err := r.emptied(made, "slow")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	l, err := newLine(centre.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	c := r.config(s.site(), "127.0.0.1:0")
	c.Now = l.now
	site, err := host.Open(r, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	if _, err := site.ChangeAddress(r, "admin", password, l.url(), ""); err != nil {
		return err
	}
	l.slow(slowRate, slowDelay, slowCuts)
	before := l.count()
	began := time.Now()
	received, failed := 0, 0
	for {
		row, err := site.Site.Cycle(r)
		received += row.Received
		if err == nil {
			break
		}
		if failed++; !errors.Is(err, atoll.Interrupted) && !errors.Is(err, atoll.Unavailable) || failed > 1000 {
			return fmt.Errorf("after %d records: %w", received, err)
		}
		r.say(received, 0, "first load, cut %d times", failed)
	}
	own := time.Since(began)
	if err := site.Store.View(r, site.Site.Usable); err != nil {
		return err
	}
	after := l.count()
	line := after.virtual - before.virtual
	both := float64(after.up - before.up + after.down - before.down)
	r.add(figure("first load: bytes", "MiB", []float64{both / (1 << 20)}, nil, nil))
	r.add(figure("first load: bytes a record", "B", []float64{both / float64(received)}, nil, nil))
	r.add(figure("first load: time", "min", []float64{(line + own).Minutes()}, nil, nil))
	r.add(figure("first load: share of it that is not the line", "%", []float64{100 * own.Seconds() / (line + own).Seconds()}, nil, nil))
	r.add(figure("first load: share of it that is waiting for answers", "%", []float64{100 * float64(after.trips-before.trips) * slowDelay.Seconds() / (line + own).Seconds()}, nil, nil))
	r.note("The line was cut %d times; %d records came, those that came twice included.", after.cuts-before.cuts, received)
	return nil
}

// resident looks at the memory of a site's process, and at how fast it starts.
func (r *run) resident(made *system) (err error) {
	s, _, done, err := r.emptied(made, "fast")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	r.say(0, 0, "first load, in a process of its own")
	load := exec.CommandContext(r, r.Program, "sync", "--data", s.site())
	used, err := most(load)
	if err != nil {
		return err
	}
	var ready, resident, peak []float64
	for i := range r.size(5, 2) {
		r.say(i, r.size(5, 2), "start %d", i+1)
		listen, err := freeAddress()
		if err != nil {
			return err
		}
		p, err := r.start(s.site(), listen)
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(r.size(10, 1)) * time.Second)
		u := p.usage()
		if err := p.stop(); err != nil {
			return err
		}
		ready = append(ready, p.ready.Seconds()*1000)
		resident = append(resident, float64(u.resident)/(1<<20))
		peak = append(peak, float64(u.peak)/(1<<20))
	}
	r.add(figure("from start to ready", "ms", ready, nil, atMost(1000)))
	if spread(peak).Max > 0 {
		r.add(figure("resident memory", "MiB", resident, nil, atMost(64)))
		r.add(figure("most memory in any of the starts", "MiB", []float64{slices.Max(peak)}, nil, atMost(128)))
	}
	if used > 0 {
		r.add(figure("most memory during the first load", "MiB", []float64{float64(used) / (1 << 20)}, nil, atMost(128)))
	}
	return nil
}
