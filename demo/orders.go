package demo

import (
	"encoding/json"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// orders are about goods that are asked for, in each of the ways.
var orders = []scenario{
	{id: "R-D-84", title: "B buys from A, which sends one more", run: bought},
	{id: "R-D-85", title: "The primary buys for B from A", mirrored: true, run: boughtCentrally},
	{id: "R-D-88", title: "A tablet orders from a tablet", run: tabletToTablet},
	{id: "R-D-90", title: "An order becomes an invoice at once", run: invoiceOption},
	{id: "R-D-91", title: "Procurement is centralised around an open order", run: switchedOn},
	{id: "R-D-92", title: "C and D trade, the cable unplugged", run: unplugged},
}

// wanted is one line of an order.
type wanted struct {
	item  medicine
	packs string
}

// buy confirms a purchase order of one store from another, entered at a site.
func (s *stage) buy(at atoll.SiteID, store, from string, lines ...wanted) atoll.ID {
	id := s.id()
	do := []journal.Proposal{insert("purchase_order", id, atoll.Fields{}.Set("store_id", s.stores[store]).Set("status", documents.New).
		Set("name_id", topology.StoreNameID(s.stores[from])))}
	var told []string
	for _, l := range lines {
		do = append(do, insert("purchase_order_line", s.id(), atoll.Fields{}.Set("purchase_order_id", id).Set("store_id", s.stores[store]).
			Set("item_id", l.item.id).Set("requested_quantity", json.Number(documents.Mul(l.packs, l.item.pack))).
			Set("requested_pack_size", json.Number(l.item.pack))))
		told = append(told, l.packs)
	}
	s.edit(at, do...)
	s.perform(at, documents.Confirm, "purchase_order", id)
	s.say(place(at), "a purchase order of %s to %s is confirmed: %s", s.name(store), s.name(from), quantity(told))
	return id
}

// sent is one line of a shipment.
type sent struct {
	line  atoll.ID // of stock
	packs string
}

// supply finalises a shipment that answers a requisition.
func (s *stage) supply(from, to string, requisition atoll.ID, lines ...sent) atoll.ID {
	at, id := s.home(from), s.id()
	do := []journal.Proposal{insert("invoice", id, atoll.Fields{}.Set("store_id", s.stores[from]).Set("kind", documents.CustomerInvoice).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(s.stores[to])).Set("requisition_id", requisition))}
	var told []string
	for _, l := range lines {
		do = append(do, insert("invoice_line", s.id(), s.outOf(at, from, id, l)))
		told = append(told, l.packs)
	}
	s.edit(at, do...)
	s.perform(at, documents.Finalise, "invoice", id)
	s.say(place(at), "%s finalises customer invoice %d to %s: %s", s.name(from), s.want(at, "invoice", id).Fields.Int("number"), s.name(to), quantity(told))
	return id
}

// outOf are the fields of a line that takes packs out of stock.
func (s *stage) outOf(at atoll.SiteID, from string, invoice atoll.ID, l sent) atoll.Fields {
	stock := s.want(at, "stock_line", l.line).Fields
	f := atoll.Fields{}.Set("invoice_id", invoice).Set("store_id", s.stores[from]).Set("kind", "stock_out").
		Set("stock_line_id", l.line).Set("number_of_packs", json.Number(l.packs))
	for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size", "cost_price_per_pack", "sell_price_per_pack"} {
		f[name] = stock[name]
	}
	return f
}

// received tells what an order's lines say was received, in packs, by item code.
func (s *stage) received(at atoll.SiteID, order atoll.ID, lines ...wanted) string {
	var out []string
	for _, w := range lines {
		got := "none"
		for _, l := range s.list(at, "purchase_order_line", "purchase_order_id", string(order)) {
			if l.Fields.ID("item_id") == w.item.id {
				got = l.Fields.Number("received_quantity")
			}
		}
		if got == "" {
			got = "0"
		}
		out = append(out, got)
	}
	return strings.Join(out, " and ")
}

// units are quantities as an order's lines have them.
func units(lines []wanted, packs ...string) string {
	var out []string
	for i, p := range packs {
		out = append(out, documents.Mul(p, lines[i].item.pack))
	}
	return strings.Join(out, " and ")
}

