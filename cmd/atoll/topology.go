package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
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
	Order       siteOrderCmd  `cmd:"" help:"Have a site send everything again, or initialise again."`
}

type siteListCmd struct{}

// Run lists the sites.
func (siteListCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		sites, err := h.Centre.Sites(s.ctx)
		if err != nil {
			return err
		}
		return s.print(sites, func() { printSites(s, sites) })
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
	Site int `arg:"" help:"Number of the site."`
}

func (a siteArg) id() atoll.SiteID { return atoll.SiteID(a.Site) }

type siteCodeCmd struct{ siteArg }

// Run makes a new ticket.
func (c siteCodeCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		code, err := h.Centre.NewCode(s.ctx, c.id())
		if err != nil {
			return err
		}
		ticket, err := h.Ticket(code)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"site": c.Site, "ticket": ticket.String()}, func() { s.say("%s", ticket) })
	})
}

type siteResetCmd struct{ siteArg }

// Run frees the site from its device.
func (c siteResetCmd) Run(s *session) error {
	return s.siteDone(c.id(), "site %d may be enrolled on another device; get a ticket with: atoll site code %d", func(h *host.Host) error {
		return h.Centre.ResetDevice(s.ctx, c.id())
	})
}

type sitePauseCmd struct {
	siteArg
	Reason string `arg:"" help:"Why; the site is told."`
}

// Run pauses the site.
func (c sitePauseCmd) Run(s *session) error {
	return s.siteDone(c.id(), "site %d is paused; resume with: atoll site resume %d", func(h *host.Host) error {
		return h.Centre.Pause(s.ctx, c.id(), c.Reason)
	})
}

type siteResumeCmd struct{ siteArg }

// Run resumes the site.
func (c siteResumeCmd) Run(s *session) error {
	return s.siteDone(c.id(), "site %d may synchronise again", func(h *host.Host) error { return h.Centre.Pause(s.ctx, c.id(), "") })
}

type siteOrderCmd struct {
	siteArg
	What string `arg:"" enum:"resend,reinitialise" help:"resend: state everything it owns again. reinitialise: start from the centre's data."`
}

// Run orders something of the site.
func (c siteOrderCmd) Run(s *session) error {
	return s.siteDone(c.id(), "site %d is told at its next exchange", func(h *host.Host) error { return h.Centre.Order(s.ctx, c.id(), c.What) })
}

func (s *session) siteDone(id atoll.SiteID, words string, do func(h *host.Host) error) error {
	return s.atCentre(func(h *host.Host) error {
		if err := do(h); err != nil {
			return err
		}
		args := []any{id}
		if strings.Count(words, "%d") == 2 {
			args = append(args, id)
		}
		return s.print(map[string]any{"site": id, "done": true}, func() { s.say("Done: "+words+".", args...) })
	})
}

type storeCmd struct {
	List    storeListCmd    `cmd:"" default:"withargs" help:"The stores known here, and what each is here."`
	Show    storeShowCmd    `cmd:"" help:"One store with its sync-with table."`
	Add     storeAddCmd     `cmd:"" help:"Make a store; it is active at the centre until assigned."`
	Assign  storeAssignCmd  `cmd:"" help:"Make a store active on a site."`
	Collect storeCollectCmd `cmd:"" help:"Keep a read-only copy of a store on a site, or no longer."`
	Managed storeManagedCmd `cmd:"" help:"Keep all of a store's data at its site only, or no longer."`
}

type storeListCmd struct{}

// Run lists the stores.
func (storeListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		stores, err := h.Station.Stores(s.ctx)
		if err != nil {
			return err
		}
		return s.print(stores, func() {
			var t [][]string
			for _, x := range stores {
				note := ""
				if x.ManagedOnly && h.Centre != nil {
					note = "managed only, no central copy"
				}
				if x.Disabled {
					note = "disabled"
				}
				t = append(t, []string{x.Code, x.Name, string(x.Type), x.Site.String(), note, string(x.ID)})
			}
			s.table("No stores here yet. Make one at the centre with: atoll store add CODE NAME",
				[]string{"CODE", "NAME", "HERE", "ACTIVE ON SITE", "NOTE", "ID"}, t)
		})
	})
}

type storeShowCmd struct {
	Store string `arg:"" help:"Code, name or id of the store."`
}

// Run shows one store.
func (c storeShowCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		t, err := h.Station.Topology(s.ctx)
		if err != nil {
			return err
		}
		links := t.Links(st.ID, h.Station.Door.Site)
		var sees []string
		for _, id := range t.VisibleTo(st.ID) {
			other, _ := t.Store(id)
			sees = append(sees, other.Name)
		}
		return s.print(map[string]any{"store": st, "sync_with": links, "visible": sees}, func() {
			s.say("%s, %s: %s here, active on site %d, ownership epoch %d", st.Code, st.Name, st.Type, st.Site, st.Epoch)
			s.say("Trades with: %s\n", orNone(sees))
			var rows [][]string
			for _, l := range links {
				local := ""
				if l.Local {
					local = "yes"
				}
				rows = append(rows, []string{l.Site.String(), l.Name, string(l.Value), local})
			}
			s.table("No sync-with rows: no sites yet.", []string{"SITE", "NAME", "SYNC WITH", "LOCAL"}, rows)
		})
	})
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

