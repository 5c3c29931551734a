package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// storeB is about store B: active on site 2, a collector copy at the centre, known
// to site 3 as a partner.
var storeB = []scenario{
	{id: "R-C-49", title: "B orders from A, and A ships", run: orderBFromA},
	{id: "R-C-50", title: "The centre has all of B, site 3 nothing", run: func(s *stage) { collected(s, "B", secondSite) }},
	{id: "R-C-51", title: "At the centre B is read, not edited", run: func(s *stage) { readAtCentre(s, "B") }},
	{id: "R-C-52", title: "On site 3 B cannot be opened", run: func(s *stage) { closedTo(s, "B", secondSite) }},
	{id: "R-C-53", title: "C ships to B while site 2 is away", run: func(s *stage) { shipToAway(s, "C", "B") }},
	{id: "R-C-54", title: "A and B ship to each other", run: bothWaysAB},
	{id: "R-C-55", title: "B ships to F without a network", run: shipBToF},
	{id: "R-C-56", title: "B's preferences go to its active site only", run: preferencesOfB},
}

func orderBFromA(s *stage) {
	m := s.medicine(0)
	line := s.stock("A", m, "200")
	s.sync(firstSite, secondSite)
	before := len(s.ofStore(secondSite, "B"))
	next := s.next("A", documents.Response)
	req := s.order("B", "A", m, "60")
	s.sync(firstSite)
	response := s.answer(centreSite, "requisition", req)
	s.same(centreSite, "A has a response requisition, with A's next number", response.Fields.Int("number"), next)
	ci := s.shipFor("A", "B", response.ID, line, "60")
	s.sync(firstSite)
	half := s.answer(firstSite, "invoice", ci)
	s.check(firstSite, half.Fields.ID("store_id") == s.stores["B"] && half.Fields.ID("requisition_id") == req,
		"B has the supplier invoice, linked to its own request")
	s.receive("B", half.ID)
	s.sync(firstSite, secondSite)
	s.same(secondSite, "records of B, as before", len(s.ofStore(secondSite, "B")), before)
	s.check(secondSite, s.get(secondSite, "invoice", ci) == nil && s.get(secondSite, "requisition", req) == nil, "nothing of this is here")
}

// collected makes stock lines, a stocktake, a prescription (in a dispensary) and a
// document in a store, and looks for them at the centre and at another site.
func collected(s *stage, store string, other atoll.SiteID) {
	at, id, m := s.home(store), s.stores[store], s.medicine(0)
	line := s.stock(store, m, "33")
	take, takeLine, out := s.id(), s.id(), s.id()
	s.edit(at,
		insert("stocktake", take, atoll.Fields{}.Set("store_id", id).Set("status", "new").Set("description", "Monthly count")),
		insert("stocktake_line", takeLine, atoll.Fields{}.Set("stocktake_id", take).Set("store_id", id).Set("item_id", m.id)),
		insert("invoice", out, atoll.Fields{}.Set("store_id", id).Set("kind", documents.CustomerInvoice).Set("status", documents.New)),
		change("stock_line", line, atoll.Fields{}.Set("note", "top shelf")))
	made := map[atoll.Type]atoll.ID{"stock_line": line, "stocktake": take, "stocktake_line": takeLine, "invoice": out}
	if store == "B" {
		made["prescription"] = s.dispense(line, m)
	}
	s.say(place(at), "%s begins a stocktake and a customer invoice", s.name(store))
	s.sync(at)
	for _, kind := range sorted(made) {
		s.equalTo(kind, made[kind], at, centreSite, "the "+spoken(kind))
	}
	n, differ := 0, 0
	for _, r := range s.ofStore(at, store) {
		if r.Deleted {
			continue
		}
		n++
		if c, err := s.centre.host.Station.Record(s.ctx, r.Key); err != nil || !identical(r, c.Record) {
			differ++
		}
	}
	s.same(centreSite, fmt.Sprintf("rows of %s that differ from site %d's, of %d", store, at, n), differ, 0)
	s.sync(other)
	s.nothingOf(other, store)
}

