package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/plan"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// Moves moves stores from site to site, and runs jobs with sites.
type Moves interface {
	StartMove(ctx context.Context, actor string, o handover.Order, try bool) (atoll.ID, central.Preview, error)
	AbortMove(ctx context.Context, actor string, id atoll.ID) error
	RepeatMove(ctx context.Context, actor string, id atoll.ID) error
	ForceMove(ctx context.Context, actor string, id atoll.ID, signedBy string) error
	Moves(ctx context.Context) ([]central.MoveView, error)
	Move(ctx context.Context, id atoll.ID) (central.MoveView, error)
	StartJob(ctx context.Context, actor string, o central.JobOrder, try bool) (id atoll.ID, records map[atoll.Type]int, err error)
	StartPrimary(ctx context.Context, actor string, to atoll.SiteID, try bool) (atoll.ID, error)
	AbortJob(ctx context.Context, actor string, id atoll.ID) error
	Jobs(ctx context.Context) ([]central.JobView, error)
	Job(ctx context.Context, id atoll.ID) (central.JobView, error)
	Plan(ctx context.Context, a plan.Answers) (plan.Plan, error)
	CarryOut(ctx context.Context, actor string, a plan.Answers) (plan.Plan, []central.NewSite, error)
	DeleteSite(ctx context.Context, actor string, site atoll.SiteID) error
}

type movesAnswer struct {
	Body struct {
		Moves []central.MoveView `json:"moves"`
	}
}

type moveAnswer struct{ Body central.MoveView }

// MovePath is the move an address names.
type MovePath struct {
	Move string `path:"move" maxLength:"36" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type moveInput struct {
	Body struct {
		Store    string `json:"store" maxLength:"36" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		To       int    `json:"to" minimum:"1" maximum:"2147483647" doc:"The site it goes to; 1 is the central server" example:"2"`
		KeepCopy bool   `json:"keep_copy,omitempty" doc:"Leave a read-only copy on the site it leaves"`
		Reason   string `json:"reason,omitempty" maxLength:"1000" example:"The clinic has a server of its own now"`
		Forced   bool   `json:"forced,omitempty" doc:"The site it leaves is gone for good: move from the central server's copy"`
		SignedBy string `json:"signed_by,omitempty" maxLength:"200" doc:"Who answers for what is lost by a forced move"`
		DryRun   bool   `json:"dry_run,omitempty" doc:"Check, and tell what would change; change nothing"`
	}
}

type moveStarted struct {
	Body struct {
		Move    *central.MoveView `json:"move,omitempty"`
		Changes []topology.Change `json:"changes,omitempty" doc:"Of a dry run: the instances that would change"`
	}
}

type signedInput struct {
	MovePath
	Body struct {
		SignedBy string `json:"signed_by" minLength:"1" maxLength:"200" doc:"Who answers for what is lost" example:"Dr. Okello"`
	}
}

func (s *server) moveOperations() {
	handle(s, station.MaySync, huma.Operation{
		OperationID: "list-moves", Method: http.MethodGet, Path: "/moves", Tags: []string{"sites"},
		Summary: "List moves of stores", Description: "Those under way first, then the newest." + only1,
	}, func(ctx context.Context, _ *struct{}) (*movesAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		all, err := centre.Moves(ctx)
		out := &movesAnswer{}
		out.Body.Moves = append([]central.MoveView{}, all...)
		return out, err
	})
	handle(s, station.MaySync, huma.Operation{
		OperationID: "get-move", Method: http.MethodGet, Path: "/moves/{move}", Tags: []string{"sites"},
		Summary: "Get a move", Description: "How far it is, step by step, and what keeps it." + only1,
	}, func(ctx context.Context, in *MovePath) (*moveAnswer, error) { return s.move(ctx, in.Move, nil) })
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "start-move", Method: http.MethodPost, Path: "/moves", Tags: []string{"sites"}, DefaultStatus: http.StatusAccepted,
		Summary: "Move a store to another site", Description: "What speaks against it is answered as one problem that lists all of it. " +
			"The site it leaves stops work in the store as soon as it hears of the move; its new site opens it when it holds everything." + only1,
	}, s.startMove)
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "abort-move", Method: http.MethodPost, Path: "/moves/{move}/abort", Tags: []string{"sites"},
		Summary: "Call a move off", Description: "Possible until the store has changed its site; after that, move it back." + only1,
	}, func(ctx context.Context, in *MovePath) (*moveAnswer, error) {
		return s.move(ctx, in.Move, Centre.AbortMove)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "repeat-move", Method: http.MethodPost, Path: "/moves/{move}/again", Tags: []string{"sites"},
		Summary: "Ask the sites of a move again", Description: "After what kept the move from going on was put right." + only1,
	}, func(ctx context.Context, in *MovePath) (*moveAnswer, error) {
		return s.move(ctx, in.Move, Centre.RepeatMove)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "force-move", Method: http.MethodPost, Path: "/moves/{move}/force", Tags: []string{"sites"},
		Summary: "Go on without the site the store leaves", Description: "From the central server's copy. What that site did and did not send is lost; a person signs for it." + only1,
	}, func(ctx context.Context, in *signedInput) (*moveAnswer, error) {
		return s.move(ctx, in.Move, func(c Centre, ctx context.Context, actor string, id atoll.ID) error {
			return c.ForceMove(ctx, actor, id, in.Body.SignedBy)
		})
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "delete-site", Method: http.MethodDelete, Path: "/sites/{site}", Tags: []string{"sites"}, DefaultStatus: http.StatusNoContent,
		Summary: "Delete a site", Description: "It must have no stores. Its credentials end; its history stays." + only1,
	}, func(ctx context.Context, in *SitePath) (*struct{}, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		return nil, centre.DeleteSite(ctx, actor(ctx), atoll.SiteID(in.Site))
	})
}

func (s *server) startMove(ctx context.Context, in *moveInput) (*moveStarted, error) {
	centre, err := s.centre(ctx)
	if err != nil {
		return nil, err
	}
	store, err := atoll.ParseID(in.Body.Store)
	if err != nil {
		return nil, err
	}
	b := in.Body
	id, p, err := centre.StartMove(ctx, actor(ctx), handover.Order{
		Store: store, To: atoll.SiteID(b.To), KeepCopy: b.KeepCopy, Reason: b.Reason, Forced: b.Forced, SignedBy: b.SignedBy,
	}, b.DryRun)
	if err != nil {
		return nil, err
	}
	out := &moveStarted{}
	if b.DryRun {
		out.Body.Changes = p.Changes
		return out, nil
	}
	v, err := centre.Move(ctx, id)
	out.Body.Move = &v
	return out, err
}

// move acts on a move, if act is not nil, and answers how it stands.
func (s *server) move(ctx context.Context, id string, act func(Centre, context.Context, string, atoll.ID) error) (*moveAnswer, error) {
	centre, err := s.centre(ctx)
	if err != nil {
		return nil, err
	}
	if act != nil {
		if err := act(centre, ctx, actor(ctx), atoll.ID(id)); err != nil {
			return nil, err
		}
	}
	v, err := centre.Move(ctx, atoll.ID(id))
	return &moveAnswer{Body: v}, err
}
