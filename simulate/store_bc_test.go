package simulate

import (
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/topology"
)

// lineFields are those of a shipment's line that the receiver gets as they were
// sent.
var lineFields = []string{"item_id", "batch", "expiry_date", "pack_size", "number_of_packs"}

func TestStoreB(t *testing.T) {
	w := f1(t)
	item := w.item("paracetamol")
	a, b := w.Stores["A"], w.Stores["B"]
	w.sync(2, 3)
	stockA := w.stock("A", item, "500")

	w.run("R-C-49 an order, its shipment, and site 3 none the wiser", func(t *testing.T) {
		before := len(w.ofStore(3, "B"))
		req, err := w.request("B", "A", item, "60")
		if err != nil {
			t.Fatal(err)
		}
		w.sync(2)
		response := w.answer(1, "requisition", req)
		if f := response.Fields; f.ID("store_id") != a || f.Int("number") != 1 {
			t.Errorf("A's response requisition: %s", response.Body)
		}
		ci := w.shipFor("A", "B", stockA, "60", response.ID)
		w.sync(2)
		half := w.answer(2, "invoice", ci)
		if got := half.Fields.ID("requisition_id"); got != req {
			t.Errorf("B's supplier invoice names requisition %q; want B's own request %s", got, req)
		}
		w.act(2, receive, half.ID)
		w.sync(2, 3)
		if got := len(w.ofStore(3, "B")); got != before {
			t.Errorf("site 3 holds %d records of B; want %d", got, before)
		}
	})

	w.run("R-C-50 R-B-73 the centre has all of B, site 3 nothing", func(t *testing.T) {
		line := w.stock("B", item, "33")
		location := w.insert(2, "location", atoll.Fields{}.Set("store_id", b).Set("code", "S1").Set("name", "Shelf 1"))
		w.update(2, "stock_line", line, atoll.Fields{}.Set("location_id", location))
		take := w.insert(2, "stocktake", atoll.Fields{}.Set("store_id", b).Set("status", "new").Set("number", 1))
		takeLine := w.insert(2, "stocktake_line", atoll.Fields{}.Set("stocktake_id", take).Set("store_id", b).Set("item_id", item))
		out := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", b).Set("kind", documents.CustomerInvoice).Set("status", documents.New))
		w.sync(2, 3)
		for kind, id := range map[atoll.Type]atoll.ID{
			"stock_line": line, "location": location, "stocktake": take, "stocktake_line": takeLine, "invoice": out,
		} {
			w.equal(kind, id, 2, 1)
		}
		for _, key := range w.ofStore(3, "B") {
			t.Errorf("site 3 holds %s of B", key)
		}
	})

	w.run("R-C-51 at the centre B is read and not edited", func(t *testing.T) {
		if v := w.instance(1, "B"); !v.Open || v.Type != topology.Collector {
			t.Errorf("B at the centre: %s, open %t", v.Type, v.Open)
		}
		line := w.one(2, "stock_line", "store_id", string(b), "batch", "L-B")
		w.refused(w.Centre.Insert(w.ctx, change("stock_line", line.ID, atoll.Fields{}.Set("note", "x"))), atoll.Ownership, "not editable here", "Sync Client 1")
		_, err := w.Centre.Shipment(w.ctx, b, a, line.ID, "1")
		w.refused(err, atoll.Ownership, "not editable here")
	})

	w.run("R-C-52 at site 3 B cannot be entered", func(t *testing.T) {
		// The list a user chooses a store from holds those that are open.
		if v := w.instance(3, "B"); v.Open || v.Type != topology.Transfer {
			t.Errorf("B at site 3: %s, open %t; want a transfer instance that cannot be opened", v.Type, v.Open)
		}
	})

	w.run("R-C-55 R-C-92 to F without a network", func(t *testing.T) {
		own := w.one(2, "stock_line", "store_id", string(b), "batch", "L-B")
		ci := w.ship("B", "F", own.ID, "3") // no sync: there is no network
		half := w.answer(2, "invoice", ci)
		w.sync(2)
		w.want(1, "invoice", ci)
		if w.get(1, "invoice", half.ID) != nil {
			t.Error("F's supplier invoice is at the centre")
		}
		if open, err := w.Centre.Processors.Exceptions(w.ctx); err != nil || len(open) > 0 {
			t.Errorf("the centre's processors: %v, %v", open, err)
		}
		w.act(2, receive, half.ID)
	})

	w.run("R-C-56 R-B-72 preferences go to the active site, not to transfer instances", func(t *testing.T) {
		id := w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", b).Set("key", "months_lead_time").Set("value", 2))
		name := w.insert(1, "name", atoll.Fields{}.Set("code", "CUS").Set("name", "Customer").Set("kind", "facility"))
		join := w.insert(1, "name_store_join", atoll.Fields{}.Set("store_id", b).Set("name_id", name))
		w.update(1, "store", b, atoll.Fields{}.Set("phone", "555"))
		w.sync(2, 3)
		w.equal("store_preference", id, 1, 2)
		w.equal("name_store_join", join, 1, 2)
		w.equal("store", b, 1, 2)
		w.equal("store", b, 1, 3)
		if w.get(3, "store_preference", id) != nil || w.get(3, "name_store_join", join) != nil {
			t.Error("site 3 has a preference or a visibility row of B")
		}
	})
	w.peace()
}

