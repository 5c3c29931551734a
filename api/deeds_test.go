package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/notify/notifytest"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/simulate/access"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// deed is a request of an operation that really changes something. In path and body
// stand names of things, as in {B}, which are put in when it is sent; what its answer
// holds may get a name for those that follow.
type deed struct {
	id, path, body string
	by             station.UserRole
	mute           bool
	told           string // the name that the value under key of the answer gets
	key            []string
	before         func() // sees to it that it can be done
}

// Without its power nobody changes anything: every operation that does something is
// sent what really does it, in every role, and the sum of the whole database is the same
// before and after; then who may does it, which shows that the right thing is sent.
func TestNobodyActsWithoutThePower(t *testing.T) {
	f := newFleet(t)
	names := f.ready(t)
	tried := f.examples(t)
	for _, at := range []*face{f.one, f.centre} {
		deeds := f.centralDeeds(t, names)
		if at == f.one {
			deeds = f.siteDeeds(t, names)
		}
		ops := at.operations()
		for role := range access.Roles {
			at.token(role)
		}
		for _, d := range deeds {
			tried[d.id] = true
			at.try(t, ops, d, names)
		}
	}
	for _, op := range f.centre.operations() {
		if p := powers[op.id]; op.method != http.MethodGet && p != "" && !tried[op.id] && op.id != "sign-out" { // which ends the session of who asks
			t.Errorf("%s does something, and this test does not try it", op.id)
		}
	}
}

func (f *face) try(t *testing.T, ops []operation, d deed, names map[string]string) {
	t.Helper()
	i := slices.IndexFunc(ops, func(o operation) bool { return o.id == d.id })
	if i < 0 {
		t.Fatalf("there is no operation %s", d.id)
	}
	if d.before != nil {
		d.before()
	}
	var pairs []string
	for name, value := range names {
		pairs = append(pairs, "{"+name+"}", value)
	}
	put := strings.NewReplacer(pairs...)
	path, body := put.Replace(d.path), put.Replace(d.body)
	access.Try(t, f.node, access.Roles, access.Deed{Name: d.id, Power: station.Power(powers[d.id]), By: d.by, Mute: d.mute, Send: func(by station.UserRole) access.Answer {
		if by == access.Nobody {
			got := f.call(ops[i].method, path, body, with("Authorization", "none"))
			return access.Answer{Status: got.StatusCode, Text: string(got.body)}
		}
		got := f.call(ops[i].method, path, body, f.as(by))
		if d.told != "" && got.StatusCode < 300 {
			names[d.told] = got.text(d.key...)
		}
		return access.Answer{Status: got.StatusCode, Text: string(got.body)}
	}}, http.StatusUnauthorized)
}

// ready makes what the deeds are about, and says how it is called.
func (f *fleet) ready(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{"new": newID, "new2": string(atoll.DeriveID("another")), "new3": string(atoll.DeriveID("a third"))}
	for _, store := range []string{"A", "E"} {
		etag := f.centre.call("GET", "/records/store/"+string(f.Stores[store]), "").want(200).Header.Get("ETag")
		f.centre.call("PUT", "/records/store/"+string(f.Stores[store]), `{"fields":{"mode":"dispensary"}}`, with("If-Match", etag)).want(200)
	}
	clinics(t, f)
	item := f.item(t, "amox")
	names["item"], names["other item"] = string(item), string(f.item(t, "amoxi"))
	line := f.stock(t, f.Sites[2], f.Stores["B"], item)
	names["shipment"], names["order"] = f.shipment(t, line, item, "5"), string(atoll.DeriveID("an order"))
	f.one.call("POST", "/invoices/"+names["shipment"]+"/finalise", "").want(200)
	for name, id := range f.Stores {
		names[name] = string(id)
	}
	names["bob"] = f.two.call("POST", "/patients", `{"store":"`+names["C"]+`","fields":{"first_name":"Bob","last_name":"Elsewhere"}}`).want(201).text("id")
	names["curie"] = f.two.call("POST", "/prescribers", `{"store":"`+names["C"]+`","fields":{"last_name":"Curie"}}`).want(201).text("id")
	f.sync(t)
	return names
}