type storeAddCmd struct {
	Code       string `arg:"" help:"A short code no other store has."`
	Name       string `arg:"" help:"Its name."`
	Dispensary bool   `help:"It dispenses to patients."`
}

// Run makes a store.
func (c storeAddCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		id := atoll.NewID(time.Now())
		if _, err := h.Centre.Configure(s.ctx, s.globals.User, central.AddStore(id, c.Code, c.Name, c.Dispensary)); err != nil {
			return err
		}
		return s.print(map[string]any{"id": id, "code": c.Code, "name": c.Name}, func() {
			s.say("Store %s, %s, is made and active at the centre.", c.Code, c.Name)
		})
	})
}

// configured makes a change of configuration, or shows what it would do.
func configured(s *session, h *host.Host, preview bool, change central.Configuration) error {
	run := h.Centre.Configure
	if preview {
		run = h.Centre.Try
	}
	p, err := run(s.ctx, s.globals.User, change)
	if err != nil {
		return err
	}
	t, err := h.Station.Topology(s.ctx)
	if err != nil {
		return err
	}
	return s.print(p, func() {
		if preview {
			s.say("Nothing is changed. It would do this:")
		}
		var rows [][]string
		for _, ch := range p.Changes {
			st, _ := t.Store(ch.Store)
			records := ""
			if n, ok := p.Records[ch.Store]; ok {
				records = fmt.Sprint(n)
			}
			rows = append(rows, []string{ch.Site.String(), st.Name, string(ch.From), string(ch.To), records})
		}
		s.table("Done; no instance changes by it.", []string{"SITE", "STORE", "FROM", "TO", "RECORDS"}, rows)
	})
}

type storeAssignCmd struct {
	Store   string `arg:"" help:"Code, name or id of the store."`
	Site    int    `arg:"" help:"Number of the site."`
	Preview bool   `help:"Only show what would change."`
}

// Run assigns a store.
func (c storeAssignCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		return configured(s, h, c.Preview, central.Assign(st.ID, atoll.SiteID(c.Site)))
	})
}

type storeCollectCmd struct {
	Store   string `arg:"" help:"Code, name or id of the store."`
	Site    int    `arg:"" help:"Number of the site."`
	Off     bool   `help:"No longer."`
	Preview bool   `help:"Only show what would change."`
}

// Run chooses a collector.
func (c storeCollectCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		return configured(s, h, c.Preview, central.Collect(st.ID, atoll.SiteID(c.Site), !c.Off))
	})
}

type storeManagedCmd struct {
	Store   string `arg:"" help:"Code, name or id of the store."`
	Off     bool   `help:"No longer: the site sends all its data to the centre."`
	Confirm bool   `help:"Needed: the centre will hold no copy, and a lost device loses the store's data."`
}

// Run makes a store managed only.
func (c storeManagedCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		if !c.Off && !c.Confirm {
			return atoll.Errorf(atoll.Invalid, "the centre will hold no copy of %s; if its device is lost, its data is lost", st.Name).
				Do("make sure of backups at the site, then add --confirm")
		}
		return configured(s, h, false, central.ManageOnly(st.ID, !c.Off))
	})
}

type visibilityCmd struct {
	List visibilityListCmd `cmd:"" default:"withargs" help:"The pairs of stores that may trade."`
	Add  visibilityAddCmd  `cmd:"" help:"Make two stores visible to each other."`
	Drop visibilityDropCmd `cmd:"" help:"Make two stores invisible to each other."`
}

type visibilityListCmd struct{}

// Run lists the visible pairs.
func (visibilityListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		t, err := h.Station.Topology(s.ctx)
		if err != nil {
			return err
		}
		pairs := [][2]string{}
		for _, a := range t.Stores() {
			for _, id := range t.VisibleTo(a.ID) {
				if b, ok := t.Store(id); ok && a.ID < b.ID {
					pairs = append(pairs, [2]string{a.Name, b.Name})
				}
			}
		}
		return s.print(pairs, func() {
			var rows [][]string
			for _, p := range pairs {
				rows = append(rows, []string{p[0], "trades with", p[1]})
			}
			s.table("No two stores are visible to each other yet.", []string{"STORE", "", "STORE"}, rows)
		})
	})
}

type pair struct {
	A       string `arg:"" help:"A store."`
	B       string `arg:"" help:"Another store."`
	Preview bool   `help:"Only show what would change."`
}

func (p pair) run(s *session, visible bool) error {
	return s.atCentre(func(h *host.Host) error {
		a, err := storeNamed(s, h, p.A)
		if err != nil {
			return err
		}
		b, err := storeNamed(s, h, p.B)
		if err != nil {
			return err
		}
		return configured(s, h, p.Preview, central.MakeVisible(a.ID, b.ID, visible))
	})
}

type visibilityAddCmd struct{ pair }

// Run makes the pair visible.
func (c visibilityAddCmd) Run(s *session) error { return c.run(s, true) }

type visibilityDropCmd struct{ pair }

// Run makes the pair invisible.
func (c visibilityDropCmd) Run(s *session) error { return c.run(s, false) }
