package simulate

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// TestR_B_92: what a dispensary that excludes its transactions keeps, and what it
// does not; and R-B-93, all of it once it includes them again.
func TestR_B_92_R_B_93_Excluded(t *testing.T) {
	w := f1(t)
	w.dispensaries("B")
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["B"], false, "agreed", false); err != nil {
		t.Fatal(err)
	}
	item := w.item("x")
	w.sync(2, 3)
	b := w.Stores["B"]
	stock := w.stock("B", item, "50")
	ada := w.patient("B")
	prescription, err := w.prescribe("B", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	take := w.insert(2, "stocktake", atoll.Fields{}.Set("store_id", b).Set("status", "new"))
	invoice := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", b).Set("kind", documents.CustomerInvoice).Set("status", documents.New))
	location := w.insert(2, "location", atoll.Fields{}.Set("store_id", b).Set("code", "L").Set("name", "L"))
	goods := w.insert(2, "goods_received", atoll.Fields{}.Set("store_id", b).Set("status", "new"))
	req, err := w.request("B", "C", item, "4")
	if err != nil {
		t.Fatal(err)
	}
	ci := w.ship("B", "C", stock, "5")
	w.sync(2, 3)
	stays := map[atoll.Type]atoll.ID{"stock_line": stock, "prescription": prescription, "stocktake": take, "invoice": invoice}
	for kind, id := range stays {
		if w.get(1, kind, id) != nil {
			t.Errorf("%s went to the centre", kind)
		}
	}
	for kind, id := range map[atoll.Type]atoll.ID{"location": location, "goods_received": goods, "requisition": req, "patient": ada} {
		w.equal(kind, id, 2, 1)
	}
	half := w.answer(3, "invoice", ci) // a transfer goes through all the same
	if got := w.list(3, "invoice_line", "invoice_id", string(half.ID)); len(got) != 1 {
		t.Errorf("the transfer arrived with %d lines", len(got))
	}
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["B"], true, "agreed otherwise", false); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	for kind, id := range stays {
		w.equal(kind, id, 2, 1)
	}
	seq := w.seq(2)
	w.sync(2)
	if w.seq(2) != seq {
		t.Error("the history was sent twice")
	}
	w.act(3, receive, half.ID)
	w.peace()
}

// TestR_J_09: the stock of a store whose transactions stay at its site is compared with
// its documents there. Others have a stock line from before, and the transfers since:
// the one does not follow from the other, and no line is called wrong for it.
//
// R-J-09, R-B-92, R-B-93.
func TestR_J_09_R_B_92_StockThatStaysAtItsSite(t *testing.T) {
	w, stock := bc(t)
	w.dispensaries("B")
	w.sync(2, 3)
	examined := func(at atoll.SiteID, lines int, passed ...atoll.ID) {
		t.Helper()
		res, err := w.At(at).CheckStock(w.ctx, w.Stores["B"])
		if err != nil {
			t.Fatal(err)
		}
		if res.Lines != lines || !slices.Equal(res.Passed, passed) || len(res.Differences) > 0 {
			t.Errorf("site %d looks at %d lines and passes over %v: %+v", at, res.Lines, res.Passed, res.Differences)
		}
	}
	examined(1, 1)
	for _, include := range []bool{false, true} {
		if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["B"], include, "agreed", false); err != nil {
			t.Fatal(err)
		}
		w.sync(2)
		if include {
			examined(1, 1)
			examined(2, 1)
			break
		}
		w.ship("B", "C", stock, "5")
		w.sync(2, 3)
		examined(1, 0, w.Stores["B"])
		examined(2, 1)
	}
}

// What the centre has of a record from before its store's transactions stayed at the site
// is listed anew for whoever sees the patient, and does not replace what the site made of
// it since.
//
// R-B-92, R-B-95.
func TestR_B_92_R_B_95_WhatStayedIsNewer(t *testing.T) {
	w := f1(t)
	w.dispensaries("B")
	w.sync(2, 3)
	ada := w.patient("B")
	id, err := w.prescribe("B", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "vendor", w.Stores["B"], false, "agreed", false); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.update(2, "prescription", id, atoll.Fields{}.Set("comment", "twice a day"))
	w.sync(2)
	w.prefer("prescriptions_everywhere", true)
	w.sync(2, 2)
	if got := w.want(2, "prescription", id); got.Fields.Text("comment") != "twice a day" {
		t.Errorf("the site's own prescription is version %d: %s", got.Version, got.Body)
	}
}

