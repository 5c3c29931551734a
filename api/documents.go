package api

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

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
	IfMatch string `header:"If-Match" maxLength:"40" doc:"The ETag of the version that was read; not needed, for the document's status says whether it may be done"`
}

// key is the document that the address names, and the version the caller saw.
func (in DocumentPath) key(t atoll.Type) (atoll.Key, uint64, error) {
	id, err := atoll.ParseID(in.ID)
	if err != nil {
		return atoll.Key{}, 0, err
	}
	version, _, _, err := Precondition{IfMatch: in.IfMatch}.seen(0)
	return atoll.Key{Type: t, ID: id}, version, err
}

// resource is a type of document under an address of its own.
type resource struct {
	path string // plural, as it stands in addresses
	one  string // singular, as it stands in the names of operations
	of   atoll.Type
	what string // what it is, for people
	acts []documents.Action
}

// resources are the documents of the API.
var resources = []resource{
	{"invoices", "invoice", "invoice", "Invoices, credits, adjustments, repacks and builds", []documents.Action{
		documents.Suggest, documents.Arrive, documents.Confirm, documents.Finalise, documents.Receive, documents.Cancel,
	}},
	{"requisitions", "requisition", "requisition", "Requisitions: requests, responses, imprest, stock histories", []documents.Action{
		documents.Suggest, documents.Confirm, documents.Finalise, documents.Authorise, documents.Deny, documents.Cancel,
	}},
	{"purchase-orders", "purchase-order", "purchase_order", "Purchase orders", []documents.Action{
		documents.Suggest, documents.Confirm, documents.Finalise, documents.Cancel,
	}},
	{"goods-received", "goods-receipt", "goods_received", "Goods received", []documents.Action{
		documents.Confirm, documents.Finalise, documents.Cancel,
	}},
	{"stocktakes", "stocktake", "stocktake", "Stocktakes", []documents.Action{documents.Finalise}},
	{"prescriptions", "prescription", "prescription", "Prescriptions", []documents.Action{
		documents.Suggest, documents.Confirm, documents.Finalise, documents.Cancel,
	}},
	{"payments", "payment", "payment", "Payments and receipts of money", []documents.Action{
		documents.Confirm, documents.Finalise, documents.Cancel,
	}},
}

// does says what each act does.
var does = map[documents.Action]string{
	documents.Suggest:   "Marks it as suggested; stock that its lines name is set aside for it.",
	documents.Arrive:    "Notes that the goods are here. From then on their lines may be corrected.",
	documents.Confirm:   "Gives it its number; stock that its lines name leaves, or enters.",
	documents.Finalise:  "Closes it for good: its number, the stock unless it moved before, and, if the other party is a store, the transfer begins.",
	documents.Receive:   "For supplier invoices and customer credits: off hold, finalised, each line a stock line of its own.",
	documents.Authorise: "Approves a response that waits for it.",
	documents.Deny:      "Refuses a response that waits for approval.",
	documents.Cancel:    "Cancels it; stock that it moved or held goes back.",
}

func (s *server) documentOperations() {
	for _, r := range resources {
		s.documentReads(r)
		s.documentEdits(r)
		for _, act := range r.acts {
			s.documentAct(r, act)
		}
	}
	s.stockOperations()
}

func (s *server) documentReads(r resource) {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-" + r.path, Method: http.MethodGet, Path: "/" + r.path, Tags: []string{"documents"},
		Summary: "List " + strings.ReplaceAll(r.path, "-", " "), Description: r.what + ", in order of id, a page at a time, without their lines.",
	}, func(ctx context.Context, in *documentsInput) (*listAnswer, error) { return s.listDocuments(ctx, r, in) })
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-" + r.one, Method: http.MethodGet, Path: "/" + r.path + "/{id}", Tags: []string{"documents"},
		Summary:     "Get a " + strings.ReplaceAll(r.one, "-", " "),
		Description: "The document with its lines, and what may be done with it here and now.",
	}, func(ctx context.Context, in *DocumentPath) (*documentAnswer, error) {
		key, _, err := in.key(r.of)
		if err != nil {
			return nil, err
		}
		return s.readDocument(ctx, key, http.StatusOK)
	})
	s.example(r.path, "/{id}", http.MethodGet, exampleOf(r, ""), nil)
}

