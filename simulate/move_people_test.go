package simulate

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// TestR_H_36: patients of a store that moves go with it, with their home store as
// it was; the site it leaves hears nothing of them any longer (R-G-12, R-G-47).
func TestR_H_36_PatientsOfTheStore(t *testing.T) {
	w := f1(t)
	w.dispensaries("C")
	w.sync(2, 3)
	patient := w.patient("C")
	w.peace()
	home := w.want(1, "patient", patient).Fields.ID("home_store_id")
	id := w.move("C", 2)
	w.sync(3, 2, 2, 3)
	w.wants(id, topology.Moved)
	w.equal("patient", patient, 1, 2)
	rec := w.want(2, "patient", patient)
	if rec.Fields.ID("home_store_id") != home || !rec.Editable || rec.Owner.Site != 2 {
		t.Errorf("at site 2 the patient has home %s, and is edited by site %d", rec.Fields.ID("home_store_id"), rec.Owner.Site)
	}
	if w.get(3, "patient", patient) != nil || !w.hidden(3, "patient", patient) {
		t.Error("site 3 still shows the patient, or has forgotten her")
	}
	w.update(2, "patient", patient, atoll.Fields{}.Set("phone", "0700 000000"))
	w.sync(2)
	if c := w.sync(3); c.Received > 0 {
		t.Errorf("site 3 received %d records", c.Received)
	}
	w.peace()
}

// TestR_H_31: what a site may ask of the centre for a store only because the store is
// active there is refused there as all other work is, once the site has said that it
// sent all it had: the store may be gone before the request arrives. The centre, which
// needs no store for it, goes on (R-G-41, R-B-35).
func TestR_H_31_R_G_41_AskedForAStoreThatMoves(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C", "D")
	w.sync(2, 3)
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	dora := w.register("D", "Dora", "Richter", "1991-04-16")
	w.peace()
	id := w.move("C", 2)
	w.hears(3)
	w.wants(id, topology.Freeze)
	_, err := w.At(3).AskTransfer(w.ctx, "nurse", patients.Wanted{Person: patientKey(ada), To: w.Stores["D"], From: w.Stores["C"], Reason: "moved house"})
	w.refused(err, atoll.Rule, "being moved", "goes on there")
	join := atoll.Key{Type: "patient_store_join", ID: atoll.DeriveID("Ada in D")}
	err = w.Sites[3].Insert(w.ctx, journal.Proposal{Verb: atoll.Insert, Key: join, Fields: atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["D"])})
	w.refused(err, atoll.Rule, "being moved")
	// For D, its neighbour, it asks (R-H-33).
	w.transfer(3, dora, "B")
	w.show(ada, "D")
	w.sync(3, 2, 2)
	w.wants(id, topology.Moved)
	w.peace()
	if home, editable := w.person(2, ada); home != w.Stores["C"] || !editable {
		t.Errorf("home %s, editable %t", home, editable)
	}
}

// TestR_H_38_R_D_46: a document that was under way to a store when the store moved
// is answered once: by the old site if that had answered before, else by the new
// one; and the sender learns of it either way.
func TestR_H_38_R_D_46_OnTheWay(t *testing.T) {
	for _, answered := range []bool{false, true} {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		from := w.stock("B", item, "50")
		w.peace()
		ci := w.ship("B", "C", from, "5")
		w.sync(2)
		if answered {
			w.sync(3)
			w.answer(3, "invoice", ci)
		}
		id := w.move("C", 1)
		w.sync(3)
		w.wants(id, topology.Moved)
		half := w.answer(1, "invoice", ci)
		if answered != (half.Origin.Site == 3) {
			t.Errorf("answered before: %t; the half was made by site %d", answered, half.Origin.Site)
		}
		w.act(1, receive, half.ID)
		w.sync(2, 3)
		if got := w.want(2, "invoice", ci).Fields.Text("linked_status"); got != "finalised" {
			t.Errorf("answered before: %t; the sender knows status %q", answered, got)
		}
		if n := len(w.list(1, "invoice", "store_id", string(w.Stores["C"]))); n != 1 {
			t.Errorf("answered before: %t; C has %d invoices", answered, n)
		}
		w.peace()
	}
}

