package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

type underWay struct {
	Transfers []struct {
		Initiating struct {
			ID     string
			Number int
		}
		To            struct{ Site int }
		Reason, Words string
		InTransit     bool `json:"in_transit"`
		Exception     bool
		Value         string
	}
}

// TestR_D_52_R_D_29_R_D_39_TransfersOverREST: the list at the centre and at a site,
// what was received otherwise, and goods that are asked back.
func TestR_D_52_R_D_29_R_D_39_TransfersOverREST(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	line := f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	empty := f.centre.call("GET", "/transfers", "").want(200)
	if !strings.Contains(string(empty.body), `"transfers":[]`) {
		t.Errorf("nothing is under way: %s", empty.body)
	}
	first, second := f.shipment(t, line, medicine, "5"), f.shipment(t, line, medicine, "3")
	for _, id := range []string{first, second} {
		f.one.call("POST", "/invoices/"+id+"/ask-cancel", "").refused(409, atoll.LifeCycle) // nobody need be asked
		f.one.call("POST", "/invoices/"+id+"/finalise", "").want(200)
	}
	f.one.call("POST", "/invoices/"+newID+"/ask-cancel", "").refused(404, atoll.NotFound)
	if _, err := f.Fleet.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	var got underWay
	f.centre.call("GET", "/transfers?exceptions=true", "").want(200).json(&got)
	if len(got.Transfers) != 0 {
		t.Errorf("exceptions at once: %+v", got)
	}
	f.centre.call("GET", "/transfers?in_transit=true&site=3", "").want(200).json(&got)
	if len(got.Transfers) != 2 || got.Transfers[0].Reason != "waiting" || !strings.HasPrefix(got.Transfers[0].Words, "in transit to site 3") ||
		!got.Transfers[0].InTransit || got.Transfers[0].To.Site != 3 {
		t.Errorf("at the centre: %+v", got)
	}
	f.centre.call("GET", "/transfers?reason=nonsense", "").refused(400, atoll.Invalid)
	f.centre.call("GET", "/transfers?store=7", "").refused(404, atoll.NotFound)
	got = underWay{}
	f.one.call("GET", "/transfers?store="+string(f.Stores["B"]), "").want(200).json(&got)
	if len(got.Transfers) != 2 {
		t.Errorf("at the sender's site: %+v", got)
	}
	f.sync(t)
	// One is asked back, the other received in part.
	f.one.call("POST", "/invoices/"+second+"/ask-cancel", "").want(204)
	f.one.call("POST", "/invoices/"+second+"/ask-cancel", "").refused(409, atoll.LifeCycle)
	f.sync(t)
	f.sync(t)
	if status := f.one.call("GET", "/records/invoice/"+second, "").want(200).text("fields", "status"); status != "cancelled" {
		t.Errorf("asked back it is %s", status)
	}
	half := f.half(t, first)
	f.two.call("POST", "/invoices/"+half+"/arrive", "").want(200)
	var lines struct{ Records []struct{ ID string } }
	f.two.call("GET", "/records/invoice_line?where[invoice_id]="+half, "").want(200).json(&lines)
	f.two.write("update", "invoice_line", lines.Records[0].ID, `{"number_of_packs":4}`)
	f.two.call("POST", "/invoices/"+half+"/receive", "").want(200)
	f.sync(t)
	f.sync(t)
	for _, at := range []*face{f.centre, f.one} {
		var d struct {
			Differences []struct{ Invoice, Sent, Received, Difference string }
		}
		at.call("GET", "/transfers/differences?store="+string(f.Stores["B"]), "").want(200).json(&d)
		if len(d.Differences) != 1 || d.Differences[0].Invoice != first || d.Differences[0].Difference != "1" {
			t.Errorf("the differences: %+v", d)
		}
	}
	if got := f.centre.call("GET", "/transfers", "").want(200); !strings.Contains(string(got.body), `"transfers":[]`) {
		t.Errorf("still under way: %s", got.body)
	}
}

// half is the id of the responding half of an invoice, at site 3.
func (f *fleet) half(t *testing.T, invoice string) string {
	t.Helper()
	var list struct{ Records []struct{ ID string } }
	f.two.call("GET", "/records/invoice?where[originating_id]="+invoice, "").want(200).json(&list)
	if len(list.Records) != 1 {
		t.Fatalf("%d answers to %s", len(list.Records), invoice)
	}
	return list.Records[0].ID
}

