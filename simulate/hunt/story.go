package hunt

import (
	"cmp"
	"maps"
	"slices"
)

// Settings say what stories are made of. The zero Settings are the usual ones.
type Settings struct {
	Sites  int            // remote sites; 5 if zero
	Steps  int            // of one story; 300 if zero
	Dials  map[string]int // of faults; what is left out is as the story has it
	Work   []string       // kinds of work; all if empty
	Engine string
}

// Tell makes up the story of a seed. The same seed and settings are the same story.
// A story has its own weights for work and its own dials, around those of the
// tables: some are calm, some are all about one thing.
func Tell(seed uint64, o Settings) Story {
	d := newDice(seed, "story")
	s := Story{Seed: seed, Sites: cmp.Or(o.Sites, 5), Engine: o.Engine, Dials: map[string]int{}}
	var kinds []string
	var weights []int
	for _, w := range Works() {
		of := d
		if w.Apart {
			of = newDice(seed, "mood of "+w.Name)
		}
		weight := mood(of, w.Weight) // drawn for all, so that a choice of work leaves the rest as it was
		if w.Basic {
			weight = w.Weight
		}
		if len(o.Work) > 0 && !slices.Contains(o.Work, w.Name) && !w.Basic {
			continue
		}
		kinds, weights = append(kinds, w.Name), append(weights, weight)
	}
	for _, f := range Faults() {
		of := d
		if f.Apart {
			of = newDice(seed, "mood of "+f.Name)
		}
		s.Dials[f.Name] = mood(of, f.Usual)
	}
	maps.Copy(s.Dials, o.Dials)
	apart := newDice(seed, "events apart")
	total := 0
	for _, w := range weights {
		total += w
	}
	minutes := 0
	for range cmp.Or(o.Steps, 300) {
		minutes += pause(d)
		kind := event(d, apart, s.Dials)
		roll, seed := d.IntN(total), d.Uint64()
		if kind == "" {
			i := 0
			for roll >= weights[i] {
				roll -= weights[i]
				i++
			}
			kind = kinds[i]
		}
		s.Steps = append(s.Steps, Step{Kind: kind, Seed: seed, At: minutes})
	}
	return s
}

// mood is how much there is of something in one story: nothing, little, the usual,
// or a lot.
func mood(d Dice, usual int) int {
	switch d.IntN(8) {
	case 0:
		return 0
	case 1, 2:
		return (usual + 2) / 3
	case 3:
		return usual * 3
	default:
		return usual
	}
}

// pause is how long nothing happens: minutes, sometimes a night, seldom weeks.
func pause(d Dice) int {
	switch r := d.IntN(200); {
	case r == 0:
		return d.Between(5*1440, 40*1440)
	case r < 6:
		return d.Between(600, 3*1440)
	case r < 40:
		return d.Between(20, 300)
	default:
		return d.IntN(15)
	}
}

// event returns the fault that is the next event, "" for ordinary work: each fault
// that is an event has its dial's chance of a tenth of all steps.
func event(d, apart Dice, dials map[string]int) string {
	out := ""
	for _, f := range Faults() {
		of := d
		if f.Apart {
			of = apart
		}
		if roll := of.IntN(1000); f.Event != nil && roll < dials[f.Name] && out == "" {
			out = f.Name
		}
	}
	return out
}
