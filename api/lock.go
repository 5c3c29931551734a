package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
)

type unlockInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"200" example:"three-green-boats"`
	}
}

type unlockAnswer struct {
	Body struct {
		Until time.Time `json:"until" doc:"When it locks again"`
	}
}

type lockInput struct {
	Body struct {
		Code string `json:"code" maxLength:"200" doc:"Six characters or more; empty takes the lock away" example:"three-green-boats"`
	}
}

type lockLogInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most events in the answer"`
}

type lockLogAnswer struct {
	Body struct {
		Events []LockView `json:"events" doc:"Newest first"`
	}
}

// LockView is one event about the lock (R-C-07, R-C-115).
type LockView struct {
	At   time.Time `json:"at"`
	User string    `json:"user" example:"amina"`
	What string    `json:"what" doc:"code set, unlocked, wrong code or refused" example:"unlocked"`
}

// lockOperations are about the lock on what sites and stores are to each other.
func (s *server) lockOperations() {
	handle(s, station.MaySync, huma.Operation{
		OperationID: "unlock", Method: http.MethodPost, Path: "/configuration/unlock", Tags: []string{"stores"},
		Summary: "Unlock the configuration",
		Description: "Where an unlocking code is set, changes of the configuration and jobs with sites need it first, for half an hour. " +
			"The code opens the lock; what may be changed then is decided by the role." + only1,
	}, func(ctx context.Context, in *unlockInput) (*unlockAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		v := visitOf(ctx)
		if !s.Door.Pass(v.Address + " unlock") { // codes cannot be tried out
			return nil, later(int(signin.Wait.Seconds()), atoll.Errorf(atoll.Busy, "too many attempts from this address").Do("wait a little"))
		}
		done, err := s.Door.Place(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
		out := &unlockAnswer{}
		out.Body.Until, err = centre.Unlock(ctx, actor(ctx), in.Body.Code)
		return out, err
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "set-lock", Method: http.MethodPut, Path: "/configuration/lock", Tags: []string{"stores"}, DefaultStatus: http.StatusNoContent,
		Summary: "Set the unlocking code", Description: "Every unlocking so far ends." + only1,
	}, func(ctx context.Context, in *lockInput) (*struct{}, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		return &struct{}{}, centre.SetUnlockCode(ctx, actor(ctx), in.Body.Code)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "get-lock-log", Method: http.MethodGet, Path: "/configuration/lock", Tags: []string{"stores"},
		Summary: "Who unlocked the configuration", Description: "And who tried." + only1,
	}, func(ctx context.Context, in *lockLogInput) (*lockLogAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		events, err := centre.LockLog(ctx, in.Limit)
		out := &lockLogAnswer{}
		out.Body.Events = []LockView{}
		for _, e := range events {
			out.Body.Events = append(out.Body.Events, LockView(e))
		}
		return out, err
	})
}
