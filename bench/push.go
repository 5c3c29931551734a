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

const batch = 500 // records in one request, and in one transaction of the floor

var push = workload{
	"W1", "One site pushes 50,000 records",
	"A site has 50,000 lines of invoices that the centre lacks, each in a transaction of its own, and synchronises: 500 transactions a request. " +
		"Its program reads its journal, the centre's checks every record, writes it with its place in the feed, and keeps the site's journal. " +
		"Both run in one process. The floor sends the same records in the same batches and writes them, one transaction a batch. " +
		"Measured again with ten lines a transaction, as an invoice is usually made.",
	func(r *run) error {
		for _, each := range []int{1, 10} {
			if err := r.push(each); err != nil {
				return err
			}
		}
		return nil
	},
}

func (r *run) push(each int) error {
	records := r.size(50000, 20000)
	var batches [][]item
	r.say(0, 0, "makes %d records, %d a transaction", records, each)
	made, err := r.found(fmt.Sprintf("push-%d", each), func(_ *served, site *host.Host, s *system) error {
		g := newGoods(1, s.store, s.items)
		do := []journal.Proposal{g.header()}
		for _, it := range s.items {
			do = append(do, g.shelf(it))
		}
		if err := edit(r, site, do...); err != nil {
			return err
		}
		if _, err := site.Site.Cycle(r); err != nil {
			return err
		}
		return edits(r, site, records/each, func(int) (do []journal.Proposal) {
			for range each {
				p := g.line()
				if do = append(do, p); len(batches) == 0 || len(batches[len(batches)-1]) == batch {
					batches = append(batches, nil)
				}
				batches[len(batches)-1] = append(batches[len(batches)-1], asItem(p))
			}
			return do
		})
	})
	if err != nil {
		return err
	}
	bytes := 0
	for _, b := range batches {
		for _, it := range b {
			bytes += len(it.body)
		}
	}
	n := 0
	ours, bare, err := r.pairs(
		func() (measured, error) {
			n++
			return r.pushOurs(made, filepath.Join(r.dir, fmt.Sprint("ours-", each, "-", n)), records)
		},
		func() (measured, error) { return r.pushBare(batches) })
	if err != nil {
		return err
	}
	what := "records"
	target := ratioAtLeast(0.5)
	if each > 1 {
		what, target = fmt.Sprintf("records, %d a transaction", each), nil
	} else {
		r.note("A record's body has %d bytes.", bytes/records)
	}
	r.addRates(what, ours, bare, target)
	return os.RemoveAll(made.dir)
}

// pushOurs lets the real site push to the real centre.
func (r *run) pushOurs(made *system, dir string, records int) (m measured, err error) {
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
	site, err := host.Open(r, r.config(s.site(), "127.0.0.1:0"))
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	watch := r.watch()
	row, err := site.Site.Cycle(r)
	m.n = float64(records)
	m.wall, m.cpu = watch.stop()
	if err == nil && (row.Quarantined > 0 || row.Applied != row.Sent) {
		err = atoll.Errorf(atoll.Internal, "of %d entries sent %d were applied and %d refused", row.Sent, row.Applied, row.Quarantined)
	}
	return m, err
}

func (r *run) pushBare(batches [][]item) (m measured, err error) {
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
	client := newFloorClient(floor.url, 1)
	// The site's records are in its database: the floor's are, too.
	own, err := newFloorStore(filepath.Join(dir, "floor-site.db"))
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, own.close()) }()
	for _, b := range batches {
		if err := own.write(b); err != nil {
			return m, err
		}
	}
	watch := start()
	for after := int64(0); ; {
		page, last, err := own.page(after, batch)
		if err != nil {
			return m, err
		}
		if len(page) == 0 {
			break
		}
		if _, _, err := client.exchange(r, page, 0, 0); err != nil {
			return m, err
		}
		m.n += float64(len(page))
		after = last
	}
	m.wall, m.cpu = watch.stop()
	return m, nil
}
