package main

import (
	"encoding/json"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/host"
)

type preferenceCmd struct {
	List preferenceListCmd `cmd:"" default:"withargs" help:"Every preference: what it does, what is set, and what holds otherwise."`
	Set  preferenceSetCmd  `cmd:"" help:"Set a preference of the system, or of one store."`
}

type preferenceListCmd struct {
	Store string `help:"As they hold for a store: its code, name or id."`
}

// Run lists the preferences.
func (c preferenceListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		list, err := h.Station.Preferences(s.ctx, store)
		if err != nil {
			return err
		}
		return s.print(list, func() {
			var rows [][]string
			for _, p := range list {
				from := "unless set"
				switch {
				case p.Own != nil:
					from = "its own"
				case p.Set != nil:
					from = "the system's"
				}
				rows = append(rows, []string{p.Key, string(p.Holds), from, p.Says})
			}
			s.table("", []string{"PREFERENCE", "IS", "", "WHAT IT DOES"}, rows)
		})
	})
}

type preferenceSetCmd struct {
	Key   string `arg:"" help:"Which; see: atoll preference list."`
	Value string `arg:"" help:"true, false, a number, or one of its values."`
	Store string `help:"For this store only: its code, name or id."`
}

// Run sets a preference.
func (c preferenceSetCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		store, whose := atoll.ID(""), "for the whole system"
		if c.Store != "" {
			st, err := storeNamed(s, h, c.Store)
			if err != nil {
				return err
			}
			store, whose = st.ID, "for "+st.Name
		}
		value := json.RawMessage(strings.TrimSpace(c.Value))
		if !json.Valid(value) {
			value, _ = json.Marshal(c.Value)
		}
		res, err := h.Station.SetPreference(s.ctx, s.globals.User, c.Key, value, store)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"key": c.Key, "value": value, "changed": res.Seq > 0}, func() {
			if res.Seq == 0 {
				s.say("%s is %s already.", c.Key, value)
				return
			}
			p, _ := catalogue.FindPreference(c.Key)
			s.say("%s is %s now, %s. %s", c.Key, value, whose, p.Says)
		})
	})
}