// shipFor is ship for a shipment that answers a response requisition.
func (w *world) shipFor(from, to string, line atoll.ID, packs string, response atoll.ID) atoll.ID {
	w.t.Helper()
	at := w.home(from)
	stock := w.want(at, "stock_line", line).Fields
	id := w.insert(at, "invoice", atoll.Fields{}.Set("store_id", w.Stores[from]).Set("kind", documents.CustomerInvoice).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores[to])).Set("requisition_id", response))
	f := atoll.Fields{}.Set("invoice_id", id).Set("store_id", w.Stores[from]).Set("kind", "stock_out").
		Set("stock_line_id", line).Set("number_of_packs", number(packs))
	for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size", "sell_price_per_pack"} {
		f[name] = stock[name]
	}
	w.insert(at, "invoice_line", f)
	w.act(at, finalise, id)
	return id
}

// between tells a stock transfer from one remote store to another while the
// receiver is away for a week (R-C-53, R-C-60).
func between(t *testing.T, from, to string) {
	w := f1(t)
	item := w.item("salbutamol")
	w.sync(2, 3)
	sender, receiver := w.home(from), w.home(to)
	stock := w.insert(sender, "stock_line", Stock(atoll.NewID(w.Clock.Now()), w.Stores[from], item, "12.50").Fields.
		Set("pack_size", number("2.5")).Set("batch", "X-7"))
	ci := w.ship(from, to, stock, "4.5", "1.25")
	w.sync(sender)
	w.Clock.Wind(7 * 24 * time.Hour)
	// Both wait at the centre, and nothing was made in the receiver's name.
	w.want(1, "invoice", ci)
	if got := w.list(1, "invoice_line", "invoice_id", string(ci)); len(got) != 2 {
		t.Fatalf("%d lines wait at the centre; want 2", len(got))
	}
	if got := w.list(1, "invoice", "originating_id", string(ci)); len(got) > 0 {
		t.Error("the centre answered for the receiver")
	}
	w.sync(receiver)
	half := w.answer(receiver, "invoice", ci)
	if f := half.Fields; f.ID("store_id") != w.Stores[to] || f.Int("number") != 1 || !f.Bool("on_hold", false) || f.Text("status") != documents.New {
		t.Errorf("the supplier invoice: %s", half.Body)
	}
	sent := w.list(sender, "invoice_line", "invoice_id", string(ci))
	for _, line := range sent {
		got := w.answer(receiver, "invoice_line", line.ID).Fields
		for _, name := range lineFields {
			if string(got[name]) != string(line.Fields[name]) {
				t.Errorf("%s was sent as %s and received as %s", name, line.Fields[name], got[name])
			}
		}
		if got.Has("stock_line_id") {
			t.Error("the sender's stock line is named in the receiver's document")
		}
	}
	if got := w.list(receiver, "invoice_line", "invoice_id", string(half.ID)); len(got) != len(sent) {
		t.Errorf("%d lines were made of %d", len(got), len(sent))
	}
	w.equal("invoice", half.ID, receiver, 1)
	w.sync(sender)
	f := w.want(sender, "invoice", ci).Fields
	if f.Int("linked_number") != 1 || f.Text("linked_status") != documents.New || f.ID("linked_invoice_id") != half.ID {
		t.Errorf("the sender's document knows of number %d, status %s", f.Int("linked_number"), f.Text("linked_status"))
	}
	w.act(receiver, receive, half.ID)
	w.peace()
	if got := w.want(sender, "invoice", ci).Fields.Text("linked_status"); got != documents.Finalised {
		t.Errorf("after receipt the sender reads status %s", got)
	}
}

