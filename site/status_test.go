package site_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
)

// cycle runs one cycle and wants it to end with the code.
func (p *post) cycle(want atoll.Code) site.Cycle {
	p.t.Helper()
	c, err := p.Site.Cycle(p.t.Context())
	if got := atoll.CodeOf(err); got != want {
		p.t.Errorf("the cycle ended with %q (%v); want %q", got, err, want)
	}
	return c
}

// shows wants the light, and each of the words in the status.
func (p *post) shows(light site.Light, words ...string) {
	p.t.Helper()
	st := p.status()
	if st.Light != light {
		p.t.Errorf("the light is %s (%s); want %s", st.Light, st.Words, light)
	}
	for _, w := range words {
		if !strings.Contains(st.Words+"\n"+st.Advice, w) {
			p.t.Errorf("the status says %q, advice %q; want %q in it", st.Words, st.Advice, w)
		}
	}
}

// forge makes stock that no rule of this site would let pass.
func (p *post) forge(id atoll.ID) {
	p.t.Helper()
	item, do := simulate.Item("forged")
	if err := p.Fleet.Centre.Insert(p.t.Context(), do); err != nil {
		p.t.Fatal(err)
	}
	p.cycle("")
	lawless := &journal.Door{Site: p.Door.Site, Judge: &admit.Judge{Catalogue: p.Fleet.Catalogue}, Now: time.Now}
	line := simulate.Stock(id, p.Stores["B"], item, "-7")
	err := p.Store.Update(p.t.Context(), func(tx storage.Tx) error {
		_, err := lawless.Write(tx, journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{line}})
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestR_I_02_TheNumberThatWaits(t *testing.T) {
	still(t, func(t *testing.T, p *post) {
		p.shows(site.Green, "nothing waiting")
		p.item(p.Node, "1")
		p.shows(site.Green, "1 change waiting to be sent")
		p.item(p.Node, "2")
		p.set(func() { p.offline = true })
		p.cycle(atoll.Unavailable)
		if st := p.status(); st.Waiting != 2 {
			t.Errorf("%d changes wait; want 2", st.Waiting)
		}
		// It did not go down, and the log has an entry that says why.
		log, err := p.Site.SyncLog(t.Context(), 1)
		if err != nil || len(log) != 1 || log[0].Code != atoll.Unavailable || log[0].Error == "" {
			t.Errorf("the log: %+v, %v", log, err)
		}
		p.set(func() { p.offline = false })
		p.cycle("")
		p.shows(site.Green, "nothing waiting")
	})
}

// TestR_I_06: what the status says comes from the database, not from the program
// that runs.
func TestR_I_06_LastResultSurvives(t *testing.T) {
	still(t, func(t *testing.T, p *post) {
		p.set(func() { p.fail = atoll.SiteDevice })
		failed := p.cycle(atoll.SiteDevice)
		again := site.New(p.Site.Options) // the program starts anew
		st, err := again.Status(t.Context())
		if err != nil || st.LastCode != atoll.SiteDevice || st.LastError != "no exchange today" || !st.LastTry.Equal(failed.Started) || st.Light != site.Red {
			t.Errorf("after a restart: %s, %q at %s, light %s, %v", st.LastCode, st.LastError, st.LastTry, st.Light, err)
		}
		p.set(func() { p.fail = "" })
		done, err := again.Cycle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.shows(site.Green, "last exchanged a moment ago")
		if st := p.status(); st.LastCode != "" || st.LastError != "" || !st.LastSuccess.Equal(done.Started.Add(done.Took)) {
			t.Errorf("after success the error is still there: %+v", st)
		}
	})
}

// TestR_I_10: texts about addresses and certificates are the wire's; here is what
// the site makes of each code, with the centre's own words where the centre
// speaks.
func TestR_I_10_ErrorsInWords(t *testing.T) {
	still(t, func(t *testing.T, p *post) {
		other := atoll.NewTimeline()
		for _, row := range []struct {
			code   atoll.Code
			change func(*exchange.Hello)
			light  site.Light
			words  []string // cause, and what to do next
		}{
			{atoll.SiteUnknown, func(h *exchange.Hello) { h.Site = 77 }, site.Red, []string{"no site 77", "atoll site add"}},
			{atoll.SiteDevice, func(h *exchange.Hello) { h.Device = "another" }, site.Red, []string{"belongs to another device", "reset-device 2"}},
			{atoll.OldProtocol, func(h *exchange.Hello) { h.Protocol = 99 }, site.Red, []string{"protocol 99", "upgrade the central server first"}},
			{atoll.SiteMismatch, func(h *exchange.Hello) { h.Centre = other }, site.Red, []string{"another central server", "enrol the site again"}},
			{atoll.Cloned, func(h *exchange.Hello) { h.Timeline = other }, site.Red, []string{"another database has taken this site's place", "re-initialise"}},
			{atoll.Restored, func(h *exchange.Hello) { h.Turn = 1 }, site.Red, []string{"restored from a backup", "unsent work can be exported"}},
		} {
			p.set(func() { p.change = row.change })
			c := p.cycle(row.code)
			p.shows(row.light, row.words...)
			if c.Error == "" || c.Hint == "" || !strings.Contains(c.Error, row.words[0]) {
				t.Errorf("%s: the log says %q, hint %q", row.code, c.Error, c.Hint)
			}
		}
		p.set(func() { p.change = nil })
		if err := p.Fleet.Centre.Centre.Pause(t.Context(), "technician", 2, "the invoice is unpaid"); err != nil {
			t.Fatal(err)
		}
		p.cycle(atoll.Paused)
		p.shows(site.Red, "paused this site: the invoice is unpaid", "kept until it is resumed")
		if err := p.Fleet.Centre.Centre.Pause(t.Context(), "technician", 2, ""); err != nil {
			t.Fatal(err)
		}
		for _, passing := range []atoll.Code{atoll.Unavailable, atoll.Interrupted, atoll.Busy, atoll.Damaged} {
			p.set(func() { p.fail = passing })
			p.cycle(passing)
			p.shows(site.Green, "head office cannot be reached just now: no exchange today") // it comes again by itself
		}
		p.set(func() { p.fail = "" })
		p.cycle("")

		line := atoll.NewID(time.Now())
		p.forge(line)
		p.cycle("")
		p.shows(site.Amber, "1 change was not accepted by head office", "see why with: atoll quarantine list")
		list, err := p.Site.Refused(t.Context(), 9)
		if err != nil || len(list) != 1 || list[0].ID != line || list[0].Code != atoll.Rule {
			t.Errorf("the list of rejected changes: %+v, %v", list, err)
		}
	})
}

func TestR_L_07_NoDeadline(t *testing.T) {
	still(t, func(t *testing.T, p *post) {
		p.set(func() { p.offline = true })
		p.cycle(atoll.Unavailable)
		p.shows(site.Green)
		for _, row := range []struct {
			after time.Duration
			light site.Light
			words []string
		}{
			{23 * time.Hour, site.Green, []string{"last exchanged 23 hours ago"}},
			{25 * time.Hour, site.Amber, []string{"last exchanged 25 hours ago", "check the internet connection", "work goes on meanwhile"}},
			{71 * time.Hour, site.Amber, nil},
			{73 * time.Hour, site.Red, []string{"last exchanged 3 days ago", "get this computer on the internet"}},
			{400 * 24 * time.Hour, site.Red, []string{"last exchanged 400 days ago"}},
		} {
			pass(row.after - time.Since(p.status().LastSuccess))
			p.item(p.Node, row.after.String()) // work goes on
			p.shows(row.light, row.words...)
		}
		sites, err := p.Fleet.Centre.Centre.Sites(t.Context())
		if err != nil || time.Since(sites[0].State.LastContact) < 31*24*time.Hour {
			t.Errorf("the centre heard of it %s ago, %v", time.Since(sites[0].State.LastContact), err)
		}
		p.set(func() { p.offline = false })
		c := p.cycle("")
		if c.Applied != 5 {
			t.Errorf("%d of 5 changes arrived after 400 days", c.Applied)
		}
		p.shows(site.Green, "nothing waiting")
	})
}

// TestR_L_08: the moment is one for the whole site, as a checkpoint is; a screen
// shows it beside what is from elsewhere.
func TestR_L_08_R_L_15_AsOf(t *testing.T) {
	still(t, func(t *testing.T, p *post) {
		p.cycle("")
		asOf := p.status().AsOf
		if asOf.IsZero() || time.Since(asOf) != 0 {
			t.Errorf("data is as of %s", asOf)
		}
		p.item(p.Fleet.Centre, "unknown here")
		pass(5 * time.Hour)
		p.set(func() { p.offline = true })
		p.cycle(atoll.Unavailable)
		p.item(p.Node, "own work does not make foreign data younger")
		if st := p.status(); !st.AsOf.Equal(asOf) || !strings.Contains(st.Words, "last exchanged 5 hours ago") {
			t.Errorf("as of %s, %q; want %s", st.AsOf, st.Words, asOf)
		}
		p.set(func() { p.offline, p.cut = false, 3 })
		p.cycle(atoll.Interrupted) // part of it arrived: what is shown is as old as before
		if st := p.status(); !st.AsOf.Equal(asOf) {
			t.Errorf("as of %s after half an answer", st.AsOf)
		}
		p.set(func() { p.cut = 0 })
		p.cycle("")
		if st := p.status(); time.Since(st.AsOf) != 0 || !strings.Contains(st.Words, "last exchanged") || strings.Contains(st.Words, "real-time") {
			t.Errorf("as of %s, %q", st.AsOf, st.Words)
		}
	})
}

func TestR_L_12_DiskFull(t *testing.T) {
	still(t, func(t *testing.T, p *post) {
		used := 0.79
		p.Site.DiskUsed = func() float64 { return used }
		p.shows(site.Green)
		used = 0.80
		p.shows(site.Amber, "the disk is 80 % full")
		theirs, _ := p.item(p.Fleet.Centre, "1")
		p.cycle("") // it warns, and pulls
		if _, err := p.Record(t.Context(), atoll.Key{Type: "item", ID: theirs}); err != nil {
			t.Errorf("at 80 %% nothing was pulled: %v", err)
		}
		used = 0.95
		p.shows(site.Amber, "the disk is 95 % full, so nothing more is received")
		theirs, _ = p.item(p.Fleet.Centre, "2")
		mine, _ := p.item(p.Node, "3")
		c := p.cycle("")
		if c.Received != 0 || c.Applied != 1 {
			t.Errorf("at 95 %% %d records were received and %d changes pushed", c.Received, c.Applied)
		}
		if _, err := p.Record(t.Context(), atoll.Key{Type: "item", ID: theirs}); !errors.Is(err, atoll.NotFound) {
			t.Errorf("it has the item: %v", err)
		}
		if _, err := p.Fleet.Centre.Record(t.Context(), atoll.Key{Type: "location", ID: mine}); err != nil {
			t.Errorf("nothing was pushed: %v", err)
		}
		used = 0.5
		p.cycle("") // nothing was passed over
		if _, err := p.Record(t.Context(), atoll.Key{Type: "item", ID: theirs}); err != nil {
			t.Errorf("with room again: %v", err)
		}
		p.shows(site.Green)
	})
}