func (s *server) documentEdits(r resource) {
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "make-" + r.one, Method: http.MethodPost, Path: "/" + r.path, Tags: []string{"documents"}, MaxBodyBytes: entryBody,
		DefaultStatus: http.StatusCreated, Summary: "Make a " + strings.ReplaceAll(r.one, "-", " "),
		Description: "The document and its lines, in one transaction. Status and time are its own to say, and new and now if it says nothing. " +
			"A line that names a stock line has item, batch, pack size and prices from it. " +
			"References may be codes: store_id and item_id a code, stock_line_id ITEM/BATCH, purchase_order_id the number of an order of the store.",
	}, func(ctx context.Context, in *makeDocumentInput) (*documentAnswer, error) {
		return s.makeDocument(ctx, r, in)
	})
	s.example(r.path, "", http.MethodPost, "", bodiesOf(r))
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "change-" + r.one, Method: http.MethodPut, Path: "/" + r.path + "/{id}", Tags: []string{"documents"}, MaxBodyBytes: entryBody,
		Summary: "Change a " + strings.ReplaceAll(r.one, "-", " "),
		Description: "Fields of the document and lines of it, in one transaction. Lines with an id are changed, those without are added, " +
			"those with remove are taken out; with only, so are all that are not named. Stock that the document holds or moves follows.",
	}, func(ctx context.Context, in *changeDocumentInput) (*documentAnswer, error) {
		return s.changeDocument(ctx, r, in)
	})
	s.example(r.path, "/{id}", http.MethodPut, exampleOf(r, ""), changesOf(r))
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "delete-" + r.one, Method: http.MethodDelete, Path: "/" + r.path + "/{id}", Tags: []string{"documents"},
		Summary:     "Delete a " + strings.ReplaceAll(r.one, "-", " "),
		Description: "The document with its lines, unless it was finalised or answers another store's.",
	}, func(ctx context.Context, in *DocumentPath) (*transactAnswer, error) {
		return s.perform(ctx, *in, r.of, documents.Delete)
	})
	s.example(r.path, "/{id}", http.MethodDelete, exampleOf(r, documents.Delete), nil)
}

func (s *server) documentAct(r resource, act documents.Action) {
	name := string(act)
	handle(s, station.MayEdit, huma.Operation{
		OperationID: name + "-" + r.one, Method: http.MethodPost, Path: "/" + r.path + "/{id}/" + name, Tags: []string{"documents"},
		Summary: strings.ToUpper(name[:1]) + name[1:] + " a " + strings.ReplaceAll(r.one, "-", " "),
		Description: does[act] + "\n\nA document that does not allow it answers 409 with the code life_cycle; " +
			"its instead lists what may be done now, and why the rest may not.",
	}, func(ctx context.Context, in *DocumentPath) (*transactAnswer, error) {
		return s.perform(ctx, *in, r.of, act)
	})
	s.example(r.path, "/{id}/"+name, http.MethodPost, exampleOf(r, act), nil)
}

// perform does an act on one document.
func (s *server) perform(ctx context.Context, in DocumentPath, t atoll.Type, act documents.Action) (*transactAnswer, error) {
	key, version, err := in.key(t)
	if err != nil {
		return nil, err
	}
	out, err := s.act(ctx, func(d documents.Desk) ([]journal.Proposal, error) {
		if err := s.ready(ctx, d, key, version); err != nil {
			return nil, err
		}
		return d.Do(act, key)
	})
	if err != nil {
		return nil, s.instead(ctx, key, Precondition{IfMatch: in.IfMatch}.failed(err))
	}
	return out, nil
}

// ready reports whether the document is there, at the version the caller saw, and
// the caller's to change.
func (s *server) ready(ctx context.Context, d documents.Desk, key atoll.Key, version uint64) error {
	r, err := d.R.Record(key)
	if err != nil || r.Deleted {
		return atoll.Errorf(atoll.NotFound, "there is no such document").About(key)
	}
	if err := s.Station.MaySend(visitOf(ctx).User, d, journal.Proposal{Verb: atoll.Update, Key: key}); err != nil {
		return err
	}
	if version != 0 && r.Version != version {
		return atoll.Errorf(atoll.Conflict, "version %d was expected, but version %d stands", version, r.Version).
			About(key).Do("read it again, then repeat the change")
	}
	return nil
}

// instead adds to a refusal of the life cycle what may be done instead.
func (s *server) instead(ctx context.Context, key atoll.Key, err error) error {
	if atoll.CodeOf(err) != atoll.LifeCycle {
		return err
	}
	d, derr := s.Station.Document(ctx, key)
	if derr != nil {
		return err // it is the refusal that was asked for
	}
	p := problemOf(err)
	p.Instead = d.Choices
	return p
}
