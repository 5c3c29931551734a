package simulate

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// hidden reports whether the node holds the record without showing it.
func (w *world) hidden(at atoll.SiteID, kind atoll.Type, id atoll.ID) bool {
	w.t.Helper()
	found := false
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) error {
		rec, there, err := journal.View{RecordReader: r}.Record(atoll.Key{Type: kind, ID: id})
		found = there && rec.Hidden
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// appears is the three ways in which the first visibility of a store on a site
// comes about, and goes (R-C-116, R-C-117); a merge changes visibility rows as
// the first does.
func TestR_C_12_R_C_13_R_C_116_R_C_117_ByItself(t *testing.T) {
	t.Run("R-C-116 R-C-117 by a visibility row", func(t *testing.T) {
		w := f1(t)
		w.configure(central.MakeVisible(w.Stores["D"], w.Stores["B"], true))
		w.sync(2)
		if v := w.instance(2, "D"); v.Type != topology.Transfer {
			t.Errorf("D at site 2: %q; want transfer (R-C-12)", v.Type)
		}
		w.equal("store", w.Stores["D"], 1, 2)
		w.configure(central.Collect(w.Stores["D"], 2, true))
		w.sync(2)
		w.configure(central.MakeVisible(w.Stores["D"], w.Stores["F"], true)) // a second one changes nothing
		w.sync(2)
		if v := w.instance(2, "D"); v.Type != topology.Collector {
			t.Errorf("D at site 2: %q; the second visibility overwrote collector", v.Type)
		}
		w.configure(central.MakeVisible(w.Stores["D"], w.Stores["B"], false))
		w.sync(2)
		if v := w.instance(2, "D"); v.Type != topology.Collector {
			t.Errorf("D at site 2: %q while F still sees it", v.Type)
		}
		w.configure(central.MakeVisible(w.Stores["F"], w.Stores["D"], false))
		w.sync(2)
		if v := w.instance(2, "D"); v.ID != "" {
			t.Errorf("D is still shown at site 2 as %q (R-C-13)", v.Type)
		}
		w.configure(central.MakeVisible(w.Stores["D"], w.Stores["B"], true))
		w.sync(2)
		if v := w.instance(2, "D"); v.Type != topology.Transfer {
			t.Errorf("visible again, D at site 2 is %q; want transfer, as the choice ended with the visibility", v.Type)
		}
		w.peace()
	})
	t.Run("R-C-116 R-C-117 by a store put on the site", func(t *testing.T) {
		w := f1(t)
		w.sync(3)
		w.configure(central.Assign(w.Stores["E"], 3)) // E sees A
		w.sync(3)
		if v := w.instance(3, "A"); v.Type != topology.Transfer {
			t.Errorf("A at site 3: %q", v.Type)
		}
		w.equal("store", w.Stores["A"], 1, 3)
		// And A leaves the centre: its collector on site 2 stays, as B sees it.
		w.configure(central.Assign(w.Stores["A"], 3))
		w.sync(2, 3)
		if v := w.instance(2, "A"); v.Type != topology.Collector {
			t.Errorf("A at site 2: %q", v.Type)
		}
		w.peace()
	})
}

// TestR_C_19: what is left is the retirement job, which removes it.
func TestR_C_19_HiddenNotDeleted(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "20")
	ci := w.ship("C", "B", stock, "6")
	w.sync(3, 2)
	half := w.answer(2, "invoice", ci)
	inA := w.stock("A", item, "3")
	w.sync(2)
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["C"], false))
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["A"], false))
	w.sync(2)
	for kind, id := range map[atoll.Type]atoll.ID{"store": w.Stores["C"], "stock_line": inA} {
		if w.get(2, kind, id) != nil || !w.hidden(2, kind, id) {
			t.Errorf("%s: shown %t, kept hidden %t; want it kept and not shown", kind, w.get(2, kind, id) != nil, w.hidden(2, kind, id))
		}
	}
	_, err := w.At(2).Shipment(w.ctx, w.Stores["B"], w.Stores["C"], w.stock("B", item, "1"), "1")
	if err == nil {
		t.Error("a new transfer began")
	}
	// The open one is completed, and both halves still travel (R-D-47).
	w.act(2, receive, half.ID)
	w.sync(2, 3)
	if got := w.want(3, "invoice", ci).Fields.Text("linked_status"); got != "finalised" {
		t.Errorf("the sender's site knows status %q", got)
	}
	w.peace()
}

