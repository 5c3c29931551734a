package msupply_test

import (
	"testing"

	"github.com/atollsync/atoll"
)

// TestR_G_01: the home store of a migrated patient is that of the most recent
// prescription; without one, the supplying store. A later import leaves it.
func TestR_G_01_MigratedHome(t *testing.T) {
	prescription := func(key, store, date string) record {
		return record{table: "transact", key: key, data: `{"ID":"` + key + `","type":"ci","status":"cn","mode":"dispensary","store_ID":"` + store +
			`","name_ID":"P9","invoice_num":7,"entry_date":"` + date + `","entry_time":0,"hold":false,"currency_ID":"","currency_rate":1}`}
	}
	patient := func(key string) record {
		return record{table: "name", key: key, data: `{"ID":"` + key + `","name":"Roe, Ann","code":"` + key + `","type":"patient","first":"Ann","last":"Roe","supplying_store_id":"S2","customer":true,"supplier":false}`}
	}
	store := func(id string) atoll.ID { return atoll.DeriveID("msupply", "store", id) }
	c := newCentre(t)
	c.take(small(t))
	c.take(capture(patient("P9"), patient("P8"), prescription("T91", "S2", "2020-01-02"), prescription("T92", general, "2021-03-04"), prescription("T93", "S2", "2019-12-31")))
	if got := c.fields("patient", "name", "P9").ID("home_store_id"); got != store(general) {
		t.Errorf("home %s; want the store of the latest prescription, %s", got, store(general))
	}
	if got := c.fields("patient", "name", "P8").ID("home_store_id"); got != store("S2") {
		t.Errorf("home %s; want the supplying store", got)
	}
	c.take(capture(patient("P9"), prescription("T94", "S2", "2022-01-01")))
	if got := c.fields("patient", "name", "P9").ID("home_store_id"); got != store(general) {
		t.Errorf("a later import moved the home to %s", got)
	}
}
