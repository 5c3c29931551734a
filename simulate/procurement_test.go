package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
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

// TestR_D_85: in the mirrored system the primary orders for store B from A: the
// order is on site 4, the goods received in B on site 2, and the received
// quantities are equal on site 4 after sync(2), sync(4), and on site 2 after one
// more sync(2), whose copy is read-only (R-D-71, R-D-72). A later change of the
// goods received reaches the order as a new sum (R-D-73). While the primary is
// away the store's stock is not held up, and the order catches up (R-D-75).
func TestR_D_85_R_D_71_R_D_72_R_D_73_R_D_75_ReceivedForThePrimary(t *testing.T) {
	w := f2(t)
	w.prefer(procurement, true)
	a, b := w.insert(4, "item", stockItem("a")), w.insert(4, "item", stockItem("b"))
	if err := w.Settle(w.ctx); err != nil {
		t.Fatal(err)
	}
	inA := map[atoll.ID]atoll.ID{a: w.stock("A", a, "100"), b: w.stock("A", b, "100")}
	order := w.insert(4, "purchase_order", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("status", documents.New).
		Set("name_id", topology.StoreNameID(w.Stores["A"])))
	lines := map[atoll.ID]atoll.ID{}
	for _, item := range []atoll.ID{a, b} {
		lines[item] = w.insert(4, "purchase_order_line", atoll.Fields{}.Set("purchase_order_id", order).Set("store_id", w.Stores["B"]).
			Set("item_id", item).Set("requested_quantity", number("50")).Set("requested_pack_size", number("10")))
	}
	w.perform(4, documents.Confirm, "purchase_order", order)
	w.sync(4)
	response := w.one(1, "requisition", "purchase_order_id", string(order))
	shipment := w.shipFor("A", "B", inA[a], "5", response.ID)
	w.sync(2)
	receipt := w.one(2, "goods_received", "purchase_order_id", string(order))
	if receipt.Owner.Site != 2 || receipt.Fields.ID("store_id") != w.Stores["B"] {
		t.Errorf("the goods received is site %d's, in store %s", receipt.Owner.Site, receipt.Fields.ID("store_id"))
	}
	received := func(when string, at atoll.SiteID, item atoll.ID, want string) {
		t.Helper()
		got := w.want(at, "purchase_order_line", lines[item]).Fields.Number("received_quantity")
		if documents.Compare(or(got, "0"), want) != 0 {
			t.Errorf("%s: site %d has %q received; want %s", when, at, got, want)
		}
	}
	w.sync(4)
	received("after sync(2), sync(4)", 4, a, "50")
	w.sync(2)
	received("after one more sync(2)", 2, a, "50")
	received("what was not sent", 2, b, "0")
	w.onlyWriter(order, 4)

	// The store counts again: a new sum, never an increment.
	gr := w.one(2, "goods_received_line", "goods_received_id", string(receipt.ID))
	w.update(2, "goods_received_line", gr.ID, atoll.Fields{}.Set("number_of_packs_received", number("3")))
	w.sync(2, 4, 2)
	for _, at := range []atoll.SiteID{4, 2} {
		received("after the correction", at, a, "30")
	}
	w.update(2, "goods_received_line", gr.ID, atoll.Fields{}.Set("number_of_packs_received", number("5")))
	w.sync(2, 4, 2)
	received("corrected back", 4, a, "50")

	// A part delivery of the other item while the primary is away.
	w.offline(4)
	w.shipFor("A", "B", inA[b], "2", response.ID)
	w.sync(2, 2)
	second := w.list(2, "goods_received", "purchase_order_id", string(order))
	if len(second) != 2 {
		t.Fatalf("%d goods received; want two", len(second))
	}
	for _, g := range second {
		w.perform(2, documents.Finalise, "goods_received", g.ID)
		for _, inv := range w.list(2, "invoice", "goods_received_id", string(g.ID)) {
			w.act(2, receive, inv.ID)
		}
	}
	w.sync(2)
	if got := w.onHand(2, "B", b); documents.Compare(got, "2") != 0 {
		t.Errorf("B has %s packs of what came while the primary was away; want 2", got)
	}
	received("the primary away", 2, b, "0")
	w.mend()
	w.sync(4, 2)
	received("the primary back", 4, b, "20")
	received("and the store's site", 2, b, "20")
	if w.want(1, "invoice", shipment).Deleted {
		t.Error("the shipment is gone")
	}
	w.peace()
}

func stockItem(code string) atoll.Fields {
	return atoll.Fields{}.Set("code", code).Set("name", "Item "+code).Set("kind", "stock").Set("status", "active")
}

// onHand is the sum of the packs of an item in a store.
func (w *world) onHand(at atoll.SiteID, store string, item atoll.ID) string {
	w.t.Helper()
	sum := "0"
	for _, s := range w.list(at, "stock_line", "store_id", string(w.Stores[store])) {
		if s.Fields.ID("item_id") == item {
			sum = documents.Add(sum, s.Fields.Number("total_number_of_packs"))
		}
	}
	return sum
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
