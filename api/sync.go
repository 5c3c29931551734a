package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
)

// SyncView is how synchronisation stands: of this site, or at the central server
// of all sites.
type SyncView struct {
	Role   station.Role `json:"role" enum:"central,site" example:"site"`
	Light  site.Light   `json:"light" enum:"green,amber,red,grey" example:"green"`
	Words  string       `json:"words" doc:"The status in one sentence" example:"last exchanged 12 minutes ago, nothing waiting"`
	Advice string       `json:"advice,omitempty" doc:"What to do, if anything"`
	Site   *OwnSync     `json:"site,omitempty" doc:"At a remote site"`
	Sites  *AllSync     `json:"sites,omitempty" doc:"At the central server"`
}

// OwnSync is how the synchronisation of this site stands.
type OwnSync struct {
	Site        atoll.SiteID `json:"site" example:"2"`
	State       site.State   `json:"state" enum:"new,initialising,ready" example:"ready"`
	Running     bool         `json:"running"`
	Step        string       `json:"step,omitempty" doc:"prepare, push, pull, integrate or process"`
	Done        int64        `json:"done,omitempty" doc:"Of the step"`
	Total       int64        `json:"total,omitempty" doc:"Of the step; left out when it is not known"`
	Percent     int          `json:"percent,omitempty" doc:"Of the first load"`
	Waiting     uint64       `json:"waiting" doc:"Changes that the central server does not have yet"`
	Unresolved  int          `json:"unresolved" doc:"Received records that could not be taken yet"`
	Refused     int          `json:"refused" doc:"Changes in quarantine at the central server"`
	LastSuccess *time.Time   `json:"last_success,omitempty"`
	LastTry     *time.Time   `json:"last_try,omitempty"`
	Took        float64      `json:"took_seconds,omitempty" doc:"Of the last success"`
	LastCode    atoll.Code   `json:"last_code,omitempty"`
	LastError   string       `json:"last_error,omitempty"`
	AsOf        *time.Time   `json:"as_of,omitempty" doc:"Data from elsewhere is as of then"`
	ClockAhead  float64      `json:"clock_ahead_seconds" doc:"This site's clock minus the central server's"`
	RulesDiffer bool         `json:"rules_differ,omitempty" doc:"The catalogues of the two differ"`
	DiskUsed    float64      `json:"disk_used,omitempty" doc:"0 to 1"`
	Settings    SyncSettings `json:"settings"`
}

// SyncSettings are what people chose about synchronisation here.
type SyncSettings struct {
	Interval int        `json:"interval_seconds" doc:"Between cycles" example:"600"`
	Batch    int        `json:"batch,omitempty" doc:"Largest number of records in one exchange; left out: by how fast the line is"`
	Paused   bool       `json:"paused" doc:"No cycles by themselves; by hand still"`
	Disabled bool       `json:"disabled" doc:"No cycles at all. Changes are kept"`
	Reason   string     `json:"reason,omitempty"`
	By       string     `json:"by,omitempty" doc:"Who chose it"`
	Since    *time.Time `json:"since,omitempty"`
}

func settingsView(set site.Settings) SyncSettings {
	return SyncSettings{
		Interval: int(set.Interval / time.Second), Batch: set.Batch, Paused: set.Paused, Disabled: set.Disabled, Reason: set.Reason, By: set.By, Since: moment(set.Since),
	}
}

// AllSync is how all sites stand, in numbers.
type AllSync struct {
	Total       int `json:"total"`
	Ready       int `json:"ready" doc:"Have initialised"`
	Paused      int `json:"paused"`
	Behind      int `json:"behind" doc:"Sites that have not confirmed all of the feed"`
	Silent      int `json:"silent" doc:"Sites not heard for a day"`
	Waiting     int `json:"waiting" doc:"Changes that sites still had to send when they were last heard"`
	Quarantined int `json:"quarantined" doc:"Refused changes that wait for a decision"`
}

func ownView(st site.Status) SyncView {
	return SyncView{
		Role: station.Remote, Light: st.Light, Words: st.Words, Advice: st.Advice,
		Site: &OwnSync{
			Site: st.Site, State: st.State, Running: st.Running, Step: st.Progress.Step, Done: st.Progress.Done, Total: st.Progress.Total,
			Percent: st.Percent, Waiting: st.Waiting, Unresolved: st.Unresolved, Refused: st.Refused, LastSuccess: moment(st.LastSuccess),
			LastTry: moment(st.LastTry), Took: st.Duration, LastCode: st.LastCode, LastError: st.LastError, AsOf: moment(st.AsOf),
			ClockAhead: st.ClockAhead.Seconds(), RulesDiffer: st.RulesDiffer, DiskUsed: st.DiskUsed, Settings: settingsView(st.Settings),
		},
	}
}

