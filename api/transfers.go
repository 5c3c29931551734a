package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/transfer"
)

// Transfers are the acts about documents between stores.
type Transfers interface {
	TransferList
	Differences(ctx context.Context, store atoll.ID) ([]transfer.Shortfall, error)
	PrepareShipment(ctx context.Context, actor string, requisition atoll.ID) (atoll.ID, error)
	AskCancel(ctx context.Context, actor string, invoice atoll.ID) error
	Decide(ctx context.Context, actor string, requisition atoll.ID, yes bool, comment string, quantities map[atoll.ID]string) error
}

// TransferList lists the transfers under way.
type TransferList interface {
	Transfers(ctx context.Context, f transfer.Filter) ([]transfer.Transfer, error)
}

type underWayInput struct {
	InTransit  bool   `query:"in_transit" doc:"Only goods that have left a store and are not in stock at the other"`
	Exceptions bool   `query:"exceptions" doc:"Only documents that the other store has not answered"`
	Store      string `query:"store" maxLength:"200" doc:"Only those from or to this store: its id, code or name" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Site       int    `query:"site" minimum:"0" maximum:"1000000" doc:"Only those to a store on this site" example:"3"`
	Reason     string `query:"reason" enum:"waiting,not_connected,integration_error,too_old,not_visible,disabled,refused" doc:"Only those with this reason" example:"not_connected"`
}

type underWayAnswer struct {
	Body struct {
		Transfers []transfer.Transfer `json:"transfers" doc:"The oldest first"`
	}
}

type differencesInput struct {
	Store string `query:"store" maxLength:"36" doc:"Only shipments of this store" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type differencesAnswer struct {
	Body struct {
		Differences []transfer.Shortfall `json:"differences"`
	}
}

// TransferPath names a document.
type TransferPath struct {
	ID string `path:"id" maxLength:"36" doc:"A UUID" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type shipmentAnswer struct {
	Body struct {
		ID atoll.ID `json:"id" doc:"The new customer invoice"`
	}
}

type decisionInput struct {
	TransferPath
	Body struct {
		Authorise  bool   `json:"authorise" doc:"False denies it"`
		Comment    string `json:"comment,omitempty" maxLength:"1000" example:"As in the budget"`
		Quantities []struct {
			Line     string `json:"line" maxLength:"36" doc:"A line of the requisition"`
			Quantity Number `json:"quantity" example:"50"`
		} `json:"quantities,omitempty" maxItems:"1000" doc:"Lines that are left out are approved as requested"`
	}
}

type successorInput struct {
	Previewing
	StorePath
	Body struct {
		Successor string `json:"successor" maxLength:"36" doc:"The store that takes its place" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a91"`
	}
}

type siteAnswersInput struct {
	Previewing
	SitePath
}

