package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

func TestStoreD(t *testing.T) {
	w := f1(t)
	item := w.item("cotton")
	w.sync(2, 3)
	d := w.Stores["D"]
	stock := w.stock("D", item, "14")

	w.run("R-C-70 D is at the centre and never at site 2", func(t *testing.T) {
		take := w.insert(3, "stocktake", atoll.Fields{}.Set("store_id", d).Set("status", "new"))
		w.update(1, "store", d, atoll.Fields{}.Set("phone", "77"))
		w.sync(3, 2)
		w.equal("stock_line", stock, 3, 1)
		w.equal("stocktake", take, 3, 1)
		if got := w.ofStore(2, "D"); len(got) > 0 || w.get(2, "store", d) != nil {
			t.Errorf("site 2 holds %v of D, or its core record", got)
		}
	})

	w.run("R-C-71 D is no customer of B", func(t *testing.T) {
		// What is offered in B is what a visibility row of B names.
		for _, row := range w.list(2, "name_store_join", "store_id", string(w.Stores["B"])) {
			if row.Fields.ID("name_id") == topology.StoreNameID(d) {
				t.Error("D is offered as a customer of B")
			}
		}
		own := w.stock("B", item, "2")
		_, err := w.At(2).Shipment(w.ctx, w.Stores["B"], d, own, "1")
		if err == nil {
			t.Error("B shipped to D")
		}
	})

	// R-C-72: the supervisor's report itself is a screen; what it reads is here, the
	// stock of every store and the time of each site's last synchronisation.
	w.run("R-C-72 a report over all stores includes D, as of its last sync", func(t *testing.T) {
		w.stock("A", item, "1")
		before := w.Clock.Now()
		w.sync(3)
		w.Clock.Wind(48 * time.Hour)
		stores := map[atoll.ID]bool{}
		for _, line := range w.list(1, "stock_line") {
			stores[line.Fields.ID("store_id")] = true
		}
		if !stores[d] || !stores[w.Stores["A"]] {
			t.Errorf("the report covers %v", stores)
		}
		sites, err := w.Centre.Centre.Sites(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sites {
			if s.ID == 3 && (s.State.LastComplete.Before(before) || w.Clock.Now().Sub(s.State.LastComplete) < 47*time.Hour) {
				t.Errorf("site 3 was last complete at %s", s.State.LastComplete)
			}
		}
	})
	w.peace()
}

func TestStoreE(t *testing.T) {
	w := f1(t)
	e := w.Stores["E"]
	item := w.item("gauze")
	w.sync(2, 3)
	w.run("R-C-80 nothing of E goes to a remote site", func(t *testing.T) {
		stock := w.stock("E", item, "20")
		w.update(1, "store", e, atoll.Fields{}.Set("address1", "Hill 2"))
		w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", e).Set("key", "k").Set("value", 1))
		w.insert(1, "stocktake", atoll.Fields{}.Set("store_id", e).Set("status", "new"))
		_, err := w.Centre.Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
			return d.Adjust(stock, "-2", "broken")
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, site := range []atoll.SiteID{2, 3} {
			if c := w.sync(site); c.Received != 0 {
				t.Errorf("site %d received %d records", site, c.Received)
			}
		}
	})
	w.peace()
}

// TestR_C_82: the primary of a mirrored system knows every store.
func TestR_C_82_PrimaryKnowsE(t *testing.T) {
	w := f2(t)
	item := w.item("tape")
	w.sync(4)
	w.stock("E", item, "9")
	w.insert(1, "stocktake", atoll.Fields{}.Set("store_id", w.Stores["E"]).Set("status", "new"))
	w.sync(4)
	w.equal("store", w.Stores["E"], 1, 4)
	if got := w.ofStore(4, "E"); len(got) > 0 {
		t.Errorf("site 4 holds %v of E", got)
	}
	if in := w.topology(1).Instance(w.Stores["E"], 4); in.Type != topology.Transfer || !in.RecordOnly {
		t.Errorf("E on site 4: %+v; want a transfer instance for the record only (R-C-26)", in)
	}
	w.peace()
}

func TestStoreF(t *testing.T) {
	w := f1(t)
	f := w.Stores["F"]
	item := w.item("soap")
	w.sync(2, 3)

	w.run("R-C-90 F's documents and stock stay", func(t *testing.T) {
		for i := range 100 {
			if i%2 == 0 {
				w.insert(2, "stocktake", atoll.Fields{}.Set("store_id", f).Set("status", "new").Set("number", i+1))
			} else {
				w.stock("F", item, fmt.Sprint(i))
			}
		}
		mark := w.seq(2)
		c := w.sync(2)
		// The chain goes on, but only digests go up: the counter of the centre's log
		// tells entries, the journal copy that none of them says anything.
		if c.Offered != 100 || c.Quarantined != 0 {
			t.Errorf("%d entries went up, %d refused", c.Offered, c.Quarantined)
		}
		for _, e := range w.journalCopy(2, mark-100) {
			if e.Withheld.IsZero() {
				t.Fatalf("entry %d of F went up with %d operations", e.Seq, len(e.Operations))
			}
		}
		if got := w.ofStore(1, "F"); len(got) > w.visibilityRows(1, "F") {
			t.Errorf("the centre holds %d records of F", len(got))
		}
	})

	w.run("R-C-91 F is administered at the centre", func(t *testing.T) {
		w.update(1, "store", f, atoll.Fields{}.Set("name", "Store F, annex"))
		id := w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", f).Set("key", "pack_to_one").Set("value", true))
		w.sync(2)
		w.equal("store", f, 1, 2)
		w.equal("store_preference", id, 1, 2)
		if got := w.want(2, "name", topology.StoreNameID(f)).Fields.Text("name"); got != "Store F, annex" {
			t.Errorf("as a trading partner F is still called %q", got)
		}
	})

	w.run("R-C-92 F trades with B only", func(t *testing.T) {
		stock := w.stock("F", item, "50")
		ci := w.ship("F", "B", stock, "5")
		w.act(2, receive, w.answer(2, "invoice", ci).ID)
		_, err := w.At(2).Shipment(w.ctx, f, w.Stores["C"], stock, "1")
		w.refused(err, atoll.NotVisible)
		_, err = w.At(2).Shipment(w.ctx, f, w.Stores["A"], stock, "1")
		w.refused(err, atoll.NotVisible)
	})

	w.run("R-C-93 at the centre F is managed only", func(t *testing.T) {
		v := w.instance(1, "F")
		if v.Open || v.Type != topology.Transfer || !v.ManagedOnly {
			t.Errorf("F at the centre: %s, open %t, managed only %t", v.Type, v.Open, v.ManagedOnly)
		}
		if r := w.want(1, "store", f); !r.Editable {
			t.Error("F's record is not offered for editing at the centre")
		}
		w.refused(w.Centre.Insert(w.ctx, Stock(atoll.NewID(w.Clock.Now()), f, item, "1")), atoll.Ownership)
	})

	w.run("R-C-94 who makes a store managed only is warned", func(t *testing.T) {
		p, err := w.Centre.Centre.Try(w.ctx, "tester", central.ManageOnly(w.Stores["B"], true))
		if err != nil || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "no copy of Store B") {
			t.Errorf("warnings %q, %v; want one that names Store B", p.Warnings, err)
		}
		if st, _ := w.topology(1).Store(w.Stores["B"]); st.ManagedOnly {
			t.Error("trying it made it so")
		}
	})
	w.peace()
}

