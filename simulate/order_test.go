package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// prepared makes a shipment for a response requisition at a site.
func (w *world) prepared(at atoll.SiteID, requisition atoll.ID) atoll.ID {
	w.t.Helper()
	id, err := w.At(at).PrepareShipment(w.ctx, "tester", requisition)
	if err != nil {
		w.t.Fatalf("shipment for %s: %v", requisition, err)
	}
	return id
}

// TestR_D_34: a request, its response, and what comes back of it.
func TestR_D_03_R_D_06_R_D_34_R_D_35_TheOrder(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	w.stock("B", item, "50") // packs of ten
	req, err := w.request("C", "B", item, "70")
	if err != nil {
		t.Fatal(err)
	}
	w.refused(w.At(3).Insert(w.ctx, change("requisition", req, atoll.Fields{}.Set("order_type", "other"))), atoll.LifeCycle)
	w.sync(3, 2)
	response := w.answer(2, "requisition", req)
	f := response.Fields
	if f.Text("kind") != documents.Response || f.Text("status") != documents.New || f.Int("number") != 1 || f.Text("their_reference") != "From requisition number: 1" {
		t.Errorf("B's response: %s", response.Body)
	}
	line := w.one(2, "requisition_line", "requisition_id", string(response.ID))
	if line.Fields.Number("requested_quantity") != "70" {
		t.Errorf("of it, requested: %s", line.Fields.Number("requested_quantity"))
	}
	w.refused(w.attempt(2, documents.Delete, "requisition", response.ID), atoll.LifeCycle)
	// Two shipments for it: the second is for what the first left.
	w.update(2, "requisition_line", line.ID, atoll.Fields{}.Set("supplied_quantity", number("40")))
	first := w.prepared(2, response.ID)
	w.act(2, finalise, first)
	w.update(2, "requisition_line", line.ID, atoll.Fields{}.Set("supplied_quantity", number("60")))
	second := w.prepared(2, response.ID)
	w.act(2, finalise, second)
	for id, want := range map[atoll.ID]string{first: "4", second: "2"} {
		if got := w.one(2, "invoice_line", "invoice_id", string(id)).Fields.Number("number_of_packs"); documents.Compare(got, want) != 0 {
			t.Errorf("a shipment has %s packs; want %s", got, want)
		}
	}
	w.perform(2, documents.Finalise, "requisition", response.ID)
	w.refused(w.attempt(2, documents.Delete, "requisition", response.ID), atoll.LifeCycle)
	w.sync(2, 3)
	own := w.want(3, "requisition", req).Fields
	if own.Text("linked_status") != documents.Finalised || own.Text("status") != documents.Finalised || own.Int("linked_number") != 1 {
		t.Errorf("C's request is %s and shows %s", own.Text("status"), own.Text("linked_status"))
	}
	if got := w.one(3, "requisition_line", "requisition_id", string(req)).Fields.Number("supplied_quantity"); got != "60" {
		t.Errorf("C reads that %s units are supplied", got)
	}
	// R-D-06, R-D-42: each shipment is a supplier invoice under the request.
	if got := w.list(3, "invoice", "requisition_id", string(req)); len(got) != 2 {
		t.Errorf("under its request C has %d supplier invoices; want 2", len(got))
	}
	for _, r := range w.list(3, "invoice", "store_id", string(w.Stores["C"])) {
		w.act(3, receive, r.ID)
	}
	w.peace()
}

