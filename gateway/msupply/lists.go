package msupply

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/atollsync/atoll"
)

// listTables are master lists, the programmes inside them, and periods.
var listTables = []table{
	{name: "periodSchedule", makes: []atoll.Type{"period_schedule"}, fields: []field{{"name", "name", nil}}},
	{name: "period", makes: []atoll.Type{"period"}, fields: []field{
		{"periodScheduleID", "period_schedule_id", nil},
		{"name", "name", nil},
		{"startDate", "start_date", nil},
		{"endDate", "end_date", nil},
	}},
	{
		name: "list_master", makes: []atoll.Type{"master_list"},
		extras: []atoll.Type{"program", "program_requisition_settings", "program_order_type"},
		fields: []field{
			{"code", "code", nil},
			{"description", "name", nil},
			{"note", "note", nil},
			{"isProgram", "is_program", nil},
			{"is_immunisation", "is_immunisation", nil},
			{"is_default_price_list", "is_default_price_list", nil},
			{"discount_percentage", "discount_percent", nil},
			{"programSettings", "program_settings", nil},
			{"custom_data", "custom_data", nil},
			{"inactive", "inactive", nil},
		}, also: programme,
	},
	{name: "list_master_line", makes: []atoll.Type{"master_list_line"}, fields: []field{
		{"item_master_ID", "master_list_id", nil},
		{"item_ID", "item_id", nil},
		{"price", "price_per_unit", nil},
		{"imprest_quan", "imprest_quantity", nil},
		{"order_number", "line_number", nil},
	}},
	{name: "list_master_name_join", makes: []atoll.Type{"master_list_name_join"}, fields: []field{
		{"list_master_ID", "master_list_id", nil}, {"name_ID", "name_id", nil},
	}, also: func(r *row) {
		if !r.has("name_ID") {
			r.refuse(whyReference, "it joins the list to no name")
		}
	}},
	{name: "program_indicator", makes: []atoll.Type{"indicator"}, fields: []field{
		{"code", "code", nil}, {"program_ID", "program_id", nil}, {"is_active", "is_active", nil},
	}},
	{name: "indicator_attribute", makes: []atoll.Type{"indicator_column", "indicator_row"}, kind: func(r *row) atoll.Type {
		if r.text("axis") == "row" {
			return "indicator_row"
		}
		return "indicator_column"
	}, fields: []field{
		{"indicator_ID", "indicator_id", nil},
		{"default_value", "default_value", nil},
		{"value_type", "value_kind", map[string]string{"number": "number", "string": "text"}},
		{"is_required", "is_required", nil},
		{"is_active", "is_active", nil},
	}, also: func(r *row) {
		r.carry("axis")
		if r.def.Type == "indicator_row" {
			r.take(field{"description", "name", nil})
			r.take(field{"code", "code", nil})
			r.take(field{"index", "line_number", nil})
			return
		}
		r.take(field{"description", "header", nil})
		r.take(field{"index", "column_number", nil})
	}},
	{name: "indicator_value", makes: []atoll.Type{"indicator_value"}, fields: []field{
		{"store_ID", "store_id", nil},
		{"facility_ID", "name_id", nil},
		{"period_ID", "period_id", nil},
		{"column_ID", "indicator_column_id", nil},
		{"row_ID", "indicator_row_id", nil},
		{"value", "value", nil},
	}},
}

// settings is what a list holds as programSettings.
type settings struct {
	Code string `json:"elmisCode"`
	Tags map[string]struct {
		Schedule string                       `json:"periodScheduleName"`
		Orders   []map[string]json.RawMessage `json:"orderTypes"`
	} `json:"storeTags"`
}

// programme makes the programme that a list is, and its order types as far as the
// tags and schedules they name are here. The settings stay on the list in full.
func programme(r *row) {
	if !r.truth("isProgram") {
		return
	}
	name := r.text("description")
	program := r.extra("program", "program")
	program.fields.Set("name", name).Set("master_list_id", r.main().id).Set("is_immunisation", r.truth("is_immunisation"))
	var s settings
	if !r.has("programSettings") {
		return
	}
	if json.Unmarshal(r.data["programSettings"], &s) != nil {
		r.unread = append(r.unread, "programSettings")
		return
	}
	program.fields.Set("elmis_code", s.Code)
	for _, tag := range slices.Sorted(maps.Keys(s.Tags)) {
		t := s.Tags[tag]
		tagID, ok1 := r.named("name_tag", "description", tag)
		schedule, ok2 := r.named("period_schedule", "name", t.Schedule)
		if !ok1 || !ok2 {
			r.dangles = append(r.dangles, "programSettings")
			continue
		}
		set := r.extra("program_requisition_settings", "program_requisition_settings/"+tag)
		set.fields.Set("program_id", program.id).Set("name_tag_id", tagID).Set("period_schedule_id", schedule)
		for i, o := range t.Orders {
			order := r.extra("program_order_type", "program_order_type/"+tag+"/"+strconv.Itoa(i+1))
			order.fields.Set("program_requisition_settings_id", set.id)
			title, _ := textOf(o["name"])
			order.fields.Set("name", title)
			for theirs, ours := range map[string]string{"thresholdMOS": "threshold_months_of_stock", "maxMOS": "max_months_of_stock"} {
				if n, ok := decimalOf(o[theirs]); ok {
					order.fields.Set(ours, n)
				}
			}
			for theirs, ours := range map[string]string{
				"maxOrdersPerPeriod": "max_orders_per_period", "maxEmergencyOrders": "max_items_in_emergency_order",
			} {
				if n, ok := integerOf(o[theirs]); ok {
					order.fields.Set(ours, n)
				}
			}
			emergency, _ := booleanOf(o["isEmergency"])
			order.fields.Set("is_emergency", emergency)
		}
	}
}

// named finds a record by its words: programmes name tags and schedules so.
func (r *row) named(to atoll.Type, key, value string) (atoll.ID, bool) {
	for _, m := range r.w.makers[to] {
		for _, s := range r.w.by[look{m.table, key, value}] {
			if id, ok := r.w.find(to, s.key); ok {
				return id, true
			}
		}
	}
	return "", false
}
