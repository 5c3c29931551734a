package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
)

const newID = "0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"

func item(code string) string {
	return fmt.Sprintf(`{"code":%q,"name":"Item %s","kind":"stock","status":"active"}`, code, code)
}

func TestRecordIsMadeReadChangedAndRefused(t *testing.T) {
	c := newFleet(t).centre
	path := "/records/item/" + newID
	c.call("GET", path, "").refused(404, atoll.NotFound)
	made := c.call("PUT", path, `{"fields":`+item("amox")+`}`).want(201)
	if made.Header.Get("ETag") != `"1"` || made.field("version") != "1" || made.field("editable") != "true" || made.field("owner", "site") != "1" {
		t.Errorf("made as %s %s", made.Header.Get("ETag"), made.body)
	}
	before := c.state()
	// A change must say what it changes.
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`).refused(428, atoll.Conflict)
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`, with("If-Match", `"2"`)).refused(412, atoll.Conflict)
	c.call("PUT", path, `{"version":2,"fields":{"name":"Amoxicillin"}}`).refused(409, atoll.Conflict)
	c.call("PUT", path, `{"version":2,"fields":{"name":"Amoxicillin"}}`, with("If-Match", `"1"`)).refused(400, atoll.Invalid)
	c.call("PUT", path, `{"fields":`+item("amox")+`}`, with("If-None-Match", "*")).refused(412, atoll.Exists)
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`, with("If-Match", `W/"x"`)).refused(400, atoll.Invalid)
	c.unchanged(before)
	c.call("PUT", path, `{"fields":{"name":"Amoxicillin"}}`, with("If-Match", `"1"`)).want(200)
	c.call("PUT", path, `{"version":2,"fields":{"strength":"250mg"}}`).want(200)
	c.call("PUT", path, `{"fields":{"strength":null}}`, with("If-Match", "*")).want(200)
	got := c.call("GET", path, "").want(200)
	if got.Header.Get("ETag") != `"4"` || got.text("fields", "name") != "Amoxicillin" || got.field("fields", "strength") != "" {
		t.Errorf("got %s", got.body)
	}
	// A change that changes nothing writes nothing.
	before = c.state()
	c.call("PUT", path, `{"version":4,"fields":{"name":"Amoxicillin"}}`).want(200)
	c.unchanged(before)
	// Faults say where they are.
	for _, bad := range []struct {
		body string
		code atoll.Code
		at   string
	}{
		{`{"version":4,"fields":{"naem":"x"}}`, atoll.Schema, "naem"},
		{`{"version":4,"fields":{"default_pack_size":"ten"}}`, atoll.Schema, "default_pack_size"},
		{`{"version":4,"fields":{"unit_id":"` + newID + `"}}`, atoll.Reference, "unit_id"},
	} {
		if p := c.call("PUT", path, bad.body).refused(422, bad.code); p.Field != bad.at || p.Subject == "" || p.Detail == "" {
			t.Errorf("%s: %+v", bad.body, p)
		}
	}
	for _, bad := range []string{
		`{"version":4,"fields":{"name":"a","name":"b"}}`, `{"version":4,"fields":[]}`, `{"version":4}`, `{"version":-1,"fields":{}}`,
		`{"version":4,"fields":{},"more":1}`, `{`, `null`, `{"version":4,"fields":{"name":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`,
	} {
		c.call("PUT", path, bad).refused(400, atoll.Invalid)
	}
	c.call("DELETE", path, "", with("If-Match", `"4"`)).refused(422, atoll.Rule)
	c.call("PUT", "/records/nothing/"+newID, `{"fields":{}}`).refused(404, atoll.Unknown)
	c.call("PUT", "/records/item/42", `{"fields":{}}`).refused(400, atoll.Invalid)
	c.unchanged(before)
}

func TestR_A_19_NumbersKeepTheirText(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	path := "/records/stock_line/" + newID
	numbers := map[string]string{
		"pack_size": "10.0", "total_number_of_packs": "100.500", "available_number_of_packs": "100.500",
		"cost_price_per_pack": "1.50", "sell_price_per_pack": "123456789012.123456789012345678", "volume_per_pack": "0.10000000000000000555111512",
	}
	fields := fmt.Sprintf(`"store_id":%q,"item_id":%q,"note":"<b> & \u00e9 é"`, f.Stores["B"], medicine)
	for name, n := range numbers {
		fields += fmt.Sprintf(`,%q:%s`, name, n)
	}
	f.one.call("PUT", path, `{ "fields" : {`+fields+`} }`).want(201)
	check := func(got *reply, where ...string) {
		t.Helper()
		for name, n := range numbers {
			if got := got.field(append(where, name)...); got != n {
				t.Errorf("%s: %s became %s", name, n, got)
			}
		}
	}
	check(f.one.call("GET", path, "").want(200), "fields")
	f.sync(t)
	got := f.centre.call("GET", path, "").want(200)
	check(got, "fields") // and byte for byte on the replica
	if got.field("fields", "note") != `"<b> & \u00e9 é"` {
		t.Errorf("the note became %s", got.field("fields", "note"))
	}
	list := f.centre.call("GET", "/records/stock_line", "").want(200)
	if !strings.Contains(string(list.body), `"cost_price_per_pack":1.50,`) {
		t.Errorf("a list changes numbers: %s", list.body)
	}
	history := f.centre.call("GET", path+"/history", "").want(200)
	if !strings.Contains(string(history.body), `"cost_price_per_pack":1.50,`) {
		t.Errorf("a history changes numbers: %s", history.body)
	}
}

func TestR_C_41_ACollectorCopyIsReadAndNotEdited(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Centre, f.Stores["A"], medicine) // A is active at the centre, collected at site 2
	f.sync(t)
	path := "/records/stock_line/" + string(line)
	got := f.one.call("GET", path, "").want(200)
	if got.field("editable") != "false" || got.field("owner", "site") != "1" || got.text("owner", "why") == "" {
		t.Errorf("the copy is %s", got.body)
	}
	before := f.one.state()
	for _, r := range []*reply{
		f.one.call("PUT", path, `{"version":1,"fields":{"batch":"other"}}`),
		f.one.call("DELETE", path+"?version=1", ""),
		f.one.call("POST", "/records", fmt.Sprintf(`{"changes":[{"verb":"update","type":"stock_line","id":%q,"version":1,"fields":{"batch":"other"}}]}`, line)),
		f.one.call("POST", "/stock/"+string(line)+"/adjust", `{"packs":1,"reason":"found"}`),
	} {
		if p := r.refused(403, atoll.Ownership); !strings.Contains(p.Detail, "not editable here") || p.Hint == "" {
			t.Errorf("%s: %+v", r.call, p)
		}
	}
	f.one.unchanged(before) // no journal entry
	f.centre.call("PUT", path, `{"version":1,"fields":{"batch":"other"}}`).want(200)
}

func TestR_K_58_ALargeRecordIsRefusedAtEntry(t *testing.T) {
	f := newFleet(t).centre
	before := f.state()
	huge := `{"fields":{"name":"` + strings.Repeat("x", 20<<20) + `"}}`
	f.call("PUT", "/records/item/"+newID, huge).refused(413, atoll.TooLarge)
	f.call("POST", "/records", `{"changes":[{"verb":"insert","type":"item","fields":{"name":"`+huge+`"}}]}`).refused(413, atoll.TooLarge)
	unsized := func(r *http.Request) { r.ContentLength = -1 }
	f.call("PUT", "/records/item/"+newID, huge, unsized).refused(413, atoll.TooLarge)
	f.call("PUT", "/records/item/"+newID, huge[:len(`{"fields":{"name":"`)+atoll.MaxBody]+`"}}`).refused(413, atoll.TooLarge)
	f.call("POST", "/session", huge[:100_000], with("Authorization", "none")).refused(413, atoll.TooLarge)
	f.unchanged(before)
}

func TestListsArePagedAndFiltered(t *testing.T) {
	f := newFleet(t).centre
	for i := range 5 {
		kind := "stock"
		if i%2 == 1 {
			kind = "service"
		}
		f.call("POST", "/records", fmt.Sprintf(`{"changes":[{"verb":"insert","type":"item","fields":{"code":"c%d","name":"n","kind":%q}}]}`, i, kind)).want(200)
	}
	seen := map[string]bool{}
	path, pages := "/records/item?limit=2", 0
	for path != "" {
		got := f.call("GET", path, "").want(200)
		var body struct {
			Records []struct{ ID string }
			Next    string
		}
		got.json(&body)
		for _, r := range body.Records {
			seen[r.ID] = true
		}
		pages++
		link, next := got.Header.Get("Link"), ""
		if body.Next != "" {
			next = strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "</api/v1")
		} else if link != "" {
			t.Errorf("a link without a next page: %s", link)
		}
		path = next
	}
	if len(seen) != 5 || pages != 3 {
		t.Errorf("%d records on %d pages", len(seen), pages)
	}
	got := f.call("GET", "/records/item?where[kind]=service&where[code]=c3", "").want(200)
	if strings.Count(string(got.body), `"id"`) != 1 || !strings.Contains(string(got.body), `"c3"`) {
		t.Errorf("filtered: %s", got.body)
	}
	if got := f.call("GET", "/records/item?where[code]=nothing", "").want(200); got.field("records") != "[]" {
		t.Errorf("nothing: %s", got.body)
	}
	if p := f.call("GET", "/records/item?where[strength]=1", "").refused(400, atoll.Invalid); p.Field != "strength" {
		t.Errorf("%+v", p)
	}
	f.call("GET", "/records/item?after=1", "").refused(400, atoll.Invalid)
	f.call("GET", "/records/nothing", "").refused(404, atoll.Unknown)
}

func TestATransactionStandsWholeOrNotAtAll(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	invoice := "0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a91"
	change := func(more string) string {
		return fmt.Sprintf(`{"changes":[
			{"verb":"insert","type":"invoice","id":%q,"fields":{"store_id":%q,"kind":"supplier_invoice","status":"new"}},
			{"verb":"insert","type":"invoice_line","fields":{"invoice_id":%q,"store_id":%q,"kind":"stock_in","item_id":%q,"number_of_packs":5,"pack_size":10}}%s]}`,
			invoice, f.Stores["B"], invoice, f.Stores["B"], medicine, more)
	}
	before := f.one.state()
	p := f.one.call("POST", "/records", change(`,{"verb":"insert","type":"invoice_line","fields":{"invoice_id":"`+newID+`"}}`)).refused(422, atoll.Schema)
	if p.Field == "" {
		t.Errorf("%+v", p)
	}
	f.one.call("POST", "/records", change(`,{"verb":"update","type":"invoice","id":"`+invoice+`","fields":{}}`)).refused(400, atoll.Invalid)
	f.one.call("POST", "/records", change(`,{"verb":"delete","type":"invoice","id":"`+newID+`","version":1}`)).refused(409, atoll.Conflict)
	f.one.call("POST", "/records", change(`,{"verb":"insert","type":"invoice","id":"`+invoice+`","fields":{}}`)).refused(400, atoll.Invalid)
	f.one.call("POST", "/records", `{"changes":[]}`).refused(400, atoll.Invalid)
	f.one.call("POST", "/records", `{"changes":[{"verb":"restate","type":"item","id":"`+newID+`","version":1}]}`).refused(400, atoll.Invalid)
	f.one.unchanged(before)
	f.one.call("GET", "/records/invoice/"+invoice, "").refused(404, atoll.NotFound)
	got := f.one.call("POST", "/records", change("")).want(200)
	if got.field("seq") != fmt.Sprint(before.head.Seq+1) || strings.Count(string(got.body), `"version":1`) != 2 {
		t.Errorf("got %s", got.body)
	}
	f.one.call("DELETE", "/records/invoice/"+invoice, "").refused(428, atoll.Conflict)
	f.one.call("DELETE", "/records/invoice/"+invoice, "", with("If-Match", `"7"`)).refused(412, atoll.Conflict)
}

func TestHistoryTellsWhoAndWhenAndHidesSecrets(t *testing.T) {
	f := newFleet(t)
	path := "/records/user/" + newID
	f.one.call("PUT", path, `{"fields":{"username":"ben","password_hash":"$s3cret"}}`).want(201)
	f.one.call("PUT", path, `{"version":1,"fields":{"password_hash":"$0ther"}}`, f.one.as("store_user")).want(200)
	f.one.call("DELETE", path, "", with("If-Match", "*")).refused(422, atoll.Rule)
	got := f.one.call("GET", path+"/history", "").want(200)
	var body struct {
		Versions []struct {
			Version     int
			Verb, Actor string
		}
		Complete bool
	}
	got.json(&body)
	if len(body.Versions) != 2 || body.Versions[0].Actor != "store-user" || body.Versions[1].Verb != "insert" || !body.Complete {
		t.Errorf("history: %s", got.body)
	}
	for _, r := range []*reply{got, f.one.call("GET", path, "").want(200), f.one.call("GET", "/records/user", "").want(200)} {
		if strings.Contains(string(r.body), "$") || !strings.Contains(string(r.body), "••••••") {
			t.Errorf("%s shows a secret: %s", r.call, r.body)
		}
	}
	if p := f.one.call("GET", path+"/history?limit=1", "").want(200); p.field("complete") != "false" {
		t.Errorf("cut: %s", p.body)
	}
	f.one.call("GET", "/records/user/0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a99/history", "").refused(404, atoll.NotFound)
}

func TestConfigurationIsNotChangedAsRecords(t *testing.T) {
	f := newFleet(t)
	store := "/records/store/" + string(f.Stores["E"])
	before := f.centre.state()
	f.centre.call("PUT", store, `{"fields":{"name":"Else"}}`, with("If-Match", "*"), f.centre.as("store_user")).refused(403, atoll.Denied)
	for _, field := range []string{`"site_id":2`, `"managed_only":true`, `"disabled":true`} {
		if p := f.centre.call("PUT", store, `{"fields":{`+field+`}}`, with("If-Match", "*")).refused(422, atoll.Rule); p.Field == "" || p.Hint == "" {
			t.Errorf("%+v", p)
		}
	}
	f.centre.call("DELETE", store, "", with("If-Match", "*")).refused(422, atoll.Rule)
	for kind, fields := range map[string]string{
		"system": `{"name":"x","centre":2,"primary":2}`, "site": `{"number":9,"name":"x","type":"server"}`, "store": `{"code":"X","name":"X","site_id":2}`,
		"store_choice": fmt.Sprintf(`{"store_id":%q,"site_id":3,"choice":"collector"}`, f.Stores["E"]),
	} {
		f.centre.call("POST", "/records", fmt.Sprintf(`{"changes":[{"verb":"insert","type":%q,"fields":%s}]}`, kind, fields)).refused(422, atoll.Rule)
	}
	f.centre.unchanged(before)
	f.centre.call("PUT", store, `{"fields":{"name":"Else"}}`, with("If-Match", "*")).want(200)
	f.one.call("PUT", "/records/store/"+string(f.Stores["B"]), `{"fields":{"name":"Else"}}`, with("If-Match", "*")).refused(403, atoll.Ownership)
}
