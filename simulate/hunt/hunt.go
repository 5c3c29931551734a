// Package hunt looks for lost, doubled and wrong records: it makes up stories of
// work and misfortune from a seed, plays them on a centre and its sites in one
// process, and holds the end to the laws.
//
// A [Story] is data: a seed, dials, and a list of steps. A step that is played
// draws everything it needs (which site, which record, where the line is cut) from
// a random source made of its own seed, and picks its targets from the state as it
// stands. So any step can be left out and the rest still means something, which is
// how a story that breaks a law is made short ([Shrink]).
//
// The same story is the same run, to the byte: everything happens on one goroutine,
// no clock of the machine is read, and all random numbers come from the story, also
// those that the program draws for itself (see [entropy]). [Result.Trace] is a hash
// over all of it.
//
// What can happen is in three tables: [Works], [Faults] and [Laws]. To add a kind,
// write it in a file of its subject and add its line to the table.
package hunt

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/atollsync/atoll/simulate"
)

// Story is one run, before it is played.
type Story struct {
	Seed   uint64         `json:"seed"`
	Sites  int            `json:"sites"`            // remote sites
	Engine string         `json:"engine,omitempty"` // of [Engines]; "" is the usual one
	Dials  map[string]int `json:"dials"`            // per cent of the chances of each fault; those left out are at zero
	Steps  []Step         `json:"steps"`
}

// Step is one thing that happens, by its kind in [Works] or, for a fault that is an
// event of its own, in [Faults].
type Step struct {
	Kind string `json:"kind"`
	Seed uint64 `json:"seed"`
	At   int    `json:"at"` // minutes since the story began
}

// Breach is one case of a law that does not hold.
type Breach = simulate.Breach

// Result is what became of a story.
type Result struct {
	Story    Story    `json:"story"`
	Breaches []Breach `json:"breaches,omitempty"`
	Trace    string   `json:"trace"`           // hash over everything that happened
	Lines    []string `json:"lines,omitempty"` // the story in words, one line for each step that did something
	Tally    Tally    `json:"tally"`
}

// Broke reports whether the law was broken.
func (r Result) Broke(law string) bool {
	return slices.ContainsFunc(r.Breaches, func(b Breach) bool { return b.Law == law })
}

// Laws returns the names of the laws that were broken, each once, in order.
func (r Result) Laws() []string {
	var out []string
	for _, b := range r.Breaches {
		out = append(out, b.Law)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Tally counts what was exercised.
type Tally struct {
	Work   map[string]Count `json:"work"`
	Faults map[string]int   `json:"faults"` // times that each struck, not times it might have
	Laws   map[string]int   `json:"laws"`   // things that were held against each
	// Refusals are changes that the story had refused, by the code of the reason.
	Refusals map[string]int `json:"refusals,omitempty"`
	// Types are operations in the journals, by the record's type.
	Types map[string]int `json:"types,omitempty"`
}

// Count is what became of the steps of one kind of work.
type Count struct {
	Done    int `json:"done"`
	Refused int `json:"refused"` // by a rule, or by the state of things: nothing was changed
	Idle    int `json:"idle"`    // there was nothing to do it with
}

// NewTally returns a tally with a zero for everything that there is, so that what
// was never exercised is seen.
func NewTally() Tally {
	t := Tally{Work: map[string]Count{}, Faults: map[string]int{}, Laws: map[string]int{}, Refusals: map[string]int{}, Types: map[string]int{}}
	for _, w := range Works() {
		t.Work[w.Name] = Count{}
	}
	for _, f := range Faults() {
		for _, name := range f.Counted() {
			t.Faults[name] = 0
		}
	}
	for _, l := range Laws() {
		t.Laws[l.Name] = 0
	}
	return t
}

// Add adds what another run exercised.
func (t Tally) Add(o Tally) {
	for name, c := range o.Work {
		sum := t.Work[name]
		t.Work[name] = Count{sum.Done + c.Done, sum.Refused + c.Refused, sum.Idle + c.Idle}
	}
	for name, n := range o.Faults {
		t.Faults[name] += n
	}
	for name, n := range o.Laws {
		t.Laws[name] += n
	}
	for code, n := range o.Refusals {
		t.Refusals[code] += n
	}
	for kind, n := range o.Types {
		t.Types[kind] += n
	}
}

// Play plays a story and holds its end to the laws. Only one story is played at a
// time in a process: a second call waits. The error tells of a story that cannot be
// played; what goes wrong inside one is a breach.
func Play(ctx context.Context, s Story) (Result, error) {
	release := entropy.take()
	defer release()
	w, err := begin(ctx, s)
	if err != nil {
		return Result{Story: s}, fmt.Errorf("seed %d: %w", s.Seed, err)
	}
	defer w.close()
	w.play()
	if !w.over {
		w.makePeace()
	}
	if !w.over {
		w.judge()
	}
	return Result{
		Story: s, Breaches: w.breaches, Trace: hex.EncodeToString(w.trace.sum()), Lines: w.lines, Tally: w.tally,
	}, nil
}

// start is the moment at which every story begins.
var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// Zeros returns what was never exercised, as "work x", "fault y" or "law z".
func (t Tally) Zeros() []string {
	var out []string
	for _, w := range Works() {
		if t.Work[w.Name].Done == 0 {
			out = append(out, "work "+w.Name)
		}
	}
	for _, f := range Faults() {
		for _, name := range f.Counted() {
			if t.Faults[name] == 0 {
				out = append(out, "fault "+name)
			}
		}
	}
	for _, l := range Laws() {
		if t.Laws[l.Name] == 0 {
			out = append(out, "law "+l.Name)
		}
	}
	return out
}