// TestR_D_36: the centre decides, or the supplying store's own site does.
func TestR_D_36_Authorisation(t *testing.T) {
	for _, test := range []struct {
		by  atoll.SiteID
		yes bool
	}{{1, true}, {1, false}, {2, true}, {2, false}} {
		yes := test.yes
		w := f1(t)
		w.storePrefers("B", "requisitions_require_authorisation", true)
		item, listed := w.item("x"), w.item("listed")
		list := w.insert(1, "master_list", atoll.Fields{}.Set("name", "Malaria").Set("is_program", true))
		w.insert(1, "master_list_line", atoll.Fields{}.Set("master_list_id", list).Set("item_id", listed))
		w.sync(2, 3)
		plain, err := w.request("C", "B", item, "70") // no programme: nobody is asked
		if err != nil {
			t.Fatal(err)
		}
		req, err := w.request("C", "B", listed, "70")
		if err != nil {
			t.Fatal(err)
		}
		w.stock("B", listed, "50")
		w.sync(3, 2)
		if got := w.answer(2, "requisition", plain).Fields; got.Has("approval_status") {
			t.Errorf("a requisition of no programme waits: %s", got.Text("approval_status"))
		}
		response := w.answer(2, "requisition", req)
		if response.Fields.Text("approval_status") != "pending" {
			t.Fatalf("the response is %q", response.Fields.Text("approval_status"))
		}
		line := w.one(2, "requisition_line", "requisition_id", string(response.ID))
		locked := func(when string) {
			t.Helper()
			if err := w.At(2).Insert(w.ctx, change("requisition_line", line.ID, atoll.Fields{}.Set("supplied_quantity", number("1")))); err == nil {
				t.Errorf("%s it can be edited", when)
			}
			if _, err := w.At(2).PrepareShipment(w.ctx, "tester", response.ID); err == nil {
				t.Errorf("%s a shipment can be made for it", when)
			}
			if err := w.attempt(2, documents.Finalise, "requisition", response.ID); err == nil {
				t.Errorf("%s it can be finalised", when)
			}
		}
		locked("pending")
		w.refused(w.At(3).Decide(w.ctx, "somebody", req, true, "", nil), atoll.LifeCycle) // the ordering store does not
		err = w.At(test.by).Decide(w.ctx, "the authoriser", response.ID, yes, "as in the budget", map[atoll.ID]string{line.ID: "50"})
		if err != nil {
			t.Fatal(err)
		}
		w.refused(w.At(test.by).Decide(w.ctx, "another", response.ID, !yes, "", nil), atoll.LifeCycle)
		w.sync(2, 3)
		want := map[bool]string{true: "authorised", false: "denied"}[yes]
		for at, id := range map[atoll.SiteID]atoll.ID{2: response.ID, 3: req} { // and it flows back
			f := w.want(at, "requisition", id).Fields
			if f.Text("approval_status") != want || f.Text("approval_comment") != "as in the budget" || f.Text("approved_by") != "the authoriser" {
				t.Errorf("at site %d: %s by %s: %s", at, f.Text("approval_status"), f.Text("approved_by"), f.Text("approval_comment"))
			}
		}
		if !yes {
			locked("denied")
			w.peace()
			continue
		}
		if got := w.one(3, "requisition_line", "requisition_id", string(req)).Fields.Number("approved_quantity"); got != "50" {
			t.Errorf("C reads that %s are approved", got)
		}
		ci := w.prepared(2, response.ID)
		if got := w.one(2, "invoice_line", "invoice_id", string(ci)).Fields.Number("number_of_packs"); documents.Compare(got, "5") != 0 {
			t.Errorf("%s packs are prepared; want the approved 5", got)
		}
		w.act(2, finalise, ci)
		w.sync(2, 3)
		w.act(3, receive, w.answer(3, "invoice", ci).ID)
		w.peace()
	}
}

// TestR_D_88: between two mobile sites, each with one store; and every call again.
func TestR_D_88_R_D_41_R_D_42_MobileToMobile(t *testing.T) {
	w := f1(t)
	w.only(2, "B")
	w.only(3, "C")
	w.configure(central.SetKind(2, topology.Mobile))
	w.configure(central.SetKind(3, topology.Mobile))
	item := w.item("x")
	w.sync(2, 3)
	w.stock("C", item, "50")
	w.sync(3)
	w.Sites[2].Net.Down = func() bool { return true }
	req, err := w.request("B", "C", item, "30") // offline
	if err != nil {
		t.Fatal(err)
	}
	w.mend()
	tape := w.record()
	w.sync(2, 3)
	response := w.answer(3, "requisition", req)
	if response.Fields.Int("number") != 1 {
		t.Errorf("the customer requisition has number %d", response.Fields.Int("number"))
	}
	ci := w.one(3, "invoice", "requisition_id", string(response.ID))
	line := w.one(3, "invoice_line", "invoice_id", string(ci.ID))
	if ci.Fields.Text("status") != documents.New || documents.Compare(line.Fields.Number("number_of_packs"), "3") != 0 {
		t.Errorf("prepared is a %s invoice of %s packs", ci.Fields.Text("status"), line.Fields.Number("number_of_packs"))
	}
	w.perform(3, documents.Finalise, "requisition", response.ID)
	if got := w.want(3, "invoice", ci.ID).Fields.Text("status"); got != documents.Finalised {
		t.Errorf("with its requisition the invoice became %s", got)
	}
	w.sync(3, 2)
	si := w.answer(2, "invoice", ci.ID)
	if si.Fields.ID("requisition_id") != req {
		t.Error("the supplier invoice is not under the order")
	}
	if f := w.want(2, "requisition", req).Fields; f.Text("status") != documents.Finalised || f.Text("linked_status") != documents.Finalised {
		t.Errorf("the request is shown as %s, %s", f.Text("status"), f.Text("linked_status"))
	}
	w.sync(2, 3, 2, 3)
	before := w.sums()
	tape.replay(w, 40)
	if d := w.changed(before); len(d) > 0 {
		t.Errorf("the replays changed %v", d)
	}
	w.act(2, receive, si.ID)
	w.peace()
}

