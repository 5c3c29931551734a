package simulate

import (
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// bc is two remote stores that trade: B on site 2 with stock, C on site 3.
func bc(t *testing.T) (w *world, stock atoll.ID) {
	t.Helper()
	w = f1(t)
	item := w.item("x")
	w.sync(2, 3)
	return w, w.stock("B", item, "50")
}

// draft makes a shipment from B to C that nobody has finalised.
func (w *world) draft(stock atoll.ID, status string) atoll.ID {
	w.t.Helper()
	f := w.want(2, "stock_line", stock).Fields
	id := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.CustomerInvoice).
		Set("status", status).Set("name_id", topology.StoreNameID(w.Stores["C"])))
	for _, packs := range []string{"1", "2", "3"} {
		line := atoll.Fields{}.Set("invoice_id", id).Set("store_id", w.Stores["B"]).Set("kind", "stock_out").
			Set("stock_line_id", stock).Set("number_of_packs", number(packs))
		for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size"} {
			line[name] = f[name]
		}
		w.insert(2, "invoice_line", line)
	}
	return id
}

// TestR_D_19: a line goes where its document goes, and nowhere before it: who got the
// line without the document could never take it.
func TestR_D_19_ALineGoesWithItsDocument(t *testing.T) {
	w, stock := bc(t)
	id := w.draft(stock, documents.New)
	line := w.list(2, "invoice_line", "invoice_id", string(id))[0]
	to := atoll.Fields{}.Set("partner_store_id", w.Stores["C"])
	w.refused(w.At(2).Insert(w.ctx, change("invoice_line", line.ID, to)), atoll.Rule, "its document is not")
	another := line.Fields.Clone().Apply(to)
	err := w.At(2).Insert(w.ctx, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: atoll.NewID(w.Clock.Now())}, Fields: another})
	w.refused(err, atoll.Rule, "its document is not")
	w.act(2, finalise, id)
	w.sync(2, 3)
	if got := w.linesOf(3, w.answer(3, "invoice", id).ID); len(got) != 3 {
		t.Errorf("it arrived with %d lines", len(got))
	}
	w.peace()
}

// TestR_D_01_NamedEarly: naming the other store is not what begins a transfer.
func TestR_D_01_NamedEarly(t *testing.T) {
	w, stock := bc(t)
	ci := w.draft(stock, documents.New)
	w.update(2, "invoice", ci, atoll.Fields{}.Set("partner_store_id", w.Stores["C"]))
	w.sync(2, 3)
	if got := w.list(3, "invoice", "originating_id", string(ci)); len(got) > 0 {
		t.Error("a draft was answered as it names the other store")
	}
	w.act(2, finalise, ci)
	w.sync(2, 3)
	w.answer(3, "invoice", ci)
	w.peace()
}