func TestR_B_95_PrescriptionsEverywhere(t *testing.T) {
	for _, on := range []bool{false, true} {
		w := f1(t)
		w.dispensaries("B", "C")
		if on {
			w.prefer("prescriptions_everywhere", true)
		}
		w.sync(2, 3)
		ada := w.patient("B")
		w.sync(2)
		w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["C"]))
		w.sync(2, 3)
		id, err := w.prescribe("B", ada, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.sync(2, 3)
		w.equal("prescription", id, 2, 1)
		r := w.get(3, "prescription", id)
		if (r != nil) != on {
			t.Errorf("preference %t: the prescription is at site 3: %t", on, r != nil)
		}
		if r != nil {
			if r.Editable {
				t.Error("it can be edited there")
			}
			w.refused(w.At(3).Insert(w.ctx, change("prescription", id, atoll.Fields{}.Set("comment", "x"))), atoll.Ownership)
		}
		w.peace()
		w.prefer("prescriptions_everywhere", !on) // and both ends count it where it goes now
		w.peace()
		for _, at := range []atoll.SiteID{1, 2, 3} {
			w.checked(at)
		}
		w.prefer("prescriptions_everywhere", true)
		w.peace()
		w.replace(2)
		w.peace()
		w.checked(2)
		if _, err := w.prescribe("B", ada, nil); err != nil { // of which the centre does not know when it is turned off
			t.Fatal(err)
		}
		w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: w.list(1, "preference", "key", "prescriptions_everywhere")[0].Key})
		w.peace()
		for _, at := range []atoll.SiteID{1, 2, 3} {
			w.checked(at)
		}
	}
}

func TestR_B_96_SynchronisedPreferences(t *testing.T) {
	w := f2(t)
	for _, key := range []string{
		"centralised_procurement", "centralised_payments", "repeats_everywhere", "prescriptions_everywhere", "delegated_rights",
		"sync_display_threshold", "transfer_cut_off",
	} {
		w.prefer(key, true)
		w.sync(4, 2, 3)
		for _, site := range []atoll.SiteID{1, 2, 3} {
			if top := w.topology(site); !top.Prefers(key) {
				t.Errorf("%s did not reach site %d", key, site)
			}
		}
	}
	w.refused(w.Centre.Insert(w.ctx, journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "preference", ID: atoll.NewID(w.Clock.Now())},
		Fields: atoll.Fields{}.Set("key", "x").Set("value", 1),
	}), atoll.Ownership)
	// Every other stays.
	own := w.insert(2, "local_preference", atoll.Fields{}.Set("key", "paper size").Set("value", "A4"))
	w.sync(2, 3)
	if w.get(1, "local_preference", own) != nil || w.get(3, "local_preference", own) != nil {
		t.Error("a preference of site 2 went elsewhere")
	}
	w.peace()
}

// TestR_B_97: left is that the home site tells when a repeat was processed twice.
func TestR_B_97_Repeats(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	item := w.item("x")
	w.sync(2, 3)
	ada := w.patient("B")
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", item).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(2)
	w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["C"]))
	w.sync(2, 3)
	by := atoll.Fields{}.Set("repeat_id", repeat).Set("repeat_number", 1)
	_, err := w.prescribe("C", ada, by)
	w.refused(err, atoll.Rule, "dispensed at home", "site 2", "Store B")
	if _, err := w.prescribe("B", ada, by); err != nil {
		t.Errorf("at home: %v", err)
	}
	w.prefer("repeats_everywhere", true)
	w.sync(3)
	id, err := w.prescribe("C", ada, by.Clone().Set("repeat_number", 2))
	if err != nil {
		t.Errorf("with the preference on: %v", err)
	}
	w.sync(3)
	w.equal("prescription", id, 3, 1)
	w.peace()
}

