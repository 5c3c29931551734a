package hunt

import (
	"errors"
	"fmt"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// siteWork is sites that come, and begin again.
var siteWork = []Work{
	{Name: "add site", Words: "a site is made, enrolled with its code and started", Weight: 1, Apart: true, Do: addSite},
	{Name: "initialise again", Words: "a technician gives a site an empty database, which is filled again", Weight: 1, Apart: true, Do: initialiseAgain},
}

// mostSites bounds how many a story adds.
const mostSites = 3

// comer is a site that was made at the centre and is not enrolled yet.
type comer struct {
	site atoll.SiteID
	name string
	code string // of the store that is made for it
}

// addSite makes a site, with a store of its own or one that was the centre's. The line
// may fail while it enrols: then the technician tries again.
func addSite(w *World, d Dice) error {
	if len(w.comers) > 0 && w.Alive(w.Centre) {
		return w.join(w.comers[0])
	}
	if !w.Alive(w.Centre) || len(w.Sites()) == 0 || w.added >= mostSites {
		return ErrIdle
	}
	w.added++
	name := fmt.Sprint("new site ", w.added)
	s, _, err := w.Centre.Centre.AddSite(w.Ctx, "tester", name, topology.Server)
	if err != nil {
		w.found(func() { // it may stand in the list of sites although nobody was told so
			all := w.Topology(w.Centre).Sites()
			if i := slices.IndexFunc(all, func(s topology.Site) bool { return s.Name == name }); i >= 0 {
				w.expect(all[i])
			}
		})
		return err
	}
	c := w.expect(s)
	own := slices.DeleteFunc(w.Topology(w.Centre).Stores(), func(s topology.Store) bool { return s.Site != atoll.CentreID })
	store, there := Pick(d, own)
	if there && d.Chance(40) {
		w.Say("it gets store %s", store.Code)
		if err := w.configure(central.Assign(store.ID, s.ID)); err != nil && !lawfulRefusal(err) {
			return err
		}
	}
	return w.join(c)
}

// expect notes that a site was made that is to be enrolled.
func (w *World) expect(s topology.Site) comer {
	c := comer{s.ID, s.Name, fmt.Sprint("NEW", w.added)}
	w.images[w.Centre.Name] = nil // see centreRestored
	w.comers = append(w.comers, c)
	w.Say("%s is made, with number %d", s.Name, s.ID)
	return c
}

// join enrols a site over the line, with a fresh code, and starts it.
func (w *World) join(c comer) error {
	code, err := w.Centre.Centre.NewCode(w.Ctx, "technician", c.site)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(w.Topology(w.Centre).Stores(), func(s topology.Store) bool { return s.Site == c.site }) {
		code := c.code
		s, there := w.Topology(w.Centre).Store(w.Stores[code])
		for there && s.Site != atoll.CentreID { // it has moved to another site: one more is made
			code += "B"
			s, there = w.Topology(w.Centre).Store(w.Stores[code])
		}
		if !there {
			if err := w.AddStore(w.Ctx, code, false); err != nil {
				return err
			}
		}
		w.Say("%s gets store %s", c.name, code)
		if err := w.configure(central.Assign(w.Stores[code], c.site)); err != nil {
			return err
		}
	}
	w.Say("%s enrols", c.name)
	id := station.Identity{Role: station.Remote, Site: c.site, Name: c.name}
	switch err := w.enrol(id, code); {
	case errors.Is(err, atoll.SiteSecret) && len(w.struck) > 0:
		w.Say("the code is used up by a request that it knows nothing of; it will get another")
		return nil
	case err != nil:
		return err
	}
	w.comers = slices.DeleteFunc(w.comers, func(o comer) bool { return o == c })
	w.images[w.Centre.Name] = nil  // see centreRestored
	if w.upgraded[w.Centre.Name] { // a new machine gets the program of the centre
		w.upgraded[c.name] = true
	}
	_, err = w.Open(w.Ctx, c.name, id)
	return err
}

// joinAll enrols the sites that are not yet.
func (w *World) joinAll() {
	for _, c := range slices.Clone(w.comers) {
		if err := w.join(c); err != nil {
			w.Breach("rest", "in peace %s cannot enrol: %v", c.name, err)
		}
	}
}

// initialiseAgain gives a site an empty database, most often after it has sent what it
// had. What it has not sent is exported, and lost to the system.
func initialiseAgain(w *World, d Dice) error {
	if _, ok := w.disks.(memoryDisks); !ok {
		return ErrIdle
	}
	n, ok := Pick(d, w.Nodes()[1:])
	if !ok || !w.Alive(n) || w.old[n.Name] != nil || w.cloned(n.Identity.Site) || !w.Works(n) {
		return ErrIdle
	}
	if d.Chance(70) {
		if err := w.Cycle(n); err != nil {
			return err
		}
	}
	if w.uninformed[n.Identity.Site] {
		return ErrIdle // see centreRestored: both would lose what it made since the image
	}
	w.reinitialise(n)
	return nil
}
