package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// SiteView is one site as the central server sees it (R-I-20, R-I-21).
type SiteView struct {
	Site           atoll.SiteID           `json:"site" example:"2"`
	Name           string                 `json:"name" example:"Mulago"`
	Kind           topology.Kind          `json:"kind" enum:"central,server,desktop,mobile,open,mirror" example:"server"`
	Disabled       bool                   `json:"disabled,omitempty"`
	Light          central.Light          `json:"light" enum:"green,amber,red,grey" doc:"How it stands" example:"amber"`
	Concerns       []central.Concern      `json:"concerns" doc:"Why, the worst first"`
	Stores         []string               `json:"stores" doc:"The names of the stores active there"`
	Initialisation central.Initialisation `json:"initialisation" enum:"new,started,completed,error" example:"completed"`
	Enrolled       bool                   `json:"enrolled" doc:"A device is enrolled"`
	CodeExpires    *time.Time             `json:"code_expires,omitempty" doc:"Until when an unused one-time code is good"`
	Paused         string                 `json:"paused,omitempty" doc:"Why the central server paused it"`
	HistoryMonths  int                    `json:"history_months,omitempty" doc:"When it initialises it gets documents settled in the last so many months; left out: all"`
	Orders         []string               `json:"orders,omitempty" doc:"What it is asked for at its next exchange"`
	App            string                 `json:"app,omitempty" doc:"The version of its program"`
	Protocol       int                    `json:"protocol,omitempty"`
	Catalogue      int                    `json:"catalogue,omitempty"`
	JournalSeq     uint64                 `json:"journal_seq" doc:"The newest entry of its journal here" example:"118"`
	Waiting        int                    `json:"waiting" doc:"Changes it still had to send when it was last heard"`
	Behind         uint64                 `json:"behind" doc:"Positions of the feed it has not confirmed"`
	Quarantined    int                    `json:"quarantined" doc:"Refused changes that wait for a decision"`
	Unresolved     int                    `json:"unresolved" doc:"Received records it could not take yet"`
	ClockAhead     float64                `json:"clock_ahead_seconds" doc:"Its clock minus ours"`
	FirstContact   *time.Time             `json:"first_contact,omitempty"`
	LastContact    *time.Time             `json:"last_contact,omitempty"`
	LastComplete   *time.Time             `json:"last_complete,omitempty" doc:"The last exchange after which nothing was left either way"`
	LastCode       atoll.Code             `json:"last_code,omitempty" doc:"Why its last exchange was refused"`
	LastError      string                 `json:"last_error,omitempty"`
	Connection     *ConnectionView        `json:"connection,omitempty" doc:"Whether the time for which it was connected sufficed; in the list only if asked for"`
}

// ConnectionView says whether the time for which a site was connected in the last seven
// days sufficed (R-I-30).
type ConnectionView struct {
	Sufficed central.Sufficiency `json:"sufficed" enum:"none,enough,tight,short" doc:"none: it was not connected; enough: on the last day on which it was, everything was exchanged; tight: on earlier ones only; short: on none" example:"enough"`
	Days     int                 `json:"days" doc:"On which it was connected" example:"6"`
	Emptied  int                 `json:"emptied" doc:"Of them, on which everything was exchanged" example:"6"`
	ADay     float64             `json:"seconds_a_day" doc:"How long it was connected on such a day" example:"420"`
}

// ConnectionViewOf is a connection as faces tell of it.
func ConnectionViewOf(c central.Connection) *ConnectionView {
	if c.Sufficed == "" { // nothing was ever heard
		c.Sufficed = central.NotConnected
	}
	return &ConnectionView{c.Sufficed, c.Days, c.Emptied, c.ADay.Seconds()}
}

