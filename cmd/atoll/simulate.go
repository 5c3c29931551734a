package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate/hunt"
)

type simulateCmd struct {
	Seeds  int      `help:"How many stories to play." default:"20"`
	Seed   uint64   `help:"The first seed; the others follow it." default:"1"`
	Sites  int      `help:"Remote sites of each story, 2 to 50." default:"5"`
	Steps  int      `help:"Steps of each story." default:"300"`
	Faults []string `help:"Dials: name=percent of its chances, or: none, all." placeholder:"NAME=PERCENT"`
	Work   []string `help:"Kinds of work; all unless given." placeholder:"NAME"`
	Engine string   `help:"Storage engine." placeholder:"ENGINE"`
	Story  string   `help:"Play this story, which an earlier run saved, and tell it." placeholder:"FILE" type:"path"`
	List   bool     `help:"List the kinds of work, the faults and the laws, and play nothing."`
}

// Help tells what the command is for.
func (simulateCmd) Help() string {
	return "Plays stories of work and misfortune, made up from seeds, on a central server and its sites in this process, and holds the end of each " +
		"to the laws: nothing lost, nothing doubled, everybody the same. The same seed is the same story, to the byte.\n\n" +
		"Example: atoll simulate --seeds 200 --faults cut-up=20,crash=5\n\n" +
		"The status is 1 when a law was broken."
}

// simulated is what the command found.
type simulated struct {
	Seeds    int           `json:"seeds"`
	Failed   []hunt.Result `json:"failed,omitempty"`
	Tally    hunt.Tally    `json:"exercised"`
	Untested []string      `json:"not_exercised,omitempty"`
}

// Run plays the stories.
func (c simulateCmd) Run(s *session) error {
	if c.List {
		return c.list(s)
	}
	o, err := c.stories()
	if err != nil {
		return err
	}
	out := simulated{Tally: hunt.NewTally()}
	play := func(story hunt.Story) error {
		r, err := hunt.Play(s.ctx, story)
		if err != nil {
			return err
		}
		out.Seeds++
		out.Tally.Add(r.Tally)
		if len(r.Breaches) > 0 {
			out.Failed = append(out.Failed, r)
		}
		return nil
	}
	if c.Story != "" {
		b, err := os.ReadFile(c.Story)
		if err != nil {
			return atoll.Errorf(atoll.NotFound, "the story cannot be read: %w", reason(err))
		}
		var story hunt.Story
		if err := json.Unmarshal(b, &story); err != nil {
			return atoll.Errorf(atoll.Invalid, "%s is no story: %w", c.Story, err)
		}
		if err := play(story); err != nil {
			return err
		}
	} else {
		for i := range uint64(c.Seeds) {
			if err := play(hunt.Tell(c.Seed+i, o)); err != nil {
				return err
			}
		}
	}
	out.Untested = out.Tally.Zeros()
	err = s.print(out, func() { out.tell(s) })
	if err == nil && len(out.Failed) > 0 {
		return broken
	}
	return err
}

// stories are the settings that the flags ask for.
func (c simulateCmd) stories() (hunt.Settings, error) {
	o := hunt.Settings{Sites: c.Sites, Steps: c.Steps, Work: c.Work, Engine: c.Engine, Dials: map[string]int{}}
	if c.Sites < 2 || c.Sites > 50 {
		return o, atoll.Errorf(atoll.Invalid, "%d sites cannot be simulated", c.Sites).On("sites").Do("choose 2 to 50")
	}
	var works []string
	for _, w := range hunt.Works() {
		works = append(works, w.Name)
	}
	for _, name := range c.Work {
		if !slices.Contains(works, name) {
			return o, atoll.Errorf(atoll.NotFound, "there is no kind of work called %q", name).Do("list them with: atoll simulate --list")
		}
	}
	usual := map[string]int{}
	for _, f := range hunt.Faults() {
		usual[f.Name] = f.Usual
	}
	for _, dial := range c.Faults {
		name, percent, given := strings.Cut(dial, "=")
		switch _, known := usual[name]; {
		case name == "none" && !given:
			for name := range usual {
				o.Dials[name] = 0
			}
			continue
		case name == "all" && !given:
			maps.Copy(o.Dials, usual)
			continue
		case !known:
			return o, atoll.Errorf(atoll.NotFound, "there is no fault called %q", name).On("faults").Do("list them with: atoll simulate --list")
		}
		n, err := strconv.Atoi(percent)
		if err != nil || n < 0 || n > 100 {
			return o, atoll.Errorf(atoll.Invalid, "%q is no dial", dial).On("faults").Do("write it like cut-up=20, a number from 0 to 100")
		}
		o.Dials[name] = n
	}
	return o, nil
}

func (simulateCmd) list(s *session) error {
	type kind struct {
		Sort  string `json:"sort"`
		Name  string `json:"name"`
		Words string `json:"words"`
		Usual int    `json:"usual"`
	}
	var all []kind
	for _, w := range hunt.Works() {
		all = append(all, kind{"work", w.Name, w.Words, w.Weight})
	}
	for _, f := range hunt.Faults() {
		all = append(all, kind{"fault", f.Name, f.Words, f.Usual})
	}
	for _, l := range hunt.Laws() {
		all = append(all, kind{"law", l.Name, l.Words, 0})
	}
	return s.print(all, func() {
		var rows [][]string
		for _, k := range all {
			usual := ""
			if k.Usual > 0 {
				usual = strconv.Itoa(k.Usual)
			}
			rows = append(rows, []string{k.Sort, k.Name, usual, k.Words})
		}
		s.table("There are none.", []string{"", "NAME", "USUAL", "WHAT IT IS"}, rows)
	})
}

// tell prints what was found.
func (o simulated) tell(s *session) {
	for _, r := range o.Failed {
		_, _ = fmt.Fprintf(s.out, "Seed %d breaks %s:\n", r.Story.Seed, strings.Join(r.Laws(), ", "))
		for _, l := range r.Lines {
			_, _ = fmt.Fprintf(s.out, "  %s\n", l)
		}
		for _, b := range r.Breaches {
			_, _ = fmt.Fprintf(s.out, "  %s\n", b)
		}
	}
	_, _ = fmt.Fprintf(s.out, "%d stories, %d of them broke a law.\n", o.Seeds, len(o.Failed))
	if len(o.Untested) > 0 {
		_, _ = fmt.Fprintf(s.out, "Not exercised: %s\n", strings.Join(o.Untested, ", "))
	}
}
