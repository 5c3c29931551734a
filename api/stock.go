package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

type adjustInput struct {
	DocumentPath
	Body struct {
		Packs  Number `json:"packs" doc:"To add; negative to take away" example:"-2.5"`
		Reason string `json:"reason" minLength:"1" maxLength:"1000" example:"Broken in the fridge"`
	}
}

type repackInput struct {
	DocumentPath
	Body struct {
		Packs    Number `json:"packs" doc:"How many packs of the stock line" example:"2"`
		PackSize Number `json:"pack_size" doc:"Units in a pack from now on" example:"1"`
		Location string `json:"location,omitempty" maxLength:"36" doc:"Where the new packs lie; the same place without it"`
		Comment  string `json:"comment,omitempty" maxLength:"1000"`
	}
}

type checkInput struct {
	Store string `query:"store" maxLength:"200" doc:"The id, code or name of a store; every store here without it"`
}

type checkAnswer struct {
	Body documents.Examination
}

func (s *server) stockOperations() {
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "adjust-stock", Method: http.MethodPost, Path: "/stock/{id}/adjust", Tags: []string{"documents"},
		Summary:     "Adjust a stock line",
		Description: "Makes a finalised inventory adjustment with its line and moves the stock, in one transaction.",
	}, func(ctx context.Context, in *adjustInput) (*transactAnswer, error) {
		packs, err := amount(in.Body.Packs, "packs")
		if err != nil {
			return nil, err
		}
		return s.withStock(ctx, in.DocumentPath, func(d documents.Desk, id atoll.ID) ([]journal.Proposal, error) {
			return d.Adjust(id, packs, in.Body.Reason)
		})
	})
	s.example("stock", "/{id}/adjust", http.MethodPost, exampleStock, map[string]any{
		"broken": map[string]any{"packs": -2.5, "reason": "Broken in the fridge"},
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "repack-stock", Method: http.MethodPost, Path: "/stock/{id}/repack", Tags: []string{"documents"},
		Summary:     "Repack a stock line",
		Description: "Makes a finalised repack: packs leave the stock line and come, in another size, into a new one of the same batch. Units and value stay equal.",
	}, func(ctx context.Context, in *repackInput) (*transactAnswer, error) {
		packs, err := amount(in.Body.Packs, "packs")
		if err != nil {
			return nil, err
		}
		size, err := amount(in.Body.PackSize, "pack_size")
		if err != nil {
			return nil, err
		}
		return s.withStock(ctx, in.DocumentPath, func(d documents.Desk, id atoll.ID) ([]journal.Proposal, error) {
			return d.Repack(documents.Repacking{
				StockLine: id, Packs: packs, PackSize: size, Location: atoll.ID(in.Body.Location), Comment: in.Body.Comment,
			})
		})
	})
	s.example("stock", "/{id}/repack", http.MethodPost, exampleStock, map[string]any{
		"into single units": map[string]any{"packs": 2, "pack_size": 1, "comment": "For the ward"},
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "check-stock", Method: http.MethodGet, Path: "/stock/check", Tags: []string{"documents"},
		Summary: "Check the stock ledger",
		Description: "Compares every stock line with the documents that moved it: the opening and all movements must be what is there, and what is set aside " +
			"what suggested documents hold. It lists the lines that differ, and by how much; nothing is corrected.",
	}, func(ctx context.Context, in *checkInput) (*checkAnswer, error) {
		store, err := s.storeNamed(ctx, in.Store)
		if err == nil {
			store, err = within(ctx, store)
		}
		if err != nil {
			return nil, err
		}
		res, err := s.Station.CheckStock(ctx, store)
		return &checkAnswer{Body: res}, err
	})
}

// amount is a number other than 0.
func amount(n Number, name string) (string, error) {
	if !plain.MatchString(string(n)) || documents.Sign(string(n)) == 0 {
		return "", atoll.Errorf(atoll.Invalid, "%s: want a number other than 0, up to 18 digits before and after the point", name).On(name)
	}
	return string(n), nil
}

// withStock makes a document out of a stock line.
func (s *server) withStock(ctx context.Context, in DocumentPath, make func(documents.Desk, atoll.ID) ([]journal.Proposal, error)) (*transactAnswer, error) {
	key, version, err := in.key("stock_line")
	if err != nil {
		return nil, err
	}
	out, err := s.act(ctx, func(d documents.Desk) ([]journal.Proposal, error) {
		if err := s.ready(ctx, d, key, version); err != nil {
			return nil, err
		}
		return make(d, key.ID)
	})
	if err != nil {
		return nil, Precondition{IfMatch: in.IfMatch}.failed(err)
	}
	return out, nil
}
