package demo

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
)

// shipments are about goods that one store sends to another, and what becomes of
// the two documents.
var shipments = []scenario{
	{id: "R-D-80", title: "Three lines from B to C, answered once", run: func(s *stage) { threeLines(s, false) }},
	{id: "R-D-81", title: "The centre answers for an old program", run: func(s *stage) { threeLines(s, true) }},
	{id: "R-D-82", title: "C counts 2 of 3 packs", run: countedOtherwise},
	{id: "R-D-83", title: "B corrects a finalised shipment's lorry", run: correctedLater},
	{id: "R-D-86", title: "Everything delivered again and again", run: replays},
	{id: "R-D-87", title: "C returns 5 packs; nothing is lost between", run: returned},
	{id: "R-D-89", title: "On hold: in transit, and not in stock", run: onHold},
	{id: "R-D-93", title: "One line that cannot be taken in", run: poisonLine},
}

func threeLines(s *stage, legacy bool) {
	if legacy {
		s.configure(central.CentreAnswers(secondSite, true))
		s.say("Centre", "site 3's program is too old to answer shipments: the centre does it for its stores")
		defer func() {
			s.configure(central.CentreAnswers(secondSite, false))
			s.sync(secondSite)
		}()
		s.sync(secondSite)
	}
	line := s.stock("B", s.medicine(0), "50")
	next := s.next("C", documents.SupplierInvoice)
	ci := s.ship("B", "C", line, "1", "2", "3")
	s.sync(firstSite)
	if legacy {
		half := s.answer(centreSite, "invoice", ci)
		s.check(centreSite, half.Origin.Site == centreSite && documents.Unnumbered(half.Fields), "C's supplier invoice is made here, with no number yet")
		s.same(firstSite, "supplier invoices without a number that B is shown", len(s.list(firstSite, "invoice", "originating_id", string(ci))), 0)
	} else {
		t := s.under(ci)
		s.check(centreSite, t != nil && t.InTransit && t.To.Site == secondSite, "the shipment is listed as in transit to site 3")
	}
	s.sync(secondSite)
	if legacy {
		s.same(centreSite, "records anywhere that are still without a number", s.unnumbered(), 0)
	}
	s.sync(firstSite)
	half := s.answer(secondSite, "invoice", ci)
	f := half.Fields
	s.same(secondSite, "C has one supplier invoice, with C's next number", f.Int("number"), next)
	s.check(secondSite, f.ID("originating_id") == ci && f.Bool("on_hold", false), "it names B's customer invoice as its origin, and is on hold")
	own := s.want(firstSite, "invoice", ci).Fields
	s.same(firstSite, "B's customer invoice shows the number of C's", own.Int("linked_number"), f.Int("number"))
	s.same(firstSite, "log messages about it", len(s.list(firstSite, "message", "subject_id", string(ci))), 1)
	s.same(centreSite, "supplier invoices that answer it", len(s.list(centreSite, "invoice", "originating_id", string(ci))), 1)
	for _, d := range []struct {
		id   atoll.ID
		what string
	}{{ci, "lines of the customer invoice"}, {half.ID, "lines of the supplier invoice"}} {
		s.same(centreSite, d.what, len(s.list(centreSite, "invoice_line", "invoice_id", string(d.id))), 3)
	}
	s.same(centreSite, "log entries of the transfer", len(s.list(centreSite, "message", "subject_id", string(ci))), 1)
	s.receive("C", half.ID)
	s.sync(secondSite, firstSite)
}

// unnumbered counts the records that have no number yet, on all sites.
func (s *stage) unnumbered() (n int) {
	for _, p := range s.all() {
		for _, r := range s.holding(p.site) {
			if f := r.MustFields(); f.Number("number") == "-1" || f.Number("linked_number") == "-1" {
				n++
			}
		}
	}
	return n
}

