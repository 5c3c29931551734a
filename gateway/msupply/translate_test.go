package msupply_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/gateway/msupply"
)

// TestTranslations looks at each kind of record of the small capture once.
func TestTranslations(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	s1, s2, patient := ours("store", general), ours("store", "S2"), ours("name", "P1")
	for _, one := range []struct {
		typ        atoll.Type
		table, key string
		want       map[string]string
	}{
		{"unit", "unit", "U1", map[string]string{"name": `"Tablet"`, "sort_order": "3", "comment": "", "status": `"active"`}},
		{"item_category", "item_category", "CAT3", map[string]string{"parent_id": ours("item_category_level1", "CAT1")}},
		{"item", "item", "I1", map[string]string{
			"kind": `"stock"`, "unit_id": ours("unit", "U1"), "ven_category": `"v"`, "weight": "1.50", "doses": "0",
			"is_vaccine": "false", "strength": "", "department_id": "",
		}},
		{"name", "name", "N1", map[string]string{"kind": `"store"`, "store_id": s1, "charge_code": `"GEN"`}},
		{"name", "name", "NI", map[string]string{"kind": `"inventory_adjustment"`, "store_id": ""}},
		{"patient", "name", "P1", map[string]string{
			"home_store_id": s2, "gender": `"female"`, "date_of_birth": `"1980-02-29"`, "last_name": `"Doe"`,
		}},
		{"store", "store", general, map[string]string{
			"site_id": "1", "epoch": "0", "mode": `"store"`, "name_id": ours("name", "N1"), "logo": "", "tag_ids": `["North"]`,
		}},
		{"master_list", "list_master", "L1", map[string]string{"name": `"Programme A"`, "is_program": "true"}},
		{"program", "list_master", "L1#program", map[string]string{"elmis_code": `"E1"`, "master_list_id": ours("list_master", "L1")}},
		{"program_order_type", "list_master", "L1#program_order_type/North/1", map[string]string{
			"name": `"Regular"`, "max_months_of_stock": "6", "max_items_in_emergency_order": "",
		}},
		{"store_preference", "pref", "PR1#monthsLeadTime", map[string]string{"store_id": s1, "value": `"0"`}},
		{"stock_line", "item_line", "IL1", map[string]string{
			"store_id": s1, "cost_price_per_pack": "0.10", "location_id": ours("Location", "LOC"), "supplier_id": ours("name", "N2"),
		}},
		{"invoice", "transact", "T1", map[string]string{
			"kind": `"customer_invoice"`, "status": `"finalised"`, "number": "26", "created_at": `"2019-10-06T17:10:25Z"`,
			"confirmed_at": `"2019-10-07T00:00:00Z"`, "finalised_at": `"2019-10-08T09:00:00Z"`, "user_id": ours("user", "USER"),
		}},
		{"invoice_line", "trans_line", "TL1", map[string]string{"invoice_id": ours("transact", "T1"), "store_id": s1, "sell_price_per_pack": "0.80"}},
		{"prescription", "transact", "T2", map[string]string{"patient_id": patient, "store_id": s2, "status": `"confirmed"`, "confirmed_at": ""}},
		{"prescription_line", "trans_line", "TL2", map[string]string{"patient_id": patient, "store_id": s2, "prescribed_quantity": "20"}},
		{"invoice", "transact", "T3", map[string]string{"kind": `"inventory_addition"`}},
		{"payment", "transact", "T4", map[string]string{"kind": `"receipt"`, "amount": "99.90"}},
	} {
		f := c.fields(one.typ, one.table, one.key)
		t.Run(string(one.typ)+" "+one.key, func(t *testing.T) { want(t, f, one.want) })
	}
	// The remainder has what the translation does not carry, and only that.
	want(t, c.companion("item", "I1"), map[string]string{
		"why": `"remainder"`, "data": `{"department_ID":"GONE","user_field_1":"green"}`, "record_id": ours("item", "I1"),
	})
	empty, _ := c.find("foreign_record", c.companion("item", "I1").ID("empty_id"))
	want(t, empty, map[string]string{"why": `"empty_keys"`, "data": `{"custom_data":null,"strength":""}`})
	want(t, c.companion("store", general), map[string]string{"data": `{"logo":"[object Picture]","sync_id_remote_site":2}`})
}

func TestR_A_19_NumbersAreKeptToTheDigit(t *testing.T) {
	for theirs, ours := range map[string]string{
		"1.50": "1.50", "0.1000": "0.1000", "10.4": "10.4", "123456789012345678.123456789": "123456789012345678.123456789",
		"0.30000000000000004": "0.30000000000000004", `"7.25"`: "7.25", "1e3": "1000", "2.5E-3": "0.0025", "-0.5": "-0.5", "1.20e1": "12",
		`""`: "", "null": "", `"seven"`: "", "1e400": "", "true": "", "[1]": "", "0": "0",
	} {
		c := newCentre(t)
		r := c.take(capture(record{"currency", "C", `{"ID":"C","currency":"X","rate":1}`, ""},
			record{"item", "I", `{"ID":"I","code":"c","item_name":"n","type_of":"general","weight":` + theirs + `}`, ""}))
		if r.Total.Inserted != 2 {
			t.Errorf("%s: %+v %+v", theirs, r.Total, r.Details)
			continue
		}
		want(t, c.fields("item", "item", "I"), map[string]string{"weight": ours})
		kept := string(c.companion("item", "I")["data"])
		if exact := theirs == ours || theirs == `""` || theirs == "null"; exact == strings.Contains(kept, "weight") {
			t.Errorf("weight %s: kept beside it is %q", theirs, kept)
		}
	}
}

