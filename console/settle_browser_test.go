package console_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// A person opens what was refused, reads why in her language, tries it again in vain, and
// settles it with a reason in each of the ways there are (R-I-25, R-K-42).
func TestBrowserQuarantineIsSettled(t *testing.T) {
	f := newFleet(t)
	f.refused(t)
	item, _ := simulate.Item("x")
	f.lessThanNothing(t, item)
	f.lessThanNothing(t, item)
	b := f.centre.openTab(t)
	b.signIn(f.centre, station.Administrator)
	for _, lang := range []string{"fr", "es", "en"} {
		b.speaks(lang)
		b.open("/quarantine")
		b.shot("settle-causes-" + lang)
		b.click("td a")
		b.at("?code=")
		b.shot("settle-cause-" + lang)
		b.click("td a")
		b.at("/quarantine/")
		b.shot("settle-refusal-" + lang)
	}
	b.picture("settle-refusal")
	b.click(`button[value="retry"]`)
	b.sees("It was judged again and still cannot stand.")
	b.shot("settle-retried")
	for i, way := range []struct{ do, state, says string }{
		{"skip", storage.Skipped, "left out for good"}, {"return", storage.Returned, "returned to the site"}, {"accept", storage.Open, "It was judged again and still cannot stand."},
	} {
		b.open("/quarantine")
		b.click("td a")
		b.at("?code=")
		b.click("td a")
		b.at("/quarantine/")
		b.click("details.confirm summary")
		b.fill("#note", "counted twice")
		b.shot("settle-" + way.do)
		b.click(`button[value="` + way.do + `"]`)
		b.sees(way.says)
		b.shot("settle-" + way.do + "-done")
		err := f.Centre.Store.View(t.Context(), func(r storage.Reader) error {
			no, err := r.Refusal(int64(i + 1))
			if err == nil && no.State != way.state {
				t.Errorf("after %s refusal %d is %s", way.do, i+1, no.State)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// at waits for the page whose address has the part.
func (b *tab) at(part string) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); b.run(chromedp.Sleep(50 * time.Millisecond)) {
		there, err := chromedp.Run(b, chromedp.Evaluate[bool](`document.readyState == "complete" && location.href.includes("`+part+`")`))
		if err == nil && there {
			return
		}
	}
	b.t.Fatalf("no page at %q opens", part)
}

// speaks chooses the language of the pages.
func (b *tab) speaks(lang string) {
	b.t.Helper()
	b.open("/me")
	b.click(`[lang="` + lang + `"]`)
	b.sees(map[string]string{"en": "Sign out", "fr": "Se déconnecter", "es": "Cerrar sesión"}[lang])
}