// dispense makes a prescription for a patient of B.
func (s *stage) dispense(line atoll.ID, m medicine) atoll.ID {
	patient, prescription := s.id(), s.id()
	b := s.stores["B"]
	stock := s.want(firstSite, "stock_line", line).Fields
	packs := documents.Sub(stock.Number("total_number_of_packs"), "1")
	s.edit(firstSite,
		insert("patient", patient, atoll.Fields{}.Set("name", "Wanjiru, Asha").Set("first_name", "Asha").Set("last_name", "Wanjiru").
			Set("home_store_id", b).Set("date_of_birth", "1991-04-12").Set("gender", "female").Set("status", "active")),
		insert("prescription", prescription, atoll.Fields{}.Set("store_id", b).Set("patient_id", patient).Set("status", documents.Finalised).Set("line_count", 1)),
		insert("prescription_line", s.id(), atoll.Fields{}.Set("prescription_id", prescription).Set("store_id", b).Set("patient_id", patient).
			Set("kind", "stock_out").Set("item_id", m.id).Set("stock_line_id", line).Set("number_of_packs", 1)),
		change("stock_line", line, atoll.Fields{}.Set("total_number_of_packs", decimal(packs)).Set("available_number_of_packs", decimal(packs))))
	s.say("Site 2", "%s dispenses one pack to a patient", s.name("B"))
	return prescription
}

// nothingOf wants a site to hold nothing of a store but documents exchanged with
// stores of its own.
func (s *stage) nothingOf(at atoll.SiteID, store string) {
	counts := map[atoll.Type]int{}
	exchanged := 0
	for _, r := range s.ofStore(at, store) {
		f := r.MustFields()
		switch {
		case f.Has("partner_store_id") && slices.Contains(s.topology(at).Active(at), f.ID("partner_store_id")):
			exchanged++
		case r.Hidden || r.Deleted:
		default:
			counts[r.Type]++
		}
	}
	for _, kind := range []atoll.Type{"stock_line", "stocktake", "prescription"} {
		s.same(at, fmt.Sprintf("%ss of %s", spoken(kind), store), counts[kind], 0)
		delete(counts, kind)
	}
	but := ""
	if exchanged > 0 {
		but = ", but " + count(exchanged, "record", "records") + " of documents exchanged with stores here"
	}
	s.check(at, len(counts) == 0, "anything else of %s: nothing%s%s", store, but, others(counts))
}

func others(counts map[atoll.Type]int) string {
	if len(counts) == 0 {
		return ""
	}
	return fmt.Sprintf(" (found: %v)", counts)
}

func readAtCentre(s *stage, store string) {
	line := s.stock(store, s.medicine(0), "12")
	s.sync(s.home(store))
	v := s.instance(centreSite, store)
	s.check(centreSite, v.Open && v.Type == topology.Collector, "%s can be opened: it is a collector copy", store)
	s.packs(centreSite, "a report of its stock says, of this batch", s.onHand(centreSite, store, s.batch(store)), "12")
	s.check(centreSite, !s.want(centreSite, "stock_line", line).Editable, "the stock line is offered read-only")
	s.refused(centreSite, "an edit", s.try(centreSite, change("stock_line", line, atoll.Fields{}.Set("note", "x"))), atoll.Ownership)
	err := s.act(centreSite, func(d documents.Desk) ([]journal.Proposal, error) { return d.Adjust(line, "1", "tried") })
	s.refused(centreSite, "an adjustment", err, atoll.Ownership)
	s.readOnlyOverAPI(centreSite, "stock_line", line, atoll.Fields{}.Set("note", "x"))
}

func closedTo(s *stage, store string, at atoll.SiteID) {
	open := s.openOverAPI(at)
	s.check(at, open != "" && !strings.Contains(open, store), "the stores that can be opened or reported on here are %s", open)
	v := s.instance(at, store)
	s.check(at, !v.Open && v.Type == topology.Transfer, "%s is known as a partner only: a transfer instance", store)
	s.same(at, "stock lines of "+store+" that a report would find", len(s.list(at, "stock_line", "store_id", string(s.stores[store]))), 0)
}

// exactly are the fields of a shipment's line that the receiver gets as sent.
var exactly = []string{"item_id", "batch", "expiry_date", "pack_size", "number_of_packs"}

