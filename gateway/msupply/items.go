package msupply

import (
	"encoding/json"

	"github.com/atollsync/atoll"
)

// itemTables are the items and what describes them.
var itemTables = []table{
	{name: "unit", makes: []atoll.Type{"unit"}, fields: []field{
		{"units", "name", nil}, {"comment", "comment", nil}, {"order_number", "sort_order", nil},
	}},
	{name: "item_category_level1", makes: []atoll.Type{"item_category"}, fields: categoryFields},
	{name: "item_category_level2", makes: []atoll.Type{"item_category"}, fields: categoryFields},
	{name: "item_category", makes: []atoll.Type{"item_category"}, fields: categoryFields},
	{name: "item_department", makes: []atoll.Type{"item_department"}, fields: []field{{"department", "name", nil}}},
	{name: "item", makes: []atoll.Type{"item"}, fields: []field{
		{"code", "code", nil},
		{"item_name", "name", nil},
		{"type_of", "kind", map[string]string{"general": "stock", "non_stock": "non_stock", "service": "service"}},
		{"unit_ID", "unit_id", nil},
		{"strength", "strength", nil},
		{"default_pack_size", "default_pack_size", nil},
		{"outer_pack_size", "outer_pack_size", nil},
		{"weight", "weight", nil},
		{"volume_per_pack", "volume_per_pack", nil},
		{"volume_per_outer_pack", "volume_per_outer_pack", nil},
		{"is_vaccine", "is_vaccine", nil},
		{"doses", "doses", nil},
		{"VEN_category", "ven_category", map[string]string{"V": "v", "E": "e", "N": "n"}},
		{"ABC_category", "abc_category", map[string]string{"A": "a", "B": "b", "C": "c"}},
		{"category_ID", "category_id", nil},
		{"department_ID", "department_id", nil},
		{"interaction_group_ID", "interaction_group_id", nil},
		{"restricted_location_type_ID", "restricted_location_type_id", nil},
		{"account_stock_ID", "account_stock_id", nil},
		{"account_purchases_ID", "account_purchases_id", nil},
		{"account_income_ID", "account_income_id", nil},
		{"atc_category", "atc_category", nil},
		{"ddd_value", "ddd_value", nil},
		{"universalcodes_code", "universal_code", nil},
		{"universalcodes_name", "universal_name", nil},
		{"critical_stock", "is_critical", nil},
		{"normal_stock", "normal_stock", nil},
		{"custom_data", "custom_data", nil},
	}},
	{
		name: "bom_master", makes: []atoll.Type{"bill_of_materials_line"}, extras: []atoll.Type{"bill_of_materials"},
		fields: []field{
			{"ingredient_item_ID", "item_id", nil}, {"quantity", "quantity", nil}, {"line_number", "line_number", nil},
		}, also: recipe,
	},
	{name: "barcode", makes: []atoll.Type{"barcode"}, fields: []field{
		{"barcode", "gtin", nil},
		{"itemID", "item_id", nil},
		{"manufacturerID", "manufacturer_id", nil},
		{"packSize", "pack_size", nil},
		{"parentID", "parent_id", nil},
	}},
	{name: "Location_type", makes: []atoll.Type{"location_type"}, fields: []field{
		{"Description", "name", nil},
		{"Temperature_min", "minimum_temperature", nil},
		{"Temperature_max", "maximum_temperature", nil},
	}},
	{name: "warning", makes: []atoll.Type{"warning"}, fields: []field{{"code", "code", nil}, {"warning_text", "text", nil}}},
	{name: "item_warning_link", makes: []atoll.Type{"item_warning_join"}, fields: []field{
		{"item_ID", "item_id", nil}, {"warning_ID", "warning_id", nil}, {"priority", "priority", nil},
	}},
}

var categoryFields = []field{
	{"Description", "name", nil}, {"parent_ID", "parent_id", nil}, {"sort_order", "sort_order", nil},
}

// recipe gives the line of a bill of materials its head. They have lines only;
// the lines of one item share one head.
func recipe(r *row) {
	key := r.text("item_ID")
	id, ok := r.w.find("item", key)
	if !ok {
		r.dangles = append(r.dangles, "item_ID")
		r.refuse(whyReference, "the item that is made is not here")
		return
	}
	quantity := json.Number("1")
	if item, ok := r.other("item", key); ok && item.has("reference_bom_quantity") {
		if n, ok := decimalOf(item.data["reference_bom_quantity"]); ok {
			quantity = n
		}
	}
	head := r.extra("bill_of_materials", "bill_of_materials")
	head.key = extraKey(key, "bill_of_materials")
	head.id = identity("bom_master", head.key)
	head.fields.Set("item_id", id).Set("build_quantity", quantity)
	head.first.Set("is_active", true)
	r.set("bill_of_materials_id", head.id)
	r.carry("item_ID")
}
