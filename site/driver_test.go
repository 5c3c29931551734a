package site_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/site"
)

// TestR_K_41: the counters of records are in central (ten attempts, then a
// person's); files have none, as none travel in this version.
func TestR_K_41_Backoff(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second, 7: 320 * time.Second, 8: 10 * time.Minute, 500: 10 * time.Minute,
	} {
		if got := site.Backoff(failures, 10*time.Minute); got != want {
			t.Errorf("after %d failures: %s; want %s", failures, got, want)
		}
	}
	if got := site.Backoff(1, 2*time.Second); got != 2*time.Second {
		t.Errorf("with an interval of 2 s: %s", got)
	}
	in(t, func(t *testing.T, p *post) {
		p.set(func() { p.offline = true })
		pass(3 * time.Hour)
		want := 5 * time.Second
		jittered := false
		for i := 1; i < len(p.began); i++ {
			gap := p.began[i].Sub(p.began[i-1])
			if gap < want*8/10 || gap > want*12/10 {
				t.Errorf("try %d came %s after the one before; want about %s", i+1, gap, want)
			}
			jittered = jittered || gap != want
			want = min(2*want, site.DefaultInterval)
		}
		if len(p.began) < 20 || !jittered {
			t.Errorf("%d tries in three hours, jitter %t", len(p.began), jittered)
		}
		// What only a person can mend is not hurried.
		p.set(func() { p.offline, p.fail, p.began = false, atoll.SiteDevice, nil })
		pass(2 * time.Hour)
		for i := 2; i < len(p.began); i++ {
			if gap := p.began[i].Sub(p.began[i-1]); gap < 8*time.Minute {
				t.Errorf("a refused site came again after %s", gap)
			}
		}
		// Success forgets the failures.
		p.set(func() { p.fail = "" })
		pass(13 * time.Minute)
		if st := p.status(); st.LastCode != "" {
			t.Errorf("still failing: %s", st.LastError)
		}
		p.set(func() { p.offline, p.began = true, nil })
		pass(13*time.Minute + 8*time.Second)
		if n := p.count(); n < 2 {
			t.Errorf("%d tries; the first failure after a success waits 5 s again", n)
		}
	})
}

// TestR_K_40: who is asked to wait waits so long, whatever the code and whatever
// changes here meanwhile, but never for more than an hour and a bit; a person need
// not wait. A shorter wait than one's own changes nothing.
func TestR_K_40_AskedToWait(t *testing.T) {
	in(t, func(t *testing.T, p *post) {
		for _, c := range []struct {
			code        atoll.Code
			after       time.Duration
			least, most time.Duration
		}{
			{atoll.Busy, 3 * time.Minute, 3 * time.Minute, 216 * time.Second},
			{atoll.Busy, time.Second, 8 * time.Second, 12 * time.Second}, // its own wait after two failures
			{atoll.Unavailable, 30 * time.Minute, 30 * time.Minute, 36 * time.Minute},
			{atoll.Unavailable, 24 * time.Hour, time.Hour, 72 * time.Minute},
			{atoll.Paused, 40 * time.Minute, 40 * time.Minute, 48 * time.Minute},
			{atoll.Paused, time.Minute, 8 * time.Minute, 12 * time.Minute}, // the usual interval
		} {
			p.set(func() { p.fail = "" })
			p.Site.SyncSoon()
			pass(time.Second) // a success forgets failures
			p.set(func() { p.fail, p.after, p.began = c.code, c.after, nil })
			p.Site.SyncSoon()
			pass(time.Second)
			p.Site.SyncSoon() // by hand it goes at once
			pass(time.Second)
			if p.count() != 2 {
				t.Fatalf("%s: %d exchanges by hand", c.code, p.count())
			}
			p.set(func() { p.fail, p.began = "", p.began[1:] })
			if c.after >= c.least { // a change does not hurry it
				p.item(p.Node, string(c.code)+c.after.String())
			}
			pass(2 * time.Hour)
			if gap := p.began[1].Sub(p.began[0]); gap < c.least || gap > c.most {
				t.Errorf("%s, asked for %s: came again after %s; want %s to %s", c.code, c.after, gap, c.least, c.most)
			}
		}
	})
}

