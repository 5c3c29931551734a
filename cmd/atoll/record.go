package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

type recordCmd struct {
	Get     recordGetCmd     `cmd:"" help:"One record, with its owner."`
	Put     recordPutCmd     `cmd:"" help:"Make or change a record."`
	Delete  recordDeleteCmd  `cmd:"" help:"Delete a record."`
	List    recordListCmd    `cmd:"" help:"Records of one type."`
	History recordHistoryCmd `cmd:"" help:"Every version of a record: who, where, when."`

	Duplicates recordDuplicatesCmd `cmd:"" help:"Documents of which there should be one."`
}

type keyArg struct {
	Type string `arg:"" help:"Record type, such as item."`
	ID   string `arg:"" help:"Id of the record."`
}

func (k keyArg) key() (atoll.Key, error) {
	id, err := atoll.ParseID(k.ID)
	return atoll.Key{Type: atoll.Type(k.Type), ID: id}, err
}

// recordJSON is a record as --json prints it.
type recordJSON struct {
	Type     atoll.Type   `json:"type"`
	ID       atoll.ID     `json:"id"`
	Version  uint64       `json:"version"`
	Origin   atoll.Origin `json:"origin"`
	Owner    atoll.SiteID `json:"owner,omitempty"`
	Why      string       `json:"owner_reason,omitempty"`
	Editable bool         `json:"editable"`
	Fields   atoll.Fields `json:"fields"`
}

func asJSON(r station.Record) recordJSON {
	return recordJSON{r.Type, r.ID, r.Version, r.Origin, r.Owner.Site, r.Owner.Why, r.Editable, r.Fields}
}

type recordGetCmd struct {
	keyArg
	Merged bool `help:"The record itself, also if it was merged; otherwise the one that was kept."`
}

// Run prints one record.
func (c recordGetCmd) Run(s *session) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	open := (*station.Station).Open
	if c.Merged {
		open = (*station.Station).Record
	}
	return s.with(func(h *host.Host) error {
		r, err := open(h.Station, s.ctx, key)
		if err != nil {
			return err
		}
		return s.print(asJSON(r), func() {
			if r.Key != key {
				s.say("%s was merged into:", key)
			}
			s.say("%s  version %d, made by entry %s", r.Key, r.Version, r.Origin)
			if r.Editable {
				s.say("editable here: %s", r.Owner.Why)
			} else {
				s.say("read only here: it belongs to %s (%s)", s.place(h, r.Owner.Site), r.Owner.Why)
			}
			for _, name := range r.Fields.Names() {
				s.say("  %-28s %s", name, r.Fields[name])
			}
		})
	})
}

type recordPutCmd struct {
	Type   string   `arg:"" help:"Record type, such as item."`
	ID     string   `arg:"" optional:"" help:"Id of the record to change; a new record is made without it."`
	Set    []string `short:"s" sep:"none" help:"FIELD=VALUE; may be repeated. An empty value clears the field." placeholder:"FIELD=VALUE"`
	From   string   `help:"Read the fields as one JSON object from a file, or - for standard input." placeholder:"FILE"`
	Expect uint64   `help:"Refuse unless the record is at this version." placeholder:"N"`
}

// Run makes or changes a record.
func (c recordPutCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		fields, err := c.fields(s, h)
		if err != nil {
			return err
		}
		p := journal.Proposal{Verb: atoll.Update, Fields: fields, Expect: c.Expect}
		if c.ID == "" {
			p.Verb, p.Key = atoll.Insert, atoll.Key{Type: atoll.Type(c.Type), ID: atoll.NewID(time.Now())}
		} else {
			if p.Key, err = (keyArg{c.Type, c.ID}).key(); err != nil {
				return err
			}
			if _, err := h.Station.Record(s.ctx, p.Key); atoll.CodeOf(err) == atoll.NotFound {
				p.Verb = atoll.Insert
			}
		}
		res, err := h.Station.Edit(s.ctx, journal.Edit{Actor: s.globals.User, Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{p}})
		if err != nil {
			return err
		}
		r, err := h.Station.Record(s.ctx, p.Key)
		if err != nil {
			return err
		}
		return s.print(asJSON(r), func() {
			if res.Seq == 0 {
				s.say("%s is so already; nothing changed.", p.Key)
				return
			}
			s.say("%s is at version %d, entry %d of this site's journal.", p.Key, r.Version, res.Seq)
		})
	})
}

