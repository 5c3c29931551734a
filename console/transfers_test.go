package console_test

import (
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
)

// shipped sends packs of an item from store B at site 2 to a store, and returns the
// address of the invoice's page.
func (f *fleet) shipped(t testing.TB, to, packs string) (page string, id atoll.ID) {
	t.Helper()
	ctx, n := t.Context(), f.Sites[2]
	item, p := simulate.Item("amoxicillin")
	if _, err := f.Centre.Record(ctx, p.Key); err != nil {
		if err := f.Centre.Insert(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	line := atoll.NewID(f.Clock.Now())
	if err := n.Insert(ctx, simulate.Stock(line, f.Stores["B"], item, "40")); err != nil {
		t.Fatal(err)
	}
	id, err := n.Shipment(ctx, f.Stores["B"], f.Stores[to], line, packs)
	if err != nil {
		t.Fatal(err)
	}
	return "/records/invoice/" + string(id), id
}

// silence lets so many days pass in which site 3 is silent, while site 2 synchronises
// before and after: what it sent to the other waits for it.
func (f *fleet) silence(t testing.TB, days int) {
	t.Helper()
	for _, wind := range []int{0, days} {
		f.Clock.Wind(time.Duration(wind) * 24 * time.Hour)
		if _, err := f.Sync(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
	}
}

// TestR_D_27_GoodsWithoutASellingPriceAreWorthTheirCost: what is on its way is worth what
// it was sold for, or what it cost where no selling price is known; the page of the
// document says the same.
func TestR_D_27_GoodsWithoutASellingPriceAreWorthTheirCost(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	ctx, line := t.Context(), atoll.NewID(f.Clock.Now())
	item, _ := simulate.Item("amoxicillin")
	stock := simulate.Stock(line, f.Stores["B"], item, "40")
	delete(stock.Fields, "sell_price_per_pack")
	if err := f.Sites[2].Insert(ctx, stock); err != nil {
		t.Fatal(err)
	}
	id, err := f.Sites[2].Shipment(ctx, f.Stores["B"], f.Stores["C"], line, "6")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sync(ctx, 2); err != nil {
		t.Fatal(err)
	}
	viewer := f.centre.as(station.Viewer)
	f.centre.get("/transfers", viewer).want(200).says("In transit to Store C", "9.00")
	f.centre.get("/records/invoice/"+string(id), viewer).want(200).says("Total 9.00")
}

// The page of transfers says what is on its way, and why what has not arrived has
// not, with what to do (R-D-11, R-D-52, R-I-26).
func TestR_D_52_WhyItHasNotArrived(t *testing.T) {
	f := newFleet(t)
	as := func(role station.UserRole, path string) *seen {
		t.Helper()
		return f.centre.get(path, f.centre.as(role)).want(200)
	}
	viewer, tech := station.Viewer, station.Technician
	as(viewer, "/transfers").want(200).says("Nothing is on its way")
	page, _ := f.shipped(t, "C", "7")
	f.one.get("/transfers", f.one.as(station.Viewer)).says("1 shipment on its way", "Store B", "Store C")
	f.one.get(page, f.one.as(station.Viewer)).says("Its way", "Sent by Store B", "At head office (now)", "Its other half is made when it arrives")
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	as(viewer, "/transfers").says("In transit to Store C (Sync Client 2)", "It arrives with the next synchronisation of Sync Client 2", "14.70").saysNot("See that site")
	as(viewer, page).says("At head office (done)", "Arrived at Store C (now)")
	f.Clock.Wind(4 * 24 * time.Hour)
	as(tech, "/transfers?show=exceptions").says("Sync Client 2, where Store C works, has not synchronised since it was sent", "Ask the people there to connect", "See that site", "4 days")
	as(tech, "/transfers?reason=disabled").says("Nothing is like that")
	as(viewer, page).says("has not synchronised since it was sent")
	f.Clock.Wind(4 * 24 * time.Hour)
	as(tech, "/transfers").says("1 older than a week")
	if _, err := f.Sync(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	as(viewer, "/transfers").says("Arrived at Store C (Sync Client 2), not in stock yet", "Somebody at Store C has to receive it", "its other half")
	as(viewer, page).says("Arrived at Store C (done)", "In stock at Store C (now)", "Other half: Supplier invoice")
	// What arrived and nobody receives grows old, too, and is not counted as young.
	as(viewer, "/transfers").says("1 older than a week")
	as(viewer, "/transfers?show=old").says("1 document", "Arrived at Store C")
	// To a store of the centre it is on its way until the sender has synchronised.
	toCentre, _ := f.shipped(t, "A", "3")
	f.one.get(toCentre, f.one.as(station.Viewer)).says("It arrives with the next synchronisation of Sync Client 1")
}

// An answer on the same site to a document that the centre refused is not one that
// somebody only has to receive: the page says what happened, and what to do (R-D-52).
func TestR_D_52_AnAnswerToWhatWasRefused(t *testing.T) {
	f := newFleet(t)
	ctx, n := t.Context(), f.Sites[3]
	item, p := simulate.Item("amoxicillin")
	if err := f.Centre.Insert(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	line := atoll.NewID(f.Clock.Now())
	if err := n.Insert(ctx, simulate.Stock(line, f.Stores["C"], item, "40")); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	move, _, err := f.Centre.Centre.StartMove(ctx, "tester", handover.Order{Store: f.Stores["C"], To: 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Centre.Centre.ForceMove(ctx, "tester", move, "Dr. Okello"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Shipment(ctx, f.Stores["C"], f.Stores["D"], line, "7"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Processors.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sync(ctx, 3); err != nil {
		t.Fatal(err)
	}
	viewer := f.centre.as(station.Viewer)
	f.centre.get("/transfers?reason=refused", viewer).want(200).says("1 document", "Head office refused the document of Store C; Store D had answered it already", "ask at Store D whether the goods came").
		saysNot("Somebody at Store D has to receive it")
	f.centre.get("/transfers?reason=refused", viewer, with("Accept-Language", "fr")).says("Le siège a refusé le document de Store C")
}

// A user with stores of their own sees the transfers from and to these.
func TestR_J_01_TransfersOfOwnStores(t *testing.T) {
	f := newFleet(t)
	f.shipped(t, "C", "7")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	viewer := f.centre.as(station.Viewer)
	for code, sees := range map[string]bool{"B": true, "C": true, "A": false} {
		if err := f.centre.node.LimitUser(t.Context(), "viewer", []atoll.ID{f.Stores[code]}); err != nil {
			t.Fatal(err)
		}
		if got := f.centre.get("/transfers", viewer).want(200); sees {
			got.says("Store C", "1 document")
		} else {
			got.says("Nothing is on its way").saysNot("Store C (")
		}
	}
}
