package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/station"
)

type mergeInput struct {
	Body struct {
		Type      atoll.Type `json:"type" maxLength:"48" doc:"name, item, unit, location, patient or prescriber" example:"item"`
		From      string     `json:"from" maxLength:"36" doc:"Is merged, and kept as merged" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Into      string     `json:"into" maxLength:"36" doc:"Is kept" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a91"`
		Confirmed bool       `json:"confirmed,omitempty" doc:"For items that differ in unit, vaccine setting or doses"`
	}
}

type mergeAnswer struct{ Body station.MergeResult }

type mergePreviewAnswer struct{ Body merge.Preview }

type mergesInput struct {
	Type atoll.Type `query:"type" maxLength:"48" doc:"Of this type only" example:"item"`
}

type mergesAnswer struct {
	Body struct {
		Merges []merge.Merged `json:"merges" doc:"The latest first"`
	}
}

type mergeDetailsAnswer struct{ Body MergeView }

// MergeView is a merge with what it re-pointed.
type MergeView struct {
	Type   atoll.Type       `json:"type" example:"item"`
	ID     atoll.ID         `json:"id" doc:"The merged record"`
	Name   string           `json:"name"`
	Into   atoll.ID         `json:"into"`
	Undone bool             `json:"undone,omitempty"`
	Rows   []RepointedView  `json:"rows" doc:"As far as the merge journal is here"`
	Since  []RecordNameView `json:"since" doc:"Rows made after the merge that name the survivor: an undone merge leaves them there, and a person decides"`
}

// RecordNameView is a record by type and id.
type RecordNameView struct {
	Type atoll.Type `json:"type" example:"stock_line"`
	ID   atoll.ID   `json:"id"`
}

// RepointedView is a row that a merge re-pointed.
type RepointedView struct {
	RecordNameView
	Site    atoll.SiteID `json:"site" doc:"Who re-pointed it"`
	Fields  []string     `json:"fields,omitempty" doc:"Those that named the merged record"`
	Removed bool         `json:"removed,omitempty" doc:"A row that joined what another joins"`
	Undone  bool         `json:"undone,omitempty"`
}

