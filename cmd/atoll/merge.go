package main

import (
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

type mergeCmd struct {
	Do   mergeDoCmd   `cmd:"" default:"withargs" help:"Merge one record into another: atoll merge item OLD KEPT."`
	List mergeListCmd `cmd:"" help:"Merged records, and what stands for each."`
	Show mergeShowCmd `cmd:"" help:"What a merge re-pointed, row by row."`
	Undo mergeUndoCmd `cmd:"" help:"Make a merged record one of its own again, and give back what was re-pointed."`
}

type mergeDoCmd struct {
	Type    string `arg:"" help:"name, item, unit, location, patient or prescriber."`
	From    string `arg:"" help:"Id or code of the record that is merged; it is kept as merged."`
	Into    string `arg:"" help:"Id or code of the record that stays."`
	Preview bool   `help:"Only count what would be re-pointed here, and what stays for others."`
	Confirm bool   `help:"Merge items although they differ in unit, vaccine setting or doses."`
}

// Run merges, or tells what a merge would do.
func (c mergeDoCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		m := station.Merge{Type: atoll.Type(c.Type), Confirmed: c.Confirm}
		var err error
		if m.From, err = recordNamed(s, h, m.Type, c.From); err != nil {
			return err
		}
		if m.Into, err = recordNamed(s, h, m.Type, c.Into); err != nil {
			return err
		}
		if c.Preview {
			return c.preview(s, h, m)
		}
		done, err := h.Station.Merge(s.ctx, s.globals.User, m)
		if err != nil {
			return err
		}
		return s.print(done, func() {
			s.say("Merged. Rows re-pointed here: %d. Other sites re-point theirs when they hear of it; lists and reports are right at once.", done.Rows)
			s.say("To undo it: atoll merge undo %s %s", m.Type, m.From)
		})
	})
}

func (c mergeDoCmd) preview(s *session, h *host.Host, m station.Merge) error {
	p, err := h.Station.PreviewMerge(s.ctx, m)
	if err != nil {
		return err
	}
	return s.print(p, func() {
		s.say("%s %q would be merged into %q. Nothing has changed.", p.Type, p.FromName, p.IntoName)
		var rows [][]string
		for _, n := range p.Here {
			rows = append(rows, []string{string(n.Type), strconv.Itoa(n.Rows), "here, at once"})
		}
		for _, n := range p.Others {
			rows = append(rows, []string{string(n.Type), strconv.Itoa(n.Rows), "by " + s.place(h, n.Site) + ", when it hears of it"})
		}
		s.table("No row that is here names it.", []string{"ROWS OF", "NUMBER", "RE-POINTED"}, rows)
		if p.Joins > 0 {
			s.say("Of these, %d join what another row joins already, and go.", p.Joins)
		}
		if p.Refused != "" {
			s.say("It would be refused: %s (%s)", p.Refused, p.Hint)
		}
	})
}

// recordNamed finds a record of the type by its id, its code or, where it has no
// code, its name.
func recordNamed(s *session, h *host.Host, t atoll.Type, name string) (atoll.ID, error) {
	if id, err := atoll.ParseID(name); err == nil {
		return id, nil
	}
	def, ok := h.Catalogue.Lookup(t)
	if !ok {
		return "", atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", t).Do("list the types with: atoll catalogue")
	}
	for _, field := range []string{"code", def.Label} {
		if f, ok := def.Field(field); !ok || !f.Index {
			continue
		}
		found, _, err := h.Station.Records(s.ctx, storage.Query{Type: t, Where: map[string]string{field: name}, Limit: 2})
		if err != nil {
			return "", err
		}
		switch len(found) {
		case 1:
			return found[0].ID, nil
		case 2:
			return "", atoll.Errorf(atoll.Invalid, "there are several records of type %s with the %s %q", t, field, name).
				Do("name it by its id: atoll record list %s --where %s=%s", t, field, name)
		}
	}
	return "", atoll.Errorf(atoll.NotFound, "there is no %s %q", t, name).Do("list them with: atoll record list %s", t)
}

