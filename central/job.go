package central

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// jobKind is the record type of jobs.
const jobKind = atoll.Type("job")

// shelfJobs holds how far the centre is with gathering what a job sends.
const shelfJobs = "jobs"

// JobOrder is a wanted job with a site.
type JobOrder struct {
	Kind      string // handover.Resync, Resend or Verify
	Site      atoll.SiteID
	Selection handover.Selection
}

// StartJob begins a job with a site and returns its id; with try it only counts
// the records it is about, at the centre.
func (c *Centre) StartJob(ctx context.Context, actor string, o JobOrder, try bool) (id atoll.ID, records map[atoll.Type]int, err error) {
	cat := c.Door.Judge.Catalogue
	if err := o.Selection.Check(cat); err != nil {
		return "", nil, err
	}
	err = c.Store.View(ctx, func(r storage.Reader) error {
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		if _, ok := t.Site(o.Site); !ok || o.Site == t.Centre() {
			return atoll.Errorf(atoll.NotFound, "there is no remote site %d", o.Site).Do("list the sites with: atoll site list")
		}
		d := c.desk(r, t)
		st, err := State(r, o.Site)
		if err != nil {
			return err
		}
		o.Selection.Current = o.Kind == handover.Verify && st.HistoryMonths > 0
		if err := handover.Comparable(d, o.Selection, o.Site); err != nil && o.Kind != handover.Resend {
			return err
		}
		records = map[atoll.Type]int{}
		return handover.Due(d, o.Selection, o.Site, o.Kind == handover.Resync, func(rec atoll.Record) error {
			records[rec.Type]++
			return nil
		})
	})
	if err != nil || try {
		return "", records, err
	}
	step := map[string]string{handover.Resync: handover.Listing, handover.Resend: handover.Sending, handover.Verify: handover.Types}[o.Kind]
	if step == "" {
		return "", nil, atoll.Errorf(atoll.Invalid, "unknown kind of job %q", o.Kind).On("kind").Do("choose resync, resend or verify")
	}
	id = atoll.NewID(c.Now())
	_, err = c.Configure(ctx, actor, func(storage.Reader, *topology.Topology) ([]journal.Proposal, error) {
		f := atoll.Fields{}.Set("kind", o.Kind).Set("site_id", o.Site).Set("selection", o.Selection).Set("step", step).
			Set("asked_at", c.stamp()).Set("asked_by", actor)
		if o.Selection.Store != "" {
			f.Set("store_id", o.Selection.Store)
		}
		return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: jobKind, ID: id}, Fields: f}}, nil
	})
	if err != nil {
		return "", nil, err
	}
	return id, records, c.WorkJobs(ctx)
}

func (c *Centre) stamp() string { return c.Now().UTC().Format("2006-01-02T15:04:05Z") }

