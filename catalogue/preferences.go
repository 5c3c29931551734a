package catalogue

import (
	"encoding/json"
	"slices"

	"github.com/atollsync/atoll"
)

// Preference is one choice that a system or a store may make. It travels like any
// record: of the system in "preference" records, of a store in "store_preference".
type Preference struct {
	Key string `json:"key"`
	// Kind is "yes/no", "number", "text", or "choice" of Values. A "yes/no" with
	// Sites may also be on with exceptions, {"on": true, "except": [2]}.
	Kind   string   `json:"kind"`
	Values []string `json:"values,omitempty"`
	Sites  bool     `json:"sites,omitempty"`
	// Default holds while nothing is set, as JSON.
	Default string `json:"default"`
	// System and Store say who may make the choice: a store's own goes before the
	// system's.
	System bool     `json:"system"`
	Store  bool     `json:"store"`
	Says   string   `json:"says"` // what it does, in a sentence
	Rows   []string `json:"rows"` // the requirements it comes from
}

// Preferences lists every preference that the program asks for, by key (R-B-96).
var Preferences = []Preference{
	{"adjust_for_number_of_days_out_of_stock", "yes/no", nil, false, "true", true, false, "Average monthly consumption leaves out the days on which there was no stock.", []string{"R-J-05"}},
	{CentralPayments, "yes/no", nil, true, "false", true, false, "Payments of all stores are entered on the primary.", []string{"R-B-102"}},
	{CentralProcurement, "yes/no", nil, true, "false", true, false, "Purchase orders of all stores are entered on the primary.", []string{"R-B-99", "R-D-70"}},
	{"dashboard_every_hours", "number", nil, false, "24", true, false, "How often the results of the dashboard are sent to the stores' sites, in hours; 0 only when somebody says so.", []string{"R-J-10"}},
	{"days_in_month", "number", nil, false, "30.4375", true, false, "How many days a month has, in average monthly consumption.", []string{"R-J-05"}},
	{"exclude_transfers", "yes/no", nil, false, "false", true, false, "Deliveries to stores of the system are not counted as consumption.", []string{"R-J-04"}},
	{"good_receipt_finalise_next_action", "choice", []string{"supplier_invoice_on_hold", "supplier_invoice", "supplier_invoice_finalised", "none"}, false, `"supplier_invoice_on_hold"`, true, true, "What finalising goods received makes.", []string{"R-D-64"}},
	{"home_transfer_wait_days", "number", nil, false, "14", true, false, "After how many days without an answer a patient's home store may be transferred by force.", []string{"R-G-44"}},
	{"merge_undo_days", "number", nil, false, "30", true, false, "For how many days a merge can be undone.", []string{"R-E-50"}},
	{"monthly_consumption_look_back_period", "number", nil, false, "3", true, true, "Over how many months average monthly consumption looks back.", []string{"R-J-05"}},
	{"new_patients_visible_in_this_store_only", "yes/no", nil, false, "false", false, true, "Patients registered in other stores of the site are not visible in this one.", []string{"R-G-05"}},
	{"pack_to_one", "yes/no", nil, false, "false", true, true, "Goods that come in are counted in packs of one unit.", []string{"R-D-25"}},
	{"patient_details_kept_days", "number", nil, false, "90", true, false, "For how many days a site keeps clinical details of patients no longer visible there.", []string{"R-G-12"}},
	{PrescriptionsEverywhere, "yes/no", nil, false, "false", true, false, "Prescriptions go to every site where the patient is visible.", []string{"R-B-95"}},
	{"purchase_order_answer", "choice", []string{"requisition", "customer_invoice"}, false, `"requisition"`, true, false, "What a purchase order to a store becomes there.", []string{"R-D-90"}},
	{RepeatsEverywhere, "yes/no", nil, false, "false", true, false, "Repeats are dispensed wherever the patient is visible, not at home only.", []string{"R-B-97"}},
	{"requisitions_require_authorisation", "yes/no", nil, false, "false", true, true, "Requests with a programme wait for an approval.", []string{"R-D-36"}},
	{"retire_after_days", "number", nil, false, "90", true, false, "After how many days a site removes data it needs no longer.", []string{"R-H-48"}},
	{"shared_patient_details", "yes/no", nil, false, "false", true, false, "Sites that see a patient may ask her home site for changes of her details.", []string{"R-G-10"}},
	{"stock_transfer_supplier_invoice_is_on_hold", "yes/no", nil, false, "true", true, true, "Goods from another store wait on hold until they are taken into stock.", []string{"R-D-26"}},
	{"transfer_cut_off", "number", nil, false, "0", true, true, "Documents made more than so many months before the receiving site began are not transferred; 0 transfers all.", []string{"R-D-45"}},
	{"transfer_pre_advice", "yes/no", nil, false, "false", true, false, "A shipment is announced to its receiver when it is confirmed.", []string{"R-D-32"}},
}

// FindPreference returns the preference with the key.
func FindPreference(key string) (Preference, bool) {
	i := slices.IndexFunc(Preferences, func(p Preference) bool { return p.Key == key })
	if i < 0 {
		return Preference{}, false
	}
	return Preferences[i], true
}

// Check fails with atoll.Invalid if the value is none that the preference may have.
func (p Preference) Check(value json.RawMessage) error {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return p.wrong(value)
	}
	switch v := v.(type) {
	case bool:
		if p.Kind == "yes/no" {
			return nil
		}
	case float64:
		if p.Kind == "number" && v >= 0 {
			return nil
		}
	case string:
		if p.Kind == "text" || p.Kind == "choice" && slices.Contains(p.Values, v) {
			return nil
		}
	case map[string]any:
		if _, ok := v["on"].(bool); ok && p.Sites {
			return nil
		}
	}
	return p.wrong(value)
}

func (p Preference) wrong(value json.RawMessage) error {
	e := atoll.Errorf(atoll.Invalid, "%s cannot be %.60s: it is a %s", p.Key, value, p.Kind).On("value")
	switch {
	case p.Kind == "choice":
		return e.Do("choose one of %q", p.Values)
	case p.Sites:
		return e.Do(`say true, false, or {"on": true, "except": [2]} for all sites but some`)
	case p.Kind == "yes/no":
		return e.Do("say true or false")
	}
	return e.Do("say a number, 0 or more")
}
