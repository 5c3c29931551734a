package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/process"
)

// supplierReturn: a supplier credit to a store becomes a customer credit there
// (R-D-02, R-D-30).
var supplierReturn = returnHalf.kind()

var returnHalf = half{
	name: "return", doc: "invoice", line: "invoice_line", parent: "invoice_id",
	from: "supplier_credit", to: "customer_credit", words: "customer credit",
	header: []string{"currency_id", "currency_rate", "tax_percent", "transport_reference", "total_before_tax", "total_after_tax"},
	lineFields: []string{
		"item_id", "item_name", "item_code", "batch", "expiry_date", "manufacture_date", "pack_size", "number_of_packs",
		"cost_price_per_pack", "sell_price_per_pack", "tax_percent", "item_variant_id", "note", "reason_option_id",
	},
	finish: func(c process.Case, header atoll.Fields) {
		header.Set("comment", "Return")
		// The shipment that is returned, as this store knows it: the half that the
		// other store's receipt answers.
		if receipt := c.Fields.ID("original_invoice_id"); receipt != "" {
			if r, err := c.R.Record(atoll.Key{Type: "invoice", ID: receipt}); err == nil {
				header.Set("original_invoice_id", r.MustFields().ID("originating_id"))
			}
		}
	},
	finishLine: func(_ process.Case, from, to atoll.Fields) {
		to.Set("kind", "stock_in")
		copyAs(to, "sent_pack_size", from, "pack_size")
		copyAs(to, "sent_number_of_packs", from, "number_of_packs")
	},
}
