package console

import (
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// jobRow is one job with a site, or one move of a store, in the reader's words.
type jobRow struct {
	ID      atoll.ID
	What    saying
	Light   string
	State   saying
	Steps   []step
	Words   string // of the engine, in English
	Problem string
	AskedBy string
	Asked   time.Time
	Records int
	Differ  int
	Compare bool // it compared, and this is how many records differ
	Abort   string
	Again   string
}

type jobsData struct {
	Rows   []jobRow
	Open   bool
	Any    bool // there are sites
	Sites  []option
	Stores []option
	Kinds  []option
}

// jobSteps are the steps of each kind of job in their order.
var jobSteps = map[string][]string{
	handover.Resync:  {handover.Listing, handover.Sending},
	handover.Resend:  {handover.Sending},
	handover.Verify:  {handover.Types, handover.Ranges, handover.Rows},
	handover.Primary: {handover.Closing, handover.Types, handover.Ranges, handover.Rows},
}

// jobKinds are those that can be asked for here.
var jobKinds = []string{handover.Verify, handover.Resync, handover.Resend}

// jobs lists what is done with sites beside normal synchronisation, with how far it
// is (R-I-27): moves of stores first, then records sent again and comparisons.
func (c *console) jobs(v *Visit) error {
	moves, err := c.Centre.Moves(v.ctx())
	if err != nil {
		return err
	}
	jobs, err := c.Centre.Jobs(v.ctx())
	if err != nil {
		return err
	}
	var d jobsData
	for _, m := range moves {
		d.Rows = append(d.Rows, v.moveRow(m))
	}
	for _, j := range jobs[:min(len(jobs), mostRows)] {
		d.Rows = append(d.Rows, v.jobRow(j))
	}
	d.Open = slices.ContainsFunc(d.Rows, func(r jobRow) bool { return r.Abort != "" || r.State.Key == "job.open" })
	slices.SortStableFunc(d.Rows, func(a, b jobRow) int { // those under way first
		if (a.State.Key == "job.open") != (b.State.Key == "job.open") {
			if a.State.Key == "job.open" {
				return -1
			}
			return 1
		}
		return b.Asked.Compare(a.Asked)
	})
	if d.Sites, d.Any, err = v.siteOptions(0); err != nil {
		return err
	}
	if d.Stores, err = v.storeOptions(""); err != nil {
		return err
	}
	for _, k := range jobKinds {
		d.Kinds = append(d.Kinds, option{Value: k, Words: v.T("job." + k)})
	}
	return v.page("jobs", v.T("jobs.title"), d)
}

// siteOptions are the remote sites to choose from, none when there are too many; any
// says whether there is one.
func (v *Visit) siteOptions(chosen atoll.SiteID) (out []option, any bool, err error) {
	t, err := v.c.Station.Topology(v.ctx())
	if err != nil {
		return nil, false, err
	}
	for _, s := range t.Sites() {
		if s.ID != t.Centre() && !s.Disabled {
			out = append(out, option{s.ID.String(), s.Name + " (" + s.ID.String() + ")", s.ID == chosen})
		}
	}
	sortOptions(out)
	if len(out) > mostPick {
		return nil, true, nil
	}
	return out, len(out) > 0, nil
}

// siteMeant is the site that has the number or the name.
func (v *Visit) siteMeant(want string) (atoll.SiteID, error) {
	want = strings.TrimSpace(want)
	t, err := v.c.Station.Topology(v.ctx())
	if err != nil {
		return 0, err
	}
	if id, perr := atoll.ParseSiteID(want); perr == nil {
		return id, nil
	}
	for _, s := range t.Sites() {
		if want != "" && strings.EqualFold(s.Name, want) {
			return s.ID, nil
		}
	}
	return 0, atoll.Errorf(atoll.Invalid, "no site has the number or the name %.60q", want).On("site").Do("look for it on the page Sites")
}

func (v *Visit) jobRow(j central.JobView) jobRow {
	site := v.siteName(j.Site)
	row := jobRow{
		ID: j.ID, What: saying{"job." + j.Kind + ".what", []any{"site", site}}, Words: j.Words, Problem: j.Problem, AskedBy: j.AskedBy, Asked: stamped(j.AskedAt),
		Records: j.Records, Light: "grey", State: saying{Key: "job.open"},
	}
	if j.Kind == handover.Primary {
		row.What = saying{"job.primary.what", []any{"site", v.siteName(j.To)}}
	}
	at := slices.Index(jobSteps[j.Kind], j.Step)
	for i, name := range jobSteps[j.Kind] {
		s := step{Key: "job.step." + name, State: "next"}
		switch {
		case j.Step == handover.Done, i < at:
			s.State = "done"
		case i == at:
			s.State = "now"
		}
		row.Steps = append(row.Steps, s)
	}
	switch j.Step {
	case handover.Done:
		row.Light, row.State = "green", saying{Key: "job.done"}
	case handover.Stopped:
		row.Steps, row.State = nil, saying{Key: "job.aborted"}
	default:
		row.Abort = "/jobs/" + string(j.ID) + "/abort"
		if j.Problem != "" {
			row.Light = "amber"
		}
	}
	if j.Result != nil {
		row.Compare, row.Differ = true, len(j.Result.Rows)
		if row.Differ > 0 {
			row.Light = "amber"
		}
	}
	return row
}

func (v *Visit) moveRow(m central.MoveView) jobRow {
	row := jobRow{
		ID: m.ID, What: saying{"job.move.what", []any{"store", m.StoreName, "from", v.siteName(m.From), "to", v.siteName(m.To)}}, Words: m.Words, Problem: m.Problem,
		AskedBy: m.AskedBy, Asked: stamped(m.AskedAt), Records: m.Records, Light: "grey", State: saying{Key: "job.open"},
	}
	now := true
	for _, s := range m.Steps {
		if s.Skip {
			continue
		}
		state := "next"
		switch {
		case s.At != "":
			state = "done"
		case now:
			state, now = "now", false
		}
		row.Steps = append(row.Steps, step{Key: "move.step." + s.Name, State: state})
	}
	switch {
	case m.Step == topology.Aborted:
		row.Steps, row.State = nil, saying{Key: "job.aborted"}
	case now:
		row.Light, row.State = "green", saying{Key: "job.done"}
	default:
		if m.Problem != "" {
			row.Light = "amber"
		}
		if v.User.Role.May(station.MayConfigure) {
			row.Abort, row.Again = "/moves/"+string(m.ID)+"/abort", "/moves/"+string(m.ID)+"/again"
		}
	}
	return row
}

// stamped reads a moment that an engine wrote; the zero time for none.
func stamped(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// startJob has records sent again, or compared.
func (c *console) startJob(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	kind := v.R.PostFormValue("kind")
	if !slices.Contains(jobKinds, kind) {
		return atoll.Errorf(atoll.Invalid, "a job needs a kind and a site").On("site").Do("choose both")
	}
	site, err := v.siteMeant(v.R.PostFormValue("site"))
	if err != nil {
		return err
	}
	order := central.JobOrder{Kind: kind, Site: site}
	switch about := v.R.PostFormValue("about"); about {
	case "", "patients":
		order.Selection.Patients = true
	default:
		s, err := v.storeMeant(about)
		if err != nil {
			return err
		}
		order.Selection.Store = s.ID
	}
	_, records, err := c.Centre.StartJob(v.ctx(), v.User.Name, order, false)
	if err != nil {
		return err
	}
	n := 0
	for _, count := range records {
		n += count
	}
	v.tell("done", "jobs.started", "n", n)
	v.redirect("/jobs")
	return nil
}

// abortJob calls a job off.
func (c *console) abortJob(v *Visit) error {
	return c.settleJob(v, "jobs.aborted", func(id atoll.ID) error { return c.Centre.AbortJob(v.ctx(), v.User.Name, id) })
}

// abortMove calls a move off, while the store has not changed its site.
func (c *console) abortMove(v *Visit) error {
	return c.settleJob(v, "jobs.aborted", func(id atoll.ID) error { return c.Centre.AbortMove(v.ctx(), v.User.Name, id) })
}

// repeatMove asks the sites of a move again.
func (c *console) repeatMove(v *Visit) error {
	return c.settleJob(v, "jobs.again", func(id atoll.ID) error { return c.Centre.RepeatMove(v.ctx(), v.User.Name, id) })
}

func (c *console) settleJob(v *Visit, words string, act func(atoll.ID) error) error {
	id, err := atoll.ParseID(v.R.PathValue("job"))
	if err != nil {
		return atoll.Errorf(atoll.NotFound, "%.60q is no id of a job", v.R.PathValue("job"))
	}
	if err := act(id); err != nil {
		return err
	}
	v.tell("done", words)
	v.redirect("/jobs")
	return nil
}
