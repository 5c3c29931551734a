package console_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/atollsync/atoll/notify/notifytest"
	"github.com/atollsync/atoll/station"
)

// An administrator sets where mail goes and tries it, in a browser.
func TestBrowserMail(t *testing.T) {
	f := newFleet(t)
	post := notifytest.New(t)
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	b.open("/server")
	b.sees("Nobody is told by mail")
	b.picture("server-centre")
	b.click(`a[href="/mail"]`)
	b.sees("Mail server and port")
	b.picture("mail")
	b.fill("#server", post.Address)
	b.run(chromedp.SetValue(css("#security"), "none"))
	b.fill("#from", "atoll@example.org")
	b.fill("#to", "amina")
	b.click("form.card .primary")
	b.sees("A recipient is no address of mail")
	b.picture("mail-wrong")
	b.run(chromedp.SetValue(css("#to"), "amina@example.org"))
	b.click("form.card .primary")
	b.sees("Send a test letter to see that it works")
	b.click(`form[action="/mail/test"] button`)
	b.sees("The mail server took the test letter.")
	if len(post.Letters()) != 1 {
		t.Errorf("%d letters", len(post.Letters()))
	}
	b.click("details.confirm summary")
	b.picture("mail-on")
}

// A technician is asked for the unlocking code where a job of a store needs it, and
// goes on from there.
func TestBrowserUnlock(t *testing.T) {
	f := newFleet(t)
	if err := f.Centre.Centre.SetUnlockCode(t.Context(), "administrator", "three-green-boats"); err != nil {
		t.Fatal(err)
	}
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Technician)
	b.open("/jobs")
	b.run(chromedp.SetValue(css("#about"), string(f.Stores["B"])))
	b.click(`form[action="/jobs"] button`)
	b.sees("The synchronisation settings are locked")
	b.picture("locked")
	b.fill("#code", "three-green-boats")
	b.click(`form[action="/stores/unlock"] button`)
	b.sees("Unlocked until")
	b.run(chromedp.SetValue(css("#about"), string(f.Stores["B"])))
	b.click(`form[action="/jobs"] button`)
	b.sees("Asked by technician")
	b.open("/fleet/2")
	b.click(`form[action="/fleet/2/order"] button`)
	b.sees("What was asked of it, and by whom")
	b.picture("site-ordered")
	b.open("/audit")
	b.sees("Order about a site")
}
