package msupply

import (
	"encoding/json"
	"strings"

	"github.com/atollsync/atoll"
)

// invoiceTables are all that their table of transactions holds: invoices both
// ways, credits, adjustments, repacks, builds, prescriptions and payments.
var invoiceTables = []table{
	{name: "transact", makes: []atoll.Type{"invoice", "prescription", "payment"}, kind: transactKind, also: transact},
	{name: "trans_line", makes: []atoll.Type{"invoice_line", "prescription_line"}, kind: transLineKind, also: transLine},
}

// statuses are their codes (R-D-31). The web codes are carried and kept as well.
var statuses = map[string]string{"nw": "new", "sg": "suggested", "cn": "confirmed", "fn": "finalised", "FN": "finalised", "wp": "new", "wf": "finalised"}

var invoiceKinds = map[string]string{
	"ci": "customer_invoice", "si": "supplier_invoice", "cc": "customer_credit", "sc": "supplier_credit", "sr": "repack", "bu": "build",
}

// transactKind tells by type, mode and other party what a transaction is.
func transactKind(r *row) atoll.Type {
	switch t := r.text("type"); t {
	case "ps", "rc":
		return "payment"
	case "ci":
		if r.text("mode") == "dispensary" || r.text("om_type") == "PRESCRIPTION" {
			if _, ok := r.w.find("patient", r.text("name_ID")); ok {
				return "prescription"
			}
		}
	case "si", "cc", "sc", "sr", "bu":
	default:
		r.refuse(whyKind, "transactions of type "+quoted(t)+" are not known")
	}
	return "invoice"
}

func transact(r *row) {
	shared := []field{
		{"store_ID", "store_id", nil},
		{"invoice_num", "number", nil},
		{"status", "status", statuses},
		{"their_ref", "their_reference", nil},
		{"comment", "comment", nil},
		{"currency_ID", "currency_id", nil},
		{"currency_rate", "currency_rate", nil},
		{"category_ID", "category_id", nil},
		{"custom_data", "custom_data", nil},
	}
	for _, f := range shared {
		r.take(f)
	}
	if s := r.text("status"); s == "wp" || s == "wf" || s == "FN" {
		delete(r.carried, "status")
	}
	if r.text("om_status") == "CANCELLED" {
		r.put("om_status", "status", "cancelled", true)
	}
	r.user("user_ID", "user_id")
	r.moment("created_at", "om_created_datetime", "entry_date+entry_time")
	switch r.def.Type {
	case "payment":
		payment(r)
	case "prescription":
		prescription(r)
	default:
		invoice(r)
	}
}

func payment(r *row) {
	r.put("type", "kind", map[string]string{"ps": "payment", "rc": "receipt"}[r.text("type")], true)
	for _, f := range []field{
		{"total", "amount", nil},
		{"paymentTypeID", "payment_type_id", nil},
		{"entry_date", "entry_date", nil},
		{"linked_transaction_id", "invoice_id", nil},
	} {
		r.take(f)
	}
	r.party()
	r.moment("confirmed_at", "confirm_date+confirm_time")
	r.moment("finalised_at", "finalised_date+finalised_time")
}

// party is a name, or a patient where the type has room for one.
func (r *row) party() {
	if _, ok := r.w.find("patient", r.text("name_ID")); ok {
		if _, room := r.def.Field("patient_id"); room {
			r.set("name_id", nil)
			r.take(field{"name_ID", "patient_id", nil})
			return
		}
	}
	r.take(field{"name_ID", "name_id", nil})
}

func prescription(r *row) {
	for _, f := range []field{
		{"name_ID", "patient_id", nil},
		{"prescriber_ID", "prescriber_id", nil},
		{"diagnosis_ID", "diagnosis_id", nil},
		{"programID", "program_id", nil},
		{"nameInsuranceJoinID", "insurance_policy_id", nil},
		{"insuranceDiscountAmount", "insurance_discount_amount", nil},
		{"insuranceDiscountRate", "insurance_discount_percent", nil},
		{"tax_rate", "tax_percent", nil},
		{"subtotal", "total_before_tax", nil},
		{"total", "total_after_tax", nil},
		{"is_cancellation", "is_cancellation", nil},
		{"om_colour", "colour", nil},
		{"entry_date", "prescription_date", nil},
	} {
		r.take(f)
	}
	r.carry("type", "mode")
	r.moment("confirmed_at", "confirm_date+confirm_time", "om_picked_datetime")
	r.moment("finalised_at", "finalised_date+finalised_time", "om_verified_datetime")
	r.moment("cancelled_at", "om_cancelled_datetime")
}

