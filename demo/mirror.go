package demo

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

// mirror is about the mirrored system: a remote site is the primary.
var mirror = []scenario{
	{id: "R-C-105", title: "An item edited on the primary, off the network", mirrored: true, run: editOnPrimary},
	{id: "R-C-106", title: "The primary is away, work goes on", mirrored: true, run: primaryAway},
}

func editOnPrimary(s *stage) {
	m := s.medicine(0)
	s.offline(primarySite, true)
	s.edit(primarySite, change("item", m.id, atoll.Fields{}.Set("name", m.name+", new label").Set("is_critical", true)))
	s.say("Site 4", "%s gets a new name", m.name)
	s.offline(primarySite, false)
	s.sync(primarySite, firstSite, secondSite)
	for _, at := range []atoll.SiteID{centreSite, firstSite, secondSite} {
		s.equalTo("item", m.id, primarySite, at, "the item as edited")
	}
	s.check(centreSite, !s.want(centreSite, "item", m.id).Editable, "items are offered read-only")
	s.refused(centreSite, "an edit of the item", s.try(centreSite, change("item", m.id, atoll.Fields{}.Set("name", "x"))), atoll.Ownership)
	s.readOnlyOverAPI(centreSite, "item", m.id, atoll.Fields{}.Set("name", "x"))
	line := s.stock("P", m, "70")
	next := s.next("A", documents.SupplierInvoice)
	ci := s.ship("P", "A", line, "70")
	s.sync(primarySite)
	half := s.answer(centreSite, "invoice", ci)
	s.check(centreSite, half.Fields.ID("store_id") == s.stores["A"] && half.Fields.Bool("on_hold", false), "A has P's shipment: a supplier invoice on hold")
	s.same(centreSite, "its number is A's next", half.Fields.Int("number"), next)
	s.receive("A", half.ID)
	s.sync(primarySite)
	s.same(primarySite, "P's customer invoice shows the status of its answer",
		s.want(primarySite, "invoice", ci).Fields.Text("linked_status"), documents.Finalised)
}

func primaryAway(s *stage) {
	s.offline(primarySite, true)
	s.week()
	line := s.stock("B", s.medicine(0), "40")
	ci := s.ship("B", "C", line, "25")
	s.sync(firstSite, secondSite)
	half := s.answer(secondSite, "invoice", ci)
	s.receive("C", half.ID)
	s.sync(secondSite, firstSite)
	s.same(firstSite, "the customer invoice shows the status of its answer", s.want(firstSite, "invoice", ci).Fields.Text("linked_status"), documents.Finalised)
	got := s.onHand(centreSite, "B", s.batch("B")) + " in B, " + s.onHand(centreSite, "C", s.batch("B")) + " in C"
	s.same(centreSite, "the centre's report of the batch is current", got, "15 in B, 25 in C")
	s.offline(primarySite, false)
	s.sync(primarySite)
	s.check(primarySite, s.get(primarySite, "invoice", ci) == nil, "back again, it is told nothing of B and C: it has no store that sees them")
}
