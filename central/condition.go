package central

import (
	"cmp"
	"slices"
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
	sum := s.Summary()
	return sum.Light(now), sum.Concerns(now)
}

// Light is how the site stands.
func (s *SiteSummary) Light(now time.Time) Light {
	worst := Green
	s.concerns(now, func(c Concern) {
		if c.Light.Compare(worst) < 0 {
			worst = c.Light
		}
	})
	return worst
}

// Concerns says why it stands so, the worst first.
func (s *SiteSummary) Concerns(now time.Time) (out []Concern) {
	s.concerns(now, func(c Concern) { out = append(out, c) })
	slices.SortStableFunc(out, func(a, b Concern) int { return a.Light.Compare(b.Light) })
	return out
}

// Has reports whether there is a concern of the kind.
func (s *SiteSummary) Has(kind string, now time.Time) (has bool) {
	s.concerns(now, func(c Concern) { has = has || c.Kind == kind })
	return has
}

func (s *SiteSummary) concerns(now time.Time, add func(Concern)) {
	st := s.State
	switch {
	case s.Disabled:
		add(Concern{Kind: ConcernClosed, Light: Grey})
		return
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
}

// Compare puts lights in order, the one that asks for attention first.
func (l Light) Compare(with Light) int { return cmp.Compare(l.severity(), with.severity()) }

func (l Light) severity() int {
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

// Urgency is the place in a list that begins with the worst: by light, and of equal ones
// by who was not heard for the longest time. It holds no pointers: tens of thousands are
// sorted.
type Urgency struct {
	severity int
	second   int64
	nano     int
}

// UrgencyOf is the urgency of who shows this light and was last heard then.
func UrgencyOf(l Light, heard time.Time) Urgency {
	return Urgency{l.severity(), heard.Unix(), heard.Nanosecond()}
}

// Compare puts the more urgent first.
func (u Urgency) Compare(with Urgency) int {
	return cmp.Or(cmp.Compare(u.severity, with.severity), cmp.Compare(u.second, with.second), cmp.Compare(u.nano, with.nano))
}
