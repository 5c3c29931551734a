package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/topology"
)

// shipment: a customer invoice to a store becomes a supplier invoice there, on
// hold until its receiver takes it off (R-D-01, R-D-23 to R-D-26). One that was
// made for a purchase order becomes goods received instead (receipt.go).
var shipmentHalf = half{
	name: documents.AsSupplierInvoice, from: invoices, kind: documents.CustomerInvoice, at: documents.Finalised,
	to: invoices, as: documents.SupplierInvoice, link: "originating_id", lineLink: "originating_id",
	words: "supplier invoice", their: "invoice", reference: "their_reference", prefix: "Stock transfer", advice: true,
	applies: func(c process.Case) (bool, error) { return arrivesAs(c, false) },
	header: []string{
		"currency_id", "currency_rate", "tax_percent", "shipping_method_id", "total_before_tax", "total_after_tax", "default_donor_id",
		"program_id",
	},
	lineFields: []string{
		"item_id", "item_name", "item_code", "batch", "expiry_date", "manufacture_date", "pack_size", "number_of_packs",
		"sell_price_per_pack", "tax_percent", "total_before_tax", "total_after_tax", "donor_id", "manufacturer_id",
		"item_variant_id", "note", "volume_per_pack", "campaign_id", "program_id", "vvm_status_id", "line_number",
	},
	finish: func(c process.Case, store topology.Store, header atoll.Fields) error {
		header.Set("on_hold", preference(c, store.ID, "stock_transfer_supplier_invoice_is_on_hold") != "false")
		if c.Fields.Text("status") != documents.Finalised {
			header.Set("is_pre_advice", true)
		}
		id, err := request(c)
		if id != "" {
			header.Set("requisition_id", id)
		}
		return err
	},
	finishLine: func(c process.Case, store topology.Store, from, to atoll.Fields) error {
		to.Set("kind", documents.StockIn)
		// What was sent is kept apart from what will be received (R-D-28).
		copyAs(to, "sent_pack_size", from, "pack_size")
		copyAs(to, "sent_number_of_packs", from, "number_of_packs")
		copyAs(to, "cost_price_per_pack", from, "sell_price_per_pack") // their selling price is our cost
		if preference(c, store.ID, "pack_to_one") == "true" {
			packToOne(to)
		}
		return nil
	},
}

// packToOne restates a line in packs of one unit: the same quantity and value
// (R-D-25).
func packToOne(line atoll.Fields) {
	size := line.Number("pack_size")
	if size == "" || documents.Sign(size) <= 0 || documents.Compare(size, "1") == 0 {
		return
	}
	line.Set("number_of_packs", number(documents.Mul(line.Number("number_of_packs"), size))).Set("pack_size", number("1"))
	for _, name := range []string{"cost_price_per_pack", "sell_price_per_pack", "volume_per_pack"} {
		if line.Has(name) {
			line.Set(name, number(documents.Div(line.Number(name), size)))
		}
	}
}

// request finds this store's own request behind a shipment that was made for its
// response requisition (R-D-06); "" if there is none. The response stands also when
// the request does not, as of a store that was taken from its site by force.
func request(c process.Case) (atoll.ID, error) {
	_, f, ok, err := find(c.R, atoll.Key{Type: "requisition", ID: c.Fields.ID("requisition_id")})
	if err != nil || !ok {
		return "", err
	}
	own, _, ok, err := find(c.R, atoll.Key{Type: "requisition", ID: f.ID("originating_id")})
	if err != nil || !ok || own.Hidden {
		return "", err
	}
	return own.ID, nil
}

// orderBehind is the purchase order that a shipment was made for, itself or by the
// requisition it answers; the zero Record if there is none (R-D-05). It counts where
// the receiving store itself made it, and it stands: what is sent for another store's
// order, or for one that was refused, arrives as every other shipment does.
func orderBehind(c process.Case) (atoll.Record, error) {
	id := c.Fields.ID("purchase_order_id")
	if id == "" {
		_, f, ok, err := find(c.R, atoll.Key{Type: requisitions.doc, ID: c.Fields.ID("requisition_id")})
		if err != nil || !ok {
			return atoll.Record{}, err
		}
		id = f.ID("purchase_order_id")
	}
	order, f, ok, err := find(c.R, atoll.Key{Type: orders.doc, ID: id})
	if err != nil || !ok || order.Hidden || f.ID("store_id") != c.Fields.ID("partner_store_id") {
		return atoll.Record{}, err
	}
	return order, nil
}

// arrivesAs reports whether a shipment becomes the one kind of document in the other
// store: goods received for an order, or else an invoice.
func arrivesAs(c process.Case, forOrder bool) (bool, error) {
	order, err := orderBehind(c)
	return err == nil && (order.ID != "") == forOrder, err
}
