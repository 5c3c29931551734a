package hunt

import "slices"

// Fault is one kind of misfortune, with a dial of its own: so many per cent of the
// chances it has.
//
// There are two sorts. One strikes while something else happens: whoever carries
// bytes or writes to a disk asks [World.Strikes] with the fault's name, and tells
// [World.Struck] when it truly took place; such a fault needs a line in the table,
// and its asker. The other is an event of its own: it has an Event, which is played
// as a step, under the rules of [Work.Do]; the dial then says in how many of a
// thousand steps it happens, and it says [World.Struck] itself.
type Fault struct {
	Name  string
	Words string
	Usual int // the dial, unless the story or the command line says otherwise
	Event func(w *World, d Dice) error
	// Kinds are the ways in which it strikes, if they are counted by themselves: see
	// [World.StruckBy].
	Kinds []string
	// Swaps says that it needs disks that can be copied and put back, which only the
	// memory engine has.
	Swaps bool
	// Apart says that the story rolls other dice for it, so that a story in which its
	// dial is at zero is the one that was told before there was such a fault.
	Apart bool
	// Peace is called when peace begins, to end what lasts; nil if nothing does.
	Peace func(w *World)
}

// Faults are all kinds of faults.
func Faults() []Fault {
	return slices.Concat(lineFaults, diskFaults, clockFaults, siteFaults, cloneFaults, centreFaults, poisonFaults, hostileFaults)
}

func faultNamed(name string) (Fault, bool) {
	all := Faults()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, false
	}
	return all[i], true
}

// Strikes reports whether the fault strikes now. Each fault has its own dice in each
// step, so that turning one dial leaves the others' strikes as they were.
func (w *World) Strikes(name string) bool { return w.FaultDice(name).Chance(w.dial(name)) }

// FaultDice are the dice of a fault in this step.
func (w *World) FaultDice(name string) Dice {
	d, ok := w.fates[name]
	if !ok {
		d = newDice(w.step.Seed, name)
		w.fates[name] = d
	}
	return d
}

// Struck counts a fault that took place, and tells of it.
func (w *World) Struck(name, format string, args ...any) {
	w.tally.Faults[name]++
	w.struck = append(w.struck, name)
	w.Say(format, args...)
}

// StruckBy counts one way in which a fault took place.
func (w *World) StruckBy(name, kind string) { w.tally.Faults[kindOf(name, kind)]++ }

func kindOf(fault, kind string) string { return fault + ": " + kind }

// Counted are the names under which the fault is counted: its own, and its kinds'.
func (f Fault) Counted() []string {
	out := []string{f.Name}
	for _, kind := range f.Kinds {
		out = append(out, kindOf(f.Name, kind))
	}
	return out
}

func (w *World) dial(name string) int {
	if w.peaceful {
		return 0
	}
	return w.story.Dials[name]
}
