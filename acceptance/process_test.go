package acceptance_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
)

const items = 3000

// seed draws where lines are cut and who is killed.
var seed = flag.Uint64("seed", 20261121, "where lines are cut and who is killed")

// system is a centre that serves, and two sites that sync by command, through a
// bad line.
type system struct {
	t      *testing.T
	dir    string
	proxy  *proxy
	centre *server
	random *rand.Rand
	most   int // bytes until a cut, at most
	kills  int // of either end
}

func (s *system) data(name string) string { return filepath.Join(s.dir, name) }

// serve starts the centre, on another port each time.
func (s *system) serve() {
	s.t.Helper()
	c, err := begin(environment("ATOLL_DEVICE=test machine"), "--data", s.data("centre"), "serve", "--listen", "127.0.0.1:0", "--json")
	if err != nil {
		s.t.Fatal(err)
	}
	s.centre = c
	s.proxy.set(func() { s.proxy.target = strings.TrimPrefix(c.url, "http://") })
}

// open opens an installation in this process, while no other writes much.
func (s *system) open(name string) *host.Host {
	s.t.Helper()
	h, err := host.Open(context.WithoutCancel(s.t.Context()), host.Config{Data: s.data(name), Device: "test machine"})
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

// work makes n invoices at a site, one entry each, or items at the centre in
// entries of 500.
func (s *system) work(name string, n int, store atoll.ID) {
	s.t.Helper()
	h := s.open(name)
	defer h.Close()
	var do []journal.Proposal
	flush := func() {
		if _, err := h.Station.Edit(s.t.Context(), journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: do}); err != nil {
			s.t.Fatal(err)
		}
		do = nil
	}
	for i := range n {
		p := journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: atoll.NewID(time.Now())}, Fields: atoll.Fields{}.
			Set("store_id", store).Set("kind", "customer_invoice").Set("status", "new").Set("comment", fmt.Sprint(name, " ", i))}
		if store == "" {
			p.Key.Type, p.Fields = "item", atoll.Fields{}.Set("code", fmt.Sprint(s.random.Uint64())).
				Set("name", fmt.Sprintf("Item %d %x", i, s.random.Uint64())).Set("kind", "stock").Set("status", "active")
		}
		if do = append(do, p); store != "" || len(do) == 500 {
			flush()
		}
	}
	if len(do) > 0 {
		flush()
	}
}

// sync lets a site synchronise until a whole cycle goes through. Every cut may take
// the site's own process with it, or the centre's.
func (s *system) sync(name string, cuts int, kill, killCentre int) (tries int) {
	s.t.Helper()
	begun := s.proxy.cut()
	for tries = 1; ; tries++ {
		victim, centre := kill > 0 && s.random.IntN(3) == 0, killCentre > 0 && s.random.IntN(4) == 0
		process := make(chan *os.Process, 1)
		s.proxy.set(func() {
			s.proxy.onCut = func() {
				if victim {
					select {
					case p := <-process:
						_ = p.Kill()
					default:
					}
				}
				if centre {
					_ = s.centre.cmd.Process.Kill()
				}
			}
			s.proxy.least, s.proxy.most = 0, 0
			if s.proxy.cuts-begun < cuts {
				s.proxy.least, s.proxy.most = 200, s.most
			}
		})
		before := s.proxy.cut()
		r, err := run(s.t.Context(), func(p *os.Process) { process <- p }, "--data", s.data(name), "sync", "--json")
		if err != nil {
			s.t.Fatal(err)
		}
		if s.proxy.cut() > before {
			if victim {
				kill--
				s.kills++
			}
			if centre {
				killCentre--
				s.kills++
				s.centre.kill()
				s.serve()
			}
		}
		switch {
		case r.status == 0:
			return tries
		case r.status != 4 && !victim && !centre:
			s.t.Fatalf("try %d of %s: status %d\n%s", tries, name, r.status, r.errOut)
		case tries > cuts+60:
			s.t.Fatalf("%s does not get on: %d tries, %d cuts\n%s", name, tries, s.proxy.cut()-begun, r.errOut)
		}
	}
}

