package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"runtime"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/support"
)

// bundledRows is how much of the sync log, of quarantine and of what waits a bundle
// tells.
const bundledRows = 1000

const bundleWords = `What is in this file

about.json        the program, the machine, who this is
settings.json     how it is run
health.json       what must hold for it to work, and whether it does
status.json       how synchronisation stands; at a central server, of every site
sync-log.jsonl    the last exchanges; their ids are in the logs of both ends
quarantine.jsonl  what was refused: why and which record, not what it says
exceptions.jsonl  documents that could not be answered, likewise
records.json      how many records of which type; where each journal ends
metrics.txt       what /metrics tells
log.jsonl         the newest lines of the log, if the server made this file

Not in it: keys, tokens, passwords, and what records say. It may be sent by mail. For a
copy of the whole database without keys and passwords: atoll support export FILE
`

// Bundle writes one ZIP file that tells support how this installation stands, without
// a secret and without what any record says: everything in it is chosen by name here.
// Who takes it is written into the journal first, which the central server keeps too.
func (h *Host) Bundle(ctx context.Context, actor string, w io.Writer) error {
	if err := h.note(ctx, actor, "a support bundle was taken"); err != nil {
		return err
	}
	b := support.NewBundle(w, h.Now())
	b.Part("README.txt", func(w io.Writer) error { _, err := io.WriteString(w, bundleWords); return err })
	b.JSON("about.json", h.about(), nil)
	b.JSON("settings.json", h.toldSettings(), nil)
	b.JSON("health.json", toldConditions(h.Conditions(ctx)), nil)
	if h.Centre != nil {
		h.bundleFleet(ctx, b)
	} else {
		h.bundleSite(ctx, b)
	}
	h.bundleRefused(ctx, b)
	counts, err := h.toldRecords(ctx)
	b.JSON("records.json", counts, err)
	b.Part("metrics.txt", func(w io.Writer) error {
		if err := newMeter(h).text(ctx, w); err != nil {
			_, err = fmt.Fprintln(w, "#", support.Plain(err))
			return err
		}
		return nil
	})
	b.Part("log.jsonl", func(w io.Writer) error { _, err := h.Recent.WriteTo(w); return err })
	return b.End()
}

// note keeps in the journal who did something with this installation that changes no
// record. A site that is not enrolled has none.
func (h *Host) note(ctx context.Context, actor, what string) error {
	id := h.Station.Identity
	if id.Site == 0 || id.Support {
		return nil
	}
	_, err := h.Station.Edit(ctx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{{
		Verb: atoll.Insert, Key: atoll.Key{Type: "system_log", ID: atoll.NewID(h.Now())},
		Fields: atoll.Fields{}.Set("kind", "other").Set("site_number", int(id.Site)).Set("happened_at", h.Now().UTC().Format(time.RFC3339)).
			Set("message", what),
	}}})
	return err
}

func (h *Host) about() any {
	id := h.Station.Identity
	head, _ := h.head()
	return struct {
		Made      time.Time
		App, Go   string
		System    string
		CPUs      int
		Role      string
		Site      atoll.SiteID
		Name      string
		Whole     atoll.ID `json:"System_ID"`
		Created   time.Time
		Timeline  atoll.Timeline
		Journal   uint64
		Protocol  int
		Catalogue int
		Rules     string
		DiskUsed  float64
	}{
		h.Now(), h.App, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, runtime.NumCPU(), string(id.Role), id.Site, id.Name, id.System, id.Created,
		head.Timeline, head.Seq, exchange.Protocol, h.Catalogue.Version(), h.Catalogue.Hash(), DiskUsed(h.Data),
	}
}

func (h *Host) head() (head atoll.Head, err error) {
	err = h.Store.View(context.Background(), func(r storage.Reader) error { head, err = r.Head(h.Station.Identity.Site); return err })
	return head, err
}

func (h *Host) toldSettings() any {
	return struct {
		Listen, URL, Centre, TLS     string
		OwnCertificate, AllowPlain   bool
		OwnRecordTypes, ConfigFile   bool
		Announced, Pinned, ForPeople bool
	}{
		h.Listen, bare(h.URL), bare(h.Station.Identity.URL), h.TLS, h.TLSCert != "", h.AllowPlain, h.Catalogue != nil && h.Config.Catalogue != "", h.File != "",
		h.Announce != nil, h.Station.Identity.Pin != "", h.Station.Identity.Support,
	}
}