// TestR_C_94: what is left is that site 2 reports the age of its last backup.
func TestR_C_94_LostDevice(t *testing.T) {
	w := f1(t)
	item := w.item("bandage")
	w.sync(2)
	inB, inF := w.stock("B", item, "7"), w.stock("F", item, "8")
	w.sync(2)
	w.replace(2)
	w.sync(2)
	w.equal("stock_line", inB, 1, 2)
	if w.get(2, "stock_line", inF) != nil {
		t.Error("F's stock came back from nowhere")
	}
	w.want(2, "store", w.Stores["F"])
}

// TestR_C_95: F goes from managed only to a collector copy at the centre.
func TestR_C_95_HistoryOfF(t *testing.T) {
	w := f1(t)
	f := w.Stores["F"]
	item := w.item("syringe")
	w.sync(2)
	stock := w.stock("F", item, "40")
	ci := w.ship("F", "B", stock, "5")
	w.act(2, receive, w.answer(2, "invoice", ci).ID)
	for i := range 30 {
		id := w.stock("F", item, fmt.Sprint(i+1))
		w.update(2, "stock_line", id, atoll.Fields{}.Set("note", "twice"))
	}
	w.sync(2)
	w.configure(central.ManageOnly(f, false))
	if got := w.topology(1).Instance(f, 1).Type; got != topology.Collector {
		t.Fatalf("F at the centre: %s", got)
	}
	w.sync(2)
	// Work goes on meanwhile, and builds on what has just gone up.
	w.update(2, "stock_line", stock, atoll.Fields{}.Set("note", "later"))
	w.sync(2)
	here, there := w.ofStore(2, "F"), w.ofStore(1, "F")
	if len(here) != len(there) || len(here) < 31 {
		t.Errorf("site 2 has %d records of F, the centre %d", len(here), len(there))
	}
	for _, key := range here {
		w.equal(key.Type, key.ID, 2, 1)
	}
	if v := w.instance(1, "F"); !v.Open {
		t.Error("F cannot be opened at the centre")
	}
	w.peace()
}

