package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// The Synchronisation tab shows what a store is at every site, with a search, and is
// changed at the centre alone (R-C-04, R-C-06, R-C-07, R-I-28).
func TestR_C_06_SynchronisationTab(t *testing.T) {
	f := newFleet(t)
	viewer, admin := f.centre.as(station.Viewer), f.centre.as(station.Administrator)
	f.centre.get("/stores", viewer).want(200).says("6 stores", "Store F F Sync Client 1 2 Transfer stay at its site, all data", "Store A A Centre 1 Active synchronised")
	f.centre.get("/stores?q=store+c", viewer).says("1 store", "Store C").saysNot("Store D")
	b := "/stores/" + string(f.Stores["B"])
	f.centre.get(b, viewer).want(200).says("Synchronisation type Collector", "Sync ID 2, Sync Client 1", "2 Sync Client 1 Active/collector yes", "3 Sync Client 2 Transfer",
		"Stores that it sees", "Store C", "An administrator may change this").saysNot("Click to unlock", "Move here")
	f.centre.get(b, admin).says("Click to unlock", "Set as local store", "Move here", "Keep a copy")
	f.centre.get(b+"?q=client+2", admin).says("3 Sync Client 2 Transfer").saysNot("2 Sync Client 1 Active")
	f.one.get(b, f.one.as(station.Administrator)).want(200).says("1 Sync Client 1 Active/collector", "changed at the central server only").saysNot("Click to unlock")
	f.one.ask("POST", b+"/change", url.Values{"do": {"close"}}, f.one.as(station.Administrator)).want(404)
	f.centre.get("/stores/nonsense", viewer).want(404)
	if err := f.centre.node.LimitUser(t.Context(), "viewer", []atoll.ID{f.Stores["A"]}); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/stores", viewer).says("1 store", "Store A").saysNot("Store C")
	f.centre.get(b, viewer).want(403)
}

// A change of the configuration is shown before it is made: which instances change,
// and how many records will start or stop flowing; and what must be confirmed is
// (R-C-24, R-C-94).
func TestR_C_24_Preview(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	admin := f.centre.as(station.Administrator)
	path := "/stores/" + string(f.Stores["D"]) + "/change"
	see := url.Values{"do": {"see"}, "other": {string(f.Stores["B"])}}
	before := f.centre.state()
	f.centre.ask("POST", path, see, admin).want(200).says("Store D and Store B see each other", "Types that change", "Store D Sync Client 1 None Transfer", "will start or stop flowing")
	if f.centre.state() != before {
		t.Fatal("a preview changed something")
	}
	top := func() *topology.Topology {
		t.Helper()
		out, err := f.Centre.Topology(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	see.Set("sure", "1")
	f.centre.ask("POST", path, see, admin).want(303)
	if !top().Visible(f.Stores["D"], f.Stores["B"]) {
		t.Error("the change was not made")
	}
	managed := url.Values{"do": {"managed"}}
	f.centre.ask("POST", path, managed, admin).want(200).says("Be sure of this", "The central server will hold no copy of Store D")
	f.centre.ask("POST", path, url.Values{"do": {"close"}}, admin).want(422).says("This cannot be done now", "Store D is worked in at Sync Client 2", "Move the store to the central server first")
	f.centre.ask("POST", path, url.Values{"do": {"exclude"}, "sure": {"1"}}, admin).want(400).says("needs a reason")
	// To another site a store goes by a move, whose reason is kept.
	move := url.Values{"do": {"local"}, "site": {"2"}}
	f.centre.ask("POST", path, move, admin).want(200).says("Store D becomes active at Sync Client 1", "will start or stop flowing", "It is moved by a job")
	move.Set("sure", "1")
	move.Set("reason", "nearer")
	f.centre.ask("POST", path, move, admin).want(303)
	f.centre.get("/jobs", admin).says("Store D moves from Sync Client 2 to Sync Client 1")
	// What speaks against it is said in the reader's language.
	there := url.Values{"do": {"local"}, "site": {"3"}}
	f.centre.ask("POST", "/stores/"+string(f.Stores["C"])+"/change", there, admin, with("Accept-Language", "fr")).want(422).
		says("Store C est déjà actif à Sync Client 2")
	// … thing by thing, each in words: here what keeps the site from taking part.
	if err := f.Centre.Centre.Pause(t.Context(), "administrator", 2, "counting"); err != nil {
		t.Fatal(err)
	}
	for lang, says := range map[string]string{"en": "is paused: counting", "fr": "est en pause : counting", "es": "está en pausa: counting"} {
		f.centre.ask("POST", "/stores/"+string(f.Stores["B"])+"/change", there, admin, with("Accept-Language", lang)).want(422).says(says)
	}
	// From the centre it goes at once.
	assign := url.Values{"do": {"local"}, "site": {"3"}, "sure": {"1"}}
	f.centre.ask("POST", "/stores/"+string(f.Stores["E"])+"/change", assign, admin).want(303)
	if s, _ := top().Store(f.Stores["E"]); s.Site != 3 {
		t.Errorf("store E is at site %d", s.Site)
	}
	f.centre.ask("POST", path, url.Values{"do": {"patients"}}, admin).want(422).says("receives its patients again", "is not a dispensary")
	f.centre.ask("POST", path, url.Values{"do": {"nonsense"}}, admin).want(400)
	if err := f.Centre.Insert(t.Context(), journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: f.Stores["D"]}, Fields: atoll.Fields{}.Set("mode", "dispensary")}); err != nil {
		t.Fatal(err)
	}
	f.centre.ask("POST", path, url.Values{"do": {"exclude"}}, admin).want(200).says("Be sure of this", "what stays at the site of Store D: if its device is lost")
}

