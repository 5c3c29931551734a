package simulate

import (
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// TestR_H_48: what a site has lost is kept for 90 days, and longer if documents
// name it; then it is gone, and comes back whole if the site gains it again.
func TestR_H_48_Retirement(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "20")
	w.ship("C", "B", stock, "6")
	inA := w.stock("A", item, "3")
	w.peace()
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["C"], false))
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["A"], false))
	w.sync(2)
	n := w.Sites[2]
	held := func(kind atoll.Type, id atoll.ID) bool {
		there := false
		if err := n.Store.View(w.ctx, func(r storage.Reader) error {
			_, err := r.Record(atoll.Key{Type: kind, ID: id})
			there = err == nil
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return there
	}
	retire := func(try bool) int {
		t.Helper()
		st, err := n.Site.Status(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.Retire(w.ctx, 0, st.Waiting, try)
		if err != nil {
			t.Fatal(err)
		}
		return got.Removed
	}
	if removed := retire(false); removed != 0 || !held("stock_line", inA) {
		t.Errorf("%d removed on the first day", removed)
	}
	w.Clock.Wind(25 * time.Hour)
	retire(true) // it is asked each day
	w.Clock.Wind(88 * 24 * time.Hour)
	if removed := retire(false); removed != 0 {
		t.Errorf("%d removed after 89 days", removed)
	}
	w.Clock.Wind(3 * 24 * time.Hour)
	// Something unsent stops it.
	w.stock("B", item, "1")
	if _, err := n.Retire(w.ctx, 0, 1, false); atoll.CodeOf(err) != atoll.Rule {
		t.Errorf("with unsent work: %v", err)
	}
	w.sync(2)
	if try := retire(true); try == 0 || !held("stock_line", inA) {
		t.Errorf("a try counted %d, and the stock line is held: %t", try, held("stock_line", inA))
	}
	if removed := retire(false); removed == 0 || held("stock_line", inA) {
		t.Errorf("%d removed; the stock line of a store that is None is held: %t", removed, held("stock_line", inA))
	}
	// B's documents name store C, by its name and as their partner.
	if !held("store", w.Stores["C"]) || !held("name", topology.StoreNameID(w.Stores["C"])) && w.get(1, "name", topology.StoreNameID(w.Stores["C"])) != nil {
		t.Error("what B's documents name is gone")
	}
	w.peace()
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["A"], true))
	w.configure(central.Collect(w.Stores["A"], 2, true))
	w.sync(2)
	w.equal("stock_line", inA, 1, 2)
	w.peace()
}

// TestR_H_48_Preference: the centre may say how many days.
func TestR_H_48_Preference(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.prefer("retire_after_days", 10)
	w.sync(2)
	inA := w.stock("A", item, "3")
	w.peace()
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["A"], false))
	w.sync(2)
	w.Clock.Wind(25 * time.Hour)
	if got, err := w.Sites[2].Retire(w.ctx, 0, 0, false); err != nil || got.Removed > 0 { // it is asked each day
		t.Errorf("after a day: %+v, %v", got, err)
	}
	w.Clock.Wind(11 * 24 * time.Hour)
	if got, err := w.Sites[2].Retire(w.ctx, 0, 0, false); err != nil || got.Removed == 0 {
		t.Errorf("after 11 of 10 days: %+v, %v", got, err)
	}
	if w.hidden(2, "stock_line", inA) {
		t.Error("the stock line is still kept")
	}
	if _, err := w.Centre.Retire(w.ctx, 0, 0, false); atoll.CodeOf(err) != atoll.NotHere {
		t.Errorf("at the centre: %v", err)
	}
}
