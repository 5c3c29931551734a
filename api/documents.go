package api

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// Number is a decimal number with the text it was written with.
type Number json.RawMessage

// plain is a number that arithmetic can be done with: no exponent, not endless.
var plain = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$`)

// Schema describes a number in OpenAPI.
func (Number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "A decimal number without exponent; its text is kept exactly", Examples: []any{-2.5}}
}

// MarshalJSON writes the text as it is.
func (n Number) MarshalJSON() ([]byte, error) { return json.RawMessage(n).MarshalJSON() }

// UnmarshalJSON keeps the text as it is.
func (n *Number) UnmarshalJSON(text []byte) error {
	*n = append((*n)[:0], text...)
	return nil
}

// DocumentPath is the document an address names, and the version that was read.
type DocumentPath struct {
	ID      string `path:"id" maxLength:"36" doc:"A UUID" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	IfMatch string `header:"If-Match" maxLength:"40" doc:"The ETag of the version that was read; not needed, for the document's status says whether it may be done" example:"\"3\""`
}

type adjustInput struct {
	DocumentPath
	Body struct {
		Packs  Number `json:"packs" doc:"To add; negative to take away" example:"-2.5"`
		Reason string `json:"reason" minLength:"1" maxLength:"1000" example:"Broken in the fridge"`
	}
}

func (s *server) documentOperations() {
	s.document("finalise-invoice", "/invoices/{id}/finalise", "Finalise an invoice",
		"Gives it its number, moves the stock and, if the other party is a store, begins the transfer to it.",
		"invoice", nil, documents.Desk.Finalise)
	s.document("receive-invoice", "/invoices/{id}/receive", "Receive an invoice into stock",
		"For supplier invoices and customer credits: off hold, finalised, each line a stock line of its own.",
		"invoice", []string{documents.SupplierInvoice, documents.CustomerCredit}, documents.Desk.Receive)
	s.document("finalise-requisition", "/requisitions/{id}/finalise", "Finalise a requisition",
		"Gives it its number and, for a request to a store, makes it a response there.",
		"requisition", nil, documents.Desk.FinaliseRequisition)
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "adjust-stock", Method: http.MethodPost, Path: "/stock/{id}/adjust", Tags: []string{"documents"},
		Summary:     "Adjust a stock line",
		Description: "Makes a finalised inventory adjustment with its line and moves the stock, in one transaction.",
	}, func(ctx context.Context, in *adjustInput) (*transactAnswer, error) {
		packs := string(in.Body.Packs)
		if !plain.MatchString(packs) || documents.Sign(packs) == 0 {
			return nil, atoll.Errorf(atoll.Invalid, "packs: want a number other than 0, up to 18 digits before and after the point").On("packs")
		}
		return s.perform(ctx, in.DocumentPath, "stock_line", nil, func(d documents.Desk, id atoll.ID) ([]journal.Proposal, error) {
			return d.Adjust(id, packs, in.Body.Reason)
		})
	})
}

// document registers an act on a document: the type it is for, its kinds (nil:
// all), and what it does.
func (s *server) document(id, path, summary, words string, t atoll.Type, kinds []string, act func(documents.Desk, atoll.ID) ([]journal.Proposal, error)) {
	handle(s, station.MayEdit, huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: path, Tags: []string{"documents"}, Summary: summary, Description: words,
	}, func(ctx context.Context, in *DocumentPath) (*transactAnswer, error) {
		return s.perform(ctx, *in, t, kinds, act)
	})
}

// perform does an act on one document.
func (s *server) perform(ctx context.Context, in DocumentPath, t atoll.Type, kinds []string, act func(documents.Desk, atoll.ID) ([]journal.Proposal, error)) (*transactAnswer, error) {
	id, err := atoll.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	pre := Precondition{IfMatch: in.IfMatch}
	version, _, _, err := pre.seen(0)
	if err != nil {
		return nil, err
	}
	key := atoll.Key{Type: t, ID: id}
	out, err := s.act(ctx, func(d documents.Desk) ([]journal.Proposal, error) {
		r, err := d.R.Record(key)
		if err != nil || r.Deleted {
			return nil, atoll.Errorf(atoll.NotFound, "there is no such document").About(key)
		}
		if err := s.Station.MaySend(visitOf(ctx).User, d, journal.Proposal{Verb: atoll.Update, Key: key}); err != nil {
			return nil, err
		}
		if version != 0 && r.Version != version {
			return nil, atoll.Errorf(atoll.Conflict, "version %d was expected, but version %d stands", version, r.Version).
				About(key).Do("read it again, then repeat the change")
		}
		if kind := r.MustFields().Text("kind"); len(kinds) > 0 && !slices.Contains(kinds, kind) {
			return nil, atoll.Errorf(atoll.Rule, "a %s is not received into stock", kind).About(key).On("kind")
		}
		return act(d, id)
	})
	if err != nil {
		return nil, pre.failed(err)
	}
	return out, nil
}
