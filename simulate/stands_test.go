package simulate

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// force takes the store from its site, which is not heard of.
func (w *world) force(store string, to atoll.SiteID) {
	w.t.Helper()
	if err := w.Centre.Centre.ForceMove(w.ctx, "tester", w.move(store, to), "Dr. Okello"); err != nil {
		w.t.Fatal(err)
	}
}

// giveTruth decides about everything that waits of the site, until nothing does: it
// gets the true records.
func (w *world) giveTruth(of atoll.SiteID) {
	w.t.Helper()
	for range 10 {
		open := w.quarantined(of)
		if len(open) == 0 {
			return
		}
		for _, q := range open {
			if _, err := w.Centre.Centre.Decide(w.ctx, q.ID, central.Return, "supervisor", "the store was taken from it"); err != nil && atoll.CodeOf(err) != atoll.NotFound && atoll.CodeOf(err) != atoll.Conflict {
				w.t.Fatal(err) // one may have been settled with another
			}
		}
		w.sync(of)
	}
	w.t.Fatal("the quarantine does not become empty")
}

// refusedFor reports whether an entry of the site was refused and does not stand.
func (w *world) refusedFor(site atoll.SiteID, seq uint64) (is bool) {
	w.t.Helper()
	err := w.At(1).Store.View(w.ctx, func(r storage.Reader) error {
		all, err := r.Refusals(site, false, 0, 0)
		is = slices.ContainsFunc(all, func(no storage.Refusal) bool { return no.Seq == seq && no.State != storage.Applied })
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return is
}

// What the one half has learnt of the other goes back with it, when the receipt was
// refused because the store had been taken from the site (R-D-33, R-H-37).
func TestR_D_33_R_H_37_AReceiptThatDoesNotStand(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	ci := w.ship("C", "D", w.stock("C", item, "50"), "5")
	half := w.answer(3, "invoice", ci)
	w.peace()
	w.force("D", 1)
	w.act(3, receive, half.ID)
	if got := w.want(3, "invoice", ci).Fields.Text("linked_status"); got != documents.Finalised {
		t.Fatalf("before the site heard of it its half shows %q", got)
	}
	w.sync(3)
	w.giveTruth(3)
	w.sync(3)
	if got := w.want(1, "invoice", ci).Fields; got.Text("linked_status") != documents.New {
		t.Errorf("C's half shows %q of D's, which is new", got.Text("linked_status"))
	}
	for _, l := range w.linesOf(1, ci) {
		if l.Fields.Has("received_number_of_packs") {
			t.Errorf("C's half shows that %s packs were received", l.Fields.Number("received_number_of_packs"))
		}
	}
	w.act(1, receive, half.ID)
	w.peace()
	if got := w.want(3, "invoice", ci).Fields; got.Text("linked_status") != documents.Finalised {
		t.Errorf("C's half shows %q of D's, which is finalised", got.Text("linked_status"))
	}
}

// Goods that were asked back from a store on the same site stay on their way when what
// that site did as the store is refused, as the store had been taken from it. Where the
// store is now it is asked again, and what it says counts, whether that is heard before
// or after the truth (R-D-39, R-H-37).
func TestR_D_39_R_H_37_GivenUpByASiteThatLostTheStore(t *testing.T) {
	for _, to := range []atoll.SiteID{1, 2} {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		stock := w.stock("C", item, "50")
		ci := w.ship("C", "D", stock, "5")
		half := w.answer(3, "invoice", ci)
		w.peace()
		w.force("D", to)
		if err := w.At(3).AskCancel(w.ctx, "tester", ci); err != nil {
			t.Fatal(err)
		}
		if _, err := w.At(3).Processors.Run(w.ctx); err != nil {
			t.Fatal(err)
		}
		w.holds(3, stock, "50", "50")
		w.sync(3)
		w.giveTruth(3)
		if to != 1 { // it has not answered yet
			w.holds(3, stock, "45", "45")
		}
		w.peace()
		if got := w.want(1, "invoice", half.ID); got.Fields.Text("status") != documents.Cancelled {
			t.Errorf("D's half at site %d is %s", to, got.Fields.Text("status"))
		}
		for _, at := range []atoll.SiteID{1, 3} {
			if got := w.want(at, "invoice", ci).Fields.Text("status"); got != documents.Cancelled {
				t.Errorf("D is at site %d; at site %d C's half is %s", to, at, got)
			}
			w.holds(at, stock, "50", "50")
		}
	}
}

// An answer on the same site to a document that is refused afterwards is listed, with
// the reason: its own store was never taken from the site, and its goods count as come
// from outside (R-D-52, R-H-37).
func TestR_D_52_R_H_37_AnAnswerToWhatWasRefused(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	w.force("C", 1)
	ci, err := w.At(3).Shipment(w.ctx, w.Stores["C"], w.Stores["D"], stock, "5")
	if err != nil {
		t.Fatal(err)
	}
	half := w.answer(3, "invoice", ci)
	w.sync(3)
	x := w.onlyOne(transfer.Filter{Exceptions: true})
	if x.Initiating.ID != ci || x.Responding == nil || x.Responding.ID != half.ID || x.Reason != transfer.Refused {
		t.Errorf("listed as %+v", x)
	}
	w.giveTruth(3)
	w.sync(3)
	if w.get(3, "invoice", ci) != nil {
		t.Error("the site still shows what was refused")
	}
	w.act(3, receive, half.ID)
	w.peace()
	w.holds(1, stock, "50", "50")
	if x := w.onlyOne(transfer.Filter{Reason: transfer.Refused}); x.Responding.Status != documents.Finalised {
		t.Errorf("listed as %+v", x)
	}
}

// The answer to an order that was refused is listed also when it was supplied since: a
// shipment names the order, too, and is not what answers it (R-D-52, R-D-61, R-H-37).
func TestR_D_52_R_D_61_R_H_37_AnOrderThatWasSupplied(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	w.force("D", 1)
	order := w.buys(3, "D", "C", map[atoll.ID]string{item: "40"})
	response := w.one(3, "requisition", "purchase_order_id", string(order))
	w.supplies(3, "C", "D", atoll.Fields{}.Set("requisition_id", response.ID).Set("purchase_order_id", order), map[atoll.ID]string{stock: "4"})
	w.sync(3)
	w.giveTruth(3)
	w.sync(3)
	w.peace()
	x := w.onlyOne(transfer.Filter{Reason: transfer.Refused})
	if x.Initiating.ID != order || x.Responding == nil || x.Responding.ID != response.ID {
		t.Errorf("listed as %+v", x)
	}
}

// So is one to a draft that the centre has, of which the finalising was refused. Sent
// after all, where its store is now, it is no exception any more, and its stock goes out
// there: the goods are not there twice (R-D-52, R-H-37).
func TestR_D_52_R_H_37_AnAnswerToADraftThatWasNotSent(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	ci := w.unsent("C", "D", stock, "5")
	w.peace()
	w.force("C", 2)
	w.act(3, finalise, ci)
	half := w.answer(3, "invoice", ci)
	w.act(3, receive, half.ID)
	w.sync(3)
	w.giveTruth(3)
	w.peace()
	w.holds(1, stock, "50", "50")
	x := w.onlyOne(transfer.Filter{Exceptions: true})
	if x.Initiating.ID != ci || x.Initiating.Status != documents.New || x.Responding == nil || x.Responding.ID != half.ID || x.Reason != transfer.Refused {
		t.Errorf("listed as %+v", x)
	}
	w.act(2, finalise, ci)
	w.peace()
	w.holds(1, stock, "45", "45")
	if got := w.under(transfer.Filter{}); len(got) > 0 {
		t.Errorf("listed as %+v", got)
	}
}

// One that stays at its site is listed there: the centre does not know of it. So is one
// to a draft that was not sent, until it is (R-D-52, R-C-90).
func TestR_D_52_R_C_90_AnAnswerThatStays(t *testing.T) {
	for _, draft := range []bool{false, true} {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		w.configure(central.ManageOnly(w.Stores["D"], true))
		w.sync(3)
		order := w.insert(3, "requisition", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("kind", documents.Request).
			Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["D"])))
		w.insert(3, "requisition_line", atoll.Fields{}.Set("requisition_id", order).Set("store_id", w.Stores["C"]).
			Set("item_id", item).Set("requested_quantity", 5))
		if draft {
			w.peace()
		}
		w.force("C", 2)
		w.do(3, documents.Finalise, "requisition", order)
		half := w.answer(3, "requisition", order)
		w.sync(3)
		w.giveTruth(3)
		w.peace()
		if got := w.under(transfer.Filter{Exceptions: true}); len(got) > 0 {
			t.Errorf("the centre lists %+v", got)
		}
		got, err := w.At(3).Transfers(w.ctx, transfer.Filter{Exceptions: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].Initiating.ID != order || got[0].Responding == nil || got[0].Responding.ID != half.ID || got[0].Reason != transfer.Refused {
			t.Fatalf("draft %t: the site lists %+v", draft, got)
		}
		if !draft {
			continue
		}
		w.do(2, documents.Finalise, "requisition", order) // where its store is now
		w.sync(2, 3)
		if got, err = w.At(3).Transfers(w.ctx, transfer.Filter{}); err != nil || len(got) > 0 {
			t.Errorf("sent after all, the site lists %+v, %v", got, err)
		}
	}
}

// Accepted by a person, the document is there after all: it is no exception any more.
func TestR_D_52_R_K_42_AcceptedAfterAll(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	w.force("C", 1)
	ci, err := w.At(3).Shipment(w.ctx, w.Stores["C"], w.Stores["D"], stock, "5")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	w.onlyOne(transfer.Filter{Reason: transfer.Refused})
	for range 10 {
		for _, q := range w.quarantined(3) {
			if _, err := w.Centre.Centre.Decide(w.ctx, q.ID, central.Accept, "supervisor", "it was done so"); err != nil && atoll.CodeOf(err) != atoll.NotFound && atoll.CodeOf(err) != atoll.Conflict {
				t.Fatal(err)
			}
		}
	}
	w.sync(3, 3)
	if got := w.under(transfer.Filter{Reason: transfer.Refused}); len(got) > 0 {
		t.Errorf("listed as %+v", got)
	}
	w.want(1, "invoice", ci)
}

// A transfer is completed by a site that has never heard of the sender's store: the
// stores lost sight of each other before it heard that they had seen each other
// (R-D-47).
func TestR_D_47_TheSenderIsNotKnownHere(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["D"], true))
	w.sync(2)
	ci := w.ship("B", "D", w.stock("B", item, "50"), "4")
	w.sync(2)
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["D"], false))
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["C"], false))
	w.replace(3) // it begins anew, and never had B's record
	w.sync(3)
	if w.get(3, "store", w.Stores["B"]) != nil {
		t.Fatal("site 3 has B's record")
	}
	half := w.answer(3, "invoice", ci)
	name := w.want(1, "store", w.Stores["B"]).Fields.ID("name_id")
	if got := half.Fields.ID("name_id"); got != name && name != "" || w.get(3, "name", got) == nil {
		t.Errorf("the answer names %s as its sender; want %s", got, name)
	}
	w.act(3, receive, half.ID)
	w.sync(3, 2)
	if got := w.want(2, "invoice", ci).Fields.Text("linked_status"); got != documents.Finalised {
		t.Errorf("B's half shows %s", got)
	}
	w.peace()
	// Nothing new begins.
	_, err := w.At(3).Shipment(w.ctx, w.Stores["D"], w.Stores["B"], w.one(3, "stock_line", "store_id", string(w.Stores["D"])).ID, "1")
	w.refused(err, atoll.NotVisible)
}