func bought(s *stage) {
	items := s.item("Syringes 2 ml", "Syringes 5 ml", "Needles 21 G")
	s.sync(firstSite)
	lines := []wanted{{items[0], "5"}, {items[1], "3"}}
	var stock []atoll.ID
	for _, m := range items {
		stock = append(stock, s.stock("A", m, "40"))
	}
	order := s.buy(firstSite, "B", "A", lines...)
	s.sync(firstSite)
	response := s.one(centreSite, "requisition", "purchase_order_id", string(order))
	s.check(centreSite, response.Fields.ID("store_id") == s.stores["A"] && response.Fields.Text("kind") == documents.Response, "A has a response requisition for it")
	ci := s.supply("A", "B", response.ID, sent{stock[0], "5"}, sent{stock[1], "2"}, sent{stock[2], "1"})
	s.sync(firstSite)
	goods := s.answer(firstSite, "goods_received", ci)
	got := s.list(firstSite, "goods_received_line", "goods_received_id", string(goods.ID))
	extra := 0
	for _, l := range got {
		if l.Fields.Bool("is_extra", false) {
			extra++
		}
	}
	s.same(firstSite, "lines of the goods received in B, of 2 ordered", len(got), 3)
	s.same(firstSite, "of them marked as extra", extra, 1)
	s.same(firstSite, "received of the two lines of the order, in units", s.received(firstSite, order, lines...), units(lines, "5", "2"))
	s.perform(firstSite, documents.Finalise, "purchase_order", order)
	s.takeIn(goods.ID)
	s.sync(firstSite)
}

// takeIn finalises the goods received in B, and takes the invoice that follows
// into stock.
func (s *stage) takeIn(goods atoll.ID) {
	s.perform(firstSite, documents.Finalise, "goods_received", goods)
	bill := s.want(firstSite, "invoice", s.want(firstSite, "goods_received", goods).Fields.ID("linked_invoice_id"))
	s.check(firstSite, bill.Fields.Text("kind") == documents.SupplierInvoice && bill.Fields.Bool("on_hold", false), "of the goods received a supplier invoice is made, on hold")
	s.receive("B", bill.ID)
}

func boughtCentrally(s *stage) {
	s.prefer("centralised_procurement", true)
	s.say("Site 4", "procurement is centralised: orders are entered on the primary")
	defer func() {
		s.prefer("centralised_procurement", false)
		s.sync(firstSite, secondSite)
	}()
	s.sync(firstSite, secondSite, primarySite)
	lines := []wanted{{s.medicine(0), "4"}}
	stock := s.stock("A", s.medicine(0), "40")
	order := s.buy(primarySite, "B", "A", lines...)
	s.sync(primarySite)
	response := s.one(centreSite, "requisition", "purchase_order_id", string(order))
	ci := s.supply("A", "B", response.ID, sent{stock, "4"})
	s.sync(firstSite)
	goods := s.answer(firstSite, "goods_received", ci)
	s.check(firstSite, goods.Owner.Site == firstSite && goods.Fields.ID("store_id") == s.stores["B"], "the goods received are here, in B")
	s.sync(primarySite)
	s.check(primarySite, s.want(primarySite, "purchase_order", order).Editable, "the order is here, and edited here")
	s.same(primarySite, "received of its line, in units", s.received(primarySite, order, lines...), units(lines, "4"))
	s.sync(firstSite)
	s.check(firstSite, !s.want(firstSite, "purchase_order", order).Editable, "a copy of the order is here, read-only")
	s.same(firstSite, "received of its line, in units", s.received(firstSite, order, lines...), units(lines, "4"))
	s.perform(primarySite, documents.Finalise, "purchase_order", order)
	s.takeIn(goods.ID)
	s.sync(firstSite, primarySite)
}

func tabletToTablet(s *stage) {
	m, n := s.tablet("M", "M Mlima Health Post"), s.tablet("N", "N Njia Health Post")
	s.visible("M", "N", true)
	medicine := s.medicine(0)
	s.sync(m, n)
	s.stock("N", medicine, "12")
	s.offline(m, true)
	next := s.next("N", documents.Response)
	order := s.order("M", "N", medicine, documents.Mul("3", medicine.pack))
	s.offline(m, false)
	for _, id := range []atoll.SiteID{m, n} {
		s.sites[id].line.record()
	}
	s.sync(m, n)
	response := s.answer(n, "requisition", order)
	s.same(n, "a customer requisition is here, with N's next number", response.Fields.Int("number"), next)
	ci := s.one(n, "invoice", "requisition_id", string(response.ID))
	s.packs(n, "and a customer invoice is prepared for it, of packs", s.one(n, "invoice_line", "invoice_id", string(ci.ID)).Fields.Number("number_of_packs"), "3")
	s.perform(n, documents.Finalise, "requisition", response.ID)
	s.say(place(n), "the customer requisition is finalised, and its invoice with it")
	s.sync(n, m)
	half := s.answer(m, "invoice", ci.ID)
	s.check(m, half.Fields.ID("requisition_id") == order, "a supplier invoice is here, under the order")
	s.same(m, "the order is shown as", s.want(m, "requisition", order).Fields.Text("linked_status"), documents.Finalised)
	s.sync(m, n)
	before, requests := s.sums(), 0
	for _, id := range []atoll.SiteID{m, n} {
		for _, t := range s.sites[id].line.eject() {
			k, err := deliver(s.ctx, s.sites[id].line.to, t)
			s.must(id, err)
			requests += k
		}
	}
	s.check(centreSite, s.sums() == before && requests > 0, "all %d requests delivered again: nothing changes anywhere", requests)
	s.receive("M", half.ID)
	in := s.one(m, "invoice_line", "invoice_id", string(half.ID))
	credit := s.giveBack("M", "N", in.Fields.ID("stock_line_id"), half.ID, "1")
	s.sync(m, n, m)
	s.same(n, "the return is finalised by itself on the tablet", s.answer(n, "invoice", credit).Fields.Text("status"), documents.Finalised)
	s.packs(n, "packs in N, of 12 less 3 and 1 back", s.onHand(n, "N", s.batch("N")), "10")
}

