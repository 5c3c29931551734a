package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cheggaaa/pb/v3"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/simulate/hunt"
)

type simulateCmd struct {
	Seeds    int      `help:"How many stories to play." default:"20"`
	Seed     uint64   `help:"The first seed; the others follow it." default:"1"`
	Minutes  float64  `help:"Stop after so many minutes, however many stories were played; 0 does not." placeholder:"MINUTES"`
	Sites    int      `help:"Remote sites of each story, 2 to 50." default:"5"`
	Steps    int      `help:"Steps of each story." default:"300"`
	Faults   []string `help:"Dials: name=percent of its chances; none: all others at zero; all: all others as usual." placeholder:"NAME=PERCENT"`
	Work     []string `help:"Kinds of work; all unless given." placeholder:"NAME"`
	Engine   string   `help:"Storage engine: memory or sqlite. Unless given, memory, and every fiftieth story sqlite." placeholder:"ENGINE"`
	Workers  int      `help:"Processes that play; as many as there are processors unless given." placeholder:"N"`
	Story    string   `help:"Play this story, which an earlier run saved, and tell it." placeholder:"FILE" type:"path"`
	Save     string   `help:"Directory for stories that broke a law." placeholder:"DIR" type:"path" default:"."`
	NoShrink bool     `help:"Do not look for the shortest story."`
	Exercise bool     `help:"End with status 5, too, when a usual kind of work, a fault or a law was never exercised in all the stories."`
	List     bool     `help:"List the kinds of work, the faults and the laws, and play nothing."`
	Worker   bool     `hidden:""` // play what comes in
}

// Help tells what the command is for.
func (simulateCmd) Help() string {
	return "Plays stories of work and misfortune, made up from seeds, on a central server and its sites in one process, and holds the end of each " +
		"to the laws: nothing lost, nothing doubled, everybody the same. The same seed is the same story, to the byte. A story that breaks " +
		"a law is made short, told in words and saved.\n\n" +
		"Example: atoll simulate --seeds 200 --faults cut-up=20,crash=5\n\n" +
		"The status is 5 when a law was broken."
}

// simulated is what the command found.
type simulated struct {
	Seeds     int           `json:"seeds"`
	Seconds   float64       `json:"seconds"`
	PerSecond float64       `json:"seeds_per_second"`
	Broke     int           `json:"seeds_that_broke_a_law"`
	Failed    []failed      `json:"failed,omitempty"`
	Shortest  []hunt.Result `json:"shortest_stories,omitempty"`
	Saved     []string      `json:"saved,omitempty"`
	Tally     hunt.Tally    `json:"exercised"`
	Untested  []string      `json:"not_exercised,omitempty"`

	missed  []string // not exercised, and the user asked for it
	laws    []brokenLaw
	results []hunt.Result // of the stories that broke a law
}

// failed is a story that broke laws.
type failed struct {
	Seed uint64   `json:"seed"`
	Laws []string `json:"laws"`
}

// brokenLaw is a law and the seeds that broke it.
type brokenLaw struct {
	law   string
	seeds []uint64
}

// How much is spent on making stories short: at most so many of them, each by playing
// so many shorter ones.
const (
	mostShrunk = 5
	mostPlays  = 600
	storyLimit = 2 * time.Minute
)

// Run plays the stories.
func (c simulateCmd) Run(s *session) error {
	switch {
	case c.Worker:
		return hunt.Serve(s.ctx, s.in, s.out)
	case c.List:
		return c.list(s)
	case c.Story != "":
		return c.replay(s)
	}
	o, err := c.stories()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Save, 0o755); err != nil { //nolint:gosec // stories are no secret
		return atoll.Errorf(atoll.Denied, "stories cannot be saved in %s: %w", c.Save, reason(err)).Do("name a directory with --save DIR")
	}
	pool, err := c.pool()
	if err != nil {
		return err
	}
	out := &simulated{Tally: hunt.NewTally()}
	began := time.Now()
	if err := c.play(s, pool, o, out); err != nil {
		return err
	}
	out.Seconds = time.Since(began).Seconds()
	out.PerSecond = float64(out.Seeds) / max(out.Seconds, 0.001)
	out.Untested = out.Tally.Zeros()
	if c.Exercise && out.Seeds >= c.Seeds { // fewer have not had the chance
		out.missed = out.Untested
	}
	if err := c.shorten(s, pool, out); err != nil {
		return err
	}
	err = s.print(out, func() { out.tell(s) })
	if err == nil && (out.Broke > 0 || len(out.missed) > 0) {
		return unwell
	}
	return err
}

