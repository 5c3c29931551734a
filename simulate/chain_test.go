package simulate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/topology"
)

// chain is the worked example A → B → C: A sends 100 packs to B, B 60 of them to
// C. Its steps are taken as soon as what they need has arrived.
type chain struct {
	*world
	item, stockA, toB, toC atoll.ID
}

func newChain(w *world) *chain {
	c := &chain{world: w, item: w.item("chain")}
	c.stockA = w.stock("A", c.item, "100")
	c.toB = w.ship("A", "B", c.stockA, "100")
	return c
}

// step takes the next step that is possible now, and reports whether there was
// one.
func (c *chain) step() bool {
	c.t.Helper()
	b, cc := string(c.Stores["B"]), string(c.Stores["C"])
	for _, doc := range c.list(2, "invoice", "store_id", b, "originating_id", string(c.toB)) {
		if doc.Fields.Text("status") == documents.New {
			c.act(2, receive, doc.ID)
			return true
		}
	}
	for _, line := range c.list(2, "stock_line", "store_id", b, "item_id", string(c.item)) {
		if c.toC == "" {
			c.toC = c.ship("B", "C", line.ID, "60")
			return true
		}
	}
	for _, doc := range c.list(3, "invoice", "store_id", cc) {
		if doc.Fields.ID("originating_id") == c.toC && doc.Fields.Text("status") == documents.New {
			c.act(3, receive, doc.ID)
			return true
		}
	}
	return false
}

// finish takes the steps that are left, with all the synchronisation it needs,
// and compares the end.
func (c *chain) finish() {
	c.t.Helper()
	for range 8 {
		for c.step() {
		}
		if err := c.Settle(c.ctx); err != nil {
			c.t.Fatal(err)
		}
	}
	c.lawful()
	c.end()
}

// end is where the chain ends, whatever happened on the way.
func (c *chain) end() {
	c.t.Helper()
	packs := func(at atoll.SiteID) map[atoll.ID]string {
		out := map[atoll.ID]string{}
		for _, line := range c.list(at, "stock_line", "item_id", string(c.item)) {
			id := line.Fields.ID("store_id")
			out[id] = documents.Add(or0(out[id]), line.Fields.Number("total_number_of_packs"))
		}
		return out
	}
	at := packs(1)
	for store, want := range map[string]string{"A": "0", "B": "40", "C": "60"} {
		if got := at[c.Stores[store]]; got != want {
			c.t.Errorf("the centre reports %s packs in %s; want %s", got, store, want)
		}
	}
	for site, stores := range map[atoll.SiteID][]string{2: {"A", "B", "F"}, 3: {"C", "D"}} {
		for _, line := range c.list(site, "stock_line") {
			if !slices.ContainsFunc(stores, func(s string) bool { return c.Stores[s] == line.Fields.ID("store_id") }) {
				c.t.Errorf("site %d has stock of store %s", site, line.Fields.ID("store_id"))
			}
		}
	}
	// Each document once: two shipments and their two halves.
	if got := c.list(1, "invoice"); len(got) != 4 {
		c.t.Errorf("the centre has %d invoices; want 4", len(got))
	}
	total, err := c.Stock(c.ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	for b, n := range total {
		if b.Item == c.item && n != "100" {
			c.t.Errorf("%s packs of batch %s in all; want 100", n, b.Batch)
		}
	}
}

func TestR_C_100_Chain(t *testing.T) {
	c := newChain(f1(t))
	c.sync(2)
	c.step() // B receives
	c.step() // B sends to C
	c.sync(2, 3)
	c.step() // C receives
	c.sync(3, 2)
	c.end()
	c.peace()
}

// wear makes every line of the fleet bad: each exchange may be cut after any
// entry on the way up or any frame on the way down, and delivered twice.
func (w *world) wear(draw func(label string, least, most int) int) {
	for _, n := range w.Sites {
		n.Net.CutUp = func() int { return draw("cut up", -1, 12) }
		n.Net.CutDown = func() int { return draw("cut down", -1, 40) }
		n.Net.Twice = func() bool { return draw("twice", 0, 1) == 1 }
	}
}

// mend makes every line good again.
func (w *world) mend() {
	for _, n := range w.Sites {
		*n.Net = Network{}
	}
}

// TestR_C_101: every line is bad until the end; then there is peace. A cut at any
// byte of the wire is a cut between frames here: package wire sees to that.
func TestR_C_101_CutAndRepeated(t *testing.T) {
	if testing.Short() {
		t.Skip("many fleets")
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := newChain(borrow(t, rt, template))
		c.wear(func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(rt, label) })
		for range rapid.IntRange(4, 24).Draw(rt, "steps") {
			site := atoll.SiteID(rapid.IntRange(2, 3).Draw(rt, "site"))
			c.Sync(c.ctx, site)
			if rapid.Bool().Draw(rt, "work") {
				c.step()
			}
		}
		c.mend()
		c.finish()
	})
}

// TestR_C_101_CutAfterEachFrame cuts the one exchange that brings a transfer after
// each of its frames in turn: also after the checkpoint, when all is there and
// only the end is missing, and after the program ended there.
func TestR_C_101_CutAfterEachFrame(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		for cut := range 12 {
			w := f1(t)
			item := w.item("x")
			w.sync(2, 3)
			ci := w.ship("A", "B", w.stock("A", item, "9"), "4")
			n := w.Sites[2]
			n.Net.CutDown = func() int { return cut }
			_, err := w.Sync(w.ctx, 2)
			w.mend()
			if restarted {
				w.restart(2)
			}
			if err := w.Settle(w.ctx); err != nil {
				t.Fatal(err)
			}
			if got := w.list(2, "invoice", "originating_id", string(ci)); len(got) != 1 {
				t.Errorf("cut after frame %d, restarted %t: %d answers", cut, restarted, len(got))
			}
			w.lawful()
			if err == nil {
				break // the answer was not that long
			}
		}
	}
}

