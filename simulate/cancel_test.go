package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// TestR_D_39: goods on their way are asked back, when nobody has touched them and
// when somebody has.
func TestR_D_39_CancelRequest(t *testing.T) {
	for _, touched := range []bool{false, true} {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		stock := w.stock("B", item, "50")
		ci := w.ship("B", "C", stock, "4")
		w.refused(w.attempt(2, documents.Cancel, "invoice", ci), atoll.LifeCycle)
		w.refused(w.At(2).Insert(w.ctx, change("invoice", ci, atoll.Fields{}.Set("status", documents.New))), atoll.LifeCycle)
		w.sync(2, 3)
		half := w.answer(3, "invoice", ci)
		if touched {
			w.perform(3, documents.Arrive, "invoice", half.ID)
		}
		if err := w.At(2).AskCancel(w.ctx, "tester", ci); err != nil {
			t.Fatal(err)
		}
		w.refused(w.At(2).AskCancel(w.ctx, "tester", ci), atoll.LifeCycle, "asked for")
		left := func() string { return w.want(2, "stock_line", stock).Fields.Number("total_number_of_packs") }
		w.sync(2)
		if left() != "46" {
			t.Errorf("when it was only asked B has %s packs", left())
		}
		w.sync(3)
		if got := w.want(3, "invoice", half.ID).Fields.Text("status"); (got == documents.Cancelled) == touched || left() != "46" {
			t.Errorf("touched %t: C's half is %s, and B has %s packs", touched, got, left())
		}
		w.sync(2)
		f := w.want(2, "invoice", ci).Fields
		if touched {
			if f.Text("status") != documents.Finalised || left() != "46" || !f.Has("cancel_refused_at") {
				t.Errorf("refused, B's half is %s and B has %s packs", f.Text("status"), left())
			}
			w.refused(w.At(2).AskCancel(w.ctx, "tester", ci), atoll.LifeCycle, "refused")
			w.act(3, receive, half.ID)
		} else {
			if f.Text("status") != documents.Cancelled || left() != "50" {
				t.Errorf("confirmed, B's half is %s and B has %s packs", f.Text("status"), left())
			}
			w.refused(w.try(3, receive, half.ID), atoll.LifeCycle)
		}
		w.sync(2, 3)
		if got := w.under(transfer.Filter{}); len(got) > 0 {
			t.Errorf("touched %t: still under way: %+v", touched, got)
		}
		w.peace()
	}
}

// TestR_C_94: a site that lost what it kept to itself answers what others sent it
// again.
//
// R-C-94, R-D-15.
func TestR_C_94_R_D_15_AnsweredAgain(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.configure(central.ManageOnly(w.Stores["B"], true))
	w.Apart = map[atoll.ID]bool{w.Stores["B"]: true}
	w.sync(2, 3)
	req, err := w.request("C", "B", item, "70")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3, 2, 3)
	w.replace(2)
	w.Clock.Wind(time.Hour)
	w.sync(2, 2, 3)
	w.answer(2, "requisition", req)
	w.peace()
}

// TestR_D_39: goods are asked back from a store on the same site that keeps its data
// there. The centre, which does not have the answer, takes what the sender's half has
// learnt of it.
//
// R-D-39, R-C-90.
func TestR_D_39_R_C_90_AskedBackFromAStoreThatKeepsItsData(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.configure(central.ManageOnly(w.Stores["D"], true))
	w.Apart = map[atoll.ID]bool{w.Stores["D"]: true}
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	ci := w.ship("C", "D", stock, "4")
	w.sync(3)
	if err := w.At(3).AskCancel(w.ctx, "tester", ci); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	for _, at := range []atoll.SiteID{1, 3} {
		if got := w.want(at, "invoice", ci).Fields.Text("status"); got != documents.Cancelled {
			t.Errorf("at site %d C's half is %s", at, got)
		}
		w.holds(at, stock, "50", "50")
	}
	w.peace()
}