func TestDatesAndTimes(t *testing.T) {
	nairobi := time.FixedZone("EAT", 3*60*60)
	in := func(extra string) []byte {
		return bytes.Replace(small(t), []byte(`"om_created_datetime": "2019-10-06T17:10:25", "om_shipped_datetime": "2019-10-08T09:00:00"`), []byte(extra), 1)
	}
	for _, one := range []struct {
		extra, created, finalised string
		zone                      *time.Location
	}{
		{`"x": 1`, `"2019-10-06T17:10:25Z"`, "", nil},
		{`"x": 1`, `"2019-10-06T14:10:25Z"`, "", nairobi},
		{`"om_created_datetime": "", "om_shipped_datetime": null`, `"2019-10-06T17:10:25Z"`, "", nil},
		{`"om_created_datetime": "2019-10-06T17:10:25.5", "om_shipped_datetime": "2019-10-08 01:00:00"`, `"2019-10-06T17:10:25.5Z"`, `"2019-10-08T01:00:00Z"`, nil},
		{`"om_created_datetime": "yesterday", "om_shipped_datetime": "0000-00-00T00:00:00"`, `"2019-10-06T17:10:25Z"`, "", nil},
		{`"finalised_date": "2019-10-09T00:00:00", "finalised_time": "10:20:30"`, `"2019-10-06T17:10:25Z"`, `"2019-10-09T10:20:30Z"`, nil},
	} {
		c := newCentre(t)
		o := c.options()
		o.Zone = one.zone
		if _, err := msupply.Import(t.Context(), bytes.NewReader(in(one.extra)), o); err != nil {
			t.Fatal(err)
		}
		t.Run(one.extra, func(t *testing.T) {
			want(t, c.fields("invoice", "transact", "T1"), map[string]string{"created_at": one.created, "finalised_at": one.finalised})
		})
	}
}

// TestKindsOfTransaction: type, mode, other party and the newer words say what a
// transaction is.
func TestKindsOfTransaction(t *testing.T) {
	for _, one := range []struct{ keys, typ, kind, status string }{
		{`"type":"ci","status":"nw"`, "invoice", "customer_invoice", "new"},
		{`"type":"ci","status":"sg","mode":"dispensary","name_ID":"N2"`, "invoice", "customer_invoice", "suggested"},
		{`"type":"si","status":"cn"`, "invoice", "supplier_invoice", "confirmed"},
		{`"type":"cc","status":"fn"`, "invoice", "customer_credit", "finalised"},
		{`"type":"sc","status":"wp"`, "invoice", "supplier_credit", "new"},
		{`"type":"sc","status":"wf","name_ID":"NI"`, "invoice", "inventory_reduction", "finalised"},
		{`"type":"si","status":"fn","om_type":"INVENTORY_ADDITION"`, "invoice", "inventory_addition", "finalised"},
		{`"type":"sr","status":"fn"`, "invoice", "repack", "finalised"},
		{`"type":"bu","status":"fn"`, "invoice", "build", "finalised"},
		{`"type":"ps","status":"fn","total":1`, "payment", "payment", "finalised"},
		{`"type":"ci","status":"fn","om_status":"CANCELLED"`, "invoice", "customer_invoice", "cancelled"},
	} {
		c := newCentre(t)
		c.take(small(t))
		c.take(capture(record{"transact", "X", `{"ID":"X","store_ID":"` + general + `","invoice_num":-1,` + one.keys + `}`, ""}))
		f, ok := c.find(atoll.Type(one.typ), atoll.DeriveID("msupply", "transact", "X"))
		if !ok || f.Text("kind") != one.kind || f.Text("status") != one.status {
			t.Errorf("%s: %v %s", one.keys, ok, f.Encode())
		}
	}
}

// TestChangesAlone: a capture of changes has lines without their documents, and
// stock without its items; what they name is here from an earlier import.
func TestChangesAlone(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	r := c.take(capture(
		record{"trans_line", "TL9", `{"ID":"TL9","transaction_ID":"T2","type":"stock_out","item_ID":"I1","quantity":1}`, ""},
		record{"trans_line", "TL8", `{"ID":"TL8","transaction_ID":"NONE","type":"stock_out","item_ID":"I1","quantity":1}`, ""},
		record{"item_line", "IL9", `{"ID":"IL9","store_ID":"` + general + `","item_ID":"I1","pack_size":1,"quantity":1,"available":1}`, ""}))
	if r.Total.Inserted != 2 || r.Total.Kept != 1 || r.Kept[0].Why != "reference" {
		t.Errorf("%+v %+v %+v", r.Total, r.Kept, r.Details)
	}
	want(t, c.fields("prescription_line", "trans_line", "TL9"), map[string]string{"store_id": ours("store", "S2"), "patient_id": ours("name", "P1")})
}
