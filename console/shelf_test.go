package console_test

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
)

// TestR_I_28_LargeStockIsUpToDate: the order of a large store's stock is kept for a
// while, and a reader who asks anew is told of what changed all the same.
func TestR_I_28_LargeStockIsUpToDate(t *testing.T) {
	f := newFleet(t)
	ids := f.items(t, 1500)
	f.stock(t, 6*1500, ids)
	viewer, store := f.centre.as(station.Viewer), f.Stores["A"]
	page := "/work/stock?store=" + string(store)
	f.centre.get(page, viewer).want(200).says("1,500 batches in stock")
	f.centre.get(page+"&q=number+1499", viewer).want(200)
	_, item := simulate.Item("aaa")
	if err := f.Centre.Insert(t.Context(), item, simulate.Stock(atoll.NewID(f.Clock.Now()), store, item.Key.ID, "7")); err != nil {
		t.Fatal(err)
	}
	f.centre.get(page, viewer).want(200).says("1,501 batches in stock", "Item aaa")
	f.centre.get(page+"&q=aaa", viewer).says(fmt.Sprintf("Item %s 7 7", "aaa"))
}