// A document that could not be answered because its store was on the move is the new
// site's to answer: where it was, it is nobody's any more (R-D-46, R-H-30).
func TestR_D_46_R_H_30_NothingWaitsWhereTheStoreWas(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	n, err := w.AddSite(w.ctx, "Sync Client 5", "server", "E")
	if err != nil {
		t.Fatal(err)
	}
	from := n.Door.Site
	w.configure(central.MakeVisible(w.Stores["E"], w.Stores["C"], true))
	w.sync(from, 3)
	ci := w.ship("E", "C", w.stock("E", item, "50"), "4")
	w.sync(from)
	w.move("E", 2)
	w.sync(3) // answers
	w.answer(3, "invoice", ci)
	w.peace()
	open, err := n.Processors.Exceptions(w.ctx)
	if err != nil || len(open) > 0 {
		t.Errorf("site %d, which has no store any more, could not answer %+v, %v", from, open, err)
	}
	if got := w.want(2, "invoice", ci).Fields; got.Text("linked_status") != documents.New {
		t.Errorf("E's half shows %v", got)
	}
}

// What came to its owner with a right, and names a merged record, is re-pointed there:
// the site that had the right heard of the merge when it could edit no longer (R-E-35,
// R-F-05).
func TestR_E_35_R_F_05_OwnedWithARight(t *testing.T) {
	w := f1(t)
	item, x, y := w.item("i"), w.name("x"), w.name("y")
	w.grant("items", "B")
	w.sync(2)
	w.merge(1, "name", x, y)
	code := w.insert(2, "barcode", atoll.Fields{}.Set("gtin", "7").Set("item_id", item).Set("manufacturer_id", x))
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items", Reason: "the project is over"}))
	w.peace()
	if owner, _ := w.topology(1).Delegate("items"); owner != 1 {
		t.Fatalf("site %d has the right", owner)
	}
	if got := w.stored(1, "barcode", code, "manufacturer_id"); got != y {
		t.Error("the barcode names the merged record")
	}
}

