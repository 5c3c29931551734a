package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// PastInput names old documents: one, or those of a period (R-H-26).
type PastInput struct {
	Type  atoll.Type `json:"type,omitempty" maxLength:"48" doc:"Of one document, or of a line of it" example:"invoice"`
	ID    string     `json:"id,omitempty" maxLength:"36" doc:"Of the document or line" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Store string     `json:"store,omitempty" maxLength:"36" doc:"With a period: only of this store"`
	From  *time.Time `json:"from,omitempty" doc:"Settled from then on"`
	To    *time.Time `json:"to,omitempty" doc:"Settled before then"`
}

func (in PastInput) past() (p documents.Past, err error) {
	p.Key.Type = in.Type
	if in.ID != "" {
		if p.Key.ID, err = atoll.ParseID(in.ID); err != nil {
			return p, err
		}
	}
	if in.Store != "" {
		if p.Store, err = atoll.ParseID(in.Store); err != nil {
			return p, err
		}
	}
	if in.From != nil {
		p.From = *in.From
	}
	if in.To != nil {
		p.To = *in.To
	}
	return p, p.Check()
}

type askPastInput struct{ Body PastInput }

type askedAnswer struct {
	Body struct {
		Asked bool `json:"asked" doc:"The documents come with the next cycle"`
	}
}

type limitInput struct {
	SitePath
	Body struct {
		Months int `json:"months" minimum:"0" maximum:"1200" doc:"0: no limit" example:"24"`
	}
}

type fetchInput struct {
	SitePath
	Body PastInput
}

type fetchedAnswer struct {
	Body struct {
		Documents int `json:"documents" doc:"How many are on their way" example:"12"`
	}
}

type ledgerInput struct {
	ID string `path:"id" maxLength:"36" doc:"Of the stock line" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type ledgerAnswer struct{ Body LedgerView }

// LedgerView is what happened to a stock line: opening + movements = now.
type LedgerView struct {
	StockLine atoll.ID    `json:"stock_line"`
	Opening   Number      `json:"opening" doc:"What no document here explains: stock from the beginning, or moved by documents that stayed at the centre"`
	Movements []LedgerRow `json:"movements" doc:"Oldest first"`
	Now       Number      `json:"now"`
}

// LedgerRow is one document line that moved stock.
type LedgerRow struct {
	Type    atoll.Type `json:"type" doc:"Of the document" example:"invoice"`
	ID      atoll.ID   `json:"id" doc:"Of the document"`
	Line    atoll.ID   `json:"line"`
	At      string     `json:"at" doc:"When the stock moved"`
	Number  string     `json:"number,omitempty" doc:"Of the document" example:"17"`
	Kind    string     `json:"kind" example:"customer_invoice"`
	Packs   Number     `json:"packs" doc:"Negative when they went"`
	Balance Number     `json:"balance" doc:"After it"`
}

func (s *server) pastOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-ledger", Method: http.MethodGet, Path: "/stock/{id}/ledger", Tags: []string{"documents"},
		Summary: "The ledger of a stock line", Description: "Opening balance, movements by the documents that are here, and what there is now: they add up.",
	}, s.ledger)
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "fetch-documents", Method: http.MethodPost, Path: "/sync/fetch", Tags: []string{"sync"}, DefaultStatus: http.StatusAccepted,
		Summary:     "Fetch old documents from the centre",
		Description: "At a site that was spared old documents when it initialised: one by type and id, or all that were settled in a period. May be asked offline.",
	}, func(ctx context.Context, in *askPastInput) (*askedAnswer, error) {
		p, err := in.Body.past()
		if err != nil {
			return nil, err
		}
		ask := journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: documents.PastType}}
		if err := s.Station.MaySend(visitOf(ctx).User, documents.Desk{}, ask); err != nil {
			return nil, err
		}
		out := &askedAnswer{}
		out.Body.Asked = true
		return out, s.Station.AskPast(ctx, actor(ctx), p)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "limit-history", Method: http.MethodPut, Path: "/sites/{site}/history", Tags: []string{"sites"},
		Summary:     "Limit the documents a site starts with",
		Description: "From its next initialisation on it gets documents settled in the last months, and those that are not settled; older ones are fetched when wanted.",
	}, steer(s, func(ctx context.Context, c Centre, in *limitInput) (int, error) {
		return in.Site, c.LimitHistory(ctx, actor(ctx), atoll.SiteID(in.Site), in.Body.Months)
	}))
	handle(s, station.MaySync, huma.Operation{
		OperationID: "send-documents", Method: http.MethodPost, Path: "/sites/{site}/fetch", Tags: []string{"sites"},
		Summary: "Send old documents to a site", Description: "One by type and id, or all that were settled in a period; with its next cycle. Only what the site may have.",
	}, func(ctx context.Context, in *fetchInput) (*fetchedAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		p, err := in.Body.past()
		if err != nil {
			return nil, err
		}
		out := &fetchedAnswer{}
		out.Body.Documents, err = centre.Fetch(ctx, atoll.SiteID(in.Site), p)
		return out, err
	})
}

func (s *server) ledger(ctx context.Context, in *ledgerInput) (*ledgerAnswer, error) {
	id, err := atoll.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	if r, err := s.Station.Record(ctx, atoll.Key{Type: "stock_line", ID: id}); err == nil {
		if err := s.seen(ctx, r); err != nil {
			return nil, err
		}
	}
	l, err := s.Station.Ledger(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &ledgerAnswer{Body: LedgerView{StockLine: l.StockLine, Opening: Number(l.Opening), Now: Number(l.Now), Movements: []LedgerRow{}}}
	for _, m := range l.Movements {
		out.Body.Movements = append(out.Body.Movements, LedgerRow{
			Type: m.Document.Type, ID: m.Document.ID, Line: m.Line, At: m.At, Number: m.Number, Kind: m.Kind,
			Packs: Number(m.Packs), Balance: Number(m.Balance),
		})
	}
	visitOf(ctx).Records = len(l.Movements)
	return out, nil
}
