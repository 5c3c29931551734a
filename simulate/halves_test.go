package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

func TestR_D_82_R_D_28_R_D_29_R_D_33_ReceivedOtherwise(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	ci := w.ship("B", "C", w.stock("B", item, "50"), "3", "4", "5")
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	sent := w.linesOf(2, ci)
	var two, none, all atoll.ID
	for id, l := range sent {
		switch l.Fields.Number("number_of_packs") {
		case "3":
			two = id
		case "4":
			none = id
		case "5":
			all = id
		}
	}
	got := w.linesOf(3, half.ID)
	w.perform(3, documents.Arrive, "invoice", half.ID)
	w.update(3, "invoice_line", got[two].ID, atoll.Fields{}.Set("number_of_packs", number("2")).Set("batch", "OTHER"))
	w.update(3, "invoice_line", got[none].ID, atoll.Fields{}.Set("number_of_packs", number("0")))
	extra := w.insert(3, "invoice_line", atoll.Fields{}.Set("invoice_id", half.ID).Set("store_id", w.Stores["C"]).Set("kind", "stock_in").
		Set("item_id", item).Set("batch", "EXTRA").Set("pack_size", number("10")).Set("number_of_packs", number("1")).Set("is_extra", true))
	del := journal.Proposal{Verb: atoll.Delete, Key: got[none].Key}
	w.refused(w.At(3).Insert(w.ctx, del), atoll.LifeCycle, "cannot be deleted")
	w.edit(3, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "invoice_line", ID: extra}}) // its own line it may take out
	w.sync(3, 2)
	if f := w.want(2, "invoice", ci).Fields; f.Text("linked_status") != documents.Suggested || f.Text("status") != documents.Finalised {
		t.Errorf("the goods have arrived; B's half is %s and shows %s", f.Text("status"), f.Text("linked_status"))
	}
	if w.want(2, "invoice_line", two).Fields.Has("received_number_of_packs") {
		t.Error("B is told of quantities that are not final")
	}
	w.act(3, receive, half.ID)
	w.sync(3, 2)
	for id, want := range map[atoll.ID]string{two: "2", none: "0", all: "5"} {
		f := w.want(2, "invoice_line", id).Fields
		if f.Number("received_number_of_packs") != want || f.Number("number_of_packs") != sent[id].Fields.Number("number_of_packs") {
			t.Errorf("B's line says %s sent, %s received; want %s received", f.Number("number_of_packs"), f.Number("received_number_of_packs"), want)
		}
	}
	var differ []transfer.Shortfall
	for _, at := range []atoll.SiteID{1, 2} { // the centre, and the sender
		var err error
		if differ, err = w.At(at).Differences(w.ctx, w.Stores["B"]); err != nil {
			t.Fatal(err)
		}
		if len(differ) != 2 || differ[0].Invoice != ci {
			t.Fatalf("site %d reports the differences %+v", at, differ)
		}
	}
	lost := map[atoll.ID]string{}
	for _, d := range differ {
		lost[d.Line] = d.Difference
	}
	if lost[two] != "1" || lost[none] != "4" {
		t.Errorf("missing are %v; want 1 of one line and 4 of the other", lost)
	}
	if f := w.want(2, "invoice", ci).Fields; f.Text("linked_status") != documents.Finalised {
		t.Errorf("B's half shows %s", f.Text("linked_status"))
	}
	w.peace()
}

// TestR_D_28_AllLinesZero: nothing came, and the document can be closed.
func TestR_D_28_AllLinesZero(t *testing.T) {
	w := f1(t)
	ci := threeLines(w)
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	w.perform(3, documents.Arrive, "invoice", half.ID)
	for _, l := range w.linesOf(3, half.ID) {
		w.update(3, "invoice_line", l.ID, atoll.Fields{}.Set("number_of_packs", number("0")))
	}
	w.act(3, receive, half.ID)
	if got := w.list(3, "stock_line", "store_id", string(w.Stores["C"])); len(got) > 0 {
		t.Errorf("%d stock lines came of nothing", len(got))
	}
	w.peace()
}

