package hunt

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// mostCycles is how often everybody synchronises until peace must have come.
const mostCycles = 40

// makePeace ends all faults and lets everybody synchronise until nothing moves.
func (w *World) makePeace() {
	w.peaceful = true
	w.beginStep(len(w.story.Steps), Step{Kind: "peace", Seed: w.story.Seed, At: w.at + 60})
	w.letters = nil
	clear(w.down)
	w.revive()
	w.upgradeAll()
	for _, f := range Faults() {
		if f.Peace != nil {
			f.Peace(w)
		}
	}
	w.joinAll()
	for range 20 {
		if err := w.settle(); err != nil {
			w.Breach("rest", "%v", err)
			break
		}
		moved, err := w.sortOut()
		if err != nil {
			w.Breach("rest", "%v", err)
			break
		}
		if !moved && !w.dayOn() {
			break
		}
	}
	w.Say("peace: everybody has synchronised")
	w.endStep()
}

// sortOut does what people do about what waits for them: each once everybody has
// synchronised after the ones before. It reports whether there was any.
func (w *World) sortOut() (moved bool, err error) {
	for _, chore := range []struct {
		do   func() (bool, error)
		last bool // only when nothing else is left
		fail string
	}{
		{w.takeBack, false, "what the centre lost cannot be taken back"},
		{w.judgeAgain, false, "quarantine cannot be judged again"},
		{w.decide, true, "quarantine cannot be settled"},
		{w.goOn, false, "a move that waited cannot go on"},
		{w.reopen, false, "a dispensary cannot be opened"},
		{w.callOff, false, "a transfer that cannot go on cannot be called off"},
		{w.leave, true, "what the centre lost cannot be left"},
	} {
		if moved && chore.last {
			continue
		}
		did, err := chore.do()
		if err != nil {
			return moved, fmt.Errorf("%s: %w", chore.fail, err)
		}
		moved = moved || did
	}
	return moved, nil
}

// goOn tries moves again that waited for a decision, as the person is told to do who
// decided. It reports whether there was any.
func (w *World) goOn() (on bool, err error) {
	moves, err := w.Centre.Centre.Moves(w.Ctx)
	if err != nil {
		return false, err
	}
	for _, listed := range moves {
		m, err := w.Centre.Centre.Move(w.Ctx, listed.ID) // what let one go on may have let others
		if err != nil {
			return on, err
		}
		if !m.Step.Open() || m.Problem == "" {
			continue
		}
		w.Say("the move of store %s is tried again: %s", m.Store, short(errors.New(m.Problem)))
		if err := w.check("repeat move", w.Centre.Centre.RepeatMove(w.Ctx, "tester", m.ID)); err != nil {
			return on, err
		}
		on = true
	}
	return on, nil
}

// reopen opens a dispensary again where somebody is at home of whom a change was asked
// for, or to whom a repeat was handed out, as the site is told to. It reports whether
// that was so.
func (w *World) reopen() (opened bool, err error) {
	for _, n := range w.Nodes() {
		waiting, err := n.Processors.Exceptions(w.Ctx)
		if err != nil {
			return opened, err
		}
		for _, e := range waiting {
			kind, id, _ := strings.Cut(e.Record, "/")
			if e.Code != atoll.Rule || !strings.Contains(e.Message, "no dispensary store is open") {
				continue
			}
			asked, err := n.Record(w.Ctx, atoll.Key{Type: atoll.Type(kind), ID: atoll.ID(id)})
			if err != nil {
				return opened, err
			}
			who := "patient"
			if !asked.Fields.Has("patient_id") {
				who = "prescriber"
			}
			person, err := n.Record(w.Ctx, atoll.Key{Type: atoll.Type(who), ID: asked.Fields.ID(who + "_id")})
			if err != nil {
				return opened, err
			}
			home := person.Fields.ID("home_store_id")
			s, _ := w.Topology(w.Centre).Store(home)
			if s.Dispensary && !s.Disabled {
				continue
			}
			w.Say("store %s becomes a dispensary again: somebody is at home there", s.Code)
			err = w.Edit(w.Centre, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: home}, Fields: atoll.Fields{}.Set("mode", "dispensary")})
			if err == nil && s.Disabled {
				err = w.configure(central.Disable(home, false))
			}
			if err := w.check("dispensary", err); err != nil {
				return opened, err
			}
			opened = true
		}
	}
	return opened, nil
}

// settle lets all sites synchronise until none has anything more to say or to hear.
func (w *World) settle() error {
	for range mostCycles {
		if err := w.workJobs(); err != nil {
			return fmt.Errorf("in peace the centre cannot work on jobs: %w", err)
		}
		moved := 0
		for _, n := range w.Nodes()[1:] {
			c, err := n.Site.Cycle(w.Ctx)
			if w.storeless(n, err) {
				moved++
				continue
			}
			if err != nil {
				return fmt.Errorf("in peace a cycle of %s fails: %w", n.Name, err)
			}
			moved += c.Sent + c.Received + c.Retracted
			w.noteWaiting()
		}
		w.book()
		if moved == 0 {
			return nil
		}
		w.wind(w.at + 5)
	}
	return fmt.Errorf("the sites do not come to rest in %d rounds", mostCycles)
}

// dump writes the final databases into the trace.
func (w *World) dump() {
	for _, n := range w.Nodes() {
		w.trace.say("database", n.Name)
		if err := n.Store.View(w.Ctx, w.dumpOne); err != nil {
			w.Breach("sound", "the database of %s cannot be read: %v", n.Name, err)
		}
	}
}

func (w *World) dumpOne(r storage.Reader) error {
	for after := atoll.Position(0); ; {
		page, err := r.Changed(after, 1000)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, rec := range page {
			after = rec.Position
			w.trace.say("record", rec.Position, rec.Key, rec.Version, rec.Origin, rec.Deleted, rec.Hidden)
			w.trace.add("body", rec.Body)
		}
	}
	heads, err := r.Journals()
	if err != nil {
		return err
	}
	for _, site := range slices.Sorted(maps.Keys(heads)) {
		w.trace.say("journal", site, heads[site])
	}
	refusals, err := r.Refusals(0, false, 0, 0)
	for _, no := range refusals {
		w.trace.say("refusal", no.ID, no.Site, no.Seq, no.Code, no.Subject, no.State)
	}
	return err
}
