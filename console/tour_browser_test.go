package console_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// tourPictures is where the pictures of docs/tour.md go: make tour.
var tourPictures = flag.String("tour", "", "directory for the pictures of docs/tour.md")

// look keeps a picture for the tour, as high as the window.
func (b *tab) look(name string) {
	b.t.Helper()
	if *tourPictures == "" {
		return
	}
	b.run(chromedp.EmulateViewport(1120, 760), chromedp.Sleep(200*time.Millisecond))
	png, err := chromedp.Run(b, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(*tourPictures, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(*tourPictures, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.run(b.width(widths[2]))
}

// The walk of docs/tour.md: what it says is there, and its pictures are made here.
func TestBrowserTour(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	f.refused(t)
	f.at(t, f.Stores["B"], "-3.2175", "40.1191")
	f.at(t, f.Stores["C"], "-1.5177", "37.2634")
	b := f.one.openTab(t)
	b.signIn(f.one, station.StoreUser)
	b.open("/work/customer-invoices/new")
	b.run(chromedp.SetValue(css(`[id="f.name_id"]`), string(topology.StoreNameID(f.Stores["C"]))))
	b.click("main .primary")
	b.sees("It has no lines yet")
	b.run(chromedp.SetValue(css(`[id="f.stock_line_id"]`), value[string](b, `document.querySelectorAll("[id='f.stock_line_id'] option")[1].value`)))
	b.fill(`[id="f.number_of_packs"]`, "12")
	b.click(".enter .primary")
	b.sees("Saved.")
	value[bool](b, `scrollTo(0, 0), true`)
	b.look("document")
	page := value[string](b, `location.pathname`)
	b.open("/work")
	b.sees("1 open")
	b.look("work")
	b.open(page)
	b.click("details.main summary")
	b.click("details.main button")
	b.sees("It is finalised.")
	b.open("/today")
	b.sees("Waiting to be sent")
	b.look("today-site")
	f.silence(t, 3)
	c := f.centre.openTab(t)
	c.signIn(f.centre, station.Administrator)
	c.open("/today")
	c.sees("Sites that need somebody")
	c.look("today-centre")
	c.fill("#q", "amoxicillin")
	c.click(".bigfind .primary")
	c.click(".hits .links a")
	c.sees("in all")
	c.look("report")
	c.open("/transfers")
	c.sees("has not synchronised since it was sent")
	c.look("transfers")
	c.open(page)
	c.sees("Its way")
	c.look("way")
	c.open("/fleet")
	c.sees("Sync Client 2")
	c.look("sites")
	c.open("/fleet/map")
	c.sees("2 sites in view")
	c.run(chromedp.EmulateViewport(1120, 760))
	value[bool](c, `document.querySelector("main .card").scrollIntoView(), true`)
	c.look("map")
	c.open("/quarantine/1")
	c.sees("What it wanted")
	c.look("refusal")
	c.open("/stores/" + string(f.Stores["D"]))
	c.run(chromedp.SetValue(css("#other"), string(f.Stores["B"])))
	c.click(".card > .inline button")
	c.sees("will start or stop flowing")
	c.look("preview")
	c.open("/audit?site=2&verify=1")
	c.sees("The chain is whole")
	c.look("audit")
}