func invoiceOption(s *stage) {
	s.prefer("purchase_order_answer", "customer_invoice")
	s.say(place(s.primary()), "a purchase order shall become a customer invoice, not a requisition")
	defer func() { s.prefer("purchase_order_answer", "requisition") }()
	items := s.item("Infusion sets", "Scalp vein needles")
	s.sync(firstSite)
	lines := []wanted{{items[0], "5"}}
	stock, more := s.stock("A", items[0], "40"), s.stock("A", items[1], "40")
	order := s.buy(firstSite, "B", "A", lines...)
	s.sync(firstSite)
	s.same(centreSite, "requisitions made of it", len(s.list(centreSite, "requisition", "purchase_order_id", string(order))), 0)
	ci := s.one(centreSite, "invoice", "purchase_order_id", string(order))
	s.same(centreSite, "A has a customer invoice for it", ci.Fields.Text("status"), documents.Suggested)
	s.same(firstSite, "goods received in B as long as A works on it", len(s.list(firstSite, "goods_received", "originating_id", string(ci.ID))), 0)
	line := s.one(centreSite, "invoice_line", "invoice_id", string(ci.ID))
	batch := s.want(centreSite, "stock_line", stock).Fields
	f := atoll.Fields{}.Set("stock_line_id", stock)
	f["batch"], f["expiry_date"], f["pack_size"] = batch["batch"], batch["expiry_date"], batch["pack_size"]
	s.must(centreSite, s.act(centreSite, func(d documents.Desk) ([]journal.Proposal, error) {
		return d.Settle([]journal.Proposal{change("invoice_line", line.ID, f), insert("invoice_line", s.id(), s.outOf(centreSite, "A", ci.ID, sent{more, "1"}))})
	}))
	s.perform(centreSite, documents.Finalise, "invoice", ci.ID)
	s.say("Centre", "A chooses the batch, adds a line, and finalises it")
	s.sync(firstSite)
	goods := s.answer(firstSite, "goods_received", ci.ID)
	s.same(firstSite, "lines of the goods received in B, of 1 ordered", len(s.list(firstSite, "goods_received_line", "goods_received_id", string(goods.ID))), 2)
	s.same(firstSite, "received of the order's line, in units", s.received(firstSite, order, lines...), units(lines, "5"))
	s.perform(firstSite, documents.Finalise, "purchase_order", order)
	s.takeIn(goods.ID)
	s.sync(firstSite)
}

// editors tries to change an order on every site that has it, and tells where that
// worked.
func (s *stage) editors(order atoll.ID) string {
	var out []string
	for _, p := range s.all() {
		if s.get(p.site, "purchase_order", order) == nil {
			continue
		}
		err := s.try(p.site, change("purchase_order", order, atoll.Fields{}.Set("comment", "tried at "+s.clock.now().String())))
		switch atoll.CodeOf(err) {
		case "":
			out = append(out, spot(p.site))
		case atoll.Ownership:
		default:
			s.must(p.site, err)
		}
	}
	return strings.Join(out, ", ")
}

