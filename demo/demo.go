// Package demo is the worked example, played for people: a centre, two remote
// sites and six stores (with Mirrored, a third site as the primary, and a seventh
// store), each installation a server of its own on this machine, enrolled by
// tickets and synchronised over HTTP like any other.
//
// It plays the scenarios of the acceptance list against these servers, tells in
// plain words who did what and what travelled where, and looks into the databases
// of owners and replicas to see whether each scenario held. Nothing in it is
// taken on trust: a sentence about the end of a scenario is printed as true only
// after it was found to be so.
//
// A scenario is a function on a stage, in the file of its group (store_a.go …);
// its line in scenarios puts it into the programme.
package demo

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// Options say how to play. The zero value plays F1 with built-in data and tells
// nothing.
type Options struct {
	// Dir is where the data directories are made, and stay; "" makes them in a
	// temporary directory that is removed at the end.
	Dir string
	// Capture is the file of a capture of another system's data: its items are used
	// in place of the built-in ones.
	Capture string
	// Mirrored plays F2: the primary is a remote site.
	Mirrored bool
	// Only lists the scenarios to play; all if empty.
	Only []string
	// Seed drives everything that is drawn: stock, where lines are cut, the order
	// of syncs.
	Seed uint64
	// Out is where the story is told; nil tells nothing. Colour marks verdicts.
	Out    io.Writer
	Colour bool
	// LeaveOut is a site whose syncs are left out of the scenarios, to see that a
	// fault is noticed; 0 for none.
	LeaveOut atoll.SiteID
	App      string       // program version
	Log      *slog.Logger // of the servers
	Now      func() time.Time
}

// Demo is a system that is up.
type Demo struct {
	Options
	world *world
	told  *teller
	made  bool // the directory is temporary
}

// Start builds the fixture and leaves its servers up, their schedules paused. It
// fails with atoll.NotFound when Only names a scenario that there is not.
func Start(ctx context.Context, o Options) (_ *Demo, err error) {
	for i, id := range o.Only {
		o.Only[i] = strings.ToUpper(strings.TrimSpace(id))
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.id == o.Only[i] }) {
			return nil, atoll.Errorf(atoll.NotFound, "there is no scenario %q", id).Do("they are listed by: atoll demo --list")
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	d := &Demo{Options: o, told: &teller{out: o.Out, colour: o.Colour}}
	if d.Dir == "" {
		if d.Dir, err = os.MkdirTemp("", "atoll-demo-"); err != nil {
			return nil, err
		}
		d.made = true
	} else if entries, err := os.ReadDir(d.Dir); err == nil && len(entries) > 0 {
		return nil, atoll.Errorf(atoll.Exists, "%s is not empty", d.Dir).Do("name an empty directory with --dir")
	}
	if d.world, err = build(ctx, d.Options, d.told); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close ends the servers and removes temporary data.
func (d *Demo) Close() error {
	var err error
	if d.world != nil {
		err = d.world.close()
	}
	if d.made {
		err = errors.Join(err, os.RemoveAll(d.Dir))
	}
	return err
}

// Play plays the scenarios, tells them, and returns what was found. The error is
// for what kept it from playing on; a scenario that does not hold is no error.
func (d *Demo) Play(ctx context.Context) (*Report, error) {
	w := d.world
	report := &Report{Fixture: "F1", Seed: d.Seed, Started: d.Now()}
	if d.Mirrored {
		report.Fixture = "F2"
	}
	begin := d.Now()
	for i, s := range scenarios {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		if len(d.Only) > 0 && !slices.Contains(d.Only, s.id) {
			continue
		}
		if s.lasting && !w.checked {
			if err := w.judge(ctx); err != nil {
				return report, err
			}
		}
		report.Scenarios = append(report.Scenarios, d.play(ctx, i, s))
	}
	if err := ctx.Err(); err != nil {
		return report, err
	}
	if !w.checked {
		if err := w.judge(ctx); err != nil {
			return report, err
		}
	}
	slices.SortStableFunc(report.Scenarios, func(a, b Result) int { return number(a.ID) - number(b.ID) })
	w.clock.catchUp()
	var err error
	if report.Summary, err = w.summarise(ctx); err != nil {
		return report, err
	}
	report.Seconds = d.Now().Sub(begin).Seconds()
	report.count()
	d.told.report(report)
	return report, nil
}

// scenario is one entry of the programme.
type scenario struct {
	id       string
	title    string // what it shows, in at most nine words
	mirrored bool   // it needs F2
	lasting  bool   // it changes the system for good
	absent   string // why it is not in this version; "" if it is
	run      func(*stage)
}

// scenarios is the programme, in the order of playing. The last two change the
// system for good: site 2 loses its device, and F's data goes up.
var scenarios = slices.Concat(fixtureScenarios, storeA, storeB, storeC, storeD, storeE, storeF, chains, mirror, lastings)

// Scenario is a line of the programme.
type Scenario struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Mirrored bool   `json:"mirrored,omitempty"` // it needs the mirrored system
	Absent   string `json:"absent,omitempty"`   // why it is not in this version
}

// Scenarios lists the programme by number.
func Scenarios() []Scenario {
	var out []Scenario
	for _, s := range scenarios {
		out = append(out, Scenario{s.id, s.title, s.mirrored, s.absent})
	}
	slices.SortStableFunc(out, func(a, b Scenario) int { return number(a.ID) - number(b.ID) })
	return out
}

// number is the number in a scenario's id.
func number(id string) int {
	n := 0
	for _, c := range id[strings.LastIndexByte(id, '-')+1:] {
		n = 10*n + int(c-'0')
	}
	return n
}

// kindOf is the type of a site of the fixture.
func kindOf(id atoll.SiteID) topology.Kind {
	if id == primarySite {
		return topology.Mirror
	}
	return topology.Server
}
