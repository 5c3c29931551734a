package console_test

import (
	"net/url"
	"testing"

	"github.com/atollsync/atoll/station"
)

// What an operator orders about a site stands in the audit trail: who, when and why
// (R-K-59), and on the page of the site.
func TestR_K_59_OrdersAboutASiteAreInTheAuditTrail(t *testing.T) {
	f := newFleet(t)
	technician := f.centre.as(station.Technician)
	admin := f.centre.as(station.Administrator)
	f.centre.get("/audit", technician).saysNot("Order about a site")
	f.centre.ask("POST", "/fleet/2/pause", url.Values{"do": {"pause"}, "reason": {"the roof leaks"}}, technician).want(303)
	f.centre.get("/audit", technician).says("technician by hand Made: Order about a site pause")
	f.centre.get("/fleet/2", technician).says("What was asked of it, and by whom", "technician pause the roof leaks")
	f.centre.ask("POST", "/fleet/2/pause", url.Values{"do": {"resume"}}, technician).want(303)
	f.centre.ask("POST", "/fleet/2/order", url.Values{"do": {"repair"}}, technician).want(303)
	f.centre.ask("POST", "/fleet/2/order", url.Values{"do": {"resend"}}, technician).want(303)
	f.centre.ask("POST", "/fleet/2/code", url.Values{}, admin).want(200)
	f.centre.ask("POST", "/enrolment/revoke", url.Values{"site": {"2"}}, admin).want(303)
	f.centre.get("/fleet/2", technician).says("administrator revoke its device", "administrator new ticket", "technician send again", "technician compare and repair", "technician resume")
	f.centre.get("/audit", technician, with("Accept-Language", "fr")).says("Ordre au sujet d’un site révoquer")
	for _, months := range []int{12, 1, 0} {
		if err := f.Centre.Centre.LimitHistory(t.Context(), "administrator", 2, months); err != nil {
			t.Fatal(err)
		}
	}
	f.centre.get("/fleet/2", technician).says("administrator limit old documents all documents", "limit old documents documents of the last month", "limit old documents documents of the last 12 months")
	f.centre.get("/audit", technician).says("administrator by hand Made: Order about a site limit old documents")
	f.centre.get("/fleet/3", technician).saysNot("What was asked of it")
}
