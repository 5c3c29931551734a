package hunt

import (
	"hash/fnv"
	"time"

	"github.com/atollsync/atoll/simulate"
)

// clockFaults are what clocks do: each node has its own.
var clockFaults = []Fault{
	{Name: "clock-drift", Words: "clocks run too fast or too slow, each in its own way", Usual: 30},
	{Name: "clock-jump", Words: "a clock jumps forwards", Usual: 4, Event: clockJumps},
	{Name: "clock-back", Words: "a clock is set back", Usual: 4, Event: clockGoesBack},
}

func clockJumps(w *World, d Dice) error {
	n, ok := Pick(d, w.Nodes())
	if !ok {
		return ErrIdle
	}
	by := time.Duration(1+d.IntN(1<<d.Between(1, 20))) * time.Minute
	n.Clock.Wind(by)
	w.Struck("clock-jump", "the clock of %s jumps %s forwards", n.Name, by)
	return nil
}

func clockGoesBack(w *World, d Dice) error {
	n, ok := Pick(d, w.Nodes())
	if !ok {
		return ErrIdle
	}
	by := time.Duration(1+d.IntN(1<<d.Between(1, 20))) * time.Minute
	n.Clock.Wind(-by)
	w.Struck("clock-back", "the clock of %s is set back by %s", n.Name, by)
	return nil
}

// clock is the clock of a node: each has its own.
func (w *World) clock(name string) *simulate.Clock {
	c, ok := w.clocks[name]
	if !ok {
		c = simulate.NewClock()
		c.Wind(time.Duration(w.at) * time.Minute)
		w.clocks[name] = c
	}
	return c
}

// wind lets time go on to so many minutes since the beginning, at every node.
func (w *World) wind(to int) {
	d := time.Duration(to-w.at) * time.Minute
	if d <= 0 {
		return
	}
	w.at = to
	drifts := w.Strikes("clock-drift")
	if drifts {
		w.tally.Faults["clock-drift"]++
	}
	for name, c := range w.clocks {
		by := d
		if drifts {
			h := fnv.New64a()
			h.Write([]byte(name))
			by += d * time.Duration((w.story.Seed^h.Sum64())%101) / 1000 // up to a tenth too fast …
			by -= d / 20                                                 // … or a twentieth too slow
		}
		c.Wind(by)
	}
}
