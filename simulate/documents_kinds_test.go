package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// TestR_D_35, R_D_36: a response that has a shipment is not deleted; one that waits
// for approval is not edited, and no shipment is made for it.
func TestR_D_35_R_D_36_Requisitions(t *testing.T) {
	w, stock := bc(t)
	item := w.want(2, "stock_line", stock).Fields.ID("item_id")
	asked := func() atoll.Fields {
		return atoll.Fields{}.Set("item_id", item).Set("requested_quantity", number("40"))
	}
	made := w.paper("requisition", kindOf(documents.Response), asked())
	w.paper("invoice", kindOf(documents.CustomerInvoice).Set("requisition_id", made), drawn(stock, "4"))
	w.refused(w.tryDo(2, documents.Delete, "requisition", made), atoll.LifeCycle, "was made for the requisition")
	req, err := w.request("C", "B", item, "30")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3, 2)
	answer := w.answer(2, "requisition", req)
	w.refused(w.tryDo(2, documents.Delete, "requisition", answer.ID), atoll.LifeCycle, "answers another store's")

	waits := w.paper("requisition", kindOf(documents.Response).Set("approval_status", "pending"), asked())
	line := w.one(2, "requisition_line", "requisition_id", string(waits)).ID
	if _, _, may := w.document(2, "requisition", waits); may != "delete authorise deny cancel" {
		t.Errorf("what waits for approval may: %s", may)
	}
	supply := documents.DraftLine{ID: line, Fields: atoll.Fields{}.Set("requested_quantity", number("1"))}
	w.refused(w.amend(2, "requisition", waits, supply), atoll.LifeCycle, "not authorised")
	w.refused(w.At(2).Insert(w.ctx, change("requisition", waits, atoll.Fields{}.Set("period_id", nil).Set("order_type", "x"))), atoll.LifeCycle, "not authorised")
	w.refused(w.tryDo(2, documents.Finalise, "requisition", waits), atoll.LifeCycle, "not authorised")
	// Writing the status is no way around it, nor around a step that there is not.
	w.refused(w.At(2).Insert(w.ctx, change("requisition", waits, atoll.Fields{}.Set("status", documents.Finalised))), atoll.LifeCycle, "cannot become finalised", "not authorised")
	w.refused(w.At(2).Insert(w.ctx, change("requisition", answer.ID, atoll.Fields{}.Set("status", documents.Cancelled))), atoll.LifeCycle, "answers another store's")
	paid := w.paper("payment", kindOf("payment").Set("amount", 3))
	w.refused(w.At(2).Insert(w.ctx, change("payment", paid, atoll.Fields{}.Set("status", documents.Suggested))), atoll.LifeCycle, "a new payment cannot become suggested", "possible now")
	_, err = w.tryPaper("invoice", kindOf(documents.CustomerInvoice).Set("requisition_id", waits), drawn(stock, "4"))
	w.refused(err, atoll.LifeCycle, "not authorised")
	// The approver may write what is approved.
	if err := w.amend(2, "requisition", waits, documents.DraftLine{ID: line, Fields: atoll.Fields{}.Set("approved_quantity", number("20"))}); err != nil {
		t.Fatal(err)
	}
	w.do(2, documents.Authorise, "requisition", waits)
	if err := w.amend(2, "requisition", waits, documents.DraftLine{ID: line, Fields: atoll.Fields{}.Set("supplied_quantity", number("20"))}); err != nil {
		t.Fatal(err)
	}
	w.paper("invoice", kindOf(documents.CustomerInvoice).Set("requisition_id", waits), drawn(stock, "2"))
	w.do(2, documents.Finalise, "requisition", waits)
	denied := w.paper("requisition", kindOf(documents.Response).Set("approval_status", "pending"), asked())
	w.do(2, documents.Deny, "requisition", denied)
	w.refused(w.tryDo(2, documents.Finalise, "requisition", denied), atoll.LifeCycle, "not authorised")
	w.refused(w.tryDo(2, documents.Authorise, "requisition", denied), atoll.LifeCycle, "does not wait")
}

