package simulate

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

func (w *world) position(at atoll.SiteID) (p atoll.Position) {
	w.t.Helper()
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) (err error) {
		p, err = r.LastPosition()
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestR_K_26: every store numbers everything from 1, so that all numbers are
// equal everywhere; nothing is mixed up.
func TestR_K_26_EqualNumbers(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	want := map[atoll.ID]string{} // by shipment: the packs
	for i, pair := range [][2]string{{"A", "B"}, {"B", "A"}, {"B", "C"}, {"C", "B"}, {"C", "D"}, {"D", "C"}, {"A", "E"}, {"E", "A"}} {
		packs := fmt.Sprint(i + 1)
		want[w.ship(pair[0], pair[1], w.stock(pair[0], item, "20"), packs)] = packs
	}
	if err := w.Settle(w.ctx); err != nil {
		t.Fatal(err)
	}
	numbers := map[int64]int{}
	for ci, packs := range want {
		half := w.answer(1, "invoice", ci)
		line := w.one(1, "invoice_line", "invoice_id", string(half.ID)).Fields
		from, to := w.want(1, "invoice", ci).Fields, half.Fields
		if line.Number("number_of_packs") != packs || to.ID("partner_store_id") != from.ID("store_id") || to.ID("store_id") != from.ID("partner_store_id") {
			t.Errorf("shipment %s of %s packs was answered by %s with %s packs", ci, packs, half.ID, line.Number("number_of_packs"))
		}
		if from.ID("linked_invoice_id") != half.ID {
			t.Errorf("shipment %s is linked to another's half", ci)
		}
		numbers[from.Int("number")]++
		numbers[to.Int("number")]++
	}
	if numbers[1] < 10 {
		t.Errorf("the numbers given: %v; want most of them equal", numbers)
	}
	w.peace()
}

func TestR_K_14_OriginOfEveryVersion(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.peace()
	h, err := w.Centre.History(w.ctx, atoll.Key{Type: "invoice", ID: ci}, 0)
	if err != nil || len(h) < 3 {
		t.Fatalf("%d versions, %v", len(h), err)
	}
	for i, c := range h {
		if c.Origin.Site != 2 || c.Origin.Seq == 0 || c.Op.Version != uint64(len(h)-i) || c.Actor == "" {
			t.Errorf("version %d came from %s, by %q", c.Op.Version, c.Origin, c.Actor)
		}
	}
	for _, at := range []atoll.SiteID{1, 3} {
		if got := w.want(at, "invoice", ci).Origin; got != h[0].Origin {
			t.Errorf("site %d says that its version is from %s; want %s", at, got, h[0].Origin)
		}
	}
}

// TestR_K_43: turn and nonce are the id of a batch, the journal's positions its
// memory.
func TestR_K_43_RepeatedBatch(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	lines := []atoll.ID{w.stock("B", item, "1"), w.stock("B", item, "2")}
	refused := w.forged(2, item)
	l := w.listen(2)
	down := 1
	w.Sites[2].Net.CutDown = func() int { return down } // the welcome comes, the receipt does not
	if _, err := w.Sync(w.ctx, 2); err == nil {
		t.Fatal("the answer was not cut")
	}
	position := w.position(1)
	w.mend()
	w.sync(2)
	if a, b := l.hellos[0], l.hellos[1]; a.Turn != b.Turn || a.Nonce != b.Nonce {
		t.Errorf("the repeat is batch %d %s; want %d %s", b.Turn, b.Nonce, a.Turn, a.Nonce)
	}
	var receipts []exchange.Receipt
	for _, f := range l.frames {
		if r, ok := f.(exchange.Receipt); ok {
			receipts = append(receipts, r)
		}
	}
	got := receipts[0]
	if got.Offered != 3 || got.Duplicate != 3 || got.Applied != 0 || got.Acknowledged.Seq != w.seq(2) || got.Open != 1 {
		t.Errorf("the receipt of the repeat: %+v", got)
	}
	// The result is what it was the first time: what was refused is told again.
	if len(got.Refusals) != 1 || got.Refusals[0].ID != refused || got.Refusals[0].Code != atoll.Rule {
		t.Errorf("the refusals told in the repeat: %+v", got.Refusals)
	}
	if told, err := w.Sites[2].Site.Refused(w.ctx, 9); err != nil || len(told) != 1 {
		t.Errorf("the site knows of %d refusals, %v", len(told), err)
	}
	if w.position(1) != position {
		t.Error("the repeat changed the centre's records")
	}
	for _, id := range lines {
		w.equal("stock_line", id, 2, 1)
	}
}

// forged makes stock below nothing at a site, which its own rules would not let
// pass, and returns it.
func (w *world) forged(at atoll.SiteID, item atoll.ID) atoll.ID {
	w.t.Helper()
	id := atoll.NewID(w.Clock.Now())
	w.lawless(at, Stock(id, w.Stores["B"], item, "-7"))
	return id
}

// lawless makes an edit at a site that forgets its business rules for it.
func (w *world) lawless(at atoll.SiteID, p journal.Proposal) {
	w.t.Helper()
	n := w.At(at)
	rules, laws := n.Door.Judge.Rules, n.Door.Judge.Laws
	n.Door.Judge.Rules, n.Door.Judge.Laws = nil, nil
	defer func() { n.Door.Judge.Rules, n.Door.Judge.Laws = rules, laws }()
	if err := w.write(at, p); err != nil {
		w.t.Fatal(err)
	}
}

func TestR_K_44_EqualIsNothing(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	const n = 600
	for i := 0; i < n; i += 100 {
		var do []journal.Proposal
		for range 100 {
			do = append(do, Stock(atoll.NewID(w.Clock.Now()), w.Stores["B"], item, "3"))
		}
		w.edit(2, do...)
	}
	line := w.stock("B", item, "5")
	w.configure(central.Collect(w.Stores["B"], 3, true))
	w.sync(2, 3)
	seq := w.seq(2)
	w.update(2, "stock_line", line, w.want(2, "stock_line", line).Fields)
	w.update(2, "stock_line", line, atoll.Fields{}.Set("total_number_of_packs", number("5")))
	if w.seq(2) != seq {
		t.Error("a change that changes nothing made an entry")
	}
	position := w.position(1)
	if got, err := w.Sites[2].Restate(w.ctx, "tester", nil); err != nil || got < n {
		t.Fatalf("%d records were restated, %v", got, err)
	}
	c := w.sync(2)
	if c.Offered == 0 || c.Applied != c.Offered {
		t.Errorf("of %d entries %d were applied", c.Offered, c.Applied)
	}
	if w.position(1) != position {
		t.Errorf("unchanged records moved the centre from position %d to %d", position, w.position(1))
	}
	if made, err := w.Centre.Processors.Run(w.ctx); made != 0 || err != nil {
		t.Errorf("processors were woken, and made %d transactions, %v", made, err)
	}
	if c := w.sync(3); c.Received != 0 {
		t.Errorf("%d unchanged records went on to a reader", c.Received)
	}
	w.peace()
}

// TestR_K_31: an event here is a change in the database; the processors' cursor
// says which were handled.
func TestR_K_31_EachEventThreeTimes(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	req, err := w.request("C", "B", w.want(2, "stock_line", stock).Fields.ID("item_id"), "9")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.act(3, receive, w.answer(3, "invoice", ci).ID)
	w.answer(2, "requisition", req)
	if err := w.Settle(w.ctx); err != nil {
		t.Fatal(err)
	}
	for _, n := range w.Nodes() {
		at := n.Door.Site
		seq, position := w.seq(at), w.position(at)
		for range 3 {
			if err := n.Store.Update(w.ctx, func(tx storage.Tx) error { return tx.Drop("processors", "transfer") }); err != nil {
				t.Fatal(err)
			}
			if made, err := n.Processors.Run(w.ctx); made != 0 || err != nil {
				t.Errorf("%s made %d transactions of old events, %v", n.Name, made, err)
			}
		}
		if w.seq(at) != seq || w.position(at) != position {
			t.Errorf("%s changed something", n.Name)
		}
	}
	w.peace()
}

// TestR_K_45: what calls it once a day is left.
func TestR_K_45_Duplicates(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.ship("B", "C", stock, "5")
	w.sync(2, 3, 2)
	var log bytes.Buffer
	w.Centre.Log = slog.New(slog.NewTextHandler(&log, nil))
	find := func() []station.Duplicate {
		t.Helper()
		got, err := w.Centre.Duplicates(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := find(); len(got) != 0 || log.Len() != 0 {
		t.Errorf("with nothing wrong: %+v", got)
	}
	half := w.answer(3, "invoice", ci)
	twin := w.insert(3, "invoice", half.Fields.Clone().Set("number", 77))
	name := topology.StoreNameID(w.Stores["C"])
	fields := atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.Request).Set("status", documents.New).Set("number", 5).Set("name_id", name)
	one, two := w.insert(2, "requisition", fields), w.insert(2, "requisition", fields.Clone().Set("comment", "again"))
	w.insert(2, "requisition", fields.Clone().Set("number", -1))
	w.insert(2, "requisition", fields.Clone().Set("kind", "imprest"))
	w.sync(2, 3)
	sorted := func(ids ...atoll.ID) []atoll.ID { slices.Sort(ids); return ids }
	want := []station.Duplicate{
		{Type: "requisition", Store: w.Stores["B"], Kind: documents.Request, Number: 5, Documents: sorted(one, two)},
		{Type: "invoice", Originating: ci, Documents: sorted(half.ID, twin)},
	}
	if diff := cmp.Diff(want, find()); diff != "" {
		t.Errorf("(-want +found)\n%s", diff)
	}
	if got := strings.Count(log.String(), "equal documents"); got != 2 {
		t.Errorf("%d alarms in the log:\n%s", got, log.String())
	}
}
