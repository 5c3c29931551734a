package console_test

import (
	"context"
	"encoding/csv"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// The fleet shows which sites are in trouble and why, the worst first, by filters
// that a technician asks by (R-I-20, R-I-21).
func TestR_I_21_Fleet(t *testing.T) {
	f := newFleet(t)
	tech := func() *face { f.centre.as(station.Technician); return f.centre }
	get := func(path string) *seen {
		t.Helper()
		return tech().get(path, f.centre.as(station.Technician)).want(200)
	}
	get("/fleet").says("2 sites", "100 % heard within a day", "in step", "Sync Client 1 2 · Store B · Store F", "Sync Client 2")
	f.refused(t)
	if _, err := f.AddSite(t.Context(), "Mulago", topology.Server); err != nil {
		t.Fatal(err)
	}
	get("/fleet").says("3 sites", "1 not enrolled yet", "Mulago", "1 refused change")
	get("/fleet/2").says("see the page Quarantine. Quarantine")
	get("/fleet?concern=quarantined").says("1 site", "Sync Client 1").saysNot("Mulago", "Sync Client 2 3")
	f.Clock.Wind(4 * 24 * time.Hour)
	if _, err := f.Sync(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	get("/fleet?silent=3").says("1 site", "Sync Client 1", "silent for 4 days").saysNot("Mulago 4")
	// The figure leads to the sites that it counts, red or green, and to no other.
	heard := get("/fleet").says("33 % heard within a day").body
	if !strings.Contains(heard, `<a href="/fleet?heard=1"><b>33 %</b>`) {
		t.Error("the figure leads elsewhere")
	}
	get("/today").says("33 %")
	if !strings.Contains(get("/today").body, `href="/fleet?heard=1"><b>33 %`) {
		t.Error("the figure of the first page leads elsewhere")
	}
	get("/fleet?heard=1").says("1 site", "Sync Client 2 3", "heard within a day").saysNot("Mulago 4", "Sync Client 1 2")
	get("/fleet?silent=30").says("No site has been silent for 30 days or more", "Show all")
	get("/fleet?silent=30&q=x").says("Nothing is like that")
	f.Clock.Wind(28 * 24 * time.Hour)
	if _, err := f.Sync(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	red := get("/fleet?light=red")
	red.says("1 site", "silent for 32 days").saysNot("Sync Client 2 3")
	// The worst stands first without a choice.
	all := get("/fleet").text()
	if a, b := strings.Index(all, "Sync Client 1 2"), strings.Index(all, "Sync Client 2 3"); a < 0 || a > b {
		t.Error("the site in trouble does not stand first")
	}
	get("/fleet?q=store+c").says("Sync Client 2").saysNot("Sync Client 1 2")
	get("/fleet?q=4").says("Mulago")
	rows, err := csv.NewReader(strings.NewReader(get("/fleet.csv?light=red").body)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][1] != "Sync Client 1" || !strings.Contains(rows[1][5], "silent quarantined") {
		t.Errorf("%v %v", rows, err)
	}
}

// One site's page shows its exchanges, what it holds and why, and pauses it with a
// reason that the site reads.
func TestOneSite(t *testing.T) {
	f := newFleet(t)
	tech := f.centre.as(station.Technician)
	page := f.centre.get("/fleet/2", tech).want(200)
	page.says("Sync Client 1", "In step", "To send nothing", "To receive nothing", "Last complete exchange", "Its exchanges", "complete",
		"Store B B Active The site works in it", "Store A A Collector Somebody wanted a full copy", "Store C C Transfer Goods and orders pass between it and a store there. Visible to: Store B")
	f.centre.get("/fleet/9", tech).want(404)
	f.centre.get("/fleet/x", tech).want(404)
	f.centre.ask("POST", "/fleet/2/pause", url.Values{"do": {"pause"}}, tech).want(400).says("needs a reason")
	f.centre.ask("POST", "/fleet/2/pause", url.Values{"do": {"pause"}, "reason": {"the line is repaired"}}, tech).want(303)
	f.centre.get("/fleet/2", tech).says("paused from here", "the line is repaired", "Resume")
	if _, err := f.Sync(t.Context(), 2); err == nil {
		t.Error("a paused site may exchange")
	}
	f.one.get("/today", f.one.as(station.Viewer)).says("the line is repaired")
	f.centre.ask("POST", "/fleet/2/pause", url.Values{"do": {"resume"}}, tech).want(303)
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Error(err)
	}
	f.centre.get("/fleet/2", tech).says("In step", "Synchronisation is paused or switched off")
}

// logged is a centre with a sync log of its own.
type logged struct {
	console.Centre
	rows []central.Cycle
}

func (l logged) SyncLog(context.Context, atoll.SiteID, int) ([]central.Cycle, error) {
	return l.rows, nil
}

// One site's page says how long the phases of an exchange took, where that is long enough
// to tell anything, and in which of them the line broke (R-I-24).
func TestR_I_24_PhasesOfExchanges(t *testing.T) {
	f := newFleet(t)
	o := console.From(f.Centre.Station, f.Centre.Centre, nil)
	log := &logged{Centre: o.Centre}
	o.Centre = log
	f.centre.handler = console.New(o)
	page := func(row central.Cycle) *seen {
		log.rows = []central.Cycle{row}
		return f.centre.get("/fleet/2", f.centre.as(station.Technician)).want(200)
	}
	page(central.Cycle{Applied: 7, Sent: 500, Took: 40 * time.Second, Receiving: 10 * time.Second, Complete: true}).
		says("complete", "7 10 seconds", "500 30 seconds", "40 seconds").saysNot("while it")
	page(central.Cycle{Applied: 7, Took: 500 * time.Millisecond, Receiving: 300 * time.Millisecond, Complete: true}).saysNot("7 less than")
	page(central.Cycle{Took: 40 * time.Second, Code: atoll.Interrupted, Broke: central.Receiving}).says("while it sent")
	page(central.Cycle{Took: 40 * time.Second, Receiving: time.Second, Code: atoll.Interrupted, Broke: central.Answering}).says("while it was answered")
}

// A site's page, and the API, say whether the time for which it was connected sufficed,
// in the words of its exchanges (R-I-30).
func TestR_I_30_ConnectedTime(t *testing.T) {
	f := newFleet(t)
	page := func() *seen { return f.centre.get("/fleet/2", f.centre.as(station.Technician)).want(200) }
	page().says("Is it connected for long enough?", "Yes.", "in the last week: 1; everything was exchanged on 1 of them")
	if _, err := f.AddSite(t.Context(), "Mulago", topology.Server); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/fleet/4", f.centre.as(station.Technician)).says("not connected in the last seven days")
	f.Clock.Wind(24 * time.Hour)
	for _, code := range []string{"y", "z"} {
		_, p := simulate.Item(code)
		if err := f.Centre.Insert(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	f.one.node.Net.CutDown = func() int { return 1 } // the line breaks before the answer ends
	if _, err := f.Sync(t.Context(), 2); err == nil {
		t.Fatal("the line did not break")
	}
	f.one.node.Net.CutDown = nil
	page().says("Not on the last day.", "in the last week: 2; everything was exchanged on 1 of them", "longer or a faster connection")
	f.Clock.Wind(6 * 24 * time.Hour)
	page().says("No.", "in the last week: 1; everything was exchanged on none")
	if _, err := f.Sync(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	page().says("Yes.", "in the last week: 2; everything was exchanged on 1 of them")
}

// Quarantine is told by cause, with what was wanted beside what stands, and settled
// with a reason (R-I-25).
func TestR_I_25_Quarantine(t *testing.T) {
	f := newFleet(t)
	tech := f.centre.as(station.Technician)
	f.centre.get("/quarantine", tech).want(200).says("Nothing is in quarantine")
	f.refused(t)
	f.centre.get("/quarantine", tech).says("1 refused change waits", "A rule forbids it", "Stock line")
	cause := f.centre.get("/quarantine?code=business_rule&type=stock_line&field=total_number_of_packs&rule=stock.below", tech).want(200)
	cause.says("Try it again", "Stock line B-019c", "Sync Client 1").saysNot("…")
	one := f.centre.get("/quarantine/1", tech).want(200)
	one.says("waits for a decision", "tester", "Packs in all – -7", "Item x", "Return to the site")
	f.centre.ask("POST", "/quarantine/1", url.Values{"do": {"retry"}}, tech).want(303)
	f.centre.get("/quarantine/1", tech).says("waits for a decision")
	// Nor does it stand because somebody would have it so: it is the site's, and the rule holds.
	f.centre.ask("POST", "/quarantine/1", url.Values{"do": {"accept"}, "note": {"counted twice"}}, tech).want(303).flashes("decided.stays")
	f.centre.get("/quarantine/1", tech).says("waits for a decision")
	f.centre.ask("POST", "/quarantine", url.Values{"code": {"business_rule"}, "type": {"stock_line"}, "field": {"total_number_of_packs"}, "rule": {"stock.below"}}, tech).want(303)
	if no := f.centre.ask("POST", "/quarantine/1", url.Values{"do": {"return"}}, tech).StatusCode; no < 400 || no >= 500 {
		t.Errorf("returned without a reason: %d", no)
	}
	f.centre.ask("POST", "/quarantine/1", url.Values{"do": {"return"}, "note": {"counted twice"}}, tech).want(303)
	f.centre.get("/quarantine/1", tech).says("returned to the site", "technician", "counted twice").saysNot("Try again")
	f.centre.get("/quarantine", tech).says("Nothing is in quarantine")
	f.centre.get("/quarantine/77", tech).want(404)
}

// A site is asked to compare what it holds, and its page says what came of it
// (R-M-02, R-H-28).
func TestR_M_02_SiteIsAsked(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	tech := f.centre.as(station.Technician)
	f.centre.get("/fleet/2", tech).want(200).says("Ask it for something")
	f.centre.ask("POST", "/fleet/2/order", url.Values{"do": {"verify"}}, tech).want(303)
	f.centre.get("/fleet/2", tech).says("It is asked at its next exchange to: compare all it holds")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/fleet/2", tech).says("records were compared", "both ends hold the same").saysNot("It is asked at its next exchange")
	f.centre.ask("POST", "/fleet/2/order", url.Values{"do": {"resend"}}, tech).want(303)
	f.centre.get("/fleet/2", tech).says("send all its data again")
	f.centre.ask("POST", "/fleet/2/order", url.Values{"do": {"explode"}}, tech).want(400)
	f.centre.ask("POST", "/fleet/77/order", url.Values{"do": {"verify"}}, tech).want(404)
}
