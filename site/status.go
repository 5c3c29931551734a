package site

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
)

// Light is the one light a person looks at.
type Light string

// The lights (R-I-03, R-L-07).
const (
	Green Light = "green" // in step
	Amber Light = "amber" // something waits longer than it should, or is refused
	Red   Light = "red"   // long out of touch, or only a person can help
	Grey  Light = "grey"  // paused, or not set up
)

// When waiting becomes worth saying.
const (
	amberAfter = 24 * time.Hour
	redAfter   = 3 * 24 * time.Hour
)

// Status is how the site stands, for people first.
type Status struct {
	Light Light `json:"light"`
	// Words is the status in one sentence; Advice what to do, if anything.
	Words  string `json:"words"`
	Advice string `json:"advice,omitempty"`

	Site        atoll.SiteID  `json:"site"`
	State       State         `json:"state"`
	Running     bool          `json:"running"`
	Progress    Progress      `json:"progress,omitzero"`
	Began       time.Time     `json:"began,omitzero"` // of the cycle under way
	StepBegan   time.Time     `json:"step_began,omitzero"`
	BytesOut    int64         `json:"bytes_out,omitempty"`
	BytesIn     int64         `json:"bytes_in,omitempty"`
	Waiting     uint64        `json:"waiting"`    // changes the centre does not have yet
	Unresolved  int           `json:"unresolved"` // received records that could not be taken yet
	Refused     int           `json:"refused"`    // changes in quarantine at the centre
	LastSuccess time.Time     `json:"last_success,omitzero"`
	LastTry     time.Time     `json:"last_try,omitzero"`
	Duration    float64       `json:"last_duration_seconds,omitempty"`
	LastCode    atoll.Code    `json:"last_code,omitempty"`
	LastError   string        `json:"last_error,omitempty"`
	AsOf        time.Time     `json:"as_of,omitzero"` // data from elsewhere is as of then (R-L-15)
	ClockAhead  time.Duration `json:"clock_ahead,omitempty"`
	Percent     int           `json:"percent,omitempty"`      // of initialisation
	RulesDiffer bool          `json:"rules_differ,omitempty"` // R-K-67
	Moving      string        `json:"moving,omitempty"`       // why stores here cannot be worked in, in words (R-H-31)
	NewKey      bool          `json:"new_key,omitempty"`      // head office asks for a new key of this site (R-H-46)
	Differing   int           `json:"differing,omitempty"`    // records that are not as head office has them, and were not repaired (R-M-02)
	Settings    Settings      `json:"settings"`
	DiskUsed    float64       `json:"disk_used,omitempty"`
}

// Status returns how the site stands now.
func (s *Site) Status(ctx context.Context) (Status, error) {
	var st Status
	err := s.Store.View(ctx, func(r storage.Reader) error {
		l, err := loadLink(r)
		if err != nil {
			return err
		}
		set, err := loadSettings(r)
		if err != nil {
			return err
		}
		head, err := r.Head(s.Door.Site)
		if err != nil {
			return err
		}
		staged, err := r.CountStaged()
		if err != nil {
			return err
		}
		st = Status{
			Site: s.Door.Site, State: l.State, Waiting: head.Seq - l.Acknowledged.Seq, Unresolved: staged[integrate.LaneWaiting],
			Refused: l.OpenRefusals, LastSuccess: l.LastSuccess, LastTry: l.LastTry, Duration: l.LastDuration,
			LastCode: l.LastCode, LastError: l.LastError, AsOf: l.LastSuccess, Settings: set,
			ClockAhead:  time.Duration(l.ClockAhead) * time.Millisecond,
			RulesDiffer: l.RuleHash != "" && l.RuleHash != s.Door.Judge.Catalogue.Hash(),
		}
		if st.Moving, err = s.moving(r); err != nil {
			return err
		}
		if l.State == Initialising && l.Head > 0 {
			st.Percent = int(min(99, 100*l.Cursor/l.Head))
		}
		st.Advice, st.NewKey, st.Differing = l.LastHint, l.Rekey, l.Differing
		return nil
	})
	if err != nil {
		return st, err
	}
	out, in := s.count()
	s.mu.Lock()
	if st.Running, st.Progress = s.running, s.now; st.Running {
		st.Began, st.StepBegan, st.BytesOut, st.BytesIn = s.began, s.stepped, out-s.out, in-s.in
	}
	s.mu.Unlock()
	if s.DiskUsed != nil {
		st.DiskUsed = s.DiskUsed()
	}
	st.say(s.Now())
	return st, nil
}

