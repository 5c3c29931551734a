package hunt

import (
	"cmp"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
)

// centreFaults are what happens to the centre's disk.
var centreFaults = []Fault{
	{
		Name: "centre-restored", Words: "the centre's disk is put back to an old image, as a file or by its own restore; a person takes back what sites hold of what it lost",
		Usual: 0, Apart: true, Swaps: true, Event: centreRestored,
	},
}

// centreRestored puts the centre back to an image. What its sites have, it must have
// again in the end; of what it made itself since, what no site holds cannot come back
// (decision 0016). A site that loses its own database at the same time is beyond that
// decision too, which is why the centre's images are forgotten when one does: what the
// product does then has its own test, of R-M-03.
func centreRestored(w *World, d Dice) error {
	image, ok := Pick(d, w.images[w.Centre.Name])
	if !ok {
		return ErrIdle
	}
	own := d.Chance(50)
	if own {
		w.Struck("centre-restored", "the centre is restored from a backup")
	} else {
		w.Struck("centre-restored", "the centre's disk is put back to an old image")
	}
	_, err := w.put(w.Centre, image.Copy(), func(disk *memory.Disk) error {
		if !own {
			return nil
		}
		store := memory.Open(disk, memory.Options{Now: w.Centre.Clock.Now})
		s := station.New(w.Centre.Identity, station.Options{Store: store, Catalogue: w.Centre.Catalogue, Now: w.Centre.Clock.Now})
		c := central.New(central.Options{Store: store, Door: s.Door, System: simulate.System, Now: w.Centre.Clock.Now, App: "test"})
		if err := c.Renew(w.Ctx); err != nil {
			return err
		}
		return store.Close()
	})
	if err != nil {
		return err
	}
	w.Say("%d entries are gone", w.lose("the centre was put back to an old image of its disk"))
	w.recount()
	w.forgave()
	for _, n := range w.Nodes()[1:] {
		w.uninformed[n.Identity.Site] = true
	}
	return nil
}

// forget notes what an entry that is gone for good had changed, if it is one of the
// centre's own: no site sends those again.
func (w *World) forget(site atoll.SiteID, je storage.JournalEntry) {
	if site != atoll.CentreID {
		return
	}
	e, err := atoll.DecodeEntry(je.Content)
	if err != nil {
		return
	}
	for _, op := range e.Operations {
		w.forgot[op.Key] = w.forgot[op.Key].Apply(op.Fields)
	}
}

// forgotten says which record that the centre lost a refused entry builds on: one that
// it changes or names, or one that decided who may write it.
func (w *World) forgotten(r storage.Refusal) (atoll.Key, bool) {
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil || len(w.forgot) == 0 {
		return atoll.Key{}, false
	}
	for _, op := range e.Operations {
		keys := []atoll.Key{op.Key}
		before := w.fieldsAt(op.Key)
		for _, fields := range []atoll.Fields{before, before.Apply(op.Fields)} {
			for _, ref := range w.Catalogue.References(op.Type, fields) {
				keys = append(keys, atoll.Key{Type: ref.To, ID: ref.ID})
			}
		}
		if def, ok := w.Catalogue.Lookup(op.Type); ok && def.Area != "" {
			for _, domain := range []string{def.Area, rights.All} {
				keys = append(keys, rights.Key(domain))
			}
		}
		for _, key := range keys {
			if _, lost := w.forgot[key]; lost {
				return key, true
			}
		}
		if key, lost := w.sightLost(op); lost && r.Code == atoll.NotVisible {
			return key, true
		}
	}
	return atoll.Key{}, false
}

// fieldsAt are the fields of a record as the centre has it, none if it has not.
func (w *World) fieldsAt(key atoll.Key) (f atoll.Fields) {
	_ = w.Centre.Store.View(w.Ctx, func(v storage.Reader) error {
		if rec, err := v.Record(key); err == nil && !rec.Deleted {
			f = rec.MustFields()
		}
		return nil
	})
	return f
}

// sightLost says which visibility between the two stores of a document was forgotten.
func (w *World) sightLost(op atoll.Operation) (atoll.Key, bool) {
	doc := w.fieldsAt(op.Key).Apply(op.Fields)
	a, b := doc.ID("store_id"), doc.ID("partner_store_id")
	for _, key := range slices.SortedFunc(maps.Keys(w.forgot), func(x, y atoll.Key) int { return cmp.Compare(x.String(), y.String()) }) {
		if f := w.fieldsAt(key).Apply(w.forgot[key]); key.Type == "name_store_join" && f.ID("store_id") == a && f.ID("partner_store_id") == b {
			return key, true
		}
	}
	return atoll.Key{}, false
}

// strand notes records of which readers may hold versions that do not stand again: the
// centre sent them out before it was restored, and cannot take them a second time. Those
// readers find them by the digests (decision 0016).
func (w *World) strand(keys []atoll.Key) {
	if w.Stranded == nil {
		w.Stranded = map[atoll.Key]bool{}
	}
	for _, key := range keys {
		w.Stranded[key] = true
	}
}

// dayOn lets a day go by after which sites look again into a difference that they could
// not settle when they saw it first: a change of the record was under way then. It
// reports whether there was reason to.
func (w *World) dayOn() bool {
	if len(w.Stranded) == w.waited {
		return false
	}
	w.waited = len(w.Stranded)
	w.wind(w.at + 25*60)
	w.Say("a day goes by")
	return true
}

// takeBack settles what sites hold of what the centre lost, as a person would: all
// of it is taken back that can be, and the rest is left. It reports whether there was
// any.
func (w *World) takeBack() (bool, error) {
	rows, _, err := w.Centre.Centre.FoundRecords(w.Ctx)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	taken, err := w.Centre.Centre.TakeBack(w.Ctx, "tester", "the centre was restored")
	if err != nil {
		return false, err
	}
	left, err := w.Centre.Centre.LeaveFound(w.Ctx, "it cannot be taken back")
	w.Say("the centre takes back %d records that sites held, and leaves %d", len(taken)-left, left)
	for _, t := range taken {
		if t.Err != nil {
			w.Say("%s is left: %s", t.Key, t.Err)
		}
	}
	return true, err
}
