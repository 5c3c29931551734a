package msupply

import (
	"encoding/json"
	"math/big"
	"strings"

	"github.com/atollsync/atoll"
)

// requisitionTables are what a store asks of another.
var requisitionTables = []table{
	{name: "requisition", makes: []atoll.Type{"requisition"}, kind: func(r *row) atoll.Type {
		if t := r.text("type"); requisitionKinds[t] == "" {
			r.refuse(whyKind, "requisitions of type "+quoted(t)+" are not known")
		}
		return "requisition"
	}, fields: []field{
		{"store_ID", "store_id", nil},
		{"type", "kind", requisitionKinds},
		{"serial_number", "number", nil},
		{"status", "status", statuses},
		{"name_ID", "name_id", nil},
		{"authorisationStatus", "approval_status", map[string]string{
			"none": "none", "pending": "pending", "authorised": "authorised", "denied": "denied",
			"auto-authorised": "auto_authorised", "authorised by another authoriser": "authorised_by_other",
			"denied by another authoriser": "denied_by_other",
		}},
		{"periodID", "period_id", nil},
		{"programID", "program_id", nil},
		{"orderType", "order_type", nil},
		{"is_emergency", "is_emergency", nil},
		{"om_max_months_of_stock", "max_months_of_stock", nil},
		{"thresholdMOS", "min_months_of_stock", nil},
		{"daysToSupply", "days_to_supply", nil},
		{"requester_reference", "their_reference", nil},
		{"comment", "comment", nil},
		{"om_expected_delivery_date", "expected_delivery_date", nil},
		{"om_colour", "colour", nil},
		{"custom_data", "custom_data", nil},
	}, also: func(r *row) {
		if s := r.text("status"); s == "wp" || s == "wf" || s == "FN" {
			delete(r.carried, "status")
		}
		// The half that answers names the one it answers.
		if r.text("type") == "response" {
			r.set("linked_requisition_id", nil)
			r.take(field{"linked_requisition_id", "originating_id", nil})
		} else {
			r.set("originating_id", nil)
			r.take(field{"linked_requisition_id", "linked_requisition_id", nil})
		}
		r.user("user_ID", "user_id")
		r.moment("created_at", "om_created_datetime", "date_entered+time_entered")
		r.moment("confirmed_at", "om_sent_datetime")
		r.moment("finalised_at", "om_finalised_datetime")
	}},
	{name: "requisition_line", makes: []atoll.Type{"requisition_line"}, fields: []field{
		{"requisition_ID", "requisition_id", nil},
		{"item_ID", "item_id", nil},
		{"itemName", "item_name", nil},
		{"line_number", "line_number", nil},
		{"Cust_stock_order", "requested_quantity", nil},
		{"suggested_quantity", "suggested_quantity", nil},
		{"actualQuan", "supplied_quantity", nil},
		{"approved_quantity", "approved_quantity", nil},
		{"authoriser_comment", "approval_comment", nil},
		{"stock_on_hand", "available_stock_on_hand", nil},
		{"Cust_prev_stock_balance", "initial_stock_on_hand", nil},
		{"Cust_stock_received", "incoming_quantity", nil},
		{"Cust_stock_issued", "outgoing_quantity", nil},
		{"stockLosses", "loss_in_units", nil},
		{"stockAdditions", "addition_in_units", nil},
		{"Cust_loss_adjust", "adjustment_in_units", nil},
		{"stockExpiring", "expiring_quantity", nil},
		{"days_out_or_new_demand", "days_out_of_stock", nil},
		{"optionID", "reason_option_id", nil},
		{"comment", "comment", nil},
	}, also: func(r *row) {
		r.storeOf("requisition", "requisition_ID", "requisition_id")
		r.moment("snapshot_at", "om_snapshot_datetime")
		r.monthly()
	}},
}

var requisitionKinds = map[string]string{"request": "request", "response": "response", "im": "imprest", "sh": "stock_history"}

// monthly turns their daily usage into ours of a month of 30 days, exactly.
func (r *row) monthly() {
	r.set("average_monthly_consumption", nil)
	v, there := r.data["daily_usage"]
	if !there || string(v) == "null" {
		return
	}
	n, ok := decimalOf(v)
	daily, valid := new(big.Rat).SetString(string(n))
	if !ok || !valid {
		r.unread = append(r.unread, "daily_usage")
		return
	}
	_, fraction, _ := strings.Cut(string(n), ".")
	text := daily.Mul(daily, big.NewRat(30, 1)).FloatString(len(fraction))
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	r.put("daily_usage", "average_monthly_consumption", json.Number(text), true)
}
