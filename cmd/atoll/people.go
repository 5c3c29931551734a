package main

import (
	"strings"

	"github.com/atollsync/atoll"
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

type userLimitCmd struct {
	userNameArg
	Stores []string `arg:"" optional:"" name:"store" help:"Codes, names or ids of the stores. None: all stores again."`
}

// Help tells what is limited.
func (userLimitCmd) Help() string {
	return "Reports, documents and records of other stores are not shown to the person any more, over REST and in the console, and cannot be changed; central data and patients are everybody's. It holds at once. Example: atoll user limit amina NORTH SOUTH"
}

// Run limits the user.
func (c userLimitCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		var ids []atoll.ID
		var names []string
		for _, what := range c.Stores {
			st, err := storeNamed(s, h, what)
			if err != nil {
				return err
			}
			ids, names = append(ids, st.ID), append(names, st.Name)
		}
		if err := h.Station.LimitUser(s.ctx, c.Name, ids); err != nil {
			return err
		}
		return s.print(map[string]any{"name": c.Name, "stores": ids}, func() {
			if len(ids) == 0 {
				s.say("%s sees the data of all stores.", c.Name)
				return
			}
			s.say("%s sees only the data of %s.", c.Name, strings.Join(names, ", "))
		})
	})
}
