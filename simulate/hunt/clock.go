package hunt

import (
	"time"

	"github.com/atollsync/atoll/simulate"
)

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
	for _, c := range w.clocks {
		c.Wind(d)
	}
}
