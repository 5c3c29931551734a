package msupply

import "github.com/atollsync/atoll"

// financeTables are money and the words for what is done with it.
var financeTables = []table{
	{name: "currency", makes: []atoll.Type{"currency"}, fields: []field{
		{"currency", "code", nil},
		{"rate", "rate", nil},
		{"is_home_currency", "is_home_currency", nil},
		{"date_updated", "date_updated", nil},
	}},
	{name: "account", makes: []atoll.Type{"account"}, fields: []field{
		{"code", "code", nil},
		{"description", "name", nil},
		{"account_type", "kind", map[string]string{
			"stock": "stock", "purchases": "purchases", "income": "income", "expense": "expense", "bank": "bank",
			"asset": "asset", "liability": "liability",
		}},
	}, also: func(r *row) {
		if !r.got("name") { // an account may have its code only
			r.set("name", r.text("code"))
		}
	}},
	{name: "transaction_master_category", makes: []atoll.Type{"transaction_category"}, fields: []field{
		{"code", "code", nil}, {"description", "name", nil},
	}},
	{name: "incoterm", makes: []atoll.Type{"incoterm"}, fields: []field{
		{"code", "code", nil}, {"description", "description", nil},
	}},
	{name: "ship_method", makes: []atoll.Type{"shipping_method"}, fields: []field{
		{"method", "method", nil}, {"isActive", "is_active", nil},
	}},
	{name: "options", makes: []atoll.Type{"reason_option"}, fields: []field{
		{"type", "kind", map[string]string{
			"positiveInventoryAdjustment": "positive_inventory_adjustment",
			"negativeInventoryAdjustment": "negative_inventory_adjustment",
			"returnReason":                "return_reason", "requisitionLineVariance": "requisition_line_variance",
			"openVialWastage": "open_vial_wastage", "closedVialWastage": "closed_vial_wastage",
		}},
		{"title", "reason", nil},
		{"isActive", "is_active", nil},
	}},
	{
		name: "property", makes: []atoll.Type{"property"}, fields: []field{{"key", "key", nil}, {"name", "name", nil}},
		also: func(r *row) { r.set("value_kind", "text") },
	}, // theirs have no kind
}
