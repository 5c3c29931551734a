package hunt

import (
	"errors"

	"github.com/atollsync/atoll"
)

// syncWork is sites that synchronise.
var syncWork = []Work{
	{Name: "sync", Words: "a site synchronises", Weight: 30, Basic: true, Do: synchronise},
	{Name: "sync all", Words: "every site synchronises", Weight: 2, Basic: true, Do: synchroniseAll},
	{Name: "away", Words: "a site has no line for a while", Weight: 1, Do: goAway},
}

func synchronise(w *World, d Dice) error {
	n, ok := Pick(d, w.Sites())
	if !ok {
		return ErrIdle
	}
	return w.Cycle(n)
}

func synchroniseAll(w *World, d Dice) error {
	for _, n := range Some(d, len(w.Sites()), w.Sites()) {
		if err := w.Cycle(n); err != nil && !passing(err) {
			return err
		}
	}
	return nil
}

// goAway takes a site off the line for up to two months of the story.
func goAway(w *World, d Dice) error {
	n, ok := Pick(d, w.Sites())
	if !ok {
		return ErrIdle
	}
	minutes := d.Between(600, 60*1440)
	w.away[n.Identity.Site] = w.at + minutes
	w.Say("%s has no line for %d days", n.Name, minutes/1440)
	return nil
}

// Sites are the remote sites whose programs run, by number.
func (w *World) Sites() []*Node {
	var out []*Node
	for _, n := range append(w.Nodes()[1:], w.copies()...) {
		if w.Alive(n) {
			out = append(out, n)
		}
	}
	return out
}

// Cycle lets a site synchronise, as its program does by itself.
func (w *World) Cycle(n *Node) error {
	if !w.Alive(n) || !w.peaceful && w.away[n.Identity.Site] > w.at {
		return ErrIdle
	}
	c, err := n.Site.Cycle(w.Ctx)
	w.Say("%s synchronises: %d up, %d down", n.Name, c.Offered, c.Received)
	if w.turnedAway(n, err) || w.storeless(n, err) {
		return nil
	}
	return err
}

// meanwhile is what happens in the middle of a site's request: another site
// synchronises, or somebody edits, there or at the centre.
func (w *World) meanwhile(busy atoll.SiteID) {
	w.depth++
	defer func() { w.depth-- }()
	d := w.FaultDice("interleaved")
	var others []*Node
	for _, n := range w.Sites() {
		if n.Identity.Site != busy {
			others = append(others, n)
		}
	}
	if n, ok := Pick(d, others); ok && d.Chance(60) {
		w.Struck("interleaved", "meanwhile")
		if err := w.Cycle(n); err != nil && !passing(err) && !errors.Is(err, ErrIdle) {
			_ = w.check("interleaved", err)
		}
		return
	}
	work, ok := Pick(d, recordWork)
	if !ok {
		return
	}
	w.Struck("interleaved", "meanwhile")
	w.tally.count(work.Name, w.check(work.Name, work.Do(w, d)))
}