// TestR_D_41_Desktop: on a desktop site nothing is prepared, and several shipments
// can be made by hand (the first part of R-D-41, the second of R-D-42).
func TestR_D_41_Desktop(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	req, err := w.request("C", "B", item, "70")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3, 2)
	response := w.answer(2, "requisition", req)
	if got := w.list(2, "invoice"); len(got) > 0 {
		t.Errorf("%d invoices were made by themselves", len(got))
	}
	w.perform(2, documents.Finalise, "requisition", response.ID)
	w.peace()
}

// buys confirms a purchase order of one store from another, of quantities of
// items.
func (w *world) buys(at atoll.SiteID, store, from string, quantities map[atoll.ID]string) atoll.ID {
	w.t.Helper()
	id := w.insert(at, "purchase_order", atoll.Fields{}.Set("store_id", w.Stores[store]).Set("status", documents.New).
		Set("name_id", topology.StoreNameID(w.Stores[from])).Set("reference", "budget 7"))
	for item, quantity := range quantities {
		w.insert(at, "purchase_order_line", atoll.Fields{}.Set("purchase_order_id", id).Set("store_id", w.Stores[store]).
			Set("item_id", item).Set("requested_quantity", number(quantity)).Set("requested_pack_size", number("10")))
	}
	w.perform(at, documents.Confirm, "purchase_order", id)
	return id
}

// supplies finalises a shipment of packs of stock lines for a response requisition
// or an order, and returns it.
func (w *world) supplies(at atoll.SiteID, from, to string, by atoll.Fields, packs map[atoll.ID]string) atoll.ID {
	w.t.Helper()
	id := w.insert(at, "invoice", atoll.Fields{}.Set("store_id", w.Stores[from]).Set("kind", documents.CustomerInvoice).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores[to])).Apply(by))
	for stock, n := range packs {
		w.lineOf(at, from, id, stock, n)
	}
	w.act(at, finalise, id)
	return id
}

func (w *world) lineOf(at atoll.SiteID, store string, invoice, stock atoll.ID, packs string) atoll.ID {
	w.t.Helper()
	f := atoll.Fields{}.Set("invoice_id", invoice).Set("store_id", w.Stores[store]).Set("kind", "stock_out").
		Set("stock_line_id", stock).Set("number_of_packs", number(packs))
	for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size", "sell_price_per_pack"} {
		f[name] = w.want(at, "stock_line", stock).Fields[name]
	}
	return w.insert(at, "invoice_line", f)
}

// received are the received quantities of an order's lines, by item.
func (w *world) received(at atoll.SiteID, order atoll.ID) map[atoll.ID]string {
	w.t.Helper()
	out := map[atoll.ID]string{}
	for _, l := range w.list(at, "purchase_order_line", "purchase_order_id", string(order)) {
		out[l.Fields.ID("item_id")] = or0(l.Fields.Number("received_quantity"))
	}
	return out
}

