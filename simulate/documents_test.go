package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// tryDo does an action on a document at a site.
func (w *world) tryDo(at atoll.SiteID, act documents.Action, kind atoll.Type, id atoll.ID) error {
	_, err := w.At(at).Do(w.ctx, "tester", act, atoll.Key{Type: kind, ID: id}, 0)
	return err
}

func (w *world) do(at atoll.SiteID, act documents.Action, kind atoll.Type, id atoll.ID) {
	w.t.Helper()
	if err := w.tryDo(at, act, kind, id); err != nil {
		w.t.Fatalf("%s at site %d: %v", act, at, err)
	}
}

// paper makes a document of store B with its lines, at site 2.
func (w *world) paper(kind atoll.Type, header atoll.Fields, lines ...atoll.Fields) atoll.ID {
	w.t.Helper()
	id, err := w.tryPaper(kind, header, lines...)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) tryPaper(kind atoll.Type, header atoll.Fields, lines ...atoll.Fields) (atoll.ID, error) {
	draft := documents.Draft{Fields: header.Set("store_id", w.Stores["B"])}
	for _, l := range lines {
		draft.Lines = append(draft.Lines, documents.DraftLine{Fields: l})
	}
	id := atoll.NewID(w.Clock.Now())
	_, err := w.At(2).MakeDocument(w.ctx, "tester", atoll.Key{Type: kind, ID: id}, draft)
	return id, err
}

// amend changes a document at a site, with its lines.
func (w *world) amend(at atoll.SiteID, kind atoll.Type, id atoll.ID, lines ...documents.DraftLine) error {
	_, err := w.At(at).ChangeDocument(w.ctx, "tester", atoll.Key{Type: kind, ID: id}, 0, documents.Draft{Lines: lines})
	return err
}

