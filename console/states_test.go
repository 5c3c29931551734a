package console_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
)

// posed is a site's synchronisation whose status somebody poses.
type posed struct {
	console.Sync
	pose func(*site.Status)
}

// Status is the real one, posed.
func (p posed) Status(ctx context.Context) (site.Status, error) {
	st, err := p.Sync.Status(ctx)
	if p.pose != nil {
		p.pose(&st)
	}
	return st, err
}

// TestR_I_22_StatesOfASite: whether a site is idle, synchronises, takes in what came,
// fills for the first time or has a store on the move is said at the site in words,
// and at the centre too, which also says when it is locked.
func TestR_I_22_StatesOfASite(t *testing.T) {
	f := newFleet(t)
	o := console.From(f.one.node.Station, nil, f.one.node.Site)
	at := &posed{Sync: o.Sync}
	o.Sync = at
	one := &face{t: t, node: f.one.node, handler: console.New(o), cookies: f.one.cookies, address: f.one.address}
	for _, s := range []struct {
		name string
		pose func(*site.Status)
		says string
	}{
		{"idle", nil, "All in step"},
		{"running", func(st *site.Status) { st.Running, st.Progress = true, site.Progress{Step: "push"} }, "Exchanging now"},
		{"sending", func(st *site.Status) { st.Running, st.Progress = true, site.Progress{Step: "push"} }, "Send (now)"},
		{"integrating", func(st *site.Status) { st.Running, st.Progress = true, site.Progress{Step: "integrate"} }, "Take in (now)"},
		{"initialising", func(st *site.Status) { st.State = site.Initialising }, "Receiving this site’s data"},
		{"moving", func(st *site.Status) { st.Moving = "Store B moves" }, "A store is on the move"},
		{"not enrolled", func(st *site.Status) { st.State = site.Unenrolled }, "Not connected yet"},
	} {
		at.pose = s.pose
		one.get("/today", one.as(station.Viewer)).want(200).says(s.says)
	}
	ctx, admin := t.Context(), f.centre.as(station.Administrator)
	if _, _, err := f.Centre.Centre.StartMove(ctx, "administrator", handover.Order{Store: f.Stores["D"], To: 2, Reason: "nearer"}, false); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/jobs", admin).want(200).says("Store D moves from Sync Client 2 to Sync Client 1")
	f.centre.ask("POST", "/enrolment", url.Values{"name": {"Mulago"}, "kind": {"server"}}, admin).want(200)
	f.centre.get("/fleet/4", admin).want(200).says("not enrolled yet")
	for range 30 { // codes that are tried out lock the site
		if _, err := f.Centre.Centre.Enrol(ctx, exchange.Enrolment{Site: "Mulago", Code: "AAAA-BBBB-CCCC-DDDD", Device: "x", Protocol: exchange.Protocol}); atoll.CodeOf(err) == atoll.SiteLocked {
			break
		}
	}
	st, err := f.Centre.Centre.SiteStatus(ctx, 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, concerns := st.Condition(f.Clock.Now()); len(concerns) == 0 || concerns[0].Kind != central.ConcernLocked && concerns[len(concerns)-1].Kind != central.ConcernLocked {
		t.Fatalf("%+v", concerns)
	}
	f.centre.get("/fleet/4", admin).want(200).says("locked after wrong codes")
}

// TestR_I_13_NobodyIsThrownOut: a cycle that brings changes of stores, visibility and
// users' data neither signs anybody out nor leads them to another store.
func TestR_I_13_NobodyIsThrownOut(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	who := f.one.as(station.StoreUser)
	session := f.one.cookies[station.StoreUser]
	page := "/work/stock?store=" + string(f.Stores["B"])
	f.one.get(page, who).want(200).says("Store B")
	for _, change := range []central.Configuration{
		central.MakeVisible(f.Stores["B"], f.Stores["D"], true), central.Assign(f.Stores["E"], 2), central.Collect(f.Stores["B"], 3, true),
	} {
		if _, err := f.Centre.Centre.Configure(t.Context(), "administrator", change); err != nil {
			t.Fatal(err)
		}
		if err := f.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.one.get(page, who).want(200).says("Store B", "Item amoxicillin")
		f.one.get("/me", who).want(200)
	}
	if f.one.cookies[station.StoreUser] != session {
		t.Error("the session is another one")
	}
}