// shipToAway tells of a shipment from one remote store to another whose site is
// away for a week.
func shipToAway(s *stage, from, to string) {
	sender, receiver := s.home(from), s.home(to)
	line := s.stock(from, s.medicine(0), "12.50")
	next := s.next(to, documents.SupplierInvoice)
	s.say(place(receiver), "is away")
	ci := s.ship(from, to, line, "4.5", "1.25")
	s.sync(sender)
	s.week()
	sent := s.list(centreSite, "invoice_line", "invoice_id", string(ci))
	s.check(centreSite, s.get(centreSite, "invoice", ci) != nil && len(sent) == 2, "the customer invoice and its 2 lines wait for site %d", receiver)
	s.same(centreSite, "answers made in the receiver's name", len(s.list(centreSite, "invoice", "originating_id", string(ci))), 0)
	s.sync(receiver)
	half := s.answer(receiver, "invoice", ci)
	f := half.Fields
	s.same(receiver, to+" has a supplier invoice, with its next number", f.Int("number"), next)
	s.check(receiver, f.ID("store_id") == s.stores[to] && f.Bool("on_hold", false), "it is on hold")
	equal := 0
	for _, l := range sent {
		got := s.answer(receiver, "invoice_line", l.ID).Fields
		same := true
		for _, name := range exactly {
			same = same && string(got[name]) == string(l.Fields[name])
		}
		if same {
			equal++
		}
	}
	s.same(receiver, "lines equal in item, batch, expiry, pack size and packs, of 2", equal, 2)
	s.equalTo("invoice", half.ID, receiver, centreSite, "the supplier invoice")
	s.sync(sender)
	own := s.want(sender, "invoice", ci).Fields
	s.same(sender, "the customer invoice shows the number of its answer", own.Int("linked_number"), next)
	s.same(sender, "and its status", own.Text("linked_status"), f.Text("status"))
	s.receive(to, half.ID)
}

func bothWaysAB(s *stage) {
	shipAToB(s)
	shipBToA(s)
}

func shipBToF(s *stage) {
	line := s.stock("B", s.medicine(0), "20")
	s.offline(firstSite, true)
	_, err := s.world.sync(s.ctx, firstSite)
	s.refused(firstSite, "a sync", err, atoll.Unavailable, atoll.Interrupted)
	ci := s.ship("B", "F", line, "3")
	half := s.answer(firstSite, "invoice", ci)
	s.check(firstSite, half.Fields.ID("store_id") == s.stores["F"], "F's supplier invoice is there at once")
	s.offline(firstSite, false)
	s.sync(firstSite)
	s.equalTo("invoice", ci, firstSite, centreSite, "B's customer invoice")
	s.check(centreSite, s.get(centreSite, "invoice", half.ID) == nil, "F's supplier invoice is not here: F's data stays at its site")
	open, err := s.centre.host.Station.Processors.Exceptions(s.ctx)
	s.must(centreSite, err)
	s.same(centreSite, "errors about the partner that cannot be seen", len(open), 0)
	s.receive("F", half.ID)
}

// offline takes a site off the network, or lets it back on.
func (s *stage) offline(at atoll.SiteID, off bool) {
	s.sites[at].line.set(off)
	if off {
		s.say(place(at), "loses its network")
	} else {
		s.say(place(at), "is back on the network")
	}
}

func preferencesOfB(s *stage) {
	b := s.stores["B"]
	preference := s.id()
	s.edit(centreSite,
		insert("store_preference", preference, atoll.Fields{}.Set("store_id", b).Set("key", "months_lead_time").Set("value", 2)),
		change("store", b, atoll.Fields{}.Set("phone", "555 0121")))
	s.say("Centre", "B's lead time is set to 2 months, and its telephone number changes")
	s.sync(firstSite, secondSite)
	s.equalTo("store_preference", preference, centreSite, firstSite, "the preference")
	s.equalTo("store", b, centreSite, secondSite, "B's core record")
	s.check(secondSite, s.get(secondSite, "store_preference", preference) == nil, "the preference is not here")
}