// StartPrimary begins to change who edits central data: from the centre to a site,
// which makes the system a mirrored one, or from that site back to the centre
// (R-H-50). What speaks against it is one error that lists all of it. With try
// nothing is changed.
func (c *Centre) StartPrimary(ctx context.Context, actor string, to atoll.SiteID, try bool) (atoll.ID, error) {
	id := atoll.NewID(c.Now())
	change := func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		site := to
		if to == t.Centre() {
			site = t.Primary()
		}
		s, ok := t.Site(site)
		switch {
		case !ok:
			return nil, atoll.Errorf(atoll.NotFound, "there is no site %d", to).Do("make it with: atoll site add NAME --kind mirror")
		case to == t.Primary():
			return nil, atoll.Errorf(atoll.Rule, "site %d edits central data already", to).Because("primary.already", "site", to)
		case to != t.Centre() && t.Mirrored():
			return nil, atoll.Errorf(atoll.Rule, "site %d edits central data now", t.Primary()).Do("give it back to the centre first: atoll job primary %d", t.Centre()).Because("primary.elsewhere", "site", t.Primary())
		case s.Disabled:
			return nil, atoll.Errorf(atoll.Rule, "site %d is closed", site).Because("site.closed", "site", site)
		}
		if next, is := t.NextPrimary(); is {
			return nil, atoll.Errorf(atoll.Rule, "the primary is changing to site %d already", next).Do("see: atoll job list").Because("primary.moving", "site", next)
		}
		obstacles, err := c.notReady(r, site, false)
		if err != nil {
			return nil, err
		}
		if st, err := State(r, site); err != nil || st.FirstContact.IsZero() || st.Catalogue < c.Door.Judge.Catalogue.Version() {
			obstacles = append(obstacles, atoll.Errorf(atoll.Rule, "site %d has not initialised with this version of the record types", site).Because("ready.first", "site", site))
		}
		if len(obstacles) > 0 {
			return nil, atoll.Errorf(atoll.Rule, "the primary cannot change: %s", together(obstacles)).Listing(obstacles).Do("put it right and try again").Because("primary.obstacles")
		}
		return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: jobKind, ID: id}, Fields: atoll.Fields{}.
			Set("kind", handover.Primary).Set("site_id", site).Set("to_site", to).Set("step", handover.Closing).
			Set("asked_at", c.stamp()).Set("asked_by", actor)}}, nil
	}
	if try {
		_, err := c.Try(ctx, actor, change)
		return "", err
	}
	_, err := c.Configure(ctx, actor, change)
	return id, err
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// AbortJob ends a job. What the site has received stays.
func (c *Centre) AbortJob(ctx context.Context, actor string, id atoll.ID) error {
	_, err := c.Configure(ctx, actor, func(r storage.Reader, _ *topology.Topology) ([]journal.Proposal, error) {
		rec, err := r.Record(atoll.Key{Type: jobKind, ID: id})
		if err != nil {
			return nil, noJob(id)
		}
		f := rec.MustFields()
		switch {
		case !handover.Open(f.Text("step")):
			return nil, atoll.Errorf(atoll.LifeCycle, "the job is over").Because("job.over")
		case f.Text("kind") == handover.Primary && f.Text("step") != handover.Closing:
			return nil, atoll.Errorf(atoll.LifeCycle, "the primary has changed already").Do("change it back with another job: atoll job primary SITE").Because("primary.changed")
		}
		return update(jobKind, id, atoll.Fields{}.Set("step", handover.Stopped).Set("ended_at", c.stamp())), nil
	})
	if err != nil {
		return err
	}
	return c.WorkJobs(ctx)
}

func noJob(id atoll.ID) error {
	return atoll.Errorf(atoll.NotFound, "there is no job %s", id).Do("list them with: atoll job list")
}

// gathering is how far the centre is with a resync.
type gathering struct {
	Type    atoll.Type `json:"type,omitempty"` // the type under way
	After   atoll.ID   `json:"after,omitempty"`
	Records int        `json:"records"`
	Done    bool       `json:"done,omitempty"`
}

// gatherPage is how many records are listed for a site in one transaction, so that
// sites that push meanwhile do not wait long.
const gatherPage = 500