// TestR_D_84: B orders two items of A; A sends both, and one that was not ordered.
func TestR_D_84_R_D_04_R_D_05_R_D_60_R_D_61_R_D_62_R_D_63_R_D_65_ThePurchaseOrder(t *testing.T) {
	w := f1(t)
	one, two, extra := w.item("one"), w.item("two"), w.item("extra")
	w.sync(2)
	stock := map[atoll.ID]atoll.ID{one: w.stock("A", one, "90"), two: w.stock("A", two, "90"), extra: w.stock("A", extra, "90")}
	order := w.buys(2, "B", "A", map[atoll.ID]string{one: "50", two: "30"})
	w.sync(2)
	response := w.one(1, "requisition", "purchase_order_id", string(order))
	f := response.Fields
	if f.Text("kind") != documents.Response || f.ID("store_id") != w.Stores["A"] || f.Text("their_reference") != "From order number: 1 (budget 7)" {
		t.Errorf("A's response: %s", response.Body)
	}
	w.refused(w.attempt(1, documents.Delete, "requisition", response.ID), atoll.LifeCycle)
	w.sync(2, 2)
	if got := w.want(2, "purchase_order", order).Fields; got.ID("linked_requisition_id") != response.ID || got.Int("linked_number") != 1 {
		t.Errorf("B's order shows of its answer: number %d", got.Int("linked_number"))
	}
	ci := w.supplies(1, "A", "B", atoll.Fields{}.Set("requisition_id", response.ID), map[atoll.ID]string{stock[one]: "3", stock[two]: "3", stock[extra]: "1"})
	w.sync(2)
	if got := w.list(2, "invoice", "originating_id", string(ci)); len(got) > 0 {
		t.Error("beside goods received a supplier invoice was made")
	}
	first := w.answer(2, "goods_received", ci)
	lines := w.list(2, "goods_received_line", "goods_received_id", string(first.ID))
	if len(lines) != 3 || first.Fields.ID("purchase_order_id") != order || first.Fields.Int("number") != 1 {
		t.Errorf("goods received: %s with %d lines; want 3", first.Body, len(lines))
	}
	for _, l := range lines {
		if isExtra := l.Fields.ID("item_id") == extra; l.Fields.Bool("is_extra", false) != isExtra || l.Fields.Has("purchase_order_line_id") == isExtra {
			t.Errorf("line of goods received: %s", l.Body)
		}
	}
	if got := w.received(2, order); got[one] != "30" || got[two] != "30" || len(got) != 2 {
		t.Errorf("received are %v", got)
	}
	// R-D-63: in the very transaction that made the goods received.
	if h, err := w.At(2).History(w.ctx, first.Key, 0); err != nil || len(h) == 0 {
		t.Fatal(err)
	} else if l := w.list(2, "purchase_order_line", "purchase_order_id", string(order))[0]; l.Origin != h[len(h)-1].Origin {
		t.Errorf("the goods received were made by entry %s, the quantities of the order by %s", h[len(h)-1].Origin, l.Origin)
	}
	// R-D-65: the rest comes later, and is added up; what is corrected is counted anew.
	w.supplies(1, "A", "B", atoll.Fields{}.Set("requisition_id", response.ID), map[atoll.ID]string{stock[one]: "2"})
	w.sync(2)
	if got := w.received(2, order); got[one] != "50" || got[two] != "30" {
		t.Errorf("after two deliveries %v are received", got)
	}
	for _, l := range lines {
		if l.Fields.ID("item_id") == two {
			w.update(2, "goods_received_line", l.ID, atoll.Fields{}.Set("number_of_packs_received", number("2")))
			w.update(2, "goods_received_line", l.ID, atoll.Fields{}.Set("number_of_packs_received", number("1")))
		}
	}
	if got := w.received(2, order); got[two] != "10" || got[one] != "50" {
		t.Errorf("after two corrections %v are received", got)
	}
	if got := w.want(2, "purchase_order", order).Fields.Text("status"); got != documents.Confirmed {
		t.Errorf("the order closed itself: %s", got)
	}
	w.perform(2, documents.Finalise, "purchase_order", order)
	// R-D-64: a supplier invoice, on hold by default.
	w.perform(2, documents.Finalise, "goods_received", first.ID)
	bill := w.want(2, "invoice", w.want(2, "goods_received", first.ID).Fields.ID("linked_invoice_id"))
	if bill.Fields.Text("kind") != documents.SupplierInvoice || !bill.Fields.Bool("on_hold", false) {
		t.Errorf("of the goods received became %s", bill.Body)
	}
	w.sync(2)
	if got := len(w.under(transfer.Filter{InTransit: true})); got != 2 {
		t.Errorf("%d shipments are in transit while their invoices are on hold; want 2", got)
	}
	w.act(2, receive, bill.ID)
	w.sync(2)
	if got := len(w.under(transfer.Filter{InTransit: true})); got != 1 {
		t.Errorf("%d shipments are in transit; want the second", got)
	}
	// What was received of each line comes back to the supplier.
	for _, l := range w.list(1, "invoice_line", "invoice_id", string(ci)) {
		want := map[atoll.ID]string{one: "3", two: "1", extra: "1"}[l.Fields.ID("item_id")]
		if got := l.Fields.Number("received_number_of_packs"); got != want {
			t.Errorf("A reads that %s were received; want %s", got, want)
		}
	}
	w.peace()
}