// moving says why stores that are active here cannot be worked in.
func (s *Site) moving(r storage.Reader) (string, error) {
	t, err := s.Door.Topology(r)
	if err != nil {
		return "", err
	}
	var out []string
	for _, m := range t.Moves() {
		if st, ok := t.Store(m.Store); ok && st.Site == s.Door.Site {
			out = append(out, handover.Locked(t, m).Message)
		}
	}
	return strings.Join(out, "; "), nil
}

// say puts the status into words a pharmacist understands, and chooses the light.
func (st *Status) say(now time.Time) {
	silent := now.Sub(st.LastSuccess)
	last := "has never exchanged with head office"
	if !st.LastSuccess.IsZero() {
		last = "last exchanged " + Ago(silent) + " ago"
	}
	waiting := "nothing waiting"
	if st.Waiting > 0 {
		waiting = fmt.Sprintf("%d %s waiting to be sent", st.Waiting, plural(st.Waiting, "change", "changes"))
	}
	st.Light, st.Words = Green, last+", "+waiting
	switch {
	case st.State == Unenrolled:
		st.Light, st.Words, st.Advice = Grey, "not connected to a head office yet", "enrol with: atoll enrol"
		return
	case st.State == Initialising:
		st.Light = Grey
		st.Words = fmt.Sprintf("receiving this site's data for the first time, %d %% done; not usable yet", st.Percent)
		if st.LastCode != "" {
			st.Light, st.Words = Amber, st.Words+"; interrupted: "+st.LastError
		}
		return
	case st.Settings.Disabled:
		st.Light, st.Words = Grey, "synchronisation is disabled"+because(st.Settings)+"; "+waiting
		st.Advice = "work is kept here; enable it with: atoll sync --enable"
		return
	case st.Settings.Paused:
		st.Light, st.Words = Grey, "synchronisation is paused"+because(st.Settings)+"; "+waiting
		st.Advice = "work is kept here; resume with: atoll sync --resume"
		return
	case st.Running:
		st.Words = "exchanging now: " + st.Progress.Step
	case st.LastCode != "" && !Passing(st.LastCode):
		st.Light, st.Words = Red, st.LastError+"; "+last+", "+waiting
		return
	}
	switch {
	case silent >= redAfter:
		st.Light = Red
		st.Advice = "get this computer on the internet for an hour; work goes on meanwhile"
	case silent >= amberAfter:
		st.Light = Amber
		st.Advice = "check the internet connection; work goes on meanwhile"
	case st.LastCode != "":
		st.Words += "; head office cannot be reached just now: " + st.LastError
	}
	if st.Refused > 0 {
		st.worth()
		st.Words += fmt.Sprintf("; %d %s not accepted by head office", st.Refused, plural(uint64(st.Refused), "change was", "changes were"))
		st.Advice = "see why with: atoll quarantine list"
	}
	if st.NewKey {
		st.worth()
		st.Words += "; head office asks for a new key of this site"
		st.Advice = "ask head office for a ticket, then: atoll enrol TICKET; work goes on meanwhile"
	}
	if st.Moving != "" {
		st.worth()
		st.Words += "; " + st.Moving
	}
	if st.Unresolved > 0 {
		st.worth()
		st.Words += fmt.Sprintf("; %d received %s not be taken yet", st.Unresolved, plural(uint64(st.Unresolved), "record could", "records could"))
	}
	if st.Differing > 0 {
		st.worth()
		st.Words += fmt.Sprintf("; %d %s not as head office has %s", st.Differing, plural(uint64(st.Differing), "record is", "records are"), plural(uint64(st.Differing), "it", "them"))
		st.Advice = "see which, and have them repaired, with: atoll verify"
	}
	if st.ClockAhead.Abs() > 5*time.Minute {
		st.worth()
		st.Words += "; this computer's clock is off by " + Ago(st.ClockAhead.Abs())
	}
	if st.DiskUsed >= 0.8 {
		st.worth()
		st.Words += fmt.Sprintf("; the disk is %d %% full", int(st.DiskUsed*100))
		if st.DiskUsed >= diskFullAt {
			st.Words += ", so nothing more is received"
		}
	}
}

// worth turns a green light amber: something is worth a look.
func (st *Status) worth() {
	if st.Light == Green {
		st.Light = Amber
	}
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Ago says a duration as people do: "12 minutes", "3 days".
func Ago(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "a moment"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
