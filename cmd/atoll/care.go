package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

type connectionCmd struct {
	Check connectionCheckCmd `cmd:"" default:"withargs" help:"Whether the centre is reached, accepts this site, and how far the clocks are apart; at the centre, whether it can work and mail goes out."`
	Set   connectionSetCmd   `cmd:"" help:"Reach the centre at another address, after a test that it works."`
}

type addressFlags struct {
	Pin string `help:"Fingerprint of the certificate there, when the centre made its own; it is in every ticket." placeholder:"TEXT"`
}

type connectionCheckCmd struct {
	addressFlags
	URL string `name:"url" help:"Try this address instead of the one in force." placeholder:"URL"`
}

// Run checks the connection. It ends with status 5 when something is not well.
func (c connectionCheckCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		found, err := h.CheckConnection(s.ctx, c.URL, c.Pin)
		if err != nil {
			return err
		}
		err = s.print(connectionOf(found), func() { printConnection(s, found) })
		if err == nil && !found.OK {
			return unwell
		}
		return err
	})
}

func printConnection(s *session, c host.Connection) {
	for _, f := range c.Findings {
		mark := "ok "
		if !f.OK {
			mark = "NOT"
		}
		s.say("  %s  %-12s %s", mark, f.What, f.Words)
		if f.Hint != "" {
			s.say("       %-12s %s", "", f.Hint)
		}
	}
}

type passwordFlags struct {
	Admin    string `help:"Name of an administrator here." default:"admin"`
	Password string `help:"The administrator's password." env:"ATOLL_ADMIN_PASSWORD" required:"" placeholder:"TEXT"`
}

type connectionSetCmd struct {
	addressFlags
	passwordFlags
	URL string `arg:"" name:"url" help:"The centre's new address."`
}

// Run changes the address.
func (c connectionSetCmd) Run(s *session) error {
	return s.atSite(func(h *host.Host) error {
		found, err := h.ChangeAddress(s.ctx, c.Admin, c.Password, c.URL, c.Pin)
		if err != nil {
			return err
		}
		return s.print(connectionOf(found), func() {
			printConnection(s, found)
			s.say("The centre is reached at %s from now on.", c.URL)
		})
	})
}

type retireCmd struct {
	After  time.Duration `help:"Of replicas withdrawn longer ago than this; 90 days, or what the preference retire_after_days says, unless given." placeholder:"DURATION"`
	DryRun bool          `help:"Only count."`
}

// Run retires.
func (c retireCmd) Run(s *session) error {
	return s.atSite(func(h *host.Host) error {
		n, err := h.Retire(s.ctx, c.After, c.DryRun)
		if err != nil {
			return err
		}
		return s.print(n, func() {
			verb := "were removed"
			if c.DryRun {
				verb = "would be removed"
			}
			s.say("%d replicas that were withdrawn before %s %s.", n.Removed, moment(n.Before), verb)
			s.say("%d stay because records here name them, %d were withdrawn later.", n.Named, n.Recent)
		})
	})
}

type resetCmd struct {
	passwordFlags
	Discard uint64 `help:"How many changes that are not at the centre may be lost: exactly as many as there are." placeholder:"N"`
	Yes     bool   `help:"Do it; without it only tells what would be lost."`
}

// Run resets the site.
func (c resetCmd) Run(s *session) error {
	return s.atSite(func(h *host.Host) error {
		unsent, err := h.Unsent(s.ctx)
		if err != nil {
			return err
		}
		if !c.Yes {
			return s.print(map[string]any{"unsent": unsent, "reset": false}, func() {
				s.say("All data of this site on this device would be removed; %d changes are not at the centre and would be lost.", unsent)
				hint := "--yes"
				if unsent > 0 {
					hint = fmt.Sprintf("--yes --discard %d", unsent)
				}
				s.say("To do it, say: atoll reset %s", hint)
			})
		}
		if err := h.FactoryReset(s.ctx, c.Admin, c.Password, c.Discard); err != nil {
			return err
		}
		return s.print(map[string]any{"unsent": unsent, "reset": true}, func() {
			s.say("The site is empty. Give it a place with: atoll enrol TICKET")
		})
	})
}

type supportCmd struct {
	Export supportExportCmd `cmd:"" help:"Write a copy of the database for support: all data, no keys and no passwords; it can never synchronise."`
	Bundle supportBundleCmd `cmd:"" help:"Write one file that tells support how the installation stands: no secrets, and nothing that a record says."`
	Open   supportOpenCmd   `cmd:"" help:"Make an installation of such a copy in an empty directory, to look at it."`
}

type supportExportCmd struct {
	File string `arg:"" help:"File to write; it must not exist." type:"path"`
}

// Run writes the copy.
func (c supportExportCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		if err := h.SupportCopy(s.ctx, c.File); err != nil {
			return err
		}
		return s.print(map[string]string{"file": c.File}, func() {
			s.say("Written to %s. It holds everything but keys and passwords: treat it as you treat the data.", c.File)
			s.say("Look at it with: atoll support open --data DIR FILE")
		})
	})
}

type supportBundleCmd struct {
	File string `arg:"" help:"ZIP file to write; it must not exist." type:"path"`
}

// Help adds an example.
func (supportBundleCmd) Help() string {
	return "  atoll support bundle atoll-support.zip\n\nThe log of a running server is in the file that its console gives, on the page This server."
}

// Run writes the file.
func (c supportBundleCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return atoll.Errorf(atoll.Invalid, "the file cannot be made: %w", err).Do("name another one")
		}
		if err := errors.Join(h.Bundle(s.ctx, s.globals.User, f), f.Close()); err != nil {
			return errors.Join(err, os.Remove(c.File))
		}
		return s.print(map[string]string{"file": c.File}, func() {
			s.say("Written to %s. It holds no secrets and nothing that records say: it may be sent by mail.", c.File)
		})
	})
}

type supportOpenCmd struct {
	File string `arg:"" help:"A file that atoll support export wrote." type:"existingfile"`
	Name string `help:"User to look at it as." default:"support"`
}

// Run makes the installation.
func (c supportOpenCmd) Run(s *session) error {
	if strings.TrimSpace(s.settings.Data) == "" {
		return atoll.Errorf(atoll.Invalid, "no data directory was named").Do("name an empty one with --data DIR")
	}
	h, password, err := host.OpenSupport(s.ctx, s.host(), c.File, c.Name, "")
	if err != nil {
		return err
	}
	defer h.Close()
	id := h.Station.Identity
	return s.print(map[string]any{"site": id.Site, "name": id.Name, "user": c.Name, "password": password}, func() {
		s.say("A copy of site %d, %s, for support. It never synchronises.", id.Site, id.Name)
		s.say("  Sign in as   %s", c.Name)
		s.say("  Password     %s   (shown this once)", password)
	})
}