// pool starts this program again, as its workers.
func (c simulateCmd) pool() (hunt.Pool, error) {
	exe, err := os.Executable()
	if err != nil {
		return hunt.Pool{}, err
	}
	n := c.Workers
	if n <= 0 {
		n = runtime.NumCPU()
	}
	return hunt.Pool{Workers: n, Limit: storyLimit, Command: func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, exe, "simulate", "--worker") //nolint:gosec // this very program
	}}, nil
}

// play plays all seeds.
func (c simulateCmd) play(s *session, pool hunt.Pool, o hunt.Settings, out *simulated) error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	bar := c.bar(s)
	began, next := time.Now(), uint64(0)
	var failure error
	pool.Run(ctx, func() (hunt.Task, bool) {
		over := c.Minutes > 0 && time.Since(began).Minutes() >= c.Minutes
		if over || next >= uint64(max(0, c.Seeds)) {
			return hunt.Task{}, false
		}
		of := o
		if of.Engine == "" && next%50 == 49 {
			of.Engine = "sqlite"
		}
		next++
		return hunt.Task{Story: hunt.Tell(c.Seed+next-1, of)}, true
	}, func(r hunt.Reply) {
		if r.Error != "" {
			failure = atoll.Errorf(atoll.Invalid, "%s", r.Error)
			cancel()
			return
		}
		out.Seeds++
		out.Tally.Add(r.Result.Tally)
		if len(r.Result.Breaches) > 0 {
			out.results = append(out.results, r.Result)
		}
		bar(out)
	})
	bar(nil)
	if failure == nil {
		failure = s.ctx.Err()
	}
	return failure
}

// bar shows how far it is on a terminal: stories, how many in a second, and how many
// broke a law. Given nil it ends.
func (c simulateCmd) bar(s *session) func(*simulated) {
	if !isTerminal(s.errOut) || s.globals.JSON {
		return func(*simulated) {}
	}
	bar := pb.New(c.Seeds).SetTemplateString(`{{counters . }} {{bar . }} {{speed . "%s stories a second"}} {{rtime . "%s left"}} {{string . "broke"}}`)
	bar.SetWriter(s.errOut).Start()
	return func(o *simulated) {
		if o == nil {
			bar.Finish()
			return
		}
		if len(o.results) > 0 {
			bar.Set("broke", fmt.Sprintf("%d broke a law", len(o.results)))
		}
		bar.SetCurrent(int64(o.Seeds))
	}
}

// shorten looks for the shortest story of each law that was broken, and saves it.
func (c simulateCmd) shorten(s *session, pool hunt.Pool, out *simulated) error {
	slices.SortFunc(out.results, func(a, b hunt.Result) int {
		return int(int64(a.Story.Seed) - int64(b.Story.Seed))
	})
	out.Broke = len(out.results)
	seeds := map[string][]uint64{}
	var tasks []hunt.Task
	for _, r := range out.results {
		out.Failed = append(out.Failed, failed{r.Story.Seed, r.Laws()})
		for _, law := range r.Laws() {
			// The first story of each law; one that killed its process is left as it is.
			if len(seeds[law]) == 0 && len(tasks) < mostShrunk && !c.NoShrink && len(r.Story.Steps) > 0 {
				tasks = append(tasks, hunt.Task{Story: r.Story, Shrink: law, Most: mostPlays})
			}
			seeds[law] = append(seeds[law], r.Story.Seed)
		}
	}
	for _, law := range slices.Sorted(maps.Keys(seeds)) {
		out.laws = append(out.laws, brokenLaw{law, seeds[law]})
	}
	if c.NoShrink {
		out.Shortest = out.results[:min(len(out.results), mostShrunk)]
	}
	next := 0
	pool.Run(s.ctx, func() (hunt.Task, bool) {
		if next++; next > len(tasks) {
			return hunt.Task{}, false
		}
		return tasks[next-1], true
	}, func(r hunt.Reply) { out.Shortest = append(out.Shortest, r.Result) })
	slices.SortFunc(out.Shortest, func(a, b hunt.Result) int { return int(int64(a.Story.Seed) - int64(b.Story.Seed)) })
	for _, r := range out.Shortest {
		name := filepath.Join(c.Save, fmt.Sprintf("story-%d-%s.json", r.Story.Seed, strings.Join(r.Laws(), "-")))
		b, merr := json.MarshalIndent(r.Story, "", "  ")
		if merr != nil {
			return merr
		}
		if werr := os.WriteFile(name, append(b, '\n'), 0o600); werr != nil {
			_, _ = fmt.Fprintf(s.errOut, "%s cannot be saved: %v\n", name, reason(werr)) // it is told all the same
			continue
		}
		if !slices.Contains(out.Saved, name) {
			out.Saved = append(out.Saved, name)
		}
	}
	return nil
}