// TestR_D_39: goods that were sent for an order, and are answered by goods received, are
// asked back in the same way.
//
// R-D-39, R-D-61.
func TestR_D_39_R_D_61_OrderedGoodsAskedBack(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		orderedBack(t, deleted)
	}
}

func orderedBack(t *testing.T, deleted bool) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	stock := w.stock("A", item, "50")
	order := w.buys(2, "B", "A", map[atoll.ID]string{item: "50"})
	w.sync(2)
	response := w.one(1, "requisition", "purchase_order_id", string(order))
	ci := w.supplies(1, "A", "B", atoll.Fields{}.Set("requisition_id", response.ID), map[atoll.ID]string{stock: "4"})
	w.sync(2)
	half := w.answer(2, "goods_received", ci)
	if deleted { // somebody has it in hand, and throws it away when he is asked
		w.perform(2, documents.Confirm, "goods_received", half.ID)
	}
	if err := w.Centre.AskCancel(w.ctx, "tester", ci); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	if deleted {
		w.perform(2, documents.Delete, "goods_received", half.ID)
	} else if got := w.want(2, "goods_received", half.ID).Fields.Text("status"); got != documents.Cancelled {
		t.Errorf("the goods received are %s", got)
	}
	w.sync(2, 2)
	if got := w.want(1, "invoice", ci).Fields.Text("status"); got != documents.Cancelled {
		t.Errorf("the shipment is %s", got)
	}
	if left := w.want(1, "stock_line", stock).Fields.Number("total_number_of_packs"); left != "50" {
		t.Errorf("A has %s packs", left)
	}
	if got := w.received(2, order)[item]; got != "0" {
		t.Errorf("the order counts %s as received", got)
	}
	w.peace()
}

// TestR_D_39: what answers a shipment is thrown away before the sender has heard that it
// ever was there. The first it hears is that it is gone, and its stock comes back: from
// an invoice, and from goods received for an order, whichever way that was answered.
//
// R-D-39, R-D-61, R-D-90.
func TestR_D_39_R_D_61_GoneBeforeItWasHeardOf(t *testing.T) {
	for _, orders := range []string{"", "requisition", "customer_invoice"} {
		w := f1(t)
		item, kind := w.item("x"), atoll.Type("invoice")
		if orders != "" {
			w.prefer("purchase_order_answer", orders)
		}
		w.sync(2, 3)
		stock := w.stock("B", item, "50")
		var ci, order atoll.ID
		if orders == "" {
			ci = w.ship("B", "C", stock, "4")
		} else {
			kind = "goods_received"
			order = w.buys(3, "C", "B", map[atoll.ID]string{item: "40"})
			w.sync(3, 2)
		}
		switch orders {
		case "requisition":
			response := w.one(2, "requisition", "purchase_order_id", string(order))
			ci = w.supplies(2, "B", "C", atoll.Fields{}.Set("requisition_id", response.ID), map[atoll.ID]string{stock: "4"})
		case "customer_invoice":
			ci = w.one(2, "invoice", "purchase_order_id", string(order)).ID
			line := w.one(2, "invoice_line", "invoice_id", string(ci))
			w.correct(2, change("invoice_line", line.ID, atoll.Fields{}.Set("stock_line_id", stock).Set("batch", "L-B").Set("expiry_date", "2028-06-30")))
			w.act(2, finalise, ci)
		}
		w.sync(2, 3)
		half := w.answer(3, kind, ci)
		if orders == "" { // somebody has it in hand
			w.correct(3, change(kind, half.ID, atoll.Fields{}.Set("on_hold", false)))
		} else {
			w.perform(3, documents.Confirm, kind, half.ID)
		}
		if err := w.At(2).AskCancel(w.ctx, "tester", ci); err != nil {
			t.Fatal(err)
		}
		w.Sites[2].Net.CutDown = func() int { return 0 } // what it says is heard, and it hears nothing
		if _, err := w.Sync(w.ctx, 2); err == nil {
			t.Fatal("the line holds")
		}
		w.mend()
		w.sync(3)
		w.perform(3, documents.Delete, kind, half.ID)
		w.sync(3, 2, 2)
		for _, at := range []atoll.SiteID{1, 2} {
			if got := w.want(at, "invoice", ci).Fields.Text("status"); got != documents.Cancelled {
				t.Errorf("answer %q: at site %d the shipment is %s", orders, at, got)
			}
			w.holds(at, stock, "50", "50")
		}
		if got := w.under(transfer.Filter{}); len(got) > 0 {
			t.Errorf("answer %q: still under way: %+v", orders, got)
		}
		w.peace()
	}
}

