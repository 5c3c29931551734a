package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
)

// FoundView is a record of the central server's own that a site still has and a
// restored database has lost.
type FoundView struct {
	Type    atoll.Type      `json:"type" example:"item"`
	ID      atoll.ID        `json:"id" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Version uint64          `json:"version" doc:"As the sites have it" example:"4"`
	Deleted bool            `json:"deleted,omitempty" doc:"It was deleted before the database was lost"`
	Fields  json.RawMessage `json:"fields,omitempty" doc:"As the sites have them"`
	Sites   []atoll.SiteID  `json:"sites" doc:"The first sites that told of it"`
	Held    int             `json:"held" doc:"How many sites told of it" example:"12"`
	At      time.Time       `json:"at" doc:"When the first told of it"`
}

type foundAnswer struct {
	Body struct {
		Words   string      `json:"words" doc:"What was found, in words; empty when there is nothing"`
		Records []FoundView `json:"records"`
	}
}

// FoundKey names a record.
type FoundKey struct {
	Type atoll.Type `json:"type" minLength:"1" maxLength:"60" example:"item"`
	ID   atoll.ID   `json:"id" maxLength:"36" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type settleFoundInput struct {
	Body struct {
		Decision string     `json:"decision" enum:"take,leave" doc:"take: make them the central server's again; leave: what it has now stands" example:"take"`
		Reason   string     `json:"reason" minLength:"1" maxLength:"1000" example:"The backup of 3 March was a day old"`
		Records  []FoundKey `json:"records,omitempty" maxItems:"1000" doc:"Which; all if left out. One that was changed here since is taken only if it is named"`
	}
}

// SettledView is what became of one record.
type SettledView struct {
	Type   atoll.Type `json:"type"`
	ID     atoll.ID   `json:"id"`
	Reason string     `json:"reason" doc:"Why it was not taken"`
}

type settleFoundAnswer struct {
	Body struct {
		Settled int           `json:"settled" doc:"How many were taken, or left"`
		Kept    []SettledView `json:"kept" doc:"Those that could not be taken; they stay found"`
	}
}

func (s *server) foundOperations() {
	handle(s, station.MaySync, huma.Operation{
		OperationID: "list-found", Method: http.MethodGet, Path: "/found", Tags: []string{"quarantine"},
		Summary:     "Records that a restored database lost and sites still have",
		Description: "After the central server was restored from a backup, sites hand in what they hold of its own that is newer." + only1,
	}, func(ctx context.Context, _ *struct{}) (*foundAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		rows, words, err := centre.FoundRecords(ctx)
		if err != nil {
			return nil, err
		}
		out := &foundAnswer{}
		out.Body.Words, out.Body.Records = words, []FoundView{}
		for _, r := range rows {
			out.Body.Records = append(out.Body.Records, FoundView{r.Type, r.ID, r.Version, r.Deleted, r.Body, r.Sites, r.Held, r.At})
		}
		return out, nil
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "settle-found", Method: http.MethodPost, Path: "/found", Tags: []string{"quarantine"},
		Summary:     "Take back or leave what was found",
		Description: "Each is taken by an edit of the central server's own, which is judged and noted like any other." + only1,
	}, func(ctx context.Context, in *settleFoundInput) (*settleFoundAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		keys := make([]atoll.Key, 0, len(in.Body.Records))
		for _, r := range in.Body.Records {
			keys = append(keys, atoll.Key{Type: r.Type, ID: r.ID})
		}
		out := &settleFoundAnswer{}
		out.Body.Kept = []SettledView{}
		if in.Body.Decision == "leave" {
			out.Body.Settled, err = centre.LeaveFound(ctx, in.Body.Reason, keys...)
			return out, err
		}
		var taken []central.Taken
		if taken, err = centre.TakeBack(ctx, actor(ctx), in.Body.Reason, keys...); err != nil {
			return nil, err
		}
		for _, t := range taken {
			if t.Err == nil {
				out.Body.Settled++
				continue
			}
			out.Body.Kept = append(out.Body.Kept, SettledView{t.Type, t.ID, t.Err.Error()})
		}
		return out, nil
	})
}
