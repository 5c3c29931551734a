package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// past is F1 with fourteen months of history in store B, of which site 2 is to be
// spared all but the last twelve, and a new database on site 2.
type past struct {
	*world
	line                        atoll.ID // B's stock line: 100 packs in the beginning
	sent, came, lost, open, old atoll.ID // long ago: to C and received, from A, an adjustment, a draft, one that C has not taken
	fresh                       atoll.ID // last month, to C
	count                       atoll.ID // a stocktake, long ago
}

func newPast(t *testing.T) *past {
	w := &past{world: f1(t)}
	item := w.item("x")
	w.sync(2, 3)
	w.line = w.stock("B", item, "100")
	far := w.stock("A", item, "50")
	w.sent = w.ship("B", "C", w.line, "10", "10")
	w.sync(2, 3, 2)
	w.act(3, receive, w.answer(3, "invoice", w.sent).ID)
	w.sync(3, 2)
	w.came = w.ship("A", "B", far, "7")
	w.sync(2)
	w.act(2, receive, w.answer(2, "invoice", w.came).ID)
	w.sync(2)
	w.lost = w.adjust("-5")
	w.open = w.draft(w.line, documents.New)
	w.old = w.ship("B", "C", w.line, "2")
	w.sync(2, 3) // it is in C, where nobody has received it
	w.count = w.insert(2, "stocktake", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("status", documents.New))
	w.insert(2, "stocktake_line", atoll.Fields{}.Set("stocktake_id", w.count).Set("store_id", w.Stores["B"]).Set("item_id", item))
	w.update(2, "stocktake", w.count, atoll.Fields{}.Set("status", documents.Finalised).Set("finalised_at", w.Clock.Now().UTC().Format(time.RFC3339)))
	w.Clock.Wind(13 * 31 * 24 * time.Hour)
	w.adjust("-3")
	w.fresh = w.ship("B", "C", w.line, "4")
	w.sync(2, 3, 2)
	w.peace()
	if err := w.Centre.Centre.LimitHistory(w.ctx, "administrator", 2, 12); err != nil {
		t.Fatal(err)
	}
	w.replace(2)
	return w
}