// SiteViewOf is the site as faces tell of it: without keys, codes and what only the
// exchange needs.
func SiteViewOf(c central.SiteStatus, now time.Time) SiteView {
	st := c.State
	v := SiteView{
		Site: c.ID, Name: c.Name, Kind: c.Kind, Disabled: c.Disabled, Stores: append([]string{}, c.Stores...), Initialisation: st.Initialisation,
		Enrolled: len(st.Key) > 0, Paused: st.Paused, Orders: st.Orders, HistoryMonths: st.HistoryMonths, App: st.App, Protocol: st.Protocol, Catalogue: st.Catalogue,
		JournalSeq: c.Journal.Seq, Waiting: st.Waiting, Behind: uint64(c.Behind), Quarantined: c.Quarantined, Unresolved: st.Errors,
		ClockAhead: st.ClockAhead.Seconds(), FirstContact: moment(st.FirstContact), LastContact: moment(st.LastContact),
		LastComplete: moment(st.LastComplete), LastCode: st.LastCode, LastError: st.LastError,
	}
	v.Light, v.Concerns = c.Condition(now)
	v.Concerns = append([]central.Concern{}, v.Concerns...)
	if len(st.CodeHash) > 0 {
		v.CodeExpires = moment(st.CodeExpires)
	}
	return v
}

// moment is a time, or nothing.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type sitesInput struct {
	Connection bool `query:"connection" doc:"Say of each site whether the time for which it was connected sufficed. It is not cheap: with 40,000 sites it takes more time than the rest of the list"`
}

type sitesAnswer struct {
	Body struct {
		Sites []SiteView `json:"sites"`
	}
}

// SitePath is the site an address names.
type SitePath struct {
	Site int `path:"site" minimum:"1" maximum:"2147483647" example:"2"`
}

type siteAnswer struct {
	Body SiteView
}

type newSiteInput struct {
	Body struct {
		Name string        `json:"name" minLength:"1" maxLength:"200" example:"Mulago"`
		Kind topology.Kind `json:"kind,omitempty" enum:"server,desktop,mobile,open,mirror" default:"server" example:"server"`
	}
}

type codeAnswer struct {
	Body struct {
		Site atoll.SiteID `json:"site" example:"2"`
		Code string       `json:"code" doc:"To enrol the site with, once; shown this once" example:"ABCD-EFGH"`
		// KeyUntil is set when the key is replaced.
		KeyUntil *time.Time `json:"key_until,omitempty" doc:"Until when the old key is accepted, where a new one was asked for"`
	}
}

type codeInput struct {
	SitePath
	ReplaceKey bool `query:"replace_key" doc:"Ask the site for a new key, too"`
	Grace      int  `query:"grace_hours" minimum:"0" maximum:"2160" doc:"How long the old key is accepted; 7 days when left out" example:"168"`
}

