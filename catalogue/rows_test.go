package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// decided is what each row of the behaviour specification, with the resolutions
// asks of the types that name it: type, class,
// editor, editor in a mirrored system, route, deletion, merging, exceptions.
// It is written from the specification and not from the files.
var decided = map[string]string{
	"R-B-01": `
		item                    central primary primary all soft primary
		unit                    central primary primary all soft primary
		item_category           central primary primary all soft none
		item_variant            central primary primary all soft none
		packaging_variant       central primary primary all soft none
		bundled_item            central primary primary all soft none
		ancillary_item          central primary primary all soft none
		bill_of_materials       central primary primary all soft none
		bill_of_materials_line  central primary primary all tombstone none`,
	"R-B-02": `
		name           central primary primary all soft primary names_of_stores
		name_category  central primary primary all soft none
		name_tag       central primary primary all tombstone none
		contact        central primary primary all soft none
		name_tag_join  name primary primary name tombstone none`,
	"R-B-03": `
		item  central primary primary all soft primary
		unit  central primary primary all soft primary
		name  central primary primary all soft primary names_of_stores`,
	"R-B-04": `
		name_group       central primary primary all soft none
		item_department  central primary primary all soft none`,
	"R-B-05": `
		master_list                   central primary primary all soft none
		master_list_line              central primary primary all tombstone none
		master_list_name_join         central primary primary all tombstone none
		program                       central primary primary all soft none
		program_requisition_settings  central primary primary all tombstone none
		program_order_type            central primary primary all tombstone none
		local_list_line               store active active store tombstone none`,
	"R-B-06": `
		period_schedule  central primary primary all tombstone none
		period           central primary primary all tombstone none
		account          central primary primary all soft none
		budget           central primary primary all tombstone none`,
	"R-B-07": `
		transaction_category  central primary primary all soft none
		payment_type          central primary primary all soft none`,
	"R-B-08": `purchase_order_category central primary primary all soft none`,
	"R-B-09": `custom_data_definition central primary primary all soft none`,
	"R-B-10": `
		barcode           central primary primary all tombstone none proposals_by_stores
		barcode_proposal  store active active store soft none`,
	"R-B-11": `currency central primary primary all soft none`,
	"R-B-12": `
		reason_option   central primary primary all soft none
		property        central primary primary all tombstone none
		name_property   central primary primary all tombstone none
		asset_property  central primary primary all tombstone none`,
	"R-B-13": `location_type central primary primary all tombstone none`,
	"R-B-14": `
		indicator         central primary primary all soft none
		indicator_column  central primary primary all soft none
		indicator_row     central primary primary all soft none
		regimen           central primary primary all soft none`,
	"R-B-15": `
		interaction_group  central primary primary all tombstone none
		drug_interaction   central primary primary all tombstone none
		warning            central primary primary all tombstone none
		item_warning_join  central primary primary all tombstone none`,
	"R-B-16": `
		medicine_administrator       central primary primary all soft none
		vvm_status                   central primary primary all soft none
		vaccine_course               central primary primary all soft none
		vaccine_course_dose          central primary primary all soft none
		vaccine_course_item          central primary primary all soft none
		vaccine_course_store_config  central primary primary all tombstone none`,
	"R-B-17": `
		report       central primary primary all soft none
		form_schema  central primary primary all tombstone none`,
	"R-B-18": `
		asset_class           central primary primary all tombstone none
		asset_category        central primary primary all tombstone none
		asset_catalogue_type  central primary primary all tombstone none
		asset_catalogue_item  central primary primary all soft none
		asset_log_reason      central primary primary all soft none
		asset_property        central primary primary all tombstone none`,
	"R-B-19": `region central primary primary all soft none`,
	"R-B-20": `
		incoterm          central primary primary all soft none
		tender_condition  central primary primary all soft none
		shipping_method   central primary primary all soft none`,
	"R-B-21": `
		abbreviation    central primary primary dispensary tombstone none
		item_direction  central primary primary dispensary tombstone none`,
	"R-B-22": `diagnosis central primary primary dispensary soft none`,
	"R-B-23": `insurance_provider central primary primary dispensary soft none`,
	"R-B-24": `patient_event_type central primary primary dispensary soft none`,
	"R-B-25": `
		purchase_order       store active active store tombstone none centralised_procurement
		purchase_order_line  store active active store tombstone none centralised_procurement`,
	"R-B-26": `
		tender       store active active store tombstone none centralised_procurement
		tender_line  store active active store tombstone none centralised_procurement
		quote        store active active store tombstone none centralised_procurement
		quote_line   store active active store tombstone none centralised_procurement`,
	"R-B-27": `payment store active active store tombstone none centralised_payments`,
	"R-B-28": `
		name_store_join  central_store centre centre store tombstone none
		item_store_join  central_store primary primary store tombstone none
		item_default     store active active store tombstone none`, // X-04; item_default: R-K-20
	"R-B-29": `
		patient_store_join     patient centre centre patient tombstone none created_at_sites
		prescriber_store_join  patient centre centre patient tombstone none created_at_sites`,
	"R-B-30": `
		store             central_store centre centre instances soft none
		store_preference  central_store centre centre store tombstone none`,
	"R-B-31": `
		site          sync centre centre centre soft none
		system        sync centre centre all never none
		store_choice  sync centre centre centre tombstone none`,
	"R-B-32": `dashboard_store_report central centre centre active tombstone none`,
	"R-B-33": `
		authoriser          central centre centre centre soft none
		authorisation       central centre centre store never none
		authorisation_line  central centre centre store never none`,
	"R-B-34": `message message any any message never none`,
	"R-B-35": `
		patient_store_join     patient centre centre patient tombstone none created_at_sites
		prescriber_store_join  patient centre centre patient tombstone none created_at_sites`,
	"R-B-36": `
		patient             patient home home patient soft home
		prescriber          patient home home patient soft home
		insurance_policy    patient home home patient soft none
		patient_medication  patient home home patient tombstone none
		document            patient home home patient soft none
		ethnicity           central primary primary all soft none
		nationality         central primary primary all soft none
		occupation          central primary primary all soft none`,
	"R-B-37": `
		patient     patient home home patient soft home
		prescriber  patient home home patient soft home`,
	"R-B-38": `patient_event patient home home patient tombstone none`,
	"R-B-39": `repeat patient home home patient soft none repeats_everywhere`,
	"R-B-40": `
		prescription       patient active active store tombstone none prescriptions_everywhere include_transactions
		prescription_line  patient active active store tombstone none prescriptions_everywhere include_transactions`,
	"R-B-41": `name_note store active active store tombstone none`,
	"R-B-42": `
		requisition             store active active store tombstone none ordering_site
		requisition_line        store active active store tombstone none
		customer_stock_history  store active active store tombstone none`,
	"R-B-43": `
		location           store active active store soft active
		location_movement  store active active store tombstone none`,
	"R-B-44": `location store active active store soft active`,
	"R-B-45": `
		stock_line     store active active store tombstone none include_transactions
		replenishment  store active active store tombstone none include_transactions`,
	"R-B-46": `
		stocktake       store active active store tombstone none include_transactions
		stocktake_line  store active active store tombstone none include_transactions
		invoice         store active active store tombstone none include_transactions
		invoice_line    store active active store tombstone none include_transactions`,
	"R-B-47": `amc_projection store active active store tombstone none`,
	"R-B-48": `
		invoice       store active active store tombstone none include_transactions
		invoice_line  store active active store tombstone none include_transactions
		payment       store active active store tombstone none centralised_payments`,
	"R-B-49": `invoice_note store active active store tombstone none`,
	"R-B-50": `
		item_note     store active active store tombstone none
		item_default  store active active store tombstone none`,
	"R-B-51": `box store active active store tombstone none`,
	"R-B-52": `
		goods_received       store active active store tombstone none centralised_procurement ordering_site
		goods_received_line  store active active store tombstone none centralised_procurement ordering_site`,
	"R-B-53": `indicator_value store active active store tombstone none`,
	"R-B-54": `
		sensor                     store active active store soft none
		temperature_log            store active active store tombstone none
		temperature_breach         store active active store tombstone none
		temperature_breach_config  store active active store soft none
		vvm_status_log             store active active store tombstone none`,
	"R-B-55": `
		asset                    store active active store soft none change_requests
		asset_log                store active active store never none change_requests
		asset_internal_location  store active active store tombstone none change_requests
		file_reference           store active active store soft none`,
	"R-B-56": `store_credential store active active store tombstone none`,
	"R-B-57": `
		tender       store active active store tombstone none centralised_procurement
		tender_line  store active active store tombstone none centralised_procurement
		quote        store active active store tombstone none centralised_procurement
		quote_line   store active active store tombstone none centralised_procurement`,
	"R-B-58": `
		purchase_order       store active active store tombstone none centralised_procurement
		purchase_order_line  store active active store tombstone none centralised_procurement`,
	"R-B-59": `payment store active active store tombstone none centralised_payments`,
	"R-B-60": `user_creation store active active centre never none created_at_sites`,
	"R-B-61": `user local any any nobody soft none`,
	"R-B-62": `user_permission local any any nobody tombstone none`,
	"R-B-63": `local_preference local any any nobody tombstone none`,
	"R-B-64": `reference_document local any any nobody tombstone none`,
	"R-B-65": `
		his_ward       local any any nobody soft none
		his_admission  local any any nobody tombstone none`,
	"R-B-66": `drug_registration local any any nobody soft none`,
	"R-B-67": `label local any any nobody tombstone none`,
	"R-B-68": `
		local_log     local any any nobody tombstone none
		activity_log  store active active store never none`,
	"R-B-69": `reminder local any any nobody tombstone none`,
	"R-B-70": `adverse_drug_reaction store active active store tombstone none`,

	"R-B-111": `number_sequence store active active store never none`,
	"R-B-112": `
		file_reference          store active active store soft none
		central_file_reference  central primary primary all soft none
		patient_file_reference  patient home home patient soft none`,
	"R-B-113": `
		system_log    message any any centre never none
		contact_form  message any any centre never none`,
	"R-B-114": `
		document           patient home home patient soft none
		program_enrolment  patient home home patient soft none
		encounter          patient active active patient soft none
		vaccination        patient active active patient tombstone none
		document_registry  central primary primary all tombstone none
		form_schema        central primary primary all tombstone none`,
	"R-B-115": `
		rnr_form       store active active store tombstone none
		rnr_form_line  store active active store tombstone none`,
	"R-B-116": `
		campaign                central primary primary all soft none
		demographic             central primary primary all tombstone none
		demographic_projection  central primary primary all tombstone none
		plugin                  central primary primary all soft none
		central_plugin_data     central primary primary all tombstone none
		plugin_data             store active active store tombstone none
		preference              central primary primary all tombstone none
		store_preference        central_store centre centre store tombstone none`,
	"R-B-117": `activity_log store active active store never none`,
}

