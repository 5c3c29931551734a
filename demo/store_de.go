package demo

import (
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// storeD is about store D: active on site 3, a collector copy at the centre, and
// nowhere else.
var storeD = []scenario{
	{id: "R-C-70", title: "D reaches the centre, and never site 2", run: onlyCentre},
	{id: "R-C-71", title: "D is not offered to B", run: notOffered},
	{id: "R-C-72", title: "Stock on hand over all stores includes D", run: supervisor},
	{id: "R-C-73", title: "A cannot ship to D, which it cannot see", run: notVisible},
}

// storeE is about store E: active at the centre, and nowhere else.
var storeE = []scenario{
	{id: "R-C-80", title: "Nothing of E leaves the centre", run: nothingOfE},
	{id: "R-C-81", title: "A and E trade without any sync", run: tradeAE},
	{id: "R-C-82", title: "The primary has E's record only", mirrored: true, run: recordOfE},
}

func onlyCentre(s *stage) {
	d, m := s.stores["D"], s.medicine(0)
	line := s.stock("D", m, "14")
	take := s.id()
	s.edit(secondSite, insert("stocktake", take, atoll.Fields{}.Set("store_id", d).Set("status", "new")))
	s.must(secondSite, s.act(secondSite, func(k documents.Desk) ([]journal.Proposal, error) { return k.Adjust(line, "-1", "broken") }))
	s.say("Site 3", "%s begins a stocktake and writes off one pack", s.name("D"))
	s.edit(centreSite, change("store", d, atoll.Fields{}.Set("phone", "555 0142")))
	s.say("Centre", "D's telephone number changes")
	s.sync(secondSite, firstSite)
	s.equalTo("stock_line", line, secondSite, centreSite, "the stock line")
	s.equalTo("stocktake", take, secondSite, centreSite, "the stocktake")
	for _, l := range s.list(secondSite, "invoice_line", "stock_line_id", string(line)) {
		s.equalTo("invoice", l.Fields.ID("invoice_id"), secondSite, centreSite, "the adjustment")
	}
	s.same(firstSite, "records of D ever received", len(s.ofStore(firstSite, "D")), 0)
	s.check(firstSite, s.get(firstSite, "store", d) == nil, "not even D's own record is here")
}

func notOffered(s *stage) {
	var offered []string
	for _, code := range sortedCodes(s.stores) {
		if s.chosen(firstSite, "B", code) {
			offered = append(offered, code)
		}
	}
	s.check(firstSite, !slices.Contains(offered, "D"), "the stores offered to B as customers are %v", offered)
	own := s.stock("B", s.medicine(0), "2")
	_, err := s.tryShip("B", "D", "", own, "1")
	s.refused(firstSite, "a shipment of B to D", err, atoll.NotVisible)
}

// supervisor adds up the stock of all stores at the centre, each as of the last
// sync of its site.
func supervisor(s *stage) {
	s.stock("D", s.medicine(0), "21")
	s.sync(secondSite)
	asOf := map[atoll.SiteID]time.Time{centreSite: s.clock.now()}
	sites, err := s.centre.host.Centre.Sites(s.ctx)
	s.must(centreSite, err)
	for _, site := range sites {
		asOf[site.ID] = site.State.LastComplete
	}
	views, err := s.centre.host.Station.Stores(s.ctx)
	s.must(centreSite, err)
	included := false
	for _, v := range views {
		when := asOf[v.Site].UTC().Format("2 Jan 15:04:05")
		if !v.Open {
			s.say("Centre", "%-24s managed only, no central copy", v.Name)
			continue
		}
		lines, packs := s.stockOf(centreSite, v.ID)
		s.say("Centre", "%-24s %4d stock lines  %9s packs, as of %s", v.Name, lines, packs, when)
		if v.Code == "D" {
			included = true
			own, ownPacks := s.stockOf(secondSite, v.ID)
			s.check(centreSite, lines == own && documents.Compare(packs, ownPacks) == 0, "D is included, with what site 3 has: %d lines, %s packs", own, ownPacks)
			rows, err := s.sites[secondSite].host.Site.SyncLog(s.ctx, 1)
			s.must(secondSite, err)
			// The centre notes the time when it has answered, a moment before the site is
			// done.
			ok := len(rows) == 1 && !asOf[v.Site].Before(rows[0].Started) && !asOf[v.Site].After(rows[0].Started.Add(rows[0].Took))
			s.check(centreSite, ok, "the time beside it is that of site 3's last sync")
		}
	}
	s.check(centreSite, included, "D is in the report")
	s.result.Note = "the figures of the report, from the same services; its screen is not in this version"
}

func (s *stage) stockOf(at atoll.SiteID, store atoll.ID) (lines int, packs string) {
	packs = "0"
	for _, r := range s.list(at, "stock_line", "store_id", string(store)) {
		lines++
		packs = documents.Add(packs, r.Fields.Number("total_number_of_packs"))
	}
	return lines, packs
}

func notVisible(s *stage) {
	m := s.medicine(0)
	a, e := s.stock("A", m, "10"), s.stock("E", m, "10")
	_, err := s.tryShip("A", "D", "", a, "1")
	s.refused(centreSite, "a shipment of A to D", err, atoll.NotVisible)
	_, err = s.tryShip("E", "C", "", e, "1")
	s.refused(centreSite, "a shipment of E to C", err, atoll.NotVisible)
	_, err = s.tryOrder("D", "A", m, "1")
	s.refused(secondSite, "an order of D from A", err, atoll.NotVisible)
	s.sync(secondSite)
	s.packs(centreSite, "A still has all packs of the batch", s.onHand(centreSite, "A", s.batch("A")), "10")
	s.seenByA("D", true)
	defer func() {
		s.seenByA("D", false)
		s.sync(secondSite)
	}()
	s.sync(secondSite)
	ci := s.ship("A", "D", a, "1")
	s.sync(secondSite)
	half := s.answer(secondSite, "invoice", ci)
	s.check(secondSite, half.Fields.ID("store_id") == s.stores["D"], "once they see each other, it works: D has the supplier invoice")
	s.receive("D", half.ID)
	s.sync(secondSite)
}

func nothingOfE(s *stage) {
	s.sync(firstSite, secondSite)
	e := s.stores["E"]
	line := s.stock("E", s.medicine(0), "20")
	s.edit(centreSite,
		change("store", e, atoll.Fields{}.Set("phone", "555 0108")),
		insert("store_preference", s.id(), atoll.Fields{}.Set("store_id", e).Set("key", "months_lead_time").Set("value", 1)),
		insert("stocktake", s.id(), atoll.Fields{}.Set("store_id", e).Set("status", "new")))
	s.must(centreSite, s.act(centreSite, func(d documents.Desk) ([]journal.Proposal, error) { return d.Adjust(line, "-2", "broken") }))
	s.say("Centre", "E's record, a preference, a stocktake, an adjustment: all changed")
	for _, id := range []atoll.SiteID{firstSite, secondSite} {
		c := s.sync(id)
		s.same(id, "records received", c.Received, 0)
		s.same(id, "records of E received since the beginning", len(s.ofStore(id, "E")), 0)
		s.check(id, s.get(id, "store", e) == nil, "E is not known")
	}
}

func tradeAE(s *stage) {
	line := s.stock("A", s.medicine(0), "40")
	half := s.answer(centreSite, "invoice", s.ship("A", "E", line, "15"))
	s.receive("E", half.ID)
	s.packs(centreSite, "E has packs of the batch", s.onHand(centreSite, "E", s.batch("A")), "15")
	back := s.list(centreSite, "stock_line", "store_id", string(s.stores["E"]), "batch", s.batch("A"))
	if len(back) != 1 {
		s.stop(centreSite, "E has one stock line of the batch (found: %d)", len(back))
	}
	half = s.answer(centreSite, "invoice", s.ship("E", "A", back[0].ID, "5"))
	s.check(centreSite, half.Fields.ID("store_id") == s.stores["A"], "A's supplier invoice is there at once")
	s.receive("A", half.ID)
	s.packs(centreSite, "A has packs of the batch", s.onHand(centreSite, "A", s.batch("A")), "30")
	s.packs(centreSite, "E has packs of the batch", s.onHand(centreSite, "E", s.batch("A")), "10")
}

func recordOfE(s *stage) {
	s.stock("E", s.medicine(0), "9")
	s.edit(centreSite, change("store", s.stores["E"], atoll.Fields{}.Set("contact_name", "Neema Ali")))
	s.say("Centre", "E gets a contact person")
	s.sync(primarySite)
	s.equalTo("store", s.stores["E"], centreSite, primarySite, "E's record")
	s.same(primarySite, "other records of E", len(s.ofStore(primarySite, "E")), 0)
	in := s.topology(centreSite).Instance(s.stores["E"], primarySite)
	s.check(centreSite, in.Type == topology.Transfer && in.RecordOnly, "E on site 4 is a transfer instance, for the record only")
}
