package simulate

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// prefer sets a synchronised preference on the primary.
func (w *world) prefer(key string, value any) {
	w.t.Helper()
	at := w.topology(atoll.CentreID).Primary()
	if old := w.list(at, "preference", "key", key); len(old) == 1 {
		w.update(at, "preference", old[0].ID, atoll.Fields{}.Set("value", value))
		return
	}
	w.insert(at, "preference", atoll.Fields{}.Set("key", key).Set("value", value))
}

// dispensaries makes dispensaries of stores.
func (w *world) dispensaries(stores ...string) {
	w.t.Helper()
	for _, s := range stores {
		w.update(1, "store", w.Stores[s], atoll.Fields{}.Set("mode", "dispensary"))
	}
}

// patient registers a patient at a store and makes her visible there.
func (w *world) patient(store string) atoll.ID {
	w.t.Helper()
	at, id := w.home(store), atoll.NewID(w.Clock.Now())
	w.edit(at, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "patient", ID: id}, Fields: atoll.Fields{}.
		Set("name", "Ada").Set("home_store_id", w.Stores[store])})
	w.insert(at, "patient_store_join", atoll.Fields{}.Set("patient_id", id).Set("store_id", w.Stores[store]))
	return id
}

func (w *world) prescribe(store string, patient atoll.ID, more atoll.Fields) (atoll.ID, error) {
	id := atoll.NewID(w.Clock.Now())
	f := atoll.Fields{}.Set("store_id", w.Stores[store]).Set("patient_id", patient).Set("status", documents.New).Apply(more)
	return id, w.At(w.home(store)).Insert(w.ctx, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "prescription", ID: id}, Fields: f})
}

// TestR_B_71: a change is listed once for all sites, not once for each.
func TestR_B_71_CentralDataOnce(t *testing.T) {
	w := f2(t)
	item := w.item("seen by all")
	before := w.list(1, "item")
	w.sync(4)
	if got := w.list(1, "item"); len(got) != len(before)+1 {
		t.Errorf("after the primary's push the centre has %d items; want %d", len(got), len(before)+1)
	}
	for _, site := range []atoll.SiteID{2, 3} {
		w.sync(site)
		w.equal("item", item, 4, site)
	}
	audiences := map[atoll.Audience]int{}
	h, err := snapshot(w.ctx, w.Centre)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range h.records[atoll.Key{Type: "item", ID: item}].Audiences {
		audiences[a]++
	}
	if len(audiences) != 1 || audiences[atoll.All] != 1 {
		t.Errorf("the centre lists it under %v; want once, under all", audiences)
	}
	w.peace()
}

// TestR_B_74: what travels of a transfer, and what does not.
func TestR_B_74_BothHalvesNoStock(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("B", item, "10")
	location := w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "L").Set("name", "L"))
	w.update(2, "stock_line", stock, atoll.Fields{}.Set("location_id", location))
	ci := w.ship("B", "C", stock, "4")
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	w.sync(2)
	for _, site := range []atoll.SiteID{1, 2, 3} {
		w.want(site, "invoice", ci)
		w.want(site, "invoice", half.ID)
		if got := w.list(site, "invoice_line", "invoice_id", string(half.ID)); len(got) != 1 {
			t.Errorf("site %d has %d lines of the responding half", site, len(got))
		}
	}
	if w.get(3, "stock_line", stock) != nil || w.get(3, "location", location) != nil {
		t.Error("the sender's stock line or location reached the receiver's site")
	}
	w.act(3, receive, half.ID)
	w.peace()
}

// TestR_B_75: the requests by which another site asks for a change of a patient
// are left; here is who gets what, and that changes are sent by field.
func TestR_B_75_Patients(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.patient("B")
	policy := w.insert(1, "insurance_provider", atoll.Fields{}.Set("name", "Mutual"))
	w.sync(2, 3)
	w.equal("patient", ada, 2, 1)
	if w.get(3, "patient", ada) != nil {
		t.Error("the patient is at site 3, where she is not visible")
	}
	own := w.insert(2, "insurance_policy", atoll.Fields{}.Set("patient_id", ada).Set("insurance_provider_id", policy).Set("policy_number", "1"))
	w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["C"]))
	w.sync(2, 3)
	w.equal("patient", ada, 2, 3)
	w.equal("insurance_policy", own, 2, 3)
	w.refused(w.At(3).Insert(w.ctx, change("patient", ada, atoll.Fields{}.Set("phone", "1"))), atoll.Ownership)
	w.update(2, "patient", ada, atoll.Fields{}.Set("phone", "2"))
	w.sync(2, 3)
	w.equal("patient", ada, 2, 3)
	copies := w.journalCopy(2, w.seq(2)-1)
	if f := copies[0].Operations[0].Fields; len(f) != 1 || f.Text("phone") != "2" {
		t.Errorf("the change was sent as %v; want the one field", f)
	}
	// Visible in a store that is no dispensary is not enough, and visible no longer
	// ends it.
	eve := w.patient("B")
	w.sync(2)
	w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", eve).Set("store_id", w.Stores["D"]))
	for _, join := range w.list(1, "patient_store_join", "patient_id", string(ada), "store_id", string(w.Stores["C"])) {
		w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: join.Key})
	}
	w.sync(2, 3)
	if w.get(3, "patient", eve) != nil {
		t.Error("a patient reached site 3 for a store that is no dispensary")
	}
	if w.get(3, "patient", ada) != nil || w.get(3, "insurance_policy", own) != nil {
		t.Error("site 3 still shows a patient who is no longer visible there")
	}
	w.peace()
}

