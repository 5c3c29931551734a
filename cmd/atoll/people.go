package main

import (
	"github.com/atollsync/atoll/host"
)

type userNameArg struct {
	Name string `arg:"" help:"Name the person signs in with."`
}

type userDisableCmd struct{ userNameArg }

// Run ends what the user may do here.
func (c userDisableCmd) Run(s *session) error { return c.disable(s, true) }

type userEnableCmd struct{ userNameArg }

// Run lets the user in again.
func (c userEnableCmd) Run(s *session) error { return c.disable(s, false) }

func (c userNameArg) disable(s *session, disabled bool) error {
	return s.with(func(h *host.Host) error {
		if err := h.Station.DisableUser(s.ctx, c.Name, disabled); err != nil {
			return err
		}
		return s.print(map[string]any{"name": c.Name, "disabled": disabled}, func() {
			if disabled {
				s.say("%s may no longer sign in; open sessions have ended.", c.Name)
				return
			}
			s.say("%s may sign in again.", c.Name)
		})
	})
}