func (s *server) transferOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-transfers", Method: http.MethodGet, Path: "/transfers", Tags: []string{"transfers"},
		Summary:     "Transfers under way",
		Description: "Documents from store to store that are not answered yet, and goods that are not in stock at the other end, with the reason. At a site: as far as it knows.",
	}, s.listTransfers)
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-differences", Method: http.MethodGet, Path: "/transfers/differences", Tags: []string{"transfers"},
		Summary: "Lines received otherwise than sent", Description: "Of finalised shipments and returns.",
	}, func(ctx context.Context, in *differencesInput) (*differencesAnswer, error) {
		store, err := s.storeNamed(ctx, in.Store)
		if err == nil {
			store, err = within(ctx, store)
		}
		if err != nil {
			return nil, err
		}
		out := &differencesAnswer{}
		out.Body.Differences, err = s.Station.Differences(ctx, store)
		if out.Body.Differences == nil {
			out.Body.Differences = []transfer.Shortfall{}
		}
		return out, err
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "prepare-shipment", Method: http.MethodPost, Path: "/requisitions/{id}/shipment", Tags: []string{"transfers"},
		Summary:     "Make a shipment for a response requisition",
		Description: "A new customer invoice with what is left to supply, from the stock that expires first. It may be called again for the rest.",
	}, func(ctx context.Context, in *TransferPath) (*shipmentAnswer, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		out := &shipmentAnswer{}
		out.Body.ID, err = s.Station.PrepareShipment(ctx, actor(ctx), id)
		return out, err
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "ask-cancel", Method: http.MethodPost, Path: "/invoices/{id}/ask-cancel", Tags: []string{"transfers"},
		Summary:     "Ask for goods on their way back",
		Description: "Asks the other store to give up its half. Stock comes back when it has; once somebody has touched the half there it is refused.",
	}, func(ctx context.Context, in *TransferPath) (*struct{}, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		return nil, s.Station.AskCancel(ctx, actor(ctx), id)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "decide-requisition", Method: http.MethodPost, Path: "/requisitions/{id}/decision", Tags: []string{"transfers"},
		Summary: "Authorise or deny a requisition", Description: "One that waits for the authorisers: where it is worked in, or at the central server; then the supplying store's site carries the decision out.",
	}, s.decideRequisition)
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "close-store-with-successor", Method: http.MethodPut, Path: "/stores/{id}/successor", Tags: []string{"stores"},
		Summary: "Close a store and let another take its place", Description: "What is on its way to it goes to the other store." + only,
	}, func(ctx context.Context, in *successorInput) (*previewAnswer, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		heir, err := atoll.ParseID(in.Body.Successor)
		if err != nil {
			return nil, err
		}
		return s.configure(ctx, in.Previewing, central.Succeed(id, heir))
	})
	for _, on := range []bool{true, false} {
		op := huma.Operation{
			OperationID: "answer-for-site", Method: http.MethodPut, Path: "/sites/{site}/centre-answers", Tags: []string{"sites"},
			Summary: "Make responding halves for a site", Description: "For a site whose program cannot; it numbers them itself." + only,
		}
		if !on {
			op.OperationID, op.Method = "let-site-answer", http.MethodDelete
			op.Summary, op.Description = "Let a site make its own responding halves", "As every site does that can."+only
		}
		handle(s, station.MayConfigure, op, func(ctx context.Context, in *siteAnswersInput) (*previewAnswer, error) {
			return s.configure(ctx, in.Previewing, central.CentreAnswers(atoll.SiteID(in.Site), on))
		})
	}
}

func (s *server) listTransfers(ctx context.Context, in *underWayInput) (*underWayAnswer, error) {
	store, err := s.storeNamed(ctx, in.Store)
	if err == nil {
		store, err = within(ctx, store)
	}
	if err != nil {
		return nil, err
	}
	var list TransferList = s.Station
	if s.Centre != nil {
		list = s.Centre
	}
	out := &underWayAnswer{}
	out.Body.Transfers, err = list.Transfers(ctx, transfer.Filter{
		InTransit: in.InTransit, Exceptions: in.Exceptions, Store: store, Site: atoll.SiteID(in.Site), Reason: transfer.Reason(in.Reason),
	})
	if out.Body.Transfers == nil {
		out.Body.Transfers = []transfer.Transfer{}
	}
	return out, err
}

func (s *server) decideRequisition(ctx context.Context, in *decisionInput) (*struct{}, error) {
	id, err := atoll.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	quantities := map[atoll.ID]string{}
	for _, q := range in.Body.Quantities {
		line, err := atoll.ParseID(q.Line)
		if err != nil {
			return nil, err
		}
		if !plain.MatchString(string(q.Quantity)) {
			return nil, atoll.Errorf(atoll.Invalid, "quantity: want a number, up to 18 digits before and after the point").On("quantity")
		}
		quantities[line] = string(q.Quantity)
	}
	return nil, s.Station.Decide(ctx, actor(ctx), id, in.Body.Authorise, in.Body.Comment, quantities)
}
