package msupply

import (
	"time"

	"github.com/atollsync/atoll"
)

// stockTables are the stock of a store, its places and its counts.
var stockTables = []table{
	{name: "Location", makes: []atoll.Type{"location"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"code", "code", nil},
		{"Description", "name", nil},
		{"hold", "on_hold", nil},
		{"type_ID", "location_type_id", nil},
		{"Volume", "volume", nil},
		{"comment", "comment", nil},
	}, also: func(r *row) {
		if !r.got("name") {
			r.set("name", r.text("code"))
		}
	}},
	{name: "location_movement", makes: []atoll.Type{"location_movement"}, fields: []field{
		{"store_ID", "store_id", nil}, {"item_line_ID", "stock_line_id", nil}, {"location_ID", "location_id", nil},
	}, also: func(r *row) {
		r.moment("entered_at", "enter_date+enter_time")
		r.moment("exited_at", "exit_date+exit_time")
	}},
	{name: "item_line", makes: []atoll.Type{"stock_line"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"item_ID", "item_id", nil},
		{"batch", "batch", nil},
		{"expiry_date", "expiry_date", nil},
		{"pack_size", "pack_size", nil},
		{"quantity", "total_number_of_packs", nil},
		{"available", "available_number_of_packs", nil},
		{"cost_price", "cost_price_per_pack", nil},
		{"sell_price", "sell_price_per_pack", nil},
		{"volume_per_pack", "volume_per_pack", nil},
		{"total_volume", "total_volume", nil},
		{"location_ID", "location_id", nil},
		{"hold", "on_hold", nil},
		{"name_ID", "supplier_id", nil},
		{"barcodeID", "barcode_id", nil},
		{"om_item_variant_id", "item_variant_id", nil},
		{"manufacturer_ID", "manufacturer_id", nil},
		{"donor_id", "donor_id", nil},
		{"vvm_status_id", "vvm_status_id", nil},
		{"note", "note", nil},
		{"custom_data", "custom_data", nil},
	}},
	{name: "Stock_take", makes: []atoll.Type{"stocktake"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"serial_number", "number", nil},
		{"status", "status", map[string]string{"nw": "new", "sg": "new", "fn": "finalised"}},
		{"Description", "description", nil},
		{"comment", "comment", nil},
		{"Locked", "is_locked", nil},
		{"om_is_initial_stocktake", "is_initial", nil},
		{"stock_take_date", "stocktake_date", nil},
		{"om_counted_by", "counted_by", nil},
		{"om_verified_by", "verified_by", nil},
		{"invad_additions_ID", "inventory_addition_id", nil},
		{"invad_reductions_ID", "inventory_reduction_id", nil},
		{"programID", "program_id", nil},
		{"custom_data", "custom_data", nil},
	}, also: func(r *row) {
		r.moment("created_at", "om_created_datetime", "stock_take_created_date+stock_take_time")
		r.moment("finalised_at", "om_finalised_datetime")
		r.user("created_by_ID", "user_id")
	}},
	{name: "Stock_take_lines", makes: []atoll.Type{"stocktake_line"}, fields: []field{
		{"stock_take_ID", "stocktake_id", nil},
		{"item_ID", "item_id", nil},
		{"item_name", "item_name", nil},
		{"item_line_ID", "stock_line_id", nil},
		{"location_id", "location_id", nil},
		{"Batch", "batch", nil},
		{"expiry", "expiry_date", nil},
		{"snapshot_packsize", "pack_size", nil},
		{"snapshot_qty", "snapshot_number_of_packs", nil},
		{"stock_take_qty", "counted_number_of_packs", nil},
		{"cost_price", "cost_price_per_pack", nil},
		{"sell_price", "sell_price_per_pack", nil},
		{"volume_per_pack", "volume_per_pack", nil},
		{"optionID", "reason_option_id", nil},
		{"om_item_variant_id", "item_variant_id", nil},
		{"manufacturer_ID", "manufacturer_id", nil},
		{"donor_ID", "donor_id", nil},
		{"vaccine_vial_monitor_status_ID", "vvm_status_id", nil},
		{"comment", "comment", nil},
		{"om_note", "note", nil},
	}, also: func(r *row) { r.storeOf("Stock_take", "stock_take_ID", "stocktake_id") }},
	{name: "item_AMC_projection", makes: []atoll.Type{"amc_projection"}, fields: []field{
		{"store_id", "store_id", nil}, {"item_id", "item_id", nil}, {"projection_value", "projected_monthly_consumption", nil},
	}, also: func(r *row) {
		r.set("start_date", nil)
		r.set("end_date", nil)
		if month, err := time.Parse("200601", r.text("year_month")); err == nil {
			r.set("start_date", month.Format(time.DateOnly))
			r.put("year_month", "end_date", month.AddDate(0, 1, -1).Format(time.DateOnly), true)
		}
	}},
}

// storeOf gives a line the store of the document it is part of, which the key
// names and our field holds. Their lines have no store, or one of their own that
// is not trusted over the document's.
func (r *row) storeOf(table, key, ours string) {
	r.set("store_id", nil)
	parent, ok := r.other(table, r.text(key))
	if !ok { // a capture of changes has lines without their documents
		def, _ := r.def.Field(ours)
		if f := r.w.body(atoll.Key{Type: def.To, ID: r.main().fields.ID(ours)}); f.Has("store_id") {
			r.set("store_id", f.ID("store_id"))
		}
		return
	}
	if id, ok := r.w.find("store", parent.text("store_ID")); ok {
		r.set("store_id", id)
		if r.text("store_ID") == parent.text("store_ID") {
			r.carry("store_ID")
		}
	}
}
