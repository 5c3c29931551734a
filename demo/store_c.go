package demo

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
)

// storeC is about store C: active on site 3, a collector copy at the centre, known
// to site 2 as a partner.
var storeC = []scenario{
	{id: "R-C-60", title: "The same for C, with the sites exchanged", run: mirrorImage},
	{id: "R-C-61", title: "B orders from C, and C ships", run: orderBFromC},
	{id: "R-C-62", title: "C ships to D without a network", run: shipCToD},
	{id: "R-C-63", title: "C returns goods to B", run: returnCToB},
}

func mirrorImage(s *stage) {
	for i, part := range []func(){
		func() { collected(s, "C", firstSite) },
		func() { readAtCentre(s, "C") },
		func() { closedTo(s, "C", firstSite) },
		func() { shipToAway(s, "B", "C") },
	} {
		s.round = i + 1 // each has its own batch
		part()
	}
}

func orderBFromC(s *stage) {
	m := s.medicine(0)
	line := s.stock("C", m, "90")
	next := s.next("C", documents.Response)
	req := s.order("B", "C", m, "25")
	s.sync(firstSite, secondSite)
	response := s.answer(secondSite, "requisition", req)
	s.check(secondSite, response.Fields.ID("store_id") == s.stores["C"], "C has a response requisition")
	s.same(secondSite, "its number is C's next", response.Fields.Int("number"), next)
	ci := s.shipFor("C", "B", response.ID, line, "25")
	s.sync(secondSite, firstSite)
	half := s.answer(firstSite, "invoice", ci)
	s.check(firstSite, half.Fields.ID("store_id") == s.stores["B"] && half.Fields.ID("requisition_id") == req,
		"B has the supplier invoice, linked to its own request")
	s.receive("B", half.ID)
	s.sync(firstSite, secondSite)
}

func shipCToD(s *stage) {
	line := s.stock("C", s.medicine(0), "10")
	s.offline(secondSite, true)
	ci := s.ship("C", "D", line, "4")
	half := s.answer(secondSite, "invoice", ci)
	s.check(secondSite, half.Fields.ID("store_id") == s.stores["D"], "both halves exist at once")
	s.receive("D", half.ID)
	s.offline(secondSite, false)
	s.sync(secondSite, firstSite)
	s.equalTo("invoice", ci, secondSite, centreSite, "C's customer invoice, as collector data,")
	s.equalTo("invoice", half.ID, secondSite, centreSite, "D's supplier invoice, as collector data,")
	s.check(firstSite, s.get(firstSite, "invoice", ci) == nil && s.get(firstSite, "invoice", half.ID) == nil, "neither of them is here")
}

func returnCToB(s *stage) {
	line := s.stock("B", s.medicine(0), "30")
	ci := s.ship("B", "C", line, "20")
	s.sync(firstSite, secondSite)
	receipt := s.answer(secondSite, "invoice", ci)
	s.receive("C", receipt.ID)
	got := s.list(secondSite, "invoice_line", "invoice_id", string(receipt.ID))
	if len(got) != 1 {
		s.stop(secondSite, "the receipt has one line (found: %d)", len(got))
	}
	next := s.next("B", documents.CustomerCredit)
	credit, err := s.draft(documents.SupplierCredit, "C", "B", "", got[0].Fields.ID("stock_line_id"), "6")
	s.must(secondSite, err)
	s.edit(secondSite, change("invoice", credit, atoll.Fields{}.Set("original_invoice_id", receipt.ID)))
	s.must(secondSite, s.act(secondSite, func(d documents.Desk) ([]journal.Proposal, error) { return d.Finalise(credit) }))
	s.say("Site 3", "%s returns 6 packs of it: a supplier credit", s.name("C"))
	s.sync(secondSite, firstSite)
	half := s.answer(firstSite, "invoice", credit)
	s.check(firstSite, half.Fields.Text("kind") == documents.CustomerCredit && half.Fields.ID("store_id") == s.stores["B"], "B has a customer credit")
	s.same(firstSite, "its number is B's next", half.Fields.Int("number"), next)
	s.check(firstSite, half.Fields.ID("original_invoice_id") == ci, "it is linked to B's shipment")
	s.receive("B", half.ID)
	s.packs(firstSite, "packs of the batch in B, of 30 less 20 and 6 back", s.onHand(firstSite, "B", s.batch("B")), "16")
	s.sync(firstSite, secondSite)
}
