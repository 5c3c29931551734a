package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// masked stands where a secret field's value would be.
const masked = "••••••"

// Body is the fields of a record as JSON text. It is passed on as it is, so that
// numbers keep the text they were written with: 1.50 stays 1.50 (R-A-19).
type Body json.RawMessage

// Schema describes a body in OpenAPI: any object.
func (Body) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true,
		Description: "The fields by name. Numbers keep the text they are written with. In a change, null clears a field.",
		Examples:    []any{map[string]any{"pack_size": 10, "cost_price_per_pack": 1.5}},
	}
}

// MarshalJSON writes the text as it is.
func (b Body) MarshalJSON() ([]byte, error) {
	if len(b) == 0 {
		return []byte("{}"), nil
	}
	return b, nil
}

// UnmarshalJSON keeps the text as it is.
func (b *Body) UnmarshalJSON(text []byte) error {
	*b = append((*b)[:0], text...)
	return nil
}

// fields parses the text within the bounds of a record.
func (b Body) fields() (atoll.Fields, error) {
	if len(b) == 0 {
		return atoll.Fields{}, nil
	}
	return atoll.ParseFields(b)
}

// show is a body fit to show: secret fields are masked.
func show(def *catalogue.Def, f atoll.Fields) Body {
	if f == nil {
		return nil
	}
	if def != nil {
		for _, field := range def.Fields {
			if field.Secret && f.Has(field.Name) {
				f = f.Clone().Set(field.Name, masked)
			}
		}
	}
	return Body(f.Encode())
}

// OwnerView is the one site that may write a record.
type OwnerView struct {
	Site  atoll.SiteID `json:"site,omitempty" doc:"Left out when it is not known here" example:"2"`
	Epoch uint64       `json:"epoch,omitempty" doc:"Counts the changes of ownership"`
	Why   string       `json:"why" example:"the store is active there"`
}

