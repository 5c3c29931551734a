package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
)

// TestMerges walks a merge through REST: who may, its preview, the merge itself,
// what reading shows afterwards, and its undoing (R-E-01, R-E-05, R-E-33, R-E-50).
func TestR_E_01_R_E_05_R_E_33_R_E_50_Merges(t *testing.T) {
	f := newFleet(t)
	ctx := t.Context()
	x, px := simulate.Item("x")
	y, py := simulate.Item("y")
	if err := f.Centre.Insert(ctx, px, py); err != nil {
		t.Fatal(err)
	}
	f.sync(t)
	inA, inB := atoll.DeriveID("in A"), atoll.DeriveID("in B")
	if err := f.Centre.Insert(ctx, simulate.Stock(inA, f.Stores["A"], x, "3")); err != nil {
		t.Fatal(err)
	}
	if err := f.Sites[2].Insert(ctx, simulate.Stock(inB, f.Stores["B"], x, "4")); err != nil {
		t.Fatal(err)
	}
	f.sync(t)
	wish := `{"type":"item","from":"` + string(x) + `","into":"` + string(y) + `"}`

	before := f.centre.state()
	p := f.centre.call("POST", "/merges/preview", wish).want(200)
	if !strings.Contains(string(p.body), `"here":[{"type":"stock_line","site":1,"rows":1}]`) ||
		!strings.Contains(string(p.body), `"others":[{"type":"stock_line","site":2,"rows":1}]`) || p.text("refused") != "" {
		t.Errorf("preview: %s", p.body)
	}
	f.centre.unchanged(before)
	if p := f.one.call("POST", "/merges/preview", wish).want(200); !strings.Contains(p.text("refused"), "not editable here") {
		t.Errorf("R-E-01: preview at a site: %s", p.body)
	}
	f.one.call("POST", "/merges", wish).refused(403, atoll.Ownership)
	f.centre.call("POST", "/merges", wish, f.centre.as(station.Viewer)).refused(403, atoll.Denied)
	f.centre.call("POST", "/merges", wish, f.centre.as(station.StoreUser)).refused(403, atoll.Denied)
	f.centre.call("POST", "/merges", strings.Replace(wish, string(y), string(x), 1)).refused(422, atoll.Rule)
	f.centre.call("POST", "/merges", strings.Replace(wish, "item", "invoice", 1)).refused(400, atoll.Invalid)
	f.centre.unchanged(before)

	done := f.centre.call("POST", "/merges", wish, f.centre.as(station.DataManager)).want(200)
	if done.field("rows") != "1" {
		t.Errorf("merged: %s", done.body)
	}
	again := f.centre.call("POST", "/merges", wish).refused(422, atoll.Rule)
	if !strings.Contains(again.Detail+again.Hint, string(y)) {
		t.Errorf("R-E-05: the survivor is not offered: %+v", again)
	}

	if got := f.centre.call("GET", "/records/item/"+string(x), "").want(200); got.text("id") != string(y) {
		t.Errorf("R-E-33: the old link leads to %s", got.body)
	}
	if got := f.centre.call("GET", "/records/item/"+string(x)+"?merged=true", "").want(200); got.text("id") != string(x) || got.text("survivor") != string(y) {
		t.Errorf("R-E-06: the merged record itself: %s", got.body)
	}
	if got := f.centre.call("GET", "/records/item", "").want(200); strings.Contains(string(got.body), `"id":"`+string(x)) {
		t.Errorf("R-E-33: the merged item is listed: %s", got.body)
	}
	for _, by := range []atoll.ID{x, y} {
		got := f.centre.call("GET", "/records/stock_line?where[item_id]="+string(by), "").want(200)
		if !strings.Contains(string(got.body), string(inA)) || !strings.Contains(string(got.body), string(inB)) ||
			strings.Contains(string(got.body), `"item_id":"`+string(x)) {
			t.Errorf("R-E-33: stock by %s: %s", by, got.body)
		}
	}

	f.sync(t)
	list := f.one.call("GET", "/merges?type=item", "").want(200)
	if !strings.Contains(string(list.body), string(x)) || strings.Contains(string(list.body), "undo_until") {
		t.Errorf("as the site lists it: %s", list.body)
	}
	if list := f.centre.call("GET", "/merges", "").want(200); !strings.Contains(string(list.body), "undo_until") {
		t.Errorf("as the centre lists it: %s", list.body)
	}
	one := f.centre.call("GET", "/merges/item/"+string(x), "").want(200)
	for _, id := range []atoll.ID{inA, inB} {
		if !strings.Contains(string(one.body), string(id)) {
			t.Errorf("R-E-50: the merge journal has no %s: %s", id, one.body)
		}
	}
	f.centre.call("GET", "/merges/item/"+string(y), "").refused(404, atoll.NotFound)
	f.one.call("POST", "/merges/item/"+string(x)+"/undo", "").refused(403, atoll.Ownership)
	f.centre.call("POST", "/merges/item/"+string(x)+"/undo", "", f.centre.as(station.StoreUser)).refused(403, atoll.Denied)
	f.centre.call("POST", "/merges/item/"+string(x)+"/undo", "").want(200)
	f.centre.call("POST", "/merges/item/"+string(x)+"/undo", "").refused(422, atoll.Rule)
	f.sync(t)
	if got := f.one.call("GET", "/records/stock_line/"+string(inB), "").want(200); !strings.Contains(string(got.body), `"item_id":"`+string(x)) {
		t.Errorf("R-E-50: not given back: %s", got.body)
	}
}

