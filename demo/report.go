package demo

import "time"

// Verdict is what became of a scenario.
type Verdict string

// The verdicts.
const (
	Held      Verdict = "held"
	NotHeld   Verdict = "NOT HELD"
	Absent    Verdict = "not in this version"
	Elsewhere Verdict = "with --mirrored"
)

// Step is one line of a scenario's story.
type Step struct {
	Place string `json:"place,omitempty"` // Centre, Site 2, Sync 2
	Text  string `json:"text"`
	Fact  bool   `json:"fact"` // it was looked up, not done
	OK    bool   `json:"ok"`
}

// Result is what became of one scenario.
type Result struct {
	ID      string  `json:"id"`
	Part    string  `json:"part"` // of the programme
	Title   string  `json:"title"`
	Verdict Verdict `json:"verdict"`
	// Why says what was not as it should be, or why it was not played.
	Why []string `json:"why,omitempty"`
	// Note says which part of it is not in this version.
	Note    string  `json:"note,omitempty"`
	Checks  int     `json:"checks"` // facts that were looked up
	Seconds float64 `json:"seconds"`
	Steps   []Step  `json:"steps,omitempty"`
}

// Report is what a run of the demo found.
type Report struct {
	Fixture   string    `json:"fixture"`
	Seed      uint64    `json:"seed"`
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"`
	Scenarios []Result  `json:"scenarios"`
	Held      int       `json:"held"`
	NotHeld   int       `json:"not_held"`
	Absent    int       `json:"not_in_this_version"`
	Elsewhere int       `json:"with_mirrored"`
	Checks    int       `json:"checks"`
	Summary   Summary   `json:"summary"`
	Servers   []Address `json:"servers,omitempty"`
}

// Address is a server that is up, and how to sign in.
type Address struct {
	Site     int      `json:"site"`
	Name     string   `json:"name"`
	Stores   []string `json:"stores,omitempty"`
	URL      string   `json:"url"`
	Data     string   `json:"data"`
	User     string   `json:"user"`
	Password string   `json:"password"`
}

func (r *Report) count() {
	for _, s := range r.Scenarios {
		r.Checks += s.Checks
		switch s.Verdict {
		case Held:
			r.Held++
		case NotHeld:
			r.NotHeld++
		case Absent:
			r.Absent++
		case Elsewhere:
			r.Elsewhere++
		}
	}
}

// Well reports whether everything that was played held, and the databases agree.
func (r *Report) Well() bool { return r.NotHeld == 0 && r.Summary.Well() }