func countedOtherwise(s *stage) {
	ci := s.ship("B", "C", s.stock("B", s.medicine(0), "20"), "3")
	s.sync(firstSite, secondSite)
	half := s.answer(secondSite, "invoice", ci)
	line := s.one(secondSite, "invoice_line", "invoice_id", string(half.ID))
	s.perform(secondSite, documents.Arrive, "invoice", half.ID)
	s.edit(secondSite, change("invoice_line", line.ID, atoll.Fields{}.Set("number_of_packs", json.Number("2")).Set("batch", s.batch("C"))))
	s.say("Site 3", "the box says batch %s, and holds 2 packs: C writes that down", s.batch("C"))
	s.receive("C", half.ID)
	s.sync(secondSite, firstSite)
	own := s.one(firstSite, "invoice_line", "invoice_id", string(ci)).Fields
	s.packs(firstSite, "packs sent, on B's line", own.Number("number_of_packs"), "3")
	s.packs(firstSite, "packs received, on B's line", own.Number("received_number_of_packs"), "2")
	s.packs(secondSite, "packs in C's stock, under the batch that C read", s.onHand(secondSite, "C", s.batch("C")), "2")
	all, err := s.centre.host.Station.Differences(s.ctx, "")
	s.must(centreSite, err)
	n := 0
	for _, d := range all {
		if d.Invoice == ci {
			n++
			s.packs(centreSite, "missing, in the report of differences", d.Difference, "1")
		}
	}
	s.same(centreSite, "lines of this shipment in that report", n, 1)
}

func correctedLater(s *stage) {
	ci := s.ship("B", "C", s.stock("B", s.medicine(0), "20"), "4", "5")
	s.sync(firstSite, secondSite, firstSite)
	half := s.answer(secondSite, "invoice", ci)
	line := s.list(secondSite, "invoice_line", "invoice_id", string(half.ID))[0]
	s.perform(secondSite, documents.Arrive, "invoice", half.ID)
	s.edit(secondSite,
		change("invoice", half.ID, atoll.Fields{}.Set("comment", "two boxes wet")),
		change("invoice_line", line.ID, atoll.Fields{}.Set("batch", s.batch("C")).Set("sell_price_per_pack", json.Number("9.99"))))
	s.say("Site 3", "C notes that two boxes are wet, another batch and a price of its own")
	s.edit(firstSite, change("invoice", ci, atoll.Fields{}.Set("transport_reference", "Lorry KBT 472")))
	s.say("Site 2", "B adds to its finalised customer invoice: Lorry KBT 472")
	err := s.try(firstSite, change("invoice", ci, atoll.Fields{}.Set("tax_percent", 5)))
	s.refused(firstSite, "a change of the tax on it", err, atoll.LifeCycle)
	s.sync(firstSite, secondSite)
	f := s.want(secondSite, "invoice", half.ID).Fields
	s.same(secondSite, "after two syncs C's supplier invoice shows", f.Text("transport_reference"), "Lorry KBT 472")
	s.same(secondSite, "C's own comment is as it was", f.Text("comment"), "two boxes wet")
	l := s.want(secondSite, "invoice_line", line.ID).Fields
	s.same(secondSite, "C's own batch and price are as they were", l.Text("batch")+", "+l.Number("sell_price_per_pack"), s.batch("C")+", 9.99")
	s.receive("C", half.ID)
	s.sync(secondSite, firstSite)
}

// again is how often everything is delivered again.
const again = 50

