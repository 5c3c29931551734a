package central

import (
	"time"

	"github.com/atollsync/atoll"
)

// Light says at a glance how a site stands, in the words that the site itself uses
// of its own (R-I-03).
type Light string

// The lights.
const (
	Green Light = "green" // in step
	Amber Light = "amber" // worth a look
	Red   Light = "red"   // long out of touch, or only a person can help
	Grey  Light = "grey"  // paused, closed, or not set up
)

// When silence becomes worth saying. Sites are islands: a day without a line is
// everyday life, a month is not (R-I-20).
const (
	silentAmber = 3 * 24 * time.Hour
	silentRed   = 30 * 24 * time.Hour
	clockAmber  = 5 * time.Minute
)

// Concern is one thing about a site that somebody should know. Its kind is stable,
// so that faces have words of their own for it.
type Concern struct {
	Kind  string     `json:"kind"`
	Light Light      `json:"light"`
	N     int        `json:"n,omitempty"`    // how many, or how long
	Code  atoll.Code `json:"code,omitempty"` // of what the site was last refused for
	Text  string     `json:"text,omitempty"` // in the words of who said it
}

// The kinds of concern.
const (
	ConcernClosed      = "closed"
	ConcernNew         = "new"          // never enrolled
	ConcernInit        = "initialising" // its first load is under way
	ConcernInitError   = "init_error"
	ConcernPaused      = "paused"
	ConcernLocked      = "locked" // too many wrong codes
	ConcernSilent      = "silent" // N days
	ConcernRefused     = "refused"
	ConcernQuarantined = "quarantined"
	ConcernUnresolved  = "unresolved"
	ConcernClock       = "clock" // N minutes
	ConcernKey         = "key"   // its key ends
)

// Condition says how the site stands and why: the concerns with the worst first.
// Without any it is green.
func (s *SiteStatus) Condition(now time.Time) (Light, []Concern) {
	st := &s.State
	var out []Concern
	add := func(c Concern) { out = append(out, c) }
	switch {
	case s.Disabled:
		return Grey, []Concern{{Kind: ConcernClosed, Light: Grey}}
	case st.Initialisation == InitNew:
		add(Concern{Kind: ConcernNew, Light: Grey})
	case st.Initialisation == InitError:
		add(Concern{Kind: ConcernInitError, Light: Red, Code: st.LastCode, Text: st.LastError})
	}
	silent := now.Sub(st.LastContact)
	if st.Initialisation != InitNew && !st.LastContact.IsZero() {
		switch days := int(silent / (24 * time.Hour)); {
		case silent >= silentRed:
			add(Concern{Kind: ConcernSilent, Light: Red, N: days})
		case silent >= silentAmber:
			add(Concern{Kind: ConcernSilent, Light: Amber, N: days})
		}
	}
	if st.LastCode != "" && st.LastCode != atoll.Paused && stopped(st.LastCode) && st.Initialisation != InitError {
		add(Concern{Kind: ConcernRefused, Light: Red, Code: st.LastCode, Text: st.LastError})
	}
	if now.Before(st.LockedUntil) {
		add(Concern{Kind: ConcernLocked, Light: Amber})
	}
	if s.Quarantined > 0 {
		add(Concern{Kind: ConcernQuarantined, Light: Amber, N: s.Quarantined})
	}
	if st.Errors > 0 {
		add(Concern{Kind: ConcernUnresolved, Light: Amber, N: st.Errors})
	}
	if ahead := st.ClockAhead.Abs(); ahead > clockAmber {
		add(Concern{Kind: ConcernClock, Light: Amber, N: int(ahead / time.Minute)})
	}
	if !st.KeyUntil.IsZero() {
		add(Concern{Kind: ConcernKey, Light: Amber})
	}
	if st.Initialisation == InitStarted {
		add(Concern{Kind: ConcernInit, Light: Grey})
	}
	if st.Paused != "" {
		add(Concern{Kind: ConcernPaused, Light: Grey, Text: st.Paused})
	}
	return worst(out), sorted(out)
}

func severity(l Light) int {
	switch l {
	case Red:
		return 0
	case Amber:
		return 1
	case Grey:
		return 2
	case Green:
	}
	return 3
}

func worst(list []Concern) Light {
	light := Green
	for _, c := range list {
		if severity(c.Light) < severity(light) {
			light = c.Light
		}
	}
	return light
}

func sorted(list []Concern) []Concern {
	var out []Concern
	for _, light := range []Light{Red, Amber, Grey} {
		for _, c := range list {
			if c.Light == light {
				out = append(out, c)
			}
		}
	}
	return out
}

// Worse reports whether one light asks for attention before another.
func (l Light) Worse(than Light) bool { return severity(l) < severity(than) }
