package demo

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// merges are about records that are there twice.
var merges = []scenario{
	{id: "R-E-40", title: "An item that is listed twice", run: mergeItems},
	{id: "R-E-41", title: "Merged, and merged again: a chain", run: mergeChain},
	{id: "R-E-42", title: "The merge arrives a second time", run: mergeAgain},
	{id: "R-E-43", title: "A shipment made before hearing of it", run: mergeCrossing},
	{id: "R-E-44", title: "A circle, by a tampered program", run: mergeCircle},
	{id: "R-E-45", title: "A patient who is registered twice", run: mergePatients},
	{id: "R-E-46", title: "Patients are merged at home only", run: mergeElsewhere},
	{id: "R-E-47", title: "The item changes while goods are underway", run: mergeInTransit},
	{id: "R-E-48", title: "A new tablet sees what an old site sees", run: mergeFresh},
	{id: "R-E-49", title: "Two shelves become one", run: mergeShelves},
}

// merge merges one record into another at a site.
func (s *stage) merge(at atoll.SiteID, kind atoll.Type, from, into atoll.ID) {
	s.must(at, s.tryMerge(at, kind, from, into))
}

func (s *stage) tryMerge(at atoll.SiteID, kind atoll.Type, from, into atoll.ID) error {
	_, err := s.at(at).host.Station.Merge(s.ctx, clerk(at), station.Merge{Type: kind, From: from, Into: into})
	return err
}

// mergeItem merges an item into another on the primary, and lets the centre know.
func (s *stage) mergeItem(from, into medicine) {
	at := s.primary()
	s.merge(at, "item", from.id, into.id)
	s.say(place(at), "%s is merged into %s", from.name, into.name)
	s.fromPrimary()
}

// shelf puts packs of an item into a store.
func (s *stage) shelf(store string, m medicine, packs string) atoll.ID {
	id, at := s.id(), s.home(store)
	s.edit(at, insert("stock_line", id, m.stock(s.stores[store], s.batch(store), packs)))
	s.say(place(at), "%s has %s packs of %s", s.name(store), packs, m.name)
	return id
}

// total is what the centre counts of an item, over all stores.
func (s *stage) total(m medicine) string {
	sum := "0"
	for _, l := range s.list(centreSite, "stock_line", "item_id", string(m.id)) {
		sum = documents.Add(sum, l.Fields.Number("total_number_of_packs"))
	}
	return sum
}

func mergeItems(s *stage) {
	items := s.item("Aspirin 300 mg tablets", "Acetylsalicylic acid 300 mg tablets")
	x, y := items[0], items[1]
	s.sync(firstSite, secondSite)
	lines := map[atoll.SiteID]atoll.ID{firstSite: s.shelf("B", x, "10"), secondSite: s.shelf("C", x, "20")}
	s.shelf("B", y, "3")
	s.shelf("C", y, "4")
	order := s.order("B", "A", x, "30")
	open, err := s.draft(documents.CustomerInvoice, "B", "C", "", lines[firstSite], "1")
	s.must(firstSite, err)
	s.say("Site 2", "B begins a customer invoice with a line of the first of the two")
	s.sync(firstSite, secondSite)
	s.mergeItem(x, y)
	s.packs(centreSite, "packs of the item that stays, at once", s.total(y), "37")
	s.same(centreSite, "the stock of B is still as B wrote it", s.stored(centreSite, "stock_line", lines[firstSite], "item_id"), x.id)
	for _, at := range []atoll.SiteID{firstSite, secondSite} {
		before := s.seq(at)
		s.sync(at)
		s.packs(centreSite, "packs of the item that stays", s.total(y), "37")
		s.same(at, "transactions in which it put its own records right", s.seq(at)-before, 1)
		s.check(centreSite, s.stored(centreSite, "stock_line", lines[at], "item_id") == y.id, "its stock line names the item that stays")
	}
	for _, d := range []struct {
		kind  atoll.Type
		of    string
		id    atoll.ID
		words string
	}{{"requisition_line", "requisition_id", order, "the line of B's order"}, {"invoice_line", "invoice_id", open, "the line of B's open invoice"}} {
		l := s.one(firstSite, d.kind, d.of, string(d.id))
		s.check(firstSite, s.stored(firstSite, d.kind, l.ID, "item_id") == y.id, "%s names the item that stays", d.words)
	}
	s.must(firstSite, s.attempt(firstSite, documents.Delete, "invoice", open))
	s.sync(firstSite)
}

