package demo

import (
	"fmt"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/topology"
)

// moves are about a store that changes its site.
var moves = []scenario{
	{id: "R-C-104", title: "The receiver moves between sending and receipt", run: movedMeanwhile},
	{id: "R-H-39", title: "C moves from site 3 to site 2", run: moveC},
}

// move begins to move a store to a site.
func (s *stage) move(store string, to atoll.SiteID) atoll.ID {
	id, _, err := s.centre.host.Centre.StartMove(s.ctx, clerk(centreSite), handover.Order{Store: s.stores[store], To: to}, false)
	s.must(centreSite, err)
	s.say("Centre", "the move of %s from %s to %s begins", s.name(store), spot(s.home(store)), spot(to))
	return id
}

// moved wants a move to be done.
func (s *stage) moved(id atoll.ID, store string, to atoll.SiteID) {
	v := s.moving(id)
	s.same(centreSite, "the move is", v.Step, topology.Moved)
	if v.Step != topology.Moved {
		panic(ended{})
	}
	for i := range s.places {
		if s.places[i].code == store {
			s.places[i].site = to
		}
	}
}

func (s *stage) moving(id atoll.ID) central.MoveView {
	v, err := s.centre.host.Centre.Move(s.ctx, id)
	s.must(centreSite, err)
	return v
}

// back moves a store to where it was.
func (s *stage) back(store string, to atoll.SiteID) {
	from := s.home(store)
	if from == to {
		return
	}
	id := s.move(store, to)
	s.sync(slices.DeleteFunc([]atoll.SiteID{from, to, to, from}, func(at atoll.SiteID) bool { return at == centreSite })...)
	s.moved(id, store, to)
}

// writers tries to change a stock line on every site that shows it, and tells where
// that worked.
func (s *stage) writers(line atoll.ID) string {
	out := "nobody"
	for _, p := range s.all() {
		if s.get(p.site, "stock_line", line) == nil {
			continue
		}
		err := s.try(p.site, change("stock_line", line, atoll.Fields{}.Set("note", "tried at "+s.clock.now().String())))
		switch {
		case err == nil && out == "nobody":
			out = spot(p.site)
		case err == nil:
			out += ", " + spot(p.site)
		case atoll.CodeOf(err) != atoll.Ownership && atoll.CodeOf(err) != atoll.Rule:
			s.must(p.site, err)
		}
	}
	return out
}

func moveC(s *stage) {
	m := s.medicine(0)
	line, inD := s.stock("C", m, "50"), s.stock("D", m, "9")
	last := s.ship("C", "B", line, "5")
	s.sync(secondSite, firstSite)
	s.receive("B", s.answer(firstSite, "invoice", last).ID)
	s.sync(firstSite, secondSite)
	number := s.want(secondSite, "invoice", last).Fields.Int("number")
	before := s.contents("C", line)

	id := s.move("C", firstSite)
	s.same(centreSite, "until site 3 has heard of it, C's stock is edited by", s.writers(line), spot(secondSite))
	s.sync(secondSite)
	told := s.moving(id)
	s.say("Centre", "%s", told.Words)
	s.same(centreSite, "on its way, C's stock is edited by", s.writers(line), "nobody")
	s.sync(firstSite)
	s.moved(id, "C", firstSite)
	defer s.back("C", secondSite)
	s.sync(firstSite, secondSite)
	s.same(centreSite, "C's stock is now edited by", s.writers(line), spot(firstSite))
	s.sync(firstSite)
	v := s.moving(id)
	s.check(centreSite, v.Records > 0 && steps(v) == len(v.Steps), "all %d steps are recorded with their times; %d records of C were compared", len(v.Steps), v.Records)
	differ, after := 0, s.contents("C", line)
	for key, body := range before {
		if after[key] != body {
			differ++
		}
	}
	s.same(centreSite, fmt.Sprintf("records of C in the centre's copy that changed, of %d", len(before)), differ, 0)
	came := map[atoll.Type]int{}
	for key := range after {
		if _, there := before[key]; !there && key.Type != "store_move" {
			came[key.Type]++
		}
	}
	s.check(centreSite, len(came) == 0 && len(after) >= len(before), "and none came or went, but the record of the move itself%s", others(came))
	s.equalTo("stock_line", line, centreSite, firstSite, "the stock line")
	there := s.instance(secondSite, "C")
	s.check(secondSite, there.Type == topology.Transfer && !there.Open, "C is known as a partner only, and cannot be opened")
	s.check(secondSite, s.get(secondSite, "stock_line", line) == nil, "C's stock is not shown here any more")
	s.check(secondSite, s.instance(secondSite, "D").Open, "D can be opened as before")

	next := s.ship("C", "B", line, "2")
	s.same(firstSite, "the number of C's next customer invoice", s.want(firstSite, "invoice", next).Fields.Int("number"), number+1)
	half := s.answer(firstSite, "invoice", next)
	s.check(firstSite, half.Fields.ID("store_id") == s.stores["B"], "B's supplier invoice is there at once: B and C are on one site now")
	s.receive("B", half.ID)
	far := s.ship("D", "C", inD, "4")
	s.check(secondSite, len(s.list(secondSite, "invoice", "originating_id", string(far))) == 0, "D's shipment to C is not answered here")
	s.sync(secondSite, firstSite)
	half = s.answer(firstSite, "invoice", far)
	s.check(firstSite, half.Fields.Text("kind") == documents.SupplierInvoice, "it went through the centre: C's supplier invoice is here")
	s.receive("C", half.ID)
	s.sync(firstSite, secondSite)
}