// TestR_K_30: an event asks for a sync soon, and carries nothing itself.
func TestR_K_30_EventsTrigger(t *testing.T) {
	in(t, func(t *testing.T, p *post) {
		pass(2 * time.Second) // the one at the start
		before := p.count()
		var last atoll.ID
		for _, code := range strings.Split("abcdefghij", "") {
			last, _ = p.item(p.Node, code)
			pass(100 * time.Millisecond)
		}
		if n := p.count() - before; n != 0 {
			t.Errorf("%d exchanges while the user types", n)
		}
		pass(2 * time.Second)
		if n := p.count() - before; n != 1 {
			t.Errorf("%d exchanges for ten changes in a second; want one", n)
		}
		if _, err := p.Fleet.Centre.Record(t.Context(), atoll.Key{Type: "location", ID: last}); err != nil {
			t.Errorf("what changed is not at the centre: %v", err)
		}
		for range 30 {
			p.Site.Nudge() // with nothing behind it
		}
		pass(3 * time.Second)
		if st := p.status(); st.Waiting != 0 {
			t.Errorf("%d changes wait", st.Waiting)
		}

		// Neither a dead network nor a hanging one makes a user wait, or fail.
		p.set(func() { p.offline = true })
		if _, took := p.item(p.Node, "dead network"); took != 0 {
			t.Errorf("with a dead network the edit took %s", took)
		}
		hold := make(chan struct{})
		p.set(func() { p.offline, p.hold = false, hold })
		pass(time.Hour)
		if !p.status().Running {
			t.Fatal("no cycle hangs")
		}
		if _, took := p.item(p.Node, "hanging network"); took != 0 {
			t.Errorf("with a hanging exchange the edit took %s", took)
		}
		if st := p.status(); st.Waiting != 2 {
			t.Errorf("%d changes wait; want 2", st.Waiting)
		}
		p.set(func() { p.hold = nil })
		close(hold)
		pass(site.DefaultInterval * 2)
		if st := p.status(); st.Waiting != 0 {
			t.Errorf("%d changes wait after it", st.Waiting)
		}
	})
}

// TestR_K_34: what is asked for by hand, by a change and by the clock goes
// through one driver.
func TestR_K_34_R_I_09_OneQueue(t *testing.T) {
	in(t, func(t *testing.T, p *post) {
		hold := make(chan struct{})
		p.set(func() { p.hold = hold })
		pass(2 * time.Second)
		before := p.count()
		if before != 1 || !p.status().Running {
			t.Fatalf("%d exchanges, running %t", before, p.status().Running)
		}
		for range 5 {
			p.Site.SyncSoon()
			pass(20 * time.Minute) // the clock would have two of its own
		}
		if p.count() != before {
			t.Errorf("%d exchanges began while one was under way", p.count()-before)
		}
		ended := make(chan error, 3)
		for range cap(ended) { // other faces ask, directly
			go func() {
				_, err := p.Site.Cycle(t.Context())
				ended <- err
			}()
		}
		p.set(func() { p.hold = nil })
		close(hold)
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		pass(time.Second)
		if n := p.count() - before; n != 4 {
			t.Errorf("%d exchanges followed; want the three, and one for all that was queued", n)
		}
		if p.most != 1 {
			t.Errorf("%d exchanges at once", p.most)
		}
	})
}

// TestR_I_09 asks by hand while nothing else would run.
func TestR_I_09_OneMoreNotSeveral(t *testing.T) {
	in(t, func(t *testing.T, p *post) {
		p.configure(func(s *site.Settings) { s.Paused = true })
		pass(time.Hour)
		before := p.count()
		hold := make(chan struct{})
		p.set(func() { p.hold = hold })
		p.Site.SyncSoon()
		pass(0)
		for range 5 {
			p.Site.SyncSoon()
		}
		p.set(func() { p.hold = nil })
		close(hold)
		pass(time.Hour)
		if n := p.count() - before; n != 2 {
			t.Errorf("%d exchanges; want the one that ran and one more", n)
		}
	})
}