// The same with the home of a patient (R-E-35, R-G-42).
func TestR_E_35_R_G_42_OwnedWithAHome(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", x).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	w.transfer(3, ada, "C")
	w.merge(1, "item", x, y)
	w.sync(3)
	w.peace()
	if home, editable := w.person(3, ada); home != w.Stores["C"] || !editable {
		t.Fatal("the home was not transferred")
	}
	if got := w.stored(3, "repeat", repeat, "item_id"); got != y {
		t.Error("the repeat names the merged item")
	}
}

// The same with a home that comes back, as the centre has lost the transfer, and nobody
// takes that back (R-E-35, R-M-03).
func TestR_E_35_R_M_03_OwnedWithAHomeThatComesBack(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", x).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(2)
	old := w.stopped(t, w.Centre)
	w.transfer(1, ada, "C")
	w.sync(2, 2)
	if home, _ := w.person(2, ada); home != w.Stores["C"] {
		t.Fatal("site 2 has not heard that she is at home elsewhere; the test shows nothing")
	}
	w.reopen(t, w.Centre, old)
	w.merge(1, "item", x, y)
	w.sync(2)
	w.staysInB(ada)
	if got := w.stored(2, "repeat", repeat, "item_id"); got != y {
		t.Error("the repeat names the merged item")
	}
	w.peace()
}

