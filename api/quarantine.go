package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// RefusalView is one refused entry (T-65). At a remote site it is what the
// central server told of it: no id, and no more than the reason.
type RefusalView struct {
	ID        int64        `json:"id,omitempty" doc:"At the central server" example:"12"`
	Site      atoll.SiteID `json:"site" example:"2"`
	Seq       uint64       `json:"seq" doc:"The entry's place in the site's journal" example:"118"`
	Code      atoll.Code   `json:"code" doc:"Why" example:"ownership"`
	Layer     string       `json:"layer" doc:"Which check refused: schema, reference, ownership, rule or chain" example:"ownership"`
	Message   string       `json:"message" doc:"Why, in words"`
	Reason    *ReasonView  `json:"reason,omitempty" doc:"The rule that refused, for words of your own; left out when none is named"`
	Subject   string       `json:"subject,omitempty" doc:"The record at fault: type/id"`
	Field     string       `json:"field,omitempty"`
	Behind    int64        `json:"behind,omitempty" doc:"The refusal it is held behind"`
	Records   []string     `json:"records,omitempty" doc:"All records of the entry: type/id"`
	At        *time.Time   `json:"at,omitempty"`
	Attempts  int          `json:"attempts,omitempty" doc:"How often it was judged again"`
	State     string       `json:"state,omitempty" enum:"open,applied,skipped,returned" doc:"At the central server" example:"open"`
	Settled   *time.Time   `json:"settled,omitempty"`
	SettledBy string       `json:"settled_by,omitempty"`
	Note      string       `json:"note,omitempty"`
}

// ReasonView is the rule that refused, and what it speaks of.
type ReasonView struct {
	Rule   string         `json:"rule" doc:"A stable name" example:"stock.unexplained"`
	Values map[string]any `json:"values,omitempty" doc:"What it speaks of, by name: a text, a number, the number of a site, or the name of a record type"`
}

func reasonView(r atoll.Reason) *ReasonView {
	if r.IsZero() {
		return nil
	}
	v := &ReasonView{Rule: r.Name}
	for i := 0; i+1 < len(r.Args); i += 2 {
		if name, is := r.Args[i].(string); is {
			if v.Values == nil {
				v.Values = map[string]any{}
			}
			v.Values[name] = r.Args[i+1]
		}
	}
	return v
}

// keysShown is how many of an entry's records a list names.
const keysShown = 20

func refusalView(r storage.Refusal) RefusalView {
	v := RefusalView{
		ID: r.ID, Site: r.Site, Seq: r.Seq, Code: r.Code, Layer: r.Layer, Message: r.Message, Reason: reasonView(r.Reason), Field: r.Field, Behind: r.Behind,
		At: moment(r.At), Attempts: r.Attempts, State: r.State, Settled: moment(r.Settled), SettledBy: r.By, Note: r.Note,
	}
	if r.Subject != (atoll.Key{}) {
		v.Subject = r.Subject.String()
	}
	for _, k := range r.Keys[:min(len(r.Keys), keysShown)] {
		v.Records = append(v.Records, k.String())
	}
	return v
}

// RefusedChange is one operation of a refused entry, beside what stands now.
type RefusedChange struct {
	Verb       atoll.Verb   `json:"verb,omitempty" enum:"insert,update,delete,restate" example:"update"`
	Type       atoll.Type   `json:"type,omitempty" example:"stock_line"`
	ID         atoll.ID     `json:"id,omitempty"`
	Version    uint64       `json:"version,omitempty" doc:"The record's version after the change" example:"4"`
	Base       string       `json:"base,omitempty" doc:"The entry it builds on: site/seq" example:"2/9"`
	Withheld   bool         `json:"withheld,omitempty" doc:"The change stays at its site; only its digest came"`
	Fields     Body         `json:"fields,omitempty" doc:"What the change writes"`
	Now        *Standing    `json:"now,omitempty" doc:"The record as it stands here; left out when there is none"`
	Difference []Difference `json:"difference,omitempty" doc:"The fields in which the two differ"`
}

// Standing is a record as it stands.
type Standing struct {
	Version uint64 `json:"version" example:"4"`
	Origin  string `json:"origin" doc:"The entry that made this version" example:"1/77"`
	Deleted bool   `json:"deleted,omitempty"`
	Fields  Body   `json:"fields"`
}

// Difference is one field that a refused change would alter.
type Difference struct {
	Field  string `json:"field" example:"batch"`
	Now    any    `json:"now" doc:"null when it is not set"`
	Wanted any    `json:"wanted" doc:"null when it would be cleared"`
}

type quarantineInput struct {
	Site  int   `query:"site" minimum:"1" maximum:"2147483647" doc:"Only of this site" example:"2"`
	Open  bool  `query:"open" doc:"Only those that wait for a decision"`
	After int64 `query:"after" minimum:"0" doc:"The next of the answer before"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most refusals in the answer"`
}

