package msupply

import (
	"maps"
	"slices"

	"github.com/atollsync/atoll"
)

// storeTables are the stores, their preferences, and what is visible in them.
var storeTables = []table{
	{name: "store", makes: []atoll.Type{"store"}, kind: storeKind, fields: []field{
		{"code", "code", nil},
		{"name", "name", nil},
		{"name_ID", "name_id", nil},
		{"store_mode", "mode", map[string]string{"store": "store", "dispensary": "dispensary"}},
		{"disabled", "disabled", nil},
		{"address_1", "address1", nil},
		{"address_2", "address2", nil},
		{"address_3", "address3", nil},
		{"address_4", "address4", nil},
		{"postal_zip_code", "postal_zip_code", nil},
		{"phone", "phone", nil},
		{"organisation_name", "organisation_name", nil},
		{"created_date", "created_date", nil},
		{"custom_data", "custom_data", nil},
	}, also: storeToo},
	{name: "pref", makes: []atoll.Type{"store_preference"}, kind: preferenceKind, also: preferences},
	{name: "name_store_join", makes: []atoll.Type{"name_store_join", "patient_store_join"}, kind: joinKind, also: visible},
	{name: "item_store_join", makes: []atoll.Type{"item_store_join"}, fields: []field{
		{"item_ID", "item_id", nil},
		{"store_ID", "store_id", nil},
		{"inactive", "inactive", nil},
		{"ignore_for_orders", "ignore_for_orders", nil},
		{"default_price", "default_sell_price_per_pack", nil},
		{"margin", "margin", nil},
		{"default_location_ID", "default_location_id", nil},
		{"custom_data", "custom_data", nil},
	}},
}

// storeKind keeps out what is stored as a store and is none: the supervisor's
// view of all stores, and modules.
func storeKind(r *row) atoll.Type {
	switch mode := r.text("store_mode"); mode {
	case "store", "dispensary":
	default:
		r.refuse(whyKind, "store_mode "+quoted(mode)+" is a function of that system, not a store")
	}
	return "store"
}

func storeToo(r *row) {
	if !r.got("name") {
		r.set("name", r.text("code"))
	}
	// Active on the central server until a person moves it (R-C-23); where it was
	// active stays in the remainder, as sync_id_remote_site.
	r.main().first.Set("site_id", atoll.CentreID).Set("epoch", 0)
	// "[object Picture]" is what some servers send for any picture.
	r.set("logo", nil)
	if r.text("logo") != "[object Picture]" {
		r.take(field{"logo", "logo", nil})
	}
	r.set("tag_ids", nil)
	if tag := r.text("tags"); tag != "" {
		r.put("tags", "tag_ids", []string{tag}, true)
	}
}

// preferenceKind takes the preferences of a store. All others are about the other
// server itself.
func preferenceKind(r *row) atoll.Type {
	if item := r.text("item"); item != "store_preferences" {
		r.refuse(whyKind, "preference "+quoted(item)+" is about the other server")
	}
	return "store_preference"
}

// preferences makes one record of each preference of a store.
func preferences(r *row) {
	store, ok := r.w.find("store", r.text("store_ID"))
	if !ok {
		r.dangles = append(r.dangles, "store_ID")
		r.refuse(whyReference, "the store is not here")
		return
	}
	values, twice, err := object(r.data["data"])
	if err != nil || twice != "" || len(values) == 0 {
		r.refuse(whyShape, "its preferences are no object, or ambiguous")
		return
	}
	r.made = nil
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if isEmpty(values[name]) && string(values[name]) == "null" {
			r.refuse(whySchema, "preference "+quoted(name)+" has no value")
			return
		}
		r.extra("store_preference", name).fields.Set("store_id", store).Set("key", name).Set("value", values[name])
	}
	r.carry("ID", "store_ID", "item", "data")
}

// joinKind tells a patient's visibility from a name's.
func joinKind(r *row) atoll.Type {
	key := r.text("name_ID")
	if _, ok := r.w.find("patient", key); ok {
		if other, ok := r.other("name", key); !ok || other.text("type") == "patient" {
			return "patient_store_join"
		}
	}
	return "name_store_join"
}

// visible makes a name visible in a store. Where the name is itself a store the
// pair is symmetric: the other half is made if the capture has none (R-A-07).
func visible(r *row) {
	if r.def.Type == "patient_store_join" {
		r.take(field{"name_ID", "patient_id", nil})
		r.take(field{"store_ID", "store_id", nil})
		if r.truth("inactive") { // ours has no such state: the row is there or not
			r.main().delete = true
		}
		r.carry("inactive")
		return
	}
	for _, f := range []field{{"name_ID", "name_id", nil}, {"store_ID", "store_id", nil}, {"inactive", "inactive", nil}} {
		r.take(f)
	}
	// Whether it is a customer or a supplier is the name's own affair there.
	if name, ok := r.other("name", r.text("name_ID")); ok {
		r.set("is_customer", name.truth("customer"))
		r.set("is_supplier", name.truth("supplier"))
	} else if name := r.here("name", r.text("name_ID")); len(name) > 0 {
		r.set("is_customer", name.Bool("is_customer", false))
		r.set("is_supplier", name.Bool("is_supplier", false))
	}
	r.set("partner_store_id", nil)
	partner, other := r.storeNamed(r.text("name_ID"))
	if partner == "" {
		return
	}
	own := r.main().fields.ID("store_id")
	if partner == own {
		r.refuse(whyKind, "a store does not see itself")
		return
	}
	r.set("partner_store_id", partner)
	back := r.here("store", r.text("store_ID")).ID("name_id")
	if s, ok := r.other("store", r.text("store_ID")); ok {
		if r.hasJoin(other, s.text("name_ID")) {
			return
		}
		back, _ = r.w.find("name", s.text("name_ID"))
	}
	if back == "" {
		return
	}
	half := r.extra("name_store_join", "counterpart")
	half.fields.Set("name_id", back).Set("store_id", partner).Set("partner_store_id", own)
	if v, ok := r.main().fields["inactive"]; ok {
		half.fields["inactive"] = v
	}
}

// storeNamed returns the store whose name it is, as ours and as theirs; "" for a
// plain name. Theirs is "" for a store that is not in the capture.
func (r *row) storeNamed(name string) (atoll.ID, string) {
	for _, s := range r.w.by[look{"store", "name_ID", name}] {
		if id, ok := r.w.find("store", s.key); ok {
			return id, s.key
		}
	}
	return r.here("name", name).ID("store_id"), ""
}

// hasJoin reports whether the capture has a row that makes the name visible in
// the store.
func (r *row) hasJoin(store, name string) bool { return r.w.joins[[2]string{store, name}] }
