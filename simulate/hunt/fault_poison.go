package hunt

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// poisonFaults are things that should not be where they are.
var poisonFaults = []Fault{
	{
		Name: "poison", Words: "a site's journal or what it has received holds something that nobody can read or take; it is set apart and stops nothing",
		Usual: 2, Apart: true, Event: poison, Kinds: []string{"type", "field", "value", "size", "unreadable", "received type", "received unreadable"}, Peace: poisonPeace,
	},
}

// poison puts an entry into a site's journal that its own program would not have
// made, or a record among what it has received.
func poison(w *World, d Dice) error {
	n, ok := Pick(d, w.Nodes()[1:])
	if !ok || !w.Works(n) {
		return ErrIdle
	}
	if d.Chance(30) {
		return w.poisonStage(n, d)
	}
	key := atoll.Key{Type: "name", ID: w.NewID(n)}
	op := atoll.Operation{Verb: atoll.Insert, Key: key, Version: 1, Fields: atoll.Fields{}.Set("name", "poison")}
	way, words, raw := "", "", []byte(nil)
	switch d.IntN(5) {
	case 0:
		way, words, op.Key.Type = "type", "of a type that nobody knows", "poison"
	case 1:
		way, words, op.Fields = "field", "with a field that nobody knows", atoll.Fields{}.Set("name", "poison").Set("venom", 7)
	case 2:
		way, words, op.Fields = "value", "with a field of the wrong kind", atoll.Fields{}.Set("name", atoll.Fields{}.Set("a", 1))
	case 3:
		way, words, op.Fields = "size", "that is too large", atoll.Fields{}.Set("name", strings.Repeat("poison ", atoll.MaxBody/7+1))
	default:
		way, words, raw = "unreadable", "that nobody can read", []byte("{\"time\":\"poison")
	}
	content := raw
	if content == nil {
		e := atoll.Entry{Time: n.Clock.Now(), Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Catalogue: n.Catalogue.Version(), Operations: []atoll.Operation{op}}
		content = e.Encode()
	}
	w.StruckBy("poison", way)
	w.Struck("poison", "the journal of %s holds an entry %s", n.Name, words)
	own := n.Identity.Site
	return n.Store.Update(w.Ctx, func(tx storage.Tx) error {
		head, err := tx.Head(own)
		if err != nil {
			return err
		}
		e := storage.JournalEntry{Site: own, Timeline: head.Timeline, Seq: head.Seq + 1, Content: content, Received: n.Clock.Now()}
		e.Hash = atoll.Chain(head.Hash, own, e.Timeline, e.Seq, atoll.Digest(content))
		w.Provoked(e.Hash, atoll.Origin{Site: own, Seq: e.Seq}, "it is poison")
		return tx.Append(e)
	})
}

// poisonStage puts something among what a site has received and not yet integrated.
func (w *World) poisonStage(n *Node, d Dice) error {
	it := storage.StagedItem{Key: atoll.Key{Type: "poison", ID: w.NewID(n)}, Position: 1, Payload: []byte(`{"version":1,"origin":{"site":1,"seq":1},"body":"e30="}`)}
	way := "received type"
	if d.Chance(50) {
		way = "received unreadable"
		it.Key.Type, it.Payload = "name", []byte(`{"version":`)
	}
	w.StruckBy("poison", way)
	w.Struck("poison", "%s has received a record that nobody can take", n.Name)
	err := n.Store.Update(w.Ctx, func(tx storage.Tx) error { return tx.Stage(integrate.LaneNormal, it) })
	w.poisoned = append(w.poisoned, poisoned{n.Name, w.database[n.Name], it.Key, err == nil})
	return err
}

// poisoned is a record that was put among what a node has received.
type poisoned struct {
	name     string
	database int // of that name
	key      atoll.Key
	sure     bool // the disk said so; if it did not, it may be there or not
}

// poisonPeace takes out what waits alone, as a person would who has seen it. It must
// still be there: what cannot be taken is kept, and shown.
func poisonPeace(w *World) {
	for _, p := range w.poisoned {
		for _, n := range w.Nodes()[1:] {
			if n.Name != p.name {
				continue
			}
			err := n.Store.Update(w.Ctx, func(tx storage.Tx) error {
				waits := false
				for _, lane := range []string{integrate.LaneNormal, integrate.LaneWaiting} {
					items, err := tx.Staged(lane, p.key.Type, storage.StagedPlace{}, 0)
					if err != nil {
						return err
					}
					waits = waits || slices.ContainsFunc(items, func(it storage.StagedItem) bool { return it.Key == p.key })
					if err := tx.Unstage(lane, p.key); err != nil {
						return err
					}
				}
				if !waits && p.sure && w.database[p.name] == p.database {
					w.Breach("kept", "%s received %s, which it cannot take, and does not have it any more", n.Name, p.key)
				}
				_, there, err := journal.View{RecordReader: tx}.Record(p.key)
				if there {
					w.Breach("kept", "%s took %s, which is poison", n.Name, p.key)
				}
				return err
			})
			if err != nil {
				w.Breach("sound", "what %s cannot take cannot be taken out: %v", n.Name, err)
			}
		}
	}
	w.poisoned = nil
}
