package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// perform does an action on a document at a site, as its user.
func (w *world) perform(at atoll.SiteID, act documents.Action, kind atoll.Type, id atoll.ID) {
	w.t.Helper()
	if err := w.attempt(at, act, kind, id); err != nil {
		w.t.Fatalf("%s at site %d: %v", act, at, err)
	}
}

func (w *world) attempt(at atoll.SiteID, act documents.Action, kind atoll.Type, id atoll.ID) error {
	_, err := w.At(at).Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
		return d.Do(act, atoll.Key{Type: kind, ID: id})
	})
	return err
}

// correct changes lines of a document that may have moved stock already.
func (w *world) correct(at atoll.SiteID, do ...journal.Proposal) {
	w.t.Helper()
	_, err := w.At(at).Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) { return d.Settle(do) })
	if err != nil {
		w.t.Fatalf("correction at site %d: %v", at, err)
	}
}

// linesOf returns the lines of an invoice at a site, by what they answer, or by
// their own ids.
func (w *world) linesOf(at atoll.SiteID, invoice atoll.ID) map[atoll.ID]station.Record {
	w.t.Helper()
	out := map[atoll.ID]station.Record{}
	for _, r := range w.list(at, "invoice_line", "invoice_id", string(invoice)) {
		id := r.Fields.ID("originating_id")
		if id == "" {
			id = r.ID
		}
		out[id] = r
	}
	return out
}

// storePrefers sets a store's preference at the centre.
func (w *world) storePrefers(store, key string, value any) {
	w.t.Helper()
	w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", w.Stores[store]).Set("key", key).Set("value", value))
}