func TestR_D_83_R_D_37_R_D_38_R_D_40_LaterChanges(t *testing.T) {
	w := f1(t)
	ci := threeLines(w)
	w.sync(2, 3, 2)
	half := w.answer(3, "invoice", ci)
	location := w.insert(3, "location", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("code", "L").Set("name", "L"))
	w.perform(3, documents.Arrive, "invoice", half.ID)
	var line atoll.ID
	for _, l := range w.linesOf(3, half.ID) {
		line = l.ID
	}
	own := atoll.Fields{}.Set("location_id", location).Set("batch", "C's").Set("sell_price_per_pack", number("9.99")).Set("number_of_packs", number("1"))
	w.update(3, "invoice_line", line, own)
	w.update(3, "invoice", half.ID, atoll.Fields{}.Set("comment", "C's own words").Set("on_hold", false))
	w.update(2, "invoice", ci, atoll.Fields{}.Set("transport_reference", "LORRY 7").Set("comment", "B's afterthought"))
	w.refused(w.At(2).Insert(w.ctx, change("invoice", ci, atoll.Fields{}.Set("tax_percent", number("5")))), atoll.LifeCycle)
	w.sync(2, 3) // two syncs
	after := w.want(3, "invoice", half.ID)
	f := after.Fields
	if f.Text("transport_reference") != "LORRY 7" {
		t.Errorf("C's invoice shows the transport reference %q", f.Text("transport_reference"))
	}
	if f.Text("comment") != "C's own words" || f.Bool("on_hold", true) {
		t.Errorf("C's own comment became %q", f.Text("comment"))
	}
	l := w.want(3, "invoice_line", line).Fields
	for _, name := range own.Names() {
		if string(l[name]) != string(own[name]) {
			t.Errorf("C's %s became %s", name, l[name])
		}
	}
	if after.Origin.Site != 3 || w.want(3, "invoice", ci).Origin.Site != 2 {
		t.Error("a half was written by the other's site")
	}
	// R-D-40: each shows the other's number, status and when that was heard, also
	// without a network.
	for _, n := range w.Sites {
		n.Net.Down = func() bool { return true }
	}
	if f.Int("linked_number") != w.want(2, "invoice", ci).Fields.Int("number") || f.Text("linked_status") != documents.Finalised || !f.Has("linked_at") {
		t.Errorf("C's half shows of B's: number %d, %s, %s", f.Int("linked_number"), f.Text("linked_status"), f.Text("linked_at"))
	}
	b := w.want(2, "invoice", ci).Fields
	if b.Int("linked_number") != f.Int("number") || b.Text("linked_status") == "" || !b.Has("linked_at") {
		t.Errorf("B's half shows of C's: number %d, %s, %s", b.Int("linked_number"), b.Text("linked_status"), b.Text("linked_at"))
	}
	w.mend()
	// Again, after C has closed its half.
	w.act(3, receive, half.ID)
	w.update(2, "invoice", ci, atoll.Fields{}.Set("transport_reference", "LORRY 8"))
	w.sync(2, 3)
	if got := w.want(3, "invoice", half.ID).Fields.Text("transport_reference"); got != "LORRY 8" {
		t.Errorf("when it is closed C's half shows %q", got)
	}
	w.peace()
}

func TestR_D_89_R_D_26_R_D_27_OnHold(t *testing.T) {
	w := f1(t)
	ci := threeLines(w)
	value := "12.60" // 6 packs at 2.10
	inTransit := func() (sum string) {
		sum = "0"
		for _, x := range w.under(transfer.Filter{InTransit: true}) {
			sum = documents.Add(sum, x.Value)
		}
		return sum
	}
	w.sync(2)
	if got := inTransit(); documents.Compare(got, value) != 0 {
		t.Errorf("before it is answered %s is in transit; want %s", got, value)
	}
	w.sync(3)
	half := w.answer(3, "invoice", ci)
	if got := inTransit(); documents.Compare(got, value) != 0 || !half.Fields.Bool("on_hold", false) {
		t.Errorf("on hold %s is in transit; want %s", got, value)
	}
	w.refused(w.try(3, finalise, half.ID), atoll.LifeCycle, "on hold")
	if got := w.list(3, "stock_line"); len(got) > 0 {
		t.Errorf("on hold %d stock lines are in C", len(got))
	}
	w.update(3, "invoice", half.ID, atoll.Fields{}.Set("on_hold", false))
	w.act(3, finalise, half.ID)
	w.sync(3)
	if got := inTransit(); got != "0" {
		t.Errorf("in the end %s is in transit", got)
	}
	w.peace()
}

