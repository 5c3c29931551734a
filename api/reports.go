package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/station"
)

// Reports answers questions about stock, its value and its use.
type Reports interface {
	PublishDashboard(ctx context.Context, actor string) (changed int, err error)
	Ask(ctx context.Context, name string, a station.Asking) (*report.Table, error)
}

// ReportView is one report that can be asked for.
type ReportView struct {
	Name      string      `json:"name" example:"stock"`
	Title     string      `json:"title" example:"Stock on hand"`
	Words     string      `json:"words" doc:"What it tells"`
	Item      bool        `json:"item" doc:"It can be asked of one item"`
	Period    bool        `json:"period" doc:"It heeds from and to"`
	Transfers bool        `json:"transfers" doc:"It can leave out what went to own stores"`
	By        []report.By `json:"by" doc:"What it can be added up by; the first one unless another is asked for"`
}

type reportsAnswer struct {
	Body struct {
		Reports []ReportView `json:"reports"`
	}
}

type reportInput struct {
	Name             string   `path:"name" maxLength:"40" doc:"The report's name" example:"stock"`
	Stores           []string `query:"store,explode" maxItems:"1000" doc:"Code, name or id of a store; again for more. Without it all that can be reported on here"`
	Item             string   `query:"item" maxLength:"100" doc:"Code or id of the only item"`
	From             string   `query:"from" maxLength:"40" doc:"First day, or moment (RFC 3339)" example:"2026-01-01"`
	To               string   `query:"to" maxLength:"40" doc:"Last day, or moment before which" example:"2026-03-31"`
	By               string   `query:"by" maxLength:"20" doc:"What stock is added up by: item, batch or system"`
	ExcludeTransfers bool     `query:"exclude_transfers" doc:"Without what went to own stores"`
	Format           string   `query:"format" enum:"json,csv,xlsx," doc:"As the header Accept says, JSON otherwise"`
	Accept           string   `header:"Accept" maxLength:"400" doc:"application/json, text/csv, or the type of XLSX workbooks"`
}

// format is the form in which the answer is wanted.
func (in *reportInput) format() report.Format {
	if in.Format != "" {
		return report.Format(in.Format)
	}
	for _, f := range report.Formats {
		kind, _, _ := strings.Cut(f.ContentType(), ";")
		if strings.Contains(in.Accept, kind) {
			return f
		}
	}
	return report.JSON
}

func (s *server) reportOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-reports", Method: http.MethodGet, Path: "/reports", Tags: []string{"reports"},
		Summary: "List reports", Description: "The reports of this installation, and what each can be asked.",
	}, func(context.Context, *struct{}) (*reportsAnswer, error) {
		out := &reportsAnswer{}
		for _, d := range report.All {
			v := ReportView{Name: d.Name, Title: d.Title, Words: d.Words, Item: d.Item, Period: d.Period, Transfers: d.Transfers, By: d.By}
			if v.By == nil {
				v.By = []report.By{}
			}
			out.Body.Reports = append(out.Body.Reports, v)
		}
		return out, nil
	})
	content := map[string]*huma.MediaType{}
	for _, f := range report.Formats {
		kind, _, _ := strings.Cut(f.ContentType(), ";")
		schema := &huma.Schema{Type: huma.TypeString}
		if f == report.JSON {
			schema = &huma.Schema{Type: huma.TypeObject, Description: "report, title, at, position, stores (how fresh each is), notes, columns, and rows as objects by the names of columns"}
		}
		content[kind] = &huma.MediaType{Schema: schema}
	}
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-report", Method: http.MethodGet, Path: "/reports/{name}", Tags: []string{"reports"},
		Summary: "Get a report",
		Description: "Over one, several or all stores, from one consistent snapshot of this database. The answer says of every store how fresh its part is, or why " +
			"it has none. Numbers have all their digits. It causes no synchronisation.",
		Responses: map[string]*huma.Response{"200": {Description: "The answer", Content: content}},
	}, s.report)
	s.dashboardOperation()
}

type publishAnswer struct {
	Body struct {
		Changed int `json:"changed" doc:"Results that are not what they were" example:"3"`
	}
}

func (s *server) dashboardOperation() {
	handle(s, station.MayCurate, huma.Operation{
		OperationID: "publish-dashboard", Method: http.MethodPost, Path: "/reports/dashboard/publish", Tags: []string{"reports"},
		Summary: "Send the dashboard's results to sites",
		Description: "Writes what the dashboard says of each store into a record that goes to its site and to no other, with the next exchange. " +
			"At the central server.",
	}, func(ctx context.Context, _ *struct{}) (*publishAnswer, error) {
		n, err := s.Station.PublishDashboard(ctx, actor(ctx))
		out := &publishAnswer{}
		out.Body.Changed = n
		return out, err
	})
}

func (s *server) report(ctx context.Context, in *reportInput) (*huma.StreamResponse, error) {
	t, err := s.Station.Ask(ctx, in.Name, station.Asking{
		Stores: in.Stores, Item: in.Item, From: in.From, To: in.To, By: in.By, WithoutTransfers: in.ExcludeTransfers, Only: visitOf(ctx).User.Reported(),
	})
	if err != nil {
		return nil, err
	}
	visitOf(ctx).Records = len(t.Rows)
	f := in.format()
	return &huma.StreamResponse{Body: func(h huma.Context) {
		h.SetHeader("Content-Type", f.ContentType())
		if f != report.JSON {
			h.SetHeader("Content-Disposition", `attachment; filename="`+t.Filename(f)+`"`)
		}
		// It has begun, so an error can only end it.
		if err := t.Write(h.BodyWriter(), f); err != nil {
			s.Log.WarnContext(ctx, "a report was not written to its end", "report", in.Name, "err", err)
		}
	}}, nil
}