func replays(s *stage) {
	line := s.stock("B", s.medicine(0), "40")
	for _, id := range []atoll.SiteID{firstSite, secondSite} {
		s.sites[id].line.record()
	}
	ci := s.ship("B", "C", line, "6", "7")
	s.sync(firstSite, secondSite)
	if half := s.list(secondSite, "invoice", "originating_id", string(ci)); len(half) == 1 {
		s.receive("C", half[0].ID)
	}
	s.sync(secondSite, firstSite, secondSite)
	before, requests, records := s.sums(), 0, 0
	for _, id := range []atoll.SiteID{firstSite, secondSite} {
		tapes := s.sites[id].line.eject()
		for range again {
			s.clock.wind(time.Minute) // so that nobody asks too often
			for _, t := range tapes {
				n, err := deliver(s.ctx, s.sites[id].line.to, t)
				s.must(id, err)
				requests += n
			}
		}
	}
	s.say("Centre", "every request of the two sites is delivered %d times more", again)
	s.check(centreSite, s.sums() == before, "after %d requests the records of all sites are the same, in number and checksum", requests)
	for range again / 10 {
		records += s.recall(ci)
		s.sync(firstSite, secondSite)
	}
	s.check(centreSite, s.sums() == before, "and after %d records were sent to the sites again", records)
	s.check(centreSite, requests >= again && records >= again/10, "there was something to deliver")
	s.same(centreSite, "answers to the customer invoice", len(s.list(centreSite, "invoice", "originating_id", string(ci))), 1)
	s.result.Note = "some hundred requests here; the tests repeat 10,000"
}

// recall puts a shipment and its lines into every reader's way once more, as a
// centre does that does not know what has arrived.
func (s *stage) recall(invoice atoll.ID) int {
	keys := []atoll.Key{{Type: "invoice", ID: invoice}}
	for _, l := range s.list(centreSite, "invoice_line", "invoice_id", string(invoice)) {
		keys = append(keys, l.Key)
	}
	s.must(centreSite, s.centre.host.Store.Update(s.ctx, func(tx storage.Tx) error {
		for _, k := range keys {
			if err := s.centre.host.Station.Door.Relist(tx, k); err != nil {
				return err
			}
		}
		return nil
	}))
	return len(keys)
}

// sum is what all databases hold: how many records, and a checksum of them.
type sum struct {
	records  int
	checksum uint64
}

func (s *stage) sums() (out sum) {
	for _, p := range s.all() {
		for _, r := range s.holding(p.site) {
			h := fnv.New64a()
			_, _ = fmt.Fprintf(h, "%s %s %d %s %t %t %s", p.site, r.Key, r.Version, r.Origin, r.Deleted, r.Hidden, r.Body)
			out.records++
			out.checksum ^= h.Sum64()
		}
	}
	return out
}

func returned(s *stage) {
	m := s.medicine(0)
	batch := s.batch("B")
	line := s.stock("B", m, "30")
	s.sync(firstSite)
	s.conserved(batch, "30")
	ci := s.ship("B", "C", line, "20")
	s.sync(firstSite)
	s.conserved(batch, "30")
	s.sync(secondSite)
	receipt := s.answer(secondSite, "invoice", ci)
	s.receive("C", receipt.ID)
	s.sync(secondSite, firstSite)
	s.conserved(batch, "30")
	next := s.next("B", documents.CustomerCredit)
	in := s.one(secondSite, "invoice_line", "invoice_id", string(receipt.ID))
	credit := s.giveBack("C", "B", in.Fields.ID("stock_line_id"), receipt.ID, "5")
	s.sync(secondSite)
	s.conserved(batch, "30")
	s.sync(firstSite)
	half := s.answer(firstSite, "invoice", credit)
	f := half.Fields
	s.check(firstSite, f.Text("kind") == documents.CustomerCredit && f.ID("original_invoice_id") == ci, "B has a customer credit, linked to B's own shipment")
	s.same(firstSite, "its number is B's next", f.Int("number"), next)
	s.packs(firstSite, "B's stock, before anybody finalises it", s.onHand(firstSite, "B", batch), "10")
	s.receive("B", half.ID)
	s.packs(firstSite, "B's stock, after", s.onHand(firstSite, "B", batch), "15")
	s.sync(firstSite, secondSite)
	s.conserved(batch, "30")
}

// giveBack makes and finalises a supplier credit over packs of a stock line that a
// receipt brought.
func (s *stage) giveBack(from, to string, stock, receipt atoll.ID, packs string) atoll.ID {
	at := s.home(from)
	id, err := s.draft(documents.SupplierCredit, from, to, "", stock, packs)
	s.must(at, err)
	s.edit(at, change("invoice", id, atoll.Fields{}.Set("original_invoice_id", receipt)))
	s.perform(at, documents.Finalise, "invoice", id)
	s.say(place(at), "%s returns %s packs to %s: a supplier credit", s.name(from), packs, s.name(to))
	return id
}

