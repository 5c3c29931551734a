package console_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/atollsync/atoll/station"
)

// The list of many sites is used again for ten seconds, and no longer than until somebody
// does something about a site here; that of few is made anew for everybody. What is
// looked at on one site's page is never kept.
func TestR_I_20_ListsOfManySites(t *testing.T) {
	f := newFleet(t)
	tech := f.centre.as(station.Technician)
	paused := func(words string, not ...string) {
		t.Helper()
		f.centre.get("/fleet?concern=paused&q=sync+client", tech).want(200).says(words).saysNot(not...)
	}
	pause := func(why string) {
		t.Helper()
		if err := f.Centre.Centre.Pause(t.Context(), "somebody else", 2, why); err != nil {
			t.Fatal(err)
		}
	}
	paused("Nothing is like that")
	pause("the roof leaks")
	paused("Sync Client 1")
	f.many(t, 2001)
	f.Clock.Wind(time.Minute)
	paused("1 site", "Sync Client 2 3")
	pause("")
	paused("1 site")
	f.centre.get("/fleet/2", tech).saysNot("paused from here")
	f.Clock.Wind(5 * time.Second)
	paused("1 site")
	f.Clock.Wind(10 * time.Second)
	paused("Nothing is like that")
	f.centre.ask("POST", "/fleet/3/pause", url.Values{"do": {"pause"}, "reason": {"market day"}}, tech).want(303)
	paused("Sync Client 2", "Sync Client 1 2")
}

// A long report is one answer while its pages are turned, for a minute. Whoever asks for
// it anew gets what the database holds at that moment (R-J-11).
func TestR_J_11_PagesOfOneAnswer(t *testing.T) {
	f := newFleet(t)
	items := f.items(t, 1260)
	f.stock(t, len(items), items) // one store of six has no copy here
	if err := f.Centre.KeepReports(t.Context()); err != nil {
		t.Fatal(err)
	}
	viewer := f.centre.as(station.Viewer)
	rows := func(page, words string) {
		t.Helper()
		f.centre.get("/reports/stock?page="+page, viewer).want(200).says(words)
	}
	rows("1", "1,050 rows")
	f.stock(t, 1, items[1:])
	rows("2", "1,050 rows")
	rows("1", "1,051 rows")
	rows("2", "1,051 rows")
	f.stock(t, 1, items[2:])
	f.Clock.Wind(30 * time.Second)
	rows("3", "1,051 rows")
	f.Clock.Wind(time.Minute)
	rows("3", "1,052 rows")
}