// A site that hears of a chain of merges and undoings only at its end gives back what it
// re-pointed at the first; and one that re-points late, when the centre has gone on, is
// believed: a record says every merge it was once part of (R-E-10, R-E-50).
func TestR_E_50_R_E_10_UndoneAndMergedElsewhere(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := f1(t)
		x, y, z := w.item("x"), w.item("y"), w.item("z")
		w.sync(2, 3)
		ci := w.ship("C", "D", w.stock("C", x, "50"), "5")
		w.act(3, receive, w.answer(3, "invoice", ci).ID)
		w.sync(3)
		again := func(into atoll.ID) {
			w.merge(1, "item", x, into)
			if late {
				w.hears(3) // re-points, and cannot say so
			} else if into == y {
				w.sync(3)
			}
			w.unmerge(1, "item", x)
		}
		again(y)
		again(z)
		again(y)
		again(z)
		w.peace()
		for _, l := range w.linesOf(3, ci) {
			if got := w.stored(3, "invoice_line", l.ID, "item_id"); got != x {
				t.Errorf("late %t: the line names %s; want x, %s", late, got, x)
			}
		}
		// What it was is not for people to say.
		w.refused(w.write(1, change("item", x, atoll.Fields{}.Set("once_merged_into", []atoll.ID{z}))), atoll.Rule)
	}
}

// The primary makes the name of a new store also while another site has the right to
// edit names, which may rename it (R-C-22, R-F-02).
func TestR_C_22_R_F_02_NamesOfStoresAreThePrimarys(t *testing.T) {
	w := f1(t)
	w.grant("names", "C")
	w.sync(2, 3)
	if err := w.AddStore(w.ctx, "N", true); err != nil {
		t.Fatal(err)
	}
	w.peace()
	name := w.one(1, "name", "store_id", string(w.Stores["N"]))
	w.update(1, "store", w.Stores["N"], atoll.Fields{}.Set("name", "New"))
	w.peace()
	w.update(3, "name", name.ID, atoll.Fields{}.Set("name", "New"))
	w.refused(w.write(1, change("name", name.ID, atoll.Fields{}.Set("name", "Mine"))), atoll.Ownership)
	w.peace()
}