// bare is an address without what may be secret in it.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// lines writes values as JSON, a line each.
func lines[T any](b *support.Bundle, name string, values []T, err error, told func(T) any) {
	b.Part(name, func(w io.Writer) error {
		e := json.NewEncoder(w)
		if err != nil {
			return e.Encode(map[string]string{"failed": support.Plain(err)})
		}
		for _, v := range values {
			if err := e.Encode(told(v)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *Host) bundleSite(ctx context.Context, b *support.Bundle) {
	st, err := h.Site.Status(ctx)
	// What people wrote, and what records may say, is left out.
	st.Words, st.Advice, st.Moving, st.Settings.Reason, st.Settings.By = "", "", "", "", ""
	st.LastError = support.Words(st.LastCode, st.LastError)
	b.JSON("status.json", st, err)
	log, err := h.Site.SyncLog(ctx, bundledRows)
	lines(b, "sync-log.jsonl", log, err, func(c site.Cycle) any {
		c.Error, c.Hint = support.Words(c.Code, c.Error), ""
		return c
	})
}

// toldSite is what a bundle tells of a site.
type toldSite struct {
	Site           atoll.SiteID
	Kind           string
	Light          central.Light
	Concerns       []central.Concern
	Disabled       bool `json:",omitempty"`
	Paused         bool `json:",omitempty"`
	Stores         int
	Initialisation central.Initialisation
	App            string
	Protocol       int
	Journal, Head  uint64
	Behind         atoll.Position
	Waiting        int
	Errors         int
	Quarantined    int
	ClockAhead     time.Duration
	LastContact    time.Time
	LastComplete   time.Time
	Compared       time.Time
	Outcome        exchange.Outcome
}

func (h *Host) bundleFleet(ctx context.Context, b *support.Bundle) {
	sites, err := h.Centre.Sites(ctx)
	lines(b, "status.json", sites, err, func(s central.SiteStatus) any {
		light, concerns := s.Condition(h.Now())
		for i := range concerns {
			concerns[i].Text = support.Words(concerns[i].Code, concerns[i].Text)
		}
		st := s.State
		return toldSite{
			s.ID, string(s.Kind), light, concerns, s.Disabled, st.Paused != "", len(s.Stores), st.Initialisation, st.App, st.Protocol, s.Journal.Seq, st.Head, s.Behind,
			st.Waiting, st.Errors, s.Quarantined, st.ClockAhead, st.LastContact, st.LastComplete, st.Compared, st.Outcome,
		}
	})
	log, err := h.Centre.SyncLog(ctx, 0, bundledRows)
	lines(b, "sync-log.jsonl", log, err, func(c central.Cycle) any {
		c.Error = support.Words(c.Code, c.Error)
		return c
	})
	jobs, err := h.Centre.Jobs(ctx)
	lines(b, "jobs.jsonl", jobs, err, func(j central.JobView) any {
		return struct {
			ID         atoll.ID
			Kind, Step string
			Site       atoll.SiteID
			Records    int
			Stuck      bool
			AskedAt    string
			EndedAt    string
		}{j.ID, j.Kind, j.Step, j.Site, j.Records, j.Problem != "", j.AskedAt, j.EndedAt}
	})
}

// toldRefusal is why one change was refused, and of which record.
type toldRefusal struct {
	ID      int64 `json:",omitempty"`
	Site    atoll.SiteID
	Seq     uint64
	Code    atoll.Code
	Layer   string
	Record  string
	Field   string `json:",omitempty"`
	Behind  int64  `json:",omitempty"`
	At      time.Time
	Attempt int
}

func (h *Host) bundleRefused(ctx context.Context, b *support.Bundle) {
	var refused []toldRefusal
	err := h.Store.View(ctx, func(r storage.Reader) error {
		refused = nil
		list, err := r.Refusals(0, true, 0, bundledRows)
		for _, x := range list {
			refused = append(refused, toldRefusal{x.ID, x.Site, x.Seq, x.Code, x.Layer, x.Subject.String(), x.Field, x.Behind, x.At, x.Attempts})
		}
		return err
	})
	if h.Site != nil && err == nil {
		var list []exchange.Refusal
		list, err = h.Site.Refused(ctx, bundledRows)
		for _, x := range list {
			refused = append(refused, toldRefusal{
				Site: h.Station.Identity.Site, Seq: x.Seq, Code: x.Code, Layer: x.Layer, Record: atoll.Key{Type: x.Type, ID: x.ID}.String(), Field: x.Field,
			})
		}
	}
	lines(b, "quarantine.jsonl", refused, err, func(r toldRefusal) any { return r })
	open, err := h.Station.Processors.Exceptions(ctx)
	for i := range open {
		open[i].Message = ""
	}
	lines(b, "exceptions.jsonl", open[:min(len(open), bundledRows)], err, func(e process.Exception) any { return e })
}

func (h *Host) toldRecords(ctx context.Context) (any, error) {
	counts, err := h.Station.Counts(ctx)
	if err != nil {
		return nil, err
	}
	ends := map[string]uint64{}
	var at atoll.Position
	err = h.Store.View(ctx, func(r storage.Reader) error {
		heads, err := r.Journals()
		if err != nil {
			return err
		}
		for s, head := range heads {
			ends[strconv.Itoa(int(s))] = head.Seq
		}
		at, err = r.LastPosition()
		return err
	})
	return map[string]any{"records": counts, "journals": ends, "position": at}, err
}
