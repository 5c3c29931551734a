package hunt

import (
	"github.com/atollsync/atoll/handover"
)

// moveWork is stores that move from site to site.
var moveWork = []Work{
	{Name: "move store", Words: "a store begins to move to another site", Weight: 2, Do: moveStore},
	{Name: "repeat move", Words: "a move that is under way is tried again", Weight: 1, Do: repeatMove},
	{Name: "abort move", Words: "a move that is under way is called off", Weight: 1, Do: abortMove},
	{Name: "force move", Words: "a store moves without the site it leaves", Weight: 1, Do: forceMove},
}

func moveStore(w *World, d Dice) error {
	t := w.Topology(w.Centre)
	s, ok := Pick(d, t.Stores())
	to, there := Pick(d, t.Sites())
	if !ok || !there || to.ID == s.Site || !w.Alive(w.Centre) {
		return ErrIdle
	}
	o := handover.Order{Store: s.ID, To: to.ID, KeepCopy: d.Chance(40), Limited: d.Chance(20), Reason: "as the story has it"}
	w.Say("store %s is to move from site %d to site %d", s.Code, s.Site, to.ID)
	_, _, err := w.Centre.Centre.StartMove(w.Ctx, "tester", o, false)
	return err
}

func repeatMove(w *World, d Dice) error {
	m, ok := Pick(d, w.Topology(w.Centre).Moves())
	if !ok || !w.Alive(w.Centre) {
		return ErrIdle
	}
	w.Say("the move to site %d is tried again", m.To)
	return w.Centre.Centre.RepeatMove(w.Ctx, "tester", m.ID)
}

func abortMove(w *World, d Dice) error {
	m, ok := Pick(d, w.Topology(w.Centre).Moves())
	if !ok || !w.Alive(w.Centre) {
		return ErrIdle
	}
	w.Say("the move to site %d is called off", m.To)
	return w.Centre.Centre.AbortMove(w.Ctx, "tester", m.ID)
}

// forceMove takes a store from a site that is not heard of. What that site did since
// is fenced: it waits in quarantine, and somebody signed for it.
func forceMove(w *World, d Dice) error {
	m, ok := Pick(d, w.Topology(w.Centre).Moves())
	if !ok || !w.Alive(w.Centre) {
		return ErrIdle
	}
	w.Say("the move from site %d to site %d is forced", m.From, m.To)
	before, _ := w.Topology(w.Centre).Store(m.Store)
	w.found(func() {
		if now, _ := w.Topology(w.Centre).Store(m.Store); now.Epoch != before.Epoch {
			w.Fenced(m.From, "a store was taken from it by force")
		}
	})
	return w.Centre.Centre.ForceMove(w.Ctx, "tester", m.ID, "the director")
}