// What follows a merge is no edit of a patient: it is done also where no dispensary is
// open any more (R-E-30, R-G-08).
func TestR_E_30_R_G_08_MergedWithoutADispensary(t *testing.T) {
	w := f1(t)
	w.dispensaries("C")
	x, y := w.item("x"), w.item("y")
	w.sync(2, 3)
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	repeat := w.insert(3, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", x).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(3)
	w.update(1, "store", w.Stores["C"], atoll.Fields{}.Set("mode", "store"))
	w.merge(1, "item", x, y)
	w.peace()
	if got := w.stored(3, "repeat", repeat, "item_id"); got != y {
		t.Error("the repeat names the merged item")
	}
}

// What was ordered by a store that was taken from the site by force does not stand;
// what another store of the site has sent for it does, and arrives.
//
// R-H-37, R-D-05.
func TestR_H_37_R_D_05_SentForAnOrderThatDoesNotStand(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("D", item, "50")
	w.peace()
	w.force("C", 2)
	order := w.buys(3, "C", "D", map[atoll.ID]string{item: "50"})
	response := w.one(3, "requisition", "purchase_order_id", string(order)).ID
	sent := w.supplies(3, "D", "C", atoll.Fields{}.Set("requisition_id", response), map[atoll.ID]string{stock: "7"})
	w.answer(3, "goods_received", sent)
	w.sync(3)
	w.giveTruth(3)
	w.sync(3, 2)
	if got := w.list(1, "purchase_order"); len(got) > 0 {
		t.Errorf("the order stands: %s", got[0].Body)
	}
	if got := w.answer(2, "invoice", sent).Fields; got.ID("store_id") != w.Stores["C"] {
		t.Errorf("what was sent arrives in %s", got.ID("store_id"))
	}
	w.peace()
}

// A site that is to send all of its records again does so before it hears that a store
// was taken from it, and what it made as that store goes back. What it has stated again
// since, and may state, stands; and it is there again, with nothing to repair.
//
// R-F-09, R-H-28, R-H-37.
func TestR_F_09_R_H_28_StatedAgainMeanwhile(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("D", item, "50")
	w.peace()
	w.force("C", 2)
	if err := w.Centre.Centre.Order(w.ctx, "tester", 3, "resend"); err != nil {
		t.Fatal(err)
	}
	w.answer(3, "invoice", w.ship("D", "C", stock, "7"))
	w.sync(3)
	w.giveTruth(3)
	if told := w.list(1, "message", "from_store_id", string(w.Stores["C"])); len(told) == 0 {
		t.Error("nothing that was stated again stands")
	}
	w.peace()
}

// A site that is asked for its records again states the answer that it made for a store
// which had been taken from it. Where the store is now another answer was made: what the
// old site did with its own was refused, and is not settled as if it stood by what it
// states afterwards (R-K-40, R-H-37).
func TestR_K_40_R_H_37_StatedAfterItWasRefused(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	ci := w.ship("C", "D", w.stock("C", item, "50"), "5")
	w.offline(3)
	if err := w.At(3).AskCancel(w.ctx, "tester", ci); err != nil {
		t.Fatal(err)
	}
	if _, err := w.At(3).Processors.Run(w.ctx); err != nil {
		t.Fatal(err)
	}
	half := w.answer(3, "invoice", ci)
	if err := w.Centre.Centre.Order(w.ctx, "tester", 3, "resend"); err != nil {
		t.Fatal(err)
	}
	w.force("D", 2)
	w.mend()
	w.sync(3, 2)
	w.stock("C", item, "1") // with what comes after it, the cancelling of the shipment is judged again
	w.sync(3, 2)
	w.giveTruth(3)
	w.peace()
	stands := w.raw(1, "invoice", half.ID)
	if stands.Origin.Site != 2 {
		t.Fatalf("the answer that stands is of %s; want it of the store's new site", stands.Origin)
	}
	for _, e := range w.journalCopy(3, 0) {
		for _, op := range e.Operations {
			if op.ID == half.ID && op.Verb != atoll.Restate && !w.refusedFor(3, e.Seq) {
				t.Errorf("entry %d of site 3 counts as applied; what it did to its own answer does not stand", e.Seq)
			}
		}
	}
}
