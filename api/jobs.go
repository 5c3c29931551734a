package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/station"
)

type jobsAnswer struct {
	Body struct {
		Jobs []central.JobView `json:"jobs"`
	}
}

type jobAnswer struct{ Body central.JobView }

// JobPath is the job an address names.
type JobPath struct {
	Job string `path:"job" maxLength:"36" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type jobInput struct {
	Body struct {
		Kind     string       `json:"kind" enum:"resync,resend,verify" doc:"resync: the central server sends records again; resend: the site does; verify: both compare" example:"verify"`
		Site     int          `json:"site" minimum:"1" maximum:"2147483647" example:"2"`
		Store    string       `json:"store,omitempty" maxLength:"36" doc:"About the data of this store"`
		Types    []atoll.Type `json:"types,omitempty" maxItems:"50" doc:"About records of these types" example:"[\"item\"]"`
		Patients bool         `json:"patients,omitempty" doc:"About patients and prescribers, with all that hangs on them"`
		Record   string       `json:"record,omitempty" maxLength:"120" doc:"About one record, TYPE/ID"`
		DryRun   bool         `json:"dry_run,omitempty" doc:"Only count the records"`
	}
}

type newPrimaryInput struct {
	Body struct {
		Site   int  `json:"site" minimum:"1" maximum:"2147483647" doc:"Who is to edit central data; 1 is the central server" example:"4"`
		DryRun bool `json:"dry_run,omitempty" doc:"Only check what speaks against it"`
	}
}

type jobStarted struct {
	Body struct {
		Job     *central.JobView   `json:"job,omitempty"`
		Records map[atoll.Type]int `json:"records" doc:"How many records it is about, by type"`
	}
}

func (s *server) jobOperations() {
	handle(s, station.MaySync, huma.Operation{
		OperationID: "list-jobs", Method: http.MethodGet, Path: "/jobs", Tags: []string{"sync"},
		Summary: "List jobs with sites", Description: "Records sent again, and comparisons; newest first." + only1,
	}, func(ctx context.Context, _ *struct{}) (*jobsAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		all, err := centre.Jobs(ctx)
		out := &jobsAnswer{}
		out.Body.Jobs = append([]central.JobView{}, all...)
		return out, err
	})
	handle(s, station.MaySync, huma.Operation{
		OperationID: "get-job", Method: http.MethodGet, Path: "/jobs/{job}", Tags: []string{"sync"},
		Summary: "Get a job", Description: "How far it is, and what came of it." + only1,
	}, func(ctx context.Context, in *JobPath) (*jobAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		v, err := centre.Job(ctx, atoll.ID(in.Job))
		return &jobAnswer{Body: v}, err
	})
	handle(s, station.MaySync, huma.Operation{
		OperationID: "start-job", Method: http.MethodPost, Path: "/jobs", Tags: []string{"sync"}, DefaultStatus: http.StatusAccepted,
		Summary: "Send records again, or compare", Description: "It runs beside normal synchronisation, and changes nothing of what the other end has right." + only1,
	}, func(ctx context.Context, in *jobInput) (*jobStarted, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		b := in.Body
		id, records, err := centre.StartJob(ctx, actor(ctx), central.JobOrder{Kind: b.Kind, Site: atoll.SiteID(b.Site), Selection: handover.Selection{
			Store: atoll.ID(b.Store), Types: b.Types, Patients: b.Patients, Record: b.Record,
		}}, b.DryRun)
		if err != nil {
			return nil, err
		}
		out := &jobStarted{}
		out.Body.Records = records
		if !b.DryRun {
			v, err := centre.Job(ctx, id)
			out.Body.Job = &v
			return out, err
		}
		return out, nil
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "start-primary", Method: http.MethodPost, Path: "/jobs/primary", Tags: []string{"sites"}, DefaultStatus: http.StatusAccepted,
		Summary: "Change who edits central data", Description: "From the central server to a site, which makes the system a mirrored one, or back. Nobody edits central data until both ends were found to hold the same and the primary has changed; until then it can be called off." + only1,
	}, func(ctx context.Context, in *newPrimaryInput) (*jobStarted, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		id, err := centre.StartPrimary(ctx, actor(ctx), atoll.SiteID(in.Body.Site), in.Body.DryRun)
		if err != nil {
			return nil, err
		}
		out := &jobStarted{}
		out.Body.Records = map[atoll.Type]int{}
		if !in.Body.DryRun {
			v, err := centre.Job(ctx, id)
			out.Body.Job = &v
			return out, err
		}
		return out, nil
	})
	handle(s, station.MaySync, huma.Operation{
		OperationID: "abort-job", Method: http.MethodPost, Path: "/jobs/{job}/abort", Tags: []string{"sync"},
		Summary: "Call a job off", Description: "What the site has received stays." + only1,
	}, func(ctx context.Context, in *JobPath) (*jobAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		if err := centre.AbortJob(ctx, actor(ctx), atoll.ID(in.Job)); err != nil {
			return nil, err
		}
		v, err := centre.Job(ctx, atoll.ID(in.Job))
		return &jobAnswer{Body: v}, err
	})
}
