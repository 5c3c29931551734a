package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
)

const procurement = "centralised_procurement"

// order enters an order of a store on a site, as its user would.
func (w *world) order(at atoll.SiteID, store string) (atoll.ID, error) {
	id := atoll.NewID(w.Clock.Now())
	return id, w.At(at).Insert(w.ctx, journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "purchase_order", ID: id},
		Fields: atoll.Fields{}.Set("store_id", w.Stores[store]).Set("status", documents.New),
	})
}

// editors returns the sites on which the order may be changed, found by trying to
// on each.
func (w *world) editors(order atoll.ID) (out []atoll.SiteID) {
	w.t.Helper()
	for _, n := range w.Nodes() {
		at := n.Door.Site
		if w.get(at, "purchase_order", order) == nil {
			continue
		}
		err := n.Insert(w.ctx, change("purchase_order", order, atoll.Fields{}.Set("comment", "tried at site "+at.String())))
		if err == nil {
			out = append(out, at)
		} else if atoll.CodeOf(err) != atoll.Ownership {
			w.t.Fatalf("site %d: %v", at, err)
		}
	}
	return out
}

func (w *world) onlyWriter(order atoll.ID, want atoll.SiteID) {
	w.t.Helper()
	if got := w.editors(order); len(got) != 1 || got[0] != want {
		w.t.Errorf("the order may be changed on sites %v; want %d only", got, want)
	}
}

// TestR_D_70: with central procurement on, orders of any store are entered on the
// primary, whatever the store is there; a satellite refuses, and names the primary
// (R-D-76).
func TestR_D_70_R_D_76_OrdersAreThePrimarys(t *testing.T) {
	for name, fixture := range map[string]func(testing.TB) *world{"standard": f1, "mirrored": f2} {
		t.Run(name, func(t *testing.T) {
			w := fixture(t)
			w.prefer(procurement, true)
			if err := w.Settle(w.ctx); err != nil {
				t.Fatal(err)
			}
			primary := w.topology(1).Primary()
			for _, store := range []string{"A", "B", "C", "D", "E", "F"} { // active, collector, record only, managed only
				if _, err := w.order(primary, store); err != nil {
					t.Errorf("the primary, for %s: %v", store, err)
				}
			}
			for at, store := range map[atoll.SiteID]string{2: "B", 3: "D"} {
				before := w.seq(at)
				_, err := w.order(at, store)
				site, _ := w.topology(at).Site(primary)
				w.refused(err, atoll.Ownership, "the primary enters them", site.Name)
				if w.seq(at) != before {
					t.Errorf("site %d: what was refused left an entry", at)
				}
			}
			w.peace()
		})
	}
}

// TestR_D_74: an order that is open when procurement is centralised stays its
// store's until it is closed; new ones are the primary's; and the reverse. At no
// moment can two sites change the same order, which both try (R-D-91).
func TestR_D_74_R_D_91_SwitchedWithOpenOrders(t *testing.T) {
	for name, fixture := range map[string]func(testing.TB) *world{"standard": f1, "mirrored": f2} {
		t.Run(name, func(t *testing.T) {
			w := fixture(t)
			primary := w.topology(1).Primary()
			settle := func() {
				t.Helper()
				if err := w.Settle(w.ctx); err != nil {
					t.Fatal(err)
				}
			}
			local, err := w.order(3, "D")
			if err != nil {
				t.Fatal(err)
			}
			settle()
			w.onlyWriter(local, 3)
			w.prefer(procurement, true)
			w.onlyWriter(local, 3) // the primary knows, site 3 does not yet
			settle()
			w.onlyWriter(local, 3)
			central, err := w.order(primary, "D")
			if err != nil {
				t.Fatal(err)
			}
			settle()
			w.onlyWriter(central, primary)
			if _, err := w.order(3, "D"); atoll.CodeOf(err) != atoll.Ownership {
				t.Errorf("a new order at the store's site: %v", err)
			}
			// Lines follow their order, whatever the preference says.
			for _, row := range []struct {
				order atoll.ID
				at    atoll.SiteID
				no    atoll.SiteID
			}{{local, 3, primary}, {central, primary, 3}} {
				item := w.item("for " + string(row.order))
				settle()
				line := func(at atoll.SiteID) error {
					return w.At(at).Insert(w.ctx, journal.Proposal{
						Verb: atoll.Insert, Key: atoll.Key{Type: "purchase_order_line", ID: atoll.NewID(w.Clock.Now())},
						Fields: atoll.Fields{}.Set("purchase_order_id", row.order).Set("store_id", w.Stores["D"]).Set("item_id", item),
					})
				}
				if err := line(row.at); err != nil {
					t.Errorf("a line at site %d, which owns the order: %v", row.at, err)
				}
				w.refused(line(row.no), atoll.Ownership)
			}
			// Off again.
			w.prefer(procurement, false)
			w.onlyWriter(central, primary)
			settle()
			w.onlyWriter(central, primary)
			w.onlyWriter(local, 3)
			again, err := w.order(3, "D")
			if err != nil {
				t.Errorf("a new order at the store's site: %v", err)
			}
			settle()
			w.onlyWriter(again, 3)
			if _, err := w.order(primary, "D"); atoll.CodeOf(err) != atoll.Ownership {
				t.Errorf("a new order at the primary: %v", err)
			}
			w.peace()
		})
	}
}