// TestR_C_102: no schedule of synchronisations needs anybody's help.
func TestR_C_102_AnySchedule(t *testing.T) {
	if testing.Short() {
		t.Skip("many fleets")
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := newChain(borrow(t, rt, template))
		for range rapid.IntRange(0, 14).Draw(rt, "moves") {
			if move := rapid.IntRange(1, 3).Draw(rt, "move"); move == 1 {
				c.step()
			} else {
				c.sync(atoll.SiteID(move))
			}
		}
		c.finish()
	})
}

// TestR_C_103: both directions at once, and in any order of synchronising.
func TestR_C_103_BothDirections(t *testing.T) {
	for _, order := range [][]atoll.SiteID{{2, 3, 2, 3}, {3, 2, 3, 2}, {2, 2, 3, 3, 2}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			w := f1(t)
			item := w.item("both")
			w.sync(2, 3)
			inB, inC := w.stock("B", item, "10"), w.stock("C", item, "10")
			toC, toB := w.ship("B", "C", inB, "4"), w.ship("C", "B", inC, "3")
			w.sync(order...)
			w.act(3, receive, w.answer(3, "invoice", toC).ID)
			w.act(2, receive, w.answer(2, "invoice", toB).ID)
			w.peace()
			if got := w.list(1, "invoice"); len(got) != 4 {
				t.Errorf("%d invoices at the centre; want two pairs", len(got))
			}
		})
	}
}

// TestR_C_104: what is left is the other half of R-D-46, a half that was made
// before the store moved; it belongs to the move job. Here the store is put on
// another site while the document waits.
func TestR_C_104_StoreElsewhereMeanwhile(t *testing.T) {
	w := f1(t)
	item := w.item("moved")
	w.sync(2, 3)
	stock := w.stock("B", item, "10")
	// A is active at the centre, so it may be assigned.
	ci := w.ship("B", "A", stock, "4")
	n, err := w.AddSite(w.ctx, "Sync Client 5", topology.Server, "A")
	if err != nil {
		t.Fatal(err)
	}
	to := n.Door.Site
	w.sync(2)
	if got := w.list(1, "invoice", "originating_id", string(ci)); len(got) > 0 {
		t.Error("the centre answered for a store that is no longer there")
	}
	w.sync(to)
	half := w.answer(to, "invoice", ci)
	w.act(to, receive, half.ID)
	w.peace()
}

func TestMirrored(t *testing.T) {
	t.Run("R-C-105 R-B-79 items are the primary's", func(t *testing.T) {
		w := f2(t)
		w.Sites[4].Net.Down = func() bool { return true }
		item := w.item("while the network is down")
		if _, err := w.Sync(w.ctx, 4); err == nil {
			t.Fatal("there is a network")
		}
		w.mend()
		w.sync(4, 2, 3)
		for _, site := range []atoll.SiteID{1, 2, 3} {
			w.equal("item", item, 4, site)
		}
		if w.want(1, "item", item).Editable {
			t.Error("items are offered for editing at the centre")
		}
		w.refused(w.Centre.Insert(w.ctx, change("item", item, atoll.Fields{}.Set("name", "x"))), atoll.Ownership, "primary")
		_, p := Item("another")
		w.refused(w.Centre.Insert(w.ctx, p), atoll.Ownership)
		stock := w.stock("P", item, "10")
		ci := w.ship("P", "A", stock, "6")
		w.sync(4)
		half := w.answer(1, "invoice", ci)
		w.act(1, receive, half.ID)
		w.peace()
		if got := w.want(4, "invoice", ci).Fields.Text("linked_status"); got != documents.Finalised {
			t.Errorf("P knows of its shipment that it is %q", got)
		}
	})
	t.Run("R-C-106 the primary is away and nobody minds", func(t *testing.T) {
		w := f2(t)
		item := w.item("known")
		w.sync(4, 2, 3)
		w.Sites[4].Net.Down = func() bool { return true }
		w.Clock.Wind(7 * 24 * time.Hour)
		stock := w.stock("B", item, "10")
		ci := w.ship("B", "C", stock, "6")
		w.sync(2, 3)
		w.act(3, receive, w.answer(3, "invoice", ci).ID)
		w.sync(3, 2)
		at := map[atoll.ID]string{}
		for _, line := range w.list(1, "stock_line") {
			at[line.Fields.ID("store_id")] = line.Fields.Number("total_number_of_packs")
		}
		if at[w.Stores["B"]] != "4" || at[w.Stores["C"]] != "6" {
			t.Errorf("the centre's report: %v", at)
		}
		w.mend()
		w.peace()
	})
	t.Run("R-C-22 a store is made at the centre and furnished at the primary", func(t *testing.T) {
		w := f2(t)
		item := w.item("x")
		if err := w.AddStore(w.ctx, "Q", false); err != nil {
			t.Fatal(err)
		}
		w.sync(4)
		w.want(4, "store", w.Stores["Q"])
		w.want(4, "name", topology.StoreNameID(w.Stores["Q"])) // made there, as names are the primary's
		join := w.insert(4, "item_store_join", atoll.Fields{}.Set("item_id", item).Set("store_id", w.Stores["Q"]))
		w.sync(4)
		w.configure(central.Assign(w.Stores["Q"], 3))
		w.sync(3)
		w.equal("item_store_join", join, 4, 3)
		w.peace()
	})
}