// rest lets everybody synchronise, and holds the fleet to its laws; but for the one
// that reads the sites' own journals, of which site 2 has a new one.
func (w *past) rest() {
	w.t.Helper()
	if err := w.Settle(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	for _, breach := range w.Check(w.ctx) {
		if !strings.HasPrefix(breach, "batch ") {
			w.t.Error(breach)
		}
	}
}

// adjust adjusts B's stock line, and returns the adjustment.
func (w *past) adjust(packs string) atoll.ID {
	w.t.Helper()
	return w.adjustOf(2, w.line, packs)
}

func (w *world) adjustOf(at atoll.SiteID, line atoll.ID, packs string) (id atoll.ID) {
	w.t.Helper()
	w.act(at, func(d documents.Desk, line atoll.ID) ([]journal.Proposal, error) {
		do, err := d.Adjust(line, packs, "counted")
		for _, p := range do {
			if p.Key.Type == "invoice" {
				id = p.Key.ID
			}
		}
		return do, err
	}, line)
	return id
}

func (w *past) lines(at atoll.SiteID, invoice atoll.ID) int {
	return len(w.list(at, "invoice_line", "invoice_id", string(invoice)))
}

// here wants the documents at site 2, with as many lines as the centre has; or
// not at all.
func (w *past) here(is bool, docs ...atoll.ID) {
	w.t.Helper()
	for _, id := range docs {
		want := 0
		if is {
			want = w.lines(1, id)
		}
		if got := w.get(2, "invoice", id) != nil; got != is || w.lines(2, id) != want {
			w.t.Errorf("invoice %s is here: %t, with %d lines; want %t with %d", id, got, w.lines(2, id), is, want)
		}
	}
}

// ledger wants the stock line's ledger at the site to begin with so much, to have
// so many movements, and to add up to what is there.
func (w *past) ledger(at atoll.SiteID, opening string, movements int) {
	w.t.Helper()
	l, err := w.At(at).Ledger(w.ctx, w.line)
	if err != nil {
		w.t.Fatal(err)
	}
	sum := l.Opening
	for _, m := range l.Movements {
		if sum = documents.Add(sum, m.Packs); sum != m.Balance {
			w.t.Errorf("site %d: %s after %s is %s", at, m.Balance, m.Document, sum)
		}
	}
	stock := w.want(at, "stock_line", w.line).Fields.Number("total_number_of_packs")
	if l.Opening != opening || len(l.Movements) != movements || sum != stock || l.Now != stock {
		w.t.Errorf("site %d: opening %s, %d movements, in all %s of %s; want opening %s and %d", at, l.Opening, len(l.Movements), sum, stock, opening, movements)
	}
}

// whole wants every record at site 2 to find here what it names, as far as the
// centre sends it to this site, and nothing to wait for anything.
func (w *past) whole() {
	w.t.Helper()
	entitled := w.topology(1).Subscription(2)
	err := w.At(2).Store.View(w.ctx, func(here storage.Reader) error {
		return w.Centre.Store.View(w.ctx, func(there storage.Reader) error {
			for _, def := range w.Catalogue.Types() {
				recs, err := here.Records(storage.Query{Type: def.Type})
				if err != nil {
					return err
				}
				for _, r := range recs {
					for _, ref := range w.Catalogue.References(r.Type, r.MustFields()) {
						key := atoll.Key{Type: ref.To, ID: ref.ID}
						if _, err := here.Record(key); err == nil {
							continue
						}
						c, err := there.Record(key)
						if err == nil && slices.ContainsFunc(c.Audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) }) {
							w.t.Errorf("%s names %s by %s, and it is not here", r.Key, key, ref.Field)
						}
					}
				}
			}
			lanes, err := here.CountStaged()
			if len(lanes) > 0 {
				w.t.Errorf("staged and not taken: %v", lanes)
			}
			return err
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestR_H_26_OldDocumentsStayAtTheCentre: a site with a limit gets what was
// settled in the last months and whatever is not settled on both sides; older
// documents stay at the centre with all their lines, and the ledger of each stock
// line adds up by its opening balance.
func TestR_H_26_OldDocumentsStayAtTheCentre(t *testing.T) {
	for name, cut := range map[string]int{"in one go": 0, "three records at a time, each answer cut": 3} {
		t.Run(name, func(t *testing.T) {
			w := newPast(t)
			if cut > 0 {
				w.Centre.Centre.Records = cut
				w.Sites[2].Net.CutDown = func() int { return 4 }
				for range 400 {
					_, _ = w.Sync(w.ctx, 2)
				}
				w.Sites[2].Net.CutDown = nil
			}
			w.sync(2)
			w.here(false, w.sent, w.came, w.lost, w.answer(1, "invoice", w.came).ID, w.answer(1, "invoice", w.sent).ID)
			w.here(true, w.fresh, w.open, w.old)
			if w.get(2, "stocktake", w.count) != nil || len(w.list(2, "stocktake_line")) > 0 {
				t.Error("an old stocktake came")
			}
			w.ledger(1, "100", 6) // two lines to C, -5, -2, and of late -3, -4
			w.ledger(2, "75", 3)  // what is not settled has its line, as what is not old
			w.whole()
			// Nothing is made a second time, and nothing is refused.
			before := len(w.list(1, "invoice"))
			w.sync(3, 2, 3, 2)
			if after := len(w.list(1, "invoice")); after != before {
				t.Errorf("there were %d invoices at the centre, and now there are %d", before, after)
			}
			w.here(false, w.sent, w.came, w.lost)
		})
	}
}

// TestR_H_26_OldDocumentsAreFetched: one document or those of a period come with
// the next cycle when the site asks for them, whole; after all were fetched the
// site has what a site without a limit has.
func TestR_H_26_OldDocumentsAreFetched(t *testing.T) {
	w := newPast(t)
	w.sync(2)
	ask := func(p documents.Past) error { return w.At(2).AskPast(w.ctx, "tester", p) }
	if err := ask(documents.Past{Key: atoll.Key{Type: "invoice", ID: w.lost}}); err != nil {
		t.Fatal(err)
	}
	w.here(false, w.lost) // it is on the other side of the line
	w.sync(2)
	w.here(true, w.lost)
	w.here(false, w.sent, w.came)
	w.ledger(2, "80", 4)
	w.refused(ask(documents.Past{Key: atoll.Key{Type: "invoice", ID: w.lost}}), atoll.Exists)
	w.refused(ask(documents.Past{}), atoll.Invalid)
	w.refused(ask(documents.Past{From: w.Clock.Now(), To: w.Clock.Now().Add(-time.Hour)}), atoll.Invalid)
	w.refused(ask(documents.Past{Store: w.Stores["C"], From: w.Clock.Now(), To: w.Clock.Now().Add(time.Hour)}), atoll.NotHere)

	// By its line, which brings the document, and its other half.
	line := w.list(1, "invoice_line", "invoice_id", string(w.sent))[0]
	if err := ask(documents.Past{Key: line.Key}); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.here(true, w.sent, w.answer(1, "invoice", w.sent).ID)
	w.here(false, w.came)
	w.whole()

	// What is not the site's to have does not come.
	other := w.item("y")
	w.sync(3)
	theirs := w.stock("D", other, "9")
	w.sync(3)
	if err := ask(documents.Past{Key: atoll.Key{Type: "stock_line", ID: theirs}}); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	if w.get(2, "stock_line", theirs) != nil {
		t.Error("another site's stock line was fetched")
	}

	if err := ask(documents.Past{From: w.Clock.Now().AddDate(-5, 0, 0), To: w.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.here(true, w.sent, w.came, w.lost, w.fresh, w.open, w.old)
	w.ledger(2, "100", 6)
	w.whole()
	w.rest()
}

// TestR_H_26_AChangeBringsTheWholeDocument: an old document that changes after all,
// at either end, comes with its lines and its other half, and makes nothing twice.
func TestR_H_26_AChangeBringsTheWholeDocument(t *testing.T) {
	w := newPast(t)
	w.sync(2)
	half := w.answer(1, "invoice", w.sent).ID
	before := len(w.list(1, "invoice"))
	w.update(3, "invoice", half, atoll.Fields{}.Set("comment", "two boxes were wet"))
	w.sync(3)
	// The answer is cut in the middle of what belongs together, one frame later each
	// time, and the site's program ends each time: what it kept is all it has.
	for n := range 12 {
		w.Sites[2].Net.CutDown = func() int { return n }
		_, _ = w.Sync(w.ctx, 2)
		w.restart(2)
	}
	w.sync(2)
	w.here(true, w.sent, half)
	w.here(false, w.came, w.lost)
	if got := w.want(2, "invoice", half).Fields.Text("comment"); got != "two boxes were wet" {
		t.Errorf("the comment is %q", got)
	}
	w.whole()
	w.sync(3, 2, 3, 2)
	if after := len(w.list(1, "invoice")); after != before {
		t.Errorf("there were %d invoices at the centre, and now there are %d", before, after)
	}
	// A line alone brings its document.
	w.update(1, "invoice", w.came, atoll.Fields{}.Set("comment", "seen"))
	w.sync(2)
	w.here(true, w.came, w.answer(1, "invoice", w.came).ID)
	w.whole()
}

// TestR_H_26_OnlyAtInitialisation: the limit takes nothing from a site that has it,
// is no limit to what a site gains later, and zero lifts it. The centre can send
// old documents of itself.
func TestR_H_26_OnlyAtInitialisation(t *testing.T) {
	w := newPast(t)
	w.sync(2)
	for _, months := range []int{-1, 99999} {
		w.refused(w.Centre.Centre.LimitHistory(w.ctx, "administrator", 2, months), atoll.Invalid)
	}
	w.refused(w.Centre.Centre.LimitHistory(w.ctx, "administrator", 77, 3), atoll.SiteUnknown)
	if n, err := w.Centre.Centre.Fetch(w.ctx, 2, documents.Past{Key: atoll.Key{Type: "invoice", ID: w.came}}); n != 1 || err != nil {
		t.Errorf("fetched %d, %v", n, err)
	}
	_, err := w.Centre.Centre.Fetch(w.ctx, 3, documents.Past{Key: atoll.Key{Type: "invoice", ID: w.lost}})
	w.refused(err, atoll.NotFound)
	w.sync(2)
	w.here(true, w.came)
	if err := w.At(1).AskPast(w.ctx, "tester", documents.Past{Key: atoll.Key{Type: "invoice", ID: w.came}}); err == nil {
		t.Error("the centre asked itself")
	}

	// A copy of C, gained later, comes with all its history.
	w.configure(central.Collect(w.Stores["C"], 2, true))
	w.sync(2)
	if len(w.ofStore(2, "C")) != len(w.ofStore(1, "C")) {
		t.Errorf("of C there are %d records here, %d at the centre", len(w.ofStore(2, "C")), len(w.ofStore(1, "C")))
	}
	// What was fetched is fetched again for a new database; the rest is not.
	w.replace(2)
	w.sync(2)
	w.here(true, w.came)
	w.here(false, w.lost)
	if err := w.Centre.Centre.LimitHistory(w.ctx, "administrator", 2, 0); err != nil {
		t.Fatal(err)
	}
	w.replace(2)
	w.sync(2)
	w.here(true, w.sent, w.came, w.lost, w.fresh, w.open, w.old)
	w.rest()
}

// TestR_H_26_OpenTransfersCome: a shipment that nobody has answered yet comes, and
// so does an old receipt of a shipment that is not old or that does not know of
// its receipt: else the receipt would be made a second time.
func TestR_H_26_OpenTransfersCome(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	far, line := w.stock("C", item, "50"), w.stock("B", item, "50")
	const year = 13 * 31 * 24 * time.Hour
	w.Clock.Wind(year) // C's clock is ahead
	early := w.ship("C", "B", far, "3")
	w.Clock.Wind(-year)
	unlinked := w.ship("C", "B", far, "4")
	w.sync(3, 2)
	for _, s := range []atoll.ID{early, unlinked} {
		w.act(2, receive, w.answer(2, "invoice", s).ID)
	}
	w.sync(2) // site 3 does not hear of it
	unanswered := w.ship("B", "C", line, "5")
	w.sync(2)
	w.Clock.Wind(year)
	if err := w.Centre.Centre.LimitHistory(w.ctx, "administrator", 2, 12); err != nil {
		t.Fatal(err)
	}
	w.replace(2)
	w.sync(2)
	if w.get(2, "invoice", unanswered) == nil {
		t.Error("a shipment without an answer stayed at the centre")
	}
	for _, s := range []atoll.ID{early, unlinked} {
		if answer := w.list(2, "invoice", "originating_id", string(s)); len(answer) != 1 || answer[0].Version != w.answer(1, "invoice", s).Version {
			t.Errorf("of shipment %s there are %d receipts", s, len(answer))
		}
	}
	w.sync(2, 3, 2)
	sites, err := w.Centre.Centre.Sites(w.ctx)
	if err != nil || sites[0].Quarantined != 0 {
		t.Errorf("refused of site 2: %d, %v", sites[0].Quarantined, err)
	}
}

// TestR_H_26_NothingBesides: what comes along with a document is only what the site
// may have: not another store's notes on it, and not another store's own documents
// that it names.
func TestR_H_26_NothingBesides(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	line, far := w.stock("B", item, "50"), w.stock("C", item, "50")
	sent := w.ship("B", "C", line, "3")
	w.sync(2, 3)
	half := w.answer(3, "invoice", sent).ID
	w.act(3, receive, half)
	note := w.insert(3, "invoice_note", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("invoice_id", half).Set("note", "the driver was late"))
	own := w.adjustOf(3, far, "-1")
	w.sync(3, 2, 3)
	w.Clock.Wind(13 * 31 * 24 * time.Hour)
	if err := w.Centre.Centre.LimitHistory(w.ctx, "administrator", 2, 12); err != nil {
		t.Fatal(err)
	}
	w.replace(2)
	w.sync(2)
	w.update(3, "invoice", half, atoll.Fields{}.Set("comment", "see the note"))
	back := w.insert(3, "invoice", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("kind", documents.CustomerInvoice).Set("status", documents.New).
		Set("name_id", topology.StoreNameID(w.Stores["B"])).Set("original_invoice_id", own))
	w.insert(3, "invoice_line", atoll.Fields{}.Set("invoice_id", back).Set("store_id", w.Stores["C"]).Set("kind", "stock_out").
		Set("item_id", item).Set("stock_line_id", far).Set("number_of_packs", number("1")))
	w.act(3, finalise, back)
	w.sync(3, 2)
	if w.get(2, "invoice", half) == nil || w.get(2, "invoice", sent) == nil || w.get(2, "invoice", back) == nil {
		t.Error("a document did not come")
	}
	if w.get(2, "invoice_note", note) != nil {
		t.Error("C's note on its receipt came to B's site")
	}
	if w.get(2, "invoice", own) != nil || len(w.list(2, "invoice_line", "invoice_id", string(own))) > 0 {
		t.Error("C's own document came to B's site")
	}
}

// TestR_H_26_StoresMove: a store moves to a site with a limit whole, and from one
// with all that the centre has of it (R-H-30).
func TestR_H_26_StoresMove(t *testing.T) {
	for _, to := range []struct {
		store string
		site  atoll.SiteID
	}{{"C", 2}, {"B", 3}} {
		t.Run(to.store, func(t *testing.T) {
			w := newPast(t)
			w.sync(2, 3)
			id := w.move(to.store, to.site)
			for range 4 {
				w.sync(2, 3)
			}
			w.wants(id, topology.Moved)
			if n := len(w.ofStore(to.site, to.store)); n != len(w.ofStore(1, to.store)) {
				t.Errorf("of %s there are %d records at site %d, %d at the centre", to.store, n, to.site, len(w.ofStore(1, to.store)))
			}
			w.sync(2, 3, 2, 3)
			sites, err := w.Centre.Centre.Sites(w.ctx)
			if err != nil || sites[0].Quarantined+sites[1].Quarantined != 0 {
				t.Errorf("refused: %d and %d, %v", sites[0].Quarantined, sites[1].Quarantined, err)
			}
		})
	}
}
