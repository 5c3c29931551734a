package demo

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/station"
)

// delegations are about the right to edit the lists that all sites use.
var delegations = []scenario{
	{id: "R-F-20", title: "Site 2 may edit items, and adds one", run: delegateAdds},
	{id: "R-F-21", title: "There, too, not everybody may", run: delegateUser},
	{id: "R-F-22", title: "Pushed without the right, by tampering", run: withoutRight},
	{id: "R-F-23", title: "The right is withdrawn, five edits unsent", run: withdrawn},
	{id: "R-F-24", title: "A site grants itself the right", run: grantedByItself},
	{id: "R-F-25", title: "The right to items is not to names", run: otherDomain},
	{id: "R-F-26", title: "The right is not given twice", run: secondGrant},
}

// delegate gives the right to edit items to a store's site.
func (s *stage) delegate(store string) {
	s.configure(s.centre.host.Centre.Grant(clerk(centreSite), central.Delegation{Domain: "items", Reason: "the demo"}, s.stores[store]))
	s.say("Centre", "the right to edit items is given to site %d, for %s", s.home(store), s.name(store))
	s.fromPrimary()
	s.sync(s.home(store))
}

// undelegate takes it back, in good order.
func (s *stage) undelegate() {
	holder, _ := s.topology(centreSite).Delegate("items")
	s.configure(s.centre.host.Centre.Withdraw(clerk(centreSite), central.Delegation{Domain: "items", Reason: "the demo goes on"}))
	if holder != centreSite && holder != s.LeaveOut {
		_, err := s.world.sync(s.ctx, holder)
		s.must(holder, err)
	}
	s.say("Centre", "the right to edit items goes back to the primary")
	s.fromPrimary()
}

// gauze are the fields of a new item.
func (s *stage) gauze(n int) atoll.Fields {
	return atoll.Fields{}.Set("code", fmt.Sprintf("%s-%d", s.batch("item"), n)).Set("name", fmt.Sprintf("Gauze roll, width %d cm", n)).
		Set("kind", "stock").Set("status", "active")
}

func delegateAdds(s *stage) {
	id := s.id()
	s.refused(firstSite, "a new item on site 2, without the right", s.try(firstSite, insert("item", id, s.gauze(5))), atoll.Ownership)
	s.delegate("B")
	defer s.undelegate()
	s.offline(firstSite, true)
	s.edit(firstSite, insert("item", id, s.gauze(5)))
	s.say("Site 2", "adds an item to the list: Gauze roll, width 5 cm")
	s.offline(firstSite, false)
	at := s.primary()
	s.refused(at, "meanwhile, a new item on the primary", s.try(at, insert("item", s.id(), s.gauze(6))), atoll.Ownership)
	s.sync(firstSite, secondSite)
	s.equalTo("item", id, firstSite, secondSite, "the item")
	past, err := s.centre.host.Station.History(s.ctx, atoll.Key{Type: "item", ID: id}, 0)
	s.must(centreSite, err)
	s.same(centreSite, "changes of it in the centre's history", len(past), 1)
	s.check(secondSite, !s.want(secondSite, "item", id).Editable, "site 3 reads it only")
}

func delegateUser(s *stage) {
	s.delegate("B")
	defer s.undelegate()
	password, err := s.sites[firstSite].host.Station.AddUser(s.ctx, "pili", station.StoreUser, "")
	s.must(firstSite, err)
	curator, err := s.sites[firstSite].host.Station.AddUser(s.ctx, "rehema", station.DataManager, "")
	s.must(firstSite, err)
	s.say("Site 2", "pili works in a store here; rehema keeps the lists")
	s.sync(firstSite)
	mark := s.seq(firstSite)
	path := "/records/item/" + string(s.id())
	body := map[string]any{"fields": s.gauze(7)}
	s.refused(firstSite, "a new item by pili, over the REST API", s.restAs(firstSite, "pili", password, http.MethodPut, path, body), atoll.Denied)
	s.same(firstSite, "entries that the attempt left in the journal", s.seq(firstSite)-mark, 0)
	c := s.sync(firstSite)
	s.same(firstSite, "changes sent", c.Sent, 0)
	s.must(firstSite, s.restAs(firstSite, "rehema", curator, http.MethodPut, path, body))
	s.check(firstSite, s.seq(firstSite) > mark, "rehema adds it")
	s.sync(firstSite)
}

