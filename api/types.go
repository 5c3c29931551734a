package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/station"
)

// TypeView is a record type as the API tells of one.
type TypeView struct {
	Type     atoll.Type         `json:"type" example:"stock_line"`
	Title    string             `json:"title" example:"Stock line"`
	Area     string             `json:"area" example:"stock"`
	Class    catalogue.Class    `json:"class" example:"store"`
	Editor   catalogue.Editor   `json:"editor" doc:"Which site may write it" example:"active"`
	Mirrored catalogue.Editor   `json:"mirrored" doc:"The editor in a mirrored system" example:"active"`
	Route    catalogue.Route    `json:"route" doc:"Where its records go" example:"store"`
	Scope    string             `json:"scope,omitempty" doc:"The field that decides about owner and route" example:"store_id"`
	Deletion catalogue.Deletion `json:"deletion" enum:"tombstone,soft,never" example:"never"`
	Label    string             `json:"label,omitempty" doc:"The field that names a record to a person"`
	Note     string             `json:"note,omitempty"`
	Fields   []FieldView        `json:"fields,omitempty" doc:"Left out in lists"`
}

// FieldView is a field of a record type as the API tells of one.
type FieldView struct {
	Name     string         `json:"name" example:"total_number_of_packs"`
	Kind     catalogue.Kind `json:"kind" enum:"text,integer,decimal,boolean,date,time,enum,reference,object" example:"decimal"`
	Required bool           `json:"required,omitempty"`
	To       atoll.Type     `json:"to,omitempty" doc:"The type a reference points to"`
	Values   []string       `json:"values,omitempty" doc:"The values of an enum"`
	Parent   bool           `json:"parent,omitempty" doc:"A reference to the record this one is part of"`
	Filter   bool           `json:"filter,omitempty" doc:"Lists may filter by it"`
	Fixed    bool           `json:"fixed,omitempty" doc:"Cannot change after the record is made"`
	Secret   bool           `json:"secret,omitempty" doc:"Never shown"`
	Max      int            `json:"max,omitempty" doc:"Bytes of text it may have"`
	Note     string         `json:"note,omitempty"`
}

func typeView(d *catalogue.Def, fields bool) TypeView {
	v := TypeView{
		Type: d.Type, Title: d.Title, Area: d.Area, Class: d.Class, Editor: d.Editor, Mirrored: d.Mirrored, Route: d.Route,
		Scope: d.Scope, Deletion: d.Deletion, Label: d.Label, Note: d.Note,
	}
	if !fields {
		return v
	}
	for _, f := range d.Fields {
		w := FieldView{
			Name: f.Name, Kind: f.Kind, Required: f.Required, To: f.To, Values: f.Values, Parent: f.Parent, Filter: f.Index,
			Fixed: f.Fixed, Secret: f.Secret, Note: f.Note,
		}
		if f.Kind == catalogue.Text {
			w.Max = f.Limit()
		}
		v.Fields = append(v.Fields, w)
	}
	return v
}

type typesAnswer struct {
	Body struct {
		Version int        `json:"version" doc:"Of the catalogue"`
		Types   []TypeView `json:"types"`
	}
}

type typeInput struct {
	Type atoll.Type `path:"type" maxLength:"48" example:"stock_line"`
}

type typeAnswer struct {
	Body TypeView
}

func (s *server) typeOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-types", Method: http.MethodGet, Path: "/types", Tags: []string{"types"},
		Summary: "List record types", Description: "Every type of the catalogue, those referred to before those that refer to them.",
	}, func(context.Context, *struct{}) (*typesAnswer, error) {
		out := &typesAnswer{}
		out.Body.Version = s.Catalogue.Version()
		for _, d := range s.Catalogue.Types() {
			out.Body.Types = append(out.Body.Types, typeView(d, false))
		}
		return out, nil
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-type", Method: http.MethodGet, Path: "/types/{type}", Tags: []string{"types"},
		Summary: "Describe a record type", Description: "One type with its fields.",
	}, func(_ context.Context, in *typeInput) (*typeAnswer, error) {
		d, err := s.def(in.Type)
		if err != nil {
			return nil, err
		}
		return &typeAnswer{Body: typeView(d, true)}, nil
	})
}

// def looks up a type that an address names. One that is not there is a 404: the
// address leads nowhere.
func (s *server) def(t atoll.Type) (*catalogue.Def, error) {
	d, ok := s.Catalogue.Lookup(t)
	if !ok {
		return nil, as(http.StatusNotFound, atoll.Errorf(atoll.Unknown, "record type %.60q is not in the catalogue", t).
			Do("list the types with: GET %s/types", prefix))
	}
	return d, nil
}