// document reads a document with its lines.
func (w *world) document(at atoll.SiteID, kind atoll.Type, id atoll.ID) (f atoll.Fields, lines []atoll.Fields, may string) {
	w.t.Helper()
	d, err := w.At(at).Document(w.ctx, atoll.Key{Type: kind, ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range d.Lines {
		lines = append(lines, l.Fields)
	}
	var can []string
	for _, c := range d.Choices {
		if c.Allowed {
			can = append(can, string(c.Action))
		}
	}
	return d.Fields, lines, strings.Join(can, " ")
}

// holds compares a stock line with what shall be there, and available.
func (w *world) holds(at atoll.SiteID, line atoll.ID, total, available string) {
	w.t.Helper()
	f := w.want(at, "stock_line", line).Fields
	if documents.Compare(f.Number("total_number_of_packs"), total) != 0 || documents.Compare(f.Number("available_number_of_packs"), available) != 0 {
		w.t.Errorf("the stock line holds %s packs, %s available; want %s and %s",
			f.Number("total_number_of_packs"), f.Number("available_number_of_packs"), total, available)
	}
	w.balanced(at)
}

// balanced asks for a ledger without a difference.
func (w *world) balanced(at atoll.SiteID) {
	w.t.Helper()
	res, err := w.At(at).CheckStock(w.ctx, "")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range res.Differences {
		w.t.Errorf("the ledger of site %d: %+v", at, d)
	}
}

func drawn(line atoll.ID, packs string) atoll.Fields {
	return atoll.Fields{}.Set("stock_line_id", line).Set("number_of_packs", number(packs))
}

// brought is a line of goods that come in.
func brought(item atoll.ID, packs string) atoll.Fields {
	return atoll.Fields{}.Set("item_id", item).Set("batch", "N-1").Set("expiry_date", "2029-01-31").Set("pack_size", number("10")).
		Set("number_of_packs", number(packs)).Set("cost_price_per_pack", number("1.50"))
}

func kindOf(kind string) atoll.Fields { return atoll.Fields{}.Set("kind", kind) }

// TestR_D_27 to a customer outside: what is suggested is set aside, what is
// confirmed has left, and finalising moves nothing again. Lines may change until
// then, and the stock follows. R-J-09.
func TestR_D_27_R_J_09_StockFollowsTheDocument(t *testing.T) {
	w, stock := bc(t)
	ci := w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "6"))
	w.holds(2, stock, "50", "50")
	w.do(2, documents.Suggest, "invoice", ci)
	w.holds(2, stock, "50", "44")
	line := w.one(2, "invoice_line", "invoice_id", string(ci))
	if f := line.Fields; f.Text("batch") != "L-B" || f.Number("pack_size") != "10" || f.Number("sell_price_per_pack") != "2.10" || f.Text("kind") != "stock_out" {
		t.Errorf("the line has of its stock line %v", f)
	}
	more := func(packs string) error {
		return w.amend(2, "invoice", ci, documents.DraftLine{ID: line.ID, Fields: atoll.Fields{}.Set("number_of_packs", number(packs))})
	}
	if err := more("10.5"); err != nil {
		t.Fatal(err)
	}
	w.holds(2, stock, "50", "39.5")
	w.refused(more("51"), atoll.Rule, "fall below nothing")
	w.do(2, documents.Confirm, "invoice", ci)
	w.holds(2, stock, "39.5", "39.5")
	if err := w.amend(2, "invoice", ci, documents.DraftLine{Fields: drawn(stock, "2")}); err != nil {
		t.Fatal(err)
	}
	w.holds(2, stock, "37.5", "37.5")
	if err := w.amend(2, "invoice", ci, documents.DraftLine{ID: line.ID, Remove: true}); err != nil {
		t.Fatal(err)
	}
	w.holds(2, stock, "48", "48")
	w.do(2, documents.Finalise, "invoice", ci)
	w.holds(2, stock, "48", "48")
	if f, _, _ := w.document(2, "invoice", ci); f.Int("line_count") != 1 || !f.Has("confirmed_at") || !f.Has("finalised_at") {
		t.Errorf("finalised: %v", f)
	}
	// What was confirmed and is cancelled, or deleted, goes back.
	for _, act := range []documents.Action{documents.Cancel, documents.Delete} {
		other := w.paper("invoice", kindOf(documents.SupplierCredit), drawn(stock, "8"))
		w.do(2, documents.Confirm, "invoice", other)
		w.holds(2, stock, "40", "40")
		w.do(2, act, "invoice", other)
		w.holds(2, stock, "48", "48")
	}
	// What comes in has a stock line of its own; what is corrected on the line is
	// corrected there.
	si := w.paper("invoice", kindOf(documents.SupplierInvoice), brought(w.want(2, "stock_line", stock).Fields.ID("item_id"), "12.25"))
	w.do(2, documents.Confirm, "invoice", si)
	in := w.one(2, "invoice_line", "invoice_id", string(si))
	own := in.Fields.ID("stock_line_id")
	w.holds(2, own, "12.25", "12.25")
	if err := w.amend(2, "invoice", si, documents.DraftLine{ID: in.ID, Fields: atoll.Fields{}.Set("number_of_packs", number("11")).Set("expiry_date", "2029-02-28")}); err != nil {
		t.Fatal(err)
	}
	w.holds(2, own, "11", "11")
	if got := w.want(2, "stock_line", own).Fields.Text("expiry_date"); got != "2029-02-28" {
		t.Errorf("the stock line expires on %s", got)
	}
	// What was issued since cannot be taken back, also when there is other stock of it.
	w.Clock.Wind(time.Hour)
	w.do(2, documents.Finalise, "invoice", w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(own, "10")))
	w.Clock.Wind(time.Hour)
	if _, err := w.At(2).Act(w.ctx, "tester", atoll.Cause{Kind: "user"}, func(d documents.Desk) ([]journal.Proposal, error) {
		return d.Adjust(own, "10", "found")
	}); err != nil {
		t.Fatal(err)
	}
	fewer := documents.DraftLine{ID: in.ID, Fields: atoll.Fields{}.Set("number_of_packs", number("9"))}
	w.refused(w.amend(2, "invoice", si, fewer), atoll.Rule, "1 packs of what came in were issued since")
	w.do(2, documents.Finalise, "invoice", si)
	w.holds(2, own, "11", "11")
	// A line that joins a confirmed document draws its stock when it joins: goods that
	// came after the document was confirmed are no debt of the past.
	late := w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "1"))
	w.do(2, documents.Confirm, "invoice", late)
	w.Clock.Wind(time.Hour)
	came := w.paper("invoice", kindOf(documents.SupplierInvoice), brought(w.want(2, "stock_line", stock).Fields.ID("item_id"), "3"))
	w.do(2, documents.Finalise, "invoice", came)
	fresh := w.one(2, "invoice_line", "invoice_id", string(came)).Fields.ID("stock_line_id")
	w.Clock.Wind(time.Hour)
	if err := w.amend(2, "invoice", late, documents.DraftLine{Fields: drawn(fresh, "2")}); err != nil {
		t.Fatal(err)
	}
	w.holds(2, fresh, "1", "1")
	w.peace()
	w.balanced(1)
}