// fields gathers what is to be written. Values are text; for fields of other kinds
// they are read as JSON.
func (c recordPutCmd) fields(s *session, h *host.Host) (atoll.Fields, error) {
	fields := atoll.Fields{}
	if c.From != "" {
		in := s.in
		if c.From != "-" {
			f, err := os.Open(c.From)
			if err != nil {
				return nil, atoll.Errorf(atoll.NotFound, "the fields cannot be read: %w", err).Do("name a file with one JSON object, or - for standard input")
			}
			defer f.Close()
			in = f
		}
		b, err := io.ReadAll(io.LimitReader(in, atoll.MaxBody+1))
		if err != nil {
			return nil, err
		}
		if fields, err = atoll.ParseFields(b); err != nil {
			return nil, err
		}
	}
	def, ok := h.Catalogue.Lookup(atoll.Type(c.Type))
	for _, set := range c.Set {
		name, value, found := strings.Cut(set, "=")
		if !found || name == "" {
			return nil, atoll.Errorf(atoll.Invalid, "%q: want FIELD=VALUE", set)
		}
		kind := ""
		if ok {
			if f, known := def.Field(name); known {
				kind = string(f.Kind)
			}
		}
		switch kind {
		case "integer", "decimal", "boolean", "object":
			if value == "" {
				fields.Set(name, nil)
				continue
			}
			if !json.Valid([]byte(value)) {
				return nil, atoll.Errorf(atoll.Schema, "%q is not a value for %s", value, name).On(name).Do("it is a field of kind %s", kind)
			}
			fields.Set(name, json.RawMessage(value))
		default:
			fields.Set(name, value)
		}
	}
	return fields, nil
}

type recordDeleteCmd struct{ keyArg }

// Run deletes a record.
func (c recordDeleteCmd) Run(s *session) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	return s.with(func(h *host.Host) error {
		res, err := h.Station.Edit(s.ctx, journal.Edit{
			Actor: s.globals.User, Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{{Verb: atoll.Delete, Key: key}},
		})
		if err != nil {
			return err
		}
		return s.print(map[string]any{"key": key.String(), "seq": res.Seq}, func() { s.say("%s is deleted, entry %d.", key, res.Seq) })
	})
}

type recordListCmd struct {
	Type  string            `arg:"" help:"Record type, such as item."`
	Where map[string]string `help:"FIELD=VALUE of an indexed field; may be repeated." placeholder:"FIELD=VALUE"`
	Limit int               `help:"How many." default:"50"`
	After string            `help:"Go on after this id." placeholder:"ID"`
}

// Run lists records.
func (c recordListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		recs, next, err := h.Station.Records(s.ctx, storage.Query{
			Type: atoll.Type(c.Type), After: atoll.ID(c.After), Limit: c.Limit, Where: c.Where,
		})
		if err != nil {
			return err
		}
		list := make([]recordJSON, 0, len(recs))
		for _, r := range recs {
			list = append(list, asJSON(r))
		}
		return s.print(map[string]any{"records": list, "next": next}, func() {
			var rows [][]string
			for _, r := range recs {
				here := "read only"
				if r.Editable {
					here = "editable"
				}
				rows = append(rows, []string{string(r.ID), fmt.Sprint(r.Version), label(r), here, r.Origin.String()})
			}
			s.table("No records of this type here.", []string{"ID", "VERSION", "NAME", "HERE", "ENTRY"}, rows)
			if next != "" {
				s.say("More with: --after %s", next)
			}
		})
	})
}

type recordHistoryCmd struct {
	keyArg
	Limit int `help:"How many versions." default:"50"`
}

// Run prints the versions of a record.
func (c recordHistoryCmd) Run(s *session) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	return s.with(func(h *host.Host) error {
		changes, err := h.Station.History(s.ctx, key, c.Limit)
		if err != nil {
			return err
		}
		type version struct {
			Version  uint64       `json:"version"`
			Entry    atoll.Origin `json:"entry"`
			Time     time.Time    `json:"time"`
			Received time.Time    `json:"received"`
			Actor    string       `json:"actor"`
			Cause    atoll.Cause  `json:"cause"`
			Verb     atoll.Verb   `json:"verb"`
			Fields   atoll.Fields `json:"fields,omitempty"`
		}
		out := make([]version, 0, len(changes))
		for _, ch := range changes {
			out = append(out, version{ch.Op.Version, ch.Origin, ch.Time, ch.Received, ch.Actor, ch.Cause, ch.Op.Verb, ch.Op.Fields})
		}
		return s.print(out, func() {
			var rows [][]string
			for _, v := range out {
				what := string(v.Verb)
				if v.Verb == atoll.Update {
					what += " " + strings.Join(v.Fields.Names(), ", ")
				}
				rows = append(rows, []string{fmt.Sprint(v.Version), v.Entry.String(), moment(v.Time), v.Actor, v.Cause.Kind, what})
			}
			s.table("Its journal is not in this database: ask at the site that made it, or at the centre.",
				[]string{"VERSION", "ENTRY", "WHEN", "WHO", "WHY", "WHAT"}, rows)
		})
	})
}
