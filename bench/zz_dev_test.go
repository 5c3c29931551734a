package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

func TestDevCountry(t *testing.T) {
	base := os.Getenv("DEV_COUNTRY")
	if base == "" {
		t.Skip()
	}
	sites := 40000
	r := &run{Options: Options{Program: os.Getenv("DEV_PROGRAM"), Now: time.Now, Progress: func(p Progress) { fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), p.Words, p.Done) }}, Context: t.Context(), work: &country, dir: base, runs: 1}
	if _, err := os.Stat(base + "/made"); err != nil {
		os.MkdirAll(base, 0o700)
		centre, _, fleet, err := r.centreOf(base+"/centre", sites, 400, 256)
		if err != nil {
			t.Fatal(err)
		}
		fleet.close()
		if err := centre.stop(); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(base+"/made", nil, 0o600)
	}
	if os.Getenv("DEV_PROGRAM") == "" {
		return
	}
	dir := base + "/run"
	os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(base+"/centre")); err != nil {
		t.Fatal(err)
	}
	listen, _ := freeAddress()
	c, err := r.serve(dir, listen)
	if err != nil {
		t.Fatal(err)
	}
	n := &nation{district: 400}
	for i := range items {
		n.items = append(n.items, atoll.DeriveID("bench item", fmt.Sprint(i)))
	}
	for i := range sites {
		n.sites = append(n.sites, atoll.SiteID(2+i))
		n.stores = append(n.stores, atoll.DeriveID("bench store", fmt.Sprint(i)))
	}
	f, err := newFleet(c.Host, c.url, 256)
	if err != nil {
		t.Fatal(err)
	}
	clinics, err := r.clinics(c.Host, n, f, rand.New(rand.NewPCG(1, 1)).Perm(sites)[:12000])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	p, err := r.start(dir, c.Listen)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "ready after", p.ready, p.usage())
	defer p.stop()
	before := p.usage()
	m, late, err := r.draw(clinics, 60*time.Second)
	after := p.usage()
	fmt.Fprintln(os.Stderr, err, "n", m.n, "late", late, "p50", percentile(m.latencies, .5), "p99", percentile(m.latencies, .99), "max", percentile(m.latencies, 1),
		"cpu/cycle", (after.cpu-before.cpu)/time.Duration(max(m.n, 1)), "peak MiB", after.peak>>20, "rss", after.resident>>20)
}

func TestDevSite(t *testing.T) {
	if os.Getenv("DEV_SITE100K") == "" {
		t.Skip()
	}
	base := os.Getenv("DEV_SITE100K")
	os.RemoveAll(base)
	os.MkdirAll(base, 0o700)
	r := &run{Options: Options{Now: time.Now}, Context: t.Context(), work: &small, dir: base, runs: 1}
	made, err := r.found("small", func(_ *served, site *host.Host, s *system) error {
		if err := r.lines(site, s, 100000, nil); err != nil {
			return err
		}
		_, err := site.Site.Cycle(r)
		return err
	})
	fmt.Println(made, err)
}
