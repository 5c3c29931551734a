package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/plan"
	"github.com/atollsync/atoll/station"
)

type planInput struct {
	Apply bool `query:"apply" doc:"Make what is not there yet; without it nothing is changed"`
	Body  plan.Answers
}

type planAnswer struct {
	Body struct {
		Plan  plan.Plan         `json:"plan"`
		Sites []central.NewSite `json:"sites,omitempty" doc:"Sites that were made, with the codes to enrol them with; shown this once"`
	}
}

func (s *server) planOperations() {
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "plan-system", Method: http.MethodPost, Path: "/plan", Tags: []string{"sites"},
		Summary: "From a checklist to a system", Description: "From answers about places, internet, power and who supplies whom follow sites, stores, " +
			"who sees whom and preferences. It may be carried out again: what is there is left alone." + only1,
	}, func(ctx context.Context, in *planInput) (*planAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		out := &planAnswer{}
		if !in.Apply {
			out.Body.Plan, err = centre.Plan(ctx, in.Body)
			return out, err
		}
		out.Body.Plan, out.Body.Sites, err = centre.CarryOut(ctx, actor(ctx), in.Body)
		return out, err
	})
}