func TestR_B_76_LocalDataStays(t *testing.T) {
	w := f1(t)
	id := w.insert(2, "local_preference", atoll.Fields{}.Set("key", "colour").Set("value", "red"))
	w.sync(2)
	if w.get(1, "local_preference", id) != nil {
		t.Error("local data is at the centre")
	}
	copies := w.journalCopy(2, w.seq(2)-1)
	if copies[0].Withheld.IsZero() {
		t.Error("local data was put in the push")
	}
	// A program that does not keep to it pushes some all the same.
	n := w.Sites[2]
	n.Door.Centre = true // so it does not mark what stays
	pushed := w.insert(2, "local_preference", atoll.Fields{}.Set("key", "colour").Set("value", "blue"))
	n.Door.Centre = false
	for range 2 { // refused, and refused again when it is tried again
		w.sync(2)
		w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "L").Set("name", "L"))
	}
	if w.get(1, "local_preference", pushed) != nil {
		t.Error("local data that was pushed was taken")
	}
	open, err := w.Centre.Centre.Sites(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(open, func(s central.SiteStatus) bool { return s.ID == 2 }); open[i].Quarantined != 1 {
		t.Errorf("%d entries of site 2 are in quarantine; want 1", open[i].Quarantined)
	}
}

// TestR_B_77: one transaction at the centre, and everything that follows.
func TestR_B_77_R_C_09_AtOnce(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("E", item, "5")
	before := w.seq(1)
	w.configure(central.Assign(w.Stores["E"], 3))
	if got := w.seq(1); got != before+1 {
		t.Errorf("it took %d transactions", got-before)
	}
	top := w.topology(1)
	if top.SyncWith(w.Stores["E"], 3) != topology.WithActive || top.Instance(w.Stores["E"], 1).Type != topology.Collector ||
		top.SyncWith(w.Stores["A"], 3) != topology.WithTransfer || !slices.Contains(top.Subscription(3), atoll.StoreAudience(w.Stores["E"])) {
		t.Error("instances, sync-with values and subscriptions did not follow")
	}
	// No restart: the running site gets it with its next cycle.
	w.sync(3)
	w.equal("stock_line", stock, 1, 3)
	w.update(3, "stock_line", stock, atoll.Fields{}.Set("note", "ours now"))
	w.refused(w.Centre.Insert(w.ctx, change("stock_line", stock, atoll.Fields{}.Set("note", "x"))), atoll.Ownership)
	w.peace()
}

func TestR_B_78_Messages(t *testing.T) {
	w := f1(t)
	send := func(at atoll.SiteID, f atoll.Fields) atoll.ID {
		return w.insert(at, "message", f.Set("kind", "note").Set("status", "new").Set("body", "hello"))
	}
	w.sync(2, 3)
	to := send(2, atoll.Fields{}.Set("from_store_id", w.Stores["B"]).Set("to_store_id", w.Stores["C"]))
	centre := send(2, atoll.Fields{}.Set("from_store_id", w.Stores["B"]))
	system := send(1, atoll.Fields{}.Set("to_store_id", w.Stores["D"]))
	w.sync(2, 3)
	for id, at := range map[atoll.ID][]atoll.SiteID{to: {1, 2, 3}, centre: {1, 2}, system: {1, 3}} {
		for _, site := range []atoll.SiteID{1, 2, 3} {
			if got := w.get(site, "message", id) != nil; got != slices.Contains(at, site) {
				t.Errorf("message %s is at site %d: %t; want it at %v", id, site, got, at)
			}
		}
	}
	w.refused(w.At(2).Insert(w.ctx, change("message", to, atoll.Fields{}.Set("body", "other words"))), atoll.Schema)
	// One owner: whoever sent it does not mark it too, or two changes would meet.
	done := atoll.Fields{}.Set("status", "processed")
	for id, at := range map[atoll.ID]atoll.SiteID{to: 2, centre: 2, system: 1} {
		w.refused(w.At(at).Insert(w.ctx, change("message", id, done)), atoll.Ownership)
	}
	w.refused(w.At(1).Insert(w.ctx, change("message", to, done)), atoll.Ownership)
	w.update(1, "message", centre, done)
	w.update(3, "message", to, done)
	if c := w.sync(3); c.Applied != 1 || c.Quarantined != 0 {
		t.Errorf("marking it processed: %d applied, %d refused", c.Applied, c.Quarantined)
	}
	w.equal("message", to, 3, 1)
	if c := w.sync(3); c.Received != 0 {
		t.Errorf("%d records came again", c.Received)
	}
}

