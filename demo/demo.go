// Package demo is the worked example, played for people: a centre, two remote
// sites and six stores (with Mirrored, a third site as the primary, and a seventh
// store), each installation a server of its own on this machine, enrolled by
// tickets and synchronised over HTTP like any other. Two health posts with tablets
// join when a scenario needs them.
//
// It plays the scenarios of the acceptance list against these servers, tells in
// plain words who did what and what travelled where, and looks into the databases
// of owners and replicas to see whether each scenario held. Nothing in it is
// taken on trust: a sentence about the end of a scenario is printed as true only
// after it was found to be so.
//
// A scenario is a function on a stage, in the file of its group (store_a.go …);
// its line in that group puts it into the programme, whose parts are in parts.go.
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
	// Out is where it is told what was found, a line for each scenario; nil tells
	// nothing. Colour marks verdicts. Story tells every step of every scenario.
	Out    io.Writer
	Colour bool
	Story  bool
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
	d := &Demo{Options: o, told: &teller{out: o.Out, colour: o.Colour, story: o.Story}}
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

// kindOf is the type of a site of the fixture.
func kindOf(id atoll.SiteID) topology.Kind {
	if id == primarySite {
		return topology.Mirror
	}
	return topology.Server
}
