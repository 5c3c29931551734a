package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/process"
)

// shipment: a customer invoice to a store becomes a supplier invoice there, on
// hold until its receiver takes it off (R-D-01, R-D-23 to R-D-26).
var shipment = shipmentHalf.kind()

var shipmentHalf = half{
	name: "stock transfer", doc: "invoice", line: "invoice_line", parent: "invoice_id",
	from: "customer_invoice", to: "supplier_invoice", words: "supplier invoice",
	header: []string{
		"currency_id", "currency_rate", "tax_percent", "transport_reference", "expected_delivery_date",
		"shipping_method_id", "total_before_tax", "total_after_tax", "default_donor_id", "program_id",
	},
	lineFields: []string{
		"item_id", "item_name", "item_code", "batch", "expiry_date", "manufacture_date", "pack_size", "number_of_packs",
		"sell_price_per_pack", "tax_percent", "total_before_tax", "total_after_tax", "donor_id", "manufacturer_id",
		"item_variant_id", "note", "volume_per_pack", "campaign_id", "program_id", "vvm_status_id", "line_number",
	},
	finish: func(c process.Case, header atoll.Fields) {
		header.Set("on_hold", string(c.T.Preference("stock_transfer_supplier_invoice_is_on_hold")) != "false")
		if comment := c.Fields.Text("comment"); comment != "" {
			header.Set("comment", "Stock transfer ("+comment+")")
		} else {
			header.Set("comment", "Stock transfer")
		}
		if id := request(c); id != "" {
			header.Set("requisition_id", id)
		}
	},
	finishLine: func(_ process.Case, from, to atoll.Fields) {
		to.Set("kind", "stock_in")
		// What was sent is kept apart from what will be received (R-D-28).
		copyAs(to, "sent_pack_size", from, "pack_size")
		copyAs(to, "sent_number_of_packs", from, "number_of_packs")
		copyAs(to, "cost_price_per_pack", from, "sell_price_per_pack") // their selling price is our cost
	},
}

func copyAs(to atoll.Fields, name string, from atoll.Fields, source string) {
	if from.Has(source) {
		to[name] = from[source]
	}
}

// request finds this store's own request behind a shipment that was made for its
// response requisition (R-D-06).
func request(c process.Case) atoll.ID {
	response := c.Fields.ID("requisition_id")
	if response == "" {
		return ""
	}
	r, err := c.R.Record(atoll.Key{Type: "requisition", ID: response})
	if err != nil {
		return ""
	}
	return r.MustFields().ID("originating_id")
}