// TestR_B_80: a change is classed by the preferences in force when it was made.
func TestR_B_80_ClassedWhenWritten(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	kept := w.stock("F", item, "4") // F is managed only now
	w.configure(central.ManageOnly(w.Stores["F"], false))
	w.sync(2)
	// The entry stays what it was; the data goes up in a restatement of its own.
	entries := w.journalCopy(2, 0)
	withheld, restated := 0, 0
	for _, e := range entries {
		if !e.Withheld.IsZero() {
			withheld++
		}
		for _, op := range e.Operations {
			if op.Verb == atoll.Restate && op.ID == kept {
				restated++
			}
		}
	}
	if withheld != 1 || restated != 1 {
		t.Errorf("%d entries withheld, %d restatements; want 1 and 1", withheld, restated)
	}
	// And an order keeps the owner it was entered under.
	order := w.insert(2, "purchase_order", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("status", documents.New))
	w.prefer("centralised_procurement", true)
	w.sync(2)
	w.update(2, "purchase_order", order, atoll.Fields{}.Set("comment", "still ours"))
	w.refused(w.Centre.Insert(w.ctx, change("purchase_order", order, atoll.Fields{}.Set("comment", "x"))), atoll.Ownership)
	w.peace()
}

// TestAnswersAreBounded: the centre's limit holds whatever a site asks for.
func TestAnswersAreBounded(t *testing.T) {
	w := f1(t)
	w.Centre.Centre.Records = 3
	for i := range 10 {
		w.item(string(rune('a' + i)))
	}
	if c := w.sync(2); c.Received != 10 || c.Rounds < 4 {
		t.Errorf("%d records came in %d answers; want 10, at most 3 at a time", c.Received, c.Rounds)
	}
	w.peace()
}

// A record builds on records of its own store only. What is part of another store's
// record goes where that one does not, and would wait there for good. R-A-17, R-B-79.
func TestR_A_17_ARecordBuildsOnItsOwnStore(t *testing.T) {
	w := f1(t)
	asset := w.insert(3, "asset", atoll.Fields{}.Set("store_id", w.Stores["C"]))
	location := w.insert(3, "location", atoll.Fields{}.Set("store_id", w.Stores["D"]).Set("code", "x").Set("name", "X").Set("status", "active"))
	log := func(store string) journal.Proposal {
		return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "asset_log", ID: atoll.NewID(w.Clock.Now())}, Fields: atoll.Fields{}.
			Set("asset_id", asset).Set("store_id", w.Stores[store]).Set("logged_at", "2026-03-02T08:00:00Z")}
	}
	w.refused(w.At(3).Insert(w.ctx, log("D")), atoll.Reference, "another store")
	w.edit(3, log("C"))
	place := atoll.Fields{}.Set("asset_id", asset).Set("store_id", w.Stores["C"]).Set("location_id", location)
	w.refused(w.At(3).Insert(w.ctx, journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "asset_internal_location", ID: atoll.NewID(w.Clock.Now())}, Fields: place,
	}), atoll.Reference, "another store")
	w.configure(central.MakeVisible(w.Stores["D"], w.Stores["B"], true))
	w.configure(central.Collect(w.Stores["D"], 2, true))
	w.peace()
}

// A store that is leaving sends no more messages from the site it leaves: its site
// would say something in a name that is no longer its own. R-B-78, R-H-30, R-H-31.
func TestR_B_78_R_H_31_AStoreThatLeavesIsSilent(t *testing.T) {
	w := f1(t)
	w.sync(2, 3)
	w.move("C", 2)
	w.Sites[3].Net.Records = 1 // it hears of the move, and not that it has ended
	rounds := 0
	w.Sites[3].Net.Down = func() bool { rounds++; return rounds > 2 }
	_, _ = w.Sync(w.ctx, 3)
	err := w.At(3).Insert(w.ctx, journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "message", ID: atoll.NewID(w.Clock.Now())},
		Fields: atoll.Fields{}.Set("from_store_id", w.Stores["C"]).Set("kind", "note").Set("status", "new"),
	})
	if len(w.topology(3).Moves()) == 0 {
		t.Fatal("site 3 has not heard of the move, or of its end")
	}
	w.refused(err, atoll.Rule, "is being moved")
	w.Sites[3].Net.Down = nil
	w.peace()
}
