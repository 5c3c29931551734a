package simulate

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// refuses wants the change of configuration refused, with nothing changed.
func (w *world) refuses(c central.Configuration, code atoll.Code, words ...string) {
	w.t.Helper()
	before := w.seq(1)
	_, err := w.Centre.Centre.Configure(w.ctx, "tester", c)
	w.refused(err, code, words...)
	if w.seq(1) != before {
		w.t.Error("what was refused left an entry in the journal")
	}
}

func TestR_C_02_WhatEachTypeAllows(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	for store, want := range map[string]struct {
		kind       topology.SyncType
		open, edit bool
	}{
		"B": {topology.Active, true, true},
		"A": {topology.Collector, true, false},
		"C": {topology.Transfer, false, false},
	} {
		v := w.instance(2, store)
		if v.Type != want.kind || v.Open != want.open {
			t.Errorf("%s at site 2: %s, open %t; want %s, %t", store, v.Type, v.Open, want.kind, want.open)
		}
		err := w.At(2).Insert(w.ctx, Stock(atoll.NewID(w.Clock.Now()), w.Stores[store], item, "1"))
		if (err == nil) != want.edit {
			t.Errorf("stock into %s at site 2: %v", store, err)
		}
	}
	if v := w.instance(2, "D"); v.ID != "" {
		t.Errorf("D is in the list of site 2 as %s", v.Type)
	}
}

// TestR_C_05: what each sync-with value sends (R-C-25, R-C-26 with it).
func TestR_C_05_R_C_25_WhatEachValueSends(t *testing.T) {
	w := f2(t)
	item := w.item("x")
	w.sync(4)
	stockA := w.stock("A", item, "50")
	w.sync(2, 3)
	toB := w.ship("A", "B", stockA, "5") // B is a transfer instance on site 3
	toP := w.ship("A", "P", stockA, "5")
	w.sync(2, 3, 4)
	inB := w.stock("B", item, "9")
	toC := w.ship("B", "C", inB, "2")
	w.sync(2, 3, 4)
	for _, row := range []struct {
		name string
		id   atoll.ID
		at   []atoll.SiteID
	}{
		{"A to B: B's site has both, as A's collector; site 3 has none of it (R-C-25)", toB, []atoll.SiteID{2}},
		{"A to P: A's collector on site 2, and P's site", toP, []atoll.SiteID{2, 4}},
		{"B to C: the transfer goes to C's site; the primary has records only (R-C-26)", toC, []atoll.SiteID{2, 3}},
	} {
		for _, site := range []atoll.SiteID{2, 3, 4} {
			if got := w.get(site, "invoice", row.id) != nil; got != slices.Contains(row.at, site) {
				t.Errorf("%s: site %d has it: %t", row.name, site, got)
			}
		}
	}
	for _, store := range []string{"A", "B", "C", "D", "E", "F"} {
		w.want(4, "store", w.Stores[store])
	}
	w.act(2, receive, w.answer(2, "invoice", toB).ID)
	w.peace()
}

// TestR_C_06: the screen is left; every field of the tab has its data here but
// one, "resync patient records when store is saved".
func TestR_C_06_FieldsOfTheTab(t *testing.T) {
	w := f1(t)
	v := w.instance(1, "B")
	if v.Type != topology.Collector || v.Site != 2 || v.Excluded || v.ManagedOnly {
		t.Errorf("type %s, Sync ID %d, transactions excluded %t", v.Type, v.Site, v.Excluded)
	}
	links := w.topology(1).Links(w.Stores["B"], 1)
	want := []topology.Link{
		{Site: 2, Name: "Sync Client 1", Value: topology.WithActive, Local: true},
		{Site: 3, Name: "Sync Client 2", Value: topology.WithTransfer},
	}
	if !slices.Equal(links, want) {
		t.Errorf("sync-with: %v; want %v", links, want)
	}
}

