package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// people makes a dispensary at the centre with so many patients, and Amina and Amara
// Okello.
func (f *fleet) people(t testing.TB, n int) (store atoll.ID, amina atoll.ID) {
	t.Helper()
	if err := f.AddStore(t.Context(), "P", true); err != nil {
		t.Fatal(err)
	}
	store = f.Stores["P"]
	var do []journal.Proposal
	add := func(first, last, born string) atoll.ID {
		id := atoll.NewID(f.Clock.Now())
		do = append(do, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "patient", ID: id}, Fields: atoll.Fields{}.
			Set("code", fmt.Sprintf("P%03d", len(do))).Set("name", first+" "+last).Set("first_name", first).Set("last_name", last).Set("date_of_birth", born).Set("home_store_id", store)})
		f.Clock.Wind(time.Second)
		return id
	}
	for i := range n {
		add(fmt.Sprintf("Patient %d", i), "Person", "1980-01-01")
	}
	amina = add("Amina", "Okello", "1988-03-12")
	add("Amara", "Okello", "1990-07-01")
	if err := f.Centre.Insert(t.Context(), do...); err != nil {
		t.Fatal(err)
	}
	return store, amina
}

// Among many patients one is chosen by words of the name: offered while typing, by a
// button, or taken when the words fit one (R-G-20).
func TestR_G_20_PatientsAreChosenByWords(t *testing.T) {
	f := newFleet(t)
	store, amina := f.people(t, 120)
	h := hand{f.centre, t, station.Administrator}
	form := "/work/prescriptions/new?store=" + string(store)
	if page := h.page(form); !strings.Contains(page.body, `name="q.patient_id"`) || strings.Contains(page.body, string(amina)) {
		t.Fatal("the form offers every patient, or no search")
	}
	offer := "/choose/prescription/patient_id?store=" + string(store) + "&q.patient_id="
	if found := h.page(offer+"okel").says("Amina Okello (P120) · 12 Mar 1988", "Amara Okello").saysNot("Person"); strings.Contains(found.body, "<html") {
		t.Error("what is offered is a whole page")
	}
	h.page(offer + "person").says("There are more")
	h.page(offer + "zzz").says("Nothing here has such words")
	if got := strings.TrimSpace(h.page(offer + "o").text()); got != "" {
		t.Errorf("one letter is answered with %q", got)
	}
	f.centre.get(offer+"okel", f.centre.as(station.Viewer)).want(403)
	f.centre.get("/choose/prescription/comment?q.comment=okel", f.centre.as(station.Administrator)).want(404)
	send := func(more url.Values) *seen {
		more.Set("store", string(store))
		return h.ask("POST", "/work/prescriptions", more, h.as(h.user))
	}
	send(url.Values{"q.patient_id": {"okello"}}).want(200).says("Which one?", "Amina Okello", "Amara Okello")
	send(url.Values{"q.patient_id": {"okello"}, "find": {"patient_id"}}).want(200).says("Which one?")
	send(url.Values{"q.patient_id": {"nobody"}}).want(200).says("Nothing here has such words")
	for _, chosen := range []url.Values{
		{"q.patient_id": {"AMINA ok"}}, {"q.patient_id": {"okello"}, "f.patient_id": {string(amina)}}, {"f.patient_id": {string(amina)}},
	} {
		h.page(send(chosen).want(303).Header.Get("Location")).says("Amina Okello")
	}
	// A form made from the catalogue does the same, and keeps who was chosen before.
	edit := "/records/prescription"
	page := h.ask("POST", edit, url.Values{"f.store_id": {string(store)}, "f.status": {"new"}, "q.patient_id": {"amina"}}, h.as(h.user)).want(303).Header.Get("Location")
	h.page(page).says("Amina Okello")
	h.ask("POST", page, url.Values{"version": {h.version(page)}, "f.patient_id": {string(amina)}, "q.patient_id": {"okello"}}, h.as(h.user)).want(303)
	h.ask("POST", page, url.Values{"version": {h.version(page)}, "f.patient_id": {string(amina)}, "q.patient_id": {"person"}}, h.as(h.user)).want(200).says("Which one?")
	h.ask("POST", page, url.Values{"version": {h.version(page)}, "f.patient_id": {string(amina)}, "q.patient_id": {"amara"}}, h.as(h.user)).want(303)
	h.page(page).says("Amara Okello")
}