type mergeListCmd struct {
	Type string `arg:"" optional:"" help:"Of this type only."`
}

// Run lists merges.
func (c mergeListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		list, err := h.Station.Merges(s.ctx, atoll.Type(c.Type))
		if err != nil {
			return err
		}
		return s.print(list, func() {
			var rows [][]string
			for _, m := range list {
				undo := "-"
				if !m.Until.IsZero() {
					undo = "until " + moment(m.Until)
				}
				rows = append(rows, []string{string(m.Type), string(m.ID), m.Name, m.Kept, moment(m.At), strconv.Itoa(m.Rows), undo})
			}
			s.table("Nothing was merged.", []string{"TYPE", "ID", "MERGED", "INTO", "AT", "ROWS", "UNDO HERE"}, rows)
		})
	})
}

// mergedArg names a record that was merged.
type mergedArg struct {
	Type string `arg:"" help:"name, item, unit, location, patient or prescriber."`
	ID   string `arg:"" help:"Id or code of the record that was merged."`
}

func (a mergedArg) key(s *session, h *host.Host) (atoll.Key, error) {
	key := atoll.Key{Type: atoll.Type(a.Type)}
	list, err := h.Station.Merges(s.ctx, key.Type) // lists of records leave merged ones out
	if err != nil {
		return key, err
	}
	for _, m := range list {
		if code, _, _ := strings.Cut(m.Name, " "); code != a.ID {
			continue
		}
		if key.ID != "" {
			return key, atoll.Errorf(atoll.Invalid, "several merged records are called %q", a.ID).Do("name it by its id: atoll merge list %s", a.Type)
		}
		key.ID = m.ID
	}
	if key.ID == "" {
		key.ID, err = recordNamed(s, h, key.Type, a.ID)
	}
	return key, err
}

type mergeShowCmd struct{ mergedArg }

// Run shows what became of a merge.
func (c mergeShowCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		key, err := c.key(s, h)
		if err != nil {
			return err
		}
		d, err := h.Station.MergeDetails(s.ctx, key)
		if err != nil {
			return err
		}
		return s.print(d, func() { s.merge(h, d) })
	})
}

func (s *session) merge(h *host.Host, d merge.Details) {
	if d.Undone {
		s.say("%s %q was merged into %s; that was undone.", d.Type, d.Name, d.Into)
	} else {
		s.say("%s %q is merged into %s.", d.Type, d.Name, d.Into)
	}
	var rows [][]string
	for _, e := range d.Journal {
		for _, r := range e.Rows {
			what := "re-pointed: " + strings.Join(r.Fields, ", ")
			switch {
			case r.Removed != nil:
				what = "removed: another row joins the same"
			case len(r.Fields) == 0:
				what = "took over what a removed row allowed"
			}
			if e.Undone {
				what += "; given back"
			}
			rows = append(rows, []string{string(r.Type), string(r.ID), s.place(h, e.Site), what})
		}
	}
	s.table("No row that is known here was re-pointed.", []string{"ROW OF", "ID", "BY", "WHAT BECAME OF IT"}, rows)
	rows = nil
	for _, k := range d.Since {
		rows = append(rows, []string{string(k.Type), string(k.ID)})
	}
	if len(rows) > 0 {
		s.say("\nMade since, and left with the survivor: decide by hand which is meant.")
		s.table("", []string{"ROW OF", "ID"}, rows)
	}
}

type mergeUndoCmd struct{ mergedArg }

// Run undoes a merge.
func (c mergeUndoCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		key, err := c.key(s, h)
		if err != nil {
			return err
		}
		done, err := h.Station.Unmerge(s.ctx, s.globals.User, key, nil)
		if err != nil {
			return err
		}
		return s.print(done, func() {
			s.say("Undone. Rows given back here: %d. Other sites give back theirs when they hear of it.", done.Rows)
			s.say("Rows made since stay where they are: atoll merge show %s %s", c.Type, c.ID)
		})
	})
}