// tampered lets site 3 push a change of a record that it has no right to, and sees
// what becomes of that.
func (s *stage) tampered(key atoll.Key, also func()) {
	true3 := s.want(centreSite, key.Type, key.ID)
	mark, before := s.seq(centreSite), len(s.refusals(secondSite))
	if also != nil {
		also()
	}
	s.forge(secondSite, journal.Proposal{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.Set("name", "Forged")})
	s.say("Site 3", "a program that was tampered with renames the %s to Forged", spoken(key.Type))
	other := s.id()
	s.edit(secondSite, insert("location", other, atoll.Fields{}.Set("store_id", s.stores["C"]).Set("code", s.batch("L")).Set("name", "Back room").Set("status", "active")))
	s.say("Site 3", "and C gets a new shelf, rightly")
	s.sync(secondSite)
	now := s.want(centreSite, key.Type, key.ID)
	s.check(centreSite, now.Fields.Text("name") == true3.Fields.Text("name") && now.Version == true3.Version, "the %s is as it was: %s", spoken(key.Type), now.Fields.Text("name"))
	s.same(centreSite, "entries in the centre's own journal because of it", s.seq(centreSite)-mark, 0)
	s.check(centreSite, s.get(centreSite, "location", other) != nil, "the new shelf was taken")
	open := s.refusals(secondSite)
	var mine *int64
	for i, q := range open {
		if q.Subject == key && q.Code == atoll.Ownership {
			mine = &open[i].ID
		}
	}
	if s.check(centreSite, mine != nil && len(open) > before, "the change is in quarantine") {
		s.listed(*mine, key)
	}
	s.sync(secondSite)
	s.same(secondSite, "site 3 has the true name back", s.want(secondSite, key.Type, key.ID).Fields.Text("name"), now.Fields.Text("name"))
	for _, q := range open {
		s.decide(q.ID, central.Return, "nobody there may edit this")
	}
	s.sync(secondSite)
}

// listed looks at a refusal as an operator sees it, over the REST API.
func (s *stage) listed(id int64, key atoll.Key) {
	var shown struct {
		Site    atoll.SiteID `json:"site"`
		Subject string       `json:"subject"`
		Message string       `json:"message"`
		Changes []struct {
			Difference []struct {
				Field  string `json:"field"`
				Now    any    `json:"now"`
				Wanted any    `json:"wanted"`
			} `json:"difference"`
		} `json:"changes"`
	}
	s.must(centreSite, s.rest(centreSite, http.MethodGet, fmt.Sprintf("/quarantine/%d", id), nil, &shown))
	differs := ""
	for _, c := range shown.Changes {
		for _, d := range c.Difference {
			differs += fmt.Sprintf("%s: %v, wanted %v", d.Field, d.Now, d.Wanted)
		}
	}
	ok := shown.Site == secondSite && shown.Subject == key.String() && strings.Contains(differs, "wanted Forged")
	s.check(centreSite, ok, "the operator sees site %d, the record, and the difference (%s)", shown.Site, differs)
}

func withoutRight(s *stage) {
	m := s.item("Crepe bandage 10 cm")[0]
	s.sync(firstSite, secondSite)
	s.tampered(atoll.Key{Type: "item", ID: m.id}, nil)
}

func grantedByItself(s *stage) {
	m := s.item("Crepe bandage 8 cm")[0]
	s.sync(firstSite, secondSite)
	s.tampered(atoll.Key{Type: "item", ID: m.id}, func() {
		s.forge(secondSite, journal.Proposal{Verb: atoll.Insert, Key: rights.Key("items"), Fields: atoll.Fields{}.
			Set("domain", "items").Set("active", true).Set("epoch", 1).Set("store_id", s.stores["C"])})
		s.say("Site 3", "writes into its own database that it may edit items")
	})
	for _, at := range []atoll.SiteID{centreSite, secondSite} {
		holder, _ := s.topology(at).Delegate("items")
		s.same(at, "who may edit items is", spot(holder), spot(s.primary()))
	}
}