func mergeChain(s *stage) {
	for s.round = 1; s.round <= 2; s.round++ {
		items := s.item("Ciprofloxacin 500 mg", "Ciprofloxacin 500 mg tab.", "Ciprofloxacin 500 mg tablets")
		x, y, z := items[0], items[1], items[2]
		s.sync(firstSite, secondSite)
		line := s.shelf("C", x, "8")
		s.sync(secondSite)
		if s.round == 1 {
			s.mergeItem(x, y)
			s.sync(firstSite)
			s.mergeItem(y, z)
		} else {
			s.mergeItem(y, z)
			s.sync(firstSite)
			at := s.primary()
			s.refused(at, "merging into the one that is gone", s.tryMerge(at, "item", x.id, y.id), atoll.Rule)
			s.mergeItem(x, z)
		}
		s.say("", "Site 2 heard of one at a time; site 3 hears of both at once.")
		s.sync(firstSite, secondSite)
		for _, at := range []atoll.SiteID{centreSite, firstSite, secondSite} {
			ok := true
			for _, m := range []medicine{x, y} {
				ok = ok && s.want(at, "item", m.id).Survivor == z.id
			}
			s.check(at, ok, "both stand for the last of the three")
		}
		s.check(secondSite, s.stored(secondSite, "stock_line", line, "item_id") == z.id, "C's stock line names the last of the three")
	}
	s.result.Note = "two orders here; the tests try every order of many merges"
}

func mergeAgain(s *stage) {
	items := s.item("Zinc 20 mg, blister", "Zinc 20 mg dispersible tablets")
	s.sync(firstSite)
	s.shelf("B", items[0], "6")
	s.sync(firstSite)
	s.mergeItem(items[0], items[1])
	s.sync(firstSite, secondSite, firstSite)
	here, there := s.seq(firstSite), s.seq(centreSite)
	h := s.centre.host
	s.must(centreSite, h.Store.Update(s.ctx, func(tx storage.Tx) error {
		return h.Station.Door.Return(tx, firstSite, atoll.Key{Type: "item", ID: items[0].id})
	}))
	s.say("Centre", "the merge is sent to site 2 again, as if it had not arrived")
	c := s.sync(firstSite)
	s.check(firstSite, c.Received > 0, "it arrived")
	s.same(firstSite, "entries that it led to", s.seq(firstSite)-here+s.seq(centreSite)-there, 0)
	s.same(firstSite, "changes sent", c.Sent, 0)
}

func mergeCrossing(s *stage) {
	items := s.item("ORS sachets 1 litre", "Oral rehydration salts, 1 litre")
	x, y := items[0], items[1]
	s.sync(firstSite, secondSite)
	line := s.shelf("B", x, "10")
	s.sync(firstSite)
	s.offline(firstSite, true)
	s.mergeItem(x, y)
	mark := s.seq(firstSite)
	ci := s.ship("B", "C", line, "4")
	made := s.seq(firstSite)
	s.offline(firstSite, false)
	s.sync(firstSite)
	sold := s.one(centreSite, "invoice_line", "invoice_id", string(ci))
	s.check(centreSite, sold.Fields.ID("item_id") == y.id, "the shipment is shown with the item that stays")
	old, late := 0, 0
	for _, e := range s.journalCopy(firstSite, mark) {
		if e.Cause.Kind == "merge" {
			late++
		} else if e.Seq <= made {
			old++
		}
	}
	s.check(centreSite, uint64(old) == made-mark, "what site 2 had made before it heard of the merge was taken as it was, in %s", count(old, "entry", "entries"))
	s.same(firstSite, "transactions in which it then put its records right", late, 1)
	s.check(firstSite, s.stored(firstSite, "invoice_line", sold.ID, "item_id") == y.id, "the line names the item that stays")
	s.sync(secondSite)
	if half := s.list(secondSite, "invoice", "originating_id", string(ci)); len(half) == 1 {
		s.receive("C", half[0].ID)
	}
	s.sync(secondSite, firstSite)
	s.packs(centreSite, "packs of it in all", s.total(y), "10")
}