// TestR_B_97_HandedOutBeforeItWasSwitchedOff: what was dispensed under the preference
// stands when it arrives after the preference was switched off; whoever has heard of
// that dispenses none.
func TestR_B_97_HandedOutBeforeItWasSwitchedOff(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.prefer("repeats_everywhere", true)
	item := w.item("x")
	w.sync(2, 3)
	ada := w.patient("B")
	repeat := w.insert(2, "repeat", atoll.Fields{}.Set("patient_id", ada).Set("item_id", item).Set("quantity", number("1")).
		Set("total_repeats", 3).Set("status", "active"))
	w.sync(2)
	w.show(ada, "C")
	w.sync(2, 3)
	w.prefer("repeats_everywhere", false)
	id, err := w.prescribe("C", ada, atoll.Fields{}.Set("repeat_id", repeat).Set("repeat_number", 1).Set("status", documents.Finalised))
	if err != nil {
		t.Fatalf("before the site heard: %v", err)
	}
	w.sync(3)
	if open := w.quarantined(3); len(open) != 0 {
		t.Fatalf("what was handed out is in quarantine: %s", open[0].Message)
	}
	w.equal("prescription", id, 3, 1)
	_, err = w.prescribe("C", ada, atoll.Fields{}.Set("repeat_id", repeat).Set("repeat_number", 2))
	w.refused(err, atoll.Rule, "dispensed at home", "site 2", "Store B")
	w.peace()
	if f := w.want(2, "repeat", repeat).Fields; f.Int("used_repeats") != 1 {
		t.Errorf("at home the repeat was used %d times", f.Int("used_repeats"))
	}
}

func TestR_B_98_NewUsersUp(t *testing.T) {
	w := f1(t)
	if _, err := w.At(2).AddUser(w.ctx, "amina", station.StoreUser, ""); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	told := w.one(1, "user_creation", "username", "amina")
	for _, name := range []string{"role", "password_hash", "hash", "permission"} {
		if told.Fields.Has(name) {
			t.Errorf("the centre was told the user's %s", name)
		}
	}
	if users, err := w.Centre.Users(w.ctx); err != nil || len(users) > 0 {
		t.Errorf("the centre lets in %v, %v", users, err)
	}
	w.refused(w.At(2).Insert(w.ctx, change("user_creation", told.ID, atoll.Fields{}.Set("email", "a@b"))), atoll.Schema)
	w.sync(3)
	if got := w.list(3, "user_creation"); len(got) > 0 {
		t.Error("site 3 heard of it")
	}
	w.peace()
}