// recall puts the record into every reader's way again, as a centre does that
// does not know what has arrived.
func (w *world) recall(kind atoll.Type, id atoll.ID) {
	w.t.Helper()
	err := w.Centre.Store.Update(w.ctx, func(tx storage.Tx) error { return w.Centre.Door.Relist(tx, atoll.Key{Type: kind, ID: id}) })
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestR_D_01 is about when; what is copied is R-D-23.
func TestR_D_01_R_D_17_OnFinalising(t *testing.T) {
	w, stock := bc(t)
	ci := w.draft(stock, documents.New)
	l := w.listen(3)
	for _, status := range []string{documents.New, documents.Suggested, documents.Confirmed} {
		switch status {
		case documents.Suggested:
			w.act(2, documents.Desk.Suggest, ci)
		case documents.Confirmed:
			w.act(2, documents.Desk.Confirm, ci)
		}
		w.sync(2, 3)
		if got := l.records("invoice"); len(got) > 0 {
			t.Errorf("a %s shipment was sent to the receiver's site", status)
		}
		if len(w.list(3, "invoice")) > 0 {
			t.Errorf("a %s shipment was answered", status)
		}
	}
	w.act(2, finalise, ci)
	w.sync(2, 3)
	if got := w.want(2, "stock_line", stock).Fields.Number("total_number_of_packs"); got != "44" {
		t.Errorf("%s packs are left of 50 after 6 were sent", got)
	}
	if half := w.answer(3, "invoice", ci).Fields; half.Text("kind") != documents.SupplierInvoice || !half.Bool("on_hold", false) {
		t.Errorf("the responding half: %v", half)
	}
	if inv, lines := l.records("invoice"), l.records("invoice_line"); len(inv) != 1 || len(lines) != 3 {
		t.Errorf("on finalising %d documents and %d lines were forwarded; want the one, with all its lines, once", len(inv), len(lines))
	}
	w.sync(2, 3, 2, 3)
	for _, r := range l.records("invoice_line") {
		if r.Version > 2 {
			t.Errorf("a line was forwarded again as version %d", r.Version)
		}
	}
	w.act(3, receive, w.answer(3, "invoice", ci).ID)
	w.peace()
}

func TestR_D_10_R_D_20_TheRespondingSiteAnswers(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.sync(2, 2)
	for _, at := range []atoll.SiteID{1, 2} {
		if got := w.list(at, "invoice", "originating_id", string(ci)); len(got) > 0 {
			t.Errorf("site %d answered for site 3", at)
		}
	}
	c := w.sync(3) // one cycle: pulled, answered, pushed
	half := w.answer(3, "invoice", ci)
	if half.Origin.Site != 3 || half.Version != 1 || c.Rounds < 2 || c.Applied == 0 {
		t.Errorf("version %d made at site %d; the cycle had %d rounds and pushed %d", half.Version, half.Origin.Site, c.Rounds, c.Applied)
	}
	w.equal("invoice", half.ID, 3, 1)
	if got := half.Fields.Int("number"); got != 1 {
		t.Errorf("number %d was given in the same transaction", got)
	}
	for _, e := range w.journalCopy(3, 0) {
		made := map[atoll.Type]int{}
		for _, op := range e.Operations {
			made[op.Type]++
		}
		if made["invoice"] > 0 && (made["invoice_line"] != 1 || made["number_sequence"] != 1 || e.Cause.Kind != "process/stock transfer") {
			t.Errorf("entry %d (%s) makes %v", e.Seq, e.Cause.Kind, made)
		}
	}
	w.peace()
}

// TestR_D_11: the words "in transit to site n" are a screen's; the centre has all
// they are made of as soon as the sender has synchronised.
func TestR_D_11_NothingInvisible(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.sync(2)
	f := w.want(1, "invoice", ci).Fields
	to, _ := w.topology(1).Store(f.ID("partner_store_id"))
	if f.Text("status") != documents.Finalised || to.Site != 3 || f.Has("linked_invoice_id") {
		t.Errorf("at the centre the shipment is %s, on its way to site %d, answered %t", f.Text("status"), to.Site, f.Has("linked_invoice_id"))
	}
	total, err := w.Stock(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for b, n := range total {
		if n != "50" {
			t.Errorf("%s packs of %s while it is on its way; want all 50", n, b.Batch)
		}
	}
	w.sync(3, 2, 3)
	half := w.answer(3, "invoice", ci)
	for _, at := range []atoll.SiteID{1, 2, 3} {
		for _, id := range []atoll.ID{ci, half.ID} {
			if n := w.want(at, "invoice", id).Fields.Int("number"); n < 1 {
				t.Errorf("site %d shows number %d", at, n)
			}
		}
	}
	if got := w.list(2, "message", "subject_id", string(ci)); len(got) != 1 {
		t.Errorf("%d messages about the shipment", len(got))
	}
	w.peace()
}

func TestR_D_12_DerivedIdentities(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4", "5")
	w.sync(2)
	// The half is made, and lost with its site before it was pushed.
	n := w.Sites[3]
	rounds := 0
	n.Net.Down = func() bool { rounds++; return rounds > 1 }
	if _, err := w.Sync(w.ctx, 3); err == nil {
		t.Fatal("the half was pushed")
	}
	first := w.answer(3, "invoice", ci)
	lines := w.list(3, "invoice_line", "invoice_id", string(first.ID))
	if len(w.list(1, "invoice", "originating_id", string(ci))) != 0 || len(lines) != 2 {
		t.Fatalf("the half has %d lines, or is at the centre", len(lines))
	}
	w.replace(3)
	w.sync(3, 2)
	second := w.answer(3, "invoice", ci)
	if second.ID != first.ID || second.ID != atoll.DeriveID("stock transfer", string(ci)) {
		t.Errorf("made again it is %s, was %s", second.ID, first.ID)
	}
	for _, line := range lines {
		w.want(3, "invoice_line", line.ID)
	}
	w.peace()
}

func TestR_D_13_LinksBothWays(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	if f := w.want(1, "invoice", ci); f.Fields.Has("linked_invoice_id") || f.Origin.Site != 2 {
		t.Errorf("the link was written before the shipment's own site heard of it, by site %d", f.Origin.Site)
	}
	w.sync(2)
	own := w.want(2, "invoice", ci)
	if half.Fields.ID("originating_id") != ci || own.Fields.ID("linked_invoice_id") != half.ID || own.Origin.Site != 2 {
		t.Errorf("originating %s, linked %s, written by site %d", half.Fields.ID("originating_id"), own.Fields.ID("linked_invoice_id"), own.Origin.Site)
	}
	h, err := w.Centre.History(w.ctx, own.Key, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range h {
		if c.Origin.Site != 2 {
			t.Errorf("version %d of the shipment was written by site %d", c.Op.Version, c.Origin.Site)
		}
	}
	w.peace()
}

func TestR_D_15_TheNews(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	w.sync(2)
	m := w.one(2, "message", "subject_id", string(ci))
	day := half.Fields.Text("created_at")[:10]
	if f := m.Fields; f.Text("body") != "Transferred: supplier invoice 1 was made in Store C on 2 March 2026" || !strings.HasPrefix(day, "2026-03-02") ||
		f.ID("to_store_id") != w.Stores["B"] || m.Origin.Site != 3 {
		t.Errorf("%q for store %s, by site %d", f.Text("body"), f.ID("to_store_id"), m.Origin.Site)
	}
	w.equal("message", m.ID, 1, 2)
	w.peace()
}

func TestR_D_18_SecondReceipt(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	w.act(3, receive, half.ID)
	w.sync(3, 2, 3)
	seq := w.seq(3)
	before := w.want(3, "invoice", half.ID)
	l := w.listen(3)
	l.answer = func(f exchange.Frame) int { // and each frame twice
		if _, ok := f.(exchange.Record); ok {
			return 1
		}
		return 0
	}
	w.recall("invoice", ci)
	for _, line := range w.list(1, "invoice_line", "invoice_id", string(ci)) {
		w.recall("invoice_line", line.ID)
	}
	c := w.sync(3)
	if len(l.records("")) != 2 || c.Integrated.Known != 2 || c.Integrated.Stored != 0 {
		t.Errorf("%d records came again: %+v", len(l.records("")), c.Integrated)
	}
	if w.seq(3) != seq || w.want(3, "invoice", half.ID).Version != before.Version {
		t.Error("the second receipt did something")
	}
	w.peace()
}

// TestR_D_14_R_D_21: a partner that makes halves elsewhere numbers nothing.
func TestR_D_14_R_D_21_NumberingTwice(t *testing.T) {
	w := f1(t)
	numbers := map[string]int64{}
	for range 2 {
		for _, kind := range []string{documents.SupplierInvoice, documents.CustomerCredit} {
			id := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", kind).Set("status", documents.New).
				Set("number", -1).Set("name_id", topology.StoreNameID(w.Stores["A"])))
			numbers[kind]++
			if n := w.want(2, "invoice", id).Fields.Int("number"); n != numbers[kind] {
				t.Errorf("the %s has number %d; want %d, from its own sequence", kind, n, numbers[kind])
			}
		}
	}
	seq := w.seq(2)
	for range 3 { // the cursor is lost: everything is looked at again
		err := w.Sites[2].Store.Update(w.ctx, func(tx storage.Tx) error { return tx.Drop("processors", "transfer") })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := w.Sites[2].Processors.Run(w.ctx); n != 0 || err != nil {
			t.Errorf("run again the processors made %d transactions, %v", n, err)
		}
	}
	if w.seq(2) != seq {
		t.Error("the journal grew")
	}
	w.peace()
}

func TestR_D_16_LocalWithoutNetwork(t *testing.T) {
	w, stock := bc(t)
	w.Sites[2].Net.Down = func() bool { return true }
	ci := w.ship("B", "F", stock, "4") // F is on the same site
	half := w.answer(2, "invoice", ci)
	if got := w.want(2, "invoice", ci).Fields.ID("linked_invoice_id"); got != half.ID {
		t.Errorf("the shipment is linked to %q", got)
	}
	w.act(2, receive, half.ID)
	w.mend()
	w.peace()
}

// TestR_D_19: the receiver's site is looked up when it asks.
func TestR_D_19_R_D_22_PartnerIsAllItTakes(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4", "5")
	w.sync(2)
	for _, kind := range []atoll.Type{"invoice", "invoice_line"} {
		for _, r := range w.list(1, kind) {
			if r.Fields.ID("partner_store_id") != w.Stores["C"] {
				t.Errorf("%s does not name the other store", r.Key)
			}
			h, err := snapshot(w.ctx, w.Centre)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range h.records[r.Key].Audiences {
				if a == atoll.SiteAudience(3) {
					t.Errorf("%s is listed for a site instead of a store", r.Key)
				}
			}
		}
	}
	// R-D-22: while one line waits, no half is made, not even in part.
	l := w.listen(3)
	missing := w.list(1, "invoice_line", "invoice_id", string(ci))[1].ID
	n := w.Sites[3]
	err := n.Store.Update(w.ctx, func(tx storage.Tx) error {
		t, err := n.Door.Topology(tx)
		if err != nil {
			return err
		}
		for _, key := range []atoll.Key{{Type: "invoice", ID: ci}, {Type: "invoice_line", ID: w.list(1, "invoice_line", "invoice_id", string(ci))[0].ID}} {
			rec := w.want(1, key.Type, key.ID)
			if _, err := n.Door.Receive(tx, t, journal.Arrival{Record: rec.Record}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if made, err := n.Processors.Run(w.ctx); made != 0 || err != nil || len(w.list(3, "invoice", "originating_id", string(ci))) > 0 {
		t.Errorf("with a line missing %d transactions were made, %v", made, err)
	}
	w.sync(3)
	half := w.answer(3, "invoice", ci)
	if got := w.list(3, "invoice_line", "invoice_id", string(half.ID)); len(got) != 2 || len(l.records("")) == 0 {
		t.Errorf("the half has %d lines", len(got))
	}
	w.want(3, "invoice_line", missing)
	w.peace()
}
