package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

func TestStoresAreShownAsTheyAreHere(t *testing.T) {
	f := newFleet(t)
	kind := func(at *face, code string) string {
		return at.call("GET", "/stores/"+string(f.Stores[code]), "").want(200).text("type")
	}
	for code, want := range map[string]string{"A": "collector", "B": "active", "C": "transfer", "E": "", "F": "active"} {
		if want == "" {
			continue
		}
		if got := kind(f.one, code); got != want {
			t.Errorf("%s at site 2 is %s, want %s", code, got, want)
		}
	}
	if got := kind(f.centre, "F"); got != "transfer" {
		t.Errorf("F at the centre is %s", got)
	}
	var store struct {
		SyncWith []struct {
			Site  int
			Name  string
			Value string
			Local bool
		} `json:"sync_with"`
		VisibleTo []string `json:"visible_to"`
	}
	f.centre.call("GET", "/stores/"+string(f.Stores["B"]), "").want(200).json(&store)
	got := fmt.Sprint(store.SyncWith)
	if got != "[{2 Sync Client 1 active/collector true} {3 Sync Client 2 transfer false}]" || len(store.VisibleTo) != 3 {
		t.Errorf("B at the centre: %s, visible to %v", got, store.VisibleTo)
	}
	f.one.call("GET", "/stores/"+string(f.Stores["B"]), "").want(200).json(&store)
	if got := fmt.Sprint(store.SyncWith); got != "[{1 Sync Client 1 active/collector false}]" {
		t.Errorf("B at its site: %s", got)
	}
	f.one.call("GET", "/stores/"+newID, "").refused(404, atoll.NotFound)
	f.one.call("GET", "/stores/x", "").refused(400, atoll.Invalid)
	list := f.centre.call("GET", "/stores", "").want(200)
	if strings.Count(string(list.body), `"code"`) != 6 {
		t.Errorf("stores: %s", list.body)
	}
	instances := f.centre.call("GET", "/topology/instances?site=2", "").want(200)
	if strings.Count(string(instances.body), `"type":"active"`) != 2 || strings.Count(string(instances.body), `"type":"collector"`) != 1 {
		t.Errorf("instances: %s", instances.body)
	}
	if f.one.call("GET", "/topology/instances", "").want(200).field("site") != "2" {
		t.Error("the instances here are not those of this site")
	}
	f.centre.call("GET", "/topology/instances?site=77", "").refused(404, atoll.NotFound)
}