// conserved wants the packs of a batch at the centre to be so many: in the stores,
// and on their way between them.
func (s *stage) conserved(batch, want string) {
	total := "0"
	for _, code := range []string{"A", "B", "C"} {
		total = documents.Add(total, s.onHand(centreSite, code, batch))
	}
	transit := s.transit(batch)
	s.packs(centreSite, fmt.Sprintf("packs in stores (%s) and on their way (%s)", total, transit), documents.Add(total, transit), want)
}

func onHold(s *stage) {
	m := s.medicine(0)
	ci := s.ship("B", "C", s.stock("B", m, "20"), "1", "2", "3")
	value := documents.Mul(m.price, "6")
	s.sync(firstSite, secondSite)
	half := s.answer(secondSite, "invoice", ci)
	s.check(secondSite, half.Fields.Bool("on_hold", false), "C's supplier invoice is on hold")
	s.packs(secondSite, "packs of it in C's stock", s.onHand(secondSite, "C", s.batch("B")), "0")
	s.refused(secondSite, "finalising it while it is on hold", s.attempt(secondSite, documents.Finalise, "invoice", half.ID), atoll.LifeCycle)
	s.packs(centreSite, "in transit, at what B sold it for", s.worth(ci), value)
	s.edit(secondSite, change("invoice", half.ID, atoll.Fields{}.Set("on_hold", false)))
	s.perform(secondSite, documents.Finalise, "invoice", half.ID)
	s.say("Site 3", "C takes it off hold and finalises it")
	s.sync(secondSite)
	s.packs(secondSite, "packs of it in C's stock", s.onHand(secondSite, "C", s.batch("B")), "6")
	s.packs(centreSite, "in transit", s.worth(ci), "0")
	s.sync(firstSite)
}

// worth is the value of a shipment that is in transit.
func (s *stage) worth(invoice atoll.ID) string {
	if t := s.under(invoice); t != nil && t.InTransit {
		return t.Value
	}
	return "0"
}

func poisonLine(s *stage) {
	ci := s.ship("B", "C", s.stock("B", s.medicine(0), "20"), "1", "2", "3")
	s.sync(firstSite)
	lines := s.list(centreSite, "invoice_line", "invoice_id", string(ci))
	if len(lines) != 3 {
		s.stop(centreSite, "the 3 lines of the shipment are here (found: %d)", len(lines))
	}
	bad := lines[1].Key
	s.damage(bad)
	s.say("Centre", "a fault of the disk: the number of packs on one of its 3 lines is no number any more")
	s.sync(secondSite)
	s.same(secondSite, "supplier invoices made of 2 lines out of 3", len(s.list(secondSite, "invoice", "originating_id", string(ci))), 0)
	t := s.under(ci)
	named := t != nil && t.Exception && len(t.Lines) == 1 && t.Lines[0] == string(bad.ID)
	if s.check(centreSite, named, "the list of exceptions has the shipment, and names the line") {
		s.say("Centre", "the list says: %s", t.Words)
	}
	s.scrap(bad)
	_, err := s.sites[firstSite].host.Station.Restate(s.ctx, clerk(firstSite), func(r atoll.Record) bool { return r.Key == bad })
	s.must(firstSite, err)
	s.say("Site 2", "the line is sent again by its owner, in place of what cannot be read")
	s.sync(firstSite, secondSite, firstSite)
	half := s.answer(secondSite, "invoice", ci)
	s.same(secondSite, "C's supplier invoice is there, with all lines", len(s.list(secondSite, "invoice_line", "invoice_id", string(half.ID))), 3)
	t = s.under(ci)
	s.check(centreSite, t == nil || !t.Exception, "the shipment is no exception any more")
	s.receive("C", half.ID)
	s.sync(secondSite, firstSite)
}