// silentAfter is how long a site may be silent before the summary counts it.
const silentAfter = 24 * time.Hour

func allView(sites []central.SiteStatus, now time.Time) SyncView {
	n := AllSync{Total: len(sites)}
	for _, s := range sites {
		if s.State.Initialisation == central.InitCompleted {
			n.Ready++
		}
		if s.State.Paused != "" {
			n.Paused++
		}
		if s.Behind > 0 {
			n.Behind++
		}
		if s.State.Initialisation == central.InitCompleted && now.Sub(s.State.LastContact) >= silentAfter {
			n.Silent++
		}
		n.Waiting += s.State.Waiting
		n.Quarantined += s.Quarantined
	}
	v := SyncView{Role: station.Central, Light: site.Green, Sites: &n}
	v.Words = fmt.Sprintf("%d of %d sites ready, %d silent for a day, %d refused changes to decide about", n.Ready, n.Total, n.Silent, n.Quarantined)
	if n.Silent > 0 || n.Quarantined > 0 {
		v.Light = site.Amber
	}
	if n.Quarantined > 0 {
		v.Advice = "decide about what is in quarantine"
	}
	return v
}

// status is how synchronisation stands here, and whether a cycle runs.
func (s *server) status(ctx context.Context) (SyncView, error) {
	if s.Centre != nil {
		sites, err := s.Centre.Sites(ctx)
		return allView(sites, s.Now()), err
	}
	own, err := s.own()
	if err != nil {
		return SyncView{}, err
	}
	st, err := own.Status(ctx)
	return ownView(st), err
}

// own returns the site's own synchronisation. The central server has none.
func (s *server) own() (Sync, error) {
	if s.Sync == nil {
		return nil, atoll.Errorf(atoll.Invalid, "the central server has no synchronisation of its own: sites come to it").
			Do("do it at the site; pause and order are at %s/sites", prefix)
	}
	return s.Sync, nil
}

type statusAnswer struct {
	Body SyncView
}

type acceptedAnswer struct {
	Location string `header:"Location"`
	Body     SyncView
}

type settingsInput struct {
	Body struct {
		Interval int    `json:"interval_seconds,omitempty" minimum:"1" maximum:"2678400" doc:"Left out: as it is" example:"600"`
		Batch    *int   `json:"batch,omitempty" minimum:"0" maximum:"500" doc:"Left out: as it is; 0: by how fast the line is"`
		Paused   *bool  `json:"paused,omitempty" doc:"Left out: as it is"`
		Disabled *bool  `json:"disabled,omitempty" doc:"Left out: as it is"`
		Reason   string `json:"reason,omitempty" maxLength:"400" example:"The line is too expensive this week"`
	}
}

type settingsAnswer struct {
	Body SyncSettings
}

