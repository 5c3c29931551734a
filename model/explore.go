// Package model searches Atoll's hard protocols for a run that breaks a law: the move
// of a store, restores on either side, audiences gained and lost.
//
// Each protocol is a model: its states are small comparable values, its steps are all
// that a person, a site, the centre, the line or misfortune may do next. Explore visits
// every state that can be reached within the model's bounds, breadth first, so that the
// first broken law it finds comes with a shortest story of how it came to be. The
// decisions in a step are those of the program (packages admit, authority, topology,
// exchange, journal, integrate, handover, central); what is stored and sent is modelled.
//
// docs/model tells of each model what it holds, what it leaves out, its laws and its
// bounds.
package model

import (
	"fmt"
	"iter"
	"strings"
)

// Act is a step in words: a format and its numbers, put together when a story is told.
type Act struct {
	Words string
	N     [3]uint8
	Of    int // how many of N the words use
}

func act(words string, n ...uint8) Act {
	a := Act{Words: words, Of: len(n)}
	copy(a.N[:], n)
	return a
}

// String tells the step.
func (a Act) String() string {
	switch a.Of {
	case 0:
		return a.Words
	case 1:
		return fmt.Sprintf(a.Words, a.N[0])
	case 2:
		return fmt.Sprintf(a.Words, a.N[0], a.N[1])
	}
	return fmt.Sprintf(a.Words, a.N[0], a.N[1], a.N[2])
}

// Law is what must hold. Broken tells in words what is wrong, "" if nothing is.
type Law[S comparable] struct {
	Name   string
	Broken func(S) string
}

// Model is a protocol: where it begins, what may happen, what must hold.
type Model[S comparable] struct {
	Name  string
	Begin []S
	// Next gives every step from a state, always in the same order.
	Next func(S) iter.Seq2[Act, S]
	// Always are the laws of every state.
	Always []Law[S]
	// Peace is one round in which nothing goes wrong and everybody does his part. From
	// every state rounds of peace come to rest: a round changes nothing.
	Peace func(S) S
	// Rest are the laws of states at rest.
	Rest []Law[S]
}

// maxRounds is how many rounds of peace may pass before it is said that rest never
// comes.
const maxRounds = 60

// Report is what a search came to.
type Report struct {
	Model  string
	States int // visited, each once
	Steps  int // tried
	Depth  int // steps of the longest shortest way
	Rests  int // different states of rest
	Whole  bool
	// Did counts the steps by their words: what was never done was not examined.
	Did map[string]int
	// Story is how the first broken law came to be broken, nil if none was.
	Story *Story
}

// Story is a shortest run that breaks a law.
type Story struct {
	Law    string
	Steps  []string
	Peace  int // rounds of peace after the last step
	Wrong  string
	States int // visited before it was found
}

// String tells the story.
func (s *Story) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Broken: %s\n", s.Law)
	for i, w := range s.Steps {
		fmt.Fprintf(&b, "%3d. %s\n", i+1, w)
	}
	switch {
	case s.Peace == 1:
		fmt.Fprintf(&b, "     Then peace, for a round.\n")
	case s.Peace > 1:
		fmt.Fprintf(&b, "     Then peace, for %d rounds.\n", s.Peace)
	}
	fmt.Fprintf(&b, "So: %s\n", s.Wrong)
	return b.String()
}

// came is how a state was first reached: from which state, by which of its steps.
type came struct {
	from int32
	step uint16
}

// search is one run of Explore.
type search[S comparable] struct {
	m     Model[S]
	seen  map[S]struct{}
	calm  map[S]struct{} // states from which peace comes to a good rest
	rests map[S]struct{}
	way   []came
}

// Explore visits every state that can be reached, most at most (0: all), and stops at
// the first law it finds broken.
func Explore[S comparable](m Model[S], most int) Report {
	x := &search[S]{m: m, seen: map[S]struct{}{}, calm: map[S]struct{}{}, rests: map[S]struct{}{}}
	r := Report{Model: m.Name, Whole: true, Did: map[string]int{}}
	type place struct {
		state S
		at    int32
	}
	var level, next []place
	visit := func(s S, c came) bool {
		x.seen[s] = struct{}{}
		x.way = append(x.way, c)
		at := int32(len(x.way) - 1)
		next = append(next, place{s, at})
		if story := x.judge(s); story != nil {
			story.Steps, story.States = x.tell(at), len(x.way)
			r.Story = story
			return false
		}
		return true
	}
	done := func() Report {
		r.States, r.Rests = len(x.way), len(x.rests)
		return r
	}
	for i, s := range m.Begin {
		if !visit(s, came{-1, uint16(i)}) {
			return done()
		}
	}
	for len(next) > 0 {
		level, next = next, level[:0]
		for _, p := range level {
			step := 0
			for a, to := range m.Next(p.state) {
				r.Steps++
				r.Did[a.Words]++
				if _, known := x.seen[to]; !known {
					if most > 0 && len(x.way) >= most {
						r.Whole = false
						return done()
					}
					if !visit(to, came{p.at, uint16(step)}) {
						return done()
					}
				}
				step++
			}
		}
		if len(next) > 0 {
			r.Depth++
		}
	}
	return done()
}

// judge asks the laws of a state, and of the rest it comes to in peace.
func (x *search[S]) judge(s S) *Story {
	for _, l := range x.m.Always {
		if wrong := l.Broken(s); wrong != "" {
			return &Story{Law: l.Name, Wrong: wrong}
		}
	}
	if x.m.Peace == nil {
		return nil
	}
	var run []S
	for round := 0; ; round++ {
		if _, calm := x.calm[s]; calm {
			break
		}
		run = append(run, s)
		after := x.m.Peace(s)
		if after == s {
			if story := x.atRest(s, round); story != nil {
				return story
			}
			break
		}
		s = after
		for _, l := range x.m.Always {
			if wrong := l.Broken(s); wrong != "" {
				return &Story{Law: l.Name, Wrong: wrong, Peace: round + 1}
			}
		}
		if round >= maxRounds {
			return &Story{Law: "it ends", Wrong: "peace lasts, and they never come to rest", Peace: round}
		}
	}
	for _, s := range run {
		x.calm[s] = struct{}{}
	}
	return nil
}

func (x *search[S]) atRest(s S, rounds int) *Story {
	x.rests[s] = struct{}{}
	for _, l := range x.m.Rest {
		if wrong := l.Broken(s); wrong != "" {
			return &Story{Law: l.Name, Wrong: wrong, Peace: rounds}
		}
	}
	return nil
}

// tell returns the way to a state in words, by going it again.
func (x *search[S]) tell(at int32) []string {
	var way []came
	for ; at >= 0; at = x.way[at].from {
		way = append(way, x.way[at])
	}
	s := x.m.Begin[way[len(way)-1].step]
	var words []string
	for i := len(way) - 2; i >= 0; i-- {
		n := uint16(0)
		for a, to := range x.m.Next(s) {
			if n == way[i].step {
				words, s = append(words, a.String()), to
				break
			}
			n++
		}
	}
	return words
}