func otherDomain(s *stage) {
	at, id := s.primary(), s.id()
	s.edit(at, insert("name", id, atoll.Fields{}.Set("code", s.batch("name")).Set("name", "Pwani Pharmaceuticals").Set("kind", "customer_supplier").
		Set("is_supplier", true).Set("status", "active")))
	s.fromPrimary()
	s.delegate("C")
	defer s.undelegate()
	s.sync(firstSite)
	s.tampered(atoll.Key{Type: "name", ID: id}, nil)
}

func withdrawn(s *stage) {
	items := s.item("Plaster 1", "Plaster 2", "Plaster 3", "Plaster 4", "Plaster 5")
	s.delegate("B")
	s.sync(secondSite)
	s.offline(firstSite, true)
	for i, m := range items {
		s.edit(firstSite, change("item", m.id, atoll.Fields{}.Set("name", fmt.Sprintf("Adhesive plaster, size %d", i+1))))
	}
	s.say("Site 2", "renames %d items", len(items))
	s.configure(s.centre.host.Centre.Withdraw(clerk(centreSite), central.Delegation{Domain: "items", AtOnce: true, Reason: "the device may be in wrong hands"}))
	s.say("Centre", "the right is withdrawn, at once")
	s.offline(firstSite, false)
	s.sync(firstSite)
	open := s.refusals(firstSite)
	if !s.same(centreSite, "edits in quarantine, one by one", len(open), len(items)) {
		return
	}
	accepted := 3
	if s.Mirrored {
		// What is accepted becomes an edit of the centre's, which owns no items here.
		accepted = 0
		_, err := s.centre.host.Centre.Decide(s.ctx, open[0].ID, central.Accept, clerk(centreSite), "rightly renamed")
		s.refused(centreSite, "accepting one at the centre", err, atoll.Ownership)
		s.result.Note = "with a remote primary all are rejected here, and what is right is edited there again"
	}
	for i, q := range open {
		if i < accepted {
			s.decide(q.ID, central.Accept, "rightly renamed")
		} else {
			s.decide(q.ID, central.Return, "not wanted")
		}
	}
	s.say("Centre", "a supervisor accepts %d of them, and rejects %d", accepted, len(open)-accepted)
	s.fromPrimary()
	s.sync(firstSite)
	s.fromPrimary()
	for i, m := range items {
		want := m.name
		if i < accepted {
			want = fmt.Sprintf("Adhesive plaster, size %d", i+1)
		}
		for _, at := range []atoll.SiteID{centreSite, firstSite} {
			if got := s.want(at, "item", m.id).Fields.Text("name"); got != want {
				s.check(at, false, "the item is called %s (found: %s)", want, got)
			}
		}
	}
	s.check(firstSite, true, "the names are as decided, here and at the centre")
	s.refused(firstSite, "another edit of an item", s.try(firstSite, change("item", items[0].id, atoll.Fields{}.Set("name", "x"))), atoll.Ownership)
	s.check(firstSite, !s.want(firstSite, "item", items[0].id).Editable, "items are read-only here")
}

func secondGrant(s *stage) {
	s.delegate("B")
	defer s.undelegate()
	_, err := s.centre.host.Centre.Configure(s.ctx, clerk(centreSite),
		s.centre.host.Centre.Grant(clerk(centreSite), central.Delegation{Domain: "items"}, s.stores["C"]))
	s.refused(centreSite, "the same right for C, too", err, atoll.Exists)
	s.check(centreSite, err != nil && strings.Contains(words(err), s.name("B")), "the refusal names who has it")
	holder, _ := s.topology(centreSite).Delegate("items")
	s.same(centreSite, "who may edit items is", spot(holder), spot(firstSite))
}