// contents are the records of a store's data at the centre, but for one in which
// people were made to write.
func (s *stage) contents(store string, but atoll.ID) map[atoll.Key]string {
	out := map[atoll.Key]string{}
	for _, r := range s.ofStore(centreSite, store) {
		if !r.Deleted && r.ID != but {
			out[r.Key] = string(r.Body)
		}
	}
	return out
}

// steps counts the steps of a move that were taken.
func steps(v central.MoveView) (n int) {
	for _, step := range v.Steps {
		if step.At != "" {
			n++
		}
	}
	return n
}

// movedMeanwhile moves C to the centre and back, a shipment of B's to C on its way
// both times.
func movedMeanwhile(s *stage) {
	m := s.medicine(0)
	line := s.stock("B", m, "20")
	s.sync(firstSite, secondSite)
	ci := s.ship("B", "C", line, "3")
	move := s.move("C", centreSite)
	s.sync(firstSite)
	s.check(centreSite, len(s.list(centreSite, "invoice", "originating_id", string(ci))) == 0, "the shipment is here, and not answered: it waits for where C is")
	s.sync(secondSite)
	s.moved(move, "C", centreSite)
	defer s.back("C", secondSite)
	half := s.answer(centreSite, "invoice", ci)
	s.check(centreSite, half.Origin.Site == centreSite, "C's supplier invoice is made where C is now")
	s.same(centreSite, "supplier invoices of it anywhere but here", s.elsewhere(ci), 0)
	s.receive("C", half.ID)
	s.sync(firstSite, secondSite)

	ci = s.ship("B", "C", line, "4")
	s.sync(firstSite)
	half = s.answer(centreSite, "invoice", ci)
	s.say("Centre", "a second shipment is answered by C here, and on hold")
	move = s.move("C", secondSite)
	s.sync(secondSite, secondSite)
	s.moved(move, "C", secondSite)
	s.sync(secondSite)
	s.equalTo("invoice", half.ID, centreSite, secondSite, "the supplier invoice that C had made")
	s.same(secondSite, "supplier invoices of the shipment", len(s.list(secondSite, "invoice", "originating_id", string(ci))), 1)
	s.receive("C", half.ID)
	s.sync(secondSite, firstSite)
	s.packs(secondSite, "packs of the batch in C's stock", s.onHand(secondSite, "C", s.batch("B")), "7")
	s.same(firstSite, "B's customer invoice shows the other as", s.want(firstSite, "invoice", ci).Fields.Text("linked_status"), documents.Finalised)
}

// elsewhere counts the answers to a document that other sites than the centre have
// and the centre has not.
func (s *stage) elsewhere(document atoll.ID) (n int) {
	for _, id := range s.remotes() {
		for _, r := range s.list(id, "invoice", "originating_id", string(document)) {
			if s.get(centreSite, "invoice", r.ID) == nil {
				n++
			}
		}
	}
	return n
}