// A dispensary whose transactions are excluded was managed only, too, and is not any
// longer: what stayed for that goes up, and the rest when its transactions are included
// again.
func TestR_B_93_R_C_95_KeptForTwoReasons(t *testing.T) {
	w := f1(t)
	f := w.Stores["F"]
	item := w.item("syringe")
	w.dispensaries("F")
	w.sync(2)
	order := w.insert(2, "purchase_order", atoll.Fields{}.Set("store_id", f).Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["B"])))
	stock := w.stock("F", item, "40")
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", f, false, "agreed", false); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.configure(central.ManageOnly(f, false))
	w.sync(2)
	w.equal("purchase_order", order, 2, 1)
	if w.get(1, "stock_line", stock) != nil {
		t.Error("the stock of F is at the centre, although its transactions are excluded")
	}
	w.update(2, "purchase_order", order, atoll.Fields{}.Set("comment", "urgent"))
	w.peace()
	w.equal("purchase_order", order, 2, 1)
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", f, true, "agreed", false); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.equal("stock_line", stock, 2, 1)
	w.peace()
}

// What was deleted while a store's data stayed at its site is gone at the centre, too, when
// the data goes up again: a whole document with its lines, and a line of one that stands.
func TestR_B_93_R_C_95_DeletedMeanwhile(t *testing.T) {
	w := f1(t)
	f, supplier := w.Stores["F"], topology.StoreNameID(w.Stores["B"])
	item := w.item("syringe")
	w.sync(2)
	w.configure(central.ManageOnly(f, false))
	w.sync(2)
	order := func(lines int) (keys []atoll.Key) {
		id := w.insert(2, "purchase_order", atoll.Fields{}.Set("store_id", f).Set("status", documents.New).Set("name_id", supplier))
		keys = append(keys, atoll.Key{Type: "purchase_order", ID: id})
		for range lines {
			keys = append(keys, atoll.Key{Type: "purchase_order_line", ID: w.insert(2, "purchase_order_line", atoll.Fields{}.
				Set("purchase_order_id", id).Set("store_id", f).Set("item_id", item).Set("requested_quantity", 5))})
		}
		return keys
	}
	remove := func(keys ...atoll.Key) {
		for _, key := range slices.Backward(keys) {
			w.edit(2, journal.Proposal{Verb: atoll.Delete, Key: key})
		}
	}
	whole, kept := order(1), order(2)
	w.sync(2)
	w.configure(central.ManageOnly(f, true))
	w.sync(2)
	w.update(2, whole[1].Type, whole[1].ID, atoll.Fields{}.Set("comment", "too many"))
	never := order(1)
	remove(whole...)
	remove(kept[1])
	remove(never...)
	w.sync(2)
	w.equal(kept[2].Type, kept[2].ID, 2, 1)
	w.configure(central.ManageOnly(f, false))
	w.sync(2)
	for _, key := range append(whole, kept[1]) {
		if r := w.get(1, key.Type, key.ID); r != nil {
			t.Errorf("%s stands at the centre although it was deleted at its site", key)
		}
	}
	w.equal(kept[0].Type, kept[0].ID, 2, 1)
	w.equal(kept[2].Type, kept[2].ID, 2, 1)
	h, err := snapshot(w.ctx, w.Centre)
	if err != nil {
		t.Fatal(err)
	}
	at2, err := snapshot(w.ctx, w.At(2))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Concat(whole, kept, never) {
		if x, y := at2.records[key], h.records[key]; x.Version != y.Version || x.Origin != y.Origin || x.Deleted != y.Deleted || string(x.Body) != string(y.Body) {
			t.Errorf("%s is version %d (%s) at its site, version %d (%s) at the centre", key, x.Version, x.Origin, y.Version, y.Origin)
		}
	}
	w.peace()
	end := w.seq(2)
	w.sync(2)
	if w.seq(2) != end {
		t.Error("it is stated again and again")
	}
}

