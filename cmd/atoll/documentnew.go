package main

import (
	"fmt"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/host"
)

type documentNewCmd struct {
	Store string   `required:"" help:"Code, name or id of the store it belongs to." placeholder:"STORE"`
	Kind  string   `help:"Kind, such as customer_invoice, request or payment." placeholder:"KIND"`
	To    string   `help:"The other party: code or id of a name, or code of a store." placeholder:"NAME"`
	Set   []string `short:"s" sep:"none" help:"FIELD=VALUE; may be repeated." placeholder:"FIELD=VALUE"`
	From  string   `help:"Read the document as JSON, with its lines under \"lines\", from a file, or - for standard input." placeholder:"FILE"`
}

// Run makes a document.
func (c documentNewCmd) Run(s *session, k documentKind) error {
	return s.with(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		fields, err := sent(s, h, k.Type, c.Set, c.From)
		if err != nil {
			return err
		}
		var draft documents.Draft
		if draft.Lines, err = linesIn(fields); err != nil {
			return err
		}
		delete(fields, "lines")
		fields.Set("store_id", st.ID)
		if c.Kind != "" {
			fields.Set("kind", c.Kind)
		}
		if c.To != "" {
			name, err := party(s, h, c.To)
			if err != nil {
				return err
			}
			fields.Set("name_id", name)
		}
		draft.Fields = fields
		key := atoll.Key{Type: k.Type, ID: atoll.NewID(time.Now())}
		res, err := h.Station.MakeDocument(s.ctx, s.globals.User, key, draft)
		if err != nil {
			return err
		}
		return s.changed(key.ID, res, fmt.Sprintf("Made %s", key))
	})
}

// party finds the name of a store or another party.
func party(s *session, h *host.Host, what string) (atoll.ID, error) {
	if st, err := storeNamed(s, h, what); err == nil && st.NameID != "" {
		return st.NameID, nil
	}
	return named(s, h, "name", what)
}

// linesIn takes the lines out of a document as JSON.
func linesIn(f atoll.Fields) ([]documents.DraftLine, error) {
	raw, ok := f["lines"]
	if !ok {
		return nil, nil
	}
	return documents.ParseLines(raw)
}

type documentSetCmd struct {
	documentArg
	Set    []string `short:"s" sep:"none" help:"FIELD=VALUE; may be repeated. An empty value clears the field." placeholder:"FIELD=VALUE"`
	From   string   `help:"Read the fields as one JSON object from a file, or - for standard input." placeholder:"FILE"`
	Expect uint64   `help:"Refuse unless the document is at this version." placeholder:"N"`
}

// Run changes a document.
func (c documentSetCmd) Run(s *session, k documentKind) error {
	return s.with(func(h *host.Host) error {
		key, err := c.key(s, h, k)
		if err != nil {
			return err
		}
		fields, err := sent(s, h, k.Type, c.Set, c.From)
		if err != nil {
			return err
		}
		res, err := h.Station.ChangeDocument(s.ctx, s.globals.User, key, c.Expect, documents.Draft{Fields: fields})
		if err != nil {
			return err
		}
		return s.changed(key.ID, res, "Changed")
	})
}
