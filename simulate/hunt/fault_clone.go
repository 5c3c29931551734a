package hunt

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage/memory"
)

// cloneFaults are two machines that are one site.
var cloneFaults = []Fault{
	{
		Name: "site-cloned", Words: "two machines work with one disk image and key of a site, until one is refused and switched off",
		Usual: 2, Apart: true, Swaps: true, Event: siteCloned, Peace: siteClonedPeace,
	},
}

// clone is a second machine that works as a site.
type clone struct {
	node  *Node
	disk  *memory.Disk
	name  string // of the site
	off   string // the machine that is refused and will be switched off
	until int
	days  int
}

func siteCloned(w *World, d Dice) error {
	all, ok := w.disks.(memoryDisks)
	if !ok {
		return ErrIdle
	}
	n, ok := Pick(d, w.Nodes()[1:])
	if !ok || !w.Works(n) || w.old[n.Name] != nil || w.cloned(n.Identity.Site) {
		return ErrIdle
	}
	c := &clone{disk: all[n.Name].Copy(), name: n.Name, days: d.Between(1, 7)}
	before := all[n.Name]
	all[n.Name] = c.disk // the copy has the name, the key and the device of the site
	twin, err := w.Open(w.Ctx, n.Name, n.Identity)
	all[n.Name], w.Fleet.Sites[n.Identity.Site] = before, n
	if err != nil {
		return err
	}
	twin.Name = "the copy of " + n.Name
	w.newBook(n.Identity.Site, twin.Name, c.disk)
	c.node = twin
	w.clones = append(w.clones, c)
	w.Struck("site-cloned", "a second machine works with a copy of the disk of %s", n.Name)
	return nil
}

// copies are the second machines of cloned sites.
func (w *World) copies() []*Node {
	var out []*Node
	for _, c := range w.clones {
		out = append(out, c.node)
	}
	return out
}

func (w *World) cloned(site atoll.SiteID) bool {
	return slices.ContainsFunc(w.clones, func(c *clone) bool { return c.node.Identity.Site == site })
}

// pairRefused notes that one of two machines is refused.
func (w *World) pairRefused(n *Node) bool {
	for _, c := range w.clones {
		if c.node.Identity.Site != n.Identity.Site {
			continue
		}
		if c.off == "" {
			c.off, c.until = n.Name, w.at+c.days*1440
		}
		w.Say("it is refused: two machines work as this site")
		return true
	}
	return false
}

func (w *World) visitClones() {
	for _, c := range slices.Clone(w.clones) {
		if c.off != "" && c.until <= w.at {
			w.switchOff(c)
		}
	}
}

// switchOff ends the machine that is refused. The other is the site.
func (w *World) switchOff(c *clone) {
	w.clones = slices.DeleteFunc(w.clones, func(o *clone) bool { return o == c })
	n := w.At(c.node.Identity.Site)
	w.Say("%s is switched off", c.off)
	_ = c.node.Store.Close()
	if c.off == c.name { // the copy takes its place
		database := w.database[c.node.Name]
		if _, err := w.put(n, c.disk, nil); err != nil {
			w.Breach("sound", "%v", err)
			return
		}
		w.database[c.name] = database
	}
	w.Say("%d entries are gone with it", w.lose(c.off+" was one of two machines of one site"))
	w.images[w.Centre.Name] = nil // see centreRestored
}

func siteClonedPeace(w *World) {
	for _, c := range slices.Clone(w.clones) {
		for range 2 {
			for _, n := range []*Node{w.At(c.node.Identity.Site), c.node} {
				if c.off == "" {
					_ = w.check("peace", w.Cycle(n))
				}
			}
		}
		if c.off == "" {
			w.Breach("owned", "two machines work as %s, and none of them is refused", c.name)
			c.off = c.node.Name
		}
		w.switchOff(c)
	}
}