type quarantineAnswer struct {
	Body struct {
		Refusals []RefusalView `json:"refusals" doc:"Oldest first; at a remote site newest first"`
		Next     int64         `json:"next,omitempty" doc:"To be sent as after; left out at the end"`
	}
}

// RefusalPath is the refusal an address names.
type RefusalPath struct {
	ID int64 `path:"id" minimum:"1" example:"12"`
}

type refusalAnswer struct {
	Body struct {
		RefusalView
		Time       *time.Time      `json:"time,omitempty" doc:"When the site made the entry, by its clock"`
		Actor      string          `json:"actor,omitempty" doc:"Who made it"`
		Cause      string          `json:"cause,omitempty"`
		Unreadable string          `json:"unreadable,omitempty" doc:"Why the entry cannot be read"`
		Total      int             `json:"total" doc:"How many operations it has"`
		Changes    []RefusedChange `json:"changes" doc:"The first two hundred"`
	}
}

type decideInput struct {
	RefusalPath
	Body struct {
		Decision central.Decision `json:"decision" enum:"retry,accept,skip,return" doc:"retry: judge it again now; accept: make the change here, where the central server owns the records; skip: leave it out for good; return: leave it out and send the site the true records" example:"return"`
		Note     string           `json:"note,omitempty" maxLength:"1000" doc:"The reason; all but retry need one" example:"Counted twice, see the call of 3 March"`
	}
}

type decideAnswer struct {
	Body struct {
		Applied bool        `json:"applied" doc:"Whether the refused changes stand now"`
		Refusal RefusalView `json:"refusal"`
	}
}

func (s *server) quarantineOperations() {
	handle(s, s.ofOwn(station.MaySync), huma.Operation{
		OperationID: "list-quarantine", Method: http.MethodGet, Path: "/quarantine", Tags: []string{"quarantine"},
		Summary:     "List refused changes",
		Description: "Entries that the central server refused and keeps whole. At a remote site: what the central server told of this site's.",
	}, s.refusals)
	handle(s, station.MaySync, huma.Operation{
		OperationID: "get-refusal", Method: http.MethodGet, Path: "/quarantine/{id}", Tags: []string{"quarantine"},
		Summary: "Get a refused entry", Description: "With its operations, what stands now for each record, and the difference. At the central server.",
	}, s.refusal)
	handle(s, station.MaySync, huma.Operation{
		OperationID: "decide-refusal", Method: http.MethodPost, Path: "/quarantine/{id}/decide", Tags: []string{"quarantine"},
		Summary: "Decide about a refused entry", Description: "The entry stays in quarantine's history whatever is decided. At the central server.",
	}, s.decide)
}

func (s *server) refusals(ctx context.Context, in *quarantineInput) (*quarantineAnswer, error) {
	out := &quarantineAnswer{}
	out.Body.Refusals = []RefusalView{}
	if s.Centre == nil {
		return out, s.toldOf(ctx, in, out)
	}
	err := s.Database.View(ctx, func(r storage.Reader) error {
		out.Body.Refusals, out.Body.Next = []RefusalView{}, 0
		page, err := r.Refusals(atoll.SiteID(in.Site), in.Open, in.After, in.Limit+1)
		if err != nil {
			return err
		}
		if len(page) > in.Limit {
			page = page[:in.Limit]
			out.Body.Next = page[len(page)-1].ID
		}
		for _, no := range page {
			sees, err := s.Station.SeesRefusal(visitOf(ctx).User, r, no)
			if err != nil {
				return err
			}
			if sees {
				out.Body.Refusals = append(out.Body.Refusals, refusalView(no))
			}
		}
		return nil
	})
	visitOf(ctx).Records = len(out.Body.Refusals)
	return out, err
}

// toldOf lists what the central server told a remote site.
func (s *server) toldOf(ctx context.Context, in *quarantineInput, out *quarantineAnswer) error {
	own, err := s.own()
	if err != nil {
		return err
	}
	if in.Site != 0 && atoll.SiteID(in.Site) != s.Here {
		_, err := s.centre(ctx)
		return err
	}
	told, err := own.Refused(ctx, in.Limit)
	if err != nil {
		return err
	}
	var keys []atoll.Key
	for _, no := range told {
		keys = append(keys, atoll.Key{Type: no.Type, ID: no.ID})
	}
	hidden, err := s.hidden(ctx, keys...)
	if err != nil {
		return err
	}
	for i, no := range told {
		if hidden[keys[i]] {
			continue
		}
		v := RefusalView{Site: s.Here, Seq: no.Seq, Code: no.Code, Layer: no.Layer, Message: no.Message, Reason: reasonView(no.Reason), Field: no.Field}
		if no.Type != "" {
			v.Subject = atoll.Key{Type: no.Type, ID: no.ID}.String()
		}
		out.Body.Refusals = append(out.Body.Refusals, v)
	}
	return nil
}

