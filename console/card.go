package console

import (
	"time"

	"github.com/atollsync/atoll/site"
)

// card is how synchronisation stands, put so that each reader's language can say
// it. The engine chooses the light; the words are ours.
type card struct {
	site.Status
	State    string // the key of the headline, and of what it means
	Upto     saying // up to when head office has everything
	Off      saying // may this device be switched off?
	Steps    []step // of the cycle under way
	Part     int    // of the step, in percent; -1 when nobody knows
	Left     time.Duration
	Troubles []trouble
}

// step is one step of a cycle: "done", "now" or "next".
type step struct{ Key, State string }

// trouble is one thing that is worth knowing: what, and what to do.
type trouble struct {
	Light  site.Light
	What   saying
	Do     saying
	Detail string // in English, from the engines
	Link   string // where more is told
}

// The steps of a cycle in their order (R-I-04).
var stepNames = []string{"prepare", "push", "pull", "integrate", "process"}

// cardOf puts a status into a card. Oldest holds what waits, the oldest first.
func cardOf(st site.Status, oldest []site.Unsent, now time.Time) card {
	c := card{Status: st, Part: -1}
	c.State = "state." + c.state()
	c.Off = saying{Key: "off.yes"}
	switch {
	case st.State != site.Ready:
		c.Off = saying{Key: "off.setup"}
	case st.Running:
		c.Off = saying{Key: "off.running"}
	case st.Waiting > 0:
		c.Off = saying{Key: "off.waiting", Args: []any{"n", st.Waiting}}
	}
	switch {
	case st.LastSuccess.IsZero():
		c.Upto = saying{Key: "upto.never"}
	case st.Waiting == 0:
		c.Upto = saying{Key: "upto.all"}
	case len(oldest) > 0:
		c.Upto = saying{Key: "upto.time", Args: []any{"time", oldest[0].Time}}
	}
	if st.Running {
		c.running(now)
	}
	c.troubles(now)
	return c
}

func (c *card) state() string {
	switch {
	case c.Status.State == site.Unenrolled:
		return "new"
	case c.Status.State == site.Initialising:
		return "initialising"
	case c.Settings.Disabled:
		return "disabled"
	case c.Settings.Paused:
		return "paused"
	case c.Running:
		return "running"
	case c.Light == site.Green && c.Waiting > 0:
		return "ahead"
	}
	return string(c.Light)
}

// running tells how far the cycle is, and how long its step will take by how long
// it took so far.
func (c *card) running(now time.Time) {
	state := "done"
	for _, name := range stepNames {
		if name == c.Progress.Step {
			state = "now"
		}
		c.Steps = append(c.Steps, step{Key: "step." + name, State: state})
		if state == "now" {
			state = "next"
		}
	}
	p := c.Progress
	if p.Total <= 0 || p.Done > p.Total {
		return
	}
	c.Part = int(100 * p.Done / p.Total)
	if took := now.Sub(c.StepBegan); p.Done > 0 && took > 2*time.Second {
		c.Left = time.Duration(float64(took) * float64(p.Total-p.Done) / float64(p.Done))
	}
}

// troubles lists what is worth knowing, the worst first.
func (c *card) troubles(now time.Time) {
	st := c.Status
	add := func(light site.Light, key, link string, args ...any) {
		c.Troubles = append(c.Troubles, trouble{Light: light, What: saying{key, args}, Do: saying{Key: key + ".do"}, Link: link})
	}
	silent := now.Sub(st.LastSuccess)
	if st.LastCode != "" {
		light := site.Amber
		if !site.Passing(st.LastCode) {
			light = site.Red
		}
		c.Troubles = append(c.Troubles, trouble{
			Light: light, What: saying{Key: "code." + string(st.LastCode)}, Do: saying{Key: "code." + string(st.LastCode) + ".do"}, Detail: st.LastError,
		})
	}
	if st.State != site.Ready {
		return
	}
	if silent > 24*time.Hour && !st.Settings.Disabled && !st.Settings.Paused {
		light := site.Amber
		if silent > 72*time.Hour {
			light = site.Red
		}
		add(light, "trouble.silent", "", "n", int(silent/(24*time.Hour)))
	}
	if st.Refused > 0 {
		add(site.Amber, "trouble.refused", "/sync#refused", "n", st.Refused)
	}
	if st.Moving != "" {
		add(site.Amber, "trouble.moving", "")
		c.Troubles[len(c.Troubles)-1].Detail = st.Moving
	}
	if st.NewKey {
		add(site.Amber, "trouble.key", "")
	}
	if st.Unresolved > 0 {
		add(site.Amber, "trouble.unresolved", "", "n", st.Unresolved)
	}
	if ahead := st.ClockAhead.Abs(); ahead > 5*time.Minute {
		add(site.Amber, "trouble.clock", "", "n", int(ahead/time.Minute))
	}
	if st.DiskUsed >= 0.8 {
		add(site.Amber, "trouble.disk", "", "n", int(st.DiskUsed*100))
	}
	if st.RulesDiffer {
		add(site.Grey, "trouble.rules", "")
	}
}