func TestR_D_32_PreAdvice(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("B", item, "50")
	confirmed := func() (ci atoll.ID, lines []atoll.ID) {
		ci = w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.CustomerInvoice).
			Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["C"])))
		for _, n := range []string{"1", "2"} {
			lines = append(lines, w.lineOf(2, "B", ci, stock, n))
		}
		w.perform(2, documents.Confirm, "invoice", ci)
		w.sync(2, 3)
		return ci, lines
	}
	if ci, _ := confirmed(); len(w.list(3, "invoice", "originating_id", string(ci))) > 0 {
		t.Error("goods are announced although nobody wants that")
	}
	w.prefer("transfer_pre_advice", true)
	w.sync(2, 3)

	ci, lines := confirmed()
	half := w.answer(3, "invoice", ci)
	if f := half.Fields; !f.Bool("is_pre_advice", false) || f.Text("status") != documents.New {
		t.Fatalf("the pre-advice: %s", half.Body)
	}
	for _, act := range []documents.Action{documents.Arrive, documents.Receive, documents.Finalise, documents.Delete} {
		if err := w.attempt(3, act, "invoice", half.ID); err == nil {
			t.Errorf("a pre-advice can be %sd", act)
		}
	}
	for _, l := range w.linesOf(3, half.ID) {
		if err := w.At(3).Insert(w.ctx, change("invoice_line", l.ID, atoll.Fields{}.Set("batch", "x"))); err == nil {
			t.Error("lines of a pre-advice can be edited")
		}
	}
	// The shipment is altered before it leaves: a line goes, one changes, one comes.
	w.correct(2, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "invoice_line", ID: lines[0]}},
		change("invoice_line", lines[1], atoll.Fields{}.Set("number_of_packs", number("7"))))
	added := w.want(2, "invoice_line", lines[1]).Fields.Clone().Set("number_of_packs", number("3"))
	extra := atoll.NewID(w.Clock.Now())
	w.correct(2, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: extra}, Fields: added})
	w.act(2, finalise, ci)
	w.sync(2, 3)
	after := w.want(3, "invoice", half.ID)
	got := w.linesOf(3, half.ID)
	if after.Fields.Bool("is_pre_advice", false) || len(got) != 2 {
		t.Errorf("sent, it has %d lines: %s", len(got), after.Body)
	}
	for id, want := range map[atoll.ID]string{lines[1]: "7", extra: "3"} {
		if n := got[id].Fields.Number("number_of_packs"); n != want {
			t.Errorf("a line has %s packs; want the %s that were sent", n, want)
		}
	}
	w.act(3, receive, half.ID)

	gone, _ := confirmed()
	half = w.answer(3, "invoice", gone)
	w.perform(2, documents.Delete, "invoice", gone)
	w.sync(2, 3)
	if w.get(3, "invoice", half.ID) != nil || len(w.linesOf(3, half.ID)) > 0 {
		t.Error("the shipment was deleted, and its pre-advice is still there")
	}
	for _, id := range []atoll.ID{ci} { // sent, neither is possible any more
		if err := w.attempt(2, documents.Delete, "invoice", id); err == nil {
			t.Error("a shipment that was sent can be deleted")
		}
	}
	w.peace()
}

