package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/api"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/topology"
)

type siteCmd struct {
	List        siteListCmd   `cmd:"" default:"withargs" help:"All sites, with what they last said."`
	Add         siteAddCmd    `cmd:"" help:"Make a site and print the ticket with which it enrols."`
	Code        siteCodeCmd   `cmd:"" help:"A new ticket for a site; an earlier one is void."`
	ResetDevice siteResetCmd  `cmd:"" help:"Let a site be enrolled on another device, which must then initialise."`
	Pause       sitePauseCmd  `cmd:"" help:"Refuse a site's exchanges for now; it keeps its changes."`
	Resume      siteResumeCmd `cmd:"" help:"End a pause."`
	Export      siteExportCmd `cmd:"" help:"Write all data of a site into a file that only the site can read, for a place without a line."`
	Delete      siteDeleteCmd `cmd:"" help:"Take a site without stores out of the system; its history stays."`
	Order       siteOrderCmd  `cmd:"" help:"Have a site send everything again, or initialise again."`

	History siteHistoryCmd `cmd:"" help:"Limit the documents a site gets when it initialises to those of the last months."`
	Fetch   siteFetchCmd   `cmd:"" help:"Fetch old documents that a site was spared: ask at the site, or send them from the centre."`
	Kind    siteKindCmd    `cmd:"" help:"Change the type of a site; a mobile one has one store."`
	Primary sitePrimaryCmd `cmd:"" help:"Make a site the one that edits central data."`
}

type siteListCmd struct{}

// Run lists the sites.
func (siteListCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		sites, err := h.Centre.Sites(s.ctx)
		if err != nil {
			return err
		}
		return s.print(sitesOf(sites), func() { printSites(s, sites) })
	})
}

func printSites(s *session, sites []central.SiteStatus) {
	var t [][]string
	for _, x := range sites {
		last := "never"
		if !x.State.LastContact.IsZero() {
			last = site.Ago(time.Since(x.State.LastContact)) + " ago"
		}
		note := x.State.LastError
		if x.State.Paused != "" {
			note = "paused: " + x.State.Paused
		}
		t = append(t, []string{
			x.ID.String(), x.Name, string(x.Kind), strings.Join(x.Stores, ", "), string(x.State.Initialisation), last,
			fmt.Sprint(x.State.Waiting), fmt.Sprint(x.Behind), fmt.Sprint(x.Quarantined), note,
		})
	}
	s.table("No sites yet. Make one with: atoll site add NAME --store STORE",
		[]string{"SITE", "NAME", "TYPE", "STORES", "STATE", "LAST CONTACT", "TO PUSH", "BEHIND", "REFUSED", "NOTE"}, t)
}

// printConnections names the sites whose connected time did not suffice lately (R-I-30).
func printConnections(s *session, sites []api.SiteView) {
	enough := 0
	for _, x := range sites {
		c, span := x.Connection, time.Duration(x.Connection.ADay*float64(time.Second)).Round(time.Second)
		switch c.Sufficed {
		case central.Enough:
			enough++
		case central.Tight:
			s.say("Site %d, %s: on %d of the %d days on which it was connected in the last week everything was exchanged, not on the last one (%s a day).", x.Site, x.Name, c.Emptied, c.Days, span)
		case central.TooShort:
			s.say("Site %d, %s: connected on %d days in the last week, %s a day, and never exchanged everything: it needs a longer or a faster connection.", x.Site, x.Name, c.Days, span)
		case central.NotConnected:
		}
	}
	if enough > 0 {
		s.say("The time they were connected sufficed for %d of %d sites in the last week.", enough, len(sites))
	}
}

type siteAddCmd struct {
	Name  string   `arg:"" help:"A name no other site has."`
	Kind  string   `help:"Type of the site: server, desktop, mobile, open or mirror." enum:"server,desktop,mobile,open,mirror" default:"server"`
	Store []string `help:"Stores to make active there, by code; may be repeated." placeholder:"STORE"`
}