// RecordView is a record as the API tells of one.
type RecordView struct {
	Type     atoll.Type `json:"type" example:"stock_line"`
	ID       atoll.ID   `json:"id" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Version  uint64     `json:"version" doc:"1 when inserted, one more with each change; also the ETag" example:"3"`
	Origin   string     `json:"origin" doc:"The journal entry that made this version: site/seq" example:"2/17"`
	Owner    OwnerView  `json:"owner"`
	Editable bool       `json:"editable" doc:"Whether this site owns it; the user needs the power too"`
	Fields   Body       `json:"fields" doc:"References lead to survivors of merges"`
	Survivor atoll.ID   `json:"survivor,omitempty" doc:"The record that stands for this one, which was merged"`
}

func recordView(r station.Record) RecordView {
	return RecordView{
		Type: r.Type, ID: r.ID, Version: r.Version, Origin: r.Origin.String(),
		Owner: OwnerView{r.Owner.Site, r.Owner.Epoch, r.Owner.Why}, Editable: r.Editable, Fields: show(r.Def, r.Fields), Survivor: r.Survivor,
	}
}

func etag(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }

type recordAnswer struct {
	Status int
	ETag   string `header:"ETag"`
	Body   RecordView
}

// RecordPath is the record an address names.
type RecordPath struct {
	Type atoll.Type `path:"type" maxLength:"48" example:"stock_line"`
	ID   string     `path:"id" maxLength:"36" doc:"A UUID" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

// key is the record that the address names.
func (s *server) key(in RecordPath) (atoll.Key, error) {
	if _, err := s.def(in.Type); err != nil {
		return atoll.Key{}, err
	}
	id, err := atoll.ParseID(in.ID)
	return atoll.Key{Type: in.Type, ID: id}, err
}

type getInput struct {
	RecordPath
	Merged bool `query:"merged" doc:"The record itself, also if it was merged"`
}

type listInput struct {
	Type  atoll.Type        `path:"type" maxLength:"48" example:"stock_line"`
	Where map[string]string `query:"where,deepObject" doc:"Values that fields must have, as where[store_id]=…; fields to filter by are marked in GET /types/{type}"`
	Limit int               `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most records in one answer"`
	After string            `query:"after" maxLength:"36" doc:"The next of the answer before"`
}

type listAnswer struct {
	Link string `header:"Link" doc:"rel=next: the address of the next page"`
	Body struct {
		Records []RecordView `json:"records"`
		Next    atoll.ID     `json:"next,omitempty" doc:"To be sent as after; left out at the end" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	}
}

type historyInput struct {
	RecordPath
	Limit int `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"The most versions in the answer"`
}

type historyAnswer struct {
	Body struct {
		Versions []VersionView `json:"versions" doc:"Newest first"`
		Complete bool          `json:"complete" doc:"Whether the oldest one is the insert; other sites' journals are at the central server"`
	}
}

// VersionView is one version of a record, as the journal tells it.
type VersionView struct {
	Version  uint64     `json:"version" example:"3"`
	Verb     atoll.Verb `json:"verb" enum:"insert,update,delete,restate" example:"update"`
	Origin   string     `json:"origin" doc:"The journal entry: site/seq" example:"2/17"`
	Base     string     `json:"base,omitempty" doc:"The entry that made the version before" example:"2/9"`
	Time     time.Time  `json:"time" doc:"By the clock of the site that made it"`
	Received time.Time  `json:"received" doc:"When this database got the entry"`
	Actor    string     `json:"actor" example:"amina"`
	Cause    string     `json:"cause" doc:"user, import, process/<processor>, merge, unmerge, resync or repair" example:"user"`
	Ref      string     `json:"ref,omitempty" doc:"What it answers"`
	Fields   Body       `json:"fields" doc:"All fields for an insert, the changed ones for an update"`
	Hash     string     `json:"hash" doc:"Of the entry, over its content and the chain before it"`
}

func versionView(def *catalogue.Def, c journal.Change) VersionView {
	return VersionView{
		Version: c.Op.Version, Verb: c.Op.Verb, Origin: c.Origin.String(), Base: c.Op.Base.String(), Time: c.Time, Received: c.Received,
		Actor: c.Actor, Cause: c.Cause.Kind, Ref: c.Cause.Ref, Fields: show(def, c.Op.Fields), Hash: c.Hash.String(),
	}
}

func (s *server) recordOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-records", Method: http.MethodGet, Path: "/records/{type}", Tags: []string{"records"},
		Summary: "List records", Description: "Records of one type in order of id, a page at a time. " +
			"Filter by indexed fields with where[field]=value, as often as needed; all must hold. " +
			"Records that were merged are left out, unless where[status] asks for them, and what names one is listed by the one that was kept. How many there are in total is not told.",
	}, s.list)
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-record", Method: http.MethodGet, Path: "/records/{type}/{id}", Tags: []string{"records"},
		Summary: "Get a record", Description: "One record with its owner and whether it may be edited here. " +
			"The address of a record that was merged leads to the one that was kept, which has another id.",
	}, func(ctx context.Context, in *getInput) (*recordAnswer, error) {
		key, err := s.key(in.RecordPath)
		if err != nil {
			return nil, err
		}
		if !in.Merged {
			r, err := s.Station.Open(ctx, key)
			if err != nil {
				return nil, err
			}
			key = r.Key
		}
		return s.read(ctx, key, http.StatusOK)
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-history", Method: http.MethodGet, Path: "/records/{type}/{id}/history", Tags: []string{"records"},
		Summary: "Get a record's versions", Description: "Who changed the record, when and how, as far as this database holds the journals.",
	}, s.history)
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-whereabouts", Method: http.MethodGet, Path: "/records/{type}/{id}/sites", Tags: []string{"records"},
		Summary:     "Which sites have a record",
		Description: "The sites that must have the record as it stands, why, and whether they are known to. Those that are not come first." + only1,
	}, func(ctx context.Context, in *historyInput) (*whereaboutsAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		key, err := s.key(in.RecordPath)
		if err != nil {
			return nil, err
		}
		where, err := centre.Whereabouts(ctx, key, in.Limit)
		if err != nil {
			return nil, err
		}
		out := &whereaboutsAnswer{}
		out.Body.Received, out.Body.Sites, out.Body.Have, out.Body.Places = where.Received, where.Sites, where.Have, []PlaceView{}
		for _, p := range where.Places {
			out.Body.Places = append(out.Body.Places, PlaceView{p.Site.ID, p.Site.Name, append([]atoll.Audience{}, p.Why...), p.Has, moment(p.At)})
		}
		return out, nil
	})
}

// PlaceView is one site that must have a record.
type PlaceView struct {
	Site     atoll.SiteID     `json:"site" example:"2"`
	Name     string           `json:"name" example:"Mulago"`
	Why      []atoll.Audience `json:"why" doc:"The audiences that both have; none for the site that made it"`
	Has      bool             `json:"has" doc:"Known to have it as it stands"`
	Complete *time.Time       `json:"complete,omitempty" doc:"Its last complete exchange"`
}

type whereaboutsAnswer struct {
	Body struct {
		Received time.Time   `json:"received" doc:"When the central server had this version"`
		Sites    int         `json:"sites" doc:"That must have it"`
		Have     int         `json:"have" doc:"Of them, known to have it"`
		Places   []PlaceView `json:"places"`
	}
}

func (s *server) read(ctx context.Context, key atoll.Key, status int) (*recordAnswer, error) {
	r, err := s.Station.Record(ctx, key)
	if err == nil {
		err = s.seen(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	visitOf(ctx).Records = 1
	return &recordAnswer{Status: status, ETag: etag(r.Version), Body: recordView(r)}, nil
}

func (s *server) list(ctx context.Context, in *listInput) (*listAnswer, error) {
	if _, err := s.def(in.Type); err != nil {
		return nil, err
	}
	query := url.Values{}
	for name, value := range in.Where {
		query.Set("where["+name+"]", value)
	}
	q := storage.Query{Type: in.Type, Limit: in.Limit, Where: in.Where}
	return s.recordsPage(ctx, q, in.After, "/records/"+string(in.Type), query)
}

func (s *server) history(ctx context.Context, in *historyInput) (*historyAnswer, error) {
	key, err := s.key(in.RecordPath)
	if err != nil {
		return nil, err
	}
	if r, err := s.Station.Record(ctx, key); err == nil {
		if err := s.seen(ctx, r); err != nil {
			return nil, err
		}
	} else if len(visitOf(ctx).User.Stores) > 0 {
		return nil, err // of what is gone it cannot be told whose it was
	}
	changes, err := s.Station.History(ctx, key, in.Limit)
	if err != nil {
		return nil, err
	}
	def, _ := s.Catalogue.Lookup(key.Type)
	out := &historyAnswer{}
	out.Body.Versions = []VersionView{}
	for _, c := range changes {
		out.Body.Versions = append(out.Body.Versions, versionView(def, c))
		out.Body.Complete = c.Op.Verb == atoll.Insert
	}
	visitOf(ctx).Records = len(changes)
	return out, nil
}
