package hunt

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
)

// centreFaults are what happens to the centre's disk.
var centreFaults = []Fault{
	{
		Name: "centre-restored", Words: "the centre's disk is put back to an old image, as a file or by its own restore; a person takes back what sites hold of what it lost",
		Usual: 1, Apart: true, Swaps: true, Event: centreRestored,
	},
}

// centreRestored puts the centre back to an image. What its sites have, it must have
// again in the end; of what it made itself since, what no site holds cannot come back
// (decision 0016). A site that loses its own database at the same time is beyond that
// decision too, which is why the centre's images are forgotten when one does, and none does
// before it has synchronised with the restored centre: what the product does then has its
// own test, of R-M-03. So is a centre that forgets a site it had enrolled, which enrols
// again (R-H-10), or which of two machines is the site (docs/model/restores.md).
func centreRestored(w *World, d Dice) error {
	image, ok := Pick(d, w.images[w.Centre.Name])
	if !ok || len(w.clones) > 0 {
		return ErrIdle
	}
	own := d.Chance(50)
	if own {
		w.Struck("centre-restored", "the centre is restored from a backup")
	} else {
		w.Struck("centre-restored", "the centre's disk is put back to an old image")
	}
	gone := w.disks.(memoryDisks)[w.Centre.Name] //nolint:forcetypeassert // only these have images
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
	return w.onDiskOf(w.Centre, func(at storage.Reader) error {
		if err := w.mistaken(at); err != nil {
			return err
		}
		return onDisk(w.Ctx, gone, func(lost storage.Reader) error { return w.strand(at, lost) })
	})
}

// mistaken are sites that have initialised again since the centre's image was taken: it
// knows the database before as theirs, and may refuse the present one (decision 0016).
func (w *World) mistaken(at storage.Reader) error {
	for _, n := range w.Nodes()[1:] {
		known, err := central.State(at, n.Identity.Site)
		if err != nil {
			return err
		}
		err = w.onDiskOf(n, func(r storage.Reader) error {
			head, err := r.Head(n.Identity.Site)
			if err == nil && known.Timeline != "" && head.Timeline != known.Timeline && w.old[n.Name] == nil {
				w.old[n.Name] = &outdated{}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// strand notes of which records the restored centre cannot tell a site how they are:
// versions that it has lost, records that it had shown to the site or taken from it by an
// entry that it has lost, before or after they came there, and what it had refused, which
// the site gave up and sends again. Sites find them by the digests (decision 0016), and
// what they found they go on telling of: what an earlier restore had stranded stays noted.
func (w *World) strand(at, lost storage.Reader) error {
	w.lacked = map[atoll.Key]bool{}
	if w.Stranded == nil {
		w.Stranded = map[simulate.Strand]bool{}
	}
	now, err := w.Centre.Door.Topology(at)
	if err != nil {
		return err
	}
	before, err := w.Centre.Door.Topology(lost)
	if err != nil {
		return err
	}
	for _, n := range w.Nodes()[1:] {
		site := n.Identity.Site
		due := dueTo(now.Subscription(site))
		known, err := at.Head(site)
		if err != nil {
			return err
		}
		err = w.onDiskOf(n, func(r storage.Reader) error {
			for key, is := range givenUp(r, site, known.Seq) {
				w.lacked[key] = true
				if is {
					w.Stranded[simulate.Strand{Site: site, Key: key}] = true
				}
			}
			return every(r, func(have atoll.Record) error {
				want, err := at.Record(have.Key)
				if err != nil || want.Origin != have.Origin || have.Hidden || !due(want) {
					w.Stranded[simulate.Strand{Site: site, Key: have.Key}] = true
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		wasDue := dueTo(before.Subscription(site))
		err = every(at, func(want atoll.Record) error {
			if was, err := lost.Record(want.Key); due(want) && (err != nil || !wasDue(was)) {
				w.Stranded[simulate.Strand{Site: site, Key: want.Key}] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	w.waits = len(w.Stranded) > 0
	return nil
}

// dueTo tells the records that a reader with the subscription is to have.
func dueTo(entitled []atoll.Audience) func(atoll.Record) bool {
	return func(r atoll.Record) bool {
		return slices.ContainsFunc(r.Audiences, func(a atoll.Audience) bool { return slices.Contains(entitled, a) })
	}
}

// givenUp are the records that the site changed in an entry after the one known: true for
// those that it does not have as it last made them.
func givenUp(r storage.Reader, site atoll.SiteID, known uint64) map[atoll.Key]bool {
	out := map[atoll.Key]bool{}
	for {
		page, err := r.Entries(site, known, 1000, 64<<20)
		if err != nil || len(page) == 0 {
			return out
		}
		for _, je := range page {
			known = je.Seq
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				continue // a poisoned one
			}
			for _, op := range e.Operations {
				key := atoll.Key{Type: op.Type, ID: op.ID}
				rec, err := r.Record(key)
				out[key] = err != nil || rec.Hidden || rec.Origin != (atoll.Origin{Site: site, Seq: je.Seq})
			}
		}
	}
}

// every calls fn with each record of a database.
func every(r storage.Reader, fn func(atoll.Record) error) error {
	for after := atoll.Position(0); ; {
		page, err := r.Changed(after, 1000)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, rec := range page {
			after = rec.Position
			if err := fn(rec); err != nil {
				return err
			}
		}
	}
}

// dayOn lets a day go by, after which sites look again into a difference that they
// could not settle when they saw it first: a change of the record was under way then.
// It reports whether there was reason to.
func (w *World) dayOn() bool {
	if !w.waits {
		return false
	}
	w.waits = false
	w.wind(w.at + 25*60)
	w.Say("a day goes by")
	return true
}

// takeBack makes the centre's own again what sites hold of what it lost, as a person
// would: all that can be. It reports whether there was any.
func (w *World) takeBack() (bool, error) {
	rows, _, err := w.Centre.Centre.FoundRecords(w.Ctx)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	taken, err := w.Centre.Centre.TakeBack(w.Ctx, "tester", "the centre was restored")
	n := 0
	for _, t := range taken {
		if t.Err == nil {
			n++
		}
	}
	if n > 0 {
		w.Say("the centre takes back %d records that sites held", n)
		clear(w.retried) // what builds on them may stand now
	}
	return n > 0, err
}

// leave lets go of what cannot be taken back, and says why.
func (w *World) leave() (bool, error) {
	taken, err := w.Centre.Centre.TakeBack(w.Ctx, "tester", "the centre was restored")
	if err != nil || len(taken) == 0 {
		return false, err
	}
	for _, t := range taken {
		w.Say("what sites held of %s is left: %v", t.Key, t.Err)
		if w.Gone == nil {
			w.Gone = map[atoll.ID]bool{}
		}
		w.Gone[t.Key.ID] = true
	}
	_, err = w.Centre.Centre.LeaveFound(w.Ctx, "it cannot be taken back")
	return true, err
}