// Where an unlocking code is set nothing of the tab changes without it, and codes
// cannot be tried out (R-C-07, R-C-115).
func TestR_C_07_Unlock(t *testing.T) {
	f := newFleet(t)
	admin := f.centre.as(station.Administrator)
	if err := f.Centre.Centre.SetUnlockCode(t.Context(), "administrator", "three-green-boats"); err != nil {
		t.Fatal(err)
	}
	path := "/stores/" + string(f.Stores["E"]) + "/change"
	see := url.Values{"do": {"local"}, "site": {"3"}, "sure": {"1"}}
	f.centre.ask("POST", path, see, admin).want(403).says("The synchronisation settings are locked", "Unlocking code")
	f.centre.ask("POST", "/stores/unlock", url.Values{"code": {"wrong one"}}, admin).want(403)
	f.centre.ask("POST", "/stores/unlock", url.Values{"code": {"three-green-boats"}, "back": {"/stores/" + string(f.Stores["D"])}}, admin).want(303)
	f.centre.ask("POST", path, see, admin).want(303)
	for range 50 {
		if f.centre.ask("POST", "/stores/unlock", url.Values{"code": {"x"}}, admin).StatusCode == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("codes may be tried without end")
}

// A technician, who has the code, unlocks what a job of a store needs, from the page
// that refused it; changes of the tab stay with the administrator (R-C-07).
func TestR_C_07_ATechnicianUnlocks(t *testing.T) {
	f := newFleet(t)
	technician := f.centre.as(station.Technician)
	if err := f.Centre.Centre.SetUnlockCode(t.Context(), "administrator", "three-green-boats"); err != nil {
		t.Fatal(err)
	}
	job := url.Values{"kind": {"resync"}, "site": {"2"}, "about": {string(f.Stores["B"])}}
	f.centre.ask("POST", "/jobs", job, technician).want(403).says("The synchronisation settings are locked", "Unlocking code", "Click to unlock")
	f.centre.ask("POST", "/stores/unlock", url.Values{"code": {"three-red-boats"}, "back": {"/jobs"}}, technician).want(403)
	f.centre.ask("POST", "/jobs", job, technician).want(403)
	f.centre.ask("POST", "/stores/unlock", url.Values{"code": {"three-green-boats"}, "back": {"/jobs"}}, technician).want(303)
	f.centre.ask("POST", "/jobs", job, technician).want(303)
	f.centre.get("/jobs", technician).want(200).says("Asked by technician")
	f.centre.ask("POST", "/stores/"+string(f.Stores["E"])+"/change", url.Values{"do": {"local"}, "site": {"3"}, "sure": {"1"}}, technician).want(403)
	f.centre.ask("POST", "/stores/unlock", url.Values{"code": {"three-green-boats"}}, f.centre.as(station.StoreUser)).want(403)
}

// The matrix tells which stores see each other, and who may edit what is told and
// changed on a page of its own.
func TestVisibilityAndRights(t *testing.T) {
	f := newFleet(t)
	viewer, admin := f.centre.as(station.Viewer), f.centre.as(station.Administrator)
	if n := strings.Count(f.centre.get("/visibility", viewer).want(200).body, `class="cell on"`); n != 10 {
		t.Errorf("%d stores are seen, want both ways of 5 pairs", n)
	}
	f.centre.get("/visibility", admin).says("Store F")
	f.centre.get("/visibility?q=nothing", admin).says("Nothing is like that")
	f.centre.get("/delegations", viewer).want(200).says("Who edits central data", "Centre", "not delegated").saysNot("Delegate a right")
	f.centre.get("/delegations", admin).says("Delegate a right")
	f.centre.ask("POST", "/delegations", url.Values{"do": {"give"}, "domain": {"items"}, "store": {string(f.Stores["C"])}, "reason": {"the catalogue team sits there"}}, admin).want(303)
	f.centre.get("/delegations", viewer).says("Sync Client 2")
	f.centre.ask("POST", "/delegations", url.Values{"do": {"nonsense"}, "domain": {"items"}}, admin).want(400)
	f.one.get("/delegations", f.one.as(station.Viewer)).want(200)
}

// A store is closed with a successor where it is worked in at the centre; what stands
// in the way elsewhere is said, and what to do first (R-D-48).
func TestR_D_48_CloseWithASuccessor(t *testing.T) {
	f := newFleet(t)
	admin := f.centre.as(station.Administrator)
	f.centre.get("/stores/"+string(f.Stores["D"]), admin).says("Close it with a successor", "Store D is worked in at Sync Client 2", "Move the store to the central server first")
	f.centre.get("/stores/"+string(f.Stores["D"]), f.centre.as(station.Viewer)).saysNot("Close it with a successor")
	path := "/stores/" + string(f.Stores["E"])
	f.centre.get(path, admin).says("Close it with a successor", "Successor")
	change := url.Values{"do": {"succeed"}, "other": {string(f.Stores["D"])}}
	f.centre.ask("POST", "/stores/"+string(f.Stores["D"])+"/change", url.Values{"do": {"succeed"}, "other": {string(f.Stores["E"])}}, admin).want(422).says("Store D is worked in at Sync Client 2")
	f.centre.ask("POST", path+"/change", url.Values{"do": {"succeed"}, "other": {string(f.Stores["E"])}}, admin).want(422).says("A store cannot take its own place")
	f.centre.ask("POST", path+"/change", change, admin).want(200).says("Store E is closed, and Store D takes its place")
	change.Set("sure", "1")
	f.centre.ask("POST", path+"/change", change, admin).want(303)
	f.centre.get(path, admin).says("Store D", "Open it again").saysNot("Close it with a successor")
}