// Run makes a site.
func (c siteAddCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		var stores []atoll.ID
		for _, name := range c.Store {
			st, err := storeNamed(s, h, name)
			if err != nil {
				return err
			}
			stores = append(stores, st.ID)
		}
		made, ticket, err := h.AddSite(s.ctx, s.globals.User, c.Name, topology.Kind(c.Kind), stores)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"site": made.ID, "name": made.Name, "ticket": ticket.String()}, func() {
			s.say("Site %d, %s, is made. It enrols with this ticket, once, within 7 days:\n", made.ID, made.Name)
			s.say("  %s\n", ticket)
			if len(stores) == 0 {
				s.say("Before it enrols, put a store on it: atoll store assign STORE %d", made.ID)
			}
			s.say("On the site's machine: atoll init site --data DIR, then: atoll enrol --data DIR 'TICKET'")
		})
	})
}

type siteArg struct {
	Site siteRef `arg:"" help:"Number or name of the site."`
}

// do acts on the site at the centre.
func (a siteArg) do(s *session, act func(h *host.Host, id atoll.SiteID) error) error {
	return s.atCentre(func(h *host.Host) error {
		id, err := a.Site.id(s, h)
		if err != nil {
			return err
		}
		return act(h, id)
	})
}

type siteCodeCmd struct {
	siteArg
	ReplaceKey bool          `help:"Also ask the site for a new key: the old one is accepted for a while, and the site is told."`
	Grace      time.Duration `help:"How long the old key is accepted." default:"168h"`
}

// Run makes a new ticket.
func (c siteCodeCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.SiteID) error {
		code, err := "", error(nil)
		if c.ReplaceKey {
			code, _, err = h.Centre.ReplaceKey(s.ctx, s.globals.User, id, c.Grace)
		} else {
			code, err = h.Centre.NewCode(s.ctx, s.globals.User, id)
		}
		if err != nil {
			return err
		}
		ticket, err := h.Ticket(code)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"site": id, "ticket": ticket.String()}, func() { s.say("%s", ticket) })
	})
}

type siteResetCmd struct{ siteArg }

// Run frees the site from its device.
func (c siteResetCmd) Run(s *session) error {
	return c.done(s, "site %d may be enrolled on another device; get a ticket with: atoll site code %d", func(h *host.Host, id atoll.SiteID) error {
		return h.Centre.ResetDevice(s.ctx, s.globals.User, id)
	})
}

type sitePauseCmd struct {
	siteArg
	Reason string `arg:"" help:"Why; the site is told."`
}

// Run pauses the site.
func (c sitePauseCmd) Run(s *session) error {
	return c.done(s, "site %d is paused; resume with: atoll site resume %d", func(h *host.Host, id atoll.SiteID) error {
		return h.Centre.Pause(s.ctx, s.globals.User, id, c.Reason)
	})
}

type siteResumeCmd struct{ siteArg }

// Run resumes the site.
func (c siteResumeCmd) Run(s *session) error {
	return c.done(s, "site %d may synchronise again", func(h *host.Host, id atoll.SiteID) error { return h.Centre.Pause(s.ctx, s.globals.User, id, "") })
}

type siteOrderCmd struct {
	siteArg
	What string `arg:"" enum:"resend,reinitialise" help:"resend: state everything it owns again. reinitialise: start from the centre's data."`
}

// Run orders something of the site.
func (c siteOrderCmd) Run(s *session) error {
	return c.done(s, "site %d is told at its next exchange", func(h *host.Host, id atoll.SiteID) error { return h.Centre.Order(s.ctx, s.globals.User, id, c.What) })
}

func (a siteArg) done(s *session, words string, act func(h *host.Host, id atoll.SiteID) error) error {
	return a.do(s, func(h *host.Host, id atoll.SiteID) error {
		if err := act(h, id); err != nil {
			return err
		}
		args := []any{id}
		if strings.Count(words, "%d") == 2 {
			args = append(args, id)
		}
		return s.print(map[string]any{"site": id, "done": true}, func() { s.say("Done: "+words+".", args...) })
	})
}
