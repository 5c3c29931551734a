package hunt

import (
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
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
		s := station.New(w.Centre.Identity, station.Options{Store: store, Catalogue: w.Catalogue, Now: w.Centre.Clock.Now})
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
	w.restored = true
	w.recount()
	for _, n := range w.Nodes()[1:] {
		w.uninformed[n.Identity.Site] = true
		w.Fenced(n.Identity.Site, "the centre lost what it had decided")
	}
	return nil
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
	return true, err
}
