package msupply

import (
	"strings"

	"github.com/atollsync/atoll"
)

// nameTables are the facilities, patients and people that others deal with.
var nameTables = []table{
	{name: "name_category1", makes: []atoll.Type{"name_category"}, fields: nameCategoryFields, also: categoryLevel(1)},
	{name: "name_category2", makes: []atoll.Type{"name_category"}, fields: nameCategoryFields, also: categoryLevel(2)},
	{name: "name_category3", makes: []atoll.Type{"name_category"}, fields: nameCategoryFields, also: categoryLevel(3)},
	{name: "name_category4", makes: []atoll.Type{"name_category"}, fields: nameCategoryFields, also: categoryLevel(4)},
	{name: "name_category5", makes: []atoll.Type{"name_category"}, fields: nameCategoryFields, also: categoryLevel(5)},
	{name: "name_category6", makes: []atoll.Type{"name_category"}, fields: nameCategoryFields, also: categoryLevel(6)},
	{name: "name_group", makes: []atoll.Type{"name_group"}, fields: []field{{"name", "description", nil}}},
	{name: "name", makes: []atoll.Type{"name", "patient"}, kind: nameKind, also: nameOrPatient},
	{name: "name_tag", makes: []atoll.Type{"name_tag"}, fields: []field{{"description", "description", nil}}},
	{name: "name_tag_join", makes: []atoll.Type{"name_tag_join"}, fields: []field{
		{"name_ID", "name_id", nil}, {"name_tag_ID", "name_tag_id", nil},
	}},
	{name: "contact", makes: []atoll.Type{"contact"}, fields: []field{
		{"name_ID", "name_id", nil},
		{"first", "first_name", nil},
		{"last", "last_name", nil},
		{"position", "position", nil},
		{"category", "category1", nil},
		{"category2", "category2", nil},
		{"category3", "category3", nil},
		{"address1", "address1", nil},
		{"address2", "address2", nil},
		{"country", "country", nil},
		{"phone", "phone", nil},
		{"email", "email", nil},
		{"comment", "comment", nil},
	}, also: func(r *row) {
		if !r.got("last_name") { // a contact may have one name only
			r.set("last_name", r.text("first"))
		}
	}},
	{name: "clinician", makes: []atoll.Type{"prescriber"}, fields: []field{
		{"code", "code", nil},
		{"first_name", "first_name", nil},
		{"last_name", "last_name", nil},
		{"initials", "initials", nil},
		{"address1", "address1", nil},
		{"address2", "address2", nil},
		{"phone", "phone", nil},
		{"mobile", "mobile", nil},
		{"email", "email", nil},
		{"active", "is_active", nil},
		{"store_ID", "home_store_id", nil},
	}, also: func(r *row) { r.gender("") }},
	{name: "clinician_store_join", makes: []atoll.Type{"prescriber_store_join"}, fields: []field{
		{"prescriber_ID", "prescriber_id", nil}, {"store_ID", "store_id", nil},
	}},
}

var nameCategoryFields = []field{{"description", "description", nil}, {"parent_ID", "parent_id", nil}}

func categoryLevel(n int) func(*row) { return func(r *row) { r.set("level", n) } }

// nameKind tells patients from the others: they are one table there.
func nameKind(r *row) atoll.Type {
	if r.text("type") == "patient" {
		return "patient"
	}
	return "name"
}

func nameOrPatient(r *row) {
	fields := nameFields
	if r.def.Type == "patient" {
		fields = patientFields
	}
	for _, f := range fields {
		r.take(f)
	}
	r.carry("type")
	if r.def.Type == "patient" {
		r.gender("om_gender")
		r.moment("created_at", "om_created_datetime")
		r.migratedHome()
		return
	}
	switch kind := r.text("type"); kind {
	case "store", "facility", "build", "repack":
		r.set("kind", kind)
	case "invad":
		r.set("kind", "inventory_adjustment")
	default: // anything else is a customer, a supplier or neither
		r.set("kind", "customer_supplier")
		delete(r.carried, "type")
	}
	r.set("store_id", nil)
	for _, s := range r.w.by[look{"store", "name_ID", r.key}] {
		if id, ok := r.w.find("store", s.key); ok {
			r.set("store_id", id)
		}
	}
	// No place on earth is meant by 0, 0: it is how nothing is written there.
	if !r.has("latitude") && !r.has("longitude") {
		r.set("latitude", nil)
		r.set("longitude", nil)
		delete(r.carried, "latitude")
		delete(r.carried, "longitude")
	}
}

