package main

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/discovery"
)

type discoverCmd struct {
	Wait time.Duration `help:"How long to wait for answers." default:"3s"`
}

// Help says what a found server is worth.
func (discoverCmd) Help() string {
	return "Asks the local network (multicast DNS, _atoll._tcp), also without the internet. Anybody there may answer: " +
		"what is listed is an address to try, not a server to trust."
}

// Run looks for servers.
func (c discoverCmd) Run(s *session) error { return c.find(s, discovery.Multicast{Log: s.logger()}) }

func (c discoverCmd) find(s *session, n discovery.Network) error {
	if c.Wait <= 0 || c.Wait > time.Minute {
		return atoll.Errorf(atoll.Invalid, "cannot wait %s for answers", c.Wait).On("wait").Do("wait up to a minute")
	}
	found, err := discovery.Find(s.ctx, n, c.Wait)
	if err != nil {
		return err
	}
	if found == nil {
		found = []discovery.Server{}
	}
	return s.print(found, func() {
		var rows [][]string
		for _, f := range found {
			what := "central server"
			if f.Role == discovery.Site {
				what = "site " + f.Site.String()
				if f.Site == 0 {
					what = "site, not enrolled yet"
				}
			}
			rows = append(rows, []string{f.Name, f.URL, what, f.App})
		}
		s.table("No servers answered. Is this machine on their network, and do they serve beyond their own machine?",
			[]string{"NAME", "ADDRESS", "WHAT IT IS", "VERSION"}, rows)
	})
}