// TestR_D_92: all kinds between two stores of one site, with the cable out.
func TestR_D_92_R_D_16_AllOffline(t *testing.T) {
	for _, managed := range []bool{true, false} { // F has no copy at the centre, or has one
		w := f1(t)
		if !managed {
			w.configure(central.ManageOnly(w.Stores["F"], false))
		}
		one := w.item("one")
		w.sync(2, 3)
		stock := w.stock("B", one, "90")
		w.sync(2)
		w.Sites[2].Net.Down = func() bool { return true }
		before := w.seq(2)
		ci := w.ship("B", "F", stock, "20") // R-D-01
		si := w.answer(2, "invoice", ci)
		w.act(2, receive, si.ID)
		inF := w.one(2, "stock_line", "store_id", string(w.Stores["F"])).ID
		credit := w.giveBack("F", "B", inF, "1", si.ID) // R-D-02
		w.act(2, receive, w.answer(2, "invoice", credit).ID)
		req, err := w.request("F", "B", one, "30") // R-D-03
		if err != nil {
			t.Fatal(err)
		}
		response := w.answer(2, "requisition", req)
		second := w.prepared(2, response.ID) // R-D-06
		w.act(2, finalise, second)
		w.perform(2, documents.Finalise, "requisition", response.ID)
		half := w.answer(2, "invoice", second)
		if half.Fields.ID("requisition_id") != req {
			t.Error("the supplier invoice is not linked to the request")
		}
		w.act(2, receive, half.ID)
		order := w.buys(2, "F", "B", map[atoll.ID]string{one: "20"}) // R-D-04
		answer := w.one(2, "requisition", "purchase_order_id", string(order))
		third := w.prepared(2, answer.ID) // R-D-05
		w.act(2, finalise, third)
		gr := w.answer(2, "goods_received", third)
		if got := w.received(2, order); got[one] != "20" {
			t.Errorf("of the order %v are received", got)
		}
		w.perform(2, documents.Finalise, "goods_received", gr.ID)
		w.act(2, receive, w.want(2, "goods_received", gr.ID).Fields.ID("linked_invoice_id"))
		for kind, id := range map[atoll.Type]atoll.ID{"invoice": ci, "requisition": req, "purchase_order": order} {
			if f := w.want(2, kind, id).Fields; f.Int("linked_number") < 1 {
				t.Errorf("%s does not know its other half", kind)
			}
		}
		w.mend()
		l := w.listen(2)
		w.sync(2)
		if l.sent != int(w.seq(2)-before) {
			t.Errorf("%d entries were sent of %d", l.sent, w.seq(2)-before)
		}
		// Both halves go up only if both stores have a copy at the centre.
		if there := w.get(1, "invoice", si.ID) != nil; there == managed || w.get(1, "invoice", ci) == nil {
			t.Errorf("managed only %t: F's half is at the centre: %t", managed, there)
		}
		if got := w.under(transfer.Filter{}); len(got) > 0 {
			t.Errorf("managed only %t: listed as under way: %+v", managed, got)
		}
		w.peace()
	}
}

// A shipment between two stores of one site is asked back after one of them became a
// store whose documents stay at the site: the centre knows that store's half as it was
// before, and takes the site's word about the other.
//
// R-D-39, R-C-90.
func TestR_D_39_R_C_90_AskedBackFromAStoreThatIsManagedOnly(t *testing.T) {
	for _, sends := range []bool{true, false} {
		w := f1(t)
		w.configure(central.ManageOnly(w.Stores["F"], false))
		item := w.item("x")
		w.sync(2)
		from, to := "F", "B"
		if !sends {
			from, to = to, from
		}
		ci := w.ship(from, to, w.stock(from, item, "50"), "5")
		half := w.answer(2, "invoice", ci)
		w.peace()
		w.configure(central.ManageOnly(w.Stores["F"], true))
		w.sync(2)
		if err := w.At(2).AskCancel(w.ctx, "tester", ci); err != nil {
			t.Fatal(err)
		}
		w.sync(2)
		for _, q := range w.quarantined(2) {
			t.Errorf("F sends %t: refused: %s", sends, q.Message)
		}
		of := half.ID
		if !sends {
			of = ci
		}
		if got := w.want(1, "invoice", of).Fields.Text("status"); got != documents.Cancelled {
			t.Errorf("F sends %t: B's half is %s at the centre; want cancelled", sends, got)
		}
	}
}

