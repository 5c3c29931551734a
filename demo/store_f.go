package demo

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// storeF is about store F: active on site 2, administered at the centre, which has
// no copy of its data.
var storeF = []scenario{
	{id: "R-C-90", title: "F's documents never leave site 2", run: staysAtSite},
	{id: "R-C-91", title: "F is administered from the centre", run: administered},
	{id: "R-C-92", title: "F trades with B, not with A or C", run: tradeF},
	{id: "R-C-93", title: "At the centre F is managed, not opened", run: managedOnly},
}

// lastings change the system for good, so they are played last.
var lastings = []scenario{
	{id: "R-C-94", title: "Site 2's device lost: B whole, F empty", lasting: true, run: lostDevice},
	{id: "R-C-95", title: "F becomes collected: its history goes up", lasting: true, run: historyOfF},
}

func staysAtSite(s *stage) {
	s.sync(firstSite)
	f := s.stores["F"]
	before, mark := len(s.ofStore(centreSite, "F")), s.seq(firstSite)
	const made = 100
	for range 5 {
		var do []journal.Proposal
		for range made / 10 {
			do = append(do,
				insert("stocktake", s.id(), atoll.Fields{}.Set("store_id", f).Set("status", "new")),
				insert("invoice", s.id(), atoll.Fields{}.Set("store_id", f).Set("kind", documents.CustomerInvoice).Set("status", documents.New)))
		}
		s.edit(firstSite, do...)
	}
	s.say("Site 2", "%s makes %d documents and stocktakes", s.name("F"), made)
	s.sync(firstSite)
	entries, operations := 0, 0
	for _, e := range s.journalCopy(firstSite, mark) {
		entries++
		for _, op := range e.Operations {
			if op.Withheld.IsZero() {
				operations++
			}
		}
	}
	s.same(centreSite, fmt.Sprintf("records in the %d entries that went up (digests only, for the hash chain)", entries), operations, 0)
	s.check(centreSite, entries > 0, "the hash chain of site 2 goes on without a gap")
	s.same(centreSite, "records of F here, as before", len(s.ofStore(centreSite, "F")), before)
	data := 0
	for _, r := range s.ofStore(centreSite, "F") {
		if r.Type != "name_store_join" && r.Type != "store_preference" {
			data++
		}
	}
	s.same(centreSite, "store data of F here", data, 0)
}

func administered(s *stage) {
	f, preference := s.stores["F"], s.id()
	s.edit(centreSite,
		change("store", f, atoll.Fields{}.Set("name", "F Forodhani Theatre, annex").Set("phone", "555 0127")),
		insert("store_preference", preference, atoll.Fields{}.Set("store_id", f).Set("key", "pack_to_one").Set("value", true)))
	s.say("Centre", "F is renamed to F Forodhani Theatre, annex, and gets a preference")
	s.sync(firstSite)
	s.equalTo("store", f, centreSite, firstSite, "F's record with its new name")
	s.equalTo("store_preference", preference, centreSite, firstSite, "the preference")
	s.edit(centreSite, change("store", f, atoll.Fields{}.Set("name", s.name("F"))))
	s.say("Centre", "F is given its old name back")
	s.sync(firstSite)
	s.same(firstSite, "F's name", s.want(firstSite, "store", f).Fields.Text("name"), s.name("F"))
}

func tradeF(s *stage) {
	m := s.medicine(0)
	line := s.stock("F", m, "50")
	s.offline(firstSite, true)
	half := s.answer(firstSite, "invoice", s.ship("F", "B", line, "5"))
	s.check(firstSite, half.Fields.ID("store_id") == s.stores["B"], "B's supplier invoice is there at once")
	s.receive("B", half.ID)
	s.offline(firstSite, false)
	for _, to := range []string{"C", "A"} {
		_, err := s.tryShip("F", to, "", line, "1")
		s.refused(firstSite, "a shipment of F to "+to, err, atoll.NotVisible)
	}
	s.sync(firstSite)
	s.equalTo("invoice", half.ID, firstSite, centreSite, "B's supplier invoice")
}

func managedOnly(s *stage) {
	v := s.instance(centreSite, "F")
	s.check(centreSite, !v.Open && v.Type == topology.Transfer && v.ManagedOnly, "F cannot be opened or reported on: managed only, no central copy")
	s.check(centreSite, s.want(centreSite, "store", s.stores["F"]).Editable, "F's record is offered for editing")
	s.same(centreSite, "stock lines of F that a report would find", len(s.list(centreSite, "stock_line", "store_id", string(s.stores["F"]))), 0)
	err := s.try(centreSite, insert("stock_line", s.id(), s.medicine(0).stock(s.stores["F"], "X", "1")))
	s.refused(centreSite, "a new stock line in F", err, atoll.Ownership)
}