// TestR_D_47: an order that was sent when the stores saw each other is answered when they
// no longer do.
//
// R-D-47, R-D-60.
func TestR_D_47_R_D_60_OrderedInSight(t *testing.T) {
	for _, answer := range []string{"requisition", "customer_invoice"} {
		w := f1(t)
		w.prefer("purchase_order_answer", answer)
		item := w.item("x")
		w.sync(2, 3)
		stock := w.stock("B", item, "90")
		order := w.buys(3, "C", "B", map[atoll.ID]string{item: "50"})
		w.configure(central.MakeVisible(w.Stores["B"], w.Stores["C"], false))
		w.sync(2, 3, 2)
		if answer == "requisition" {
			response := w.one(2, "requisition", "purchase_order_id", string(order))
			w.perform(2, documents.Finalise, "requisition", response.ID)
		} else { // goods leave only towards a store in sight
			ci := w.one(2, "invoice", "purchase_order_id", string(order)).ID
			if err := w.amend(2, "invoice", ci, documents.DraftLine{Fields: drawn(stock, "3")}); err != nil {
				t.Fatal(err)
			}
			w.refused(w.try(2, finalise, ci), atoll.NotVisible)
		}
		w.peace()
	}
}

func TestR_D_90_TheInvoiceOption(t *testing.T) {
	w := f1(t)
	w.prefer("purchase_order_answer", "customer_invoice")
	one, extra := w.item("one"), w.item("extra")
	w.sync(2)
	stock, more := w.stock("A", one, "90"), w.stock("A", extra, "90")
	order := w.buys(2, "B", "A", map[atoll.ID]string{one: "50"})
	w.sync(2, 2)
	if got := w.list(1, "requisition"); len(got) > 0 {
		t.Error("a requisition was made of the order")
	}
	ci := w.one(1, "invoice", "purchase_order_id", string(order))
	line := w.one(1, "invoice_line", "invoice_id", string(ci.ID))
	if f := ci.Fields; f.Text("kind") != documents.CustomerInvoice || f.Text("status") != documents.Suggested || line.Fields.Number("number_of_packs") != "5" {
		t.Errorf("A's document: %s, %s packs", ci.Body, line.Fields.Number("number_of_packs"))
	}
	if w.want(1, "invoice", ci.ID).Fields.Has("partner_store_id") {
		t.Error("a suggested invoice is addressed to the ordering store already")
	}
	// The preference changes its mind; the order keeps its answer.
	w.prefer("purchase_order_answer", "requisition")
	w.sync(2, 2)
	if got := w.list(1, "requisition"); len(got) > 0 {
		t.Error("the order was answered a second time")
	}
	w.correct(1, change("invoice_line", line.ID, atoll.Fields{}.Set("stock_line_id", stock).Set("batch", "L-A").Set("expiry_date", "2028-06-30")))
	added := atoll.Fields{}.Set("invoice_id", ci.ID).Set("store_id", w.Stores["A"]).Set("kind", "stock_out").Set("stock_line_id", more).
		Set("number_of_packs", number("1"))
	for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size"} {
		added[name] = w.want(1, "stock_line", more).Fields[name]
	}
	w.correct(1, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: atoll.NewID(w.Clock.Now())}, Fields: added})
	w.act(1, finalise, ci.ID)
	w.sync(2)
	gr := w.answer(2, "goods_received", ci.ID)
	if got := w.list(2, "goods_received_line", "goods_received_id", string(gr.ID)); len(got) != 2 {
		t.Errorf("goods received have %d lines; want n+1", len(got))
	}
	if got := w.received(2, order); got[one] != "50" {
		t.Errorf("received are %v", got)
	}
	w.perform(2, documents.Finalise, "goods_received", gr.ID)
	w.act(2, receive, w.want(2, "goods_received", gr.ID).Fields.ID("linked_invoice_id"))
	w.peace()
}