// TestR_J_09_StockChangesOnlyWithADocument: no edit past the acts moves stock, or
// takes a document over the line without it.
func TestR_J_09_StockChangesOnlyWithADocument(t *testing.T) {
	w, stock := bc(t)
	item := w.want(2, "stock_line", stock).Fields.ID("item_id")
	ci := w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "6"))
	si := w.paper("invoice", kindOf(documents.SupplierInvoice), brought(item, "5"))
	line := w.one(2, "invoice_line", "invoice_id", string(ci)).ID
	seq := w.seq(2)
	try := func(do ...journal.Proposal) error { return w.At(2).Insert(w.ctx, do...) }
	status := func(id atoll.ID, status string) journal.Proposal {
		return change("invoice", id, atoll.Fields{}.Set("status", status).Set("confirmed_at", "2026-01-05T00:00:00Z"))
	}
	packs := func(total, available string) journal.Proposal {
		return change("stock_line", stock, atoll.Fields{}.Set("total_number_of_packs", number(total)).Set("available_number_of_packs", number(available)))
	}
	for _, s := range []string{documents.Suggested, documents.Confirmed, documents.Finalised} {
		w.refused(try(status(ci, s)), atoll.LifeCycle, "the stock does not move")
	}
	for _, s := range []string{documents.Confirmed, documents.Finalised} {
		w.refused(try(status(si, s)), atoll.LifeCycle, "names no stock line")
	}
	w.refused(try(packs("49", "49")), atoll.Rule, "no document says why")
	w.refused(try(packs("50", "49")), atoll.Rule, "set aside")
	w.refused(try(packs("50", "51")), atoll.Rule, "cannot be available of 50")
	w.refused(try(change("stock_line", stock, atoll.Fields{}.Set("pack_size", number("5")))), atoll.Rule, "pack size")
	w.refused(try(change("stock_line", stock, atoll.Fields{}.Set("opening_number_of_packs", number("60")))), atoll.Schema)
	w.refused(try(journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "stock_line", ID: stock}}), atoll.Rule, "no document says why")
	w.refused(try(status(ci, documents.Finalised), packs("45", "45")), atoll.Rule, "the documents of the transaction move -6")
	w.refused(try(status(ci, documents.Finalised), packs("43", "43")), atoll.Rule)
	// A line of another store's stock, or in packs of another size.
	other := w.insert(2, "stock_line", Stock(atoll.NewID(w.Clock.Now()), w.Stores["F"], item, "9").Fields)
	_, err := w.tryPaper("invoice", kindOf(documents.CustomerInvoice).Set("status", documents.Suggested), drawn(other, "1"))
	w.refused(err, atoll.Rule, "another store")
	_, err = w.tryPaper("invoice", kindOf(documents.CustomerInvoice).Set("status", documents.Suggested), drawn(stock, "1").Set("pack_size", number("1")))
	w.refused(err, atoll.Rule, "packs of 1")
	_, err = w.tryPaper("invoice", kindOf(documents.CustomerInvoice).Set("status", documents.Confirmed), drawn(stock, "1"))
	w.refused(err, atoll.LifeCycle, "not made as confirmed")
	_, err = w.tryPaper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "-1"))
	w.refused(err, atoll.Rule, "cannot have -1 packs")
	// Goods do not leave from nowhere; they may be asked for before they are allocated.
	nowhere := w.paper("invoice", kindOf(documents.CustomerInvoice), atoll.Fields{}.Set("item_id", item).Set("number_of_packs", number("2")))
	w.do(2, documents.Suggest, "invoice", nowhere)
	for _, act := range []documents.Action{documents.Confirm, documents.Finalise} {
		w.refused(w.tryDo(2, act, "invoice", nowhere), atoll.LifeCycle, "names no stock line")
	}
	if got := w.seq(2); got != seq+3 {
		t.Errorf("%d entries were made by what was refused", got-seq-3)
	}
	// The lines of a confirmed document are its stock.
	w.do(2, documents.Confirm, "invoice", ci)
	w.refused(try(change("invoice_line", line, atoll.Fields{}.Set("number_of_packs", number("7")))), atoll.Rule, "together with the stock")
	w.refused(try(journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "invoice_line", ID: line}}), atoll.Rule)
	w.refused(try(status(ci, documents.Cancelled)), atoll.LifeCycle, "the stock does not move")
	w.update(2, "invoice_line", line, atoll.Fields{}.Set("note", "by hand"))
	// A new stock line says what there was at the beginning.
	if got := w.want(2, "stock_line", stock).Fields.Number("opening_number_of_packs"); got != "50" {
		t.Errorf("the opening is %s packs", got)
	}
	w.holds(2, stock, "44", "44")
	w.peace()
}

