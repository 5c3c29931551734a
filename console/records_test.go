package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
)

// shelf puts a location into store B at site 2 and returns the address of its page.
func shelf(t *testing.T, f *fleet, code string) string {
	t.Helper()
	if err := f.one.node.Insert(t.Context(), location(f, "B", code)); err != nil {
		t.Fatal(err)
	}
	return "/records/location/" + string(atoll.DeriveID("location", code))
}

// A record is found by its kind, by a filter and by its words.
func TestRecordsAreFound(t *testing.T) {
	f := newFleet(t)
	shelf(t, f, "S1")
	shelf(t, f, "S2")
	viewer := f.one.as(station.Viewer)
	f.one.get("/records", viewer).want(200).says("Location 2", "Stores")
	f.one.get("/records?q=locat", viewer).says("Location").saysNot("Name visible")
	f.one.get("/records/location", viewer).want(200).says("2 records", "Shelf S1", "Shelf S2", "here")
	f.one.get("/records/location?q=SHELF+s2", viewer).says("Shelf S2").saysNot("Shelf S1")
	f.one.get("/records/location?f.store_id="+string(f.Stores["F"]), viewer).says("Nothing is like that", "Show all")
	f.one.get("/records/location?f.store_id="+string(f.Stores["B"]), viewer).says("Shelf S1", "Store B")
	f.one.get("/records/nonsense", viewer).want(404)
	f.one.get("/records/location/nonsense", viewer).want(404)
}

// Long lists come in pages that lead to each other, and each record is on one of
// them.
func TestRecordPages(t *testing.T) {
	f := newFleet(t)
	for i := range 120 {
		shelf(t, f, "X"+string(rune('A'+i/26))+string(rune('A'+i%26)))
	}
	viewer := f.one.as(station.Viewer)
	for _, start := range []string{"/records/location", "/records/location?q=shelf"} {
		seen, pages := map[string]bool{}, 0
		for next := start; next != ""; pages++ {
			body := f.one.get(next, viewer).want(200).body
			for _, part := range strings.Split(body, ">Shelf ")[1:] {
				name := part[:strings.IndexByte(part, '<')]
				if seen[name] {
					t.Errorf("%s is there twice", name)
				}
				seen[name] = true
			}
			at := strings.Index(body, `rel="next" href="`)
			if at < 0 {
				break
			}
			next = body[at+len(`rel="next" href="`):]
			next = strings.ReplaceAll(next[:strings.IndexByte(next, '"')], "&amp;", "&")
		}
		if len(seen) != 120 || pages != 2 {
			t.Errorf("%s: %d records on %d pages", start, len(seen), pages+1)
		}
	}
}

// A record's page tells what it says, whose it is and its whole history: who, where,
// from what to what, and whether head office and the sites have it (R-M-04).
func TestRecordTellsItsHistory(t *testing.T) {
	f := newFleet(t)
	page := shelf(t, f, "S1")
	user := f.one.as(station.StoreUser)
	f.one.get(page, user).want(200).says("Shelf S1", "Owned here", "Owner: this site", "Made by tester at Sync Client 1", "Waits to be sent to head office", "Change")
	f.one.ask("POST", page, url.Values{"version": {"1"}, "f.name": {"Cold room"}}, user).want(303)
	f.one.get(page, user).says("Cold room", "Changed by store-user at Sync Client 1", "Name Shelf S1 Cold room", "version 2")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.one.get(page, user).says("Head office has it").saysNot("Waits to be sent")
	centre := f.centre.get(page, f.centre.as(station.Viewer)).want(200)
	centre.says("Read-only copy", "Owner: Sync Client 1", "It is changed at Sync Client 1", "Changed by store-user at Sync Client 1", "Made by tester",
		"1 site should have this version; sure to have it: 1").saysNot("Change Stock")
	if strings.Contains(centre.body, page+"/edit") {
		t.Error("a copy can be changed")
	}
	f.centre.get(page+"/edit", f.centre.as(station.Administrator)).want(403).says("does not own")
	// What central data is, reaches all sites, and the page says which have it.
	id, item := simulate.Item("amoxicillin")
	if err := f.Centre.Insert(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/records/item/"+string(id), f.centre.as(station.Viewer)).says("2 sites should have this version; sure to have it: 1", "Sync Client 2 no word yet", "Sync Client 1 yes").
		saysNot("Shown are")
	// A copy that came whole has its history elsewhere, which its page says.
	f.one.get("/records/item/"+string(id), user).says("How it came to be Older versions, and those made at other sites, are told at the central server")
	// Of many sites it shows some, and says so.
	f.many(t, 20)
	f.centre.get("/records/item/"+string(id), f.centre.as(station.Viewer)).says("22 sites should have this version", "Shown are 12 of them, those without word first")
}

// Forms are made from the catalogue: what is wrong is said in the form, beside the
// field, with what was entered; a version that was changed meanwhile is not
// overwritten (R-K-14).
func TestRecordForms(t *testing.T) {
	f := newFleet(t)
	user := f.one.as(station.StoreUser)
	f.one.get("/new/location", user).want(200).says("Location: new", "Code", "(must be there)", "Store B")
	bad := f.one.ask("POST", "/records/location", url.Values{"f.name": {"Shelf 9"}, "f.store_id": {string(f.Stores["B"])}}, user)
	if bad.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `value="Shelf 9"`) {
		t.Errorf("%d %s", bad.StatusCode, bad.text())
	}
	bad.says("It must be filled in: Code.")
	for lang, says := range map[string]string{"fr": "À remplir : Code.", "es": "Debe rellenarse: Código."} {
		f.one.ask("POST", "/records/location", url.Values{"f.name": {"Shelf 9"}, "f.store_id": {string(f.Stores["B"])}}, user, with("Accept-Language", lang)).says(says)
	}
	made := f.one.ask("POST", "/records/location", url.Values{"f.name": {"Shelf 9"}, "f.code": {"9"}, "f.store_id": {string(f.Stores["B"])}}, user).want(303)
	page := made.Header.Get("Location")
	f.one.get(page, user).says("Shelf 9", "Owned here")
	f.one.get(page+"/edit", user).want(200).says("Location: change", "(stays as it is)")
	f.one.ask("POST", page, url.Values{"version": {"1"}, "f.name": {"Shelf nine"}}, user).want(303)
	f.one.ask("POST", page, url.Values{"version": {"1"}, "f.name": {"Shelf 10"}}, user).want(409).says("Somebody changed it in the meantime")
	f.one.get(page, user).says("Shelf nine")
	// Another site's store, and central data, are not this user's to write.
	f.one.ask("POST", "/records/location", url.Values{"f.code": {"x"}, "f.name": {"x"}, "f.store_id": {string(f.Stores["A"])}}, user).want(403).says("It is done where it is owned, at the central server")
	f.one.ask("POST", "/records/item", url.Values{"f.code": {"x"}, "f.name": {"x"}, "f.kind": {"stock"}}, user).want(403).says("You may not do this")
	f.centre.ask("POST", "/records/site", url.Values{"f.name": {"x"}}, f.centre.as(station.DataManager)).want(403)
	f.one.ask("POST", page, url.Values{"version": {"2"}, "do": {"delete"}}, user).want(422).says("never deleted")
	f.one.get(page, user).want(200)
}