// meanwhile has somebody work at site 2 in the moment between hearing that F's data goes
// up from now on and sending it.
func (w *world) meanwhile(work func()) {
	w.t.Helper()
	n := w.Sites[2]
	worked := false
	n.Site.Integrated = func(ctx context.Context) error {
		if st, _ := w.topology(2).Store(w.Stores["F"]); !worked && !st.ManagedOnly {
			worked = true
			work()
		}
		_, err := n.Processors.Run(ctx)
		return err
	}
	w.sync(2)
	w.sync(2)
	if !worked {
		w.t.Fatal("nobody worked meanwhile")
	}
}

// TestR_B_93_WorkMeanwhile: somebody works on a record of F in the moment between
// hearing that F's data goes up from now on and sending it.
func TestR_B_93_R_C_95_WorkMeanwhile(t *testing.T) {
	w := f1(t)
	item := w.item("gloves")
	w.sync(2)
	stock := w.stock("F", item, "40")
	w.sync(2)
	w.configure(central.ManageOnly(w.Stores["F"], false))
	w.meanwhile(func() { w.update(2, "stock_line", stock, atoll.Fields{}.Set("note", "meanwhile")) })
	w.equal("stock_line", stock, 2, 1)
	w.peace()
}

// Somebody deletes what stayed at its site, in the moment between hearing that the data
// of its store goes up from now on and sending it: the centre is told what is deleted
// before it is told of the deletion, and has it as the site has it. R-B-93, R-C-95.
func TestR_B_93_R_C_95_DeletedBeforeItWasSent(t *testing.T) {
	w := f1(t)
	w.sync(2)
	order := func() atoll.ID {
		return w.insert(2, "purchase_order", atoll.Fields{}.Set("store_id", w.Stores["F"]).Set("status", documents.New).
			Set("name_id", topology.StoreNameID(w.Stores["B"])))
	}
	w.configure(central.ManageOnly(w.Stores["F"], false))
	w.sync(2)
	known := order()
	w.sync(2)
	w.configure(central.ManageOnly(w.Stores["F"], true))
	w.sync(2)
	w.update(2, "purchase_order", known, atoll.Fields{}.Set("comment", "too much"))
	never := order()
	w.sync(2)
	w.configure(central.ManageOnly(w.Stores["F"], false))
	w.meanwhile(func() {
		for _, id := range []atoll.ID{known, never} {
			w.edit(2, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "purchase_order", ID: id}})
		}
	})
	if refused := w.quarantined(2); len(refused) > 0 {
		t.Errorf("refused: %+v", refused)
	}
	if w.get(1, "purchase_order", known) != nil {
		t.Error("it stands at the centre although it was deleted at its site")
	}
	w.peace()
}
