package main

import (
	"errors"
	"os"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

type siteExportCmd struct {
	siteArg
	File    string `arg:"" help:"File to write; it must not exist." type:"path"`
	Request string `help:"The line that atoll init site --request printed on the site's machine." required:"" placeholder:"TEXT"`
}

// Help tells how the file is used.
func (siteExportCmd) Help() string {
	return `The file holds what the site would receive when it initialises, and is encrypted for the key in its request. On the site's machine: atoll init site --from FILE. The first exchange over a line goes on from where the file ends. Making a file takes the site's place away from a database that had it before.`
}

// Run writes the file.
func (c siteExportCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.SiteID) error {
		f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			return atoll.Errorf(atoll.Exists, "%s exists already", c.File).Do("choose another name")
		}
		if err != nil {
			return err
		}
		err = errors.Join(h.ExportSite(s.ctx, s.globals.User, id, c.Request, f), f.Sync(), f.Close())
		if err != nil {
			return errors.Join(err, os.Remove(c.File))
		}
		info, err := os.Stat(c.File)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"site": id, "file": c.File, "bytes": info.Size()}, func() {
			s.say("%d bytes written to %s. On the site's machine: atoll init site --data DIR --from FILE", info.Size(), c.File)
		})
	})
}

// request prints the site's request, and sets the site up first if need be.
func (c initSiteCmd) request(s *session) error {
	password := ""
	if !host.Exists(s.settings.Data) {
		h, drawn, err := host.InitSite(s.ctx, s.host(), c.Admin, c.Password)
		if err != nil {
			return err
		}
		if err := h.Close(); err != nil {
			return err
		}
		password = drawn
	}
	return s.atSite(func(h *host.Host) error {
		line, err := h.SiteRequest(s.ctx)
		if err != nil {
			return err
		}
		out := map[string]any{"request": line}
		if password != "" {
			out["user"], out["password"] = c.Admin, password
		}
		return s.print(out, func() {
			if password != "" {
				s.say("A remote site is set up in %s. Sign in as %s with the password %s (shown this once).\n", s.settings.Data, c.Admin, password)
			}
			s.say("%s\n", line)
			s.say("At the centre: atoll site export SITE FILE --request 'THE LINE ABOVE'")
		})
	})
}

// from takes the site's data from a file.
func (c initSiteCmd) from(s *session) error {
	return s.atSite(func(h *host.Host) error {
		f, err := os.Open(c.From)
		if err != nil {
			return err
		}
		defer f.Close()
		e, err := h.ImportSite(s.ctx, f)
		if err != nil {
			return err
		}
		counts, err := h.Station.Counts(s.ctx)
		if err != nil {
			return err
		}
		n := 0
		for _, k := range counts {
			n += k
		}
		return s.print(map[string]any{"site": e.Site, "name": e.Name, "records": n}, func() {
			s.say("This is site %d, %s, with %d records. It is ready: atoll serve --data %s", e.Site, e.Name, n, s.settings.Data)
		})
	})
}
