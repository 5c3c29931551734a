package console_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// TestR_I_28_LargeStockIsTheSameFromMemory: what a centre keeps in memory tells a list of
// hundreds of items as the database does, also of items that were merged.
func TestR_I_28_LargeStockIsTheSameFromMemory(t *testing.T) {
	f := newFleet(t)
	ids := f.items(t, 3600)
	f.stock(t, 3600, ids) // 600 items in each store
	store := f.Stores["B"]
	n := slices.Index(slices.Sorted(maps.Values(f.Stores)), store)
	// The stock lines are another site's, which has yet to name the item that stands now.
	if _, err := f.Centre.Merge(t.Context(), "tester", station.Merge{Type: "item", From: ids[n], Into: ids[3594+n], Confirmed: true}); err != nil {
		t.Fatal(err)
	}
	viewer := f.centre.as(station.Viewer)
	rows := func() string {
		t.Helper()
		page := f.centre.get("/work/stock?store="+string(store), viewer).want(200).says("600 batches in stock", "599 items")
		_, table, _ := strings.Cut(page.body, "<tbody")
		last := f.centre.get(fmt.Sprintf("/work/stock?q=number+%d&store=%s", 3594+n, store), viewer).says("2 batches in stock")
		_, end, _ := strings.Cut(last.body, "<tbody")
		return table + end
	}
	read := rows()
	if err := f.Centre.KeepReports(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := rows(); kept != read || !strings.Contains(read, fmt.Sprint("number ", 3594+n)) {
		t.Errorf("the list from memory is\n%s\nwant\n%s", kept, read)
	}
}
