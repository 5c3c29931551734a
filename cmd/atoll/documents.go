package main

import (
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/station"
)

type recordDuplicatesCmd struct{}

// Help says when to run it.
func (recordDuplicatesCmd) Help() string {
	return "Several answers to one document, or one number given twice in a store. Reads every document here: run it once a day, at the centre. The status is 5 when there are some."
}

// Run lists equal documents.
func (recordDuplicatesCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		list, err := h.Station.Duplicates(s.ctx)
		if err != nil {
			return err
		}
		if err := s.print(list, func() { s.duplicates(h, list) }); err != nil {
			return err
		}
		if len(list) > 0 {
			return unwell
		}
		return nil
	})
}

func (s *session) duplicates(h *host.Host, list []station.Duplicate) {
	t, err := h.Station.Topology(s.ctx)
	if err != nil {
		return
	}
	var rows [][]string
	for _, d := range list {
		store, why := "", "number "+strconv.FormatInt(d.Number, 10)
		if st, ok := t.Store(d.Store); ok {
			store = st.Name
		}
		if d.Originating != "" {
			why = "all answer " + string(d.Originating)
		}
		var ids []string
		for _, id := range d.Documents {
			ids = append(ids, string(id))
		}
		rows = append(rows, []string{string(d.Type), store, words(d.Kind), why, strings.Join(ids, " ")})
	}
	s.table("Every document is there once.", []string{"TYPE", "STORE", "KIND", "EQUAL IN", "DOCUMENTS"}, rows)
}

// words is a value of the catalogue as people say it.
func words(value string) string { return strings.ReplaceAll(value, "_", " ") }

// label is how a list shows a record: by its name; a document, which has a number,
// with what it is and how far it has come.
func label(r station.Record) string {
	if r.Def == nil || r.Def.Label == "" {
		return ""
	}
	name := r.Fields.Text(r.Def.Label)
	if f, ok := r.Def.Field(r.Def.Label); ok && f.Kind == "integer" {
		name = r.Fields.Number(r.Def.Label)
		for _, more := range []string{"kind", "status"} {
			if value := r.Fields.Text(more); value != "" {
				name += ", " + words(value)
			}
		}
		if onHold := r.Fields.Bool("on_hold", false); onHold {
			name += ", on hold"
		}
	}
	return name
}

// place is a site as people call it; where this database does not know its name,
// by the store that is active there.
func (s *session) place(h *host.Host, site atoll.SiteID) string {
	t, err := h.Station.Topology(s.ctx)
	if err != nil {
		return "site " + site.String()
	}
	return authority.Place(t, site)
}
