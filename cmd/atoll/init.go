package main

import (
	"strings"

	"github.com/atollsync/atoll/discovery"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/wire"
)

type initCmd struct {
	Central initCentralCmd `cmd:"" help:"Set up a central server: the first thing a system needs."`
	Site    initSiteCmd    `cmd:"" help:"Set up a remote site. Enrol it next; or, with --again, fill it from the centre anew."`
}

type initCentralCmd struct {
	Name     string `help:"Name of the system, as people call it." default:"Centre"`
	Admin    string `help:"Name of the first administrator." default:"admin"`
	Password string `help:"The administrator's password; one is drawn unless given." env:"ATOLL_ADMIN_PASSWORD" placeholder:"TEXT"`
}

// Run makes a central server.
func (c initCentralCmd) Run(s *session) error {
	h, password, err := host.InitCentral(s.ctx, s.host(), c.Name, c.Admin, c.Password)
	if err != nil {
		return err
	}
	defer h.Close()
	out := map[string]any{"data": s.settings.Data, "site": 1, "system": h.Station.Identity.System, "user": c.Admin, "password": password}
	return s.print(out, func() {
		s.say("A central server is set up in %s.\n", s.settings.Data)
		s.say("  Sign in as   %s", c.Admin)
		s.password(c.Password, password)
		s.say("Next: atoll serve --data %s", s.settings.Data)
	})
}

type initSiteCmd struct {
	Admin    string `help:"Name of the first administrator here." default:"admin"`
	Password string `help:"The administrator's password; one is drawn unless given." env:"ATOLL_ADMIN_PASSWORD" placeholder:"TEXT"`
	Again    bool   `help:"Initialise a site again: export what was not sent, empty the database, fill it from the centre." xor:"how"`
	NoSync   bool   `help:"With --again: do not fill the new database at once."`
	Request  bool   `help:"Print the line with which the centre puts this site's data into a file, for a place without a line; sets the site up if it is not yet." xor:"how"`
	From     string `help:"Take the site's data from a file that the centre made from its request." type:"existingfile" placeholder:"FILE" xor:"how"`
}

// Run makes a remote site, or empties one to be filled again.
func (c initSiteCmd) Run(s *session) error {
	switch {
	case c.Again:
		return c.again(s)
	case c.Request:
		return c.request(s)
	case c.From != "":
		return c.from(s)
	}
	h, password, err := host.InitSite(s.ctx, s.host(), c.Admin, c.Password)
	if err != nil {
		return err
	}
	defer h.Close()
	return s.print(map[string]any{"data": s.settings.Data, "user": c.Admin, "password": password}, func() {
		s.say("A remote site is set up in %s.\n", s.settings.Data)
		s.say("  Sign in as   %s", c.Admin)
		s.password(c.Password, password)
		s.say("Next: get a ticket at the centre (atoll site add NAME --store STORE), then here:")
		s.say("      atoll enrol --data %s TICKET", s.settings.Data)
	})
}

type enrolCmd struct {
	Ticket string `arg:"" help:"The ticket from the centre, or - to read it from standard input."`
	NoSync bool   `help:"Do not receive the site's data at once."`
}

// Run enrols the site and receives its data.
func (c enrolCmd) Run(s *session) error {
	text := c.Ticket
	if text == "-" {
		b := make([]byte, 4096)
		n, _ := s.in.Read(b)
		text = string(b[:n])
	}
	t, err := wire.ParseTicket(text)
	if err != nil {
		return err
	}
	return s.atSite(func(h *host.Host) error {
		e, err := h.Enrol(s.ctx, t)
		if err != nil {
			return err
		}
		if !s.globals.JSON {
			s.say("Enrolled as site %d, %s.", e.Site, e.Name)
		}
		if c.NoSync {
			return s.print(e, func() {
				s.say("Receive its data with: atoll sync --data %s", s.settings.Data)
			})
		}
		row, err := cycle(s, h)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"site": e.Site, "name": e.Name, "cycle": row}, func() {
			s.say("%d records received. The site is ready: atoll serve --data %s", row.Received, s.settings.Data)
		})
	})
}

type serveCmd struct {
	Listen     string `help:"Address to serve on." placeholder:"HOST:PORT"`
	URL        string `help:"Address at which sites reach this centre, when it is another." placeholder:"URL"`
	TLS        string `name:"tls" help:"auto (encrypted beyond this machine), on, or off." placeholder:"auto"`
	AllowPlain bool   `help:"Allow unencrypted traffic beyond this machine: for networks that encrypt by themselves."`
	NoAnnounce bool   `help:"Do not tell the local network of this server; clients must know its address."`
}

// Help shows the default address.
func (serveCmd) Help() string {
	return "Serves until interrupted. Address, URL and TLS of the last run are used again when none are given; at first the address is " + host.DefaultListen + "."
}

// Run serves until it is interrupted.
func (c serveCmd) Run(s *session) error {
	s.serving = true
	if c.Listen != "" {
		s.settings.Listen = c.Listen
	}
	if c.URL != "" {
		s.settings.URL = c.URL
	}
	if c.TLS != "" {
		s.settings.TLS, s.settings.origin["tls"] = c.TLS, "--tls"
	}
	if c.AllowPlain {
		s.settings.AllowPlain = "true"
	}
	if err := s.settings.check(); err != nil {
		return err
	}
	return s.with(func(h *host.Host) error {
		if !c.NoAnnounce {
			h.Announce = discovery.Multicast{Log: h.Log}
		}
		return h.Serve(s.ctx, func(url string) {
			what := "the central server"
			if h.Site != nil {
				what = "site " + h.Station.Identity.Site.String() + ", " + h.Station.Identity.Name
				if h.Station.Identity.Site == 0 {
					what = "a site that is not enrolled yet"
				}
			}
			if s.globals.JSON {
				_ = s.print(map[string]string{"url": url, "serving": what}, nil)
				return
			}
			s.say("Serving %s at %s", what, url)
			url = strings.TrimSuffix(url, "/")
			s.say("  Console  %s/   (open it in a browser; sign in as admin or another user)", url)
			s.say("  API      %s/api/v1/docs", url)
			s.say("  Stop     Ctrl-C")
		})
	})
}

// password shows a password that was drawn, this once. One that was given is known.
func (s *session) password(given, drawn string) {
	if given == "" {
		s.say("  Password     %s   (shown this once; write it down)", drawn)
	}
	s.say("")
}