// siteDeeds are what can be done at a site and not at the central server.
func (f *fleet) siteDeeds(*testing.T, map[string]string) []deed {
	edit, sync := station.StoreUser, station.Technician
	f.centre.token(edit)
	return []deed{
		{id: "put-sync-settings", path: "/sync/settings", body: `{"paused":true,"reason":"the line is dear"}`, by: sync},
		{id: "sync-now", path: "/sync", by: station.Viewer, mute: true},
		{id: "ask-cancel", path: "/invoices/{shipment}/ask-cancel", by: edit},
		{id: "fetch-documents", path: "/sync/fetch", body: `{"from":"2025-01-01T00:00:00Z","to":"2025-02-01T00:00:00Z"}`, by: edit},
		{id: "fetch-patient", path: "/patients/{bob}/fetch", body: `{"store":"{B}","user":"store-user","password":"` + password + `","reason":"he came"}`, by: edit},
		{id: "fetch-prescriber", path: "/prescribers/{curie}/fetch", body: `{"store":"{B}","user":"store-user","password":"` + password + `","reason":"she came"}`, by: edit},
		{id: "ask-patient-history", path: "/patients/{bob}/history", body: `{"user":"store-user","password":"` + password + `","reason":"he came"}`, by: edit, mute: true},
		{id: "prepare-shipment", path: "/requisitions/{order}/shipment", by: edit, before: func() {
			f.one.call("PUT", "/records/requisition/"+string(atoll.DeriveID("an order")), `{"fields":{"kind":"response","status":"new","store_id":"`+string(f.Stores["B"])+`","name_id":"`+string(topology.StoreNameID(f.Stores["C"]))+`"}}`).want(201)
		}},
	}
}