// The same, of a shipment that was made when its store's documents stayed at the site
// already: the centre has nothing of it. Whether the answer is goods received or an
// invoice, and cancelled or thrown away with its lines, the site's word counts.
//
// R-D-39, R-C-90.
func TestR_D_39_R_C_90_AskedBackUnseenByTheCentre(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		for _, ordered := range []bool{false, true} {
			unseenBack(t, ordered, deleted)
		}
	}
}

func unseenBack(t *testing.T, ordered, deleted bool) {
	w := f1(t)
	w.configure(central.ManageOnly(w.Stores["F"], false))
	item := w.item("x")
	w.sync(2)
	by, kind := atoll.Fields{}, atoll.Type("invoice")
	if ordered {
		order := w.buys(2, "B", "F", map[atoll.ID]string{item: "50"})
		w.sync(2)
		by.Set("requisition_id", w.one(2, "requisition", "purchase_order_id", string(order)).ID)
		kind = "goods_received"
	}
	w.configure(central.ManageOnly(w.Stores["F"], true))
	w.Apart = map[atoll.ID]bool{w.Stores["F"]: true}
	w.sync(2)
	ci := w.supplies(2, "F", "B", by, map[atoll.ID]string{w.stock("F", item, "50"): "4"})
	half := w.answer(2, kind, ci)
	if deleted && ordered { // somebody has it in hand, and throws it away when he is asked
		line := w.one(2, "goods_received_line", "goods_received_id", string(half.ID))
		w.correct(2, change("goods_received_line", line.ID, atoll.Fields{}.Set("number_of_packs_received", number("3"))))
	} else if deleted {
		w.correct(2, change("invoice", half.ID, atoll.Fields{}.Set("on_hold", false)))
	}
	if err := w.At(2).AskCancel(w.ctx, "tester", ci); err != nil {
		t.Fatal(err)
	}
	if deleted {
		w.perform(2, documents.Delete, kind, half.ID)
	}
	w.sync(2)
	for _, q := range w.quarantined(2) {
		t.Errorf("ordered %t, deleted %t: refused: %s", ordered, deleted, q.Message)
	}
	if got := w.want(2, "invoice", ci).Fields.Text("status"); got != documents.Cancelled {
		t.Errorf("ordered %t, deleted %t: the shipment is %s", ordered, deleted, got)
	}
	w.peace()
}

// A site's word counts only of what it keeps to itself: a site that cancels its answer to
// a shipment which nobody asked back is refused, whether the shipment is of another site,
// of one that has become managed only there, or of a plain store of its own.
//
// R-D-28, R-C-90.
func TestR_D_28_R_C_90_ThrownAwayUnasked(t *testing.T) {
	for _, tc := range []struct {
		from    string
		managed bool
	}{{"B", false}, {"B", true}, {"D", false}} {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		ci := w.ship(tc.from, "C", w.stock(tc.from, item, "50"), "4")
		w.sync(2, 3)
		half := w.answer(3, "invoice", ci)
		w.configure(central.ManageOnly(w.Stores[tc.from], tc.managed))
		w.sync(2, 3)
		w.At(3).Door.Judge = &admit.Judge{Catalogue: w.Catalogue}
		w.correct(3, change("invoice", half.ID, atoll.Fields{}.Set("status", documents.Cancelled)))
		w.sync(3)
		if q := w.quarantined(3); len(q) == 0 || !strings.Contains(q[0].Message, "cannot be taken back here") {
			t.Errorf("from %s, managed only %t: quarantined: %v", tc.from, tc.managed, q)
		}
	}
}