// Real processes over a line that is cut at random bytes, with either end killed
// at random moments: a site initialises with three thousand records, both sites
// push and pull, and at the end owner and replicas are equal row by row, every
// chain is whole, and nothing is there twice.
//
// R-L-05, R-L-13, R-L-01 and R-L-03 (work goes on without the centre, and arrives
// when it is back), R-L-04, R-H-23, R-A-09, R-A-18, R-K-32 (a job survives kill
// -9), R-K-57.
func TestBadLinesAndPowerCuts(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred processes take their time")
	}
	p, err := newProxy(*seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.ln.Close() })
	s := &system{t: t, dir: t.TempDir(), proxy: p, random: rand.New(rand.NewPCG(*seed, 1)), most: 6000}
	t.Log("seed", *seed)
	must(t, nil, "--data", s.data("centre"), "init", "central", "--name", "Head office")
	s.work("centre", items, "")
	s.serve()
	t.Cleanup(func() { s.centre.kill() })
	stores := map[string]atoll.ID{}
	for _, code := range []string{"N", "S"} {
		var store struct{ ID atoll.ID }
		must(t, &store, "--data", s.data("centre"), "store", "add", code, "Store "+code)
		stores[code] = store.ID
		var made struct{ Ticket string }
		must(t, &made, "--data", s.data("centre"), "site", "add", "Site "+code, "--store", code)
		_, secret, _ := strings.Cut(made.Ticket, "#") // the line the site knows leads through the proxy
		must(t, nil, "--data", s.data(code), "init", "site")
		must(t, nil, "--data", s.data(code), "enrol", "atoll:"+p.url()+"#"+secret, "--no-sync")
	}
	must(t, nil, "--data", s.data("centre"), "visibility", "add", "N", "S")

	tries := s.sync("N", 100, 10, 3)
	t.Logf("site N was initialised in %d tries, over %d cuts", tries, p.cut())
	if p.cut() < 20 {
		t.Errorf("only %d cuts: the line was too good", p.cut())
	}
	s.sync("S", 10, 2, 0)
	s.most = 2500
	for round := range 3 {
		s.work("N", 60, stores["N"])
		s.work("S", 60, stores["S"])
		s.work("centre", 40, "")
		t.Logf("round %d: %d and %d tries", round, s.sync("N", 15, 2, 1), s.sync("S", 15, 2, 1))
	}
	t.Logf("%d cuts, %d processes killed", p.cut(), s.kills)
	for range 2 {
		s.sync("N", 0, 0, 0)
		s.sync("S", 0, 0, 0)
	}
	if err := s.centre.stop(); err != nil {
		t.Errorf("the centre did not end well: %v\n%s", err, s.centre.errs)
	}
	for _, name := range []string{"centre", "N", "S"} {
		must(t, nil, "--data", s.data(name), "check")
	}
	s.compare(items+3*40, 3*60)
}

// compare opens all three databases and holds them to the laws of a fleet at
// peace: every row equal, every chain whole, nothing waiting.
func (s *system) compare(wantItems, wantInvoices int) {
	s.t.Helper()
	var nodes []*simulate.Node
	for _, name := range []string{"centre", "N", "S"} {
		h := s.open(name)
		s.t.Cleanup(func() { h.Close() })
		nodes = append(nodes, &simulate.Node{Station: h.Station, Name: name, Site: h.Site, Centre: h.Centre})
		counts, err := h.Station.Counts(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		invoices := wantInvoices
		if h.Centre != nil {
			invoices *= 2
		}
		if counts["item"] != wantItems || counts["invoice"] != invoices {
			s.t.Errorf("%s has %d items and %d invoices; want %d and %d", name, counts["item"], counts["invoice"], wantItems, invoices)
		}
	}
	for _, breach := range fleetOf(nodes...).Check(s.t.Context()) {
		s.t.Error(breach)
	}
}

// fleetOf is a fleet of these installations, to be held to the laws.
func fleetOf(nodes ...*simulate.Node) *simulate.Fleet {
	f := &simulate.Fleet{Sites: map[atoll.SiteID]*simulate.Node{}, Catalogue: catalogue.Embedded()}
	for _, n := range nodes {
		if n.Centre != nil {
			f.Centre = n
		} else {
			f.Sites[n.Door.Site] = n
		}
	}
	return f
}