type pauseInput struct {
	SitePath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"400" doc:"Told to the site" example:"Stocktake of the whole district"`
	}
}

type orderInput struct {
	SitePath
	Body struct {
		Order string `json:"order" enum:"resend,reinitialise" doc:"resend: all its data again; reinitialise: take everything anew" example:"resend"`
	}
}

func (s *server) siteOperations() {
	handle(s, station.MaySync, huma.Operation{
		OperationID: "list-sites", Method: http.MethodGet, Path: "/sites", Tags: []string{"sites"},
		Summary: "List sites", Description: "Every site with how it stands, as the central server sees it.",
	}, func(ctx context.Context, in *sitesInput) (*sitesAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		all, err := centre.Sites(ctx)
		if err != nil {
			return nil, err
		}
		var connected map[atoll.SiteID]central.Connection
		if in.Connection {
			if connected, err = centre.Connections(ctx, 0); err != nil {
				return nil, err
			}
		}
		out := &sitesAnswer{}
		out.Body.Sites = make([]SiteView, len(all))
		for i, c := range all {
			v := &out.Body.Sites[i]
			if *v = SiteViewOf(c, s.Now()); in.Connection {
				v.Connection = ConnectionViewOf(connected[c.ID])
			}
		}
		visitOf(ctx).Records = len(all)
		return out, nil
	})
	handle(s, station.MaySync, huma.Operation{
		OperationID: "get-site", Method: http.MethodGet, Path: "/sites/{site}", Tags: []string{"sites"},
		Summary: "Get a site", Description: "How one site stands, as the central server sees it.",
	}, func(ctx context.Context, in *SitePath) (*siteAnswer, error) { return s.site(ctx, in.Site) })
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "add-site", Method: http.MethodPost, Path: "/sites", Tags: []string{"sites"}, DefaultStatus: http.StatusCreated,
		Summary: "Make a site", Description: "Gives it the next number and a one-time code to enrol with.",
	}, func(ctx context.Context, in *newSiteInput) (*codeAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		site, code, err := centre.AddSite(ctx, actor(ctx), strings.TrimSpace(in.Body.Name), in.Body.Kind)
		out := &codeAnswer{}
		out.Body.Site, out.Body.Code = site.ID, code
		return out, err
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "new-site-code", Method: http.MethodPost, Path: "/sites/{site}/code", Tags: []string{"sites"},
		Summary: "Give a site a new one-time code",
		Description: "An earlier one is void. With replace_key the site is also asked for a new key: it is told at its next exchange, enrols with the code, " +
			"and until then, at most for the grace, its old key is accepted.",
	}, func(ctx context.Context, in *codeInput) (*codeAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		out := &codeAnswer{}
		out.Body.Site = atoll.SiteID(in.Site)
		if !in.ReplaceKey {
			out.Body.Code, err = centre.NewCode(ctx, actor(ctx), out.Body.Site)
			return out, err
		}
		code, until, err := centre.ReplaceKey(ctx, actor(ctx), out.Body.Site, time.Duration(in.Grace)*time.Hour)
		out.Body.Code, out.Body.KeyUntil = code, moment(until)
		return out, err
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "reset-device", Method: http.MethodPost, Path: "/sites/{site}/reset-device", Tags: []string{"sites"},
		Summary: "Let a site be enrolled on another device", Description: "The old device's tokens and key are void; the new one initialises.",
	}, steer(s, func(ctx context.Context, c Centre, in *SitePath) (int, error) {
		return in.Site, c.ResetDevice(ctx, actor(ctx), atoll.SiteID(in.Site))
	}))
	handle(s, station.MaySync, huma.Operation{
		OperationID: "pause-site", Method: http.MethodPost, Path: "/sites/{site}/pause", Tags: []string{"sites"},
		Summary: "Pause a site's synchronisation", Description: "It goes on working and is told the reason.",
	}, steer(s, func(ctx context.Context, c Centre, in *pauseInput) (int, error) {
		return in.Site, c.Pause(ctx, actor(ctx), atoll.SiteID(in.Site), in.Body.Reason)
	}))
	handle(s, station.MaySync, huma.Operation{
		OperationID: "resume-site", Method: http.MethodPost, Path: "/sites/{site}/resume", Tags: []string{"sites"},
		Summary: "Resume a site's synchronisation", Description: "Ends a pause; does nothing to a site that is not paused.",
	}, steer(s, func(ctx context.Context, c Centre, in *SitePath) (int, error) {
		return in.Site, c.Pause(ctx, actor(ctx), atoll.SiteID(in.Site), "")
	}))
	handle(s, station.MaySync, huma.Operation{
		OperationID: "order-site", Method: http.MethodPost, Path: "/sites/{site}/order", Tags: []string{"sites"},
		Summary: "Ask a site for something", Description: "At its next exchange.",
	}, steer(s, func(ctx context.Context, c Centre, in *orderInput) (int, error) {
		return in.Site, c.Order(ctx, actor(ctx), atoll.SiteID(in.Site), in.Body.Order)
	}))
}

// steer makes the handler of an operation that alters how a site is treated, and
// answers with how the site then stands.
func steer[I any](s *server, fn func(context.Context, Centre, *I) (int, error)) func(context.Context, *I) (*siteAnswer, error) {
	return func(ctx context.Context, in *I) (*siteAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		n, err := fn(ctx, centre, in)
		if err != nil {
			return nil, err
		}
		return s.site(ctx, n)
	}
}

func (s *server) site(ctx context.Context, n int) (*siteAnswer, error) {
	centre, err := s.centre(ctx)
	if err != nil {
		return nil, err
	}
	status, err := centre.SiteStatus(ctx, atoll.SiteID(n))
	if err != nil {
		return nil, err
	}
	connected, err := centre.Connections(ctx, status.ID)
	if err != nil {
		return nil, err
	}
	out := &siteAnswer{Body: SiteViewOf(status, s.Now())}
	out.Body.Connection = ConnectionViewOf(connected[status.ID])
	return out, nil
}
