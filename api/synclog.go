package api

import (
	"context"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/site"
)

// CycleView is one row of the sync log (R-I-24): of one cycle at a site, or of
// one exchange at the central server. Offered is always applied + duplicate +
// quarantined.
type CycleView struct {
	Cycle       string       `json:"cycle,omitempty" doc:"Names the cycle at the site and at the central server, and in the logs of both" example:"3f9a01c2"`
	Site        atoll.SiteID `json:"site" example:"2"`
	Started     time.Time    `json:"started"`
	Ended       time.Time    `json:"ended"`
	Received    *time.Time   `json:"received,omitempty" doc:"At the central server: when all that the site offered was judged; what follows is its answer"`
	Broke       string       `json:"broke,omitempty" enum:"receiving,answering" doc:"At the central server: in which phase it ended, when that was too early"`
	Result      string       `json:"result" doc:"ok, or the code of what went wrong" example:"ok"`
	Error       string       `json:"error,omitempty"`
	Hint        string       `json:"hint,omitempty"`
	Rounds      int          `json:"rounds,omitempty" doc:"Exchanges in the cycle"`
	Offered     int          `json:"offered" doc:"Entries that arrived whole at the central server"`
	Applied     int          `json:"applied"`
	Duplicate   int          `json:"duplicate"`
	Quarantined int          `json:"quarantined"`
	Down        int          `json:"down" doc:"Records that went from the central server to the site"`
	Integrated  int          `json:"integrated,omitempty" doc:"Of them, taken into the site's records"`
	Waiting     int          `json:"waiting,omitempty" doc:"Of them, not taken yet"`
	Retracted   int          `json:"retracted,omitempty"`
	BytesUp     int64        `json:"bytes_up"`
	BytesDown   int64        `json:"bytes_down"`
}

func result(c atoll.Code) string {
	if c == "" {
		return "ok"
	}
	return string(c)
}

func cycleView(here atoll.SiteID, c site.Cycle) CycleView {
	return CycleView{
		Cycle: c.ID, Site: here, Started: c.Started, Ended: c.Started.Add(c.Took), Result: result(c.Code), Error: c.Error, Hint: c.Hint, Rounds: c.Rounds,
		Offered: c.Offered, Applied: c.Applied, Duplicate: c.Duplicate, Quarantined: c.Quarantined, Down: c.Received,
		Integrated: c.Integrated.Stored, Waiting: c.Integrated.Waiting, Retracted: c.Retracted, BytesUp: c.BytesOut, BytesDown: c.BytesIn,
	}
}

func exchangeView(c central.Cycle) CycleView {
	v := CycleView{
		Cycle: c.ID, Site: c.Site, Started: c.Started, Ended: c.Started.Add(c.Took), Result: result(c.Code), Error: c.Error, Rounds: 1,
		Offered: c.Offered, Applied: c.Applied, Duplicate: c.Duplicate, Quarantined: c.Quarantined, Down: c.Sent, BytesDown: int64(c.Bytes), Broke: string(c.Broke),
	}
	if c.Receiving > 0 {
		at := c.Started.Add(c.Receiving)
		v.Received = &at
	}
	return v
}

type logInput struct {
	Site  int `query:"site" minimum:"1" maximum:"2147483647" doc:"At the central server: only this site's rows" example:"2"`
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most rows in the answer"`
}

type logAnswer struct {
	Body struct {
		Cycles []CycleView `json:"cycles" doc:"Newest first"`
	}
}

func (s *server) syncLog(ctx context.Context, in *logInput) (*logAnswer, error) {
	out := &logAnswer{}
	out.Body.Cycles = []CycleView{}
	if s.Centre != nil {
		rows, err := s.Centre.SyncLog(ctx, atoll.SiteID(in.Site), in.Limit)
		for _, r := range rows {
			out.Body.Cycles = append(out.Body.Cycles, exchangeView(r))
		}
		return out, err
	}
	own, err := s.own()
	if err != nil {
		return nil, err
	}
	if in.Site != 0 && atoll.SiteID(in.Site) != s.Here {
		_, err := s.centre(ctx)
		return nil, err
	}
	rows, err := own.SyncLog(ctx, in.Limit)
	for _, r := range rows {
		out.Body.Cycles = append(out.Body.Cycles, cycleView(s.Here, r))
	}
	return out, err
}
