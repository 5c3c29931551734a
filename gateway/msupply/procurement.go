package msupply

import "github.com/atollsync/atoll"

// procurementTables are orders to suppliers and what arrived for them.
var procurementTables = []table{
	{name: "purchase_order", makes: []atoll.Type{"purchase_order"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"serial_number", "number", nil},
		{"status", "status", statuses},
		{"name_ID", "name_id", nil},
		{"reference", "reference", nil},
		{"comment", "comment", nil},
		{"target_months", "target_months_of_stock", nil},
		{"currency_ID", "currency_id", nil},
		{"curr_rate", "currency_rate", nil},
		{"supplier_agent", "supplier_agent", nil},
		{"authorizing_officer_1", "authorising_officer_1", nil},
		{"authorizing_officer_2", "authorising_officer_2", nil},
		{"is_authorised", "is_authorised", nil},
		{"freight_conditions", "freight_conditions", nil},
		{"additional_instructions", "additional_instructions", nil},
		{"heading_message", "heading_message", nil},
		{"agent_commission", "agent_commission", nil},
		{"document_charge", "document_charge", nil},
		{"communications_charge", "communications_charge", nil},
		{"insurance_charge", "insurance_charge", nil},
		{"freight_charge", "freight_charge", nil},
		{"supplier_discount_amount", "supplier_discount_amount", nil},
		{"Order_total_before_discount", "total_before_discount", nil},
		{"Order_total_after_discount", "total_after_discount", nil},
		{"donor_id", "donor_id", nil},
		{"requested_delivery_date", "requested_delivery_date", nil},
		{"Date_contract_signed", "contract_signed_date", nil},
		{"Date_advance_payment", "advance_payment_date", nil},
		{"Date_goods_received_at_port", "received_at_port_date", nil},
		{"linked_transaction_ID", "linked_invoice_id", nil},
		{"custom_data", "custom_data", nil},
	}, also: func(r *row) {
		r.user("created_by", "user_id")
		r.moment("created_at", "creation_date")
		r.moment("confirmed_at", "confirm_date")
		r.moment("sent_at", "po_sent_date")
	}},
	{name: "purchase_order_line", makes: []atoll.Type{"purchase_order_line"}, fields: []field{
		{"purchase_order_ID", "purchase_order_id", nil},
		{"line_number", "line_number", nil},
		{"item_ID", "item_id", nil},
		{"item_name", "item_name", nil},
		{"supplier_code", "supplier_item_code", nil},
		{"packsize_ordered", "requested_pack_size", nil},
		{"quan_original_order", "requested_quantity", nil},
		{"quan_adjusted_order", "adjusted_quantity", nil},
		{"quan_rec_to_date", "received_quantity", nil},
		{"snapshotQuantity", "snapshot_quantity", nil},
		{"price_per_pack_before_discount", "price_per_pack_before_discount", nil},
		{"price_expected_after_discount", "price_per_pack_after_discount", nil},
		{"delivery_date_requested", "requested_delivery_date", nil},
		{"delivery_date_expected", "expected_delivery_date", nil},
		{"manufacturer_ID", "manufacturer_id", nil},
		{"pack_units", "pack_units", nil},
		{"comment", "comment", nil},
		{"note", "note", nil},
	}, also: func(r *row) {
		r.storeOf("purchase_order", "purchase_order_ID", "purchase_order_id")
		// Newer servers have other words for two of the keys.
		if !r.got("supplier_item_code") {
			r.take(field{"supplier_item_code", "supplier_item_code", nil})
		}
		if !r.got("snapshot_quantity") {
			r.take(field{"snapshot_quantity", "snapshot_quantity", nil})
		}
	}},
	{name: "Goods_received", makes: []atoll.Type{"goods_received"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"serial_number", "number", nil},
		{"status", "status", map[string]string{"nw": "new", "cn": "confirmed", "fn": "finalised"}},
		{"name_ID", "name_id", nil},
		{"purchase_order_ID", "purchase_order_id", nil},
		{"linked_transaction_ID", "linked_invoice_id", nil},
		{"supplier_reference", "supplier_reference", nil},
		{"comment", "comment", nil},
		{"donor_id", "donor_id", nil},
		{"received_date", "received_date", nil},
		{"entry_date", "entry_date", nil},
	}, also: func(r *row) {
		r.user("user_id_created", "user_id")
		if r.got("name_id") {
			return
		}
		// Theirs names its supplier through the order.
		if order, ok := r.other("purchase_order", r.text("purchase_order_ID")); ok {
			if id, ok := r.w.find("name", order.text("name_ID")); ok {
				r.set("name_id", id)
			}
		}
	}},
	{name: "Goods_received_line", makes: []atoll.Type{"goods_received_line"}, fields: []field{
		{"goods_received_ID", "goods_received_id", nil},
		{"order_line_ID", "purchase_order_line_id", nil},
		{"item_ID", "item_id", nil},
		{"item_name", "item_name", nil},
		{"batch_received", "batch", nil},
		{"expiry_date", "expiry_date", nil},
		{"pack_received", "received_pack_size", nil},
		{"quantity_received", "number_of_packs_received", nil},
		{"cost_price", "cost_price_per_pack", nil},
		{"volume_per_pack", "volume_per_pack", nil},
		{"weight_per_pack", "weight_per_pack", nil},
		{"location_ID", "location_id", nil},
		{"manufacturer_ID", "manufacturer_id", nil},
		{"line_number", "line_number", nil},
		{"comment", "comment", nil},
	}, also: func(r *row) {
		r.storeOf("Goods_received", "goods_received_ID", "goods_received_id")
		r.set("status", nil)
		if _, there := r.data["is_authorised"]; there {
			status := "unauthorised"
			if r.truth("is_authorised") {
				status = "authorised"
			}
			r.put("is_authorised", "status", status, true)
		}
	}},
}
