package acceptance_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollsync/atoll"
)

var (
	hostileKills = flag.Int("kills", 40, "how many processes the hostile suite kills")
	hostileTime  = flag.Duration("hostile", 25*time.Second, "for how long the hostile suite does harm, at most")
)

// hostile is a system under attack: a centre and three sites that serve, a bad line
// between, people at work, and somebody who pulls plugs.
type hostile struct {
	t       *testing.T
	dir     string
	line    *badLine
	places  []*place // the centre first
	account *account
	seed    uint64
	small   string // where the last site's data is on a small disk; "" if it is not

	kills map[string]int // by what was killed
}

const (
	hostilePassword = "a long password"
	smallDisk       = 160 << 20
	// worth is how many changes people make for each process that is killed, so that
	// databases stay small however slow the machine is.
	worth = 15
)

// Everything at once, on the built program: a line that cuts, delays, doubles,
// garbles and hangs, processes killed at any moment, a disk that fills, files that
// must not grow, while people work over REST and commands. Then peace, and the laws:
// what anybody was told was done is there, at its owner and at the centre; owner and
// replicas are equal; every shipment is answered once; stock is what the journals
// tell; chains are whole; offered is applied, duplicate and quarantined, on both ends;
// nobody was taken for a copy of itself.
//
// The seed gives the same faults in the same order. -kills and -hostile say how many
// and for how long; make hostile does a thousand.
//
// R-L-01, R-L-03, R-L-04, R-L-05, R-L-12, R-L-13, R-A-09, R-A-18, R-K-20, R-K-32,
// R-K-57, R-D-12.
func TestHostileAndUnlucky(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of harm")
	}
	h := newHostile(t, *seed)
	t.Logf("seed %d: go test ./acceptance -run HostileAndUnlucky -seed %d -kills %d -hostile %s", h.seed, h.seed, *hostileKills, *hostileTime)
	began := time.Now()
	h.harm(*hostileKills, *hostileTime)
	harmed := time.Since(began)
	rounds := h.peace()
	h.laws()
	total := 0
	for what, n := range h.kills {
		if !strings.HasPrefix(what, "(") { // those are no deaths
			total += n
		}
	}
	t.Logf("%d processes killed in %s: %v", total, harmed.Round(time.Second), h.kills)
	t.Logf("connections: %v", h.line.counts)
	t.Logf("%d changes were acknowledged to people; answers otherwise: %v", h.account.total(), h.account.codes)
	t.Logf("peace after %d rounds, %s altogether", rounds, time.Since(began).Round(time.Second))
}

func newHostile(t *testing.T, seed uint64) *hostile {
	t.Helper()
	line, err := newBadLine(seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { line.ln.Close() })
	h := &hostile{t: t, dir: t.TempDir(), line: line, account: newAccount(), seed: seed, kills: map[string]int{}}
	h.places = []*place{{name: "centre"}, {name: "B"}, {name: "C"}, {name: "D"}}
	t.Cleanup(func() {
		for _, p := range h.places {
			h.kill(p)
		}
	})
	must(t, nil, "--data", h.data("centre"), "init", "central", "--name", "Head office", "--password", hostilePassword)
	if why := mountSmall(t, h.data("D"), smallDisk); why == "" {
		h.small = h.data("D")
	} else {
		t.Logf("no small disk: %s; limits on the size of files stand for it", why)
	}
	h.found()
	return h
}

func (h *hostile) data(name string) string { return filepath.Join(h.dir, name) }