// TestR_C_08_R_C_114: ticking and unticking before OK is trying; the screen's
// table is that of the topology supposed.
func TestR_C_08_R_C_114_LocalColumn(t *testing.T) {
	w := f1(t)
	b := w.Stores["B"]
	top := w.topology(1)
	local := func(t *topology.Topology, store atoll.ID) (sites []atoll.SiteID) {
		for _, l := range t.Links(store, 1) {
			if l.Local {
				sites = append(sites, l.Site)
			}
		}
		return sites
	}
	ticked := top.Supposing(b, 3)
	if st, _ := ticked.Store(b); st.Site != 3 || !slices.Equal(local(ticked, b), []atoll.SiteID{3}) {
		t.Errorf("with Local ticked for site 3: Sync ID %d, ticks %v", st.Site, local(ticked, b))
	}
	if in := ticked.Instance(b, 1); in.Type == topology.Active {
		t.Error("\"Set as local store\" stayed on")
	}
	here := ticked.Supposing(b, 1) // "Set as local store"
	if st, _ := here.Store(b); st.Site != 1 || len(local(here, b)) > 0 || here.Instance(b, 1).Type != topology.Active {
		t.Errorf("set as local: Sync ID %d, ticks %v", st.Site, local(here, b))
	}
	if got := local(w.topology(1), b); !slices.Equal(got, []atoll.SiteID{2}) {
		t.Errorf("it took effect before OK: %v", got)
	}
	w.refuses(central.Assign(b, 3), atoll.Rule, "active on site 2", "move job")
	// From the centre, OK is given.
	w.configure(central.Assign(w.Stores["E"], 3))
	if got := local(w.topology(1), w.Stores["E"]); !slices.Equal(got, []atoll.SiteID{3}) {
		t.Errorf("after OK: %v", got)
	}
}

func TestR_C_10_R_C_110_SecondActive(t *testing.T) {
	w := f1(t)
	b := w.Stores["B"]
	w.refuses(central.Assign(b, 3), atoll.Rule, "Store B", "active on site 2", "second active instance is impossible")
	// Not by an edit of the record, with or without a new epoch.
	for _, f := range []atoll.Fields{atoll.Fields{}.Set("site_id", 3), atoll.Fields{}.Set("site_id", 3).Set("epoch", 9)} {
		w.refused(w.Centre.Insert(w.ctx, change("store", b, f)), atoll.Rule, "move job")
	}
	// Nor by writing past the faces: the law at the door refuses a new site under the
	// old epoch. There is one field for it, so two active instances cannot be written.
	err := w.write(1, change("store", b, atoll.Fields{}.Set("site_id", 3)))
	w.refused(err, atoll.Rule, "epoch")
	if st, _ := w.topology(1).Store(b); st.Site != 2 {
		t.Errorf("B is active on site %d", st.Site)
	}
	for _, st := range w.topology(1).Stores() {
		if in := w.topology(1).Instance(st.ID, st.Site); in.Type != topology.Active {
			t.Errorf("the Sync ID of %s is %d, where it is %s", st.Name, st.Site, in.Type)
		}
	}
}

func TestR_C_14_R_C_111_CollectorNeedsVisibility(t *testing.T) {
	w := f1(t)
	w.refuses(central.Collect(w.Stores["E"], 2, true), atoll.Rule, "not visible", "Store B", "Store F")
	w.refuses(central.Collect(w.Stores["A"], 3, true), atoll.Rule, "Store C", "Store D")
	// The rule does not apply to the centre.
	if got := w.topology(1).Instance(w.Stores["D"], 1).Type; got != topology.Collector {
		t.Errorf("D at the centre: %s", got)
	}
	w.configure(central.MakeVisible(w.Stores["E"], w.Stores["B"], true))
	w.configure(central.Collect(w.Stores["E"], 2, true))
	if got := w.topology(1).Instance(w.Stores["E"], 2).Type; got != topology.Collector {
		t.Errorf("E at site 2: %s", got)
	}
}

