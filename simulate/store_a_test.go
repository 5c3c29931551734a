package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

func TestFixturesAreLawful(t *testing.T) {
	f1(t).peace()
	f2(t).peace()
}

func TestStoreA(t *testing.T) {
	w := f1(t)
	item := w.item("amoxicillin")
	line := w.stock("A", item, "100")
	a, b := w.Stores["A"], w.Stores["B"]

	w.run("R-C-40 an adjustment reaches the collector copy and nobody else", func(t *testing.T) {
		_, err := w.Centre.Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
			return d.Adjust(line, "10", "counted")
		})
		if err != nil {
			t.Fatal(err)
		}
		w.sync(2, 3)
		if got := w.want(2, "stock_line", line).Fields.Number("total_number_of_packs"); got != "110" {
			t.Errorf("stock on hand at site 2: %s; want 110", got)
		}
		doc := w.one(1, "invoice", "store_id", string(a))
		w.equal("invoice", doc.ID, 1, 2)
		if got := w.ofStore(3, "A"); len(got) > 0 {
			t.Errorf("site 3 received records of A: %v", got)
		}
		if w.get(3, "store", a) != nil {
			t.Error("site 3 knows store A")
		}
	})

	w.run("R-C-41 a collector copy is read and reported on, never edited", func(t *testing.T) {
		if v := w.instance(2, "A"); !v.Open || v.Type != topology.Collector {
			t.Errorf("A at site 2: %s, open %t; want a collector that can be opened", v.Type, v.Open)
		}
		if r := w.want(2, "stock_line", line); r.Editable || r.Owner.Site != 1 {
			t.Errorf("A's stock line at site 2 is offered for editing (owner %d)", r.Owner.Site)
		}
		before := w.seq(2)
		err := w.At(2).Insert(w.ctx, change("stock_line", line, atoll.Fields{}.Set("note", "x")))
		w.refused(err, atoll.Ownership, "not editable here", "central server")
		err = w.At(2).Insert(w.ctx, Stock(atoll.NewID(w.Clock.Now()), a, item, "1"))
		w.refused(err, atoll.Ownership, "not editable here")
		if w.seq(2) != before {
			t.Error("a refused edit left a journal entry")
		}
	})

	w.run("R-C-43 R-C-54 the centre's store ships to a remote one", func(t *testing.T) {
		id := w.ship("A", "B", line, "20")
		w.sync(2)
		half := w.answer(2, "invoice", id)
		if got := half.Fields.ID("store_id"); got != b {
			t.Fatalf("the supplier invoice is in store %s", got)
		}
		if n := half.Fields.Int("number"); n != 1 {
			t.Errorf("B's supplier invoice has number %d; want its first, 1", n)
		}
		w.equal("invoice", half.ID, 1, 2) // pushed in the same cycle
	})

	w.run("R-C-42 R-C-54 a remote store ships to the centre's", func(t *testing.T) {
		own := w.stock("B", item, "50")
		first := w.ship("B", "A", own, "5")
		id := w.ship("B", "A", own, "6")
		w.sync(2)
		w.want(1, "invoice", id)
		if n := w.answer(1, "invoice", first).Fields.Int("number"); n != 1 {
			t.Errorf("A's first supplier invoice has number %d", n)
		}
		half := w.answer(1, "invoice", id)
		f := half.Fields
		if f.ID("store_id") != a || f.Text("kind") != documents.SupplierInvoice || f.Int("number") != 2 || !f.Bool("on_hold", false) || f.ID("originating_id") != id {
			t.Errorf("A's supplier invoice: %s", half.Body)
		}
		w.sync(2)
		w.equal("invoice", half.ID, 1, 2)
		if got := w.list(2, "message", "subject_id", string(id)); len(got) != 1 {
			t.Errorf("site 2 has %d messages about the transfer; want 1", len(got))
		}
	})

	w.run("R-C-44 R-C-81 between two stores of the centre no sync is needed", func(t *testing.T) {
		id := w.ship("A", "E", line, "7")
		half := w.answer(1, "invoice", id)
		w.act(1, receive, half.ID)
		w.sync(2, 3)
		w.want(2, "invoice", id)
		for _, site := range []atoll.SiteID{2, 3} {
			if got := w.ofStore(site, "E"); len(got) > 0 {
				t.Errorf("site %d received records of E: %v", site, got)
			}
		}
		// And back.
		back := w.one(1, "stock_line", "store_id", string(w.Stores["E"]))
		id = w.ship("E", "A", back.ID, "3")
		w.act(1, receive, w.answer(1, "invoice", id).ID)
	})

	w.run("R-C-45 a core record goes where the store is known", func(t *testing.T) {
		w.update(1, "store", a, atoll.Fields{}.Set("address1", "12 Harbour Road"))
		w.sync(2, 3)
		if got := w.want(2, "store", a).Fields.Text("address1"); got != "12 Harbour Road" {
			t.Errorf("A's address at site 2: %q", got)
		}
		if w.get(3, "store", a) != nil {
			t.Error("site 3 received A's record")
		}
	})
	w.peace()
}