func TestR_C_20_WhatItLacks(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	var lines []atoll.ID
	for range 5 {
		lines = append(lines, w.stock("C", item, "5"))
	}
	w.sync(3)
	// Transfer: the core record, and open transfers into a store there. The document
	// was made while they saw each other, and waits for D's move to site 2.
	w.configure(central.MakeVisible(w.Stores["A"], w.Stores["C"], true))
	w.sync(3)
	if v := w.instance(3, "A"); v.Type != topology.Transfer {
		t.Fatalf("A at site 3: %q", v.Type)
	}
	w.equal("store", w.Stores["A"], 1, 3)
	ci := w.ship("C", "A", lines[0], "2") // reaches A at the centre; A then goes to site 2
	w.sync(3)
	w.configure(central.Collect(w.Stores["C"], 2, true)) // B sees C
	c := w.sync(2)
	if c.Received < len(lines) {
		t.Errorf("site 2 received %d records", c.Received)
	}
	for _, id := range lines {
		w.equal("stock_line", id, 3, 2)
	}
	w.equal("invoice", ci, 3, 2)
	if v := w.instance(2, "C"); v.Type != topology.Collector || !v.Open {
		t.Errorf("C at site 2: %q, open %t", v.Type, v.Open)
	}
	w.peace()
}

// TestR_C_21: a report is refused as the copy cannot be opened.
func TestR_C_21_StaleCopy(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	stock := w.stock("A", item, "20")
	w.sync(2)
	before := w.Clock.Now()
	w.configure(central.Collect(w.Stores["A"], 2, false))
	w.sync(2)
	w.update(1, "stock_line", stock, atoll.Fields{}.Set("note", "news"))
	w.sync(2)
	v := w.instance(2, "A")
	if v.Type != topology.Transfer || v.Open {
		t.Errorf("A at site 2: %q, open %t", v.Type, v.Open)
	}
	if v.StaleSince.Before(before) || v.StaleSince.After(w.Clock.Now()) {
		t.Errorf("the copy is stale since %s; want since now", v.StaleSince)
	}
	if w.get(2, "stock_line", stock) != nil {
		t.Error("the stale copy is shown")
	}
	w.configure(central.Collect(w.Stores["A"], 2, true))
	w.sync(2)
	if v := w.instance(2, "A"); !v.StaleSince.IsZero() || !v.Open {
		t.Errorf("collected again: stale since %s, open %t", v.StaleSince, v.Open)
	}
	w.equal("stock_line", stock, 1, 2)
	w.peace()
}

func TestR_B_91_DispensaryLists(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	made := map[atoll.Type]atoll.ID{
		"abbreviation":       w.insert(1, "abbreviation", atoll.Fields{}.Set("abbreviation", "bd").Set("expansion", "twice daily")),
		"item_direction":     w.insert(1, "item_direction", atoll.Fields{}.Set("item_id", item).Set("directions", "bd")),
		"insurance_provider": w.insert(1, "insurance_provider", atoll.Fields{}.Set("name", "Mutual")),
		"patient_event_type": w.insert(1, "patient_event_type", atoll.Fields{}.Set("description", "weight")),
		"diagnosis":          w.insert(1, "diagnosis", atoll.Fields{}.Set("code", "A00").Set("description", "Cholera")),
	}
	w.sync(2, 3)
	for kind, id := range made {
		if w.get(2, kind, id) != nil {
			t.Errorf("%s reached a site without a dispensary", kind)
		}
	}
	w.dispensaries("B")
	w.sync(2, 3)
	for kind, id := range made {
		w.equal(kind, id, 1, 2)
		if w.get(3, kind, id) != nil {
			t.Errorf("%s reached site 3", kind)
		}
	}
	w.update(1, "store", w.Stores["B"], atoll.Fields{}.Set("mode", "store"))
	w.sync(2)
	for kind, id := range made {
		if w.get(2, kind, id) != nil {
			t.Errorf("%s is still shown where there is no dispensary any longer", kind)
		}
	}
	w.peace()
}

