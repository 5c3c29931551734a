package demo

import (
	"encoding/json"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// primary is the site on which lists are kept: the centre in F1, site 4 in F2.
func (s *stage) primary() atoll.SiteID { return s.topology(centreSite).Primary() }

// fromPrimary lets a remote primary tell the centre what it did, and hear of what
// others did.
func (s *stage) fromPrimary() {
	if at := s.primary(); at != centreSite {
		s.sync(at)
	}
}

// item puts a new item on the primary's list, and lets the centre know.
func (s *stage) item(names ...string) []medicine {
	var out []medicine
	var do []journal.Proposal
	for i, name := range names {
		m := medicine{id: s.id(), code: s.batch("item") + "-" + string(rune('a'+i)), name: name, pack: "10", price: "2.50"}
		out = append(out, m)
		do = append(do, insert("item", m.id, atoll.Fields{}.Set("code", m.code).Set("name", m.name).Set("kind", "stock").
			Set("status", "active").Set("default_pack_size", json.Number(m.pack))))
	}
	s.edit(s.primary(), do...)
	s.say(place(s.primary()), "the list of items gets: %s", strings.Join(names, "; "))
	s.fromPrimary()
	return out
}

// prefer sets a preference of the whole system on the primary.
func (s *stage) prefer(key string, value any) {
	at := s.primary()
	if old := s.list(at, "preference", "key", key); len(old) == 1 {
		s.edit(at, change("preference", old[0].ID, atoll.Fields{}.Set("value", value)))
	} else {
		s.edit(at, insert("preference", s.id(), atoll.Fields{}.Set("key", key).Set("value", value)))
	}
	s.fromPrimary()
}

// perform does an action on a document at a site.
func (s *stage) perform(at atoll.SiteID, act documents.Action, kind atoll.Type, id atoll.ID) {
	s.must(at, s.attempt(at, act, kind, id))
}

// attempt is perform for what may be refused.
func (s *stage) attempt(at atoll.SiteID, act documents.Action, kind atoll.Type, id atoll.ID) error {
	return s.act(at, func(d documents.Desk) ([]journal.Proposal, error) { return d.Do(act, atoll.Key{Type: kind, ID: id}) })
}

// one is the only record with these values of indexed fields.
func (s *stage) one(at atoll.SiteID, kind atoll.Type, where ...string) station.Record {
	got := s.list(at, kind, where...)
	if len(got) != 1 {
		s.stop(at, "there is one %s (found: %d)", spoken(kind), len(got))
	}
	return got[0]
}

// stored is a field as the database of a site holds it, with no merge resolved.
func (s *stage) stored(at atoll.SiteID, kind atoll.Type, id atoll.ID, field string) (value atoll.ID) {
	s.must(at, s.at(at).host.Store.View(s.ctx, func(r storage.Reader) error {
		rec, err := r.Record(atoll.Key{Type: kind, ID: id})
		if err == nil {
			value = rec.MustFields().ID(field)
		}
		return err
	}))
	return value
}

// under is the transfer that a document began, as the centre lists it; nil when it
// is not under way.
func (s *stage) under(document atoll.ID) *transfer.Transfer {
	all, err := s.centre.host.Centre.Transfers(s.ctx, transfer.Filter{})
	s.must(centreSite, err)
	for i := range all {
		if all[i].Initiating.ID == document {
			return &all[i]
		}
	}
	return nil
}

// refusals are the open refusals of a site's entries.
func (s *stage) refusals(of atoll.SiteID) (out []storage.Refusal) {
	s.must(centreSite, s.centre.host.Store.View(s.ctx, func(r storage.Reader) (err error) {
		out, err = r.Refusals(of, true, 0, 0)
		return err
	}))
	return out
}

// decide settles a refusal, as a supervisor.
func (s *stage) decide(id int64, d central.Decision, note string) {
	_, err := s.centre.host.Centre.Decide(s.ctx, id, d, clerk(centreSite), note)
	s.must(centreSite, err)
}

// tablet makes a health post with a tablet of its own: a store, a site for it, and
// a device that is enrolled and filled. One that was made is used again.
func (s *stage) tablet(code, name string) atoll.SiteID {
	if s.stores[code] != "" {
		return s.home(code)
	}
	c := s.centre.host.Centre
	id := atoll.DeriveID("demo store", code)
	_, err := c.Configure(s.ctx, admin, central.AddStore(id, code, name, false))
	s.must(centreSite, err)
	site, ticket, err := s.centre.host.AddSite(s.ctx, admin, "Tablet "+code, topology.Mobile, []atoll.ID{id})
	s.must(centreSite, err)
	s.stores[code] = id
	s.places = append(s.places, premise{code: code, name: name, site: site.ID})
	s.must(site.ID, s.open(s.ctx, site.ID, site.Name, ticket))
	s.say("Centre", "site %d is added, the tablet of %s; it is enrolled and filled", site.ID, name)
	s.fromPrimary() // which makes the names of stores
	return site.ID
}