func mergeCircle(s *stage) {
	items := s.item("Iron and folic acid", "Ferrous salt with folic acid")
	x, y := items[0], items[1]
	s.mergeItem(x, y)
	at := s.primary()
	s.refused(at, "merging the other way round as well", s.tryMerge(at, "item", y.id, x.id), atoll.Rule)
	s.delegate("B")
	defer s.undelegate()
	s.forge(firstSite, change("item", y.id, atoll.Fields{}.Set("status", "merged").Set("merged_into", x.id).
		Set("merged_at", s.clock.now().UTC().Format("2006-01-02T15:04:05Z"))))
	s.say("Site 2", "which may edit items now, writes it past its own program's laws")
	s.sync(firstSite)
	open := s.refusals(firstSite)
	s.check(centreSite, len(open) == 1 && open[0].Code == atoll.Rule, "it is refused, and kept in quarantine")
	s.check(centreSite, s.want(centreSite, "item", x.id).Survivor == y.id && s.want(centreSite, "item", y.id).Survivor == "", "the first merge holds")
	for _, q := range open {
		s.decide(q.ID, central.Return, "a circle of merges")
	}
	s.sync(firstSite)
	s.check(firstSite, s.want(firstSite, "item", y.id).Survivor == "", "site 2 was given the true item back")
}

// patient registers a patient in a dispensary.
func (s *stage) patient(store, first, last, born string) atoll.ID {
	at := s.home(store)
	id, err := s.at(at).host.Station.Register(s.ctx, clerk(at), "patient", s.stores[store],
		atoll.Fields{}.Set("first_name", first).Set("last_name", last).Set("date_of_birth", born))
	s.must(at, err)
	s.say(place(at), "%s registers %s %s", s.name(store), first, last)
	return id
}

// show makes a patient visible in a store.
func (s *stage) show(patient atoll.ID, store string) {
	s.must(centreSite, s.centre.host.Station.ShowPerson(s.ctx, clerk(centreSite), atoll.Key{Type: "patient", ID: patient}, s.stores[store], true))
	s.say("Centre", "the patient is made visible in %s", s.name(store))
}

// prescription begins a prescription for a patient.
func (s *stage) prescription(store string, patient atoll.ID) (atoll.ID, error) {
	id := s.id()
	return id, s.try(s.home(store), insert("prescription", id, atoll.Fields{}.Set("store_id", s.stores[store]).
		Set("patient_id", patient).Set("status", documents.New)))
}

