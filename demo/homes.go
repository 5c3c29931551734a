package demo

import (
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/patients"
)

// homes are about the store at which a patient is at home.
var homes = []scenario{
	{id: "R-G-48", title: "A patient's home store changes hands", run: homeChanges},
}

// homeChanges tells of Asha, who moves to where C is, in each of the ways.
func homeChanges(s *stage) {
	for i, part := range []func(){s.homeOnline, s.homeOfTheDead, s.homeTwice, s.homeMerged} {
		s.round = i + 1
		part()
	}
}

func patientKey(id atoll.ID) atoll.Key { return atoll.Key{Type: patients.Patient, ID: id} }

// ask asks at a site that C shall be a patient's home store.
func (s *stage) ask(at atoll.SiteID, patient atoll.ID) {
	_, err := s.at(at).host.Station.AskTransfer(s.ctx, clerk(at), patients.Wanted{Person: patientKey(patient), To: s.stores["C"], Reason: "moved house"})
	s.must(at, err)
	s.say(place(at), "asks that %s shall be the home store", s.name("C"))
}

// lives tells where a site believes a patient to be at home, and whether it may
// edit.
func (s *stage) lives(at atoll.SiteID, patient atoll.ID) string {
	p, err := s.at(at).host.Station.Person(s.ctx, patientKey(patient))
	s.must(at, err)
	if p.Editable {
		return s.code(p.HomeStore) + ", edited here"
	}
	return s.code(p.HomeStore) + ", read-only"
}

// seen registers a patient at B who is visible in C.
func (s *stage) seen(first string) atoll.ID {
	id := s.patient("B", first, "Otieno", "1979-11-30")
	s.sync(firstSite)
	s.show(id, "C")
	s.sync(firstSite, secondSite)
	return id
}

func (s *stage) phone(at atoll.SiteID, patient atoll.ID, number string) error {
	return s.try(at, change("patient", patient, atoll.Fields{}.Set("phone", number)))
}

func (s *stage) homeOnline() {
	s.say("", "Both sites are online.")
	id := s.seen("Asha")
	s.must(firstSite, s.phone(firstSite, id, "555 0201"))
	s.say("Site 2", "notes her telephone number")
	s.ask(secondSite, id)
	s.sync(secondSite, firstSite, secondSite, firstSite)
	s.same(secondSite, "after two syncs of each her home is", s.lives(secondSite, id), "C, edited here")
	s.same(firstSite, "and here", s.lives(firstSite, id), "C, read-only")
	s.refused(firstSite, "an edit of her", s.phone(firstSite, id, "555 0202"), atoll.Ownership)
	s.same(secondSite, "her telephone number, as the old home noted it", s.want(secondSite, "patient", id).Fields.Text("phone"), "555 0201")
	_, err := s.prescription("B", id)
	s.check(firstSite, err == nil, "B still dispenses to her")
	s.must(secondSite, s.phone(secondSite, id, "555 0203"))
	s.sync(secondSite, firstSite)
	s.equalTo("patient", id, secondSite, firstSite, "what the new home edits")
}

func (s *stage) homeOfTheDead() {
	s.say("", "The old home's site does not answer.")
	id := s.seen("Bakari")
	s.must(firstSite, s.phone(firstSite, id, "555 0211"))
	s.sync(firstSite, secondSite)
	s.offline(firstSite, true)
	s.ask(secondSite, id)
	s.sync(secondSite)
	s.refused(centreSite, "forcing it at once", s.centre.host.Station.ForceTransfer(s.ctx, clerk(centreSite), patientKey(id)), atoll.Rule)
	s.clock.wind(14 * 24 * time.Hour)
	s.say("", "Two weeks pass.")
	s.must(firstSite, s.phone(firstSite, id, "555 0212"))
	s.must(firstSite, s.try(firstSite, change("patient", id, atoll.Fields{}.Set("email", "bakari@example.org"))))
	s.say("Site 2", "works on, and changes his telephone number and his e-mail address")
	s.must(centreSite, s.centre.host.Station.ForceTransfer(s.ctx, clerk(centreSite), patientKey(id)))
	s.say("Centre", "forces it, signed by %s", clerk(centreSite))
	s.sync(secondSite)
	s.same(secondSite, "his home is", s.lives(secondSite, id), "C, edited here")
	s.must(secondSite, s.phone(secondSite, id, "555 0213"))
	s.say("Site 3", "notes a telephone number")
	s.sync(secondSite)
	s.offline(firstSite, false)
	s.sync(firstSite, secondSite)
	s.same(firstSite, "back again, it has his home as", s.lives(firstSite, id), "C, read-only")
	s.same(secondSite, "overwritten is nothing; his telephone number", s.want(secondSite, "patient", id).Fields.Text("phone"), "555 0213")
	offered, err := s.sites[secondSite].host.Station.RequestedChanges(s.ctx, patientKey(id))
	s.must(secondSite, err)
	if !s.same(secondSite, "lost is nothing; changes offered to the new home", len(offered), 2) {
		return
	}
	for _, p := range offered {
		var take []string
		if p.Wanted.Has("email") {
			take = []string{"email"}
		}
		s.must(secondSite, s.sites[secondSite].host.Station.DecideChange(s.ctx, clerk(secondSite), p.ID, take, false, "asked him"))
	}
	s.say("Site 3", "takes the e-mail address, and leaves its own telephone number")
	s.sync(secondSite, firstSite)
	f := s.want(firstSite, "patient", id).Fields
	s.same(firstSite, "as decided", f.Text("phone")+", "+f.Text("email"), "555 0213, bakari@example.org")
}

func (s *stage) homeTwice() {
	s.say("", "Two ask at once.")
	id := s.seen("Chausiku")
	s.ask(secondSite, id)
	s.ask(firstSite, id)
	s.sync(secondSite, firstSite)
	states := s.requests(id)
	s.check(centreSite, len(states) == 2 && states[0] != states[1] && strings.Contains(strings.Join(states, " "), patients.Waiting),
		"one request is carried out, the other waits: %s", strings.Join(states, "; "))
	s.sync(secondSite, firstSite, secondSite)
	s.same(secondSite, "her home is", s.lives(secondSite, id), "C, edited here")
	open := 0
	for _, state := range s.requests(id) {
		if strings.HasPrefix(state, patients.Waiting) || strings.HasPrefix(state, "running") {
			open++
		}
	}
	s.same(centreSite, "requests that are left open", open, 0)
}

// requests are the states of the requests about a patient, as the centre has them.
func (s *stage) requests(patient atoll.ID) (out []string) {
	all, err := s.centre.host.Station.HomeRequests(s.ctx)
	s.must(centreSite, err)
	for _, r := range all {
		if r.Patient == patient {
			out = append(out, r.State)
		}
	}
	return out
}

func (s *stage) homeMerged() {
	s.say("", "A patient is registered twice, with different homes.")
	id := s.seen("Dalila")
	twin := s.patient("C", "Dalila", "Otieno", "1979-11-30")
	s.sync(secondSite)
	s.show(twin, "B")
	s.sync(firstSite, secondSite)
	s.refused(firstSite, "merging the two", s.tryMerge(firstSite, "patient", id, twin), atoll.Rule)
	s.ask(secondSite, id)
	s.sync(secondSite, firstSite, secondSite)
	s.merge(secondSite, "patient", id, twin)
	s.say("Site 3", "now that both are at home here, merges them")
	s.sync(secondSite, firstSite)
	s.same(firstSite, "patients shown, of the two", s.patients(firstSite, id, twin), 1)
}
