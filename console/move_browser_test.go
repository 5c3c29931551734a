package console_test

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// A person moves a store by hand: she opens it at the centre, chooses another site on its
// Synchronisation tab, sees what would change, and confirms. When both sites have
// synchronised, the store is active at the other: its users work there (R-H-30, R-C-93).
func TestBrowserR_H_30_AStoreIsMoved(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	d := f.Stores["D"]
	active := func(at atoll.SiteID) bool {
		t.Helper()
		top, err := f.Sites[at].Station.Topology(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(top.Active(at), d)
	}
	if !active(3) || active(2) {
		t.Fatal("the store is not where the test takes it from")
	}
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/stores")
	b.click(`main a[href="/stores/` + string(d) + `"]`)
	b.sees("Synchronisation")
	b.click(`form:has([name="do"][value="local"]):has([name="site"][value="2"]) button`)
	b.sees("Store D becomes active at Sync Client 1")
	b.sees("will start or stop flowing")
	if active(2) {
		t.Fatal("the preview has moved the store")
	}
	b.fill("#reason", "nearer to the coast")
	b.click(`main [name="sure"]`)
	b.sees("It is done.")
	b.open("/jobs")
	b.sees("Store D moves from Sync Client 2 to Sync Client 1")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !active(2) || active(3) {
		t.Fatal("both sites have synchronised, and the store is not active at the other")
	}
	b.open("/stores/" + string(d))
	b.sees("2, Sync Client 1")
	c := f.one.openTab(t)
	c.signIn(f.one, station.StoreUser)
	c.open("/work/stock?store=" + string(d))
	c.sees("Store D")
}
