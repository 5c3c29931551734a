package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

type preferenceCmd struct {
	List preferenceListCmd `cmd:"" default:"withargs" help:"Every preference: what it does, what is set, and what holds otherwise."`
	Set  preferenceSetCmd  `cmd:"" help:"Set a preference of the system, or of one store."`
}

type preferenceListCmd struct {
	Store string `help:"As they hold for a store: its code, name or id."`
}

// preferenceView is a preference with what holds.
type preferenceView struct {
	catalogue.Preference
	Set   json.RawMessage `json:"set,omitempty"`   // for the system
	Own   json.RawMessage `json:"own,omitempty"`   // of the store
	Holds json.RawMessage `json:"holds,omitempty"` // what holds here
}

// Run lists the preferences.
func (c preferenceListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		set, err := preferencesOf(s, h, storage.Query{Type: "preference"})
		if err != nil {
			return err
		}
		own := map[string]atoll.Fields{}
		if c.Store != "" {
			st, err := storeNamed(s, h, c.Store)
			if err != nil {
				return err
			}
			if own, err = preferencesOf(s, h, storage.Query{Type: "store_preference", Where: map[string]string{"store_id": string(st.ID)}}); err != nil {
				return err
			}
		}
		views := []preferenceView{}
		var rows [][]string
		for _, p := range catalogue.Preferences {
			if c.Store != "" && !p.Store {
				continue
			}
			v := preferenceView{Preference: p, Set: set[p.Key]["value"], Own: own[p.Key]["value"], Holds: json.RawMessage(p.Default)}
			from := "unless set"
			for _, said := range []struct {
				value json.RawMessage
				by    string
			}{{v.Set, "the system's"}, {v.Own, "its own"}} {
				if said.value != nil {
					v.Holds, from = said.value, said.by
				}
			}
			views = append(views, v)
			rows = append(rows, []string{p.Key, string(v.Holds), from, p.Says})
		}
		return s.print(views, func() {
			s.table("", []string{"PREFERENCE", "IS", "", "WHAT IT DOES"}, rows)
		})
	})
}

// preferencesOf returns the records that the query selects, by key.
func preferencesOf(s *session, h *host.Host, q storage.Query) (map[string]atoll.Fields, error) {
	recs, _, err := h.Station.Records(s.ctx, q)
	if err != nil {
		return nil, err
	}
	out := map[string]atoll.Fields{}
	for _, r := range recs {
		out[r.Fields.Text("key")] = r.Fields.Clone().Set("id", r.ID)
	}
	return out, nil
}

type preferenceSetCmd struct {
	Key   string `arg:"" help:"Which; see: atoll preference list."`
	Value string `arg:"" help:"true, false, a number, or one of its values."`
	Store string `help:"For this store only: its code, name or id."`
}

// Run sets a preference.
func (c preferenceSetCmd) Run(s *session) error {
	p, ok := catalogue.FindPreference(c.Key)
	if !ok {
		return atoll.Errorf(atoll.NotFound, "there is no preference %q", c.Key).Do("see: atoll preference list")
	}
	value := json.RawMessage(strings.TrimSpace(c.Value))
	if !json.Valid(value) {
		value, _ = json.Marshal(c.Value)
	}
	if err := p.Check(value); err != nil {
		return err
	}
	return s.with(func(h *host.Host) error {
		do, whose, err := c.proposal(s, h, p, value)
		if err != nil {
			return err
		}
		res, err := h.Station.Edit(s.ctx, journal.Edit{Actor: s.globals.User, Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{do}})
		if err != nil {
			return err
		}
		return s.print(map[string]any{"key": c.Key, "value": value, "changed": res.Seq > 0}, func() {
			if res.Seq == 0 {
				s.say("%s is %s already.", c.Key, value)
				return
			}
			s.say("%s is %s now, %s. %s", c.Key, value, whose, p.Says)
		})
	})
}

func (c preferenceSetCmd) proposal(s *session, h *host.Host, p catalogue.Preference, value json.RawMessage) (journal.Proposal, string, error) {
	kind, whose := atoll.Type("preference"), "for the whole system"
	q := storage.Query{Type: kind, Where: map[string]string{"key": c.Key}}
	fields := atoll.Fields{}.Set("key", c.Key).Set("value", value)
	switch {
	case c.Store != "" && !p.Store:
		return journal.Proposal{}, "", atoll.Errorf(atoll.Invalid, "%s is a choice of the system, not of a store", c.Key).Do("leave out --store")
	case c.Store == "" && !p.System:
		return journal.Proposal{}, "", atoll.Errorf(atoll.Invalid, "%s is a choice of each store", c.Key).Do("name one with --store")
	case c.Store != "":
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return journal.Proposal{}, "", err
		}
		kind, whose = "store_preference", fmt.Sprintf("for %s", st.Name)
		fields.Set("store_id", st.ID)
		q = storage.Query{Type: kind, Where: map[string]string{"store_id": string(st.ID), "key": c.Key}}
	}
	there, err := preferencesOf(s, h, q)
	if err != nil {
		return journal.Proposal{}, "", err
	}
	if old, ok := there[c.Key]; ok {
		return journal.Proposal{
			Verb: atoll.Update, Key: atoll.Key{Type: kind, ID: old.ID("id")}, Fields: atoll.Fields{}.Set("value", value),
		}, whose, nil
	}
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: atoll.NewID(time.Now())}, Fields: fields}, whose, nil
}