func TestR_C_53_ReceiverAwayForAWeek(t *testing.T) { between(t, "C", "B") }

// TestR_C_60 is R-C-50 to R-C-53 with the sites exchanged.
func TestR_C_60_ExchangedSites(t *testing.T) {
	between(t, "B", "C")
	w := f1(t)
	item := w.item("folic acid")
	w.sync(3)
	line := w.stock("C", item, "8")
	take := w.insert(3, "stocktake", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("status", "new"))
	w.sync(3, 2)
	w.equal("stock_line", line, 3, 1)
	w.equal("stocktake", take, 3, 1)
	if got := w.ofStore(2, "C"); len(got) > 0 {
		t.Errorf("site 2 holds %v of C", got)
	}
	w.refused(w.Centre.Insert(w.ctx, change("stock_line", line, atoll.Fields{}.Set("note", "x"))), atoll.Ownership, "Sync Client 2")
	if v := w.instance(2, "C"); v.Open || v.Type != topology.Transfer {
		t.Errorf("C at site 2: %s, open %t", v.Type, v.Open)
	}
	w.peace()
}

func TestR_C_61_OrderBetweenRemoteStores(t *testing.T) {
	w := f1(t)
	item := w.item("oxytocin")
	w.sync(2, 3)
	stock := w.stock("C", item, "90")
	req, err := w.request("B", "C", item, "25")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	response := w.answer(3, "requisition", req)
	if f := response.Fields; f.Int("number") != 1 || f.ID("store_id") != w.Stores["C"] || f.Text("kind") != documents.Response {
		t.Errorf("C's response: %s", response.Body)
	}
	ci := w.shipFor("C", "B", stock, "25", response.ID)
	w.sync(3, 2)
	half := w.answer(2, "invoice", ci)
	if got := half.Fields.ID("requisition_id"); got != req {
		t.Errorf("B's supplier invoice is for %q; want its own request %s", got, req)
	}
	w.act(2, receive, half.ID)
	w.peace()
}

func TestR_C_62_WithinOneSite(t *testing.T) {
	w := f1(t)
	item := w.item("artesunate")
	w.sync(3)
	stock := w.stock("C", item, "10")
	ci := w.ship("C", "D", stock, "4")
	half := w.answer(3, "invoice", ci)
	w.act(3, receive, half.ID)
	w.sync(3, 2)
	w.equal("invoice", ci, 3, 1)
	w.equal("invoice", half.ID, 3, 1)
	for _, id := range []atoll.ID{ci, half.ID} {
		if w.get(2, "invoice", id) != nil {
			t.Errorf("site 2 has invoice %s", id)
		}
	}
	w.peace()
}

// TestR_C_63: what is left is the mobile site's finalising it by itself, which
// belongs to the mobile client's acts.
func TestR_C_63_Return(t *testing.T) {
	w := f1(t)
	item := w.item("quinine")
	w.sync(2, 3)
	stock := w.stock("C", item, "30")
	id := w.insert(3, "invoice", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("kind", documents.SupplierCredit).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["B"])))
	f := atoll.Fields{}.Set("invoice_id", id).Set("store_id", w.Stores["C"]).Set("kind", "stock_out").
		Set("stock_line_id", stock).Set("number_of_packs", number("6"))
	for _, name := range []string{"item_id", "batch", "pack_size"} {
		f[name] = w.want(3, "stock_line", stock).Fields[name]
	}
	w.insert(3, "invoice_line", f)
	w.act(3, finalise, id)
	w.sync(3, 2)
	half := w.answer(2, "invoice", id)
	if f := half.Fields; f.Text("kind") != documents.CustomerCredit || f.ID("store_id") != w.Stores["B"] {
		t.Errorf("B's customer credit: %s", half.Body)
	}
	w.act(2, receive, half.ID)
	if got := w.one(2, "stock_line", "store_id", string(w.Stores["B"])).Fields.Number("total_number_of_packs"); got != "6" {
		t.Errorf("B has %s packs back; want 6", got)
	}
	w.peace()
}
