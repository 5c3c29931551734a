package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// secret is a text that stands in records of one store and nowhere else.
const secret = "Only-store-A-knows"

// Nobody sees or changes the data of stores that are not theirs, on any page: every
// route with every role that can be limited to stores, at the centre (R-J-01).
func TestR_J_01_EveryRouteHeedsTheStoresOfItsReader(t *testing.T) {
	f := newFleet(t)
	ctx, at := t.Context(), f.centre
	keys := []atoll.Key{}
	put := func(kind atoll.Type, fields atoll.Fields) atoll.ID {
		t.Helper()
		id := atoll.NewID(f.Clock.Now())
		err := at.node.Insert(ctx, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: fields.Set("store_id", f.Stores["A"])})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, atoll.Key{Type: kind, ID: id})
		return id
	}
	put("location", atoll.Fields{}.Set("code", secret).Set("name", secret))
	put("invoice", atoll.Fields{}.Set("kind", "inventory_addition").Set("status", "new").Set("comment", secret))
	put("stocktake", atoll.Fields{}.Set("status", "new").Set("comment", secret).Set("description", secret))
	for _, role := range []station.UserRole{station.Viewer, station.StoreUser, station.Technician, station.DataManager} {
		reader := at.as(role)
		see := func(what string) (seen int) {
			for _, r := range console.Routes() {
				for _, key := range keys {
					path := strings.NewReplacer("{$}", "", "{type}", string(key.Type), "{id}", string(key.ID), "{site}", "2", "{name}", "stock", "{work}", "customer-invoices", "{job}", string(key.ID), "{store}", string(f.Stores["A"])).Replace(r.Path)
					if !r.Centre || r.Path == "/sign-out" || r.Path == "/look" {
						continue
					}
					got := at.ask(r.Method, path, formFor(r.Method), reader)
					if strings.Contains(got.body, secret) {
						seen++
						if what != "" {
							t.Errorf("%s of %s as %s %s:\n%s", r.Method, path, role, what, got.text())
						}
					}
				}
			}
			return seen
		}
		if see("") < 3 {
			t.Errorf("%s without limits sees nothing: the test looks in the wrong place", role)
		}
		if err := at.node.LimitUser(ctx, userOf(role), []atoll.ID{f.Stores["E"]}); err != nil {
			t.Fatal(err)
		}
		see("shows what is not theirs")
		for _, path := range []string{"/records/location?q=" + secret, "/records/location?f.store_id=" + string(f.Stores["A"]), "/records/location?f.code=" + secret} {
			if strings.Contains(at.get(path, reader).want(200).body, ">"+secret) {
				t.Errorf("%s as %s shows what is not theirs", path, role)
			}
		}
		before := at.state()
		for _, key := range keys {
			page := "/records/" + string(key.Type) + "/" + string(key.ID)
			at.get(page, reader).want(403)
			at.ask("POST", page, url.Values{"version": {"1"}, "f.comment": {"mine"}, "f.name": {"mine"}}, reader).want(403)
		}
		for _, what := range []string{"act", "lines"} {
			at.ask("POST", "/records/invoice/"+string(keys[1].ID)+"/"+what, url.Values{"version": {"1"}, "do": {"finalise"}}, reader).want(403)
		}
		at.get("/work?store="+string(f.Stores["A"]), reader).want(404)
		at.ask("POST", "/records/location", url.Values{"f.code": {"x"}, "f.name": {"x"}, "f.store_id": {string(f.Stores["A"])}}, reader).want(403)
		if at.state() != before {
			t.Errorf("a %s with another store changed something", role)
		}
	}
}

func formFor(method string) url.Values {
	if method == http.MethodPost {
		return url.Values{}
	}
	return nil
}

// A form merges nothing that other stores have too, for who is limited to some: the
// field is on no form, and sent all the same it does nothing (R-E-10, R-J-01).
func TestR_J_01_R_E_10_NoFormMergesForOtherStores(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	at := f.centre
	items, _, err := at.node.Records(t.Context(), storage.Query{Type: "item"})
	if err != nil || len(items) < 2 {
		t.Fatal(len(items), err)
	}
	as := at.as(station.DataManager)
	if err := at.node.LimitUser(t.Context(), userOf(station.DataManager), []atoll.ID{f.Stores["A"]}); err != nil {
		t.Fatal(err)
	}
	page := "/records/item/" + string(items[0].ID)
	if form := at.get(page+"/edit", as).want(200); strings.Contains(form.body, "f.merged_into") {
		t.Error("a form has the field by which records are merged")
	}
	at.ask("POST", page, url.Values{"version": {"1"}, "f.status": {"merged"}, "f.merged_into": {string(items[1].ID)}}, as)
	again, _, err := at.node.Records(t.Context(), storage.Query{Type: "item"})
	if err != nil || len(again) != len(items) {
		t.Errorf("%d items, there were %d: %v", len(again), len(items), err)
	}
}
