package transfer

// order: a request requisition to a store becomes a response requisition there
// (R-D-03).
var order = orderHalf.kind()

var orderHalf = half{
	name: "order", doc: "requisition", line: "requisition_line", parent: "requisition_id",
	from: "request", to: "response", words: "response requisition",
	header: []string{
		"period_id", "program_id", "order_type", "is_emergency", "max_months_of_stock", "min_months_of_stock", "comment",
		"expected_delivery_date",
	},
	lineFields: []string{
		"item_id", "item_name", "item_code", "requested_quantity", "suggested_quantity", "available_stock_on_hand",
		"average_monthly_consumption", "initial_stock_on_hand", "incoming_quantity", "outgoing_quantity", "loss_in_units",
		"addition_in_units", "adjustment_in_units", "expiring_quantity", "line_number",
	},
}