func mergePatients(s *stage) {
	p1, p2 := s.patient("B", "Amani", "Mwangi", "1988-02-03"), s.patient("B", "Amani", "Mwangy", "1988-02-03")
	event := s.id()
	s.edit(firstSite, insert("patient_event", event, atoll.Fields{}.Set("patient_id", p2).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", "asthma")))
	s.sync(firstSite)
	s.show(p1, "D")
	s.show(p2, "D")
	s.sync(firstSite, secondSite)
	at3, err := s.prescription("D", p1)
	s.must(secondSite, err)
	s.say("Site 3", "D prescribes for the first of the two")
	s.sync(secondSite, firstSite)
	s.merge(firstSite, "patient", p1, p2)
	s.say("Site 2", "the first is merged into the second: they are one person")
	s.sync(firstSite, secondSite)
	shown := 0
	for _, r := range s.list(secondSite, "patient") {
		if r.ID == p1 || r.ID == p2 {
			shown++
		}
	}
	s.same(secondSite, "patients shown", shown, 1)
	s.same(secondSite, "prescriptions in the history", len(s.list(secondSite, "prescription", "patient_id", string(p2))), 1)
	s.check(secondSite, s.get(secondSite, "patient_event", event) != nil, "the other one's history is in it, too")
	s.check(secondSite, s.stored(secondSite, "prescription", at3, "patient_id") == p2, "D's prescription names the patient that stays")
	s.sync(secondSite)
	s.equalTo("prescription", at3, secondSite, centreSite, "as site 3 put it right, the prescription")
	s.sync(firstSite)
}

func mergeElsewhere(s *stage) {
	b1, b2 := s.patient("B", "Zuri", "Njeri", "2001-07-09"), s.patient("B", "Zuri", "Njery", "2001-07-09")
	d := s.patient("D", "Zuri", "Njeri", "2001-07-09")
	s.sync(firstSite, secondSite)
	s.show(b1, "D")
	s.show(b2, "D")
	s.show(d, "B")
	s.sync(firstSite, secondSite)
	s.refused(secondSite, "merging two patients of site 2", s.tryMerge(secondSite, "patient", b1, b2), atoll.Ownership)
	s.refused(firstSite, "merging a patient of site 2 into one of site 3", s.tryMerge(firstSite, "patient", b1, d), atoll.Rule)
	s.same(firstSite, "patients here, still", s.patients(firstSite, b1, b2, d), 3)
}

// patients counts those of the patients that a site shows as such.
func (s *stage) patients(at atoll.SiteID, ids ...atoll.ID) (n int) {
	for _, id := range ids {
		if r := s.get(at, "patient", id); r != nil && r.Survivor == "" {
			n++
		}
	}
	return n
}

func mergeInTransit(s *stage) {
	items := s.item("Gentamicin inj. 80 mg", "Gentamicin 40 mg/ml, 2 ml ampoules")
	x, y := items[0], items[1]
	s.sync(firstSite, secondSite)
	ci := s.ship("B", "C", s.shelf("B", x, "10"), "4")
	s.sync(firstSite)
	s.mergeItem(x, y)
	s.sync(secondSite)
	half := s.answer(secondSite, "invoice", ci)
	l := s.one(secondSite, "invoice_line", "invoice_id", string(half.ID))
	s.check(secondSite, s.stored(secondSite, "invoice_line", l.ID, "item_id") == y.id, "C's supplier invoice is made with the item that stays")
	s.receive("C", half.ID)
	s.sync(secondSite, firstSite)
	s.packs(centreSite, "packs of it in all", s.total(y), "10")
}

func mergeFresh(s *stage) {
	const many = 6
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("Surgical gloves, spelling %d", i+1))
	}
	items := s.item(names...)
	s.sync(firstSite)
	at := s.tablet("M", "M Mlima Health Post")
	for i := range many - 1 {
		s.mergeItem(items[i], items[i+1])
	}
	s.sync(firstSite)
	s.newDevice(at)
	s.say(place(at), "the tablet is lost; a new one is enrolled and filled")
	mark := s.seq(at)
	s.sync(at)
	alike := 0
	for _, m := range items {
		a, b := s.want(at, "item", m.id), s.want(firstSite, "item", m.id)
		if a.Survivor == b.Survivor && string(a.Fields.Encode()) == string(b.Fields.Encode()) {
			alike++
		}
	}
	s.same(at, fmt.Sprintf("of the %d items, seen as site 2 sees them", many), alike, many)
	s.same(at, "items in the list, as on site 2", len(s.list(at, "item")), len(s.list(firstSite, "item")))
	listed := 0
	for _, r := range s.list(at, "item") {
		if strings.HasPrefix(r.Fields.Text("name"), "Surgical gloves, spelling") {
			listed++
		}
	}
	s.same(at, "of the items that were merged, in the list", listed, 1)
	s.same(at, "records that it had to put right", s.seq(at)-mark, 0)
}

func mergeShelves(s *stage) {
	shelf := func(code, name string) atoll.ID {
		id := s.id()
		s.edit(firstSite, insert("location", id, atoll.Fields{}.Set("store_id", s.stores["B"]).Set("code", code).Set("name", name).Set("status", "active")))
		return id
	}
	l1, l2 := shelf("B-8", "Shelf by the window"), shelf("B-9", "Window shelf")
	line := s.stock("B", s.medicine(0), "5")
	s.edit(firstSite, change("stock_line", line, atoll.Fields{}.Set("location_id", l1)))
	s.sync(firstSite)
	s.refused(centreSite, "merging B's shelves at the centre", s.tryMerge(centreSite, "location", l1, l2), atoll.Ownership)
	s.merge(firstSite, "location", l1, l2)
	s.say("Site 2", "the shelf by the window is merged into the window shelf")
	s.sync(firstSite)
	s.check(firstSite, s.stored(firstSite, "stock_line", line, "location_id") == l2, "the stock is on the window shelf")
	s.equalTo("stock_line", line, firstSite, centreSite, "the stock line")
	s.equalTo("location", l1, firstSite, centreSite, "the shelf that was merged")
}