// WorkJobs does the centre's own part of open jobs: it gathers what they send, and
// clears away after those that are over. It goes on from where it was, and may be
// called at any time.
func (c *Centre) WorkJobs(ctx context.Context) error {
	var todo, over []atoll.ID
	err := c.Store.View(ctx, func(r storage.Reader) error {
		todo, over = nil, nil
		for _, step := range []string{handover.Listing, handover.Sending} {
			open, err := r.Records(storage.Query{Type: jobKind, Where: map[string]string{"step": step}})
			if err != nil {
				return err
			}
			for _, rec := range open {
				is, err := unlisted(r, rec)
				if err != nil {
					return err
				}
				if is {
					todo = append(todo, rec.ID)
				}
			}
		}
		shelved, err := r.Scan(shelfJobs, "", 0, false)
		if err != nil {
			return err
		}
		for _, it := range shelved {
			rec, err := r.Record(atoll.Key{Type: jobKind, ID: atoll.ID(it.Key)})
			if err != nil || !handover.Open(rec.MustFields().Text("step")) {
				over = append(over, atoll.ID(it.Key))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range todo {
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := c.commits.do(ctx, func(tx storage.Tx) (err error) {
				more, err = c.gather(tx, id)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	for _, id := range over {
		if err := c.clear(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// markOf is the mark of a resync, which comes after all that it sends.
func markOf(job atoll.ID) atoll.Key {
	return atoll.Key{Type: "job_mark", ID: atoll.DeriveID("job mark", string(job))}
}

// unlisted reports whether what a job sends is yet to be listed. That may be so although
// it is being sent: it was taken back by a database that was restored.
func unlisted(r storage.Reader, job atoll.Record) (bool, error) {
	f := job.MustFields()
	if f.Text("kind") != handover.Resync || f.Text("step") != handover.Listing && f.Text("step") != handover.Sending {
		return false, nil
	}
	var g gathering
	if err := storage.Load(r, shelfJobs, string(job.ID), &g); err != nil && !errors.Is(err, atoll.NotFound) || g.Done {
		return false, err
	}
	_, err := r.Record(markOf(job.ID))
	if errors.Is(err, atoll.NotFound) {
		return true, nil
	}
	return false, err
}

// gather lists the next records of a resync under the job's own audience, and the
// mark after the last.
func (c *Centre) gather(tx storage.Tx, id atoll.ID) (more bool, err error) {
	rec, err := tx.Record(atoll.Key{Type: jobKind, ID: id})
	if err != nil {
		return false, err
	}
	if is, err := unlisted(tx, rec); err != nil || !is {
		return false, err // ended meanwhile
	}
	f := rec.MustFields()
	sel, err := handover.SelectionOf(f)
	if err != nil {
		return false, err
	}
	t, err := c.Door.Topology(tx)
	if err != nil {
		return false, err
	}
	var g gathering
	if err := storage.Load(tx, shelfJobs, string(id), &g); err != nil && !errors.Is(err, atoll.NotFound) {
		return false, err
	}
	listed := 0
	err = handover.DueAfter(c.desk(tx, t), sel, atoll.SiteID(f.Int("site_id")), handover.Place{Type: g.Type, After: g.After}, func(r atoll.Record) error {
		if listed >= gatherPage {
			return errPage
		}
		at, err := tx.NextPosition()
		if err != nil {
			return err
		}
		listed++
		g.Type, g.After, g.Records = r.Type, r.ID, g.Records+1
		return tx.List(atoll.JobAudience(id), storage.FeedLine{Position: at, Key: r.Key})
	})
	if err != nil && !errors.Is(err, errPage) {
		return false, err
	}
	if more = errors.Is(err, errPage); more {
		return true, storage.Save(tx, shelfJobs, string(id), g)
	}
	g.Done = true
	if err := storage.Save(tx, shelfJobs, string(id), g); err != nil {
		return false, err
	}
	_, err = c.Door.Write(tx, journal.Edit{Actor: "atoll", Cause: atoll.Cause{Kind: "process/job", Ref: rec.String()}, Do: []journal.Proposal{
		{Verb: atoll.Insert, Key: markOf(id), Fields: atoll.Fields{}.
			Set("job_id", id).Set("records", g.Records)},
		{Verb: atoll.Update, Key: rec.Key, Fields: atoll.Fields{}.Set("step", handover.Sending).Set("records", g.Records)},
	}})
	return false, err
}

// errPage ends a page.
var errPage = errors.New("the page is full")

// clear takes what a job listed out of the feed again.
func (c *Centre) clear(ctx context.Context, id atoll.ID) error {
	for left := true; left; {
		err := c.commits.do(ctx, func(tx storage.Tx) error {
			lines, err := tx.Feed(atoll.JobAudience(id), 0, 0, gatherPage)
			if err != nil {
				return err
			}
			kept := 0
			for _, l := range lines {
				if l.Key.Type == "job_mark" {
					kept++ // a record of its own audience stays where it is listed
					continue
				}
				if err := tx.Unlist(atoll.JobAudience(id), l.Position, l.Key); err != nil {
					return err
				}
			}
			if left = len(lines) > kept; left {
				return nil
			}
			return tx.Drop(shelfJobs, string(id))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// JobView is a job as people see it (R-I-27).
type JobView struct {
	ID        atoll.ID           `json:"id"`
	Kind      string             `json:"kind"`
	Site      atoll.SiteID       `json:"site"`
	Selection handover.Selection `json:"selection"`
	Step      string             `json:"step"`
	Words     string             `json:"words"`
	Problem   string             `json:"problem,omitempty"` // what keeps it from going on
	To        atoll.SiteID       `json:"to,omitempty"`      // of a change of the primary: who will be
	Records   int                `json:"records"`
	Result    *handover.Result   `json:"result,omitempty"` // of a comparison
	AskedAt   string             `json:"asked_at"`
	AskedBy   string             `json:"asked_by"`
	EndedAt   string             `json:"ended_at,omitempty"`
}

// Jobs returns all jobs with sites, newest first.
func (c *Centre) Jobs(ctx context.Context) ([]JobView, error) {
	var out []JobView
	err := c.Store.View(ctx, func(r storage.Reader) error {
		out = nil
		recs, err := r.Records(storage.Query{Type: jobKind})
		if err != nil {
			return err
		}
		for i := len(recs) - 1; i >= 0; i-- {
			v, err := jobView(r, recs[i])
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// Job returns one job.
func (c *Centre) Job(ctx context.Context, id atoll.ID) (v JobView, err error) {
	err = c.Store.View(ctx, func(r storage.Reader) error {
		rec, err := r.Record(atoll.Key{Type: jobKind, ID: id})
		if err != nil {
			return noJob(id)
		}
		v, err = jobView(r, rec)
		return err
	})
	return v, err
}

func jobView(r storage.Reader, rec atoll.Record) (JobView, error) {
	f := rec.MustFields()
	v := JobView{
		ID: rec.ID, Kind: f.Text("kind"), Site: atoll.SiteID(f.Int("site_id")), Step: f.Text("step"), Records: int(f.Int("records")),
		AskedAt: f.Text("asked_at"), AskedBy: f.Text("asked_by"), EndedAt: f.Text("ended_at"),
	}
	if v.Kind == handover.Primary {
		v.To = atoll.SiteID(f.Int("to_site"))
		problems, err := problemsOf(r, "job/")
		if err != nil {
			return v, err
		}
		reports, err := r.Records(storage.Query{Type: "job_report", Where: map[string]string{"about": rec.String()}})
		for _, rep := range reports {
			v.Problem = or(problems[rep.String()], v.Problem)
		}
		v.Words = v.words()
		return v, err
	}
	var err error
	if v.Selection, err = handover.SelectionOf(f); err != nil {
		return v, err
	}
	var g gathering
	if err := storage.Load(r, shelfJobs, string(rec.ID), &g); err == nil && v.Records == 0 {
		v.Records = g.Records
	}
	if v.Kind == handover.Verify && v.Step == handover.Done && f.Has("result") {
		v.Result = &handover.Result{}
		if err := json.Unmarshal(f["result"], v.Result); err != nil {
			return v, err
		}
	}
	v.Words = v.words()
	return v, nil
}

func (v JobView) words() string {
	switch v.Step {
	case handover.Listing:
		return "what is to be sent is gathered"
	case handover.Closing:
		return "central data is edited by nobody until both ends have the same and the primary has changed"
	case handover.Sending:
		if v.Kind == handover.Primary {
			return "the primary has changed; waits for the site to try who may edit central data"
		}
		if v.Kind == handover.Resend {
			return "waits for the site to send its records again"
		}
		return "on its way: the site takes it with its next exchanges, beside its normal work"
	case handover.Types, handover.Ranges, handover.Rows:
		return "waits for the site to say what it has"
	case handover.Stopped:
		return "called off"
	}
	switch {
	case v.Kind == handover.Primary && v.To == v.Site:
		return fmt.Sprintf("done: site %d edits central data, and the system is a mirrored one", v.To)
	case v.Kind == handover.Primary:
		return "done: the centre edits central data again"
	case v.Result == nil:
		return "done"
	case len(v.Result.Rows) == 0 && !v.Result.More:
		return "done: both ends hold the same"
	}
	return "done: records differ"
}
