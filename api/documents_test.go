package api_test

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
)

func TestDocumentsAreFinalisedReceivedAndStockAdjusted(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	stock := "/records/stock_line/" + string(line)
	id := f.shipment(t, line, medicine, "2.5")
	path := "/invoices/" + id + "/finalise"
	before := f.one.state()
	f.one.call("POST", path, "", with("If-Match", `"9"`)).refused(412, atoll.Conflict)
	f.one.call("POST", "/invoices/"+newID+"/finalise", "").refused(404, atoll.NotFound)
	f.one.call("POST", "/invoices/7/finalise", "").refused(400, atoll.Invalid)
	f.one.call("POST", "/invoices/"+id+"/receive", "").refused(409, atoll.LifeCycle) // it goes out
	f.centre.call("POST", path, "").refused(404, atoll.NotFound)                     // it is not there yet
	f.one.unchanged(before)
	f.one.call("POST", path, "", with("If-Match", `"1"`), f.one.as("store_user")).want(200)
	if got := f.one.call("GET", "/records/invoice/"+id, ""); got.text("fields", "status") != "finalised" || got.field("fields", "number") != "1" {
		t.Errorf("finalised: %s", got.body)
	}
	if got := f.one.call("GET", stock, "").field("fields", "total_number_of_packs"); got != "97.5" {
		t.Errorf("%s packs are left", got)
	}
	f.one.call("POST", path, "").refused(409, atoll.LifeCycle)
	// The responding half is received where it arrives.
	f.sync(t)
	f.sync(t)
	got := f.two.call("GET", "/records/invoice?where[store_id]="+string(f.Stores["C"]), "").want(200)
	var list struct{ Records []struct{ ID string } }
	if got.json(&list); len(list.Records) != 1 {
		t.Fatalf("C has %s", got.body)
	}
	half := list.Records[0].ID
	f.one.call("POST", "/invoices/"+half+"/receive", "").refused(403, atoll.Ownership)
	f.two.call("POST", "/invoices/"+half+"/receive", "").want(200)
	f.two.call("POST", "/invoices/"+half+"/receive", "").refused(409, atoll.LifeCycle)
	got = f.two.call("GET", "/records/stock_line?where[store_id]="+string(f.Stores["C"]), "").want(200)
	if got.json(&list); len(list.Records) != 1 {
		t.Errorf("C received %s", got.body)
	}
	// Stock is adjusted with a reason, exactly, and never below nothing.
	adjust := func(body string) *reply { return f.one.call("POST", "/stock/"+string(line)+"/adjust", body) }
	adjust(`{"packs":-0.25,"reason":"broken"}`).want(200)
	adjust(`{"packs":10,"reason":"found"}`).want(200)
	if got := f.one.call("GET", stock, "").field("fields", "total_number_of_packs"); got != "107.25" {
		t.Errorf("%s packs are left", got)
	}
	before = f.one.state()
	adjust(`{"packs":-1000,"reason":"gone"}`).refused(422, atoll.Rule)
	for _, body := range []string{
		`{"packs":0,"reason":"x"}`, `{"packs":1e5,"reason":"x"}`, `{"packs":"1","reason":"x"}`, `{"packs":1}`, `{"packs":1,"reason":""}`,
		`{"packs":1234567890123456789012345,"reason":"x"}`,
	} {
		adjust(body).refused(400, atoll.Invalid)
	}
	f.one.call("POST", "/stock/"+newID+"/adjust", `{"packs":1,"reason":"x"}`).refused(404, atoll.NotFound)
	f.one.unchanged(before)
	// A requisition gets its number.
	f.one.call("PUT", "/records/requisition/"+newID, fmt.Sprintf(`{"fields":{"store_id":%q,"kind":"request","status":"new"}}`, f.Stores["B"])).want(201)
	f.one.call("POST", "/requisitions/"+newID+"/finalise", "").want(200)
	f.one.call("POST", "/requisitions/"+newID+"/finalise", "").refused(409, atoll.LifeCycle)
}

