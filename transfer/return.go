package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/topology"
)

// supplierReturn: a supplier credit to a store becomes a customer credit there
// (R-D-02, R-D-30).
var returnHalf = half{
	name: documents.AsCustomerCredit, from: invoices, kind: documents.SupplierCredit, at: documents.Finalised,
	to: invoices, as: documents.CustomerCredit, link: "originating_id", lineLink: "originating_id",
	words: "customer credit", their: "credit", reference: "their_reference", prefix: "Return",
	header: []string{"currency_id", "currency_rate", "tax_percent", "total_before_tax", "total_after_tax"},
	lineFields: []string{
		"item_id", "item_name", "item_code", "batch", "expiry_date", "manufacture_date", "pack_size", "number_of_packs",
		"cost_price_per_pack", "sell_price_per_pack", "tax_percent", "item_variant_id", "note", "reason_option_id",
	},
	finish: func(c process.Case, _ topology.Store, header atoll.Fields) error {
		// The shipment that is returned, as this store knows it: the half that the
		// other store's receipt answers.
		_, f, ok, err := find(c.R, atoll.Key{Type: "invoice", ID: c.Fields.ID("original_invoice_id")})
		if err == nil && ok && f.Has("originating_id") {
			header.Set("original_invoice_id", f.ID("originating_id"))
		}
		return err
	},
	finishLine: func(_ process.Case, _ topology.Store, from, to atoll.Fields) error {
		to.Set("kind", documents.StockIn)
		copyAs(to, "sent_pack_size", from, "pack_size")
		copyAs(to, "sent_number_of_packs", from, "number_of_packs")
		return nil
	},
}
