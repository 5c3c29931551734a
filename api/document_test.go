package api_test

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

// document is a document as the API answers.
type document struct {
	ID, Version any
	Fields      map[string]any
	Lines       []struct {
		ID     string
		Fields map[string]any
	}
	Actions []documents.Choice
}

func (d document) may(act documents.Action) documents.Choice {
	for _, c := range d.Actions {
		if c.Action == act {
			return c
		}
	}
	return documents.Choice{}
}

// TestDocumentsInOneCall: a document is made, read and changed with its lines, and
// says what may be done with it. R-D-31.
func TestDocumentsInOneCall(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	body := func(packs string) string {
		return fmt.Sprintf(`{"fields":{"store_id":%q,"kind":"customer_invoice"},"lines":[{"fields":{"stock_line_id":%q,"number_of_packs":%s}},{"fields":{"stock_line_id":%q,"number_of_packs":1.50}}]}`,
			f.Stores["B"], line, packs, line)
	}
	viewer := f.one.as("viewer")
	before := f.one.state()
	f.one.call("POST", "/invoices", body(`"many"`)).refused(422, atoll.Schema)
	f.one.call("POST", "/invoices", `{"fields":{"kind":"customer_invoice"}}`).refused(422, atoll.Schema)
	f.one.call("POST", "/payments", fmt.Sprintf(`{"fields":{"store_id":%q,"kind":"payment","amount":1},"lines":[{"fields":{}}]}`, f.Stores["B"])).refused(400, atoll.Invalid)
	f.one.call("POST", "/invoices", body("3"), viewer).refused(403, atoll.Denied)
	f.one.call("GET", "/invoices/"+newID, "").refused(404, atoll.NotFound)
	f.one.call("GET", "/invoices?status=lost", "").refused(400, atoll.Invalid)
	f.one.unchanged(before)
	got := f.one.call("POST", "/invoices", body("3"), f.one.as("store_user")).want(201)
	var d document
	if got.json(&d); len(d.Lines) != 2 || d.Lines[0].Fields["batch"] == nil || d.Fields["status"] != "new" || !d.may(documents.Confirm).Allowed {
		t.Fatalf("made: %s", got.body)
	}
	id := d.ID.(string)
	path := "/invoices/" + id
	if etag := got.Header.Get("ETag"); etag != `"1"` {
		t.Errorf("ETag %s", etag)
	}
	// A change needs word of the version that was read.
	change := fmt.Sprintf(`{"fields":{"comment":"x"},"lines":[{"id":%q,"fields":{"number_of_packs":5}}],"only":true}`, d.Lines[0].ID)
	f.one.call("PUT", path, change).refused(428, atoll.Conflict)
	f.one.call("PUT", path, change, with("If-Match", `"7"`)).refused(412, atoll.Conflict)
	f.one.call("PUT", path, change, with("If-Match", `"1"`)).want(200).json(&d)
	if len(d.Lines) != 1 || fmt.Sprint(d.Lines[0].Fields["number_of_packs"]) != "5" || d.Fields["comment"] != "x" {
		t.Errorf("changed: %+v", d)
	}
	f.one.call("PUT", path, `{"version":2,"lines":[{"remove":true}]}`).refused(400, atoll.Invalid)
	f.one.call("PUT", path, `{"version":2,"lines":[{"id":"`+newID+`","remove":true}]}`).refused(404, atoll.NotFound)
	var list struct{ Records []struct{ ID string } }
	f.one.call("GET", "/invoices?store="+string(f.Stores["B"])+"&status=new&kind=customer_invoice", "").want(200).json(&list)
	if len(list.Records) != 1 || list.Records[0].ID != id {
		t.Errorf("listed: %+v", list)
	}
	f.one.call("POST", path+"/confirm", "").want(200)
	f.one.call("GET", "/invoices?number=1", "").want(200).json(&list)
	if len(list.Records) != 1 {
		t.Errorf("by number: %+v", list)
	}
	f.one.call("DELETE", path, "").want(200)
	f.one.call("GET", path, "").refused(404, atoll.NotFound)
	var check documents.Examination
	f.one.call("GET", "/stock/check", "").want(200).json(&check)
	if check.Lines != 1 || len(check.Differences) != 0 {
		t.Errorf("the ledger: %+v", check)
	}
}

// TestRefusalsTellWhatMayBeDoneInstead: a document whose status does not allow an
// action says so as a problem that lists what it does allow. R-D-31, R-D-37.
func TestRefusalsTellWhatMayBeDoneInstead(t *testing.T) {
	f := newFleet(t)
	line := f.stock(t, f.Sites[2], f.Stores["B"], f.item(t, "amox"))
	var d document
	f.one.call("POST", "/invoices", fmt.Sprintf(`{"fields":{"store_id":%q,"kind":"supplier_credit"},"lines":[{"fields":{"stock_line_id":%q,"number_of_packs":4}}]}`,
		f.Stores["B"], line)).want(201).json(&d)
	path := "/invoices/" + d.ID.(string)
	f.one.call("POST", path+"/suggest", "").want(200)
	refused := func(method, path, body string) []documents.Choice {
		t.Helper()
		var p struct{ Instead []documents.Choice }
		got := f.one.call(method, path, body)
		got.refused(409, atoll.LifeCycle)
		if got.json(&p); len(p.Instead) == 0 {
			t.Fatalf("%s %s: nothing is told instead: %s", method, path, got.body)
		}
		return p.Instead
	}
	instead := document{Actions: refused("POST", path+"/suggest", "")}
	if c := instead.may(documents.Suggest); c.Allowed || c.Why != "the document is suggested" || c.Hint == "" {
		t.Errorf("suggest: %+v", c)
	}
	if c := instead.may(documents.Finalise); !c.Allowed || c.To != documents.Finalised {
		t.Errorf("finalise: %+v", c)
	}
	f.one.call("POST", path+"/finalise", "").want(200)
	for _, call := range [][3]string{
		{"POST", path + "/cancel", ""},
		{"DELETE", path, ""},
		{"PUT", path, `{"version":3,"fields":{"tax_percent":5}}`},
		{"PUT", path, fmt.Sprintf(`{"version":3,"lines":[{"id":%q,"remove":true}]}`, d.Lines[0].ID)},
	} {
		for _, c := range refused(call[0], call[1], call[2]) {
			if c.Allowed {
				t.Errorf("of a finalised document %s is allowed", c.Action)
			}
		}
	}
	f.one.call("PUT", path, `{"version":3,"fields":{"comment":"a word"}}`).want(200)
	// What stands in the way of an ordinary answer is told without it.
	if got := f.one.call("POST", "/invoices/"+newID+"/finalise", ""); got.field("instead") != "" {
		t.Errorf("of a document that is not there: %s", got.body)
	}
	// At another site nothing may be done, and it is said whose it is.
	f.sync(t)
	f.centre.call("GET", path, "").want(200).json(&d)
	for _, c := range d.Actions {
		if c.Allowed || c.Why == "" {
			t.Errorf("at the centre: %+v", c)
		}
	}
	// Repacks come out even.
	f.one.call("POST", "/stock/"+string(line)+"/repack", `{"packs":1,"pack_size":3}`).refused(422, atoll.Rule)
	f.one.call("POST", "/stock/"+string(line)+"/repack", `{"packs":1,"pack_size":0}`).refused(400, atoll.Invalid)
	f.one.call("POST", "/stock/"+string(line)+"/repack", `{"packs":1,"pack_size":5}`).want(200)
}