var nameFields = []field{
	{"code", "code", nil},
	{"name", "name", nil},
	{"customer", "is_customer", nil},
	{"supplier", "is_supplier", nil},
	{"manufacturer", "is_manufacturer", nil},
	{"donor", "is_donor", nil},
	{"hold", "on_hold", nil},
	{"bill_address1", "address1", nil},
	{"bill_address2", "address2", nil},
	{"bill_address3", "address3", nil},
	{"bill_address4", "address4", nil},
	{"bill_postal_zip_code", "postal_zip_code", nil},
	{"country", "country", nil},
	{"phone", "phone", nil},
	{"email", "email", nil},
	{"url", "url", nil},
	{"charge code", "charge_code", nil},
	{"comment", "comment", nil},
	{"currency_ID", "currency_id", nil},
	{"margin", "margin", nil},
	{"freightfac", "freight_factor", nil},
	{"category1_ID", "category1_id", nil},
	{"category2_ID", "category2_id", nil},
	{"category3_ID", "category3_id", nil},
	{"category4_ID", "category4_id", nil},
	{"category5_ID", "category5_id", nil},
	{"category6_ID", "category6_id", nil},
	{"group_ID", "group_id", nil},
	{"region_ID", "region_id", nil},
	{"HSH_code", "hsh_code", nil},
	{"HSH_name", "hsh_name", nil},
	{"latitude", "latitude", nil},
	{"longitude", "longitude", nil},
	{"created_date", "created_date", nil},
	{"custom_data", "custom_data", nil},
}

var patientFields = []field{
	{"code", "code", nil},
	{"name", "name", nil},
	{"first", "first_name", nil},
	{"last", "last_name", nil},
	{"supplying_store_id", "home_store_id", nil},
	{"date_of_birth", "date_of_birth", nil},
	{"national_health_number", "national_health_number", nil},
	{"isDeceased", "is_deceased", nil},
	{"om_date_of_death", "date_of_death", nil},
	{"bill_address1", "address1", nil},
	{"bill_address2", "address2", nil},
	{"bill_address3", "address3", nil},
	{"bill_address4", "address4", nil},
	{"country", "country", nil},
	{"phone", "phone", nil},
	{"email", "email", nil},
	{"charge code", "charge_code", nil},
	{"comment", "comment", nil},
	{"customer", "is_customer", nil},
	{"NEXT_OF_KIN_ID", "next_of_kin_id", nil},
	{"next_of_kin_relative", "next_of_kin_relation", nil},
	{"nationality_ID", "nationality_id", nil},
	{"ethnicity_ID", "ethnicity_id", nil},
	{"occupation_ID", "occupation_id", nil},
	{"region_ID", "region_id", nil},
	{"created_date", "created_date", nil},
	{"custom_data", "custom_data", nil},
}

// genders are their words for those that both sides know. The finer ones become
// the coarser, and are kept beside it.
var genders = map[string]string{
	"FEMALE": "female", "MALE": "male", "TRANSGENDER": "transgender", "TRANSGENDER_MALE": "transgender_male",
	"TRANSGENDER_FEMALE": "transgender_female", "NON_BINARY": "non_binary", "UNKNOWN": "unknown",
	"TRANSGENDER_MALE_HORMONE": "transgender_male", "TRANSGENDER_MALE_SURGICAL": "transgender_male",
	"TRANSGENDER_FEMALE_HORMONE": "transgender_female", "TRANSGENDER_FEMALE_SURGICAL": "transgender_female",
}

// gender is in a key of newer servers, and in a truth of all.
func (r *row) gender(key string) {
	r.set("gender", nil)
	if g := genders[r.text(key)]; key != "" && g != "" {
		r.put(key, "gender", g, strings.ToUpper(g) == r.text(key))
		return
	}
	if v, there := r.data["female"]; there {
		if female, ok := booleanOf(v); ok && female {
			r.put("female", "gender", "female", true)
		} else if ok {
			r.put("female", "gender", "male", true)
		}
	}
}
