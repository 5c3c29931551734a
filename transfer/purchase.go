package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/topology"
)

// purchase: a confirmed purchase order to a store becomes a response requisition
// there, so that the supplier decides on quantities (R-D-04, R-D-60). With the
// preference purchase_order_answer set to customer_invoice it becomes a suggested
// customer invoice instead (R-D-90). Either way it is answered once.
var purchaseHalf = half{
	name: documents.AsOrderResponse, from: orders, at: documents.Confirmed,
	to: requisitions, as: documents.Response, link: "purchase_order_id", lineLink: "purchase_order_line_id",
	words: "response requisition", their: "order", reference: "their_reference",
	applies: func(c process.Case) (bool, error) { return answeredBy(c, "requisition"), nil },
	finish: func(c process.Case, store topology.Store, header atoll.Fields) error {
		if err := orderedBy(c, c.Record, header); err != nil {
			return err
		}
		if c.Fields.Has("requested_delivery_date") {
			header["expected_delivery_date"] = c.Fields["requested_delivery_date"]
		}
		return awaitApproval(c, store, orders, header)
	},
	lineFields: []string{"item_id", "item_name", "item_code", "line_number", "comment"},
	finishLine: func(_ process.Case, _ topology.Store, from, to atoll.Fields) error {
		to.Set("requested_quantity", number(ordered(from)))
		return nil
	},
}

var purchaseInvoiceHalf = half{
	name: documents.AsOrderInvoice, from: orders, at: documents.Confirmed,
	to: invoices, as: documents.CustomerInvoice, status: documents.Suggested, link: "purchase_order_id", lineLink: "purchase_order_line_id",
	words: "customer invoice", their: "order", reference: "their_reference",
	// It goes to the ordering store like every other shipment: when it is finalised.
	quiet:      true,
	applies:    func(c process.Case) (bool, error) { return answeredBy(c, "customer_invoice"), nil },
	header:     []string{"currency_id", "currency_rate", "shipping_method_id"},
	lineFields: []string{"item_id", "item_name", "item_code", "line_number", "note", "manufacturer_id"},
	finishLine: func(_ process.Case, _ topology.Store, from, to atoll.Fields) error {
		size := from.Number("requested_pack_size")
		if size == "" || documents.Sign(size) <= 0 {
			size = "1"
		}
		to.Set("kind", documents.StockOut).Set("pack_size", number(size)).Set("number_of_packs", number(documents.Div(ordered(from), size)))
		if from.Has("price_per_pack_after_discount") {
			to["sell_price_per_pack"] = from["price_per_pack_after_discount"]
		}
		return nil
	},
}

// answeredBy reports whether orders are answered in this way. A choice that is not known
// here, as one of a newer program, counts as not made: else nobody would ever answer
// the order, and nothing would say why (R-D-52).
func answeredBy(c process.Case, way string) bool {
	chosen := "requisition"
	if plainText(c.T.Preference("purchase_order_answer")) == "customer_invoice" {
		chosen = "customer_invoice"
	}
	return chosen == way
}

// ordered is how many units the line of an order asks for.
func ordered(line atoll.Fields) string {
	for _, name := range []string{"adjusted_quantity", "requested_quantity"} {
		if line.Has(name) {
			return line.Number(name)
		}
	}
	return "0"
}

// orderedBy writes which site owns the order, when that is not its store's: the
// answers go there too (R-D-70, R-D-72).
func orderedBy(c process.Case, order atoll.Record, f atoll.Fields) error {
	of, err := order.Fields()
	if err != nil {
		return err
	}
	owner := c.Owner(order)
	if st := storeOf(c, of.ID("store_id")); owner != 0 && owner != st.Site && owner != c.T.Centre() {
		f.Set("ordering_site", int(owner))
	}
	return nil
}

// receipt: a finalised shipment that was made for a purchase order becomes goods
// received in the ordering store, one line for each of its lines (R-D-05, R-D-61).
// The quantities of the order follow in the same transaction, if the order is
// owned here (R-D-63).
var receiptHalf = half{
	name: documents.AsGoodsReceived, from: invoices, kind: documents.CustomerInvoice, at: documents.Finalised,
	to: receipts, link: "originating_id", lineLink: "originating_id",
	words: "goods received", their: "invoice", reference: "supplier_reference",
	applies: func(c process.Case) (bool, error) { return arrivesAs(c, true) },
	header:  []string{"currency_id", "currency_rate"},
	finish: func(c process.Case, _ topology.Store, header atoll.Fields) error {
		order, err := orderBehind(c)
		if err != nil {
			return err
		}
		header.Set("purchase_order_id", order.ID)
		donor := atoll.Fields{"donor_id": c.Fields["default_donor_id"]}
		if err := carry(c, receipts.doc, header, donor, []string{"donor_id"}); err != nil {
			return err
		}
		return orderedBy(c, order, header)
	},
	lineFields: []string{
		"item_id", "item_name", "item_code", "batch", "expiry_date", "manufacture_date", "volume_per_pack", "manufacturer_id",
		"item_variant_id", "line_number",
	},
	finishLine: func(c process.Case, _ topology.Store, from, to atoll.Fields) error {
		copyAs(to, "received_pack_size", from, "pack_size")
		copyAs(to, "number_of_packs_received", from, "number_of_packs")
		copyAs(to, "sent_pack_size", from, "pack_size")
		copyAs(to, "sent_number_of_packs", from, "number_of_packs")
		copyAs(to, "cost_price_per_pack", from, "sell_price_per_pack")
		copyAs(to, "comment", from, "note")
		order, err := orderBehind(c)
		if err != nil {
			return err
		}
		line, err := orderLine(c, order.ID, from, to.ID("item_id"))
		if err != nil {
			return err
		}
		if line == "" {
			to.Set("is_extra", true) // (R-D-62)
		} else {
			to.Set("purchase_order_line_id", line)
		}
		return orderedBy(c, order, to)
	},
	settle: func(c process.Case, made []journal.Proposal) ([]journal.Proposal, error) {
		order, err := orderBehind(c)
		if err != nil {
			return nil, err
		}
		more, err := receivedQuantities(c, order.ID, made)
		return append(made, more...), err
	},
}