// TestR_D_36_R_D_06_R_D_48_R_D_14_AtTheCentre: decisions and configuration.
func TestR_D_36_R_D_06_R_D_48_R_D_14_AtTheCentre(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	f.stock(t, f.Sites[2], f.Stores["B"], medicine)
	id := func(name string) string { return string(atoll.DeriveID("test", name)) }
	f.centre.write("insert", "store_preference", id("preference"), fmt.Sprintf(`{"store_id":%q,"key":"requisitions_require_authorisation","value":true}`, f.Stores["B"]))
	f.centre.write("insert", "program", id("program"), `{"name":"Malaria"}`)
	f.sync(t)
	f.sync(t)
	req := id("requisition")
	f.two.write("insert", "requisition", req, fmt.Sprintf(`{"store_id":%q,"kind":"request","status":"new","name_id":%q,"program_id":%q}`,
		f.Stores["C"], topology.StoreNameID(f.Stores["B"]), id("program")))
	f.two.write("insert", "requisition_line", id("line"), fmt.Sprintf(`{"requisition_id":%q,"store_id":%q,"item_id":%q,"requested_quantity":20}`, req, f.Stores["C"], medicine))
	f.two.call("POST", "/requisitions/"+req+"/finalise", "").want(200)
	f.sync(t)
	f.sync(t)
	var list struct{ Records []struct{ ID string } }
	f.one.call("GET", "/records/requisition?where[originating_id]="+req, "").want(200).json(&list)
	response := list.Records[0].ID
	f.one.call("POST", "/requisitions/"+response+"/shipment", "").refused(409, atoll.LifeCycle)
	f.two.call("POST", "/requisitions/"+req+"/decision", `{"authorise":true}`).refused(409, atoll.LifeCycle) // who orders does not approve
	f.one.call("POST", "/requisitions/"+response+"/decision", `{"authorise":true}`, f.one.as("store_user")).refused(403, atoll.Denied)
	f.centre.call("POST", "/requisitions/"+response+"/decision", `{"authorise":true,"quantities":[{"line":"`+newID+`","quantity":1}]}`).refused(404, atoll.NotFound)
	f.centre.call("POST", "/requisitions/"+response+"/decision", `{"authorise":true,"comment":"as in the budget"}`).want(204)
	f.sync(t)
	made := f.one.call("POST", "/requisitions/"+response+"/shipment", "").want(200).text("id")
	if kind := f.one.call("GET", "/records/invoice/"+made, "").want(200).text("fields", "kind"); kind != "customer_invoice" {
		t.Errorf("made was a %s", kind)
	}
	f.centre.call("PUT", "/sites/3/centre-answers?confirm=true", "").want(200)
	if answers := f.site(t, 3); !answers {
		t.Error("the centre does not answer for site 3")
	}
	f.centre.call("DELETE", "/sites/3/centre-answers?confirm=true", "").want(200)
	if answers := f.site(t, 3); answers {
		t.Error("the centre still answers for site 3")
	}
	f.centre.call("PUT", "/sites/77/centre-answers?confirm=true", "").refused(404, atoll.NotFound)
	f.centre.call("PUT", "/stores/"+string(f.Stores["B"])+"/successor?confirm=true", `{"successor":"`+string(f.Stores["C"])+`"}`).refused(422, atoll.Rule)
	f.centre.call("PUT", "/stores/"+string(f.Stores["A"])+"/successor?confirm=true", `{"successor":"`+string(f.Stores["E"])+`"}`).want(200)
	if heir := f.centre.call("GET", "/records/store/"+string(f.Stores["A"]), "").want(200).text("fields", "successor_id"); heir != string(f.Stores["E"]) {
		t.Errorf("the successor of A is %q", heir)
	}
}

// site reports whether the centre answers for the site.
func (f *fleet) site(t *testing.T, id atoll.SiteID) bool {
	t.Helper()
	top, err := f.Centre.Topology(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, _ := top.Site(id)
	return s.CentreAnswers
}

// write makes one change of a record, of the first version if there is one.
func (f *face) write(verb, kind, id, fields string) {
	version := ""
	if verb == "update" {
		version = `"version":1,`
	}
	f.call("POST", "/records", fmt.Sprintf(`{"changes":[{"verb":%q,%s"type":%q,"id":%q,"fields":%s}]}`, verb, version, kind, id, fields)).want(200)
}
