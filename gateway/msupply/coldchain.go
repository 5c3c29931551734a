package msupply

import "github.com/atollsync/atoll"

// coldChainTables are vaccine monitors, sensors and their readings, and what
// sites note about what happened.
var coldChainTables = []table{
	{name: "vaccine_vial_monitor_status", makes: []atoll.Type{"vvm_status"}, fields: []field{
		{"code", "code", nil},
		{"description", "description", nil},
		{"level", "level", nil},
		{"is_active", "is_active", nil},
		{"unusable", "unusable", nil},
		{"option_id", "reason_option_id", nil},
	}},
	{name: "vaccine_vial_monitor_status_log", makes: []atoll.Type{"vvm_status_log"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"status_ID", "status_id", nil},
		{"item_line_ID", "stock_line_id", nil},
		{"trans_line_ID", "invoice_line_id", nil},
		{"comment", "comment", nil},
	}, also: func(r *row) {
		r.moment("read_at", "date+time")
		r.user("user_ID", "user_id")
	}},
	{name: "sensor", makes: []atoll.Type{"sensor"}, fields: []field{
		{"storeID", "store_id", nil},
		{"name", "name", nil},
		{"macAddress", "serial", nil},
		{"locationID", "location_id", nil},
		{"batteryLevel", "battery_level", nil},
		{"logInterval", "log_interval", nil},
		{"is_active", "is_active", nil},
	}, also: func(r *row) {
		r.moment("last_connection_at", "om_last_connection_datetime", "lastConnectionDate+lastConnectionTime")
	}},
	{name: "temperature_breach", makes: []atoll.Type{"temperature_breach"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"sensor_ID", "sensor_id", nil},
		{"location_ID", "location_id", nil},
		{"type", "kind", map[string]string{
			"COLD_CONSECUTIVE": "cold_consecutive", "HOT_CONSECUTIVE": "hot_consecutive",
			"COLD_CUMULATIVE": "cold_cumulative", "HOT_CUMULATIVE": "hot_cumulative", "EXCURSION": "excursion",
		}},
		{"duration", "duration", nil},
		{"threshold_minimum_temperature", "threshold_minimum", nil},
		{"threshold_maximum_temperature", "threshold_maximum", nil},
		{"threshold_duration", "threshold_duration", nil},
		{"om_comment", "comment", nil},
	}, also: func(r *row) {
		r.moment("started_at", "om_start_datetime", "start_date+start_time")
		r.moment("ended_at", "om_end_datetime", "end_date+end_time")
		if _, there := r.data["acknowledged"]; there {
			r.put("acknowledged", "unacknowledged", !r.truth("acknowledged"), true)
		}
	}},
	{name: "temperature_log", makes: []atoll.Type{"temperature_log"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"sensor_ID", "sensor_id", nil},
		{"location_ID", "location_id", nil},
		{"temperature", "temperature", nil},
		{"temperature_breach_ID", "temperature_breach_id", nil},
	}, also: func(r *row) { r.moment("logged_at", "om_datetime", "date+time") }},
	{name: "om_activity_log", makes: []atoll.Type{"activity_log"}, fields: []field{
		{"store_ID", "store_id", nil}, {"type", "event", nil}, {"changed_from", "changed_from", nil}, {"changed_to", "changed_to", nil},
	}, also: func(r *row) {
		r.moment("happened_at", "datetime")
		r.user("user_ID", "user_id")
		// It names a record without its table. The key is kept, too: it cannot be read
		// back from an identity.
		r.subject("record_ID")
	}},
}

// subject says which record a log entry is about, as far as this capture tells.
func (r *row) subject(key string) {
	r.set("subject_type", nil)
	r.set("subject_id", nil)
	for _, t := range []atoll.Type{"invoice", "prescription", "requisition", "stocktake", "stock_line", "purchase_order"} {
		if id, ok := r.w.present[t][r.text(key)]; ok {
			r.set("subject_type", string(t))
			r.put(key, "subject_id", id, true)
			return
		}
	}
}
