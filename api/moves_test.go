package api_test

import (
	"strings"
	"testing"

	"github.com/atollsync/atoll"
)

// TestR_H_30: a store moves by the API, with its refusals as problems; and the two
// sites' part is done by their ordinary exchanges (R-H-35, R-H-37, R-H-40).
func TestR_H_30_R_H_35_R_H_40_Moves(t *testing.T) {
	f := newFleet(t)
	b := string(f.Stores["B"])
	f.sync(t)
	f.one.call("POST", "/moves", `{"store":"`+b+`","to":1}`).refused(403, atoll.Ownership) // not the centre
	f.centre.call("POST", "/moves", `{"store":"`+b+`","to":77}`).refused(404, atoll.NotFound)
	f.centre.call("POST", "/moves", `{"store":"`+b+`","to":2}`).refused(422, atoll.Rule)
	f.centre.call("POST", "/moves", `{"store":"`+b+`","to":1,"forced":true}`).refused(400, atoll.Invalid)
	before := f.centre.state()
	dry := f.centre.call("POST", "/moves", `{"store":"`+b+`","to":1,"dry_run":true}`).want(202)
	f.centre.unchanged(before)
	if !strings.Contains(string(dry.body), `"changes":[`) {
		t.Errorf("the preview: %s", dry.body)
	}
	id := moveID(t, string(f.centre.call("POST", "/moves", `{"store":"`+b+`","to":1,"reason":"closes"}`).want(202).body))
	f.centre.call("POST", "/moves", `{"store":"`+b+`","to":1}`).refused(422, atoll.Rule)
	f.centre.call("POST", "/moves/"+id+"/again", "").want(200)
	if got := f.centre.call("POST", "/moves/"+id+"/abort", "").want(200); got.text("step") != "aborted" {
		t.Errorf("called off: %s", got.body)
	}
	f.centre.call("POST", "/moves/"+id+"/abort", "").refused(409, atoll.LifeCycle)
	id = moveID(t, string(f.centre.call("POST", "/moves", `{"store":"`+b+`","to":1}`).want(202).body))
	f.centre.call("DELETE", "/sites/2", "").refused(422, atoll.Rule)
	f.sync(t)
	if got := f.centre.call("GET", "/moves/"+id, "").want(200); got.text("step") != "done" || !strings.Contains(string(got.body), `"name":"freeze"`) {
		t.Errorf("the move: %s", got.body)
	}
	if got := f.centre.call("GET", "/moves", "").want(200); !strings.Contains(string(got.body), id) {
		t.Errorf("the list: %s", got.body)
	}
	f.centre.call("POST", "/moves/"+id+"/force", `{"signed_by":"me"}`).refused(409, atoll.LifeCycle)
	f.centre.call("GET", "/moves/"+newID, "").refused(404, atoll.NotFound)
	f.centre.call("DELETE", "/sites/1", "").refused(422, atoll.Rule)
	f.centre.call("DELETE", "/sites/99", "").refused(404, atoll.NotFound)
}

func moveID(t *testing.T, body string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, `"move":{"id":"`)
	if !ok {
		t.Fatalf("no move in %s", body)
	}
	return rest[:36]
}