// centralDeeds are what can be done at the central server, in an order in which each
// can be.
func (f *fleet) centralDeeds(t *testing.T, names map[string]string) []deed {
	edit, curate, sync, configure := station.StoreUser, station.DataManager, station.Technician, station.Administrator
	c, letters := f.centre, notifytest.New(t)
	c.call("PUT", "/preferences/"+patients.TransferWait, `{"value":0}`).want(200)
	// leaves makes somebody whose home is at a site that has not answered yet.
	leaves := func(what, name string) {
		id := f.two.call("POST", "/"+what+"s", `{"store":"`+names["C"]+`","fields":{"first_name":"Eve","last_name":"Other"}}`).want(201).text("id")
		f.sync(t)
		c.call("POST", "/"+what+"s/"+id+"/transfer", `{"to":"`+names["A"]+`","reason":"moved"}`).want(202)
		names[name] = id
	}
	return []deed{
		{id: "put-record", path: "/records/location/{new}", body: `{"fields":{"code":"X1","name":"Shelf","store_id":"{A}"}}`, by: edit},
		{id: "change-records", path: "/records", body: `{"changes":[{"verb":"insert","type":"location","id":"{new2}","fields":{"code":"X2","name":"Shelf","store_id":"{A}"}}]}`, by: edit},
		{id: "delete-record", path: "/records/invoice/{new3}?version=1", by: edit, before: func() {
			c.call("PUT", "/records/invoice/"+names["new3"], `{"fields":{"kind":"inventory_addition","status":"new","store_id":"`+names["A"]+`"}}`).want(201)
		}},
		{id: "decide-refusal", path: "/quarantine/{refusal}/decide", body: `{"decision":"skip","note":"counted twice"}`, by: sync, before: func() { names["refusal"] = f.refusal(t) }},
		{id: "decide-requisition", path: "/requisitions/{response}/decision", body: `{"authorise":true}`, by: configure, before: func() { names["response"] = f.unauthorised(t, names) }},
		{id: "preview-merge", path: "/merges/preview", body: `{"type":"item","from":"{item}","into":"{other item}"}`, by: curate, mute: true},
		{id: "merge", path: "/merges", body: `{"type":"item","from":"{item}","into":"{other item}"}`, by: curate},
		{id: "undo-merge", path: "/merges/item/{item}/undo", by: curate},
		{id: "put-mail", path: "/mail", body: `{"server":"` + letters.Address + `","security":"none","from":"atoll@example.org","to":["amina@example.org"],` +
			`"language":"en","silent_hours":72,"refused":1,"waiting":0,"held_up":1,"repeat_hours":168}`, by: configure},
		{id: "test-mail", path: "/mail/test", by: configure, mute: true},
		{id: "publish-dashboard", path: "/reports/dashboard/publish", by: curate},

		{id: "register-patient", path: "/patients", body: `{"store":"{A}","fields":{"first_name":"Ada","last_name":"Lovelace","date_of_birth":"1990-12-10"}}`, by: edit, told: "ada", key: []string{"id"}},
		{id: "decide-requested-change", path: "/requested-changes/{change}/decide", body: `{"all":true}`, by: edit, before: func() { names["change"] = f.wished(t, names) }},
		{id: "review-over-dispensed", path: "/repeats/over-dispensed/{outcome}/review", body: `{"note":"told her"}`, by: edit, before: func() { names["outcome"] = f.overDispensed(t, names) }},
		{id: "edit-patient", path: "/patients/{ada}/edit", body: `{"store":"{A}","fields":{"phone":"1"}}`, by: edit},
		{id: "find-patients", path: "/patients/find", body: `{"store":"{A}","last_name":"Love"}`, by: edit, mute: true},
		{id: "hide-patient", path: "/patients/{ada}/visibility/{E}", by: configure},
		{id: "show-patient", path: "/patients/{ada}/visibility/{E}", by: configure},
		{id: "transfer-patient", path: "/patients/{ada}/transfer", body: `{"to":"{C}","reason":"moved"}`, by: edit},
		{id: "force-patient-transfer", path: "/patients/{eve}/transfer/force", by: configure, before: func() { leaves("patient", "eve") }},
		{id: "cancel-patient-transfer", path: "/patients/{eva}/transfer/cancel", by: configure, before: func() { leaves("patient", "eva") }},
		{id: "register-prescriber", path: "/prescribers", body: `{"store":"{A}","fields":{"last_name":"Who","first_name":"Doctor"}}`, by: edit, told: "who", key: []string{"id"}},
		{id: "edit-prescriber", path: "/prescribers/{who}/edit", body: `{"store":"{A}","fields":{"phone":"1"}}`, by: edit},
		{id: "find-prescribers", path: "/prescribers/find", body: `{"store":"{A}","last_name":"Who"}`, by: edit, mute: true},
		{id: "hide-prescriber", path: "/prescribers/{who}/visibility/{E}", by: configure},
		{id: "show-prescriber", path: "/prescribers/{who}/visibility/{E}", by: configure},
		{id: "transfer-prescriber", path: "/prescribers/{who}/transfer", body: `{"to":"{C}","reason":"moved"}`, by: edit},
		{id: "force-prescriber-transfer", path: "/prescribers/{doc}/transfer/force", by: configure, before: func() { leaves("prescriber", "doc") }},
		{id: "cancel-prescriber-transfer", path: "/prescribers/{dora}/transfer/cancel", by: configure, before: func() { leaves("prescriber", "dora") }},
		{id: "transfer-all-patients", path: "/stores/{A}/patients/transfer", body: `{"to":"{C}","reason":"closes"}`, by: edit},
		{id: "resync-patients", path: "/stores/{B}/resync-patients", by: configure},

		{id: "add-user", path: "/users", body: `{"name":"second","role":"viewer"}`, by: configure},
		{id: "limit-user", path: "/users/second/stores", body: `{"stores":["A"]}`, by: configure},
		{id: "disable-user", path: "/users/second/disabled", by: configure},
		{id: "enable-user", path: "/users/second/disabled", by: configure},
		{id: "set-preference", path: "/preferences/pack_to_one", body: `{"value":true}`, by: configure},

		{id: "add-store", path: "/stores", body: `{"code":"X","name":"Store X","dispensary":true}`, by: configure, told: "X", key: []string{"store"}},
		{id: "assign-store", path: "/stores/{X}/assign", body: `{"site":3}`, by: configure},
		{id: "include-transactions", path: "/stores/{X}/include-transactions?confirm=true", body: `{"include":false,"reason":"agreed"}`, by: configure},
		{id: "show-stores", path: "/visibility/{E}/{B}", by: configure},
		{id: "hide-stores", path: "/visibility/{E}/{B}", by: configure},
		{id: "remove-collector", path: "/stores/{A}/collectors/2", by: configure},
		{id: "add-collector", path: "/stores/{A}/collectors/2", by: configure},
		{id: "manage-store-only", path: "/stores/{X}/managed-only?confirm=true", by: configure},
		{id: "collect-store", path: "/stores/{X}/managed-only", by: configure},
		{id: "disable-store", path: "/stores/{E}/disabled", by: configure},
		{id: "enable-store", path: "/stores/{E}/disabled", by: configure},
		{id: "close-store-with-successor", path: "/stores/{E}/successor", body: `{"successor":"{D}"}`, by: configure},
		{id: "set-site-kind", path: "/sites/3/kind", body: `{"kind":"desktop"}`, by: configure},
		{id: "answer-for-site", path: "/sites/3/centre-answers", by: configure},
		{id: "let-site-answer", path: "/sites/3/centre-answers", by: configure},
		{id: "limit-history", path: "/sites/3/history", body: `{"months":24}`, by: configure},
		{id: "send-documents", path: "/sites/3/fetch", body: `{"from":"2025-01-01T00:00:00Z","to":"2030-02-01T00:00:00Z"}`, by: sync},
		{id: "add-site", path: "/sites", body: `{"name":"Mulago","kind":"server"}`, by: configure, told: "mulago", key: []string{"site"}},
		{id: "delete-site", path: "/sites/{mulago}", by: configure},
		{id: "new-site-code", path: "/sites/3/code", by: configure},
		{id: "reset-device", path: "/sites/3/reset-device", by: configure},
		{id: "pause-site", path: "/sites/3/pause", body: `{"reason":"the roof leaks"}`, by: sync},
		{id: "resume-site", path: "/sites/3/resume", by: sync},
		{id: "order-site", path: "/sites/2/order", body: `{"order":"resend"}`, by: sync},

		{id: "delegate", path: "/delegations/items", body: `{"store":"{B}","reason":"a pilot"}`, by: configure},
		{id: "keep-delegation", path: "/delegations/items/keep", by: configure, before: func() {
			c.call("PUT", "/delegations/items", `{"store":"`+names["C"]+`","change":true}`).want(200)
		}},
		{id: "withdraw-delegation", path: "/delegations/items?now=true&reason=over", by: configure},

		{id: "start-job", path: "/jobs", body: `{"kind":"verify","site":2,"types":["store"]}`, by: sync, told: "job", key: []string{"job", "id"}},
		{id: "abort-job", path: "/jobs/{job}/abort", by: sync},
		{id: "force-move", path: "/moves/{forced}/force", body: `{"signed_by":"me"}`, by: configure, before: func() {
			names["forced"] = c.call("POST", "/moves", `{"store":"`+names["D"]+`","to":2,"reason":"nearer"}`).want(202).text("move", "id")
		}},
		{id: "start-move", path: "/moves", body: `{"store":"{B}","to":1,"reason":"closes"}`, by: configure, told: "move", key: []string{"move", "id"}},
		{id: "repeat-move", path: "/moves/{move}/again", by: configure},
		{id: "abort-move", path: "/moves/{move}/abort", by: configure},
		{id: "plan-system", path: "/plan?apply=true", body: `{"server":{},"stores":[{"code":"Q1","internet":"daily"}]}`, by: configure},
		{id: "start-primary", path: "/jobs/primary", body: `{"site":2}`, by: configure},
		{id: "make-primary", path: "/sites/3/primary?confirm=true", by: configure},
		{id: "settle-found", path: "/found", body: `{"decision":"leave","reason":"a day old"}`, by: configure, mute: true},
		{id: "set-lock", path: "/configuration/lock", body: `{"code":"three-green-boats"}`, by: configure},
		{id: "unlock", path: "/configuration/unlock", body: `{"code":"three-green-boats"}`, by: configure},
	}
}

