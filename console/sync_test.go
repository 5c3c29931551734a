package console_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
)

// location is a change that a site may make: a location in one of its stores.
func location(f *fleet, store, code string) journal.Proposal {
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "location", ID: atoll.DeriveID("location", code)}, Fields: atoll.Fields{}.
		Set("store_id", f.Stores[store]).Set("code", code).Set("name", "Shelf "+code)}
}

// The light, in words, with what waits and what was refused (R-I-01, R-I-02,
// R-I-03, R-I-05).
func TestR_I_01_Today(t *testing.T) {
	f := newFleet(t)
	f.one.as(station.Viewer)
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	f.one.get("/today", f.one.as(station.Viewer)).want(200).says("All in step", "Nothing waits", "Yes. Head office has all your work.", "Sync now").
		saysNot("Schedule")
	if err := f.one.node.Insert(t.Context(), location(f, "B", "S1")); err != nil {
		t.Fatal(err)
	}
	f.one.get("/today", f.one.as(station.Viewer)).want(200).says("1 change", "1 change waits", "Location S1", "tester", "everything until today").
		saysNot("have the same data")
	f.Clock.Wind(25 * time.Hour)
	f.one.get("/today", f.one.as(station.Viewer)).says("Worth a look", "No exchange for 1 day", "Get this computer on the internet")
	f.Clock.Wind(72 * time.Hour)
	f.one.get("/today", f.one.as(station.Viewer)).says("Help is needed", "No exchange for 4 days")
	f.one.get("/today", f.one.as(station.Viewer), with("Accept-Language", "fr")).says("Il faut de l’aide", "Aucun échange depuis 4 jours", "1 modification")
	f.one.get("/today", f.one.as(station.Viewer), with("Accept-Language", "es")).says("Hace falta ayuda", "1 cambio")
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	f.one.get("/sync", f.one.as(station.Viewer)).want(200).says("All in step", "complete").saysNot("Help is needed", "the logs of this site")
	f.one.get("/sync", f.one.as(station.Technician)).want(200).says("The sign under the time names the exchange in the logs of this site")
}