// TestR_D_64: what finalising goods received leads to is the store's to say.
func TestR_D_64_GoodsReceivedBecomeAnInvoice(t *testing.T) {
	w, stock := bc(t)
	item := w.want(2, "stock_line", stock).Fields.ID("item_id")
	for _, c := range []struct {
		value, status string
		onHold        bool
	}{{"", documents.New, true}, {documents.ReceiptInvoice, documents.New, false}, {documents.ReceiptIntoStock, documents.Finalised, false}, {documents.ReceiptWithoutBill, "", false}} {
		if c.value != "" {
			for _, r := range w.list(1, "store_preference", "store_id", string(w.Stores["B"])) {
				w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: r.Key})
			}
			w.insert(1, "store_preference", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("key", documents.ReceiptAction).Set("value", c.value))
			w.sync(2)
		}
		receipt := w.paper("goods_received", atoll.Fields{}.Set("supplier_reference", "GR-7"), atoll.Fields{}.Set("item_id", item).Set("batch", "N-9").
			Set("received_pack_size", number("10")).Set("number_of_packs_received", number("12")).Set("cost_price_per_pack", number("1.505")))
		w.do(2, documents.Finalise, "goods_received", receipt)
		made := w.list(2, "invoice", "kind", documents.SupplierInvoice)
		made = made[:0]
		if r := w.get(2, "invoice", documents.ReceiptInvoiceID(receipt)); r != nil {
			made = append(made, *r)
		}
		if c.status == "" {
			if len(made) > 0 {
				t.Errorf("%s: an invoice was made", c.value)
			}
			continue
		}
		if len(made) != 1 {
			t.Fatalf("%q: no invoice was made", c.value)
		}
		f, lines, _ := w.document(2, "invoice", made[0].ID)
		if f.Text("status") != c.status || f.Bool("on_hold", false) != c.onHold || f.ID("goods_received_id") != receipt || documents.Unnumbered(f) ||
			f.Text("their_reference") != "GR-7" || len(lines) != 1 || lines[0].Number("number_of_packs") != "12" || lines[0].Number("cost_price_per_pack") != "1.505" {
			t.Errorf("%q: the invoice is %v with %v", c.value, f, lines)
		}
		if inStock := lines[0].Has("stock_line_id"); inStock != (c.status == documents.Finalised) {
			t.Errorf("%q: in stock is %v", c.value, inStock)
		}
		w.balanced(2)
	}
	w.peace()
}

// TestR_J_09_CountsBecomeAdjustments: what was counted becomes adjustments; a count of stock that has
// moved since, or of one line twice, is refused. R-J-09.
func TestR_J_09_CountsBecomeAdjustments(t *testing.T) {
	w, stock := bc(t)
	item := w.want(2, "stock_line", stock).Fields.ID("item_id")
	more := w.stock("B", item, "7")
	count := func(line atoll.ID, packs string) atoll.Fields {
		return atoll.Fields{}.Set("stock_line_id", line).Set("counted_number_of_packs", number(packs))
	}
	found := atoll.Fields{}.Set("item_id", item).Set("batch", "UNKNOWN").Set("pack_size", number("10")).Set("counted_number_of_packs", number("3"))
	moved := w.paper("stocktake", atoll.Fields{}, count(stock, "45"))
	take := w.paper("stocktake", atoll.Fields{}.Set("description", "Shelf A"), count(stock, "45.5"), count(more, "8"), found,
		atoll.Fields{}.Set("item_id", item).Set("batch", "never counted"))
	if _, lines, _ := w.document(2, "stocktake", take); len(lines) != 4 {
		t.Fatalf("the stocktake has %d lines", len(lines))
	}
	twice := w.paper("stocktake", atoll.Fields{}, count(more, "1"), count(more, "2"))
	w.refused(w.tryDo(2, documents.Finalise, "stocktake", twice), atoll.Rule, "counted twice")
	locked := w.paper("stocktake", atoll.Fields{}.Set("is_locked", true), count(more, "1"))
	w.refused(w.tryDo(2, documents.Finalise, "stocktake", locked), atoll.LifeCycle, "locked")
	w.do(2, documents.Finalise, "stocktake", take)
	w.holds(2, stock, "45.5", "45.5")
	w.holds(2, more, "8", "8")
	if l := w.one(2, "stock_line", "batch", "UNKNOWN"); l.Fields.Number("total_number_of_packs") != "3" {
		t.Errorf("found stock: %v", l.Fields)
	}
	f, _, _ := w.document(2, "stocktake", take)
	plus, _, _ := w.document(2, "invoice", f.ID("inventory_addition_id"))
	minus, _, _ := w.document(2, "invoice", f.ID("inventory_reduction_id"))
	if plus.Int("line_count") != 2 || minus.Int("line_count") != 1 || plus.ID("stocktake_id") != take || f.Int("number") != 1 || minus.Int("number") != 1 {
		t.Errorf("the stocktake %v made %v and %v", f, plus, minus)
	}
	w.refused(w.tryDo(2, documents.Finalise, "stocktake", moved), atoll.Rule, "has moved since it was counted: 50 packs then, 45.5 now")
	w.peace()
	w.balanced(1)
}

