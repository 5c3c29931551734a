package main

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/topology"
)

type siteKindCmd struct {
	siteArg
	Kind    string `arg:"" enum:"server,desktop,mobile,open,mirror" help:"server, desktop, mobile, open or mirror."`
	Preview bool   `help:"Only show what would change."`
}

// Run changes the type of a site.
func (c siteKindCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.SiteID) error {
		return configured(s, h, c.Preview, central.SetKind(id, topology.Kind(c.Kind)))
	})
}

type sitePrimaryCmd struct {
	siteArg
	Preview bool `help:"Only show what would change."`
}

// Run makes a site the primary.
func (c sitePrimaryCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.SiteID) error {
		return configured(s, h, c.Preview, central.MakePrimary(id))
	})
}