func TestR_C_24_APreviewTellsAndChangesNothing(t *testing.T) {
	f := newFleet(t)
	medicine := f.item(t, "amox")
	f.stock(t, f.Centre, f.Stores["A"], medicine)
	a, b, e, c := string(f.Stores["A"]), string(f.Stores["B"]), string(f.Stores["E"]), string(f.Stores["C"])
	before := f.centre.state()
	show := f.centre.call("PUT", "/visibility/"+e+"/"+b+"?preview=true", "").want(200)
	if show.field("preview") != "true" || !strings.Contains(string(show.body), `{"store":"`+e+`","site":2,"from":"none","to":"transfer","from_sync":"none","to_sync":"transfer"}`) {
		t.Errorf("preview: %s", show.body)
	}
	stop := f.centre.call("DELETE", "/stores/"+a+"/collectors/2?preview=true", "").want(200)
	if !strings.Contains(string(stop.body), `"from":"collector","to":"transfer"`) || stop.field("records", a) == "" {
		t.Errorf("preview: %s", stop.body)
	}
	f.centre.call("POST", "/stores?preview=true", `{"code":"X","name":"X"}`).want(200)
	f.centre.call("POST", "/stores/"+e+"/assign?preview=true", `{"site":3}`).want(200)
	if w := f.centre.call("PUT", "/stores/"+b+"/managed-only?preview=true", "").want(200); w.field("warnings") == "" {
		t.Errorf("no warning: %s", w.body)
	}
	f.centre.call("PUT", "/sites/3/kind?preview=true", `{"kind":"desktop"}`).want(200)
	f.centre.call("PUT", "/sites/3/primary?preview=true", "").want(200)
	f.centre.unchanged(before)
	// And then it is done.
	done := f.centre.call("PUT", "/visibility/"+e+"/"+b, "").want(200)
	if done.field("changes") != show.field("changes") {
		t.Errorf("the preview said %s, done was %s", show.field("changes"), done.field("changes"))
	}
	f.centre.call("DELETE", "/visibility/"+e+"/"+b, "").want(200)
	f.centre.call("DELETE", "/stores/"+a+"/collectors/2", "").want(200)
	f.centre.call("PUT", "/stores/"+a+"/collectors/2", "").want(200)
	f.centre.call("PUT", "/stores/"+a+"/collectors/3", "").refused(422, atoll.Rule) // no store there sees A
	f.centre.call("PUT", "/visibility/"+a+"/"+a, "").refused(422, atoll.Rule)
	made := f.centre.call("POST", "/stores", `{"code":"X","name":"Store X"}`).want(200)
	f.centre.call("POST", "/stores", `{"code":"X","name":"Another"}`).refused(409, atoll.Exists)
	x := made.text("store")
	f.centre.call("POST", "/stores/"+x+"/assign", `{"site":3}`).want(200)
	f.centre.call("POST", "/stores/"+x+"/assign", `{"site":2}`).refused(422, atoll.Rule)
	f.centre.call("POST", "/stores/"+x+"/assign", `{"site":99}`).refused(404, atoll.NotFound)
	if got := f.centre.call("GET", "/stores/"+x, "").want(200); got.field("site") != "3" || got.field("epoch") != "1" {
		t.Errorf("assigned: %s", got.body)
	}
	// What has warnings is done once a person has read them (R-C-94).
	f.centre.call("PUT", "/stores/"+x+"/managed-only", "").refused(428, atoll.Rule)
	f.centre.call("PUT", "/stores/"+x+"/managed-only?confirm=true", "").want(200)
	f.centre.call("DELETE", "/stores/"+x+"/managed-only", "").want(200)
	f.centre.call("PUT", "/stores/"+c+"/disabled", "").refused(422, atoll.Rule)
	f.centre.call("PUT", "/stores/"+e+"/disabled", "").want(200)
	f.centre.call("DELETE", "/stores/"+e+"/disabled", "").want(200)
}

func TestR_C_07_ConfigurationBelongsToTheCentreAndItsLock(t *testing.T) {
	f := newFleet(t)
	a, e := string(f.Stores["A"]), string(f.Stores["E"])
	before := f.one.state()
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/stores", `{"code":"X","name":"X"}`},
		{"POST", "/stores?preview=true", `{"code":"X","name":"X"}`},
		{"POST", "/stores/" + a + "/assign", `{"site":2}`},
		{"PUT", "/visibility/" + a + "/" + e, ""},
		{"DELETE", "/visibility/" + a + "/" + e, ""},
		{"PUT", "/stores/" + a + "/collectors/2", ""},
		{"DELETE", "/stores/" + a + "/collectors/2", ""},
		{"PUT", "/stores/" + a + "/disabled", ""},
		{"PUT", "/sites/3/kind", `{"kind":"mobile"}`},
		{"PUT", "/sites/3/primary", ""},
		{"GET", "/sites", ""},
		{"GET", "/sites/2", ""},
		{"POST", "/sites", `{"name":"x"}`},
		{"POST", "/sites/2/code", ""},
		{"POST", "/sites/2/pause", `{"reason":"x"}`},
		{"GET", "/quarantine/1", ""},
		{"POST", "/quarantine/1/decide", `{"decision":"retry"}`},
		{"POST", "/configuration/unlock", `{"code":"abcdef"}`},
		{"GET", "/configuration/lock", ""},
		{"PUT", "/configuration/lock", `{"code":"abcdef"}`},
	} {
		if p := f.one.call(c.method, c.path, c.body).refused(403, atoll.Ownership); !strings.Contains(p.Detail, "central server only (site 1, https://centre.example)") {
			t.Errorf("%s %s does not name the centre: %s", c.method, c.path, p.Detail)
		}
	}
	f.one.unchanged(before)
	// With an unlocking code, the centre asks for it too, and keeps a log.
	f.centre.call("POST", "/configuration/unlock", `{"code":"whatever"}`).refused(404, atoll.NotFound)
	f.centre.call("PUT", "/configuration/lock", `{"code":"three-green-boats"}`).want(204)
	assign := func() *reply { return f.centre.call("POST", "/stores/"+e+"/assign", `{"site":2}`) }
	assign().refused(403, atoll.Denied)
	f.centre.call("POST", "/configuration/unlock", `{"code":"four-green-boats"}`).refused(403, atoll.Denied)
	f.centre.call("POST", "/configuration/unlock", `{"code":"three-green-boats"}`).want(200)
	assign().want(200)
	// A technician, who has the code, may start a job of a store after unlocking, and
	// change nothing of the configuration.
	technician, job := f.centre.as(station.Technician), `{"kind":"resync","site":2,"store":"`+string(f.Stores["B"])+`"}`
	f.centre.call("POST", "/jobs", job, technician).refused(403, atoll.Denied)
	f.centre.call("POST", "/configuration/unlock", `{"code":"three-green-boats"}`, technician).want(200)
	f.centre.call("POST", "/jobs", job, technician).want(202)
	f.centre.call("POST", "/stores/"+e+"/assign", `{"site":3}`, technician).refused(403, atoll.Denied)
	log := f.centre.call("GET", "/configuration/lock", "").want(200)
	for _, what := range []string{"code set", "refused", "wrong code", "unlocked"} {
		if !strings.Contains(string(log.body), `"user":"administrator","what":"`+what+`"`) {
			t.Errorf("%q is not in the log: %s", what, log.body)
		}
	}
	if strings.Contains(string(log.body), "boats") {
		t.Errorf("the log tells a code: %s", log.body)
	}
}

