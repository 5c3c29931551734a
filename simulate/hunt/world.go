package hunt

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage/memory"
)

// World is one run of a story: the fleet, and what the simulator knows of it that
// the fleet does not.
type World struct {
	*simulate.Fleet
	Ctx context.Context // one world is one run

	story    Story
	step     Step
	index    int
	peaceful bool
	fates    map[string]Dice // of the faults, in this step
	struck   []string        // faults that took place in this step

	disks   disks
	clocks  map[string]*simulate.Clock
	at      int // minutes since the beginning
	keys    map[string]ed25519.PrivateKey
	handler http.Handler
	armed   []armed
	dead    map[string]bool      // nodes whose crash was told
	down    map[string]int       // until when a dead node stays so
	away    map[atoll.SiteID]int // until when a site has no line
	// Of an answer that comes slowly: how late it is, and how much later with each look at
	// the clock.
	lag, drag time.Duration
	depth     int            // of exchanges inside exchanges
	requests  map[string]int // of each site, in its cycle
	over      bool           // a cycle had no end: nothing more is played
	letters   []letter

	images    map[string][]*memory.Disk // of disks as they were, oldest first
	database  map[string]int            // which of its site's databases a node works on
	made      int                       // databases
	old       map[string]*outdated      // sites that work on another image of their disk
	clones    []*clone
	poisoned  []poisoned
	forged    map[atoll.Hash]provocation // entries that must be refused, and why
	clerk     string                     // the session of the centre's user who looks patients up
	comers    []comer                    // sites that are not enrolled yet
	added     int                        // sites, by the story
	forgot    map[atoll.Key]atoll.Fields // what the centre's own lost entries had changed
	waitedFor map[atoll.Origin]atoll.Key // of entries that were refused for want of what the centre lost: what that is
	gaveUp    map[atoll.Key]atoll.Key    // what sites had made and gave up with the truth, for want of what the centre lost
	lacked    map[atoll.Key]bool         // what sites had changed in entries that the centre lost, and send again
	waits     bool                       // sites hold what the centre cannot tell them of, and have not looked since
	retried   map[int64]bool             // refusals that were judged again, as a person asked

	account *account
	given   given
	counted map[atoll.SiteID]tallied
	// uninformed are sites that have not synchronised to the end since the centre
	// forgot what it had acknowledged to them: until then they cannot know.
	uninformed map[atoll.SiteID]bool
	upgraded   map[string]bool                    // nodes that run the next version
	fenced     map[atoll.SiteID]string            // whose work may be refused, and why
	taken      map[atoll.SiteID]map[atoll.ID]bool // whose home was taken from the site by force
	unseen     []func()                           // looks at what was done at the centre
	said       []string                           // in this step
	lines      []string
	breaches   []Breach
	tally      Tally
	trace      *trace
	named      map[atoll.ID]string // short names for the story
}

// begin builds the system of the story.
func begin(ctx context.Context, s Story) (*World, error) {
	engine := s.Engine
	if engine == "" {
		engine = Engines()[0]
	}
	d, err := openDisks(engine)
	if err != nil {
		return nil, err
	}
	w := &World{
		Ctx: ctx, story: s, disks: d, clocks: map[string]*simulate.Clock{}, keys: map[string]ed25519.PrivateKey{},
		account: newAccount(), counted: map[atoll.SiteID]tallied{}, tally: NewTally(), trace: newTrace(), named: map[atoll.ID]string{}, away: map[atoll.SiteID]int{}, dead: map[string]bool{}, down: map[string]int{}, fates: map[string]Dice{},
		images: map[string][]*memory.Disk{}, database: map[string]int{}, old: map[string]*outdated{}, forged: map[atoll.Hash]provocation{}, forgot: map[atoll.Key]atoll.Fields{}, retried: map[int64]bool{}, waitedFor: map[atoll.Origin]atoll.Key{}, gaveUp: map[atoll.Key]atoll.Key{}, uninformed: map[atoll.SiteID]bool{}, upgraded: map[string]bool{}, requests: map[string]int{},
		taken:    map[atoll.SiteID]map[atoll.ID]bool{},
		peaceful: true,
	}
	w.step = Step{Kind: "build", Seed: s.Seed}
	entropy.seed(s.Seed)
	if err := w.build(newDice(s.Seed, "build")); err != nil {
		w.close()
		return nil, fmt.Errorf("the system cannot be built: %w", err)
	}
	w.peaceful = false
	w.endStep()
	return w, nil
}

func (w *World) close() {
	if w.Fleet != nil {
		_ = w.Fleet.Close()
	}
	w.disks.close()
}

// play plays the steps.
func (w *World) play() {
	for i, s := range w.story.Steps {
		if w.Ctx.Err() != nil {
			w.Breach("played", "the run was stopped after %d steps: %v", i, w.Ctx.Err())
			return
		}
		if w.over {
			return
		}
		w.beginStep(i, s)
		w.tally.count(s.Kind, w.do(s))
		w.endStep()
	}
}

