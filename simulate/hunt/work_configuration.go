package hunt

import (
	"encoding/json"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// configurationWork is what technicians change at the centre: who sees whom, who
// keeps copies, what the system and its stores prefer.
var configurationWork = []Work{
	{Name: "visibility", Words: "two stores become visible to each other, or no longer", Weight: 4, Do: visibility},
	{Name: "collector", Words: "a site gets a copy of a store, or no longer", Weight: 3, Do: collector},
	{Name: "managed only", Words: "a store is managed by the centre only, or no longer", Weight: 1, Do: managedOnly},
	{Name: "dispensary", Words: "a store becomes a dispensary, or no longer; its transactions go to the centre, or not", Weight: 1, Do: dispensary},
	{Name: "disable store", Words: "a store is closed, or opened again", Weight: 1, Do: disableStore},
	{Name: "preference", Words: "a preference of the system, or of a store, is set or cleared", Weight: 2, Do: preference},
}

// configure changes the configuration, as a technician at the centre does.
func (w *World) configure(c central.Configuration) error {
	if !w.Alive(w.Centre) {
		return ErrIdle
	}
	_, err := w.Centre.Centre.Configure(w.Ctx, "tester", c)
	return err
}

// twoStores are two stores as the centre knows them.
func (w *World) twoStores(d Dice) (a, b topology.Store, ok bool) {
	two := Some(d, 2, w.Topology(w.Centre).Stores())
	if len(two) < 2 {
		return a, b, false
	}
	return two[0], two[1], true
}

func visibility(w *World, d Dice) error {
	a, b, ok := w.twoStores(d)
	if !ok {
		return ErrIdle
	}
	sees := !w.Topology(w.Centre).Visible(a.ID, b.ID)
	if sees {
		w.Say("stores %s and %s become visible to each other", a.Code, b.Code)
	} else {
		w.Say("stores %s and %s lose sight of each other", a.Code, b.Code)
	}
	return w.configure(central.MakeVisible(a.ID, b.ID, sees))
}

func collector(w *World, d Dice) error {
	t := w.Topology(w.Centre)
	s, ok := Pick(d, t.Stores())
	at, there := Pick(d, t.Sites())
	if !ok || !there || at.ID == s.Site {
		return ErrIdle
	}
	collect := t.Instance(s.ID, at.ID).Type != topology.Collector
	w.Say("a copy of store %s at site %d: %t", s.Code, at.ID, collect)
	return w.configure(central.Collect(s.ID, at.ID, collect))
}

func managedOnly(w *World, d Dice) error {
	s, ok := Pick(d, w.Topology(w.Centre).Stores())
	if !ok {
		return ErrIdle
	}
	only := d.Chance(50)
	w.keepsApart(s, only)
	w.Say("store %s is managed only: %t", s.Code, only)
	return w.configure(central.ManageOnly(s.ID, only))
}

// keepsApart notes that others may have old data of the store from now on.
func (w *World) keepsApart(s topology.Store, apart bool) {
	if w.Apart == nil {
		w.Apart = map[atoll.ID]bool{}
	}
	if apart {
		w.Apart[s.ID] = true
	}
}

func dispensary(w *World, d Dice) error {
	s, ok := Pick(d, w.Topology(w.Centre).Stores())
	if !ok || !w.Alive(w.Centre) {
		return ErrIdle
	}
	if d.Chance(50) {
		mode := "dispensary"
		if s.Dispensary {
			mode = "store"
		}
		w.Say("store %s becomes a %s", s.Code, mode)
		return w.Edit(w.Centre, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "store", ID: s.ID}, Fields: atoll.Fields{}.Set("mode", mode)})
	}
	include := d.Chance(70)
	w.keepsApart(s, !include)
	w.Say("the transactions of store %s go to the centre: %t", s.Code, include)
	_, err := w.Centre.Centre.IncludeTransactions(w.Ctx, "tester", s.ID, include, "as the story has it", false)
	return err
}

func disableStore(w *World, d Dice) error {
	s, ok := Pick(d, w.Topology(w.Centre).Stores())
	if !ok {
		return ErrIdle
	}
	disabled := d.Chance(40)
	w.Say("store %s is closed: %t", s.Code, disabled)
	return w.configure(central.Disable(s.ID, disabled))
}

// preference sets or clears one, where it is decided.
func preference(w *World, d Dice) error {
	p, _ := Pick(d, catalogue.Preferences)
	kind, n := atoll.Type("preference"), w.At(w.Topology(w.Centre).Primary())
	f := atoll.Fields{}.Set("key", p.Key)
	if p.Store && (!p.System || d.Chance(50)) {
		s, ok := Pick(d, w.Topology(w.Centre).Stores())
		if !ok {
			return ErrIdle
		}
		kind, n = "store_preference", w.Centre
		f.Set("store_id", s.ID)
	}
	if n == nil || !w.Works(n) {
		return ErrIdle
	}
	v := preferred(d, p)
	for _, old := range w.List(n, kind, "key", p.Key) {
		if old.Fields.ID("store_id") != f.ID("store_id") {
			continue
		}
		w.Say("%s sets %s to %s", n.Name, p.Key, v)
		return w.Edit(n, journal.Proposal{Verb: atoll.Update, Key: old.Key, Fields: atoll.Fields{"value": v}})
	}
	f["value"] = v
	w.Say("%s sets %s to %s", n.Name, p.Key, v)
	return w.Edit(n, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: w.NewID(n)}, Fields: f})
}

// preferred is a value that the preference may have.
func preferred(d Dice, p catalogue.Preference) json.RawMessage {
	switch p.Kind {
	case "yes/no":
		return json.RawMessage(strconv.FormatBool(d.Chance(50)))
	case "number":
		return json.RawMessage(strconv.Itoa(d.Between(0, 60)))
	case "choice":
		v, _ := Pick(d, p.Values)
		return json.RawMessage(strconv.Quote(v))
	default:
		return json.RawMessage(p.Default)
	}
}
