package hunt

import (
	"errors"
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
)

// siteFaults are what happens to the disk of one site.
var siteFaults = []Fault{
	{
		Name: "site-restored", Words: "a site's disk is put back to an old image, as a file or by its own restore; once it is refused it is initialised again",
		Usual: 2, Apart: true, Swaps: true, Event: siteRestored, Peace: siteRestoredPeace,
	},
}

// outdated is a site that may be refused because it works on another image of its
// disk than the centre has heard of last.
type outdated struct {
	must    bool // its journal is behind the centre's copy: it cannot be taken for the site's
	refused bool
	until   int // when a technician comes, once it was refused
}

func siteRestored(w *World, d Dice) error {
	n, ok := Pick(d, w.Nodes()[1:])
	if !ok || w.old[n.Name] != nil || w.cloned(n.Identity.Site) || w.uninformed[n.Identity.Site] {
		return ErrIdle // the last: see centreRestored
	}
	image, ok := Pick(d, w.images[n.Name])
	if !ok {
		return ErrIdle
	}
	own, days := d.Chance(40), d.Between(1, 7)
	if own {
		w.Struck("site-restored", "%s is restored from a backup", n.Name)
	} else {
		w.Struck("site-restored", "the disk of %s is put back to an old image", n.Name)
	}
	again, err := w.put(n, image.Copy(), nil)
	if err != nil {
		return err
	}
	if own {
		if err := again.Site.Renew(w.Ctx); err != nil {
			return err
		}
	}
	w.old[n.Name] = &outdated{must: w.Works(again) && w.behind(again), until: days * 1440}
	w.Say("%d of its entries are gone", w.lose(n.Name+" was put back to an old image of its disk"))
	w.images[w.Centre.Name] = nil // see centreRestored
	return nil
}

// behind reports whether the site's journal ends before the centre's copy of it.
func (w *World) behind(n *Node) bool {
	all := w.disks.(memoryDisks) //nolint:forcetypeassert // only these have images
	end := func(name string) (seq uint64) {
		_ = onDisk(w.Ctx, all[name], func(r storage.Reader) error {
			head, err := r.Head(n.Identity.Site)
			seq = head.Seq
			return err
		})
		return seq
	}
	return end(n.Name) < end(w.Centre.Name)
}

// turnedAway reports whether the centre refuses the site as it must: because it works
// on an old image of its disk, or two machines work as this site.
func (w *World) turnedAway(n *Node, err error) bool {
	o, refused := w.old[n.Name], errors.Is(err, atoll.Restored) || errors.Is(err, atoll.Cloned)
	if o == nil {
		return refused && w.pairRefused(n)
	}
	switch {
	case refused && !o.refused:
		o.refused, o.until = true, w.at+o.until
		w.Say("it is refused: %s", atoll.CodeOf(err))
	case refused:
	case err == nil && o.must:
		w.Breach("kept", "%s, which was put back to before what the centre has of it, synchronises as if nothing was", n.Name)
	}
	return refused
}

// visit is the technician who comes to sites that were refused.
func (w *World) visit() {
	if w.peaceful {
		return
	}
	for _, n := range w.Nodes()[1:] {
		if o := w.old[n.Name]; o != nil && o.refused && o.until <= w.at && w.Alive(n) {
			w.reinitialise(n)
		}
	}
	w.visitClones()
}

func siteRestoredPeace(w *World) {
	for _, n := range w.Nodes()[1:] {
		o := w.old[n.Name]
		if o == nil {
			continue
		}
		_ = w.check("peace", w.Cycle(n))
		if o.refused {
			w.reinitialise(n)
		}
		delete(w.old, n.Name)
	}
}

// reinitialise gives a site an empty database, as the command does: the users stay,
// what was not sent is exported, and so lost to the system.
func (w *World) reinitialise(n *Node) {
	kept := map[string][]storage.Item{}
	err := n.Store.View(w.Ctx, func(r storage.Reader) (err error) {
		for _, shelf := range []string{"user", station.ShelfUntold} {
			if kept[shelf], err = r.Scan(shelf, "", 0, false); err != nil {
				return err
			}
		}
		return nil
	})
	if w.check("initialise again", err) != nil {
		return // whoever comes next does it
	}
	_, err = w.put(n, memory.NewDisk(), func(disk *memory.Disk) error {
		return memory.Open(disk, memory.Options{Now: n.Clock.Now}).Update(w.Ctx, func(tx storage.Tx) error {
			for _, shelf := range []string{"user", station.ShelfUntold} {
				for _, it := range kept[shelf] {
					if err := tx.Set(shelf, it.Key, it.Value); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	if err != nil {
		w.Breach("sound", "%s cannot be initialised again: %v", n.Name, err)
		return
	}
	delete(w.old, n.Name)
	w.Say("%s is initialised again; %d entries that were not sent are exported", n.Name, w.lose(n.Name+" was initialised again"))
	w.images[w.Centre.Name] = nil // see centreRestored
}

// storeless gives a site a store if it can not initialise for want of one, because its
// last one has moved away: that is what the person at the centre is told to do. It
// reports whether that was so.
func (w *World) storeless(n *Node, err error) bool {
	if !errors.Is(err, atoll.SiteNoStore) || !w.Alive(w.Centre) {
		return false
	}
	w.made++
	code := fmt.Sprint("X", w.made)
	if err := w.AddStore(w.Ctx, code, false); err != nil {
		_ = w.check("new store", err)
		return true
	}
	w.Say("%s has no store; it gets store %s", n.Name, code)
	_, err = w.Centre.Centre.Configure(w.Ctx, "tester", central.Assign(w.Stores[code], n.Identity.Site))
	_ = w.check("new store", err)
	return true
}