// operationsShown is how many operations of a refused entry are shown.
const operationsShown = 200

func (s *server) refusal(ctx context.Context, in *RefusalPath) (*refusalAnswer, error) {
	if _, err := s.centre(ctx); err != nil {
		return nil, err
	}
	out := &refusalAnswer{}
	err := s.Database.View(ctx, func(r storage.Reader) error {
		no, err := s.find(ctx, r, in.ID)
		if err != nil {
			return err
		}
		out.Body.RefusalView, out.Body.Changes = refusalView(no), []RefusedChange{}
		e, err := atoll.DecodeEntry(no.Content)
		if err != nil {
			out.Body.Unreadable = err.Error()
			return nil //nolint:nilerr // said in the answer: an entry may be refused because it cannot be read
		}
		out.Body.Time, out.Body.Actor, out.Body.Cause, out.Body.Total = moment(e.Time), e.Actor, e.Cause.Kind, len(e.Operations)
		for _, op := range e.Operations[:min(len(e.Operations), operationsShown)] {
			c, err := s.refused(r, op)
			if err != nil {
				return err
			}
			out.Body.Changes = append(out.Body.Changes, c)
		}
		return nil
	})
	visitOf(ctx).Records = len(out.Body.Changes)
	return out, err
}

// find is the refusal, unless it is about stores that are not the user's (R-J-01).
func (s *server) find(ctx context.Context, r storage.Reader, id int64) (storage.Refusal, error) {
	no, err := r.Refusal(id)
	if errors.Is(err, atoll.NotFound) {
		return no, atoll.Errorf(atoll.NotFound, "there is no refusal %d", id).Do("list them with: GET %s/quarantine", prefix)
	}
	if err != nil {
		return no, err
	}
	sees, err := s.Station.SeesRefusal(visitOf(ctx).User, r, no)
	if err == nil && !sees {
		err = notTheirs(ctx, no.Subject)
	}
	return no, err
}

// refused puts an operation beside what stands now.
func (s *server) refused(r storage.Reader, op atoll.Operation) (RefusedChange, error) {
	if !op.Withheld.IsZero() {
		return RefusedChange{Withheld: true}, nil
	}
	def, _ := s.Catalogue.Lookup(op.Type)
	if op.Gone() {
		op.Verb = atoll.Delete // whether it is told at once or later
	}
	c := RefusedChange{Verb: op.Verb, Type: op.Type, ID: op.ID, Version: op.Version, Base: op.Base.String(), Fields: show(def, op.Fields)}
	stands, err := r.Record(op.Key)
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return c, err
	}
	now := atoll.Fields{}
	if err == nil {
		if now, err = stands.Fields(); err != nil {
			return c, fmt.Errorf("what stands now: %w", err)
		}
		c.Now = &Standing{Version: stands.Version, Origin: stands.Origin.String(), Deleted: stands.Deleted, Fields: show(def, now)}
	}
	wanted := now
	switch op.Verb {
	case atoll.Insert, atoll.Restate:
		wanted = op.Fields
	case atoll.Update:
		wanted = now.Apply(op.Fields)
	case atoll.Delete:
		return c, nil // the verb tells it
	}
	changed := now.Changes(wanted)
	before, after := s.masked(op.Type, now), s.masked(op.Type, changed)
	for _, name := range changed.Names() {
		d := Difference{Field: name}
		if now.Has(name) {
			d.Now = before[name]
		}
		if changed.Has(name) {
			d.Wanted = after[name]
		}
		c.Difference = append(c.Difference, d)
	}
	return c, nil
}

// masked returns the fields without the values of secret ones.
func (s *server) masked(t atoll.Type, f atoll.Fields) atoll.Fields {
	def, ok := s.Catalogue.Lookup(t)
	if !ok {
		return f
	}
	out := f.Clone()
	for _, field := range def.Fields {
		if field.Secret && f.Has(field.Name) {
			out.Set(field.Name, masked)
		}
	}
	return out
}

func (s *server) decide(ctx context.Context, in *decideInput) (*decideAnswer, error) {
	centre, err := s.centre(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Database.View(ctx, func(r storage.Reader) error { _, err := s.find(ctx, r, in.ID); return err })
	if err != nil {
		return nil, err
	}
	out := &decideAnswer{}
	if out.Body.Applied, err = centre.Decide(ctx, in.ID, in.Body.Decision, actor(ctx), in.Body.Note); err != nil {
		return nil, err
	}
	err = s.Database.View(ctx, func(r storage.Reader) error {
		no, err := s.find(ctx, r, in.ID)
		out.Body.Refusal = refusalView(no)
		return err
	})
	return out, err
}
