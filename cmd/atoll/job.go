package main

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/host"
)

type jobCmd struct {
	List    jobListCmd    `cmd:"" default:"withargs" help:"Jobs with sites, newest first."`
	Show    jobShowCmd    `cmd:"" help:"One job, and what came of it."`
	Resync  jobResyncCmd  `cmd:"" help:"Send a site records again: of a store, a record type, the patients, or one record."`
	Resend  jobResendCmd  `cmd:"" help:"Have a site send its own records again, after the centre lost some."`
	Verify  jobVerifyCmd  `cmd:"" help:"Compare what a site holds with what the centre holds, without sending it, and name what differs."`
	Primary jobPrimaryCmd `cmd:"" help:"Change who edits central data: a site, which makes the system a mirrored one, or the centre again."`
	Abort   jobAbortCmd   `cmd:"" help:"Call a job off."`
}

type jobPrimaryCmd struct {
	Site   siteRef `arg:"" help:"Number or name of the site that is to edit central data; 1 is the centre."`
	DryRun bool    `help:"Only check what speaks against it."`
}

// Help tells what happens.
func (jobPrimaryCmd) Help() string {
	return "From now on nobody edits central data, until both ends were found to hold the same, byte for byte; then the primary changes under a new epoch, and both ends try who may edit now. It can be called off until it has changed. Everything else goes on."
}

// Run begins the change.
func (c jobPrimaryCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		to, err := c.Site.id(s, h)
		if err != nil {
			return err
		}
		id, err := h.Centre.StartPrimary(s.ctx, s.globals.User, to, c.DryRun)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"job": id, "possible": true}, func() {
			if c.DryRun {
				s.say("Nothing speaks against it.")
				return
			}
			s.say("The right to edit central data goes to site %d with the next exchanges of the site that takes part.", to)
			s.say("Watch it with: atoll job show %s", id)
		})
	})
}

type jobListCmd struct{}

// Run lists the jobs.
func (jobListCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		all, err := h.Centre.Jobs(s.ctx)
		if err != nil {
			return err
		}
		return s.print(all, func() {
			var rows [][]string
			for _, v := range all {
				rows = append(rows, []string{string(v.ID), v.Kind, v.Site.String(), about(s, h, v.Selection), v.Step, fmt.Sprint(v.Records), v.Words})
			}
			s.table("No jobs yet.", []string{"JOB", "KIND", "SITE", "ABOUT", "STEP", "RECORDS", "HOW IT STANDS"}, rows)
		})
	})
}

func about(s *session, h *host.Host, sel handover.Selection) string {
	switch {
	case sel.Store == "" && len(sel.Types) == 0 && !sel.Patients && sel.Record == "":
		return "who edits central data"
	case sel.Store != "":
		return nameOf(s, h, sel.Store)
	case sel.Patients:
		return "patients"
	case sel.Record != "":
		return sel.Record
	}
	var names []string
	for _, t := range sel.Types {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

type selectionFlags struct {
	siteArg
	Store    string   `help:"All data of this store." placeholder:"STORE" xor:"what"`
	Type     []string `help:"Records of this type; may be repeated." placeholder:"TYPE" xor:"what"`
	Patients bool     `help:"Patients and prescribers, with all that hangs on them." xor:"what"`
	Record   string   `help:"One record." placeholder:"TYPE/ID" xor:"what"`
	DryRun   bool     `help:"Only count the records it is about."`
}

func (f selectionFlags) start(s *session, kind string) error {
	return f.do(s, func(h *host.Host, site atoll.SiteID) error {
		sel := handover.Selection{Patients: f.Patients, Record: f.Record}
		for _, t := range f.Type {
			sel.Types = append(sel.Types, atoll.Type(t))
		}
		var err error
		if sel.Store, err = storeID(s, h, f.Store); err != nil {
			return err
		}
		order := central.JobOrder{Kind: kind, Site: site, Selection: sel}
		id, records, err := h.Centre.StartJob(s.ctx, s.globals.User, order, f.DryRun)
		if err != nil {
			return err
		}
		n := 0
		for _, k := range records {
			n += k
		}
		return s.print(map[string]any{"job": id, "records": records, "total": n}, func() {
			if f.DryRun {
				s.say("It would be about %d records of %d types.", n, len(records))
				return
			}
			s.say("The job is about %d records of %d types. Site %d takes part with its next exchange.", n, len(records), site)
			s.say("Watch it with: atoll job show %s", id)
		})
	})
}

type jobResyncCmd struct{ selectionFlags }

// Run sends records again.
func (c jobResyncCmd) Run(s *session) error { return c.start(s, handover.Resync) }

type jobResendCmd struct{ selectionFlags }

// Run has a site send its records again.
func (c jobResendCmd) Run(s *session) error { return c.start(s, handover.Resend) }

type jobVerifyCmd struct{ selectionFlags }

// Run compares.
func (c jobVerifyCmd) Run(s *session) error { return c.start(s, handover.Verify) }

type jobArg struct {
	Job string `arg:"" help:"Id of the job."`
}

type jobShowCmd struct{ jobArg }

// Run shows a job. It ends with status 5 when a comparison found differences.
func (c jobShowCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		v, err := h.Centre.Job(s.ctx, atoll.ID(c.Job))
		if err != nil {
			return err
		}
		err = s.print(v, func() { printJob(s, h, v) })
		if err == nil && v.Result != nil && len(v.Result.Rows) > 0 {
			return unwell
		}
		return err
	})
}

func printJob(s *session, h *host.Host, v central.JobView) {
	s.say("%s with site %d about %s: %s.", v.Kind, v.Site, about(s, h, v.Selection), v.Words)
	s.say("%d records; asked for by %s at %s.", v.Records, v.AskedBy, v.AskedAt)
	if v.Problem != "" {
		s.say("It cannot go on: %s", v.Problem)
	}
	if v.Result == nil {
		return
	}
	if v.Result.Changing > 0 {
		s.say("%d records changed meanwhile and are on their way.", v.Result.Changing)
	}
	for _, d := range v.Result.Rows {
		where := "differs"
		switch {
		case !d.There:
			where = "is missing at the site"
		case !d.Here:
			where = "is at the site only"
		}
		s.say("  %s %s", d.Record, where)
	}
	if v.Result.More {
		s.say("  and more")
	}
}

type jobAbortCmd struct{ jobArg }

// Run calls a job off.
func (c jobAbortCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		if err := h.Centre.AbortJob(s.ctx, s.globals.User, atoll.ID(c.Job)); err != nil {
			return err
		}
		return s.print(map[string]bool{"aborted": true}, func() { s.say("The job is called off. What the site has received stays.") })
	})
}

type siteDeleteCmd struct{ siteArg }

// Run deletes the site.
func (c siteDeleteCmd) Run(s *session) error {
	return c.done(s, "site %d is deleted: its credentials ended, its history stays", func(h *host.Host, id atoll.SiteID) error {
		return h.Centre.DeleteSite(s.ctx, s.globals.User, id)
	})
}