func invoice(r *row) {
	theirs := r.text("type")
	kind := invoiceKinds[theirs]
	if adjusts(r) {
		kind = map[string]string{"si": "inventory_addition", "sc": "inventory_reduction", "ci": "inventory_reduction"}[theirs]
	}
	r.put("type", "kind", kind, true)
	for _, f := range []field{
		{"name_ID", "name_id", nil},
		{"hold", "on_hold", nil},
		{"om_transport_reference", "transport_reference", nil},
		{"requisition_ID", "requisition_id", nil},
		{"original_PO_ID", "purchase_order_id", nil},
		{"goods_received_ID", "goods_received_id", nil},
		{"om_original_shipment_id", "original_invoice_id", nil},
		{"tax_rate", "tax_percent", nil},
		{"subtotal", "total_before_tax", nil},
		{"total", "total_after_tax", nil},
		{"ship_method_ID", "shipping_method_id", nil},
		{"donor_default_id", "default_donor_id", nil},
		{"programID", "program_id", nil},
		{"is_cancellation", "is_cancellation", nil},
		{"om_colour", "colour", nil},
		{"arrival_date_estimated", "expected_delivery_date", nil},
	} {
		r.take(f)
	}
	// The half that answers names the one it answers; the other learns of it. No
	// partner store is set: that would begin a transfer (see the package comment).
	if theirs == "si" || theirs == "cc" {
		r.set("linked_invoice_id", nil)
		r.take(field{"linked_transaction_id", "originating_id", nil})
	} else {
		r.set("originating_id", nil)
		r.take(field{"linked_transaction_id", "linked_invoice_id", nil})
	}
	out := theirs == "ci" || theirs == "sc"
	if out {
		r.moment("confirmed_at", "confirm_date+confirm_time", "om_picked_datetime")
		r.moment("finalised_at", "finalised_date+finalised_time", "om_shipped_datetime", "om_verified_datetime")
		r.moment("received_at", "om_delivered_datetime")
	} else {
		r.moment("received_at", "om_delivered_datetime")
		r.moment("confirmed_at", "confirm_date+confirm_time", "om_delivered_datetime")
		r.moment("finalised_at", "finalised_date+finalised_time", "om_verified_datetime")
	}
	r.moment("cancelled_at", "om_cancelled_datetime")
	r.moment("backdated_at", "om_backdated_datetime")
}

// adjusts reports whether the document adjusts stock: it says so, or its other
// party is the name that stands for adjustments.
func adjusts(r *row) bool {
	switch r.text("type") {
	case "si", "sc", "ci":
	default:
		return false
	}
	if strings.HasPrefix(r.text("om_type"), "INVENTORY_") {
		return true
	}
	if name, ok := r.other("name", r.text("name_ID")); ok {
		return name.text("type") == "invad"
	}
	return r.here("name", r.text("name_ID")).Text("kind") == "inventory_adjustment"
}

// transLineKind follows the document.
func transLineKind(r *row) atoll.Type {
	parent, ok := r.other("transact", r.text("transaction_ID"))
	if !ok { // it may be here already
		if _, ok := r.w.find("prescription", r.text("transaction_ID")); ok {
			return "prescription_line"
		}
		return "invoice_line"
	}
	switch transactKind(parent) {
	case "payment":
		r.refuse(whyKind, "lines of payments are not known")
	case "prescription":
		return "prescription_line"
	}
	return "invoice_line"
}

// lineKinds are their words. A placeholder is stock that was asked for and not
// yet allocated: it goes out of no stock line.
var lineKinds = map[string]string{
	"stock_in": "stock_in", "stock_out": "stock_out", "placeholder": "stock_out", "service": "service", "non_stock": "non_stock",
}

func transLine(r *row) {
	parent := "invoice_id"
	if r.def.Type == "prescription_line" {
		parent = "prescription_id"
	}
	for _, f := range []field{
		{"transaction_ID", parent, nil},
		{"item_ID", "item_id", nil},
		{"item_name", "item_name", nil},
		{"om_item_code", "item_code", nil},
		{"item_line_ID", "stock_line_id", nil},
		{"location_ID", "location_id", nil},
		{"batch", "batch", nil},
		{"expiry_date", "expiry_date", nil},
		{"pack_size", "pack_size", nil},
		{"quantity", "number_of_packs", nil},
		{"cost_price", "cost_price_per_pack", nil},
		{"sell_price", "sell_price_per_pack", nil},
		{"om_tax", "tax_percent", nil},
		{"om_total_before_tax", "total_before_tax", nil},
		{"om_total_after_tax", "total_after_tax", nil},
		{"optionID", "reason_option_id", nil},
		{"om_item_variant_id", "item_variant_id", nil},
		{"vaccine_vial_monitor_status_ID", "vvm_status_id", nil},
		{"note", "note", nil},
		{"line_number", "line_number", nil},
	} {
		r.take(f)
	}
	r.storeOf("transact", "transaction_ID", parent)
	r.lineKind()
	if r.def.Type == "prescription_line" {
		r.take(field{"prescribedQuantity", "prescribed_quantity", nil})
		r.set("patient_id", nil)
		if p, ok := r.other("transact", r.text("transaction_ID")); ok {
			if id, ok := r.w.find("patient", p.text("name_ID")); ok {
				r.set("patient_id", id)
			}
		} else if f := r.w.body(atoll.Key{Type: "prescription", ID: r.main().fields.ID(parent)}); f.Has("patient_id") {
			r.set("patient_id", f.ID("patient_id"))
		}
		return
	}
	for _, f := range []field{
		{"sent_pack_size", "sent_pack_size", nil},
		{"sentQuantity", "sent_number_of_packs", nil},
		{"foreign_currency_price", "foreign_currency_price", nil},
		{"volume_per_pack", "volume_per_pack", nil},
		{"linked_trans_line_ID", "originating_id", nil},
		{"donor_id", "donor_id", nil},
		{"manufacturer_ID", "manufacturer_id", nil},
		{"barcodeID", "barcode_id", nil},
		{"order_lines_ID", "purchase_order_line_id", nil},
	} {
		r.take(f)
	}
}

// lineKind is the direction of a line. A negative quantity is the amount the
// other way round; its text is kept.
func (r *row) lineKind() {
	theirs := r.text("type")
	kind, ok := lineKinds[theirs]
	if !ok {
		r.refuse(whyKind, "lines of type "+quoted(theirs)+" are not known")
		return
	}
	if n := r.main().fields.Number("number_of_packs"); n[0] == '-' && kind == "stock_out" && r.def.Type == "invoice_line" {
		kind = "stock_in"
		r.set("number_of_packs", json.Number(n[1:]))
		delete(r.carried, "quantity")
		r.put("type", "kind", kind, false)
		return
	}
	r.put("type", "kind", kind, theirs == kind)
}