// gains are changes by which a site comes to have more, and what undoes them.
func (w *world) gains() []struct{ on, off central.Configuration } {
	visible := func(a, b string, v bool) central.Configuration {
		return central.MakeVisible(w.Stores[a], w.Stores[b], v)
	}
	mode := func(mode string) central.Configuration {
		return func(storage.Reader, *topology.Topology) ([]journal.Proposal, error) {
			return []journal.Proposal{change("store", w.Stores["B"], atoll.Fields{}.Set("mode", mode))}, nil
		}
	}
	return []struct{ on, off central.Configuration }{
		{visible("D", "B", true), visible("D", "B", false)},
		{visible("A", "B", true), visible("A", "B", false)},
		{visible("E", "F", true), visible("E", "F", false)},
		{central.Collect(w.Stores["C"], 2, true), central.Collect(w.Stores["C"], 2, false)},
		{central.Collect(w.Stores["A"], 2, true), central.Collect(w.Stores["A"], 2, false)},
		{mode("dispensary"), mode("store")},
	}
}

// TestR_C_20_CutAnywhere: a backfill is cut after every possible frame in turn,
// while normal records arrive, and goes on from there.
func TestR_C_20_CutAnywhere(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	for range 6 {
		w.stock("C", item, "5")
	}
	w.sync(3)
	n := w.Sites[2]
	for cut := range 12 {
		n.Net.Records = 4 // several exchanges for one backfill
		w.configure(central.Collect(w.Stores["C"], 2, true))
		n.Net.CutDown = func() int { return cut }
		for i := range 3 {
			w.Sync(w.ctx, 2)
			code := fmt.Sprintf("cut %d, %d", cut, i)
			w.item(code) // the normal flow goes on
		}
		w.mend()
		w.sync(2)
		w.lawfulAt(2, fmt.Sprintf("cut after frame %d", cut))
		w.configure(central.Collect(w.Stores["C"], 2, false))
		n.Net.CutDown = func() int { return cut }
		w.Sync(w.ctx, 2)
		w.mend()
		w.sync(2)
		w.lawfulAt(2, fmt.Sprintf("lost again, cut after frame %d", cut))
		// And lost while it is half here, with nothing else changed meanwhile.
		w.configure(central.Collect(w.Stores["C"], 2, true))
		exchanges := 0
		n.Net.Records = 4
		n.Net.Down = func() bool { exchanges++; return exchanges > cut }
		w.Sync(w.ctx, 2)
		w.mend()
		w.configure(central.Collect(w.Stores["C"], 2, false))
		w.sync(2)
		w.lawfulAt(2, fmt.Sprintf("lost while half here, after exchange %d", cut))
		if t.Failed() {
			return
		}
	}
	w.peace()
}

// TestR_C_20_WorkMeanwhile: what a site changes while a state of its own record is
// on its way to it, in a gained audience, is not lost.
func TestR_C_20_WorkMeanwhile(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	ci := w.ship("B", "A", w.stock("B", item, "9"), "4")
	w.sync(2)
	w.configure(central.Assign(w.Stores["A"], 2)) // what is addressed to A goes to site 2 now
	n := w.Sites[2]
	said := ""
	n.Net.Twice = func() bool { // the request has left, and somebody works
		if len(said) < 5 {
			said += "!"
			w.update(2, "invoice", ci, atoll.Fields{}.Set("comment", said))
		}
		return false
	}
	w.sync(2)
	if got := w.want(2, "invoice", ci).Fields.Text("comment"); got != said {
		t.Errorf("the comment is %q; want %q", got, said)
	}
	w.mend()
	w.peace()
}