func TestR_C_16_R_C_113_Symmetry(t *testing.T) {
	w := f1(t)
	e, b := w.Stores["E"], w.Stores["B"]
	row := func(in, partner atoll.ID) atoll.Fields {
		return atoll.Fields{}.Set("store_id", in).Set("name_id", topology.StoreNameID(partner)).Set("is_supplier", true)
	}
	both := func(want bool) {
		t.Helper()
		top := w.topology(1)
		if top.Visible(e, b) != want || top.Visible(b, e) != want {
			t.Errorf("E sees B: %t, B sees E: %t; want %t", top.Visible(e, b), top.Visible(b, e), want)
		}
		if n := len(w.list(1, "name_store_join", "store_id", string(e), "name_id", string(topology.StoreNameID(b)))); (n == 1) != want {
			t.Errorf("%d rows in E", n)
		}
		if n := len(w.list(1, "name_store_join", "store_id", string(b), "name_id", string(topology.StoreNameID(e)))); (n == 1) != want {
			t.Errorf("%d rows in B", n)
		}
	}
	for _, cause := range []string{"user", "import"} {
		id := atoll.NewID(w.Clock.Now())
		key := atoll.Key{Type: "name_store_join", ID: id}
		before := w.seq(1)
		_, err := w.Centre.Edit(w.ctx, journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: cause}, Do: []journal.Proposal{
			{Verb: atoll.Insert, Key: key, Fields: row(e, b)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if w.seq(1) != before+1 {
			t.Error("the two rows are not one transaction")
		}
		both(true)
		// Deleting the other row, the one nobody made by hand, deletes both.
		twin := w.one(1, "name_store_join", "store_id", string(b), "name_id", string(topology.StoreNameID(e)))
		w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: twin.Key})
		both(false)
	}
	w.configure(central.MakeVisible(b, e, true)) // also after rows were deleted
	both(true)
	w.refused(w.Centre.Insert(w.ctx, journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "name_store_join", ID: atoll.NewID(w.Clock.Now())}, Fields: row(b, b),
	}), atoll.Rule, "visible to itself")
	w.refuses(central.MakeVisible(b, b, true), atoll.Rule, "visible to itself")
}

func TestR_C_17_R_C_18_R_C_112_MobileHasOneStore(t *testing.T) {
	w := f1(t)
	for _, code := range []string{"M", "N"} {
		if err := w.AddStore(w.ctx, code, false); err != nil {
			t.Fatal(err)
		}
	}
	n, err := w.AddSite(w.ctx, "Tablet", topology.Mobile, "M")
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(central.Assign(w.Stores["N"], n.Door.Site), atoll.Rule, "Store M", "mobile")
	w.refuses(central.SetKind(2, topology.Mobile), atoll.Rule, "Store B", "Store F")
	// A desktop or server site has any number, the centre too (R-C-18).
	w.configure(central.Assign(w.Stores["N"], 2))
	if got := len(w.topology(1).Active(2)); got != 3 {
		t.Errorf("site 2 has %d stores", got)
	}
	if got := len(w.topology(1).Active(1)); got != 2 {
		t.Errorf("the centre has %d stores; want A and E", got)
	}
}

func TestR_C_23_NewStoreIsActiveOnTheCentre(t *testing.T) {
	w := f1(t)
	if err := w.AddStore(w.ctx, "New", false); err != nil {
		t.Fatal(err)
	}
	if v := w.instance(1, "New"); v.Type != topology.Active || !v.Open {
		t.Errorf("the new store at the centre: %s", v.Type)
	}
	w.configure(central.Assign(w.Stores["New"], 3))
	if v := w.instance(1, "New"); v.Type != topology.Collector {
		t.Errorf("once assigned, at the centre: %s (R-C-15)", v.Type)
	}
}

