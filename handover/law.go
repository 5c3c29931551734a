package handover

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/topology"
)

// Rules are the laws of stores that move.
func Rules() []admit.Rule {
	return []admit.Rule{inOneHand, primaryCloses, movedByMove, switched, forward}
}

// inOneHand is the law that while a store moves nobody edits what belongs to it:
// not on the site it leaves, which has said that it sent all it had; not on the
// site it goes to, which does not have all of it yet (R-H-30 2 and 9, R-H-31). It
// is asked where an edit is made: what the site it leaves did before it knew
// arrives in good time, and what comes later comes under an old epoch (R-H-32). What
// a site may only ask the centre for, because the store is active there, is bound too:
// once the store has gone, the site has no right to ask.
func inOneHand(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if !c.Here {
		return nil
	}
	for _, m := range t.Moves() {
		for _, f := range []atoll.Fields{c.Old, c.New} {
			if f == nil {
				continue
			}
			s, err := admit.SubjectOf(w, c.Def, c.Op.Key, f)
			if err != nil {
				return err
			}
			if authority.Bound(t, c.By, c.Op.Verb, s, m.Store) {
				return Locked(t, m).About(c.Op.Key)
			}
		}
	}
	return nil
}

// Locked is why a store that moves cannot be edited, in words for its users.
func Locked(t *topology.Topology, m topology.Move) *atoll.Error {
	s, _ := t.Store(m.Store)
	if m.Step == topology.Backfill {
		return atoll.Errorf(atoll.Rule, "%s is on its way here: it can be worked in when all its data has arrived and was compared", s.Name).
			Do("synchronise and wait; nothing is lost").Because("move.arriving", "store", s.Name)
	}
	return atoll.Errorf(atoll.Rule, "%s is being moved to %s: nobody can work in it here any longer", s.Name, siteName(t, m.To)).
		Do("work in it goes on there; if the move is called off, it goes on here").Because("move.leaving", "store", s.Name, "site", siteName(t, m.To))
}

// primaryCloses is the law that while the primary changes nobody edits central
// data: not who did, who has said what there is; not who will, who is being compared
// with that (R-H-50). What is delegated goes on where it is.
func primaryCloses(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	to, closing := t.NextPrimary()
	if !closing || !c.Here || authority.Editor(t, c.Def) != catalogue.ByPrimary {
		return nil
	}
	f := c.New
	if f == nil {
		f = c.Old
	}
	s, err := admit.SubjectOf(w, c.Def, c.Op.Key, f)
	if err != nil {
		return err
	}
	if owner, err := authority.OwnerOf(t, s, 0); err != nil || owner.Site != t.Primary() {
		return nil //nolint:nilerr // the check of ownership says it better
	}
	return atoll.Errorf(atoll.Rule, "the right to edit central data is going to %s: nobody edits it until it is there", siteName(t, to)).
		About(c.Op.Key).Do("wait for the job, or call it off: atoll job list").Because("primary.moving", "site", siteName(t, to))
}

func siteName(t *topology.Topology, id atoll.SiteID) string {
	if id == t.Centre() {
		return "the central server"
	}
	if s, ok := t.Site(id); ok && s.Name != "" {
		return "site " + id.String() + ", " + s.Name
	}
	return "site " + id.String()
}

// movedByMove is the law that a store that moves changes its site by its move and
// by nothing else (R-C-10, R-C-110).
func movedByMove(t *topology.Topology, _ admit.World, entry []admit.Change, c admit.Change) error {
	if c.Op.Type != "store" || c.Old == nil || c.New == nil || c.Old.Int("site_id") == c.New.Int("site_id") {
		return nil
	}
	m, moving := t.Moving(c.Op.ID)
	if !moving || slices.ContainsFunc(entry, func(o admit.Change) bool { return o.Op.Key == atoll.Key{Type: moveType, ID: m.ID} }) {
		return nil
	}
	return atoll.Errorf(atoll.Rule, "the store is being moved to %s", siteName(t, m.To)).On("site_id").
		Do("wait for the move, or call it off: atoll move abort %s", m.ID).Because("move.under_way", "site", siteName(t, m.To))
}

// switched is the law that a move that says so has switched its store (R-H-30 4): a
// restored centre may take back the one without the other. One that is read back as over
// may have been followed by others.
func switched(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Type != moveType || !c.Here || c.New == nil {
		return nil
	}
	before, after := topology.Step(c.Old.Text("step")), topology.Step(c.New.Text("step"))
	switch {
	case before != "" && before != topology.Freeze:
		return nil
	case after == topology.Backfill, after == topology.Moved && before == topology.Freeze:
	default:
		return nil
	}
	r, there, err := w.Record(atoll.Key{Type: "store", ID: c.New.ID("store_id")})
	if err != nil || !there {
		return err
	}
	s, err := r.Fields()
	if err != nil || s.Int("site_id") == c.New.Int("to_site") {
		return err
	}
	at := siteName(t, atoll.SiteID(s.Int("site_id")))
	return atoll.Errorf(atoll.Rule, "the store has not changed its site with the move: it is active at %s", at).
		On("step").Do("leave the move that was lost, and move the store again: atoll move start").Because("move.not_switched", "site", at)
}

// forward is the law that a move goes from step to step, that a store has one move
// at a time, and that one which ended stays ended (R-H-35).
func forward(t *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Type != moveType || c.New == nil {
		return nil
	}
	before, after := topology.Step(""), topology.Step(c.New.Text("step"))
	if c.Old != nil {
		before = topology.Step(c.Old.Text("step"))
	}
	if !after.Follows(before) {
		return atoll.Errorf(atoll.Rule, "a move at step %q cannot go to %q", before, after).On("step").
			Do("after the store has changed its site only a move back is possible").Because("move.step")
	}
	if m, moving := t.Moving(c.New.ID("store_id")); c.Old == nil && moving && m.ID != c.Op.ID {
		return atoll.Errorf(atoll.Rule, "the store is being moved to %s already", siteName(t, m.To)).On("store_id").
			Do("see: atoll move show %s", m.ID).Because("move.under_way", "site", siteName(t, m.To))
	}
	return nil
}