// Whoever is limited to stores merges nothing that other stores have too, gives no merge
// back and is told nothing of one: a merge re-points the rows of all. Locations of their
// own store they merge (R-E-02, R-E-10, R-J-01).
func TestR_J_01_R_E_02_R_E_10_LimitedUsersMergeLocationsAlone(t *testing.T) {
	f := newFleet(t)
	ctx, at := t.Context(), f.centre
	x, y, gone := string(f.item(t, "x")), string(f.item(t, "y")), string(f.item(t, "gone"))
	shelf := func(store, code string) string {
		t.Helper()
		id := string(atoll.DeriveID("shelf", store, code))
		at.call("PUT", "/records/location/"+id, `{"fields":{"code":"`+code+`","name":"Shelf","store_id":"`+string(f.Stores[store])+`"}}`).want(201)
		return id
	}
	a1, a2, e1, e2 := shelf("A", "1"), shelf("A", "2"), shelf("E", "1"), shelf("E", "2")
	wish := func(kind, from, into string) string {
		return `{"type":"` + kind + `","from":"` + from + `","into":"` + into + `"}`
	}
	at.call("POST", "/merges", wish("item", gone, y)).want(200)
	as := at.as(station.DataManager)
	version := at.call("GET", "/records/item/"+x, "", as).want(200).Header.Get("ETag")
	if err := at.node.LimitUser(ctx, userOf(station.DataManager), []atoll.ID{f.Stores["A"]}); err != nil {
		t.Fatal(err)
	}
	before := at.state()
	for _, try := range []struct{ method, path, body string }{
		{"POST", "/merges", wish("item", x, y)},
		{"POST", "/merges/preview", wish("item", x, y)},
		{"POST", "/merges/item/" + gone + "/undo", ""},
		{"PUT", "/records/item/" + x, `{"fields":{"status":"merged","merged_into":"` + y + `"}}`},
		{"POST", "/records", `{"changes":[{"verb":"update","type":"item","id":"` + x + `","version":1,"fields":{"status":"merged","merged_into":"` + y + `"}}]}`},
	} {
		if no := at.call(try.method, try.path, try.body, as, with("If-Match", version)).refused(403, atoll.Denied); !strings.Contains(no.Detail+no.Hint, "not limited to stores") {
			t.Errorf("%s %s does not say who may: %+v", try.method, try.path, no)
		}
	}
	at.call("POST", "/merges", wish("location", e1, e2), as).refused(403, atoll.Denied)
	at.call("POST", "/merges/preview", wish("location", e1, e2), as).refused(403, atoll.Denied)
	at.unchanged(before)
	at.call("POST", "/merges/preview", wish("location", a1, a2), as).want(200)
	at.call("POST", "/merges", wish("location", a1, a2), as).want(200)
	at.call("POST", "/merges/location/"+a1+"/undo", "", as).want(200)
	// The same person without limits merges what is everybody's.
	if err := at.node.LimitUser(ctx, userOf(station.DataManager), nil); err != nil {
		t.Fatal(err)
	}
	at.call("POST", "/merges/preview", wish("item", x, y), as).want(200)
	at.call("POST", "/merges", wish("item", x, y), as).want(200)
	at.call("POST", "/merges/preview", wish("item", x, y), at.as(station.StoreUser)).refused(403, atoll.Denied)
}