func (s *server) syncOperations() {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-sync-status", Method: http.MethodGet, Path: "/sync/status", Tags: []string{"sync"},
		Summary: "How synchronisation stands", Description: "Of this site; at the central server a summary of all sites.",
	}, func(ctx context.Context, _ *struct{}) (*statusAnswer, error) {
		v, err := s.status(ctx)
		return &statusAnswer{Body: v}, err
	})
	handle(s, signedIn, huma.Operation{
		OperationID: "sync-now", Method: http.MethodPost, Path: "/sync", Tags: []string{"sync"}, DefaultStatus: http.StatusAccepted,
		Summary: "Synchronise now", Description: "Asks for a cycle. While one runs, one more is queued and never two. Watch it at /sync/status or /sync/events.",
	}, s.syncNow)
	handle(s, s.ofOwn(station.MaySync), huma.Operation{
		OperationID: "get-sync-log", Method: http.MethodGet, Path: "/sync/log", Tags: []string{"sync"},
		Summary: "The sync log", Description: "One row for each cycle of this site, or at the central server for each exchange with a site; newest first.",
	}, s.syncLog)
	handle(s, signedIn, huma.Operation{
		OperationID: "list-waiting", Method: http.MethodGet, Path: "/sync/waiting", Tags: []string{"sync"},
		Summary: "List what waits to be sent", Description: "Transactions of this site that the central server does not have yet, oldest first.",
	}, s.waiting)
	handle(s, station.MaySync, huma.Operation{
		OperationID: "put-sync-settings", Method: http.MethodPut, Path: "/sync/settings", Tags: []string{"sync"},
		Summary: "Change when this site synchronises", Description: "Pausing and disabling go on keeping changes.",
	}, s.putSettings)
	handle(s, station.MayRead, huma.Operation{
		OperationID: "watch-sync", Method: http.MethodGet, Path: "/sync/events", Tags: []string{"sync"},
		Summary: "Watch synchronisation", Description: "Server-sent events named status, each with what /sync/status answers: at once, " +
			"each second while a cycle runs, and otherwise when something changes. The stream ends after ten minutes or with the session; browsers open it again.",
		Responses: map[string]*huma.Response{"200": {
			Description: "A stream of events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, s.watch)
}

// ofOwn is the power that looking at an installation's synchronisation takes: at a
// remote site it is everybody's own, who works there; at the central server it is
// all sites'.
func (s *server) ofOwn(p station.Power) station.Power {
	if s.Centre == nil {
		return signedIn
	}
	return p
}

type waitingInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most transactions in the answer"`
}

type waitingAnswer struct {
	Body struct {
		Total   uint64        `json:"total" doc:"All that wait"`
		Waiting []WaitingView `json:"waiting" doc:"Oldest first"`
	}
}

// WaitingView is one transaction that the central server does not have yet.
type WaitingView struct {
	Seq     uint64    `json:"seq" doc:"Its place in this site's journal" example:"118"`
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor" example:"amina"`
	Cause   string    `json:"cause" example:"user"`
	Total   int       `json:"total" doc:"How many records it changes"`
	Records []string  `json:"records" doc:"The first of them: type/id"`
}

func (s *server) waiting(ctx context.Context, in *waitingInput) (*waitingAnswer, error) {
	own, err := s.own()
	if err != nil {
		return nil, err
	}
	list, total, err := own.Waiting(ctx, in.Limit)
	if err != nil {
		return nil, err
	}
	var keys []atoll.Key
	for _, u := range list {
		keys = append(keys, u.Keys...)
	}
	hidden, err := s.hidden(ctx, keys...)
	if err != nil {
		return nil, err
	}
	out := &waitingAnswer{}
	out.Body.Total, out.Body.Waiting = total, []WaitingView{}
	for _, u := range list {
		if slices.ContainsFunc(u.Keys, func(k atoll.Key) bool { return hidden[k] }) {
			continue // of a store that is not the user's
		}
		v := WaitingView{Seq: u.Seq, Time: u.Time, Actor: u.Actor, Cause: u.Cause.Kind, Total: len(u.Keys), Records: []string{}}
		for _, k := range u.Keys[:min(len(u.Keys), keysShown)] {
			v.Records = append(v.Records, k.String())
		}
		out.Body.Waiting = append(out.Body.Waiting, v)
	}
	return out, nil
}

func (s *server) syncNow(ctx context.Context, _ *struct{}) (*acceptedAnswer, error) {
	own, err := s.own()
	if err != nil {
		return nil, err
	}
	set, err := own.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if set.Disabled {
		return nil, atoll.Errorf(atoll.Paused, "synchronisation is disabled here").Do("enable it first: PUT %s/sync/settings", prefix)
	}
	own.SyncSoon()
	v, err := s.status(ctx)
	return &acceptedAnswer{Location: prefix + "/sync/status", Body: v}, err
}

func (s *server) putSettings(ctx context.Context, in *settingsInput) (*settingsAnswer, error) {
	own, err := s.own()
	if err != nil {
		return nil, err
	}
	err = own.Configure(ctx, actor(ctx), func(set *site.Settings) {
		if in.Body.Interval != 0 {
			set.Interval = time.Duration(in.Body.Interval) * time.Second
		}
		if in.Body.Batch != nil {
			set.Batch = *in.Body.Batch
		}
		if in.Body.Paused != nil {
			set.Paused = *in.Body.Paused
		}
		if in.Body.Disabled != nil {
			set.Disabled = *in.Body.Disabled
		}
		set.Reason = in.Body.Reason
	})
	if err != nil {
		return nil, err
	}
	set, err := own.Settings(ctx)
	return &settingsAnswer{Body: settingsView(set)}, err
}
