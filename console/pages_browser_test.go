package console_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// Every page is accessible and fits its screen, from the sign-in on.
func TestBrowserPagesOfASite(t *testing.T) {
	f := newFleet(t)
	b := f.one.openTab(t)
	b.open("/sign-in")
	b.picture("sign-in")
	b.fill("#name", "nobody")
	b.fill("#password", "wrong password")
	b.click(".door .primary")
	b.sees("That did not work")
	b.picture("sign-in-wrong")
	b.signIn(f.one, station.Administrator)
	b.open("/today")
	b.sees("All in step")
	b.picture("today")
	_, item := simulate.Item("amoxicillin")
	if err := f.Centre.Insert(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	b.open("/sync")
	b.picture("sync")
	b.open("/me")
	b.picture("me")
	f.one.logger.Warn("sync cycle", "site", 2, "code", "unavailable", "err", "no route to host", "cycle", "3f9a01c2")
	f.one.logger.Info("replicas retired", "records", 12)
	b.open("/server")
	b.sees("no route to host")
	b.picture("server")
	b.open("/nowhere")
	b.picture("problem")
}

// Every component in every state.
func TestBrowserStyleguide(t *testing.T) {
	b := (&face{handler: console.Styleguide()}).openTab(t)
	b.open("/styleguide")
	b.sees("Receiving this site’s data")
	b.picture("styleguide")
	value[string](b, `document.documentElement.dir = "rtl"`)
	b.picture("styleguide-rtl")
}

// A person at a site makes a record and presses the button; it arrives, while the
// page shows it, and the centre has it with its history (R-I-01, R-I-04).
func TestBrowserSync(t *testing.T) {
	f := newFleet(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Sites[2].Site.Run(ctx) }()
	defer func() { stop(); <-ended }()
	err := f.Sites[2].Site.Configure(ctx, "test", func(s *site.Settings) { s.Paused = true }) // only the button syncs
	if err != nil {
		t.Fatal(err)
	}
	b := f.one.openTab(t)
	b.signIn(f.one, station.StoreUser)
	b.open("/new/location")
	b.fill(`[id="f.code"]`, "C1")
	b.fill(`[id="f.name"]`, "Cold room")
	b.run(chromedp.SetValue(css(`[id="f.store_id"]`), string(f.Stores["B"])))
	b.click("main .primary")
	b.sees("Saved.")
	made := value[string](b, `location.pathname`)
	b.open("/today")
	b.sees("Location C1")
	b.click(".light .primary")
	b.sees("Yes. Head office has all your work.")
	b.open(made)
	b.sees("Head office has it.")
	c := f.centre.openTab(t)
	c.signIn(f.centre, station.Viewer)
	c.open(made)
	c.sees("Read-only copy")
	c.sees("Made by store-user at Sync Client 1")
	// By the keyboard alone: the first stop leads past the navigation.
	c.run(chromedp.KeyEvent("\t"))
	if at := value[string](c, `document.activeElement.className`); at != "skip" {
		t.Errorf("the first stop of the keyboard is %q", at)
	}
}

func TestBrowserRecords(t *testing.T) {
	f := newFleet(t)
	page := shelf(t, f, "S1")
	shelf(t, f, "S2")
	b := f.one.openTab(t)
	b.signIn(f.one, station.StoreUser)
	b.open("/records")
	b.picture("records")
	b.open("/records/location")
	b.picture("record-list")
	b.open("/records/store?q=nothing+like+it")
	b.picture("record-list-empty")
	b.open(page + "/edit")
	b.picture("record-edit")
	b.run(chromedp.SetValue(css(`[id="f.name"]`), "Cold room"))
	b.click("main .primary")
	b.sees("Saved.")
	b.picture("record")
	b.open("/new/location")
	value[bool](b, `document.querySelectorAll("[required]").forEach(e => e.required = false), true`)
	b.click("main .primary")
	b.sees("It must be filled in: Store.")
	b.picture("record-wrong")
}

func TestBrowserCentre(t *testing.T) {
	f := newFleet(t)
	f.many(t, 12)
	f.refused(t)
	id, item := simulate.Item("paracetamol")
	if err := f.Centre.Insert(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/fleet")
	b.picture("fleet")
	b.open("/fleet/2")
	b.picture("site")
	b.open("/quarantine")
	b.picture("quarantine")
	b.click("td a")
	b.sees("Try it again")
	b.picture("quarantine-cause")
	b.click("td a")
	b.sees("What it wanted")
	b.picture("refusal")
	b.open("/records/item/" + string(id))
	b.picture("record-centre")
	b.open("/me")
	b.click(`[lang="fr"]`)
	b.sees("Se déconnecter")
	b.open("/fleet")
	b.picture("fleet-fr")
	for name, path := range map[string]string{
		"overview": "/today", "report": "/reports/stock", "transfers": "/transfers", "jobs": "/jobs", "store": "/stores/" + string(f.Stores["B"]), "work": "/work",
	} {
		b.open(path)
		b.picture(name + "-fr")
	}
	// From right to left, as a language that is written so would have it.
	value[string](b, `document.documentElement.dir = "rtl"`)
	b.picture("fleet-rtl")
}

// The item of a line is offered while one types, and taken with a click; what was typed
// without choosing is asked about, and the quantity stands.
func TestBrowserLine(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	b := f.one.openTab(t)
	b.signIn(f.one, station.StoreUser)
	b.open("/work/requests/new")
	b.run(chromedp.SetValue(css(`[id="f.name_id"]`), string(topology.StoreNameID(f.Stores["A"]))))
	b.click("main .primary")
	b.sees("It has no lines yet")
	b.fill(`[id="f.item_id"]`, "item")
	b.sees("Which one?")
	b.picture("line")
	b.fill(`[id="f.requested_quantity"]`, "500")
	value[string](b, `document.querySelector(".found").id = "before"`)
	b.click(".enter .primary")
	b.click(".found:not(#before) input") // of the page that asks
	b.click(".enter .primary")
	b.sees("Saved.")
	b.sees("500")
}

// Somebody is chosen among many by typing a part of the name.
func TestBrowserChoose(t *testing.T) {
	f := newFleet(t)
	store, _ := f.people(t, 120)
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/work/prescriptions/new?store=" + string(store))
	b.fill(`[id="f.patient_id"]`, "okello")
	b.sees("Amina Okello (P120)")
	b.picture("choose")
	b.click(".found .choice:last-of-type input")
	b.click("main .primary")
	b.sees("It has no lines yet")
	b.sees("Okello")
}

// The map is read at a glance, by eye, by keyboard and without colours.
func TestBrowserMap(t *testing.T) {
	f := newFleet(t)
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/fleet/map")
	b.sees("No site has a place on the map yet.")
	b.picture("map-none")
	f.spread(t, 200)
	f.many(t, 240)
	b.open("/fleet")
	b.click(`.views [href^="/fleet/map"]`)
	b.sees("200 sites in view")
	b.picture("map")
	b.click(".pin:has(.group)")
	b.sees("All of it")
	b.picture("map-closer")
	b.open("/fleet/map?q=centre+4")
	b.picture("map-few")
	b.open("/me")
	b.click(`[lang="fr"]`)
	b.sees("Se déconnecter")
	b.open("/fleet/map")
	b.sees("sites affichés")
	b.picture("map-fr")
}

// Why a shipment has not arrived is found from the first page on, without help: the
// list, then the document with its way.
func TestBrowserTransfers(t *testing.T) {
	f := newFleet(t)
	f.shipped(t, "A", "3")
	f.shipped(t, "C", "7")
	f.silence(t, 9)
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/")
	b.click(`.menu [href="/transfers"]`)
	b.sees("has not synchronised since it was sent")
	b.picture("transfers")
	b.click("td.site a")
	b.sees("Its way")
	b.picture("document-way")
	b.open("/transfers?store=" + string(f.Stores["D"]))
	b.picture("transfers-none")
}

// How much amoxicillin there is in the country is found without help: by the search
// on the first page, and one more click.
func TestBrowserReports(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/")
	b.sees("What are you looking for?")
	b.picture("overview")
	b.fill("#q", "amoxicillin")
	b.click(".bigfind .primary")
	b.sees("Stock on hand")
	b.picture("find")
	b.click(".hits .links a")
	b.sees("1,855")
	b.picture("report-stock")
	b.open("/reports")
	b.picture("reports")
	b.open("/reports/stock?item=item")
	b.picture("report-which")
	b.open("/reports/dashboard")
	b.picture("report-dashboard")
}

func TestBrowserJobs(t *testing.T) {
	f := newFleet(t)
	for _, site := range []atoll.SiteID{2, 3} {
		order := central.JobOrder{Kind: handover.Verify, Site: site, Selection: handover.Selection{Patients: true}}
		if _, _, err := f.Centre.Centre.StartJob(t.Context(), "amina", order, false); err != nil {
			t.Fatal(err)
		}
		if err := f.Settle(t.Context()); err != nil && site == 2 {
			t.Fatal(err)
		}
	}
	if _, _, err := f.Centre.Centre.StartMove(t.Context(), "amina", handover.Order{Store: f.Stores["D"], To: 2, Reason: "nearer"}, false); err != nil {
		t.Fatal(err)
	}
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/jobs")
	b.picture("jobs")
	b.open("/audit?verify=1")
	b.sees("The chain is whole")
	b.picture("audit")
	b.open("/enrolment")
	b.picture("enrolment")
	b.fill("#name", "Mulago")
	b.click("main .primary")
	b.sees("shown this once")
	b.picture("enrolment-ticket")
}

// A store is shown another from its Synchronisation tab: the preview first, then the change.
func TestBrowserStores(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/stores")
	b.picture("stores")
	b.open("/stores/" + string(f.Stores["B"]))
	b.picture("store")
	b.open("/stores/" + string(f.Stores["E"]))
	b.click("details.confirm:last-of-type > summary")
	b.picture("store-successor")
	b.open("/stores/" + string(f.Stores["B"]))
	b.run(chromedp.SetValue(css("#other"), string(f.Stores["D"])))
	b.click(".card > .inline button")
	b.sees("will start or stop flowing")
	b.picture("change")
	b.click("main .primary")
	b.sees("It is done.")
	b.open("/visibility")
	b.picture("visibility")
	b.open("/delegations")
	b.picture("delegations")
}

// A person makes an invoice for another store, finalises it and synchronises; at the
// other site somebody sees it arrive and receives it into stock.
func TestBrowserWork(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	b := f.one.openTab(t)
	b.signIn(f.one, station.StoreUser)
	b.open("/work")
	b.picture("work")
	b.open("/work/payments/new")
	b.picture("payment-new")
	b.open("/work")
	b.click(`[href^="/work/customer-invoices/new"]`)
	b.sees("Its lines come next")
	b.picture("work-new")
	b.run(chromedp.SetValue(css(`[id="f.name_id"]`), string(topology.StoreNameID(f.Stores["C"]))))
	b.click("main .primary")
	b.sees("It has no lines yet")
	b.run(chromedp.SetValue(css(`[id="f.stock_line_id"]`), value[string](b, `document.querySelectorAll("[id='f.stock_line_id'] option")[1].value`)))
	b.fill(`[id="f.number_of_packs"]`, "7")
	b.click(".enter .primary")
	b.sees("Saved.")
	b.picture("document")
	b.click("details.main summary")
	b.click("details.main button")
	b.sees("It is finalised.")
	value[bool](b, `document.querySelectorAll("main details").forEach(e => e.open = true), true`)
	b.picture("document-finalised")
	b.open("/work/stock")
	b.picture("work-stock")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := f.two.openTab(t)
	c.signIn(f.two, station.StoreUser)
	c.open("/work/supplier-invoices")
	c.sees("Store B")
	c.picture("work-list")
	c.click("td.site a")
	c.sees("Receive into stock")
	c.picture("document-arrived")
	value[bool](c, `[...document.querySelectorAll("details.main")].find(d => d.querySelector("[value=receive]")).open = true`)
	c.click(`[value="receive"]`)
	c.sees("It is in stock.")
}