// TestR_D_26_Preference is the other way: a store that wants no hold.
func TestR_D_26_NoHold(t *testing.T) {
	w := f1(t)
	w.storePrefers("C", "stock_transfer_supplier_invoice_is_on_hold", false)
	ci := threeLines(w)
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	if half.Fields.Bool("on_hold", false) {
		t.Error("the supplier invoice is on hold, although its store wants none")
	}
	w.act(3, finalise, half.ID)
	w.peace()
}

// TestR_D_23_R_D_24: what a shipment takes over, and what not; R-D-16 and R-D-92 in
// the same shape, so that the local flavour is held to it too.
func TestR_D_23_R_D_24_WhatIsCopied(t *testing.T) {
	for _, to := range []string{"C", "F"} { // far, and on the same site
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		stock := w.stock("B", item, "50")
		location := w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "L").Set("name", "L"))
		ci := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.CustomerInvoice).
			Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores[to])).Set("their_reference", "PO 12").
			Set("comment", "handle with care").Set("currency_rate", number("1.2500")).Set("tax_percent", number("12.5")).
			Set("transport_reference", "LORRY").Set("expected_delivery_date", "2026-03-09"))
		line := w.insert(2, "invoice_line", atoll.Fields{}.Set("invoice_id", ci).Set("store_id", w.Stores["B"]).Set("kind", "stock_out").
			Set("stock_line_id", stock).Set("item_id", item).Set("batch", "L-B").Set("expiry_date", "2028-06-30").Set("pack_size", number("10")).
			Set("number_of_packs", number("4")).Set("cost_price_per_pack", number("1.50")).Set("sell_price_per_pack", number("2.10")).
			Set("location_id", location))
		w.act(2, finalise, ci)
		at := w.home(to)
		w.sync(2, 3)
		half := w.answer(at, "invoice", ci)
		f := half.Fields
		for name, want := range map[string]string{
			"their_reference": "From invoice number: 1 (PO 12)", "comment": "Stock transfer (handle with care)",
			"transport_reference": "LORRY", "expected_delivery_date": "2026-03-09", "name_id": string(topology.StoreNameID(w.Stores["B"])),
		} {
			if f.Text(name) != want {
				t.Errorf("to %s: %s is %q; want %q", to, name, f.Text(name), want)
			}
		}
		if f.Number("currency_rate") != "1.2500" || f.Number("tax_percent") != "12.5" {
			t.Errorf("to %s: rate %s, tax %s", to, f.Number("currency_rate"), f.Number("tax_percent"))
		}
		l := w.linesOf(at, half.ID)[line].Fields
		for name, want := range map[string]string{
			"batch": `"L-B"`, "expiry_date": `"2028-06-30"`, "pack_size": "10", "number_of_packs": "4", "cost_price_per_pack": "2.10",
			"sent_pack_size": "10", "sent_number_of_packs": "4", "item_id": `"` + string(item) + `"`,
		} {
			if string(l[name]) != want {
				t.Errorf("to %s: line's %s is %s; want %s", to, name, l[name], want)
			}
		}
		if l.Has("stock_line_id") || l.Has("location_id") || l.Has("box_id") {
			t.Errorf("to %s: the line took over B's stock line or location: %v", to, l)
		}
		w.act(at, receive, half.ID)
		w.peace()
	}
}