func lostDevice(s *stage) {
	p, err := s.centre.host.Centre.Try(s.ctx, clerk(centreSite), central.ManageOnly(s.stores["B"], true))
	s.must(centreSite, err)
	s.check(centreSite, len(p.Warnings) == 1 && strings.Contains(p.Warnings[0], "no copy"), "making B managed only as well would warn: %q", strings.Join(p.Warnings, "; "))
	m := s.medicine(0)
	inB, inF := s.stock("B", m, "7"), s.stock("F", m, "8")
	s.sync(firstSite)
	var had []atoll.Key
	for _, r := range s.ofStore(firstSite, "B") {
		// What only goes up, such as the names of users, comes back to nobody.
		if def, ok := s.centre.host.Catalogue.Lookup(r.Type); !r.Deleted && (!ok || def.Route != catalogue.ToCentre) {
			had = append(had, r.Key)
		}
	}
	s.say("Site 2", "the device is stolen; its database is gone")
	s.newDevice(firstSite)
	s.say("Centre", "site 2 gets a new ticket; a new device enrols with it and is filled")
	s.sync(firstSite)
	differ := 0
	for _, key := range had {
		r, err := s.sites[firstSite].host.Station.Record(s.ctx, key)
		c, cerr := s.centre.host.Station.Record(s.ctx, key)
		if err != nil || cerr != nil || !identical(r.Record, c.Record) {
			differ++
		}
	}
	s.same(firstSite, fmt.Sprintf("rows of B that are missing or differ, of %d", len(had)), differ, 0)
	s.equalTo("stock_line", inB, centreSite, firstSite, "B's stock")
	s.check(firstSite, s.get(firstSite, "stock_line", inF) == nil, "F's stock is lost: no copy of it was anywhere")
	s.same(firstSite, "stock lines of F", len(s.list(firstSite, "stock_line", "store_id", string(s.stores["F"]))), 0)
	s.same(firstSite, "stocktakes of F", len(s.list(firstSite, "stocktake", "store_id", string(s.stores["F"]))), 0)
	own := 0
	again := s.list(firstSite, "invoice", "store_id", string(s.stores["F"]))
	for _, r := range again {
		if !r.Fields.Has("originating_id") {
			own++
		}
	}
	s.same(firstSite, "documents of F's own", own, 0)
	if len(again) > 0 {
		s.say("Site 2", "F has %s again, made anew from B's shipments to it", count(len(again), "supplier invoice", "supplier invoices"))
	}
	s.check(firstSite, s.instance(firstSite, "F").Open, "F itself is there and can be opened")
	s.result.Note = "a site does not report the age of its backups in this version"
}

func historyOfF(s *stage) {
	m := s.medicine(0)
	line := s.stock("F", m, "40")
	half := s.answer(firstSite, "invoice", s.ship("F", "B", line, "5"))
	s.receive("B", half.ID)
	var do []journal.Proposal
	for i := range 30 {
		do = append(do, insert("stock_line", s.id(), m.stock(s.stores["F"], fmt.Sprintf("%s-%d", s.batch("F"), i), "3")))
	}
	s.edit(firstSite, do...)
	s.say("Site 2", "%s gets 30 more stock lines", s.name("F"))
	s.sync(firstSite)
	s.check(centreSite, s.get(centreSite, "stock_line", line) == nil, "nothing of it is here")
	s.configure(central.ManageOnly(s.stores["F"], false))
	s.same(centreSite, "F at the centre, no longer managed only", s.topology(centreSite).Instance(s.stores["F"], centreSite).Type, topology.Collector)
	s.sync(firstSite, firstSite)
	here, there := s.digest(firstSite, "F"), s.digest(centreSite, "F")
	s.same(centreSite, "rows of F, as at site 2", len(there), len(here))
	differ := 0
	for key, sum := range here {
		if there[key] != sum {
			differ++
		}
	}
	s.same(centreSite, fmt.Sprintf("checksums that differ from site 2's, of %d", len(here)), differ, 0)
	s.check(centreSite, s.get(centreSite, "stock_line", line) != nil, "F's stock is here")
	s.check(centreSite, s.instance(centreSite, "F").Open, "F can be opened and reported on")
}

// digest is a checksum of each record of a store at a site, tombstones left out.
func (s *stage) digest(at atoll.SiteID, store string) map[atoll.Key]string {
	out := map[atoll.Key]string{}
	for _, r := range s.ofStore(at, store) {
		if !r.Deleted {
			out[r.Key] = fmt.Sprintf("%s %d %s", r.Origin, r.Version, atoll.Digest(r.Body))
		}
	}
	return out
}

// newDevice throws a site's device away and enrols an empty one in its place.
func (s *stage) newDevice(at atoll.SiteID) {
	p := s.sites[at]
	s.must(at, p.lose())
	s.must(centreSite, s.centre.host.Centre.ResetDevice(s.ctx, "technician", at))
	code, err := s.centre.host.Centre.NewCode(s.ctx, "technician", at)
	s.must(centreSite, err)
	t, err := s.centre.host.Ticket(code)
	s.must(centreSite, err)
	s.must(at, s.open(s.ctx, at, p.name, t))
}
