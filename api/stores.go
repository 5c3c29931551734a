package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// StoreView is a store as people here see it (R-C-02, R-I-28).
type StoreView struct {
	ID          atoll.ID          `json:"id" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Code        string            `json:"code" example:"MUL"`
	Name        string            `json:"name" example:"Mulago Pharmacy"`
	NameID      atoll.ID          `json:"name_id" doc:"The name that the store is to others"`
	Site        atoll.SiteID      `json:"site" doc:"Where it is active: its Sync ID" example:"2"`
	Epoch       uint64            `json:"epoch" doc:"Counts the changes of site"`
	Type        topology.SyncType `json:"type" enum:"none,active,collector,transfer" doc:"What it is at this site" example:"active"`
	Open        bool              `json:"open" doc:"Whether it can be entered and reported on here"`
	Dispensary  bool              `json:"dispensary"`
	Disabled    bool              `json:"disabled"`
	ManagedOnly bool              `json:"managed_only" doc:"All its data stay at its site"`
	Excluded    bool              `json:"excluded" doc:"Its stock-affecting data stay at its site"`
}

func storeView(v station.StoreView) StoreView {
	return StoreView{
		ID: v.ID, Code: v.Code, Name: v.Name, NameID: v.NameID, Site: v.Site, Epoch: v.Epoch, Type: v.Type, Open: v.Open,
		Dispensary: v.Dispensary, Disabled: v.Disabled, ManagedOnly: v.ManagedOnly, Excluded: v.Excluded,
	}
}

// LinkView is one row of a store's sync-with table (T-25, R-C-03).
type LinkView struct {
	Site  atoll.SiteID      `json:"site" example:"2"`
	Name  string            `json:"name" example:"Sync Client 1"`
	Value topology.SyncWith `json:"value" enum:"none,active/collector,transfer" example:"transfer"`
	Local bool              `json:"local" doc:"The store's Sync ID is this site"`
}

type storesAnswer struct {
	Body struct {
		Stores []StoreView `json:"stores" doc:"By code"`
	}
}

// StorePath is the store an address names.
type StorePath struct {
	ID string `path:"id" maxLength:"36" doc:"A UUID" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type storeAnswer struct {
	Body struct {
		StoreView
		SyncWith  []LinkView `json:"sync_with" doc:"The sync-with table as this site shows it"`
		VisibleTo []atoll.ID `json:"visible_to" doc:"The stores it may trade with"`
	}
}

type instancesInput struct {
	Site int `query:"site" minimum:"1" maximum:"2147483647" doc:"The site; this one when left out" example:"2"`
}

// InstanceView is one store on one site (T-10).
type InstanceView struct {
	Store      atoll.ID          `json:"store" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Code       string            `json:"code" example:"MUL"`
	Site       atoll.SiteID      `json:"site" example:"2"`
	Type       topology.SyncType `json:"type" enum:"active,collector,transfer" example:"collector"`
	RecordOnly bool              `json:"record_only,omitempty" doc:"Only the core record of the store is there"`
}

type instancesAnswer struct {
	Body struct {
		Site      atoll.SiteID   `json:"site" example:"2"`
		Instances []InstanceView `json:"instances"`
	}
}

func (s *server) storeOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-stores", Method: http.MethodGet, Path: "/stores", Tags: []string{"stores"},
		Summary: "List stores", Description: "The stores known here, with what each is at this site.",
	}, func(ctx context.Context, _ *struct{}) (*storesAnswer, error) {
		views, err := s.Station.Stores(ctx)
		if err != nil {
			return nil, err
		}
		out := &storesAnswer{}
		out.Body.Stores = []StoreView{}
		for _, v := range views {
			out.Body.Stores = append(out.Body.Stores, storeView(v))
		}
		visitOf(ctx).Records = len(views)
		return out, nil
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-store", Method: http.MethodGet, Path: "/stores/{id}", Tags: []string{"stores"},
		Summary: "Get a store", Description: "One store with its sync-with table: at the central server a row for every site, at a site the row of the central server.",
	}, func(ctx context.Context, in *StorePath) (*storeAnswer, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		return s.store(ctx, id)
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-instances", Method: http.MethodGet, Path: "/topology/instances", Tags: []string{"stores"},
		Summary: "List the stores on a site", Description: "Each with its type there, as far as the configuration is known here.",
	}, s.instances)
}

func (s *server) store(ctx context.Context, id atoll.ID) (*storeAnswer, error) {
	views, err := s.Station.Stores(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Station.Topology(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range views {
		if v.ID != id {
			continue
		}
		out := &storeAnswer{}
		out.Body.StoreView, out.Body.SyncWith = storeView(v), []LinkView{}
		for _, l := range t.Links(id, s.Here) {
			if l.Name == "" && s.Centre == nil {
				l.Name = s.Name // a link goes under the remote site's own name (R-C-04)
			}
			out.Body.SyncWith = append(out.Body.SyncWith, LinkView(l))
		}
		out.Body.VisibleTo = append([]atoll.ID{}, t.VisibleTo(id)...)
		return out, nil
	}
	return nil, atoll.Errorf(atoll.NotFound, "there is no store %s here", id).Do("list the stores with: GET %s/stores", prefix)
}

func (s *server) instances(ctx context.Context, in *instancesInput) (*instancesAnswer, error) {
	t, err := s.Station.Topology(ctx)
	if err != nil {
		return nil, err
	}
	site := s.Here
	if in.Site != 0 {
		site = atoll.SiteID(in.Site)
		if _, ok := t.Site(site); !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no site %d known here", site).On("site")
		}
	}
	out := &instancesAnswer{}
	out.Body.Site, out.Body.Instances = site, []InstanceView{}
	for _, i := range t.Instances(site) {
		st, _ := t.Store(i.Store)
		out.Body.Instances = append(out.Body.Instances, InstanceView{i.Store, st.Code, i.Site, i.Type, i.RecordOnly})
	}
	visitOf(ctx).Records = len(out.Body.Instances)
	return out, nil
}
