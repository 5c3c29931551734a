package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// Previewing is whether a change of configuration shall only be tried (R-C-24).
type Previewing struct {
	Preview bool `query:"preview" doc:"true tells what the change would start and stop, and changes nothing"`
	Confirm bool `query:"confirm" doc:"true says that a person has read the warnings of the preview; without it a change that has some answers 428"`
}

// PreviewView is what a change of configuration starts and stops.
type PreviewView struct {
	Preview  bool             `json:"preview" doc:"Whether the change was only tried"`
	Store    atoll.ID         `json:"store,omitempty" doc:"The store that was made"`
	Changes  []InstanceChange `json:"changes" doc:"The instances that change with it"`
	Records  map[atoll.ID]int `json:"records,omitempty" doc:"In a preview: how many records of each store will start or stop flowing"`
	Warnings []string         `json:"warnings,omitempty" doc:"To be confirmed by a person before the change is made"`
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

// only is said of every operation here.
const (
	only1 = " Only at the central server; elsewhere the answer is 403."
	only  = only1 + " With preview=true nothing is changed."
)

func (s *server) configureOperations() {
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

type kindInput struct {
	Previewing
	SitePath
	Body struct {
		Kind topology.Kind `json:"kind" enum:"server,desktop,mobile,open,mirror" example:"mobile"`
	}
}

type primaryInput struct {
	Previewing
	SitePath
}

type storeChange struct {
	Previewing
	StorePath
}

func (s *server) shapeOperations() {
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "set-site-kind", Method: http.MethodPut, Path: "/sites/{site}/kind", Tags: []string{"sites"},
		Summary: "Change the kind of a site", Description: "A mobile site has one store." + only,
	}, func(ctx context.Context, in *kindInput) (*previewAnswer, error) {
		return s.configure(ctx, in.Previewing, central.SetKind(atoll.SiteID(in.Site), in.Body.Kind))
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "make-primary", Method: http.MethodPut, Path: "/sites/{site}/primary", Tags: []string{"sites"},
		Summary: "Make a site the primary", Description: "The one site that edits central data." + only,
	}, func(ctx context.Context, in *primaryInput) (*previewAnswer, error) {
		return s.configure(ctx, in.Previewing, central.MakePrimary(atoll.SiteID(in.Site)))
	})
	for _, managed := range []bool{true, false} {
		op := huma.Operation{
			OperationID: "manage-store-only", Method: http.MethodPut, Path: "/stores/{id}/managed-only", Tags: []string{"stores"},
			Summary: "Keep all of a store's data at its site", Description: "The central server then has no copy to restore it from." + only,
		}
		if !managed {
			op.OperationID, op.Method = "collect-store", http.MethodDelete
			op.Summary, op.Description = "Keep a store's data at the central server too", "From then on they go up."+only
		}
		handle(s, station.MayConfigure, op, func(ctx context.Context, in *storeChange) (*previewAnswer, error) {
			id, err := atoll.ParseID(in.ID)
			if err != nil {
				return nil, err
			}
			return s.configure(ctx, in.Previewing, central.ManageOnly(id, managed))
		})
	}
}

func (s *server) closeOperations() {
	for _, disabled := range []bool{true, false} {
		op := huma.Operation{
			OperationID: "disable-store", Method: http.MethodPut, Path: "/stores/{id}/disabled", Tags: []string{"stores"},
			Summary: "Close a store", Description: "Refused with the list of what is still open." + only,
		}
		if !disabled {
			op.OperationID, op.Method = "enable-store", http.MethodDelete
			op.Summary, op.Description = "Open a closed store again", "Others may trade with it again."+only
		}
		handle(s, station.MayConfigure, op, func(ctx context.Context, in *storeChange) (*previewAnswer, error) {
			id, err := atoll.ParseID(in.ID)
			if err != nil {
				return nil, err
			}
			return s.configure(ctx, in.Previewing, central.Disable(id, disabled))
		})
	}
}

// configure makes or tries a change of configuration.
func (s *server) configure(ctx context.Context, p Previewing, change central.Configuration) (*previewAnswer, error) {
	centre, err := s.centre(ctx)
	if err != nil {
		return nil, err
	}
	return confirmed(p, func(try bool) (central.Preview, error) {
		if try {
			return centre.Try(ctx, actor(ctx), change)
		}
		return centre.Configure(ctx, actor(ctx), change)
	})
}

// confirmed makes or tries a change, and makes none that has warnings unless a person
// has confirmed them (R-C-94).
func confirmed(p Previewing, change func(try bool) (central.Preview, error)) (*previewAnswer, error) {
	var done central.Preview
	var err error
	if !p.Confirm || p.Preview {
		if done, err = change(true); err != nil {
			return nil, err
		}
		if len(done.Warnings) > 0 && !p.Preview {
			return nil, as(http.StatusPreconditionRequired, atoll.Errorf(atoll.Rule, "%s", strings.Join(done.Warnings, "; ")).
				Do("have a person read this, then send confirm=true"))
		}
	}
	if !p.Preview {
		if done, err = change(false); err != nil {
			return nil, err
		}
	}
	return previewOf(done, p.Preview), nil
}

func previewOf(done central.Preview, preview bool) *previewAnswer {
	out := &previewAnswer{Body: PreviewView{Preview: preview, Changes: []InstanceChange{}, Records: done.Records, Warnings: done.Warnings}}
	for _, c := range done.Changes {
		out.Body.Changes = append(out.Body.Changes, InstanceChange{c.Store, c.Site, c.From, c.To, syncWith(c.From), syncWith(c.To)})
	}
	return out
}

// centre returns the central server's engine. At a remote site it fails and names
// the central server, where the work can be done (R-C-07).
func (s *server) centre(ctx context.Context) (Centre, error) {
	if s.Centre != nil {
		return s.Centre, nil
	}
	at := atoll.CentreID
	name := ""
	if t, err := s.Station.Topology(ctx); err == nil {
		at = t.Centre()
		c, _ := t.Site(at)
		name = c.Name
	}
	where := "site " + at.String()
	for _, more := range []string{name, s.URL} {
		if more != "" {
			where += ", " + more
		}
	}
	return nil, atoll.Errorf(atoll.Ownership, "this is done at the central server only (%s)", where).
		Do("sign in there; what is done there arrives here with the next synchronisation")
}