// found makes the system: four stores that see each other, goods, sites.
func (h *hostile) found() {
	h.t.Helper()
	centre := h.places[0]
	h.serve(centre)
	var items []atoll.ID
	for i := range 4 {
		var made struct{ ID atoll.ID }
		must(h.t, &made, "--data", h.data("centre"), "record", "put", "item", "-s", fmt.Sprint("code=I", i), "-s", fmt.Sprint("name=Item ", i), "-s", "kind=stock", "-s", "status=active")
		items = append(items, made.ID)
	}
	for i, p := range h.places {
		code := []string{"A", "B", "C", "D"}[i]
		var store struct{ ID atoll.ID }
		must(h.t, &store, "--data", h.data("centre"), "store", "add", code, "Store "+code)
		p.store, p.items = store.ID, items
	}
	for i, a := range []string{"A", "B", "C", "D"} {
		for j, b := range []string{"A", "B", "C", "D"} {
			if i < j {
				must(h.t, nil, "--data", h.data("centre"), "visibility", "add", a, b)
				h.places[i].to, h.places[j].to = append(h.places[i].to, h.places[j].store), append(h.places[j].to, h.places[i].store)
			}
		}
	}
	for _, p := range h.places[1:] {
		var made struct{ Ticket string }
		must(h.t, &made, "--data", h.data("centre"), "site", "add", "Site "+p.name, "--store", p.name)
		_, secret, _ := strings.Cut(made.Ticket, "#") // the line the site knows is the bad one
		must(h.t, nil, "--data", h.data(p.name), "init", "site", "--password", hostilePassword)
		must(h.t, nil, "--data", h.data(p.name), "enrol", "atoll:"+h.line.url()+"#"+secret)
		h.serve(p)
	}
	for _, p := range h.places {
		var err error
		if p.token, err = signIn(h.t.Context(), p.url(), hostilePassword); err != nil {
			h.t.Fatal(err)
		}
	}
}

// serve starts a place's server, as long as it takes: a disk that is full lets none
// start.
func (h *hostile) serve(p *place, before ...string) {
	h.t.Helper()
	if err := h.start(p, before...); err != nil {
		h.t.Fatal(err)
	}
}

// start starts a place's server, by another program if one is named.
func (h *hostile) start(p *place, before ...string) error {
	args := []string{"--data", h.data(p.name), "serve", "--listen", "127.0.0.1:0", "--no-announce", "--json", "--log-level", "error"}
	s, err := beginAs(environment("ATOLL_DEVICE=test machine"), append(before, append([]string{binary}, args...)...)...)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.srv = s
	p.mu.Unlock()
	if p.name == "centre" {
		h.line.set(func() { h.line.target = strings.TrimPrefix(s.url, "http://") })
	}
	return nil
}

// kill ends a place's server as a power cut does; false if none runs.
func (h *hostile) kill(p *place) bool {
	p.mu.Lock()
	s := p.srv
	p.srv = nil
	p.mu.Unlock()
	if s == nil {
		return false
	}
	s.kill()
	if text := s.errs.String(); strings.Contains(text, "panic") && !strings.Contains(text, "SIGXFSZ") {
		h.t.Errorf("the server of %s panicked:\n%s", p.name, text)
	}
	return true
}

// harm lets people work, and kills, until so many are dead or the time is over.
func (h *hostile) harm(kills int, limit time.Duration) {
	ctx, stop := context.WithCancel(h.t.Context())
	var people sync.WaitGroup
	for i, p := range h.places {
		w := &worker{place: p, account: h.account, random: rand.New(rand.NewPCG(h.seed, uint64(1000+i)))}
		people.Go(func() { w.work(ctx) })
	}
	h.account.allow(300)
	h.line.set(func() { h.line.good = false })
	end := time.After(limit)
	for step, dead := uint64(0), 0; dead < kills; step++ {
		r := rand.New(rand.NewPCG(h.seed, 1<<32|step))
		pause(time.Duration(r.IntN(150)) * time.Millisecond)
		dead += h.blow(r)
		h.account.allow(300 + worth*dead)
		select {
		case <-end:
			dead = kills
		default:
		}
	}
	stop()
	people.Wait()
	h.line.set(func() { h.line.good = true })
}

// blow does one harm, and returns how many processes it killed.
func (h *hostile) blow(r *rand.Rand) int {
	p := h.places[r.IntN(len(h.places))]
	switch k := r.IntN(100); {
	case k < 45:
		return h.killServer(r, p)
	case k < 60:
		return h.killCommand(r, "edit", "--data", h.data(p.name), "record", "put", "location", "-s", "store_id="+string(p.store), "-s", fmt.Sprint("code=", r.Uint32()), "-s", "name=By command")
	case k < 76:
		if p.name != "centre" {
			return h.killCommand(r, "sync", "--data", h.data(p.name), "sync")
		}
		return h.killServer(r, p)
	case k < 82:
		to := filepath.Join(h.dir, fmt.Sprint("backup-", r.Uint64()))
		defer os.Remove(to)
		return h.killCommand(r, "backup", "--data", h.data(p.name), "backup", to)
	case k < 92:
		return h.killStarting(r, p)
	default:
		if p.name == "D" && h.small != "" {
			return h.fill(r, p)
		}
		return h.limit(r, p)
	}
}

