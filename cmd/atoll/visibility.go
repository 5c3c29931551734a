package main

import (
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
)

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