// replay plays a saved story, in this process, and tells it.
func (c simulateCmd) replay(s *session) error {
	b, err := os.ReadFile(c.Story)
	if err != nil {
		return atoll.Errorf(atoll.NotFound, "the story cannot be read: %w", reason(err))
	}
	var story hunt.Story
	if err := json.Unmarshal(b, &story); err != nil {
		return atoll.Errorf(atoll.Invalid, "%s is no story: %w", c.Story, err)
	}
	r, err := hunt.Play(s.ctx, story)
	if err != nil {
		return err
	}
	err = s.print(r, func() {
		tellStory(s, r)
		if len(r.Breaches) == 0 {
			s.say("No law was broken.")
		}
	})
	if err == nil && len(r.Breaches) > 0 {
		return unwell
	}
	return err
}

// stories are the settings that the flags ask for.
func (c simulateCmd) stories() (hunt.Settings, error) {
	o := hunt.Settings{Sites: c.Sites, Steps: c.Steps, Work: c.Work, Engine: c.Engine, Dials: map[string]int{}}
	if c.Sites < 2 || c.Sites > 50 {
		return o, atoll.Errorf(atoll.Invalid, "%d sites cannot be simulated", c.Sites).On("sites").Do("choose 2 to 50")
	}
	if c.Engine != "" && !slices.Contains(hunt.Engines(), c.Engine) {
		return o, atoll.Errorf(atoll.NotFound, "there is no engine %q", c.Engine).On("engine").Do("use one of: %s", strings.Join(hunt.Engines(), ", "))
	}
	var works []string
	for _, w := range hunt.Works() {
		works = append(works, w.Name)
	}
	for _, name := range c.Work {
		if !slices.Contains(works, name) {
			return o, atoll.Errorf(atoll.NotFound, "there is no kind of work called %q", name).On("work").Do("list them with: atoll simulate --list")
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

// kind is one line of the list of what can happen.
type kind struct {
	Sort  string `json:"sort"` // work, fault or law
	Name  string `json:"name"`
	Words string `json:"words"`
	Usual int    `json:"usual,omitempty"` // weight of work, dial of a fault
}

func (simulateCmd) list(s *session) error {
	var all []kind
	for _, w := range hunt.Works() {
		all = append(all, kind{"work", w.Name, w.Words, w.Weight})
	}
	for _, f := range hunt.Faults() {
		words := f.Words
		if f.Swaps {
			words += " (on the memory engine only)"
		}
		all = append(all, kind{"fault", f.Name, words, f.Usual})
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
		s.table("There are none.", []string{"SORT", "NAME", "USUAL", "WHAT IT IS"}, rows)
	})
}

// tell prints what was found.
func (o *simulated) tell(s *session) {
	o.exercised(s)
	for _, r := range o.Shortest {
		s.say("")
		tellStory(s, r)
	}
	s.say("")
	for _, l := range o.laws {
		seeds := fmt.Sprint(l.seeds[:min(len(l.seeds), 12)])
		s.say("Law %s was broken in %d stories: seeds %s", l.law, len(l.seeds), strings.Trim(seeds, "[]"))
	}
	for _, name := range o.missed {
		s.say("Never exercised: %s", name)
	}
	for _, name := range o.Saved {
		s.say("Play it again with: atoll simulate --story %s", name)
	}
	s.say("%d stories in %.1f s, %.1f a second; %d of them broke a law.", o.Seeds, o.Seconds, o.PerSecond, o.Broke)
}

// exercised prints what was exercised; what never happened is marked.
func (o *simulated) exercised(s *session) {
	mark := func(n int) string {
		if n == 0 {
			return "NEVER"
		}
		return strconv.Itoa(n)
	}
	var rows [][]string
	for _, w := range hunt.Works() {
		c := o.Tally.Work[w.Name]
		rows = append(rows, []string{"work", w.Name, mark(c.Done), fmt.Sprintf("%d refused, %d times nothing to do it with", c.Refused, c.Idle)})
	}
	for _, f := range hunt.Faults() {
		for i, name := range f.Counted() {
			words := f.Words
			if i > 0 {
				words = ""
			}
			rows = append(rows, []string{"fault", name, mark(o.Tally.Faults[name]), words})
		}
	}
	for _, l := range hunt.Laws() {
		rows = append(rows, []string{"law", l.Name, mark(o.Tally.Laws[l.Name]), l.Words})
	}
	s.table("Nothing was played.", []string{"SORT", "NAME", "TIMES", ""}, rows)
	s.say("Records of %d of %d types were written.", len(o.Tally.Types), len(catalogue.Embedded().Types()))
}

// tellStory tells a story in words, with what it broke.
func tellStory(s *session, r hunt.Result) {
	s.say("Seed %d, %d sites, %d steps:", r.Story.Seed, r.Story.Sites, len(r.Story.Steps))
	for _, l := range r.Lines {
		s.say("  %s", l)
	}
	for _, b := range r.Breaches {
		s.say("  Broken: %s", b)
	}
}