// Errors are told in words with what to do, and disappear with the next success
// (R-I-06, R-I-10).
func TestR_I_10_ErrorsInWords(t *testing.T) {
	f := newFleet(t)
	f.one.as(station.Viewer)
	f.one.node.Net.Down = func() bool { return true }
	if _, err := f.Sync(t.Context(), 2); err == nil {
		t.Fatal("the network is down")
	}
	f.one.get("/sync", f.one.as(station.Viewer)).want(200).says("Head office cannot be reached", "Check the internet connection", "More information")
	f.one.node.Net.Down = nil
	if err := f.Centre.Centre.Pause(t.Context(), "technician", 2, "the line is too expensive this week"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sync(t.Context(), 2); err == nil {
		t.Fatal("the centre has paused the site")
	}
	f.one.get("/sync", f.one.as(station.Viewer)).says("Synchronisation is paused", "the line is too expensive this week")
	if err := f.Centre.Centre.Pause(t.Context(), "technician", 2, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	f.one.get("/sync", f.one.as(station.Viewer)).says("All in step")
	f.one.get("/today", f.one.as(station.Viewer)).says("All in step")
}

// Pausing and disabling are for technicians, are shown while in force, and keep
// what is entered (R-I-07, R-I-08).
func TestR_I_07_Settings(t *testing.T) {
	f := newFleet(t).one
	tech := f.as(station.Technician)
	f.ask("POST", "/sync/settings", url.Values{"do": {"interval"}, "minutes": {"30"}}, tech).want(303)
	f.ask("POST", "/sync/settings", url.Values{"do": {"interval"}, "minutes": {"soon"}}, tech).want(400).says("not well formed", "number of minutes")
	f.ask("POST", "/sync/settings", url.Values{"do": {"pause"}, "reason": {"market day"}}, tech).want(303)
	f.get("/sync", tech).says("Paused", "market day", "technician", "the button still works")
	f.ask("POST", "/sync/now", url.Values{}, tech).want(303)
	f.ask("POST", "/sync/settings", url.Values{"do": {"disable"}, "reason": {"moving house"}}, tech).want(303)
	f.get("/today", f.as(station.Viewer)).says("Switched off")
	f.ask("POST", "/sync/now", url.Values{}, tech).want(409).says("paused or switched off")
	f.ask("POST", "/sync/settings", url.Values{"do": {"resume"}}, tech).want(303)
	set, err := f.node.Site.Settings(t.Context())
	if err != nil || set.Interval != 30*time.Minute || set.Paused || set.Disabled {
		t.Errorf("settings are %+v, %v", set, err)
	}
}

// What a refused change was, and what to do, stands on the page (R-I-10, R-I-11).
func TestR_I_11_Refused(t *testing.T) {
	f := newFleet(t)
	f.refused(t)
	f.one.get("/sync", f.one.as(station.Viewer)).says("1 change was not accepted", "Nothing is lost", "total_number_of_packs", "-7")
	// … in the words of the rule, and in the reader's language.
	viewer := f.one.as(station.Viewer)
	f.one.get("/sync", viewer).says("Stock cannot fall below nothing: it would be -7 packs", "count the stock first")
	f.one.get("/sync", viewer, with("Accept-Language", "fr")).says("Le stock ne peut tomber sous zéro", "comptez d’abord le stock")
	f.one.get("/sync", viewer, with("Accept-Language", "es")).says("Las existencias no pueden quedar bajo cero", "cuente antes las existencias")
}

// Quarantine keeps the rule that refused and what it speaks of, and says it in the
// reader's language, in the list of causes, of one cause, and on the refusal's own page;
// also after a retry (R-I-10, R-I-25).
func TestR_I_25_QuarantineSaysTheRule(t *testing.T) {
	f := newFleet(t)
	f.refused(t)
	tech := f.centre.as(station.Technician)
	cause := "/quarantine?code=business_rule&type=stock_line&field=total_number_of_packs&rule=stock.below"
	for _, path := range []string{"/quarantine", cause, "/quarantine/1"} {
		f.centre.get(path, tech).says("Stock cannot fall below nothing: it would be -7 packs")
		f.centre.get(path, tech, with("Accept-Language", "fr")).says("Le stock ne peut tomber sous zéro")
		f.centre.get(path, tech, with("Accept-Language", "es")).says("Las existencias no pueden quedar bajo cero")
	}
	f.centre.ask("POST", "/quarantine/1", url.Values{"do": {"retry"}}, tech).want(303)
	f.centre.get("/quarantine/1", tech).says("Stock cannot fall below nothing", "waits for a decision")
}

// refused has site 2 send a change that the centre cannot accept: a stock line with
// less than nothing, written by a program without the rules.
func (f *fleet) refused(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	id, item := simulate.Item("x")
	if err := f.Centre.Insert(ctx, item); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	f.lessThanNothing(t, id)
}

// lessThanNothing has site 2 send a stock line of the item with less than nothing.
func (f *fleet) lessThanNothing(t testing.TB, id atoll.ID) {
	t.Helper()
	ctx, n := t.Context(), f.Sites[2]
	rules := n.Door.Judge
	n.Door.Judge = &admit.Judge{Catalogue: f.Catalogue}
	err := n.Insert(ctx, simulate.Stock(atoll.NewID(f.Clock.Now()), f.Stores["B"], id, "-7"))
	n.Door.Judge = rules
	if err != nil {
		t.Fatal(err)
	}
	if c, err := f.Sync(ctx, 2); err != nil || c.Quarantined != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
}

// The stream of events shows the card as it changes, and ends with the session
// (R-I-04).
func TestR_I_04_Events(t *testing.T) {
	f := newFleet(t)
	server := httptest.NewServer(f.one.handler)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/sync/events", nil)
	f.one.as(station.Viewer)(req)
	req.Header.Set("Accept-Language", "en")
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v %v", res, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	until := func(words string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), words) {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", words, lines.Err())
	}
	until("event: status")
	until("All in step")
	if err := f.one.node.Insert(t.Context(), location(f, "B", "S1"), location(f, "B", "S2")); err != nil {
		t.Fatal(err)
	}
	until("event: status")
	if err := f.one.node.SignOut(t.Context(), f.one.cookies[station.Viewer]); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // it ends
	}
	if ctx.Err() != nil {
		t.Error("the stream goes on without a session")
	}
}