// under returns the transfers under way as the centre lists them.
func (w *world) under(f transfer.Filter) []transfer.Transfer {
	w.t.Helper()
	out, err := w.Centre.Centre.Transfers(w.ctx, f)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// unnumbered returns every record anywhere that has the number -1.
func (w *world) unnumbered() (out []string) {
	w.t.Helper()
	for _, n := range w.Nodes() {
		h, err := snapshot(w.ctx, n)
		if err != nil {
			w.t.Fatal(err)
		}
		for key, r := range h.records {
			f := r.MustFields()
			if f.Number("number") == "-1" || f.Number("linked_number") == "-1" {
				out = append(out, n.Name+": "+key.String())
			}
		}
	}
	return out
}

// threeLines is the shipment of R-D-80 from B to C.
func threeLines(w *world) (ci atoll.ID) {
	item := w.item("three")
	w.sync(2, 3)
	return w.ship("B", "C", w.stock("B", item, "50"), "1", "2", "3")
}

// TestR_D_80 and TestR_D_81 are the same shipment in the two flavours: answered by
// the receiver's own site, or by the centre for it.
func TestR_D_80_TheShipment(t *testing.T) { aShipment(t, false) }

func TestR_D_81_R_D_14_TheCentreAnswers(t *testing.T) { aShipment(t, true) }

func aShipment(t *testing.T, legacy bool) {
	w := f1(t)
	if legacy {
		w.configure(central.CentreAnswers(3, true))
		w.sync(3)
	}
	earlier := w.item("earlier")
	w.sync(2, 3)
	w.ship("B", "C", w.stock("B", earlier, "1"), "1") // so that numbers differ
	w.sync(2, 3, 2)
	ci := threeLines(w)
	w.sync(2)
	if legacy {
		half := w.answer(1, "invoice", ci)
		if half.Origin.Site != 1 || half.Fields.Number("number") != "-1" || half.ID != atoll.DeriveID("stock transfer", string(ci)) {
			t.Errorf("the centre made %s, number %s, by site %d", half.ID, half.Fields.Number("number"), half.Origin.Site)
		}
		if got := w.list(2, "invoice", "originating_id", string(ci)); len(got) > 0 {
			t.Error("the sender is shown a document without a number")
		}
	}
	w.sync(3)
	if got := w.unnumbered(); len(got) > 0 {
		t.Errorf("after Sync(3) there are still %v", got)
	}
	w.sync(2)
	half := w.answer(3, "invoice", ci)
	own := w.want(2, "invoice", ci).Fields
	if half.Fields.Int("number") != 2 || !half.Fields.Bool("on_hold", false) || half.Fields.Text("status") != documents.New {
		t.Errorf("C's supplier invoice: %s", half.Body)
	}
	if own.Int("linked_number") != 2 || own.ID("linked_invoice_id") != half.ID || own.Text("linked_status") != documents.New {
		t.Errorf("B's invoice shows number %d, status %q", own.Int("linked_number"), own.Text("linked_status"))
	}
	if got := w.list(2, "message", "subject_id", string(ci)); len(got) != 1 {
		t.Errorf("%d log messages about it at B", len(got))
	}
	for _, want := range []struct {
		kind  atoll.Type
		of    atoll.ID
		count int
	}{{"invoice_line", ci, 3}, {"invoice_line", half.ID, 3}} {
		if got := w.list(1, want.kind, "invoice_id", string(want.of)); len(got) != want.count {
			t.Errorf("the centre holds %d lines of %s; want %d", len(got), want.of, want.count)
		}
	}
	if got := w.list(1, "message", "subject_id", string(ci)); len(got) != 1 {
		t.Errorf("the centre holds %d log entries of the transfer", len(got))
	}
	for _, at := range []atoll.SiteID{1, 2} {
		w.equal("invoice", half.ID, 3, at)
	}
	w.act(3, receive, half.ID)
	w.peace()
}

// TestR_D_81_R_D_43_Collide: a site that has answered for itself, unheard, when the
// centre begins to answer for it: both made the same record, and one of them stands.
func TestR_D_81_R_D_43_Collide(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	ci := w.ship("B", "C", w.stock("B", item, "9"), "4")
	w.sync(2)
	n, rounds := w.Sites[3], 0
	n.Net.Down = func() bool { rounds++; return rounds > 1 }
	if _, err := w.Sync(w.ctx, 3); err == nil {
		t.Fatal("the half was pushed")
	}
	own := w.answer(3, "invoice", ci)
	w.configure(central.CentreAnswers(3, true))
	made := w.answer(1, "invoice", ci)
	if own.ID != made.ID || made.Fields.Number("number") != "-1" {
		t.Fatalf("the site made %s, the centre %s with number %s", own.ID, made.ID, made.Fields.Number("number"))
	}
	w.mend()
	w.sync(3, 2, 3)
	for _, at := range []atoll.SiteID{1, 2, 3} {
		if got := w.list(at, "invoice", "originating_id", string(ci)); len(got) != 1 || got[0].ID != made.ID {
			t.Errorf("site %d has %d halves", at, len(got))
		}
	}
	w.peace()
}

// TestR_D_14_EachItsOwnSequence: what the centre makes for a site is numbered there,
// each kind from its own sequence.
func TestR_D_14_EachItsOwnSequence(t *testing.T) {
	w := f1(t)
	w.configure(central.CentreAnswers(3, true))
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("B", item, "50")
	ci := w.ship("B", "C", stock, "9")
	w.sync(2, 3)
	si := w.answer(3, "invoice", ci)
	w.act(3, receive, si.ID)
	w.sync(3, 2)
	// C sends some of it on to B as a return of B's, the other way round.
	order, err := w.request("B", "C", item, "3")
	if err != nil {
		t.Fatal(err)
	}
	credit := w.giveBack("B", "C", stock, "2", "")
	w.sync(2, 3, 2)
	for _, half := range []station.Record{w.answer(3, "requisition", order), w.answer(3, "invoice", credit), si} {
		if n := w.want(2, half.Type, half.ID).Fields.Int("number"); n != 1 {
			t.Errorf("%s %s has number %d; want the first of its own sequence", half.Fields.Text("kind"), half.ID, n)
		}
		for _, l := range w.list(2, half.Type+"_line", string(half.Type)+"_id", string(half.ID)) {
			if l.Fields.ID("partner_store_id") != w.Stores["B"] {
				t.Errorf("%s does not name the other store", l.Key)
			}
		}
	}
	if got := w.unnumbered(); len(got) > 0 {
		t.Errorf("left without a number: %v", got)
	}
	seq := w.seq(3)
	for range 2 { // everything is looked at again
		err := w.Sites[3].Store.Update(w.ctx, func(tx storage.Tx) error { return tx.Drop("processors", "transfer") })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := w.Sites[3].Processors.Run(w.ctx); n != 0 || err != nil {
			t.Errorf("asked again the processors made %d transactions, %v", n, err)
		}
	}
	if w.seq(3) != seq {
		t.Error("numbering twice changed something")
	}
	w.peace()
}

// giveBack makes and finalises a supplier credit from one store to another, of
// packs of a stock line, for a receipt if one is named.
func (w *world) giveBack(from, to string, stock atoll.ID, packs string, receipt atoll.ID) atoll.ID {
	w.t.Helper()
	at := w.home(from)
	f := atoll.Fields{}.Set("store_id", w.Stores[from]).Set("kind", documents.SupplierCredit).Set("status", documents.New).
		Set("name_id", topology.StoreNameID(w.Stores[to]))
	if receipt != "" {
		f.Set("original_invoice_id", receipt)
	}
	id := w.insert(at, "invoice", f)
	line := atoll.Fields{}.Set("invoice_id", id).Set("store_id", w.Stores[from]).Set("kind", "stock_out").
		Set("stock_line_id", stock).Set("number_of_packs", number(packs))
	for _, name := range []string{"item_id", "batch", "pack_size", "expiry_date", "cost_price_per_pack"} {
		line[name] = w.want(at, "stock_line", stock).Fields[name]
	}
	w.insert(at, "invoice_line", line)
	w.act(at, finalise, id)
	return id
}

// TestR_D_87: a return of five packs, in the two flavours of a receiver: one where
// a person finalises it, and a mobile one.
func TestR_D_87_R_D_02_R_D_30_TheReturn(t *testing.T) {
	for _, mobile := range []bool{false, true} {
		w := f1(t)
		if mobile {
			// A mobile site has one store.
			w.only(2, "B")
			w.configure(central.SetKind(2, topology.Mobile))
		}
		item := w.item("x")
		w.sync(2, 3)
		stock := w.stock("B", item, "50")
		batch := batchOf(w.want(2, "stock_line", stock).Fields)
		conserved := func(when string) {
			t.Helper()
			total, err := w.Stock(w.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if total[batch] != "50" {
				t.Errorf("%s there are %s packs in all, with those on their way; want 50", when, total[batch])
			}
		}
		ci := w.ship("B", "C", stock, "20")
		conserved("when it was sent")
		w.sync(2, 3)
		si := w.answer(3, "invoice", ci)
		w.act(3, receive, si.ID)
		conserved("when it was received")
		w.sync(3, 2)
		sc := w.giveBack("C", "B", w.one(3, "stock_line", "store_id", string(w.Stores["C"])).ID, "5", si.ID)
		conserved("when 5 were sent back")
		w.sync(3)
		conserved("at the centre")
		w.sync(2)
		cc := w.answer(2, "invoice", sc)
		f := cc.Fields
		if f.Text("kind") != documents.CustomerCredit || f.ID("original_invoice_id") != ci || f.Int("number") != 1 {
			t.Errorf("B's customer credit: %s", cc.Body)
		}
		back := func() string {
			sum := "0"
			for _, s := range w.list(2, "stock_line", "store_id", string(w.Stores["B"])) {
				sum = documents.Add(sum, s.Fields.Number("total_number_of_packs"))
			}
			return sum
		}
		if mobile {
			if f.Text("status") != documents.Finalised || back() != "35" {
				t.Errorf("on the mobile site it is %s and B has %s packs", f.Text("status"), back())
			}
		} else {
			if back() != "30" || f.Text("status") != documents.New {
				t.Errorf("before anybody finalised it B has %s packs", back())
			}
			w.act(2, receive, cc.ID)
			if back() != "35" {
				t.Errorf("B has %s packs; want 35", back())
			}
		}
		conserved("in the end")
		w.peace()
	}
}

// only leaves the site with one store: the others go back to the centre.
func (w *world) only(at atoll.SiteID, store string) {
	w.t.Helper()
	for _, id := range w.topology(1).Active(at) {
		if id != w.Stores[store] {
			s, _ := w.topology(1).Store(id)
			err := w.write(1, change("store", id, atoll.Fields{}.Set("site_id", 1).Set("epoch", s.Epoch+1).Set("managed_only", false)))
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.sync(at)
}

// TestR_D_44_R_D_12_ForeignHalves: a pair that was read in from another system keeps
// the halves it has, whatever their identities; and a half whose other was not read
// in is no breach of any law.
func TestR_D_44_R_D_12_ForeignHalves(t *testing.T) {
	w := f1(t)
	a, e := w.Stores["A"], w.Stores["E"]
	ci, si, alone, missing := atoll.NewID(w.Clock.Now()), atoll.NewID(w.Clock.Now()), atoll.NewID(w.Clock.Now()), atoll.NewID(w.Clock.Now())
	doc := func(id, store, partner atoll.ID, kind string, more atoll.Fields) journal.Proposal {
		return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: id}, Fields: atoll.Fields{}.
			Set("store_id", store).Set("partner_store_id", partner).Set("kind", kind).Set("status", documents.Finalised).Set("number", 7).
			Set("confirmed_at", "2026-03-01T08:00:00Z").Set("finalised_at", "2026-03-01T08:00:00Z").Set("line_count", 0).
			Set("name_id", topology.StoreNameID(partner)).Apply(more)}
	}
	_, err := w.Centre.Edit(w.ctx, journal.Edit{Actor: "import", Cause: atoll.Cause{Kind: "import"}, Do: []journal.Proposal{
		doc(ci, a, e, documents.CustomerInvoice, nil),
		doc(si, e, a, documents.SupplierInvoice, atoll.Fields{}.Set("originating_id", ci)),
		doc(alone, e, a, documents.SupplierInvoice, atoll.Fields{}.Set("originating_id", missing).Set("number", 8)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.answer(1, "invoice", ci); got.ID != si {
		t.Errorf("the shipment is answered by %s; want the half that was read in", got.ID)
	}
	w.peace()
}