func (w *World) beginStep(i int, s Step) {
	w.index, w.step, w.fates, w.struck, w.said = i, s, map[string]Dice{}, nil, nil
	w.wind(s.At)
	entropy.seed(s.Seed)
	w.visit()
	w.arm()
}

func (w *World) endStep() {
	w.disarm()
	w.revive()
	w.noteWaiting()
	w.book()
	w.copyDisks()
	if len(w.said) > 0 {
		line := w.When() + "  " + strings.Join(w.said, "; ")
		w.lines = append(w.lines, line)
		w.trace.add("line", []byte(line))
	}
}

// do plays one step, and turns what nobody foresaw into a breach.
func (w *World) do(s Step) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Breach("sound", "%s: the program panicked: %v", s.Kind, p)
			err = ErrIdle
		}
	}()
	d := newDice(s.Seed, "do")
	if work, ok := workNamed(s.Kind); ok {
		return w.check(s.Kind, work.Do(w, d))
	}
	if fault, ok := faultNamed(s.Kind); ok && fault.Event != nil {
		return w.check(s.Kind, fault.Event(w, d))
	}
	w.Breach("played", "there is no kind of work or fault called %q", s.Kind)
	return ErrIdle
}

// check says a breach when the error is none that a user may be told.
func (w *World) check(kind string, err error) error {
	switch {
	case err == nil || errors.Is(err, ErrIdle):
		return err
	case lawfulRefusal(err), w.excused(err):
		w.Say("refused: %s", short(err))
	default:
		w.Breach("sound", "%s failed with what nobody should be told: %s: %v", kind, atoll.CodeOf(err), err)
	}
	return err
}

// excused reports whether a failure may follow from the faults that struck in this
// step.
func (w *World) excused(err error) bool {
	w.notice()
	switch {
	case powerless(err):
		return true
	case w.ahead() && errors.Is(err, atoll.OldProtocol):
		return true
	case !w.Alive(w.Centre) && passing(err):
		return true
	case len(w.struck) == 0:
		return false
	case (slices.Contains(w.struck, "twice") || slices.Contains(w.struck, "slow-disk")) && errors.Is(err, atoll.SignIn):
		return true // a challenge is good once, and for a minute
	case slices.Contains(w.struck, "disk-full") && errors.Is(err, atoll.DiskFull):
		return true
	default:
		return passing(err)
	}
}

// passing reports whether a failure may follow from a fault of the line or the disk.
func passing(err error) bool { return site.Passing(atoll.CodeOf(err)) || powerless(err) }

func short(err error) string {
	const most = 120
	s := err.Error()
	var e *atoll.Error
	if errors.As(err, &e) {
		s = e.Message
	}
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// Breach notes that a law was broken, now.
func (w *World) Breach(law, format string, args ...any) {
	const most = 100
	b := Breach{Law: law, Words: fmt.Sprintf(format, args...)}
	w.trace.say("breach", b)
	if len(w.breaches) < most && !slices.Contains(w.breaches, b) {
		w.breaches = append(w.breaches, b)
		w.Say("BREACH of %s", b)
	}
}

// Say adds to the sentence about this step.
func (w *World) Say(format string, args ...any) {
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

// When is the world's time, for the story.
func (w *World) When() string {
	now := start.Add(time.Duration(w.at) * time.Minute)
	day := now.Sub(start.Truncate(24*time.Hour)) / (24 * time.Hour)
	return fmt.Sprintf("day %d %s", 1+day, now.Format("15:04"))
}

func (t Tally) count(kind string, err error) {
	c, ok := t.Work[kind]
	if !ok {
		return // a fault, which counts itself
	}
	switch {
	case err == nil:
		c.Done++
	case errors.Is(err, ErrIdle):
		c.Idle++
	default:
		c.Refused++
	}
	t.Work[kind] = c
}

// Node is a node that is alive.
type Node = simulate.Node

// Workers are the nodes at which people can work now: alive, and initialised.
func (w *World) Workers() []*Node {
	return slices.DeleteFunc(append(w.Nodes(), w.copies()...), func(n *Node) bool { return !w.Works(n) })
}

// Works reports whether people can work at the node now.
func (w *World) Works(n *Node) bool {
	if !w.Alive(n) {
		return false
	}
	return n.Usable == nil || n.Store.View(w.Ctx, n.Usable) == nil
}

// log turns what the program logs as an error into a breach: it is what nobody
// foresaw. A failure that follows from a fault is none.
type log struct{ w *World }

func (l log) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l log) Handle(_ context.Context, r slog.Record) error {
	words := r.Message
	foreseen := false
	r.Attrs(func(a slog.Attr) bool {
		words += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		if err, ok := a.Value.Any().(error); ok {
			foreseen = l.w.excused(err)
		}
		return true
	})
	if !foreseen {
		l.w.Breach("sound", "the program logged an error: %s", words)
	}
	return nil
}

func (l log) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l log) WithGroup(string) slog.Handler      { return l }