// TestR_J_09_TheCentreComparesToo: an entry that shows a document taking effect and
// other stock than its lines say is refused at the centre; one of an older program
// that shows only half of it is taken, and the ledger check tells.
func TestR_J_09_TheCentreComparesToo(t *testing.T) {
	w, stock := bc(t)
	draft := func() atoll.ID { return w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "6")) }
	wrong, half := draft(), draft()
	n := w.At(2)
	laws := n.Door.Judge.Laws
	n.Door.Judge.Laws = nil
	over := func(id atoll.ID) journal.Proposal {
		return change("invoice", id, atoll.Fields{}.Set("status", documents.Finalised).Set("confirmed_at", "2026-01-05T00:00:00Z").Set("line_count", 1))
	}
	w.edit(2, over(half))
	w.edit(2, over(wrong), change("stock_line", stock, atoll.Fields{}.Set("total_number_of_packs", number("45")).Set("available_number_of_packs", number("45"))))
	n.Door.Judge.Laws = laws
	c := w.sync(2)
	if c.Quarantined != 1 {
		t.Errorf("%d entries were refused; want the one that says otherwise than its lines", c.Quarantined)
	}
	if got := w.want(1, "invoice", wrong).Fields.Text("status"); got != documents.New {
		t.Errorf("the centre has the refused document as %s", got)
	}
	if got := w.want(1, "invoice", half).Fields.Text("status"); got != documents.Finalised {
		t.Errorf("the centre has the document of an older program as %s", got)
	}
	res, err := w.Centre.CheckStock(w.ctx, w.Stores["B"])
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Differences) != 1 || res.Differences[0].StockLine != stock || res.Differences[0].Off.Total != "6" || res.Differences[0].Ledger.Total != "44" {
		t.Errorf("the ledger: %+v", res.Differences)
	}
}

// TestR_D_31 and the table of D.4: statuses go forward only, by the steps there
// are, and what is finalised stays but for words about it (R-D-37).
func TestR_D_31_R_D_37_StatusesGoForward(t *testing.T) {
	w, stock := bc(t)
	ci := w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "6"))
	try := func(f atoll.Fields) error { return w.At(2).Insert(w.ctx, change("invoice", ci, f)) }
	may := func(want string) {
		t.Helper()
		if _, _, got := w.document(2, "invoice", ci); got != want {
			t.Errorf("may: %q, want %q", got, want)
		}
	}
	may("edit edit_lines delete suggest confirm finalise cancel")
	w.do(2, documents.Suggest, "invoice", ci)
	may("edit edit_lines delete confirm finalise cancel")
	w.refused(w.tryDo(2, documents.Suggest, "invoice", ci), atoll.LifeCycle, "possible now: edit, edit lines, delete, confirm, finalise, cancel")
	w.do(2, documents.Confirm, "invoice", ci)
	may("edit edit_lines delete finalise cancel")
	w.refused(try(atoll.Fields{}.Set("status", documents.Suggested)), atoll.LifeCycle, "only move forward")
	w.refused(w.tryDo(2, documents.Receive, "invoice", ci), atoll.LifeCycle, "knows no such step")
	w.do(2, documents.Finalise, "invoice", ci)
	may("")
	for _, act := range documents.Actions {
		if act != documents.Edit && act != documents.EditLines {
			w.refused(w.tryDo(2, act, "invoice", ci), atoll.LifeCycle)
		}
	}
	for name, v := range map[string]any{"status": documents.Cancelled, "name_id": topology.StoreNameID(w.Stores["C"]), "on_hold": true, "tax_percent": 3} {
		w.refused(try(atoll.Fields{}.Set(name, v)), atoll.LifeCycle)
	}
	for name, v := range map[string]any{
		"comment": "word", "transport_reference": "LX 4", "colour": "red", "backdated_at": "2026-01-02T00:00:00Z", "their_reference": "77",
	} {
		if err := try(atoll.Fields{}.Set(name, v)); err != nil {
			t.Errorf("%s of a finalised document cannot change: %v", name, err)
		}
	}
	line := w.one(2, "invoice_line", "invoice_id", string(ci)).ID
	w.refused(w.amend(2, "invoice", ci, documents.DraftLine{ID: line, Fields: atoll.Fields{}.Set("number_of_packs", number("1"))}), atoll.LifeCycle)
	w.refused(w.amend(2, "invoice", ci, documents.DraftLine{Fields: drawn(stock, "1")}), atoll.LifeCycle)
	w.refused(w.amend(2, "invoice", ci, documents.DraftLine{ID: line, Remove: true}), atoll.LifeCycle)
	// Where the document is not this site's, nothing may be done, and it says why.
	w.sync(2)
	if _, _, got := w.document(1, "invoice", ci); got != "" {
		t.Errorf("at the centre may: %q", got)
	}
	w.peace()
}