// refusal is the number of a change of site 2 that the centre has refused.
func (f *fleet) refusal(t *testing.T) string {
	t.Helper()
	n := f.Sites[2]
	lines, _, err := n.Records(t.Context(), storage.Query{Type: "stock_line", Limit: 1, Where: map[string]string{"store_id": string(f.Stores["B"])}})
	if err != nil || len(lines) == 0 {
		t.Fatal(len(lines), err)
	}
	rules, laws := n.Door.Judge.Rules, n.Door.Judge.Laws
	n.Door.Judge.Rules, n.Door.Judge.Laws = nil, nil
	err = n.Insert(t.Context(), journal.Proposal{Verb: atoll.Update, Key: lines[0].Key, Fields: atoll.Fields{}.Set("total_number_of_packs", json.Number("-5"))})
	n.Door.Judge.Rules, n.Door.Judge.Laws = rules, laws
	if err != nil {
		t.Fatal(err)
	}
	f.sync(t)
	var list struct{ Refusals []struct{ ID int64 } }
	if f.centre.call("GET", "/quarantine?site=2&open=true", "").want(200).json(&list); len(list.Refusals) != 1 {
		t.Fatalf("%d refusals", len(list.Refusals))
	}
	return strconv.FormatInt(list.Refusals[0].ID, 10)
}