// shipment makes a customer invoice from B to C at site 2 and returns its id.
func (f *fleet) shipment(t *testing.T, line, medicine atoll.ID, packs string) string {
	t.Helper()
	id := string(atoll.NewID(f.Clock.Now()))
	c := f.centre.call("GET", "/stores/"+string(f.Stores["C"]), "").want(200).text("name_id")
	f.one.call("POST", "/records", fmt.Sprintf(`{"changes":[
		{"verb":"insert","type":"invoice","id":%q,"fields":{"store_id":%q,"kind":"customer_invoice","status":"new","name_id":%q}},
		{"verb":"insert","type":"invoice_line","fields":{"invoice_id":%q,"store_id":%q,"kind":"stock_out","item_id":%q,"stock_line_id":%q,"number_of_packs":%s,"pack_size":10}}]}`,
		id, f.Stores["B"], c, id, f.Stores["B"], medicine, line, packs)).want(200)
	return id
}

// What is sent may name records as people do: by code, or stock as ITEM/BATCH. Goods
// received find the line of their order by themselves.
func TestRecordsInDraftsGoByCodesAndNumbers(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	code := f.one.call("GET", "/records/item/"+string(medicine), "").want(200).text("fields", "code")
	stock := f.one.call("GET", "/records/stock_line/"+string(line), "").want(200)
	what := code + "/" + stock.text("fields", "batch")
	made := f.one.call("POST", "/invoices", `{"fields":{"store_id":"B","kind":"customer_invoice","name_id":"C"},
		"lines":[{"fields":{"stock_line_id":"`+what+`","number_of_packs":2}}]}`).want(201)
	var doc struct {
		ID     string
		Fields map[string]any
		Lines  []struct{ Fields map[string]any }
	}
	made.json(&doc)
	if doc.Fields["store_id"] != string(f.Stores["B"]) || len(doc.Lines) != 1 || doc.Lines[0].Fields["stock_line_id"] != string(line) || doc.Lines[0].Fields["item_id"] != string(medicine) {
		t.Errorf("made %s", made.body)
	}
	got := f.one.call("GET", "/invoices?store=B&status=new", "").want(200)
	var list struct{ Records []struct{ ID string } }
	if got.json(&list); len(list.Records) != 1 || list.Records[0].ID != doc.ID {
		t.Errorf("documents of store B: %s, want %s", got.body, doc.ID)
	}
	f.one.call("GET", "/invoices?store=nowhere", "").refused(404, atoll.NotFound)
	f.one.call("GET", "/stock/check?store=B", "").want(200)
	body := `{"fields":{"store_id":"B","kind":"customer_invoice"},"lines":[{"fields":{"stock_line_id":"` + code + `/none","number_of_packs":2}}]}`
	f.one.call("POST", "/invoices", body).refused(404, atoll.NotFound)
	f.one.call("POST", "/invoices", `{"fields":{"store_id":"nowhere","kind":"customer_invoice"}}`).refused(404, atoll.NotFound)

	order := f.one.call("POST", "/purchase-orders", `{"fields":{"store_id":"B","name_id":"C"},"lines":[{"fields":{"item_id":"amox","requested_quantity":20}}]}`).want(201)
	var po struct {
		ID    string
		Lines []struct{ ID string }
	}
	order.json(&po)
	f.one.call("POST", "/purchase-orders/"+po.ID+"/confirm", "").want(200)
	f.one.call("POST", "/goods-received", `{"fields":{"store_id":"B","purchase_order_id":"2"}}`).refused(404, atoll.NotFound)
	got = f.one.call("POST", "/goods-received", `{"fields":{"store_id":"B","purchase_order_id":"1"},"lines":[{"fields":{"item_id":"amox","number_of_packs_received":5,"received_pack_size":1}}]}`).want(201)
	if got.json(&doc); doc.Fields["purchase_order_id"] != po.ID || doc.Lines[0].Fields["purchase_order_line_id"] != po.Lines[0].ID {
		t.Errorf("received %s, want line %s of order %s", got.body, po.Lines[0].ID, po.ID)
	}
}
