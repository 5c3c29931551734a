package simulate

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// TestR_C_100_R_C_101_R_C_102_R_D_86_AnyInterleaving: the chain A to B to C with
// whatever can happen between its steps: cycles of either site in any order, lines
// that are cut after any entry or frame, requests delivered twice, earlier requests
// delivered again, programs that end and start again. At every moment the packs of
// the batch add up, with those on their way, and no document is there twice; and the
// end is always the same.
func TestR_C_100_R_C_101_R_C_102_R_D_86_AnyInterleaving(t *testing.T) {
	if testing.Short() {
		t.Skip("many fleets")
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		tape := w.record()
		c := newChain(w)
		c.whole("at the beginning")
		for range rapid.IntRange(1, 30).Draw(rt, "happenings") {
			site := atoll.SiteID(rapid.IntRange(2, 3).Draw(rt, "site"))
			switch what := rapid.SampledFrom([]string{"step", "sync", "bad line", "restart", "again"}).Draw(rt, "what"); what {
			case "step":
				c.step()
			case "sync":
				c.sync(site)
			case "bad line":
				n := w.Sites[site]
				up, down, twice := rapid.IntRange(-1, 6).Draw(rt, "up"), rapid.IntRange(-1, 25).Draw(rt, "down"), rapid.Bool().Draw(rt, "twice")
				n.Net.CutUp, n.Net.CutDown, n.Net.Twice = func() int { return up }, func() int { return down }, func() bool { return twice }
				_, _ = w.Sync(w.ctx, site) // it may well fail
				*n.Net = Network{}
			case "restart":
				w.restart(site)
				w.Sites[site].Site.Centre = &recorder{w.Sites[site].Site.Centre, site, tape}
			case "again":
				if len(tape.takes) > 0 {
					one := tape.takes[rapid.IntRange(0, len(tape.takes)-1).Draw(rt, "take")]
					for range w.Centre.Centre.Exchange(w.ctx, one.hello, one.said()) { //nolint:revive // nobody listens
					}
				}
			}
			c.whole("in between")
		}
		c.finish()
		c.whole("in the end")
	})
}

// said are the entries of the take, once more.
func (one take) said() func(yield func(exchange.Entry, error) bool) {
	return func(yield func(exchange.Entry, error) bool) {
		for _, e := range one.entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// whole wants the packs of the chain to add up, wherever they are, and each of its
// documents to be there once at most.
func (c *chain) whole(when string) {
	c.t.Helper()
	total, err := c.Stock(c.ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	for b, n := range total {
		if b.Item == c.item && n != "100" {
			c.t.Errorf("%s there are %s packs of batch %s; want 100", when, n, b.Batch)
		}
	}
	for _, node := range c.Nodes() {
		for _, id := range []atoll.ID{c.toB, c.toC} {
			if got := len(c.list(node.Door.Site, "invoice", "originating_id", string(id))); id != "" && got > 1 {
				c.t.Errorf("%s %s has %d answers to one shipment", when, node.Name, got)
			}
		}
	}
}