// TestR_B_111_NumbersAreGivenOnce: each kind has its sequence; a draft that is
// thrown away leaves no gap; a number that is there already is passed over, and one
// that was given stays.
func TestR_B_111_NumbersAreGivenOnce(t *testing.T) {
	w, stock := bc(t)
	ship := func() atoll.ID { return w.paper("invoice", kindOf(documents.CustomerInvoice), drawn(stock, "1")) }
	numberOf := func(id atoll.ID) int64 { f, _, _ := w.document(2, "invoice", id); return f.Int("number") }
	first, thrown, second := ship(), ship(), ship()
	w.do(2, documents.Finalise, "invoice", first)
	w.do(2, documents.Delete, "invoice", thrown)
	w.paper("invoice", kindOf(documents.CustomerInvoice).Set("number", 3)) // as an import leaves one
	w.do(2, documents.Confirm, "invoice", second)
	third := ship()
	w.do(2, documents.Finalise, "invoice", third)
	credit := w.paper("invoice", kindOf(documents.SupplierCredit), drawn(stock, "1"))
	w.do(2, documents.Finalise, "invoice", credit)
	if a, b, c, d := numberOf(first), numberOf(second), numberOf(third), numberOf(credit); a != 1 || b != 2 || c != 4 || d != 1 {
		t.Errorf("numbers %d, %d and %d, of the credit %d; want 1, 2, 4 and 1", a, b, c, d)
	}
	w.refused(w.At(2).Insert(w.ctx, change("invoice", second, atoll.Fields{}.Set("number", 9))), atoll.Rule, "a number does not change")
	sequence := documents.SequenceID(w.Stores["B"], documents.CustomerInvoice)
	w.refused(w.At(2).Insert(w.ctx, change("number_sequence", sequence, atoll.Fields{}.Set("last", 1))), atoll.Rule, "does not go back")
}

// TestR_D_25_Repacking: units, value and the batch stay; what does not come out even
// is refused, and so is a repack made by hand that changes the number of units.
func TestR_D_25_Repacking(t *testing.T) {
	w, stock := bc(t)
	repack := func(packs, size string) error {
		_, err := w.At(2).Repack(w.ctx, "tester", documents.Repacking{StockLine: stock, Packs: packs, PackSize: size})
		return err
	}
	if err := repack("6", "1"); err != nil {
		t.Fatal(err)
	}
	w.holds(2, stock, "44", "44")
	var single atoll.Fields
	for _, l := range w.list(2, "stock_line", "batch", "L-B") {
		if l.ID != stock {
			single = l.Fields
		}
	}
	if single.Number("total_number_of_packs") != "60" || single.Number("pack_size") != "1" || single.Number("cost_price_per_pack") != "0.15" ||
		single.Number("sell_price_per_pack") != "0.21" || single.Text("expiry_date") != "2028-06-30" {
		t.Errorf("the new stock line: %v", single)
	}
	w.refused(repack("1", "3"), atoll.Rule, "do not fill packs")
	w.refused(repack("45", "1"), atoll.Rule, "fall below nothing")
	in := brought(single.ID("item_id"), "3").Set("kind", documents.StockIn).Set("pack_size", number("1"))
	hand := w.paper("invoice", kindOf(documents.Repack), drawn(stock, "1").Set("kind", documents.StockOut), in)
	w.refused(w.tryDo(2, documents.Finalise, "invoice", hand), atoll.Rule, "number of units by -7")
	// A build may: many things become one.
	build := w.paper("invoice", kindOf(documents.Build), drawn(stock, "1").Set("kind", documents.StockOut), in)
	w.do(2, documents.Finalise, "invoice", build)
	w.holds(2, stock, "43", "43")
	w.peace()
	line := documents.PackToOne(atoll.Fields{}.Set("pack_size", number("12")).Set("number_of_packs", number("2.5")).
		Set("cost_price_per_pack", number("1.50")).Set("sent_pack_size", number("12")))
	if line.Number("number_of_packs") != "30" && line.Number("number_of_packs") != "30.0" || line.Number("cost_price_per_pack") != "0.125" || line.Number("sent_pack_size") != "12" {
		t.Errorf("packed to one: %v", line)
	}
}

// TestR_A_19_PricesSurviveExactly: prices, rates and tax arrive with every digit
// they were written with.
func TestR_A_19_PricesSurviveExactly(t *testing.T) {
	w, stock := bc(t)
	currency := w.insert(1, "currency", atoll.Fields{}.Set("code", "XAF").Set("rate", number("0.00152449017237"))) // digits that a double loses
	w.sync(2)
	exact := atoll.Fields{}.Set("currency_rate", number("0.001524490172374104100")).Set("tax_percent", number("19.250")).
		Set("total_before_tax", number("12345678901234567.891")).Set("total_after_tax", number("14722222084722222.2000000001"))
	header := exact.Clone().Set("kind", documents.CustomerInvoice).Set("currency_id", currency).
		Set("name_id", topology.StoreNameID(w.Stores["C"]))
	line := atoll.Fields{}.Set("sell_price_per_pack", number("0.1000000000000000055")).Set("tax_percent", number("7.70"))
	id := w.paper("invoice", header, func() atoll.Fields {
		f := drawn(stock, "3.000")
		for k, v := range line {
			f[k] = v
		}
		return f
	}())
	w.do(2, documents.Finalise, "invoice", id)
	w.sync(2, 3)
	half := w.answer(3, "invoice", id)
	for _, f := range []atoll.Fields{w.want(1, "invoice", id).Fields, half.Fields} {
		for name, v := range exact {
			if string(f[name]) != string(v) {
				t.Errorf("%s is %s, was %s", name, f[name], v)
			}
		}
	}
	got := w.one(3, "invoice_line", "invoice_id", string(half.ID)).Fields
	for name, v := range line {
		if string(got[name]) != string(v) {
			t.Errorf("%s of the line is %s, was %s", name, got[name], v)
		}
	}
	w.peace()
}