// Whoever is limited to stores is told of no row of another store that a merge re-pointed
// or left to a person, and of no merge of another store's locations (R-E-50, R-J-01).
func TestR_J_01_R_E_50_LimitedReadersSeeMergedRowsOfTheirStores(t *testing.T) {
	f := newFleet(t)
	ctx, at := t.Context(), f.centre
	x, px := simulate.Item("x")
	y, py := simulate.Item("y")
	if err := f.Centre.Insert(ctx, px, py); err != nil {
		t.Fatal(err)
	}
	f.sync(t)
	stock := func(name, store string, item atoll.ID) string {
		t.Helper()
		id, to := atoll.DeriveID(name), f.Centre.Insert
		if store == "B" {
			to = f.Sites[2].Insert
		}
		if err := to(ctx, simulate.Stock(id, f.Stores[store], item, "3")); err != nil {
			t.Fatal(err)
		}
		return string(id)
	}
	before := map[string]string{"A": stock("in A", "A", x), "B": stock("in B", "B", x)}
	shelves := map[string]string{}
	for _, store := range []string{"A", "E"} {
		for _, code := range []string{"1", "2"} {
			id := string(atoll.DeriveID("shelf", store, code))
			at.call("PUT", "/records/location/"+id, `{"fields":{"code":"`+code+`","name":"Shelf","store_id":"`+string(f.Stores[store])+`"}}`).want(201)
			shelves[store+code] = id
		}
		at.call("POST", "/merges", `{"type":"location","from":"`+shelves[store+"1"]+`","into":"`+shelves[store+"2"]+`"}`).want(200)
	}
	f.sync(t)
	at.call("POST", "/merges", `{"type":"item","from":"`+string(x)+`","into":"`+string(y)+`"}`).want(200)
	f.sync(t)
	f.Clock.Wind(time.Minute)
	since := map[string]string{"A": stock("later in A", "A", y), "B": stock("later in B", "B", y)}
	f.sync(t)

	as := at.as(station.Viewer)
	tells := func(path string, want bool, ids ...string) {
		t.Helper()
		got := at.call("GET", path, "", as).want(200)
		for _, id := range ids {
			if strings.Contains(string(got.body), id) != want {
				t.Errorf("GET %s tells of %s: %t, want %t: %s", path, id, !want, want, got.body)
			}
		}
	}
	item := "/merges/item/" + string(x)
	tells(item, true, before["A"], before["B"], since["A"], since["B"])
	tells("/merges", true, string(x), shelves["A1"], shelves["E1"])
	if err := at.node.LimitUser(ctx, userOf(station.Viewer), []atoll.ID{f.Stores["A"]}); err != nil {
		t.Fatal(err)
	}
	tells(item, true, before["A"], since["A"])
	tells(item, false, before["B"], since["B"])
	tells("/merges", true, string(x), shelves["A1"])
	tells("/merges", false, shelves["E1"])
	tells("/merges/location/"+shelves["A1"], true, shelves["A1"])
	at.call("GET", "/merges/location/"+shelves["E1"], "", as).refused(403, atoll.Denied)
}