// TestR_C_46 begins with what is true before it (R-C-73): A cannot trade with D.
func TestR_C_46_R_C_73_VisibilityOpensTrade(t *testing.T) {
	w := f1(t)
	item := w.item("zinc")
	stock := w.stock("A", item, "40")
	w.sync(3)
	_, err := w.Centre.Shipment(w.ctx, w.Stores["A"], w.Stores["D"], stock, "1")
	w.refused(err, atoll.NotVisible, "not visible")
	if _, err := w.request("D", "A", item, "1"); err == nil {
		t.Error("D ordered from A, which it cannot see")
	} else {
		w.refused(err, atoll.NotVisible)
	}
	before := w.topology(1).SyncWith(w.Stores["D"], 3)
	w.configure(central.MakeVisible(w.Stores["D"], w.Stores["A"], true))
	top := w.topology(1)
	if got := top.SyncWith(w.Stores["A"], 3); got != topology.WithTransfer {
		t.Errorf("sync-with of A for site 3: %s; want transfer", got)
	}
	if got := top.SyncWith(w.Stores["D"], 3); got != before || got != topology.WithActive {
		t.Errorf("sync-with of D for site 3: %s; want it unchanged, active/collector", got)
	}
	w.sync(3)
	w.want(3, "store", w.Stores["A"])
	if v := w.instance(3, "A"); v.Type != topology.Transfer || v.Open {
		t.Errorf("A at site 3: %s, open %t", v.Type, v.Open)
	}
	id, err := w.request("D", "A", item, "12")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	if got := w.answer(1, "requisition", id).Fields; got.ID("store_id") != w.Stores["A"] || got.Text("kind") != documents.Response {
		t.Errorf("A's response requisition: %v", got)
	}
	ci := w.ship("A", "D", stock, "12")
	w.sync(3)
	w.act(3, receive, w.answer(3, "invoice", ci).ID)
	w.peace()
}

func TestR_C_47_InvisibleEvenForACollector(t *testing.T) {
	w := f1(t)
	item := w.item("iodine")
	stock := w.stock("A", item, "40")
	w.sync(2)
	ci := w.ship("A", "B", stock, "4")
	w.sync(2)
	half := w.answer(2, "invoice", ci)
	p := w.configure(central.MakeVisible(w.Stores["A"], w.Stores["B"], false))
	if got := w.topology(1).SyncWith(w.Stores["A"], 2); got != topology.WithNone {
		t.Errorf("sync-with of A for site 2: %s; want none", got)
	}
	found := false
	for _, c := range p.Changes {
		found = found || c.Store == w.Stores["A"] && c.Site == 2 && c.From == topology.Collector && c.To == topology.None
	}
	if !found {
		t.Errorf("the change was not told: %v", p.Changes)
	}
	w.sync(2)
	if v := w.instance(2, "A"); v.ID != "" {
		t.Errorf("site 2 still shows A (%s, open %t)", v.Type, v.Open)
	}
	if w.get(2, "stock_line", stock) != nil {
		t.Error("site 2 still shows A's stock")
	}
	own := w.stock("B", item, "9")
	_, err := w.At(2).Shipment(w.ctx, w.Stores["B"], w.Stores["A"], own, "1")
	w.refused(err, atoll.NotVisible)
	// What there was keeps A's name.
	name := w.want(2, "name", w.want(2, "invoice", half.ID).Fields.ID("name_id"))
	if got := name.Fields.Text("name"); got != "Store A" {
		t.Errorf("the document's other party is %q", got)
	}
	w.peace()
}
