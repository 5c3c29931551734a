package simulate

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
)

// tape holds exchanges between sites and the centre as they were said.
type tape struct {
	takes []take
	off   bool
}

// take is what a site said in one exchange.
type take struct {
	site    atoll.SiteID
	hello   exchange.Hello
	entries []exchange.Entry
}

// recorder stands between a site and the centre and notes what passes.
type recorder struct {
	exchange.Centre
	site atoll.SiteID
	tape *tape
}

// record puts a recorder on every line.
func (w *world) record() *tape {
	t := &tape{}
	for id, n := range w.Sites {
		n.Site.Centre = &recorder{n.Site.Centre, id, t}
	}
	return t
}

// Exchange passes everything on.
func (r *recorder) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	if r.tape.off {
		return r.Centre.Exchange(ctx, h, entries)
	}
	return func(yield func(exchange.Frame, error) bool) {
		one := take{site: r.site, hello: h}
		noting := func(yield func(exchange.Entry, error) bool) {
			for e, err := range entries {
				if err == nil {
					one.entries = append(one.entries, e)
				}
				if !yield(e, err) {
					return
				}
			}
		}
		for f, err := range r.Centre.Exchange(ctx, h, noting) {
			if !yield(f, err) {
				break
			}
		}
		r.tape.takes = append(r.tape.takes, one)
	}
}

// replay repeats n recorded exchanges, chosen at random: what the site said is said
// to the centre again, or the site pulls again from where it did then.
func (t *tape) replay(w *world, n int) {
	w.t.Helper()
	rng := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // chooses what to repeat, no secret
	t.off = true
	defer func() { t.off = false }()
	for range n {
		one := t.takes[rng.IntN(len(t.takes))]
		if rng.IntN(2) == 0 {
			for range w.Centre.Centre.Exchange(w.ctx, one.hello, one.said()) { //nolint:revive // nobody listens
			}
			continue
		}
		s := w.Sites[one.site].Site
		line := s.Centre
		s.Centre = &again{Centre: line, from: one.hello}
		if _, err := s.Cycle(w.ctx); err != nil {
			w.t.Errorf("a pull again from position %d: %v", one.hello.Cursor, err)
		}
		s.Centre = line
	}
}

// again is a line on which a site's first request asks for what it asked for once.
type again struct {
	exchange.Centre
	from exchange.Hello
	done bool
}

// Exchange passes the request on.
func (a *again) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	if !a.done {
		h.Cursor = min(h.Cursor, a.from.Cursor)
	}
	a.done = true
	return a.Centre.Exchange(ctx, h, entries)
}

// sum is what a database holds: how many records, and a checksum of all of them.
type sum struct {
	records  int
	checksum uint64
	seq      uint64
	refused  int
}

// sums are those of every installation.
func (w *world) sums() map[string]sum {
	w.t.Helper()
	out := map[string]sum{}
	for _, n := range w.Nodes() {
		h, err := snapshot(w.ctx, n)
		if err != nil {
			w.t.Fatal(err)
		}
		var all [][]byte
		for key, r := range h.records {
			all = append(all, fmt.Appendf(nil, "%s %d %s %t %t %s", key, r.Version, r.Origin, r.Deleted, r.Hidden, r.Body))
		}
		slices.SortFunc(all, bytes.Compare)
		f := fnv.New64a()
		for _, line := range all {
			f.Write(line)
			f.Write([]byte{'\n'})
		}
		s := sum{records: len(all), checksum: f.Sum64(), seq: w.seq(n.Door.Site)}
		for _, n := range h.refused {
			s.refused += n
		}
		out[n.Name] = s
	}
	return out
}

// changed tells what differs from the sums before.
func (w *world) changed(before map[string]sum) (out []string) {
	w.t.Helper()
	for name, now := range w.sums() {
		if now != before[name] {
			out = append(out, fmt.Sprintf("%s: %+v, was %+v", name, now, before[name]))
		}
	}
	return out
}

// TestR_D_86: any recorded push or pull, again and again, changes nothing: neither
// on the spot nor afterwards.
func TestR_D_86_Replays(t *testing.T) {
	w := f1(t)
	tape := w.record()
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("B", item, "50")
	ci := w.ship("B", "C", stock, "4", "5")
	req, err := w.request("C", "B", item, "20")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3, 2)
	half := w.answer(3, "invoice", ci)
	w.act(3, receive, half.ID)
	w.sync(3, 2)
	response := w.answer(2, "requisition", req)
	second := w.prepared(2, response.ID)
	w.act(2, finalise, second)
	w.perform(2, documents.Finalise, "requisition", response.ID)
	credit := w.giveBack("C", "B", w.list(3, "stock_line", "store_id", string(w.Stores["C"]))[0].ID, "1", half.ID)
	w.update(2, "invoice", ci, atoll.Fields{}.Set("transport_reference", "LORRY"))
	w.sync(2, 3, 2, 3)
	w.act(2, receive, w.answer(2, "invoice", credit).ID)
	w.act(3, receive, w.answer(3, "invoice", second).ID)
	w.sync(2, 3, 2, 3)
	before := w.sums()
	n := 10_000
	if testing.Short() {
		n = 200
	}
	tape.replay(w, n)
	if d := w.changed(before); len(d) > 0 {
		t.Errorf("%d replays of %d exchanges changed %v", n, len(tape.takes), d)
	}
	w.peace()
	if d := w.changed(before); len(d) > 0 {
		t.Errorf("after the sites spoke again there changed %v", d)
	}
}