// An order is answered also when the preference says what this program does not know, as
// a newer one may, and once: the choice that is known at last comes too late for it.
//
// R-D-90, R-D-52, R-D-12.
func TestR_D_90_R_D_52_AnUnknownChoice(t *testing.T) {
	w := f1(t)
	w.prefer("purchase_order_answer", map[string]string{"choice": "direct"})
	item := w.item("one")
	w.sync(2)
	order := w.buys(2, "B", "A", map[atoll.ID]string{item: "50"})
	w.sync(2, 2)
	response := w.one(1, "requisition", "purchase_order_id", string(order))
	if response.Fields.Text("kind") != documents.Response {
		t.Errorf("A's document: %s", response.Body)
	}
	w.prefer("purchase_order_answer", "customer_invoice")
	w.sync(2, 2)
	if got := w.list(1, "invoice", "purchase_order_id", string(order)); len(got) > 0 {
		t.Error("the order was answered a second time")
	}
	w.peace()
}

// The invoice that answers an order is no more thrown away than a response requisition
// is: whoever sends nothing says so, and the ordering store hears it.
//
// R-D-35, R-D-90.
func TestR_D_35_R_D_90_TheInvoiceStays(t *testing.T) {
	w := f1(t)
	w.prefer("purchase_order_answer", "customer_invoice")
	item := w.item("one")
	w.sync(2)
	order := w.buys(2, "B", "A", map[atoll.ID]string{item: "50"})
	w.sync(2, 2)
	ci := w.one(1, "invoice", "purchase_order_id", string(order)).ID
	for _, act := range []documents.Action{documents.Delete, documents.Cancel} {
		w.refused(w.attempt(1, act, "invoice", ci), atoll.LifeCycle, "answers another store's")
	}
	w.correct(1, change("invoice_line", w.one(1, "invoice_line", "invoice_id", string(ci)).ID, atoll.Fields{}.Set("number_of_packs", number("0"))))
	w.perform(1, documents.Finalise, "invoice", ci)
	w.sync(2, 2)
	if got := w.want(2, "purchase_order", order).Fields; got.ID("linked_invoice_id") != ci || got.Text("linked_status") != documents.Finalised {
		t.Errorf("the order says of its answer: %s %s", got.ID("linked_invoice_id"), got.Text("linked_status"))
	}
	w.answer(2, "goods_received", ci)
	w.peace()
}

// What is sent for an order of another store than it goes to arrives as every other
// shipment does, and once: also where the site comes to see that order, and what
// answers it, afterwards.
//
// R-D-05, R-D-10, R-D-12.
func TestR_D_05_R_D_12_SentForAnothersOrder(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("D", item, "50")
	for _, to := range []string{"A", "B"} {
		w.configure(central.MakeVisible(w.Stores["D"], w.Stores[to], true))
	}
	w.peace()
	order := w.buys(3, "C", "D", map[atoll.ID]string{item: "50"})
	response := w.one(3, "requisition", "purchase_order_id", string(order)).ID
	sent := map[string]atoll.ID{}
	for _, to := range []string{"B", "A"} {
		sent[to] = w.supplies(3, "D", to, atoll.Fields{}.Set("requisition_id", response), map[atoll.ID]string{stock: "5"})
	}
	w.sync(3, 2)
	for to, id := range sent {
		if got := w.answer(w.home(to), "invoice", id).Fields; got.ID("store_id") != w.Stores[to] {
			t.Errorf("what was sent to %s arrives in %s", to, got.ID("store_id"))
		}
	}
	w.configure(central.Collect(w.Stores["D"], 2, true))
	w.sync(2)
	w.update(3, "invoice", sent["B"], atoll.Fields{}.Set("comment", "on the blue lorry"))
	w.sync(3, 2)
	for to := range sent {
		if got := w.list(w.home(to), "goods_received"); len(got) > 0 {
			t.Errorf("%s has goods received for an order that is not its own: %s", to, got[0].Body)
		}
	}
	w.peace()
}