// A site that is receiving its data begins again when the centre was started anew. What
// it has lost meanwhile goes all the same: an audience, and a record of one.
//
// R-C-13, R-H-22.
func TestR_C_13_R_H_22_LostWhileItBeginsAgain(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "E")
	w.configure(central.MakeVisible(w.Stores["C"], w.Stores["E"], true))
	w.sync(2)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.show(ada, "E")
	for i := range 40 {
		w.item(fmt.Sprint(i))
	}
	n, err := w.AddSite(w.ctx, "Clinic", topology.Server, "E")
	if err != nil {
		t.Fatal(err)
	}
	at := n.Door.Site
	w.Centre.Centre.Records = 10
	n.Net.CutDown = func() int { return 9 }
	for tries := 0; w.get(at, "patient", ada) == nil || w.get(at, "store", w.Stores["C"]) == nil; tries++ {
		if _, err := w.Sync(w.ctx, at); err == nil || tries > 50 {
			t.Fatal("it is not cut in time")
		}
	}
	w.reopen(t, w.Centre, nil)
	w.configure(central.MakeVisible(w.Stores["C"], w.Stores["E"], false))
	if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(ada), w.Stores["E"], false); err != nil {
		t.Fatal(err)
	}
	n.Net.CutDown = nil
	n.Site.Comparer = nil // would have it repaired
	w.sync(at)
	w.lawfulAt(at, "in the end")
	w.peace()
}

// lawfulAt checks the laws between the centre and one site.
func (w *world) lawfulAt(at atoll.SiteID, when string) {
	w.t.Helper()
	centre, err := snapshot(w.ctx, w.Centre)
	if err != nil {
		w.t.Fatal(err)
	}
	site, err := snapshot(w.ctx, w.At(at))
	if err != nil {
		w.t.Fatal(err)
	}
	c := &checker{fleet: w.Fleet, looked: map[string]int{}}
	c.replicas(centre, site)
	c.holdings(centre, site)
	c.rest(site)
	for _, breach := range c.breaches {
		w.t.Errorf("%s: %s", when, breach)
	}
}

// TestR_C_12_AnyOrder: gains and losses in any order, over bad lines, while work
// goes on everywhere; then there is peace.
func TestR_C_12_R_C_13_R_C_20_AnyOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("many fleets")
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		item := w.item("x")
		w.insert(1, "diagnosis", atoll.Fields{}.Set("code", "A00").Set("description", "Cholera"))
		w.sync(2, 3)
		stock := map[string]atoll.ID{}
		for _, s := range []string{"A", "B", "C", "D", "E", "F"} {
			stock[s] = w.stock(s, item, "50")
		}
		for _, n := range w.Sites {
			n.Net.Records = rapid.IntRange(2, 500).Draw(rt, "records")
		}
		w.wear(func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(rt, label) })
		gains := w.gains()
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"gain", "lose", "sync", "sync", "work", "ship"}).Draw(rt, "step") {
			case "gain", "lose":
				g := rapid.IntRange(0, len(gains)-1).Draw(rt, "which")
				c := gains[g].on
				if rapid.Bool().Draw(rt, "lose") {
					c = gains[g].off
				}
				w.Centre.Centre.Configure(w.ctx, "tester", c)
			case "sync":
				w.Sync(w.ctx, atoll.SiteID(rapid.IntRange(2, 3).Draw(rt, "site")))
			case "work":
				store := rapid.SampledFrom([]string{"A", "B", "C", "D", "E", "F"}).Draw(rt, "store")
				w.update(w.home(store), "stock_line", stock[store], atoll.Fields{}.Set("note", fmt.Sprint(w.Clock.Now().UnixMilli())))
			case "ship":
				pair := rapid.SampledFrom(Pairs).Draw(rt, "pair")
				w.At(w.home(pair[0])).Shipment(w.ctx, w.Stores[pair[0]], w.Stores[pair[1]], stock[pair[0]], "1")
			}
		}
		w.mend()
		w.peace()
	})
}

// TestGainsAreOfUse keeps the property above from testing nothing: each gain
// changes what site 2 subscribes to.
func TestGainsAreOfUse(t *testing.T) {
	w := f1(t)
	for i, g := range w.gains() {
		w.configure(g.off)
		before := w.topology(1).Subscription(2)
		w.configure(g.on)
		if slices.Equal(before, w.topology(1).Subscription(2)) {
			t.Errorf("gain %d changes nothing", i)
		}
	}
}