// A document that names a programme and a campaign which the centre refused stands, as
// it may be without. It is answered without them (R-D-52, R-A-17).
func TestR_D_52_R_A_17_NamesWhatWasRefused(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.grant(rights.All, "B")
	w.sync(2, 3)
	stock := w.stock("B", item, "50")
	w.peace()
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: rights.All, AtOnce: true, Reason: "found in a ditch"}))
	program := w.insert(2, "program", atoll.Fields{}.Set("name", "made too late"))
	campaign := w.insert(2, "campaign", atoll.Fields{}.Set("name", "made too late"))
	req := w.insert(2, "requisition", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.Request).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["C"])).Set("program_id", program).Set("order_type", "urgent"))
	w.insert(2, "requisition_line", atoll.Fields{}.Set("requisition_id", req).Set("store_id", w.Stores["B"]).
		Set("item_id", item).Set("requested_quantity", number("7")))
	w.act(2, finaliseRequisition, req)
	ci := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.CustomerInvoice).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["C"])).Set("program_id", program))
	line := w.insert(2, "invoice_line", atoll.Fields{}.Set("invoice_id", ci).Set("store_id", w.Stores["B"]).Set("kind", "stock_out").
		Set("stock_line_id", stock).Set("item_id", item).Set("pack_size", number("10")).Set("number_of_packs", number("4")).
		Set("batch", "L-B").Set("campaign_id", campaign))
	w.act(2, finalise, ci)
	w.sync(2)
	w.giveTruth(2)
	w.sync(2, 3)
	if f := w.answer(3, "requisition", req).Fields; f.Has("program_id") || f.Text("order_type") != "urgent" {
		t.Errorf("the response: %v", f)
	}
	half := w.answer(3, "invoice", ci)
	if half.Fields.Has("program_id") {
		t.Errorf("the supplier invoice: %v", half.Fields)
	}
	if f := w.linesOf(3, half.ID)[line].Fields; f.Has("campaign_id") || f.Text("batch") != "L-B" || f.Number("number_of_packs") != "4" {
		t.Errorf("its line: %v", f)
	}
	w.act(3, receive, half.ID)
	w.peace()
}

func TestR_D_25_PackToOne(t *testing.T) {
	w := f1(t)
	w.storePrefers("C", "pack_to_one", true)
	ci := threeLines(w)
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	for id, l := range w.linesOf(3, half.ID) {
		sent := w.want(2, "invoice_line", id).Fields
		f := l.Fields
		if f.Number("pack_size") != "1" || documents.Compare(f.Number("number_of_packs"), documents.Mul(sent.Number("number_of_packs"), "10")) != 0 {
			t.Errorf("%s packs of %s became %s of %s", sent.Number("number_of_packs"), sent.Number("pack_size"), f.Number("number_of_packs"), f.Number("pack_size"))
		}
		was := documents.Mul(sent.Number("number_of_packs"), sent.Number("sell_price_per_pack"))
		if is := documents.Mul(f.Number("number_of_packs"), f.Number("cost_price_per_pack")); documents.Compare(is, was) != 0 {
			t.Errorf("the line is worth %s, was %s", is, was)
		}
	}
	w.act(3, receive, half.ID)
	w.sync(3, 2)
	for id, l := range w.linesOf(2, ci) {
		if documents.Compare(l.Fields.Number("received_number_of_packs"), l.Fields.Number("number_of_packs")) != 0 {
			t.Errorf("of line %s B reads that %s were received", id, l.Fields.Number("received_number_of_packs"))
		}
	}
	w.peace()
}

// TestR_D_07_R_D_08: documents that are no transfers stay what they are.
func TestR_D_07_R_D_08_NoTransfer(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("B", item, "50")
	outside := w.insert(1, "name", atoll.Fields{}.Set("code", "OUT").Set("name", "A clinic of others").Set("kind", "facility").Set("is_customer", true))
	w.sync(2)
	ci := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.CustomerInvoice).Set("status", documents.New).Set("name_id", outside))
	w.insert(2, "invoice_line", atoll.Fields{}.Set("invoice_id", ci).Set("store_id", w.Stores["B"]).Set("kind", "stock_out").
		Set("stock_line_id", stock).Set("item_id", item).Set("batch", "L-B").Set("expiry_date", "2028-06-30").Set("pack_size", number("10")).Set("number_of_packs", number("4")))
	w.act(2, finalise, ci)
	_, err := w.At(2).Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) { return d.Adjust(stock, "-1", "broken") })
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	for _, at := range []atoll.SiteID{1, 2, 3} {
		for _, r := range w.list(at, "invoice") {
			if r.Fields.Has("originating_id") || r.Fields.Has("partner_store_id") {
				t.Errorf("at site %d %s takes part in a transfer", at, r.Body)
			}
		}
	}
	if got := w.under(transfer.Filter{}); len(got) > 0 {
		t.Errorf("%d transfers are under way", len(got))
	}
	w.peace()
}