func TestSitesAreMadeAndSteered(t *testing.T) {
	f := newFleet(t).centre
	made := f.call("POST", "/sites", `{"name":"Gulu","kind":"mobile"}`).want(201)
	if made.field("site") != "4" || len(made.text("code")) < 6 {
		t.Errorf("made: %s", made.body)
	}
	f.call("POST", "/sites", `{"name":"Gulu"}`).refused(409, atoll.Exists)
	f.call("POST", "/sites", `{"name":" "}`).refused(400, atoll.Invalid)
	f.call("POST", "/sites", `{"name":"x","kind":"central"}`).refused(400, atoll.Invalid)
	again := f.call("POST", "/sites/4/code", "").want(200)
	if again.text("code") == made.text("code") {
		t.Error("the new code is the old one")
	}
	if got := f.call("POST", "/sites/2/pause", `{"reason":"stocktake"}`).want(200); got.text("paused") != "stocktake" {
		t.Errorf("paused: %s", got.body)
	}
	f.call("POST", "/sites/2/pause", `{"reason":""}`).refused(400, atoll.Invalid)
	if got := f.call("POST", "/sites/2/resume", "").want(200); got.field("paused") != "" {
		t.Errorf("resumed: %s", got.body)
	}
	if got := f.call("POST", "/sites/2/order", `{"order":"resend"}`).want(200); got.field("orders") != `["resend"]` {
		t.Errorf("ordered: %s", got.body)
	}
	f.call("POST", "/sites/2/order", `{"order":"dance"}`).refused(400, atoll.Invalid)
	if got := f.call("POST", "/sites/3/reset-device", "").want(200); got.text("initialisation") != "new" || got.field("enrolled") != "false" {
		t.Errorf("reset: %s", got.body)
	}
	// R-H-46: a new key, with a grace for the old one; there is none to replace yet.
	f.call("POST", "/sites/4/code?replace_key=true", "").refused(422, atoll.Rule)
	f.call("POST", "/sites/2/code?replace_key=true&grace_hours=9999", "").refused(400, atoll.Invalid)
	if got := f.call("POST", "/sites/2/code?replace_key=true&grace_hours=24", "").want(200); got.text("key_until") == "" || got.text("code") == "" {
		t.Errorf("a new key is asked for: %s", got.body)
	}
	for _, path := range []string{"/sites/99/pause", "/sites/99/code", "/sites/99/reset-device", "/sites/99/resume"} {
		f.call("POST", path, `{"reason":"x"}`).want(404)
	}
	f.call("GET", "/sites/99", "").refused(404, atoll.SiteUnknown)
	list := f.call("GET", "/sites", "").want(200)
	if strings.Count(string(list.body), `"initialisation"`) != 3 || strings.Contains(string(list.body), made.text("code")) || strings.Contains(string(list.body), again.text("code")) {
		t.Errorf("sites: %s", list.body)
	}
}