// unauthorised is a requisition of C to B that waits for the authorisers.
func (f *fleet) unauthorised(t *testing.T, names map[string]string) string {
	t.Helper()
	id := func(name string) string { return string(atoll.DeriveID("unauthorised", name)) }
	f.centre.write("insert", "store_preference", id("preference"), `{"store_id":"`+names["B"]+`","key":"requisitions_require_authorisation","value":true}`)
	f.centre.write("insert", "program", id("program"), `{"name":"Malaria"}`)
	f.sync(t)
	f.two.write("insert", "requisition", id("asked"), `{"store_id":"`+names["C"]+`","kind":"request","status":"new","program_id":"`+id("program")+
		`","name_id":"`+string(topology.StoreNameID(f.Stores["B"]))+`"}`)
	f.two.write("insert", "requisition_line", id("line"), `{"requisition_id":"`+id("asked")+`","store_id":"`+names["C"]+`","item_id":"`+names["item"]+`","requested_quantity":20}`)
	f.two.call("POST", "/requisitions/"+id("asked")+"/finalise", "").want(200)
	f.sync(t)
	f.sync(t)
	var list struct{ Records []struct{ ID string } }
	if f.one.call("GET", "/records/requisition?where[originating_id]="+id("asked"), "").want(200).json(&list); len(list.Records) != 1 {
		t.Fatalf("%d answers", len(list.Records))
	}
	return list.Records[0].ID
}

// wished is a change that site 2 asks of a patient of A, while A changes the same.
func (f *fleet) wished(t *testing.T, names map[string]string) string {
	t.Helper()
	f.centre.call("PUT", "/preferences/"+patients.SharedDetails, `{"value":true}`).want(200)
	f.centre.call("PUT", "/patients/"+names["ada"]+"/visibility/"+names["B"], "").want(204)
	f.sync(t)
	edit := func(at *face, store, phone string) {
		t.Helper()
		at.call("POST", "/patients/"+names["ada"]+"/edit", `{"store":"`+names[store]+`","fields":{"phone":"`+phone+`"},"reason":"she said so"}`).want(200)
	}
	edit(f.one, "B", "2")
	edit(f.centre, "A", "3")
	f.sync(t)
	var list struct{ Changes []struct{ ID string } }
	if f.centre.call("GET", "/requested-changes?patient="+names["ada"], "").want(200).json(&list); len(list.Changes) != 1 {
		t.Fatalf("%d changes are asked for", len(list.Changes))
	}
	return list.Changes[0].ID
}

// overDispensed is what the home site of a patient of A found: B and A handed out the
// same number of a repeat.
func (f *fleet) overDispensed(t *testing.T, names map[string]string) string {
	t.Helper()
	repeat := string(atoll.DeriveID("repeat"))
	f.centre.call("PUT", "/preferences/repeats_everywhere", `{"value":true}`).want(200)
	f.centre.write("insert", "repeat", repeat, `{"patient_id":"`+names["ada"]+`","item_id":"`+names["item"]+`","quantity":1,"total_repeats":2,"status":"active"}`)
	f.sync(t)
	hand := func(at *face, store string) {
		t.Helper()
		at.write("insert", "prescription", string(atoll.DeriveID("handed out", store)),
			`{"store_id":"`+names[store]+`","patient_id":"`+names["ada"]+`","status":"finalised","repeat_id":"`+repeat+`","repeat_number":1}`)
	}
	hand(f.centre, "A")
	hand(f.one, "B")
	f.sync(t)
	f.sync(t)
	var list struct{ Records []struct{ ID string } }
	if f.centre.call("GET", "/repeats/over-dispensed", "").want(200).json(&list); len(list.Records) != 1 {
		t.Fatalf("%d are over-dispensed", len(list.Records))
	}
	return list.Records[0].ID
}

// examples tries what the OpenAPI document shows of documents, which is all that may be
// done with one; and as somebody who works in another store, who may do none of it
// (R-J-01).
func (f *fleet) examples(t *testing.T) map[string]bool {
	t.Helper()
	tried := map[string]bool{}
	world := exampleWorld(t).centre
	for role := range access.Roles {
		world.token(role)
	}
	ctx := t.Context()
	if _, err := world.node.AddUser(ctx, "amina", station.StoreUser, password); err != nil {
		t.Fatal(err)
	}
	if err := world.node.LimitUser(ctx, "amina", []atoll.ID{world.store}); err != nil {
		t.Fatal(err)
	}
	token, _, err := world.node.SignInUser(ctx, "amina", password)
	if err != nil {
		t.Fatal(err)
	}
	ops := world.operations()
	for _, c := range world.exampleCalls(t) {
		if c.method == http.MethodGet {
			continue
		}
		tried[c.id] = true
		before := access.Sum(t, world.node)
		if got := world.call(c.method, c.path, c.body, with("Authorization", "Bearer "+token)); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s in another store: %d %s", c.id, c.name, got.StatusCode, got.body)
		}
		if access.Sum(t, world.node) != before {
			t.Errorf("%s %s in another store changed something", c.id, c.name)
		}
		world.try(t, ops, deed{id: c.id, path: c.path, body: c.body, by: station.StoreUser}, nil)
	}
	return tried
}
