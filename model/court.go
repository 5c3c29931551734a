package model

import (
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// court asks the program's judge about edits of the record of the store that moves,
// and remembers what it said: the same question is asked in thousands of states.
type court struct {
	faults    MoveFaults
	judge     *admit.Judge
	store     atoll.ID
	record    atoll.Record
	def       *catalogue.Def
	maps      map[view]*topology.Topology
	edits     map[question]verdict
	admitted  map[question]verdict
	handed    map[question]bool
	subscribe map[question]bool
	bodies    [256][]byte
}

type question struct {
	view        view
	site, epoch uint8
	same        bool
}

type verdict struct {
	epoch uint8
	may   bool
}

func newCourt(f MoveFaults) *court {
	c := &court{
		faults: f, judge: &admit.Judge{Catalogue: catalogue.Embedded(), Rules: handover.Rules()}, store: atoll.DeriveID("the store that moves"),
		maps: map[view]*topology.Topology{}, edits: map[question]verdict{}, admitted: map[question]verdict{},
		handed: map[question]bool{}, subscribe: map[question]bool{},
	}
	if f.NoFreeze {
		c.judge.Rules = nil
	}
	c.def, _ = c.judge.Catalogue.Lookup("location")
	c.record = atoll.Record{
		Key: atoll.Key{Type: "location", ID: atoll.DeriveID("the record")}, Version: 1, Origin: atoll.Origin{Site: 2, Seq: 1},
		Body: atoll.Fields{}.Set("store_id", c.store).Set("code", "A1").Set("name", "Shelf").Encode(),
	}
	for i := range c.bodies {
		c.bodies[i] = []byte{byte(i)}
	}
	return c
}

func (c *court) body(v version) []byte { return c.bodies[v.Set] }

// topology is the configuration as somebody with the view knows it.
func (c *court) topology(v view) *topology.Topology {
	v.Want = none // it shapes nothing
	if t, ok := c.maps[v]; ok {
		return t
	}
	records := []atoll.Record{
		row("system", "system", atoll.Fields{}.Set("centre", 1).Set("primary", 1)),
		row("site", "2", atoll.Fields{}.Set("number", 2).Set("name", "Two")),
		row("site", "3", atoll.Fields{}.Set("number", 3).Set("name", "Three")),
		{Key: atoll.Key{Type: "store", ID: c.store}, Body: atoll.Fields{}.Set("code", "S").Set("name", "Store").
			Set("site_id", int(v.At)).Set("epoch", int(v.Epoch)).Encode()},
	}
	if v.Move != 0 {
		records = append(records, row("store_move", "move", atoll.Fields{}.Set("store_id", c.store).Set("from_site", int(v.From)).
			Set("to_site", int(v.To)).Set("step", string(v.step())).Set("attempt", int(v.Attempt))))
	}
	c.maps[v] = build(records)
	return c.maps[v]
}

// here says whether the site may edit the record now, and under which epoch.
func (c *court) here(v view, site uint8) (epoch uint8, may bool) {
	v.Want = none
	q := question{view: v, site: site}
	if a, ok := c.edits[q]; ok {
		return a.epoch, a.may
	}
	t := c.topology(v)
	owner, err := authority.MayWrite(t, atoll.SiteID(site), atoll.Update, c.subject())
	a := verdict{epoch: uint8(owner.Epoch)}
	if err == nil {
		a.may = c.ask(t, site, a.epoch, true, true)
	}
	c.edits[q] = a
	return a.epoch, a.may
}

// stands says whether the centre takes an edit of the site: made under an epoch, and
// building on the version that stands, or not.
func (c *court) stands(v view, site, epoch uint8, same bool) bool {
	v.Want = none
	q := question{v, site, epoch, same}
	if a, ok := c.admitted[q]; ok {
		return a.may
	}
	t := c.topology(v)
	if c.faults.EpochUnchecked || c.faults.OwnerUnchecked {
		if owner, err := authority.OwnerOf(t, c.subject(), atoll.SiteID(site)); err == nil {
			epoch = uint8(owner.Epoch)
		}
	}
	by := site
	if c.faults.OwnerUnchecked {
		by = v.At
	}
	c.admitted[q] = verdict{may: c.ask(t, by, epoch, same || c.faults.OwnerUnchecked, false)}
	return c.admitted[q].may
}

func (c *court) ask(t *topology.Topology, site, epoch uint8, same, here bool) bool {
	op := atoll.Operation{
		Verb: atoll.Update, Key: c.record.Key, Version: 2, Base: c.record.Origin, Epoch: uint64(epoch), Fields: atoll.Fields{}.Set("comment", "changed"),
	}
	if !same {
		op.Base.Seq = 99
	}
	_, err := c.judge.Entry(t, world{c}, atoll.Origin{Site: atoll.SiteID(site)}, []atoll.Operation{op}, here)
	var no *admit.Refusal
	if err != nil && !errors.As(err, &no) {
		panic(err) // a defect of the model
	}
	return err == nil
}

func (c *court) subject() authority.Subject {
	return authority.Subject{Def: c.def, Key: c.record.Key, Fields: c.record.MustFields()}
}

// holds says whether the record is in the site's own hand.
func (c *court) holds(v view, site uint8) bool {
	v.Want = none
	q := question{view: v, site: site}
	if a, ok := c.handed[q]; ok {
		return a
	}
	t := c.topology(v)
	c.handed[q] = authority.Holds(t, c.subject(), atoll.SiteID(site))
	return c.handed[q]
}

// entitled says whether the site reads the store's audience.
func (c *court) entitled(v view, site uint8) bool {
	v.Want = none
	q := question{view: v, site: site}
	if a, ok := c.subscribe[q]; ok {
		return a
	}
	c.subscribe[q] = slices.Contains(c.topology(v).Subscription(atoll.SiteID(site)), atoll.StoreAudience(c.store))
	return c.subscribe[q]
}

// world is the judge's world: the record, as it stands.
type world struct{ *court }

func (w world) Record(key atoll.Key) (atoll.Record, bool, error) {
	return w.record, key == w.record.Key, nil
}

func (w world) Lines(atoll.Type, string, atoll.ID) ([]atoll.Record, error) { return nil, nil }

// fate is what the program's journal does with an arrival at a site.
func (c *court) fate(x mover, site uint8, a answer) journal.Outcome {
	var before *atoll.Record
	if x.Rec != none {
		before = &atoll.Record{Origin: x.Rec.origin(), Version: x.Rec.number(), Hidden: x.Hidden, Body: c.body(x.Rec)}
	}
	arrival := journal.Arrival{
		Record: atoll.Record{Origin: a.Rec.origin(), Version: a.Rec.number(), Body: c.body(a.Rec)}, Gone: a.Gone, Forced: a.Forced, Pushed: uint64(x.Ack),
	}
	outcome, err := journal.Fate(atoll.SiteID(site), before, arrival, func() (bool, error) { return c.holds(x.View, site), nil })
	if err != nil {
		panic(err) // a defect of the model
	}
	return outcome
}