// TestR_H_42_R_H_44: jobs by the API.
func TestR_H_42_R_H_44_Jobs(t *testing.T) {
	f := newFleet(t)
	f.sync(t)
	f.one.call("POST", "/jobs", `{"kind":"verify","site":2,"types":["item"]}`).refused(403, atoll.Ownership)
	f.centre.call("POST", "/jobs", `{"kind":"verify","site":2}`).refused(400, atoll.Invalid)
	f.centre.call("POST", "/jobs", `{"kind":"verify","site":2,"types":["toaster"]}`).refused(422, atoll.Unknown)
	f.centre.call("POST", "/jobs", `{"kind":"verify","site":1,"types":["item"]}`).refused(404, atoll.NotFound)
	dry := f.centre.call("POST", "/jobs", `{"kind":"resync","site":2,"types":["store"],"dry_run":true}`).want(202)
	if !strings.Contains(string(dry.body), `"store":`) {
		t.Errorf("the preview: %s", dry.body)
	}
	made := string(f.centre.call("POST", "/jobs", `{"kind":"verify","site":2,"types":["store"]}`).want(202).body)
	_, rest, ok := strings.Cut(made, `"id":"`)
	if !ok {
		t.Fatalf("no job in %s", made)
	}
	id := rest[:36]
	f.sync(t)
	if got := f.centre.call("GET", "/jobs/"+id, "").want(200); got.text("step") != "done" || !strings.Contains(got.text("words"), "hold the same") {
		t.Errorf("the job: %s", got.body)
	}
	f.centre.call("POST", "/jobs/"+id+"/abort", "").refused(409, atoll.LifeCycle)
	if got := f.centre.call("GET", "/jobs", "").want(200); !strings.Contains(string(got.body), id) {
		t.Errorf("the list: %s", got.body)
	}
}

// TestR_H_50: the change of the primary by the API.
func TestR_H_50_PrimaryByTheAPI(t *testing.T) {
	f := newFleet(t)
	f.sync(t)
	f.sync(t)
	f.one.call("POST", "/jobs/primary", `{"site":2}`).refused(403, atoll.Ownership)
	f.centre.call("POST", "/jobs/primary", `{"site":1}`).refused(422, atoll.Rule)
	f.centre.call("POST", "/jobs/primary", `{"site":88}`).refused(404, atoll.NotFound)
	f.centre.call("POST", "/jobs/primary", `{"site":2,"dry_run":true}`).want(202)
	made := string(f.centre.call("POST", "/jobs/primary", `{"site":2}`).want(202).body)
	_, rest, ok := strings.Cut(made, `"id":"`)
	if !ok {
		t.Fatalf("no job in %s", made)
	}
	body := `{"fields":{"code":"new","name":"New","kind":"stock","status":"active"}}`
	f.centre.call("PUT", "/records/item/"+newID, body).refused(422, atoll.Rule) // on its way
	f.sync(t)
	f.sync(t)
	if got := f.centre.call("GET", "/jobs/"+rest[:36], "").want(200); got.text("step") != "done" || !strings.Contains(got.text("words"), "mirrored") {
		t.Errorf("the job: %s", got.body)
	}
	f.centre.call("PUT", "/records/item/"+newID, body).refused(403, atoll.Ownership)
}

// TestR_H_51: a plan by the API, tried and carried out.
func TestR_H_51_PlanByTheAPI(t *testing.T) {
	f := newFleet(t)
	answers := `{"server":{"fast_internet":true},"stores":[{"code":"Q1","name":"Quay","internet":"always"},{"code":"Q2","internet":"daily","suppliers":["Q1"]}]}`
	before := f.centre.state()
	if got := f.centre.call("POST", "/plan", answers).want(200); !strings.Contains(string(got.body), `"do":"visible","a":"Q1","b":"Q2"`) {
		t.Errorf("the plan: %s", got.body)
	}
	f.centre.unchanged(before)
	f.centre.call("POST", "/plan?apply=true", `{"server":{},"stores":[{"code":"Q2","internet":"daily","suppliers":["Q9"]}]}`).refused(422, atoll.Rule)
	f.centre.unchanged(before)
	if got := f.centre.call("POST", "/plan?apply=true", answers).want(200); !strings.Contains(string(got.body), `"name":"Q2","code":"`) {
		t.Errorf("carried out: %s", got.body)
	}
	if got := f.centre.call("POST", "/plan", answers).want(200); strings.Count(string(got.body), `"done":true`) != 5 {
		t.Errorf("afterwards: %s", got.body)
	}
	f.one.call("POST", "/plan", answers).refused(403, atoll.Ownership)
}
