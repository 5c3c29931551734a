package demo

import (
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// storeA is about store A: active at the centre, read and reported on at site 2.
var storeA = []scenario{
	{id: "R-C-40", title: "Adjustment in A reaches its collector copy only", run: adjustA},
	{id: "R-C-41", title: "A collector copy is read, never edited", run: readA},
	{id: "R-C-42", title: "B ships to the centre's store A", run: func(s *stage) { shipBToA(s) }},
	{id: "R-C-43", title: "A ships to B, answered in one cycle", run: func(s *stage) { shipAToB(s) }},
	{id: "R-C-44", title: "A ships to E, complete without any sync", run: shipAToE},
	{id: "R-C-45", title: "A's address goes where A is known", run: addressOfA},
	{id: "R-C-46", title: "Making A and D visible opens trade", run: openTrade},
	{id: "R-C-47", title: "Made invisible, A leaves site 2", run: closeTrade},
}

func adjustA(s *stage) {
	m := s.medicine(0)
	line := s.stock("A", m, "100")
	err := s.act(centreSite, func(d documents.Desk) ([]journal.Proposal, error) { return d.Adjust(line, "10", "counted") })
	s.must(centreSite, err)
	s.say("Centre", "Stock of A is adjusted by 10 packs: counted")
	s.sync(firstSite)
	s.packs(firstSite, "stock on hand in its copy of A", s.want(firstSite, "stock_line", line).Fields.Number("total_number_of_packs"), "110")
	s.equalTo("stock_line", line, centreSite, firstSite, "the stock line")
	for _, l := range s.list(centreSite, "invoice_line", "stock_line_id", string(line)) {
		s.equalTo("invoice", l.Fields.ID("invoice_id"), centreSite, firstSite, "the adjustment")
	}
	s.sync(secondSite)
	s.same(secondSite, "records of A received", len(s.ofStore(secondSite, "A")), 0)
	s.check(secondSite, s.get(secondSite, "store", s.stores["A"]) == nil, "A itself is not known")
}

func readA(s *stage) {
	m := s.medicine(0)
	line := s.stock("A", m, "30")
	s.sync(firstSite)
	v := s.instance(firstSite, "A")
	s.check(firstSite, v.Open && v.Type == topology.Collector, "A can be opened: it is a collector copy")
	n := len(s.list(firstSite, "stock_line", "store_id", string(s.stores["A"])))
	s.same(firstSite, "stock lines of A in a report here", n, len(s.list(centreSite, "stock_line", "store_id", string(s.stores["A"]))))
	r := s.want(firstSite, "stock_line", line)
	s.check(firstSite, !r.Editable && r.Owner.Site == centreSite, "the stock line is offered read-only: it belongs to site 1")
	before := s.seq(firstSite)
	s.refused(firstSite, "an edit of it", s.try(firstSite, change("stock_line", line, atoll.Fields{}.Set("note", "mine"))), atoll.Ownership)
	s.refused(firstSite, "a new stock line in A", s.try(firstSite, insert("stock_line", s.id(), m.stock(s.stores["A"], "X", "1"))), atoll.Ownership)
	s.same(firstSite, "entries that the attempts left in the journal", s.seq(firstSite)-before, 0)
	s.readOnlyOverAPI(firstSite, "stock_line", line, atoll.Fields{}.Set("note", "mine"))
}

// shipBToA is told again by R-C-54.
func shipBToA(s *stage) {
	line := s.stock("B", s.medicine(1), "50")
	next := s.next("A", documents.SupplierInvoice)
	ci := s.ship("B", "A", line, "5")
	s.sync(firstSite)
	s.equalTo("invoice", ci, firstSite, centreSite, "the customer invoice")
	half := s.answer(centreSite, "invoice", ci)
	f := half.Fields
	s.same(centreSite, "A has a supplier invoice, with A's next number", f.Int("number"), next)
	s.check(centreSite, f.ID("store_id") == s.stores["A"] && f.Text("kind") == documents.SupplierInvoice && f.Bool("on_hold", false),
		"it is on hold, and names the customer invoice as its origin")
	s.sync(firstSite)
	s.equalTo("invoice", half.ID, centreSite, firstSite, "A's supplier invoice, as collector data,")
	messages := s.list(firstSite, "message", "subject_id", string(ci))
	if s.same(firstSite, "log messages about the transfer", len(messages), 1) {
		s.say("Site 2", "the message: %q", messages[0].Fields.Text("body"))
	}
	s.receive("A", half.ID)
}

// shipAToB is told again by R-C-54.
func shipAToB(s *stage) {
	line := s.stock("A", s.medicine(0), "80")
	next := s.next("B", documents.SupplierInvoice)
	ci := s.ship("A", "B", line, "20")
	s.sync(firstSite)
	half := s.answer(firstSite, "invoice", ci)
	s.check(firstSite, half.Fields.ID("store_id") == s.stores["B"], "B has a supplier invoice")
	s.same(firstSite, "its number is B's next", half.Fields.Int("number"), next)
	s.equalTo("invoice", half.ID, firstSite, centreSite, "pushed in the same cycle, it")
	s.receive("B", half.ID)
}

func shipAToE(s *stage) {
	line := s.stock("A", s.medicine(0), "60")
	ci := s.ship("A", "E", line, "7")
	half := s.answer(centreSite, "invoice", ci)
	s.check(centreSite, half.Fields.ID("store_id") == s.stores["E"], "E's supplier invoice is there at once; nobody has synchronised")
	s.receive("E", half.ID)
	s.sync(firstSite, secondSite)
	s.equalTo("invoice", ci, centreSite, firstSite, "A's customer invoice, as collector data,")
	for _, id := range []atoll.SiteID{firstSite, secondSite} {
		s.same(id, "records of E", len(s.ofStore(id, "E")), 0)
	}
	s.check(secondSite, s.get(secondSite, "invoice", ci) == nil, "A's customer invoice is not here")
}

func addressOfA(s *stage) {
	s.editOverAPI(centreSite, "store", s.stores["A"], atoll.Fields{}.Set("address1", "14 Harbour Road, Port Amani"))
	s.say("Centre", "A's address is changed to 14 Harbour Road, over the REST API")
	s.sync(firstSite, secondSite)
	s.equalTo("store", s.stores["A"], centreSite, firstSite, "A's record with its new address")
	s.check(secondSite, s.get(secondSite, "store", s.stores["A"]) == nil, "A's record is not here")
}

func openTrade(s *stage) {
	m := s.medicine(0)
	line := s.stock("A", m, "40")
	before := s.topology(centreSite).SyncWith(s.stores["D"], secondSite)
	s.seenByA("D", true)
	defer func() {
		s.seenByA("D", false)
		s.sync(secondSite)
	}()
	t := s.topology(centreSite)
	s.same(centreSite, "sync-with of A for site 3", t.SyncWith(s.stores["A"], secondSite), topology.WithTransfer)
	s.same(centreSite, "sync-with of D for site 3, as before", t.SyncWith(s.stores["D"], secondSite), before)
	s.sync(secondSite)
	s.check(secondSite, s.chosen(secondSite, "D", "A"), "A can be chosen as a supplier in D")
	next := s.next("A", documents.Response)
	req := s.order("D", "A", m, "12")
	s.sync(secondSite)
	response := s.answer(centreSite, "requisition", req)
	s.same(centreSite, "A has a response requisition, with A's next number", response.Fields.Int("number"), next)
	ci := s.shipFor("A", "D", response.ID, line, "12")
	s.sync(secondSite)
	half := s.answer(secondSite, "invoice", ci)
	s.check(secondSite, half.Fields.ID("requisition_id") == req, "D's supplier invoice is linked to D's own request")
	s.receive("D", half.ID)
	s.sync(secondSite)
}

// chosen reports whether a partner is offered in a store: its row of visibility is
// there, and its name.
func (s *stage) chosen(at atoll.SiteID, store, partner string) bool {
	for _, row := range s.list(at, "name_store_join", "store_id", string(s.stores[store])) {
		if row.Fields.ID("name_id") == topology.StoreNameID(s.stores[partner]) && !row.Fields.Bool("inactive", false) {
			return s.get(at, "name", row.Fields.ID("name_id")) != nil && s.get(at, "store", s.stores[partner]) != nil
		}
	}
	return false
}

func closeTrade(s *stage) {
	m := s.medicine(0)
	line := s.stock("A", m, "40")
	s.sync(firstSite)
	ci := s.ship("A", "B", line, "4")
	s.sync(firstSite)
	half := s.answer(firstSite, "invoice", ci)
	s.receive("B", half.ID)
	s.sync(firstSite)
	held := len(s.list(firstSite, "stock_line", "store_id", string(s.stores["A"])))
	s.seenByA("B", false)
	defer func() {
		s.seenByA("B", true)
		s.configure(central.Collect(s.stores["A"], firstSite, true))
		s.say("Centre", "and site 2 collects A again")
		s.sync(firstSite)
		s.same(firstSite, "stock lines of A, back again", len(s.list(firstSite, "stock_line", "store_id", string(s.stores["A"]))), held)
	}()
	s.same(centreSite, "sync-with of A for site 2, a collector until now", s.topology(centreSite).SyncWith(s.stores["A"], firstSite), topology.WithNone)
	s.sync(firstSite)
	v := s.instance(firstSite, "A")
	s.check(firstSite, v.ID == "", "A is not in the list of stores")
	s.same(firstSite, fmt.Sprintf("stock lines of A to be seen, of %d", held), len(s.list(firstSite, "stock_line", "store_id", string(s.stores["A"]))), 0)
	s.check(firstSite, !s.chosen(firstSite, "B", "A"), "A is not offered in B")
	own := s.stock("B", m, "9")
	_, err := s.tryShip("B", "A", "", own, "1")
	s.refused(firstSite, "a shipment of B to A", err, atoll.NotVisible)
	name := s.want(firstSite, "name", s.want(firstSite, "invoice", half.ID).Fields.ID("name_id"))
	s.same(firstSite, "the supplier on the document of before", name.Fields.Text("name"), s.name("A"))
}