// killServer kills a server, and starts it again.
func (h *hostile) killServer(r *rand.Rand, p *place) int {
	dead := 0
	if h.kill(p) {
		dead = 1
		h.kills["server"]++
	}
	pause(time.Duration(r.IntN(60)) * time.Millisecond)
	h.serve(p)
	return dead
}

// killStarting kills a server while it starts.
func (h *hostile) killStarting(r *rand.Rand, p *place) int {
	if h.kill(p) {
		h.kills["server"]++
	}
	cmd := exec.Command(binary, "--data", h.data(p.name), "serve", "--listen", "127.0.0.1:0", "--no-announce", "--json")
	cmd.Env = environment("ATOLL_DEVICE=test machine")
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	pause(time.Duration(r.IntN(120)) * time.Millisecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	h.kills["starting server"]++
	h.serve(p)
	return 2
}

// killCommand runs a command and kills it, if it is not faster.
func (h *hostile) killCommand(r *rand.Rand, what string, args ...string) int {
	after, dead := time.Duration(r.IntN(250))*time.Millisecond, 0
	res, err := run(h.t.Context(), func(p *os.Process) {
		time.AfterFunc(after, func() { _ = p.Kill() })
	}, append(args, "--json")...)
	if err != nil {
		h.t.Fatal(err)
	}
	switch {
	case res.status < 0:
		dead = 1
		h.kills[what]++
	case res.status > 0:
		h.account.refused(what+" of "+filepath.Base(args[1]), res)
	case what == "edit":
		var made struct{ ID atoll.ID }
		if err := json.Unmarshal([]byte(res.out), &made); err != nil {
			h.t.Errorf("an edit printed %q: %v", res.out, err)
		}
		h.account.add(filepath.Base(args[1]), atoll.Key{Type: "location", ID: made.ID})
	}
	return dead
}

// fill fills the small disk but for a little, for a while, and kills the server on it.
func (h *hostile) fill(r *rand.Rand, p *place) int {
	name := filepath.Join(h.small, "somebody's film")
	free, err := freeOn(h.small)
	if err != nil {
		h.t.Fatal(err)
	}
	left := int64(r.IntN(64 << 10))
	film := make([]byte, max(0, free-left))
	_ = os.WriteFile(name, film, 0o600) // as far as there is room
	h.kills["(disk filled)"]++
	for range 3 {
		h.killCommand(r, "edit", "--data", h.data(p.name), "record", "put", "location", "-s", "store_id="+string(p.store), "-s", fmt.Sprint("code=", r.Uint32()), "-s", "name=On a full disk")
	}
	dead := 0
	if h.kill(p) {
		h.kills["server on a full disk"]++
		dead = 1
	}
	_ = h.start(p) // it may not be able to
	if err := os.Remove(name); err != nil {
		h.t.Fatal(err)
	}
	h.kill(p)
	h.serve(p)
	return dead
}

// limit has a server run for a while with files that must not grow much: it ends when
// they do, in the middle of what it wrote.
func (h *hostile) limit(r *rand.Rand, p *place) int {
	sh, err := exec.LookPath("sh")
	if err != nil {
		return 0
	}
	if h.kill(p) {
		h.kills["server"]++
	}
	largest := int64(0)
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(h.data(p.name), "atoll.db"+suffix)); err == nil {
			largest = max(largest, info.Size())
		}
	}
	blocks := (largest+int64(r.IntN(200<<10)))/512 + 1
	h.kills["(size of files limited)"]++
	if err := h.start(p, sh, "-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, blocks)); err == nil {
		pause(time.Duration(100+r.IntN(300)) * time.Millisecond)
		if h.kill(p) {
			h.kills["server with limited files"]++
		}
	}
	h.serve(p)
	return 2
}