// TestProcurement: R-B-99 to R-B-102 in the standard and in the mirrored system.
func TestProcurement(t *testing.T) {
	order := func(w *world, kind atoll.Type, at atoll.SiteID, store string, more atoll.Fields) (atoll.ID, error) {
		id := atoll.NewID(w.Clock.Now())
		f := atoll.Fields{}.Set("store_id", w.Stores[store]).Set("status", documents.New).Apply(more)
		if kind == "payment" {
			f.Set("kind", "payment").Set("amount", number("10"))
		}
		return id, w.At(at).Insert(w.ctx, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: f})
	}
	for _, row := range []struct {
		name, key string
		kind      atoll.Type
		fixture   func(testing.TB) *world
		primary   atoll.SiteID
	}{
		{"R-B-99 R-B-100 R-B-101 orders", "centralised_procurement", "purchase_order", f1, 1},
		{"R-B-99 R-B-100 R-B-101 orders, mirrored", "centralised_procurement", "purchase_order", f2, 4},
		{"R-B-102 payments", "centralised_payments", "payment", f1, 1},
		{"R-B-102 payments, mirrored", "centralised_payments", "payment", f2, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := row.fixture(t)
			all := func() {
				t.Helper()
				if w.Sites[4] != nil {
					w.sync(4)
				}
				w.sync(2, 3)
			}
			// Off: the store's site enters them.
			_, err := order(w, row.kind, row.primary, "D", nil)
			w.refused(err, atoll.Ownership)
			// Supervisor mode (R-B-101): it belongs to where it was entered.
			by, err := order(w, row.kind, row.primary, "D", atoll.Fields{}.Set("owning_site", int(row.primary)))
			if err != nil {
				t.Fatal(err)
			}
			all()
			if r := w.want(3, row.kind, by); r.Editable || r.Owner.Site != row.primary {
				t.Errorf("entered in supervisor mode, it is site %d's", r.Owner.Site)
			}
			_, err = order(w, row.kind, 2, "D", atoll.Fields{}.Set("owning_site", 2))
			if err == nil {
				t.Error("site 2 claimed an order of a store on site 3")
			}
			// On: the primary enters them for any store, a satellite for none.
			w.prefer(row.key, true)
			all()
			for _, store := range []string{"B", "D", "A"} {
				if _, err := order(w, row.kind, row.primary, store, nil); err != nil {
					t.Errorf("the primary, for %s: %v", store, err)
				}
			}
			_, err = order(w, row.kind, 3, "D", nil)
			w.refused(err, atoll.Ownership, "primary enters them")
			id, err := order(w, row.kind, row.primary, "D", nil)
			if err != nil {
				t.Fatal(err)
			}
			all()
			w.equal(row.kind, id, row.primary, 3)
			w.refused(w.At(3).Insert(w.ctx, change(row.kind, id, atoll.Fields{}.Set("comment", "x"))), atoll.Ownership)
			// Site 3 goes back to its own ways: the primary's right for its stores ends by
			// itself, and no order is editable in two places.
			w.prefer(row.key, map[string]any{"on": true, "except": []int{3}})
			all()
			_, err = order(w, row.kind, row.primary, "D", nil)
			w.refused(err, atoll.Ownership, "store is active there")
			if _, err = order(w, row.kind, 3, "D", nil); err != nil {
				t.Errorf("site 3, for D: %v", err)
			}
			_, err = order(w, row.kind, 2, "B", nil)
			w.refused(err, atoll.Ownership)
			if r := w.want(3, row.kind, id); r.Editable {
				t.Error("an order of the primary became editable in two places")
			}
			w.update(row.primary, row.kind, id, atoll.Fields{}.Set("comment", "still the primary's"))
			w.peace()
		})
	}
}

// TestR_B_103: a site that does not know a record type goes on with the others.
// The list of types that the mobile client sends belongs to the gateway that
// speaks its protocol.
func TestR_B_103_UnknownTypes(t *testing.T) {
	w := f1(t)
	own, err := catalogue.Load(fstest.MapFS{"own.yaml": {Data: []byte(`generator:
  title: Generator
  class: central
  editor: primary
  route: all
  deletion: never
  label: name
  fields:
    name: {kind: text, required: true}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	w.Centre.Catalogue, w.Centre.Door.Judge.Catalogue = own, own
	w.insert(1, "generator", atoll.Fields{}.Set("name", "Diesel"))
	item := w.item("after it")
	c := w.sync(2)
	if c.Integrated.Waiting != 1 {
		t.Errorf("%d records wait; want the one of an unknown type", c.Integrated.Waiting)
	}
	w.want(2, "item", item)
	w.stock("B", item, "3")
	if c := w.sync(2); c.Applied != 1 {
		t.Errorf("%d entries went up", c.Applied)
	}
}

// Prescriptions that were there before the preference stand under the audiences of
// later ones, also at their own site when it does not see the patient any more, and so
// is sent nothing (R-B-95, R-H-44).
func TestR_B_95_PrescriptionsThatWereThereBefore(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.patient("C")
	w.sync(3)
	join := w.insert(1, "patient_store_join", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["B"]))
	w.sync(2, 3)
	id, err := w.prescribe("B", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "patient_store_join", ID: join}})
	w.sync(2, 3)
	for _, on := range []bool{true, false} {
		w.prefer("prescriptions_everywhere", on)
		w.sync(2, 3, 2, 3)
		for _, n := range w.Nodes() {
			rec, there := w.is(n.Door.Site, atoll.Key{Type: "prescription", ID: id})
			if there != (on || n.Door.Site != 3) {
				t.Errorf("preference %t: at site %d it is there: %t", on, n.Door.Site, there)
			}
			err := n.Store.View(w.ctx, func(r storage.Reader) error {
				want, told, err := n.Door.Audiences(r, rec)
				if told && !slices.Equal(want, rec.Audiences) {
					t.Errorf("preference %t: at site %d it is under %v; it should be under %v", on, n.Door.Site, rec.Audiences, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		w.peace()
	}
}
