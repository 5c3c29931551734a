package hunt

import (
	"context"
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
)

// mostImages is how many old images of each disk are kept.
const mostImages = 6

// copyDisks keeps an image of each disk, after one step in sixteen. Each step knows
// by itself whether it is one, so that the others can be left out.
func (w *World) copyDisks() {
	all, ok := w.disks.(memoryDisks)
	if !ok || w.peaceful || w.step.Seed%16 != 0 {
		return
	}
	for _, n := range w.Nodes() {
		kept := append(w.images[n.Name], all[n.Name].Copy())
		w.images[n.Name] = kept[max(0, len(kept)-mostImages):]
	}
}

// swaps reports whether this story's disks can be copied and put back.
func (w *World) swaps() bool {
	_, ok := w.disks.(memoryDisks)
	return ok
}

// put gives the node's machine another disk, and starts its program. The prepare
// function, which may be nil, sees the disk before that.
func (w *World) put(n *Node, disk *memory.Disk, prepare func(*memory.Disk) error) (*Node, error) {
	_ = n.Store.Close()
	delete(w.dead, n.Name)
	delete(w.down, n.Name)
	own := n.Identity.Site
	if prepare != nil {
		if err := prepare(disk); err != nil {
			return nil, err
		}
	}
	w.keptApart(own)
	w.newBook(own, n.Name, disk)
	w.disks.(memoryDisks)[n.Name] = disk //nolint:forcetypeassert // only these have images
	again, err := w.Open(w.Ctx, n.Name, n.Identity)
	if err != nil {
		return nil, fmt.Errorf("%s does not start with another disk: %w", n.Name, err)
	}
	if again.Site == nil {
		w.serve(again)
	}
	return again, nil
}

// keptApart notes which records the site made while their store's data stayed there: if
// they are not on its next disk either, nobody has them.
func (w *World) keptApart(site atoll.SiteID) {
	for b, entries := range w.account.books {
		if b.site != site {
			continue
		}
		for _, je := range entries {
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				continue // a poisoned one
			}
			for _, op := range e.Operations {
				if op.Verb != atoll.Insert || !op.Stays {
					continue
				}
				if w.Gone == nil {
					w.Gone = map[atoll.ID]bool{}
				}
				w.Gone[op.ID] = true
			}
		}
	}
}

// newBook begins the account of a database that is not the one the node had.
func (w *World) newBook(site atoll.SiteID, name string, disk *memory.Disk) {
	w.made++
	w.database[name] = w.made
	_ = onDisk(w.Ctx, disk, func(r storage.Reader) error {
		head, err := r.Head(site)
		w.account.from[book{site, w.made}] = head.Seq
		return err
	})
}

// onDisk reads what is on a disk, whether or not a program runs on it.
func onDisk(ctx context.Context, d *memory.Disk, fn func(storage.Reader) error) error {
	return memory.Open(d, memory.Options{}).View(ctx, fn)
}

// onDiskOf reads what is on the disk of a node.
func (w *World) onDiskOf(n *Node, fn func(storage.Reader) error) error {
	return onDisk(w.Ctx, w.disks.(memoryDisks)[n.Name], fn) //nolint:forcetypeassert // only these have images
}

// lose excuses entries that are gone for good, and says how many: those that are
// neither in the centre's copy of the journal nor in a database with which their site
// still works. It is called when the story has taken a disk away, and at no other
// time: what gets lost without that is a breach of "kept".
func (w *World) lose(why string) int {
	all, ok := w.disks.(memoryDisks)
	if !ok {
		return 0
	}
	held := map[atoll.Hash]bool{}
	note := func(d *memory.Disk, sites ...atoll.SiteID) {
		_ = onDisk(w.Ctx, d, func(r storage.Reader) error {
			for _, site := range sites {
				for after := uint64(0); ; {
					page, err := r.Entries(site, after, 1000, 64<<20)
					if err != nil || len(page) == 0 {
						break
					}
					for _, e := range page {
						after, held[e.Hash] = e.Seq, true
					}
				}
			}
			return nil
		})
	}
	var sites []atoll.SiteID
	for _, n := range w.Nodes() {
		sites = append(sites, n.Identity.Site)
		note(all[n.Name], n.Identity.Site)
	}
	note(all[w.Centre.Name], sites...)
	for _, c := range w.clones {
		note(c.disk, c.node.Identity.Site)
	}
	n := 0
	for b, entries := range w.account.books {
		for _, e := range entries {
			at := leaf{b, e.Seq}
			if _, known := w.account.excused[at]; !known && !held[e.Hash] {
				w.account.excused[at] = why
				w.forget(b.site, e)
				n++
			}
		}
	}
	return n
}
