package simulate

import (
	"errors"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// A site whose row says wrongly that a patient is at home there decides what is asked of
// her, and the centre gives that back. It is not answered over and over: not a third time
// before a day has passed. It is shown as what could not be answered, until the true home
// has decided.
//
// R-D-21, R-D-52, R-F-09, R-G-10.
func TestR_D_21_R_F_09_GivenBackEachTime(t *testing.T) {
	w := f1(t)
	w.dispensaries("A", "B", "C")
	w.prefer(patients.SharedDetails, true)
	w.sync(2, 3)
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	w.sync(3)
	w.show(ada, "A", "B")
	w.peace()
	if pending, err := w.Centre.EditPerson(w.ctx, "nurse", w.Stores["A"], patientKey(ada), patientKey(ada), phone("1"), "she said so"); err != nil || !pending {
		t.Fatalf("asked: pending %t, %v", pending, err)
	}
	w.sync(2)
	said := atoll.Key{Type: "patient_change_decision", ID: patients.DecisionID(w.one(2, "patient_change", "patient_id", string(ada)).ID)}
	looped := func() (yes bool) {
		t.Helper()
		open, err := w.At(2).Processors.Exceptions(w.ctx)
		if err != nil || len(open) > 1 {
			t.Fatalf("what could not be answered: %+v, %v", open, err)
		}
		return len(open) == 1 && open[0].Code == atoll.LoopGuard
	}
	n := w.At(2)
	run := func() {
		t.Helper()
		if _, err := n.Processors.Run(w.ctx); err != nil {
			t.Fatal(err)
		}
	}
	giveBack := func() {
		t.Helper()
		pushed := w.seq(2)
		must(t, n.Store.Update(w.ctx, func(tx storage.Tx) error {
			top, err := n.Door.Topology(tx)
			if err != nil {
				return err
			}
			_, err = n.Door.Receive(tx, top, journal.Arrival{Record: atoll.Record{Key: said}, Gone: true, Forced: true, Pushed: pushed})
			return err
		}))
	}
	before := w.seq(2)
	must(t, n.Store.Update(w.ctx, func(tx storage.Tx) error {
		rec, err := tx.Record(patientKey(ada))
		if err != nil {
			return err
		}
		rec.Body = rec.MustFields().Set("home_store_id", w.Stores["B"]).Set("phone", "another").Encode()
		_, err = tx.Put(rec, w.Catalogue.Index(rec.Type, rec.MustFields()))
		return errors.Join(err, process.Rewind(tx))
	}))
	for range 6 {
		run()
		if _, there := w.is(2, said); there {
			giveBack()
		}
	}
	if made := w.seq(2) - before; made != 2 || !looped() {
		t.Errorf("the site made %d entries, and knows that it goes round: %t", made, looped())
	}
	w.Clock.Wind(25 * time.Hour)
	run()
	if made := w.seq(2) - before; made != 3 || looped() {
		t.Errorf("after a day the site has made %d entries, and thinks that it goes round: %t", made, looped())
	}
	giveBack()
	run()
	w.sync(3, 2, 3, 2)
	if looped() {
		t.Error("it was answered at home, and waits at a site that is not")
	}
	w.giveTruth(2)
	w.Stranded = map[Strand]bool{{2, patientKey(ada)}: true} // it differed
	w.Clock.Wind(25 * time.Hour)
	w.sync(2)
	w.peace()
}

// An order names what its site may not make, and is given back with what was received for
// it. What another store of the site has sent for it stands, and arrives as what is sent
// without an order does.
//
// R-D-11, R-D-52, R-F-23.
func TestR_D_11_R_D_52_SentForAnOrderThatIsGivenBack(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.grant("items", "C")
	w.sync(2, 3)
	stock := w.stock("D", item, "50")
	w.peace()
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items", AtOnce: true, Reason: "found in a ditch"}))
	own, err := w.newItem(3, "own")
	if err != nil {
		t.Fatal(err)
	}
	order := atoll.NewID(w.Clock.Now())
	whole := []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: "purchase_order", ID: order}, Fields: atoll.Fields{}.
		Set("store_id", w.Stores["C"]).Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["D"]))}}
	for _, of := range []atoll.ID{item, own} {
		f := atoll.Fields{}.Set("purchase_order_id", order).Set("store_id", w.Stores["C"]).Set("item_id", of).Set("requested_quantity", number("50"))
		whole = append(whole, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "purchase_order_line", ID: atoll.NewID(w.Clock.Now())}, Fields: f})
	}
	w.edit(3, whole...)
	w.perform(3, documents.Confirm, "purchase_order", order)
	response := w.one(3, "requisition", "purchase_order_id", string(order)).ID
	sent := w.supplies(3, "D", "C", atoll.Fields{}.Set("requisition_id", response), map[atoll.ID]string{stock: "5"})
	received := w.answer(3, "goods_received", sent)
	w.sync(3)
	w.giveTruth(3)
	w.sync(3, 3)
	if rec, there := w.is(3, received.Key); there {
		t.Fatalf("what was received stands: %s", rec.Body)
	}
	got := w.answer(3, "invoice", sent)
	if f := w.want(3, "invoice", sent).Fields; f.ID("linked_invoice_id") != got.ID || f.Has("linked_goods_received_id") {
		t.Errorf("what was sent goes by %s", f.Encode())
	}
	w.peace()
}

// An answer that somebody has received since is given back with what it was made with, and
// the news of it stands, as the site has told it again. It is answered anew.
//
// R-D-11, R-D-52, R-H-28.
func TestR_D_11_R_D_52_ReceivedBeforeItIsGivenBack(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.grant("items", "C")
	w.sync(2, 3)
	stock := w.stock("D", item, "50")
	w.peace()
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items", AtOnce: true, Reason: "found in a ditch"}))
	if err := w.Centre.Centre.Order(w.ctx, "tester", 3, "resend"); err != nil {
		t.Fatal(err)
	}
	own, err := w.newItem(3, "own")
	if err != nil {
		t.Fatal(err)
	}
	bought := atoll.NewID(w.Clock.Now())
	w.edit(3, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: bought}, Fields: atoll.Fields{}.Set("store_id", w.Stores["C"]).
		Set("kind", documents.SupplierInvoice).Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["D"]))},
		journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: atoll.NewID(w.Clock.Now())}, Fields: atoll.Fields{}.
			Set("invoice_id", bought).Set("store_id", w.Stores["C"]).Set("item_id", own).Set("kind", documents.StockIn).
			Set("pack_size", number("1")).Set("number_of_packs", number("5"))})
	w.act(3, receive, bought) // and the numbers that follow go with it
	sent := w.ship("D", "C", stock, "7")
	half := w.answer(3, "invoice", sent)
	w.act(3, receive, half.ID)
	w.sync(3)
	w.giveTruth(3)
	w.sync(3, 3)
	if f := w.answer(3, "invoice", sent).Fields; f.Text("status") != documents.New {
		t.Errorf("the answer is %s again", f.Text("status"))
	}
	w.peace()
}
