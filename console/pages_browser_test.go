package console_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
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
	b.open("/nowhere")
	b.picture("problem")
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
	b.sees("A field is missing or wrong")
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
	b.sees("Vous et cet appareil")
	b.open("/fleet")
	b.picture("fleet-fr")
	// From right to left, as a language that is written so would have it.
	value[string](b, `document.documentElement.dir = "rtl"`)
	b.picture("fleet-rtl")
}
