package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// Previewing is whether a change of configuration shall only be tried (R-C-24).
type Previewing struct {
	Preview bool `query:"preview" doc:"true tells what the change would start and stop, and changes nothing"`
}

// PreviewView is what a change of configuration starts and stops.
type PreviewView struct {
	Preview bool             `json:"preview" doc:"Whether the change was only tried"`
	Store   atoll.ID         `json:"store,omitempty" doc:"The store that was made"`
	Changes []InstanceChange `json:"changes" doc:"The instances that change with it"`
	Records map[atoll.ID]int `json:"records,omitempty" doc:"In a preview: how many records of each store will start or stop flowing"`
}

// InstanceChange is one store that becomes something else at one site.
type InstanceChange struct {
	Store    atoll.ID          `json:"store" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Site     atoll.SiteID      `json:"site" example:"2"`
	From     topology.SyncType `json:"from" enum:"none,active,collector,transfer" example:"none"`
	To       topology.SyncType `json:"to" enum:"none,active,collector,transfer" example:"transfer"`
	FromSync topology.SyncWith `json:"from_sync" enum:"none,active/collector,transfer" doc:"The sync-with value before" example:"none"`
	ToSync   topology.SyncWith `json:"to_sync" enum:"none,active/collector,transfer" doc:"The sync-with value after" example:"transfer"`
}

// syncWith is the value in a sync-with table of an instance of the type (R-C-03).
func syncWith(t topology.SyncType) topology.SyncWith {
	switch t {
	case topology.Active, topology.Collector:
		return topology.WithActive
	case topology.Transfer:
		return topology.WithTransfer
	case topology.None:
	}
	return topology.WithNone
}

type previewAnswer struct {
	Body PreviewView
}

type newStoreInput struct {
	Previewing
	Body struct {
		ID         string `json:"id,omitempty" maxLength:"36" doc:"A UUID; one is made when it is left out" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Code       string `json:"code" minLength:"1" maxLength:"100" example:"MUL"`
		Name       string `json:"name" minLength:"1" maxLength:"400" example:"Mulago Pharmacy"`
		Dispensary bool   `json:"dispensary,omitempty"`
	}
}

type assignInput struct {
	Previewing
	StorePath
	Body struct {
		Site int `json:"site" minimum:"1" maximum:"2147483647" doc:"Where it shall be active" example:"2"`
	}
}

type visibilityInput struct {
	Previewing
	A string `path:"a" maxLength:"36" doc:"A store" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	B string `path:"b" maxLength:"36" doc:"Another store" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a91"`
}

type collectorInput struct {
	Previewing
	StorePath
	Site int `path:"site" minimum:"1" maximum:"2147483647" example:"3"`
}

func (s *server) configureOperations() {
	const only = " Only at the central server; elsewhere the answer is 403. With preview=true nothing is changed."
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "add-store", Method: http.MethodPost, Path: "/stores", Tags: []string{"stores"},
		Summary: "Make a store", Description: "Active at the central server until it is assigned to a site." + only,
	}, func(ctx context.Context, in *newStoreInput) (*previewAnswer, error) {
		id := atoll.NewID(s.Now())
		if in.Body.ID != "" {
			var err error
			if id, err = atoll.ParseID(in.Body.ID); err != nil {
				return nil, err
			}
		}
		out, err := s.configure(ctx, in.Previewing, central.AddStore(id, in.Body.Code, in.Body.Name, in.Body.Dispensary))
		if err == nil {
			out.Body.Store = id
		}
		return out, err
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "assign-store", Method: http.MethodPost, Path: "/stores/{id}/assign", Tags: []string{"stores"},
		Summary: "Make a store active on a site", Description: "From the central server to a site; between two sites a store is moved." + only,
	}, func(ctx context.Context, in *assignInput) (*previewAnswer, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		return s.configure(ctx, in.Previewing, central.Assign(id, atoll.SiteID(in.Body.Site)))
	})
	for _, visible := range []bool{true, false} {
		op := huma.Operation{
			OperationID: "show-stores", Method: http.MethodPut, Path: "/visibility/{a}/{b}", Tags: []string{"stores"},
			Summary: "Make two stores visible to each other", Description: "So that they may trade." + only,
		}
		if !visible {
			op.OperationID, op.Method = "hide-stores", http.MethodDelete
			op.Summary, op.Description = "Make two stores invisible to each other", "Transfers under way go on; new ones cannot begin."+only
		}
		handle(s, station.MayConfigure, op, func(ctx context.Context, in *visibilityInput) (*previewAnswer, error) {
			a, err := atoll.ParseID(in.A)
			if err != nil {
				return nil, err
			}
			b, err := atoll.ParseID(in.B)
			if err != nil {
				return nil, err
			}
			return s.configure(ctx, in.Previewing, central.MakeVisible(a, b, visible))
		})
	}
	for _, collect := range []bool{true, false} {
		op := huma.Operation{
			OperationID: "add-collector", Method: http.MethodPut, Path: "/stores/{id}/collectors/{site}", Tags: []string{"stores"},
			Summary: "Keep a collector copy of a store on a site", Description: "A copy of all its data, to read." + only,
		}
		if !collect {
			op.OperationID, op.Method = "remove-collector", http.MethodDelete
			op.Summary, op.Description = "Keep no collector copy of a store on a site", "What the site's own documents name stays there."+only
		}
		handle(s, station.MayConfigure, op, func(ctx context.Context, in *collectorInput) (*previewAnswer, error) {
			id, err := atoll.ParseID(in.ID)
			if err != nil {
				return nil, err
			}
			return s.configure(ctx, in.Previewing, central.Collect(id, atoll.SiteID(in.Site), collect))
		})
	}
}

// configure makes or tries a change of configuration.
func (s *server) configure(ctx context.Context, p Previewing, change central.Configuration) (*previewAnswer, error) {
	centre, err := s.centre(ctx)
	if err != nil {
		return nil, err
	}
	do := centre.Configure
	if p.Preview {
		do = centre.Try
	}
	done, err := do(ctx, actor(ctx), change)
	if err != nil {
		return nil, err
	}
	out := &previewAnswer{Body: PreviewView{Preview: p.Preview, Changes: []InstanceChange{}, Records: done.Records}}
	for _, c := range done.Changes {
		out.Body.Changes = append(out.Body.Changes, InstanceChange{c.Store, c.Site, c.From, c.To, syncWith(c.From), syncWith(c.To)})
	}
	return out, nil
}

// centre returns the central server's engine. At a remote site it fails and names
// the central server, where the work can be done (R-C-07).
func (s *server) centre(ctx context.Context) (Centre, error) {
	if s.Centre != nil {
		return s.Centre, nil
	}
	name := "site " + atoll.CentreID.String()
	if t, err := s.Station.Topology(ctx); err == nil {
		name = "site " + t.Centre().String()
		if c, ok := t.Site(t.Centre()); ok && c.Name != "" {
			name += ", " + c.Name
		}
	}
	return nil, atoll.Errorf(atoll.Ownership, "this is done at the central server only (%s)", name).
		Do("sign in there; what is done there arrives here with the next synchronisation")
}