// TestR_D_26, R_D_28: while the goods are on hold nothing enters stock; they are
// checked when they have arrived; less, nothing, or more than was sent is
// received.
func TestR_D_26_R_D_28_GoodsAreChecked(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4", "3")
	w.sync(2, 3)
	si := w.answer(3, "invoice", ci)
	if !si.Fields.Bool("on_hold", false) {
		t.Fatal("the receiving half is not on hold")
	}
	lines := w.list(3, "invoice_line", "invoice_id", string(si.ID))
	less := func(i int, packs string) documents.DraftLine {
		return documents.DraftLine{ID: lines[i].ID, Fields: atoll.Fields{}.Set("number_of_packs", number(packs))}
	}
	for _, act := range []documents.Action{documents.Confirm, documents.Finalise} {
		w.refused(w.tryDo(3, act, "invoice", si.ID), atoll.LifeCycle, "on hold")
	}
	w.refused(w.amend(3, "invoice", si.ID, less(0, "1")), atoll.LifeCycle, "not arrived")
	w.refused(w.tryDo(3, documents.Delete, "invoice", si.ID), atoll.LifeCycle, "answers another store's")
	w.refused(w.tryDo(3, documents.Cancel, "invoice", si.ID), atoll.LifeCycle, "answers another store's")
	if got := w.list(3, "stock_line"); len(got) > 0 {
		t.Errorf("%d stock lines came from goods on hold", len(got))
	}
	w.do(3, documents.Arrive, "invoice", si.ID)
	if err := w.amend(3, "invoice", si.ID, less(0, "0"), less(1, "2.5")); err != nil {
		t.Fatal(err)
	}
	w.refused(w.amend(3, "invoice", si.ID, documents.DraftLine{ID: lines[0].ID, Remove: true}), atoll.LifeCycle, "another store sent")
	extra := brought(lines[0].Fields.ID("item_id"), "1").Set("is_extra", true)
	if err := w.amend(3, "invoice", si.ID, documents.DraftLine{Fields: extra}); err != nil {
		t.Fatal(err)
	}
	w.do(3, documents.Receive, "invoice", si.ID)
	got := map[string]int{}
	for _, l := range w.list(3, "stock_line", "store_id", string(w.Stores["C"])) {
		got[l.Fields.Number("total_number_of_packs")]++
	}
	if len(got) != 2 || got["2.5"] != 1 || got["1"] != 1 {
		t.Errorf("in stock came %v; want 2.5 packs of one line, 1 extra, and of the third nothing", got)
	}
	w.balanced(3)
	// A document of which nothing at all was received is finalised like any other.
	ci = w.ship("B", "C", stock, "4")
	w.sync(2, 3)
	si = w.answer(3, "invoice", ci)
	w.do(3, documents.Arrive, "invoice", si.ID)
	lines = w.list(3, "invoice_line", "invoice_id", string(si.ID))
	if err := w.amend(3, "invoice", si.ID, less(0, "0")); err != nil {
		t.Fatal(err)
	}
	w.do(3, documents.Receive, "invoice", si.ID)
	if n := len(w.list(3, "stock_line")); n != 2 {
		t.Errorf("there are %d stock lines; nothing should have come", n)
	}
}