func TestR_B_00_EveryRowIsClassified(t *testing.T) {
	c := Embedded()
	var rows []string
	for n := 1; n <= 117; n++ {
		if n <= 70 || n >= 111 {
			rows = append(rows, fmt.Sprintf("R-B-%02d", n))
		}
	}
	if len(rows) != 77 || len(decided) != len(rows) {
		t.Fatalf("%d rows, and %d with an expectation; want 77", len(rows), len(decided))
	}
	for _, row := range rows {
		t.Run(row, func(t *testing.T) {
			want := map[string]string{}
			for _, line := range strings.Split(strings.TrimSpace(decided[row]), "\n") {
				words := strings.Fields(line)
				slices.Sort(words[7:])
				want[words[0]] = strings.Join(words[1:], " ")
			}
			for _, d := range c.Types() {
				if !slices.Contains(d.Rows, row) {
					continue
				}
				var exceptions []string
				for _, x := range d.Also {
					exceptions = append(exceptions, " "+x.Name)
				}
				slices.Sort(exceptions)
				got := fmt.Sprintf("%s %s %s %s %s %s", d.Class, d.Editor, d.Mirrored, d.Route, d.Deletion, d.Merge) +
					strings.Join(exceptions, "")
				switch w, ok := want[string(d.Type)]; {
				case !ok:
					t.Errorf("%s names the row; nobody expects it", d.Type)
				case got != w:
					t.Errorf("%s: got %s; want %s", d.Type, got, w)
				}
				delete(want, string(d.Type))
			}
			for name := range want {
				t.Errorf("no type %s names the row", name)
			}
		})
	}
}