// TestR_I_07: an interval of nothing is refused, with the advice to pause, which
// is what the older product meant by it. Who may change settings is the faces'
// to ask.
func TestR_I_07_Schedule(t *testing.T) {
	in(t, func(t *testing.T, p *post) {
		gaps := func() (out []time.Duration) {
			for i := 1; i < len(p.began); i++ {
				out = append(out, p.began[i].Sub(p.began[i-1]))
			}
			return out
		}
		pass(3 * time.Hour)
		for _, gap := range gaps()[1:] {
			if gap < 8*time.Minute || gap > 12*time.Minute {
				t.Errorf("without settings a cycle came after %s; want about ten minutes", gap)
			}
		}
		p.configure(func(s *site.Settings) { s.Interval = time.Minute })
		pass(3 * time.Second) // at once, not after the ten minutes
		p.set(func() { p.began = nil })
		pass(30 * time.Minute)
		if got := gaps(); len(got) < 24 || slices.Max(got) > 72*time.Second || slices.Min(got) < 48*time.Second {
			t.Errorf("with an interval of a minute: %v", got)
		}
		err := p.Site.Configure(t.Context(), "tester", func(s *site.Settings) { s.Interval = -1 })
		if !errors.Is(err, atoll.Invalid) || !strings.Contains(err.Error(), "pause to stop") {
			t.Errorf("an impossible interval: %v", err)
		}
		p.configure(func(s *site.Settings) { s.Paused, s.Reason = true, "counting the airtime" })
		pass(time.Minute)
		before := p.count()
		p.item(p.Node, "while paused")
		pass(24 * time.Hour)
		if n := p.count() - before; n != 0 {
			t.Errorf("%d exchanges while paused", n)
		}
		for range 2 { // shown as long as it lasts
			st := p.status()
			if st.Light != site.Grey || !strings.Contains(st.Words, "paused (counting the airtime); 1 change waiting") {
				t.Errorf("%s: %s", st.Light, st.Words)
			}
			pass(100 * time.Hour)
		}
		if set := p.status().Settings; set.By != "tester" || set.Since.IsZero() {
			t.Errorf("who paused: %q since %s", set.By, set.Since)
		}
		p.Site.SyncSoon() // by hand it still works
		pass(time.Second)
		if st := p.status(); st.Waiting != 0 || p.count() == before {
			t.Errorf("by hand while paused: %d exchanges, %d waiting", p.count()-before, st.Waiting)
		}
		p.configure(func(s *site.Settings) { s.Paused, s.Reason = false, "" })
		before = p.count()
		pass(5 * time.Second)
		if p.count() != before+1 {
			t.Errorf("resumed, %d exchanges at once", p.count()-before)
		}
	})
}

func TestR_I_08_DisableAndPauseCapture(t *testing.T) {
	in(t, func(t *testing.T, p *post) {
		pass(2 * time.Second)
		for _, off := range []func(*site.Settings){
			func(s *site.Settings) { s.Disabled, s.Reason = true, "moving house" },
			func(s *site.Settings) { s.Paused, s.Reason = true, "" },
		} {
			p.configure(off)
			pass(time.Minute)
			before := p.count()
			id, _ := p.item(p.Node, "kept "+time.Now().String())
			pass(48 * time.Hour)
			if st := p.status(); st.Waiting != 1 || p.count() != before {
				t.Errorf("%d changes wait, %d exchanges", st.Waiting, p.count()-before)
			}
			if p.status().Settings.Disabled {
				p.Site.SyncSoon()
				pass(time.Hour)
				_, err := p.Site.Cycle(t.Context())
				if !errors.Is(err, atoll.Paused) || !strings.Contains(err.Error(), "moving house") || p.count() != before {
					t.Errorf("a sync by hand while disabled: %v, %d exchanges", err, p.count()-before)
				}
				if st := p.status(); st.Light != site.Grey || !strings.Contains(st.Words, "disabled") {
					t.Errorf("%s: %s", st.Light, st.Words)
				}
			}
			p.configure(func(s *site.Settings) { s.Disabled, s.Paused, s.Reason = false, false, "" })
			pass(time.Minute)
			if _, err := p.Fleet.Centre.Record(t.Context(), atoll.Key{Type: "location", ID: id}); err != nil {
				t.Errorf("what was captured did not arrive: %v", err)
			}
		}
	})
}

// TestR_L_03: nobody touches anything when the network is back.
func TestR_L_03_ByItself(t *testing.T) {
	in(t, func(t *testing.T, p *post) {
		p.set(func() { p.offline = true })
		pass(50 * time.Hour)
		var mine []atoll.ID
		for _, code := range []string{"1", "2", "3"} {
			id, _ := p.item(p.Node, code)
			mine = append(mine, id)
		}
		theirs, _ := p.item(p.Fleet.Centre, "theirs")
		pass(time.Hour)
		if st := p.status(); st.Waiting != 3 || st.Light != site.Amber {
			t.Errorf("%d wait, light %s (%s)", st.Waiting, st.Light, st.Words)
		}
		p.set(func() { p.offline = false })
		pass(site.DefaultInterval * 12 / 10) // one interval, at its longest
		for _, id := range mine {
			if _, err := p.Fleet.Centre.Record(t.Context(), atoll.Key{Type: "location", ID: id}); err != nil {
				t.Errorf("an offline change did not arrive: %v", err)
			}
		}
		if _, err := p.Record(t.Context(), atoll.Key{Type: "item", ID: theirs}); err != nil {
			t.Errorf("the others' change did not come: %v", err)
		}
		st := p.status()
		if st.Light != site.Green || st.Waiting != 0 || !strings.Contains(st.Words, "nothing waiting") {
			t.Errorf("%s: %s", st.Light, st.Words)
		}
		log, err := p.Site.SyncLog(t.Context(), 3)
		if err != nil || !slices.ContainsFunc(log, func(c site.Cycle) bool { return c.Applied == 3 && c.Received > 0 && c.Code == "" }) {
			t.Errorf("the sync log shows %+v, %v", log, err)
		}
	})
}