func (s *server) mergeOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-merges", Method: http.MethodGet, Path: "/merges", Tags: []string{"merges"},
		Summary: "List merged records", Description: "Each with the record that stands for it, and until when the merge can be undone here.",
	}, func(ctx context.Context, in *mergesInput) (*mergesAnswer, error) {
		list, err := s.Station.Merges(ctx, in.Type)
		if err != nil {
			return nil, err
		}
		if list, err = seenOf(ctx, s, list, func(m merge.Merged) atoll.Key { return atoll.Key{Type: m.Type, ID: m.ID} }); err != nil {
			return nil, err
		}
		out := &mergesAnswer{}
		out.Body.Merges = list
		visitOf(ctx).Records = len(list)
		return out, nil
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "merge", Method: http.MethodPost, Path: "/merges", Tags: []string{"merges"},
		Summary: "Merge one record into another",
		Description: "For duplicates. The merged record is kept and says into which other; everything that reads resolves it at once. " +
			"Rows of this site are re-pointed in the same transaction, those of others by their own sites when they hear of it. " +
			"Names, items and units are merged on the primary, locations where their store is active, patients and prescribers at the home site of both. " +
			"Whoever is limited to stores merges locations of theirs and nothing else.",
	}, func(ctx context.Context, in *mergeInput) (*mergeAnswer, error) {
		m, err := s.mergeWish(ctx, in)
		if err != nil {
			return nil, err
		}
		done, err := s.Station.Merge(ctx, actor(ctx), m)
		if err != nil {
			return nil, err
		}
		visitOf(ctx).Records = done.Rows
		return &mergeAnswer{done}, nil
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "preview-merge", Method: http.MethodPost, Path: "/merges/preview", Tags: []string{"merges"},
		Summary:     "See what a merge would do",
		Description: "How many rows would be re-pointed here, what stays for other sites, and whether it would be refused. Nothing changes. It needs what the merge needs.",
	}, func(ctx context.Context, in *mergeInput) (*mergePreviewAnswer, error) {
		m, err := s.mergeWish(ctx, in)
		if err != nil {
			return nil, err
		}
		p, err := s.Station.PreviewMerge(ctx, m)
		if err != nil {
			return nil, err
		}
		return &mergePreviewAnswer{p}, nil
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-merge", Method: http.MethodGet, Path: "/merges/{type}/{id}", Tags: []string{"merges"},
		Summary: "Get a merge", Description: "What the merge of the record re-pointed, row by row, also after it was undone. Whoever is limited to stores is told of rows of theirs alone.",
	}, func(ctx context.Context, in *RecordPath) (*mergeDetailsAnswer, error) {
		key, err := s.key(*in)
		if err != nil {
			return nil, err
		}
		d, err := s.Station.MergeDetails(ctx, key)
		if err != nil {
			return nil, err
		}
		hidden, err := s.hidden(ctx, key)
		if err != nil {
			return nil, err
		}
		if hidden[key] {
			return nil, notTheirs(ctx, key)
		}
		view := mergeView(d)
		if view.Rows, err = seenOf(ctx, s, view.Rows, func(r RepointedView) atoll.Key { return atoll.Key(r.RecordNameView) }); err != nil {
			return nil, err
		}
		view.Since, err = seenOf(ctx, s, view.Since, func(r RecordNameView) atoll.Key { return atoll.Key(r) })
		return &mergeDetailsAnswer{view}, err
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "undo-merge", Method: http.MethodPost, Path: "/merges/{type}/{id}/undo", Tags: []string{"merges"},
		Summary: "Undo a merge",
		Description: "The record is one of its own again, and every site gives back the rows that it re-pointed and that nobody changed since. " +
			"For 30 days, unless the preference merge_undo_days says otherwise; of a chain, the latest first.",
	}, func(ctx context.Context, in *RecordPath) (*mergeAnswer, error) {
		key, err := s.key(*in)
		if err != nil {
			return nil, err
		}
		done, err := s.Station.Unmerge(ctx, actor(ctx), key, s.allows(ctx))
		if err != nil {
			return nil, err
		}
		visitOf(ctx).Records = done.Rows
		return &mergeAnswer{done}, nil
	})
}

// allows refuses changes that the user may not make.
func (s *server) allows(ctx context.Context) station.Allow {
	return func(d documents.Desk, do ...journal.Proposal) error {
		_, err := s.propose(ctx, d, do...)
		return err
	}
}

func (s *server) mergeWish(ctx context.Context, in *mergeInput) (station.Merge, error) {
	m := station.Merge{Type: in.Body.Type, Confirmed: in.Body.Confirmed, Allow: s.allows(ctx)}
	if _, err := s.def(in.Body.Type); err != nil {
		return m, on(err, "type")
	}
	var err error
	if m.From, err = atoll.ParseID(in.Body.From); err != nil {
		return m, on(err, "from")
	}
	if m.Into, err = atoll.ParseID(in.Body.Into); err != nil {
		return m, on(err, "into")
	}
	return m, nil
}

func mergeView(d merge.Details) MergeView {
	out := MergeView{
		Type: d.Type, ID: d.ID, Name: d.Name, Into: d.Into, Undone: d.Undone, Rows: []RepointedView{}, Since: []RecordNameView{},
	}
	for _, e := range d.Journal {
		for _, r := range e.Rows {
			out.Rows = append(out.Rows, RepointedView{
				RecordNameView: RecordNameView{r.Type, r.ID}, Site: e.Site, Fields: r.Fields, Removed: r.Removed != nil, Undone: e.Undone,
			})
		}
	}
	for _, k := range d.Since {
		out.Since = append(out.Since, RecordNameView(k))
	}
	return out
}