func TestR_C_24_Preview(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	for range 5 {
		w.stock("A", item, "1")
	}
	before := w.seq(1)
	p, err := w.Centre.Centre.Try(w.ctx, "tester", central.MakeVisible(w.Stores["A"], w.Stores["B"], false))
	if err != nil {
		t.Fatal(err)
	}
	want := []topology.Change{{Store: w.Stores["A"], Site: 2, From: topology.Collector, To: topology.None}}
	if !slices.Equal(p.Changes, want) {
		t.Errorf("changes %v; want %v", p.Changes, want)
	}
	if n := p.Records[w.Stores["A"]]; n < 5 {
		t.Errorf("%d records of A would stop flowing; there are at least the 5 stock lines", n)
	}
	if w.seq(1) != before || !w.topology(1).Visible(w.Stores["A"], w.Stores["B"]) {
		t.Error("trying changed something")
	}
}

func TestR_C_118_WhatStandsInTheWay(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	w.refuses(central.Disable(w.Stores["D"], true), atoll.Rule, "Store D", "site 3", "unsent data")
	stock := w.stock("A", item, "10")
	ci := w.ship("A", "B", stock, "3")
	w.sync(2)
	own := w.stock("B", item, "10")
	back := w.ship("B", "A", own, "2")
	w.sync(2)
	w.refuses(central.Disable(w.Stores["A"], true), atoll.Rule, "customer_invoice 1 of Store A", "customer_invoice 1 of Store B", "supplier_invoice 1 of Store A")
	w.refused(w.Centre.Insert(w.ctx, change("store", w.Stores["A"], atoll.Fields{}.Set("disabled", true))), atoll.Rule, "disable")
	w.refused(w.Centre.Insert(w.ctx, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "store", ID: w.Stores["A"]}}), atoll.Rule)
	w.act(2, receive, w.answer(2, "invoice", ci).ID)
	w.act(1, receive, w.answer(1, "invoice", back).ID)
	w.sync(2)
	w.sync(2)
	w.configure(central.Disable(w.Stores["A"], true))
	w.sync(2)
	_, err := w.At(2).Shipment(w.ctx, w.Stores["B"], w.Stores["A"], own, "1")
	w.refused(err, atoll.NotVisible, "disabled")
	w.peace()
}

// TestR_C_119: the disabled field on the screen is left.
func TestR_C_119_R_B_94_IncludeTransactions(t *testing.T) {
	w := f1(t)
	if err := w.AddStore(w.ctx, "Y", true); err != nil {
		t.Fatal(err)
	}
	y := w.Stores["Y"]
	if st, _ := w.topology(1).Store(y); st.Excluded {
		t.Error("a new dispensary excludes its transactions")
	}
	if err := w.Centre.Centre.SetUnlockCode(w.ctx, "vendor", "0-hills-0"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"tester", "vendor"} {
		if _, err := w.Centre.Centre.Unlock(w.ctx, who, "0-hills-0"); err != nil {
			t.Fatal(err)
		}
	}
	// Also unlocked, an edit does not change it.
	w.refused(w.Centre.Insert(w.ctx, change("store", y, atoll.Fields{}.Set("include_transactions", false))), atoll.Rule, "vendor")
	_, err := w.Centre.Centre.IncludeTransactions(w.ctx, "tester", y, false, "", false)
	w.refused(err, atoll.Invalid, "reason")
	if _, err := w.Centre.Centre.IncludeTransactions(w.ctx, "tester", y, false, "law of 2026", false); err != nil {
		t.Fatal(err)
	}
	if v := w.instance(1, "Y"); !v.Excluded {
		t.Error("the list does not say that Y has no transaction data")
	}
	h, err := w.Centre.History(w.ctx, atoll.Key{Type: "store", ID: y}, 1)
	if err != nil || len(h) != 1 {
		t.Fatal(h, err)
	}
	if h[0].Actor != "tester" || h[0].Cause.Kind != "vendor" || h[0].Cause.Ref != "law of 2026" {
		t.Errorf("the journal tells %q %+v", h[0].Actor, h[0].Cause)
	}
}
