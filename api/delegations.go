package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/station"
)

// DomainPath is a domain of central data.
type DomainPath struct {
	Domain string `path:"domain" maxLength:"60" doc:"An area of the catalogue, or all" example:"items"`
}

type rightsAnswer struct {
	Body struct {
		Rights  []rights.View `json:"rights" doc:"One for all central data, and one for each domain that was ever delegated"`
		Domains []string      `json:"domains" doc:"What can be delegated, beside all"`
	}
}

type rightAnswer struct{ Body rights.View }

type grantInput struct {
	DomainPath
	Body struct {
		Store  string `json:"store" maxLength:"36" doc:"The right belongs to the site where this store is active" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Change bool   `json:"change,omitempty" doc:"Hand on a right that is delegated to another store already"`
		Now    bool   `json:"now,omitempty" doc:"Do not wait until the old holder has sent everything: the rest goes to quarantine"`
		Reason string `json:"reason,omitempty" maxLength:"1000" example:"The ministry's catalogue team works at the central store"`
	}
}

type withdrawInput struct {
	DomainPath
	Now    bool   `query:"now" doc:"Do not wait until the holder has sent everything: the rest goes to quarantine"`
	Reason string `query:"reason" maxLength:"1000" doc:"Why" example:"End of the pilot"`
}

func (s *server) delegationOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-delegations", Method: http.MethodGet, Path: "/delegations", Tags: []string{"sites"},
		Summary: "Who may edit central data", Description: "As this installation knows it.",
	}, func(ctx context.Context, _ *struct{}) (*rightsAnswer, error) {
		t, err := s.Station.Topology(ctx)
		if err != nil {
			return nil, err
		}
		out := &rightsAnswer{}
		out.Body.Rights, out.Body.Domains = rights.List(t), rights.Domains(s.Catalogue)
		return out, nil
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "delegate", Method: http.MethodPut, Path: "/delegations/{domain}", Tags: []string{"sites"},
		Summary:     "Delegate a domain of central data",
		Description: "Gives the site of a store the right to edit it, and takes it from everybody else. A right that is delegated to another is refused with its holder's name, or handed on with change, once the holder has sent everything." + only1,
	}, func(ctx context.Context, in *grantInput) (*rightAnswer, error) {
		store, err := atoll.ParseID(in.Body.Store)
		if err != nil {
			return nil, err
		}
		return s.right(ctx, in.Domain, func(c Centre, actor string) central.Configuration {
			d := central.Delegation{Domain: in.Domain, Reason: in.Body.Reason, AtOnce: in.Body.Now}
			if in.Body.Change {
				return c.ChangeDelegate(actor, d, store)
			}
			return c.Grant(actor, d, store)
		})
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "withdraw-delegation", Method: http.MethodDelete, Path: "/delegations/{domain}", Tags: []string{"sites"},
		Summary: "Give a delegated right back to the primary", Description: "Once its holder has sent everything, or at once with now=true." + only1,
	}, func(ctx context.Context, in *withdrawInput) (*rightAnswer, error) {
		return s.right(ctx, in.Domain, func(c Centre, actor string) central.Configuration {
			return c.Withdraw(actor, central.Delegation{Domain: in.Domain, Reason: in.Reason, AtOnce: in.Now})
		})
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "keep-delegation", Method: http.MethodPost, Path: "/delegations/{domain}/keep", Tags: []string{"sites"},
		Summary: "Call off a change of a delegated right", Description: "While its holder has not confirmed yet." + only1,
	}, func(ctx context.Context, in *DomainPath) (*rightAnswer, error) {
		return s.right(ctx, in.Domain, func(c Centre, actor string) central.Configuration {
			return c.KeepDelegate(actor, central.Delegation{Domain: in.Domain})
		})
	})
}

func (s *server) right(ctx context.Context, domain string, change func(Centre, string) central.Configuration) (*rightAnswer, error) {
	centre, err := s.centre(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := centre.Configure(ctx, actor(ctx), change(centre, actor(ctx))); err != nil {
		return nil, err
	}
	t, err := s.Station.Topology(ctx)
	if err != nil {
		return nil, err
	}
	return &rightAnswer{Body: rights.Of(t, domain)}, nil
}