func switchedOn(s *stage) {
	primary := s.primary()
	enter := func(at atoll.SiteID) (atoll.ID, error) {
		id := s.id()
		return id, s.try(at, insert("purchase_order", id, atoll.Fields{}.Set("store_id", s.stores["D"]).Set("status", documents.New)))
	}
	everybody := func() {
		s.sync(secondSite)
		s.fromPrimary()
		s.sync(secondSite)
	}
	local, err := enter(secondSite)
	s.must(secondSite, err)
	s.say("Site 3", "D begins a purchase order")
	everybody()
	s.prefer("centralised_procurement", true)
	s.say(place(primary), "procurement is centralised")
	s.same(centreSite, "while site 3 has not heard of it, the order can be changed at", s.editors(local), spot(secondSite))
	everybody()
	s.same(centreSite, "when it has, too, until the order is closed", s.editors(local), spot(secondSite))
	central, err := enter(primary)
	s.must(primary, err)
	s.say(place(primary), "a new order for D is entered here")
	everybody()
	s.same(centreSite, "the new order can be changed at", s.editors(central), spot(primary))
	_, err = enter(secondSite)
	s.refused(secondSite, "another order of D's own", err, atoll.Ownership)
	s.prefer("centralised_procurement", false)
	s.say(place(primary), "procurement is local again")
	s.same(centreSite, "the primary's order stays the primary's", s.editors(central), spot(primary))
	everybody()
	s.same(centreSite, "also when site 3 has heard of it", s.editors(central), spot(primary))
	_, err = enter(primary)
	s.refused(primary, "an order for D on the primary", err, atoll.Ownership)
	last, err := enter(secondSite)
	s.must(secondSite, err)
	everybody()
	s.same(centreSite, "a new order of D can be changed at", s.editors(last), spot(secondSite))
}

func unplugged(s *stage) {
	m := s.medicine(0)
	line := s.stock("C", m, "60")
	s.stock("D", m, "5")
	s.sync(secondSite)
	s.offline(secondSite, true)
	mark := s.seq(secondSite)

	ci := s.ship("C", "D", line, "10")
	half := s.answer(secondSite, "invoice", ci)
	s.check(secondSite, half.Fields.Text("kind") == documents.SupplierInvoice, "a shipment is answered by a supplier invoice")
	s.receive("D", half.ID)
	in := s.one(secondSite, "invoice_line", "invoice_id", string(half.ID))
	credit := s.answer(secondSite, "invoice", s.giveBack("D", "C", in.Fields.ID("stock_line_id"), half.ID, "2"))
	s.check(secondSite, credit.Fields.Text("kind") == documents.CustomerCredit, "a return is answered by a customer credit")
	s.receive("C", credit.ID)
	request := s.order("D", "C", m, documents.Mul("4", m.pack))
	response := s.answer(secondSite, "requisition", request)
	s.check(secondSite, response.Fields.Text("kind") == documents.Response, "a request is answered by a response requisition")
	half = s.answer(secondSite, "invoice", s.supply("C", "D", response.ID, sent{line, "4"}))
	s.check(secondSite, half.Fields.ID("requisition_id") == request, "its shipment is answered by a supplier invoice, under the request")
	s.receive("D", half.ID)
	lines := []wanted{{m, "3"}}
	order := s.buy(secondSite, "D", "C", lines...)
	response = s.one(secondSite, "requisition", "purchase_order_id", string(order))
	s.check(secondSite, response.Fields.ID("store_id") == s.stores["C"], "a purchase order is answered by a response requisition")
	ci = s.supply("C", "D", response.ID, sent{line, "3"})
	goods := s.answer(secondSite, "goods_received", ci)
	s.same(secondSite, "and its shipment by goods received; of the order is received", s.received(secondSite, order, lines...), units(lines, "3"))
	s.perform(secondSite, documents.Finalise, "goods_received", goods.ID)
	s.receive("D", s.want(secondSite, "goods_received", goods.ID).Fields.ID("linked_invoice_id"))
	s.perform(secondSite, documents.Finalise, "purchase_order", order)

	st, err := s.sites[secondSite].host.Site.Status(s.ctx)
	s.must(secondSite, err)
	s.same(secondSite, "transactions that wait for the network", st.Waiting, s.seq(secondSite)-mark)
	s.offline(secondSite, false)
	s.sync(secondSite)
	s.same(centreSite, "C and D are collected; documents of stores", s.went(secondSite, mark), "C D")
	mark = s.seq(firstSite)
	own := s.stock("B", m, "5")
	f := s.answer(firstSite, "invoice", s.ship("B", "F", own, "2"))
	s.receive("F", f.ID)
	s.sync(firstSite)
	s.same(centreSite, "F is not; of a shipment from B to F, documents of stores", s.went(firstSite, mark), "B")
}

// went tells of which stores documents came up from a site after seq.
func (s *stage) went(from atoll.SiteID, after uint64) string {
	found := map[string]int{}
	for _, e := range s.journalCopy(from, after) {
		for _, op := range e.Operations {
			if op.Type != "invoice" || !op.Withheld.IsZero() {
				continue
			}
			if r := s.get(centreSite, op.Type, op.ID); r != nil {
				found[s.code(r.Fields.ID("store_id"))]++
			}
		}
	}
	return strings.Join(sortedCodes(found), " ")
}
