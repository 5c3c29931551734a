package handover

import (
	"encoding/json"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
)

// The kinds of job.
const (
	Resync = "resync" // the centre sends a site records again (R-H-42)
	Resend = "resend" // a site sends the centre its records again (R-H-28)
	Verify = "verify" // both compare what they hold, without sending it (R-H-44)
	// Primary changes who edits central data: from the centre to a site, which makes
	// the system a mirrored one, or back (R-H-50).
	Primary = "primary"
)

// The steps of jobs.
const (
	Listing = "listing" // the centre gathers what is to be sent
	Closing = "closing" // nobody edits central data; both ends are compared
	Sending = "sending" // it is on its way
	Types   = "types"   // the site is asked for a digest of each type
	Ranges  = "ranges"  // … of the ranges of types that differ
	Rows    = "rows"    // … for the rows of ranges that differ
	Done    = "done"
	Stopped = "aborted"
)

// Open reports whether a job at the step is under way.
func Open(step string) bool { return step != Done && step != Stopped }

// saidDone is a site's word that its part of a job is done.
const saidDone = "done"

// markReport is the part of a site that was sent records again: it has the mark,
// which came last, so it has them all.
func (k kinds) markReport(c process.Case) ([]journal.Proposal, error) {
	if c.Site == c.T.Centre() {
		return nil, nil
	}
	about := atoll.Key{Type: jobType, ID: c.Fields.ID("job_id")}
	return report(c, about, saidDone, 1, map[string]int64{"records": c.Fields.Int("records")})
}

// SayDone returns a site's word that it has sent what the job asks for.
func SayDone(r storage.Reader, site atoll.SiteID, job atoll.ID, records int, d Desk) ([]journal.Proposal, error) {
	c := process.Case{R: r, T: d.T, Now: d.Now, Site: site}
	return report(c, atoll.Key{Type: jobType, ID: job}, saidDone, 1, map[string]int{"records": records})
}

// jobAdvance is the part of the centre: it hears a site and asks on.
func (k kinds) jobAdvance(c process.Case) ([]journal.Proposal, error) {
	key, ok := ParseKey(c.Fields.Text("about"))
	if !ok || key.Type != jobType || c.Site != c.T.Centre() {
		return nil, nil
	}
	job, err := c.R.Record(key)
	if err != nil {
		return nil, nil //nolint:nilerr // a report about nothing says nothing
	}
	f, err := job.Fields()
	if err != nil {
		return nil, err
	}
	step := f.Text("step")
	if int64(c.Record.Origin.Site) != f.Int("site_id") || !Open(step) {
		return nil, nil
	}
	switch kind, said := f.Text("kind"), c.Fields.Text("step"); {
	case (kind == Resync || kind == Resend) && said == saidDone && step == Sending:
		return end(c, key, atoll.Fields{}.Set("result", c.Fields["data"])), nil
	case kind == Verify && said == step:
		return k.compare(c, job, f)
	case kind == Primary:
		return k.primaryAdvance(c, job, f)
	}
	return nil, nil
}

func end(c process.Case, job atoll.Key, f atoll.Fields) []journal.Proposal {
	f.Set("step", Done).Set("ended_at", atoll.Stamp(c.Now))
	return []journal.Proposal{{Verb: atoll.Update, Key: job, Fields: f}}
}

// Question is what a site is asked about what it holds.
type Question struct {
	// Types are those whose ranges are asked for; Ranges those whose rows are.
	Types  []atoll.Type         `json:"types,omitempty"`
	Ranges map[atoll.Type][]int `json:"ranges,omitempty"`
}

// rangeTable holds digests of ranges of types; empty ranges are left out.
type rangeTable map[atoll.Type]map[int]digest.Sum

// rowTable holds the checksums of records, by id.
type rowTable map[atoll.Type]map[atoll.ID]string

// jobAnswer is the part of the site: it answers what a comparison asks.
func (k kinds) jobAnswer(c process.Case) ([]journal.Proposal, error) {
	if c.Fields.Int("site_id") != int64(c.Site) {
		return nil, nil
	}
	switch c.Fields.Text("kind") {
	case Primary:
		return k.primaryAnswer(c)
	case Verify:
	default:
		return nil, nil
	}
	s, err := SelectionOf(c.Fields)
	if err != nil {
		return nil, err
	}
	q, err := questionOf(c.Fields)
	if err != nil {
		return nil, err
	}
	each := func(fn func(atoll.Record)) error {
		return s.Each(c.R, k.catalogue, func(d *catalogue.Def, r atoll.Record) error {
			if !route.Stays(c.T, d, r.MustFields()) { // the centre does not have it
				fn(r)
			}
			return nil
		})
	}
	var data any
	switch step := c.Fields.Text("step"); step {
	case Types:
		data, err = typesOf(each)
	case Ranges:
		data, err = rangesOf(q, each)
	case Rows:
		data, err = rowsOf(q, each)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return report(c, c.Record.Key, c.Fields.Text("step"), 1, data)
}

func questionOf(f atoll.Fields) (q Question, err error) {
	if !f.Has("question") {
		return q, nil
	}
	if err := json.Unmarshal(f["question"], &q); err != nil {
		return q, atoll.Errorf(atoll.Invalid, "the question cannot be read: %w", err).On("question")
	}
	return q, nil
}

type walk func(fn func(atoll.Record)) error

func typesOf(each walk) (digest.Table, error) {
	t := digest.Table{}
	return t, each(t.Add)
}

func rangesOf(q Question, each walk) (rangeTable, error) {
	out := rangeTable{}
	for _, t := range q.Types {
		out[t] = map[int]digest.Sum{}
	}
	return out, each(func(r atoll.Record) {
		if in, ok := out[r.Type]; ok {
			n := digest.Range(r.ID)
			s := in[n]
			s.Add(digest.Of(r))
			in[n] = s
		}
	})
}

func rowsOf(q Question, each walk) (rowTable, error) {
	out, wanted := rowTable{}, map[atoll.Type]map[int]bool{}
	for t, ranges := range q.Ranges {
		out[t], wanted[t] = map[atoll.ID]string{}, map[int]bool{}
		for _, n := range ranges {
			wanted[t][n] = true
		}
	}
	return out, each(func(r atoll.Record) {
		if in, ok := out[r.Type]; ok && wanted[r.Type][digest.Range(r.ID)] {
			in[r.ID] = digest.Of(r).Short()
		}
	})
}