// A store moves to a site that will be spared old documents when it initialises
// (R-H-26): it opens without them, and what is compared is the rest. A comparison
// does not call them missing.
//
// R-H-30, R-H-44.
func TestR_H_30_ToASiteThatIsSparedThePast(t *testing.T) {
	w := newPast(t)
	w.sync(2)
	if err := w.Settle(w.ctx); err != nil {
		t.Fatal(err)
	}
	n, err := w.AddSite(w.ctx, "Clinic", topology.Desktop)
	if err != nil {
		t.Fatal(err)
	}
	at := n.Door.Site
	if err := w.Centre.Centre.LimitHistory(w.ctx, "administrator", at, 12); err != nil {
		t.Fatal(err)
	}
	id := w.move("C", at)
	if !w.want(1, "store_move", id).Fields.Bool("limited", false) {
		t.Error("the move does not know that the site is spared old documents")
	}
	w.sync(3)
	w.enrol(at)
	w.sync(at, at)
	w.wants(id, topology.Moved)
	if here, there := len(w.ofStore(at, "C")), len(w.ofStore(1, "C")); here >= there {
		t.Errorf("the site has %d records of %d: it was spared nothing", here, there)
	}
	job := w.job(handover.Verify, at, handover.Selection{Store: w.Stores["C"]})
	w.sync(at, at)
	if v := w.done(job); len(v.Result.Rows) > 0 || v.Result.Records == 0 {
		t.Errorf("the comparison: %+v", v.Result)
	}
}

// The store left, was worked in at the centre, and came back, before its site heard
// that it had left at all: the site takes what was done meanwhile, although by all
// it knows it owned the store all the time.
//
// R-H-30, R-H-35, R-A-05.
func TestR_H_35_BackBeforeItHeard(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.ship("C", "B", stock, "1")
	w.peace()
	first := w.move("C", 1)
	w.hears(3)
	net := w.Sites[3].Net
	net.CutDown = func() int { return 0 } // its word arrives, the answer does not
	if _, err := w.Sync(w.ctx, 3); err == nil {
		t.Fatal("the answer arrived")
	}
	net.CutDown = nil
	w.wants(first, topology.Moved)
	w.ship("C", "B", stock, "2")
	back := w.move("C", 3)
	w.sync(3, 3)
	w.wants(back, topology.Moved)
	w.equal("stock_line", stock, 1, 3)
	if got := w.writers(stock); len(got) != 1 || got[0] != 3 {
		t.Errorf("%v may edit; want site 3", got)
	}
	next := w.ship("C", "B", stock, "3")
	if n := w.want(3, "invoice", next).Fields.Int("number"); n != 3 {
		t.Errorf("the next document has number %d; want 3", n)
	}
	w.peace()
}

// TestR_F_09: what a site made in a store that was taken from it by force is refused
// and given back: it is not there any longer, and when the store is back its ids are
// free. What was answered with it is answered again.
//
// R-F-09, R-H-37, R-D-10, R-D-12.
func TestR_F_09_R_H_37_R_D_10_AnsweredAgain(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	late := w.paper("invoice", kindOf(documents.SupplierInvoice), atoll.Fields{}.Set("item_id", item).Set("number_of_packs", number("7")).Set("pack_size", 1))
	w.do(2, documents.Finalise, "invoice", late) // number 1 of the store, and never sent
	w.force("B", 1)
	w.move("B", 2)
	sent := w.ship("C", "B", stock, "5")
	w.sync(3, 2, 2) // the answer goes on from those numbers, and is refused
	open := w.quarantined(2)
	slices.Reverse(open) // the answer itself is given back, too, not let stand with what it waits for
	for _, q := range open {
		if _, err := w.Centre.Centre.Decide(w.ctx, q.ID, central.Return, "supervisor", "the store was taken from it"); err != nil {
			t.Fatal(err)
		}
	}
	w.peace()
	if err := w.At(2).Store.View(w.ctx, func(r storage.Reader) error {
		_, err := r.Record(atoll.Key{Type: "invoice", ID: late})
		return err
	}); atoll.CodeOf(err) != atoll.NotFound {
		t.Errorf("what the centre never took, at site 2: %v", err)
	}
	half := w.answer(2, "invoice", sent)
	if n := half.Fields.Int("number"); n != 1 {
		t.Errorf("the answer has number %d; want 1", n)
	}
	w.equal("invoice", half.ID, 1, 2)
}
