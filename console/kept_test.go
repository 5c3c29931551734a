package console_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// The list of sites shows what the database holds when it is asked, of many sites as of
// few: what somebody else did in the moment before, too, and when many ask at once.
func TestR_I_20_ListsOfManySites(t *testing.T) {
	f := newFleet(t)
	tech := f.centre.as(station.Technician)
	paused := func(words string, not ...string) {
		t.Helper()
		f.centre.get("/fleet?concern=paused&q=sync+client", tech).want(200).says(words).saysNot(not...)
	}
	pause := func(site atoll.SiteID, why string) {
		if err := f.Centre.Centre.Pause(t.Context(), "somebody else", site, why); err != nil {
			t.Error(err)
		}
	}
	paused("Nothing is like that")
	pause(2, "the roof leaks")
	paused("Sync Client 1")
	f.many(t, 2001)
	paused("Sync Client 1 2")
	pause(2, "")
	paused("Nothing is like that")
	f.centre.ask("POST", "/fleet/3/pause", url.Values{"do": {"pause"}, "reason": {"market day"}}, tech).want(303)
	paused("Sync Client 2", "Sync Client 1 2")
	var all sync.WaitGroup
	for site := atoll.SiteID(200); site < 212; site++ {
		all.Go(func() {
			pause(site, "the road is closed")
			if got := f.centre.ask("GET", "/fleet?concern=paused&q="+site.String(), nil, tech); !strings.Contains(got.body, `href="/fleet/`+site.String()+`"`) {
				t.Errorf("site %d was paused, and is not in the list that was asked for then: %s", site, got.text())
			}
		})
	}
	all.Wait()
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