// TestR_B_25_CentralisedDocuments: rows 25 to 27 are the types of rows 57 to 59
// while a preference is on, with another class and another editor.
func TestR_B_25_CentralisedDocuments(t *testing.T) {
	c := Embedded()
	for _, row := range []struct{ name, exception string }{
		{"purchase_order", CentralProcurement},
		{"purchase_order_line", CentralProcurement},
		{"tender", CentralProcurement},
		{"quote", CentralProcurement},
		{"payment", CentralPayments},
	} {
		d, _ := c.Lookup(atollType(row.name))
		x, ok := d.Except(row.exception)
		if !ok || x.Class != CentralStore || x.Editor != ByPrimary {
			t.Errorf("%s: exception %+v; want class central_store, edited by the primary", row.name, x)
		}
		if _, ok := d.Field("owning_site"); !ok {
			t.Errorf("%s does not record its owning site (R-D-74)", row.name)
		}
	}
	// R-B-52: goods received stay the store's; the primary only receives them too.
	d, _ := c.Lookup("goods_received")
	if x, _ := d.Except(CentralProcurement); x.Editor != "" || x.Class != "" || !x.Adds {
		t.Errorf("goods_received: exception %+v; want a further route and nothing else", x)
	}
}

func TestR_D_19_LinesCarryStoreAndPartner(t *testing.T) {
	for _, d := range Embedded().Types() {
		if d.Class == Store && (d.Scope != "store_id") {
			t.Errorf("%s has the scope %q; want store_id", d.Type, d.Scope)
		}
		for _, f := range d.Fields {
			if !f.Parent {
				continue
			}
			parent, _ := Embedded().Lookup(f.To)
			if parent.Scope != d.Scope && parent.Scope != "id" || parent.Partner != d.Partner {
				t.Errorf("%s has scope %q and partner %q; its parent %s has %q and %q",
					d.Type, d.Scope, d.Partner, parent.Type, parent.Scope, parent.Partner)
			}
		}
	}
	for _, name := range []string{"invoice", "invoice_line", "requisition", "requisition_line", "purchase_order", "purchase_order_line"} {
		if d, _ := Embedded().Lookup(atollType(name)); d.Partner != "partner_store_id" {
			t.Errorf("%s has the partner %q; want partner_store_id", name, d.Partner)
		}
	}
}
