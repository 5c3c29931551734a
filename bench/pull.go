package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
)

var pull = workload{
	"W2", "A new site pulls 50,000 records into its own database",
	"The centre has 50,000 lines of invoices of a site whose database was lost. The site begins anew, with an empty database, and synchronises until it may be used: " +
		"everything received, checked and integrated. The floor reads the same records 500 a request and writes them into a database of its own, one transaction a request.",
	func(r *run) error { return r.pull() },
}

func (r *run) pull() error {
	records := r.size(50000, 2000)
	r.say(0, 0, "makes %d records", records)
	var batches [][]item
	made, err := r.found("pull", func(_ *served, site *host.Host, s *system) error {
		if err := r.lines(site, s, records, &batches); err != nil {
			return err
		}
		_, err := site.Site.Cycle(r)
		return err
	})
	if err != nil {
		return err
	}
	n := 0
	ours, bare, err := r.pairs(
		func() (measured, error) { n++; return r.pullOurs(made, filepath.Join(r.dir, fmt.Sprint("ours-", n))) },
		func() (measured, error) { return r.pullBare(batches) })
	if err != nil {
		return err
	}
	r.addRates("records", ours, bare, ratioAtLeast(0.5))
	return nil
}

// lines writes records at the site, ten a transaction, and notes them in batches
// for the floor.
func (r *run) lines(site *host.Host, s *system, records int, batches *[][]item) error {
	g := newGoods(1, s.store, s.items)
	do := []journal.Proposal{g.header()}
	for _, it := range s.items {
		do = append(do, g.shelf(it))
	}
	if err := edit(r, site, do...); err != nil {
		return err
	}
	const each = 10
	return edits(r, site, records/each, func(int) (do []journal.Proposal) {
		for range each {
			p := g.line()
			if do = append(do, p); batches == nil {
				continue
			}
			if b := *batches; len(b) == 0 || len(b[len(b)-1]) == batch {
				*batches = append(b, nil)
			}
			(*batches)[len(*batches)-1] = append((*batches)[len(*batches)-1], asItem(p))
		}
		return do
	})
}

func (r *run) pullOurs(made *system, dir string) (m measured, err error) {
	s, err := made.copied(dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	centre, err := r.serve(s.centre(), s.listen)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, centre.stop()) }()
	old, err := host.Open(r, r.config(s.site(), "127.0.0.1:0"))
	if err != nil {
		return m, err
	}
	if _, _, err := old.Reinitialise(r); err != nil {
		return m, err
	}
	site, err := host.Open(r, r.config(s.site(), "127.0.0.1:0"))
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	watch := r.watch()
	row, err := site.Site.Cycle(r)
	m.wall, m.cpu = watch.stop()
	m.n = float64(row.Received)
	if err != nil {
		return m, err
	}
	if err := site.Store.View(r, site.Site.Usable); err != nil {
		return m, err
	}
	if row.Integrated.Waiting > 0 {
		return m, atoll.Errorf(atoll.Internal, "%d records were not integrated", row.Integrated.Waiting)
	}
	return m, nil
}

func (r *run) pullBare(batches [][]item) (m measured, err error) {
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
	for _, b := range batches {
		if err := floor.write(b); err != nil {
			return m, err
		}
	}
	own, err := newFloorStore(filepath.Join(dir, "floor-site.db"))
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, own.close()) }()
	client := newFloorClient(floor.url, 1)
	watch := start()
	for after := int64(0); ; {
		page, last, err := client.exchange(r, nil, after, batch)
		if err != nil {
			return m, err
		}
		if len(page) == 0 {
			break
		}
		if err := own.write(page); err != nil {
			return m, err
		}
		m.n += float64(len(page))
		after = last
	}
	m.wall, m.cpu = watch.stop()
	return m, nil
}
