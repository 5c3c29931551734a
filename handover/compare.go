package handover

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/topology"
)

// Due returns a walk over the selected records that the site should hold, as this
// database, the centre's, has them; with those that were deleted if all.
func Due(d Desk, s Selection, site atoll.SiteID, all bool, fn func(atoll.Record) error) error {
	entitled := map[atoll.Audience]bool{}
	for _, a := range d.T.Subscription(site) {
		entitled[a] = true
	}
	return s.each(d.R, d.Catalogue, all, func(_ *catalogue.Def, r atoll.Record) error {
		if !slices.ContainsFunc(r.Audiences, func(a atoll.Audience) bool { return entitled[a] }) {
			return nil
		}
		return fn(r)
	})
}

// Comparable says whether what the selection selects can be compared, or sent
// again: both ends must hold it by the same rule.
func Comparable(d Desk, s Selection, site atoll.SiteID) error {
	for _, t := range s.Types {
		def, ok := d.Catalogue.Lookup(t)
		if !ok {
			continue // Check has said so
		}
		switch def.Route {
		case catalogue.ToCentre, catalogue.ToMessage, catalogue.ToNobody:
			return atoll.Errorf(atoll.Rule, "a %s is held by the site that made it and the centre only", def.Title).Because("compare.held", "type", t)
		case catalogue.ToAll, catalogue.ToDispensary, catalogue.ToInstances, catalogue.ToStore, catalogue.ToActive, catalogue.ToName, catalogue.ToPatient:
		}
	}
	if s.Store == "" {
		return nil
	}
	if in := d.T.Instance(s.Store, site); in.Type != topology.Active && in.Type != topology.Collector {
		return atoll.Errorf(atoll.Rule, "site %d has no copy of the store's data", site).On("store").Because("compare.copy", "site", site)
	}
	if st, _ := d.T.Store(s.Store); st.ManagedOnly {
		return atoll.Errorf(atoll.Rule, "data of %s stays at its site, so the centre has nothing of it", st.Name).On("store").Because("compare.stays", "store", st.Name)
	}
	return nil
}

// Differing is a record that is not the same on both ends.
type Differing struct {
	Record string `json:"record"` // "type/id"
	// Here and There tell whether the centre and the site have it.
	Here  bool `json:"here"`
	There bool `json:"there"`
}

// Result is what a comparison found.
type Result struct {
	Records int `json:"records"` // compared, at the centre
	// Changing is how many records differed that changed while they were compared:
	// they are on their way, and left out.
	Changing int `json:"changing,omitempty"`
	// Rows are the records that differ, up to 500; More says that there are more.
	Rows []Differing `json:"rows,omitempty"`
	More bool        `json:"more,omitempty"`
}

// Bounds on one comparison: a report is one record.
const (
	maxAsked = 8000 // rows
	maxNamed = 500
)

// compare looks at what the site said, and asks on where it differs: of types for
// ranges, of ranges for rows (R-H-44). The site answered from a state in which it
// had everything up to the question itself, and its own changes up to the answer
// are here; so what changed here since the question is on its way, and no
// difference.
func (k kinds) compare(c process.Case, job atoll.Record, f atoll.Fields) ([]journal.Proposal, error) {
	s, err := SelectionOf(f)
	if err != nil {
		return nil, err
	}
	q, err := questionOf(f)
	if err != nil {
		return nil, err
	}
	site := atoll.SiteID(f.Int("site_id"))
	positions := map[atoll.Key]atoll.Position{}
	each := func(fn func(atoll.Record)) error {
		return Due(k.desk(c), s, site, false, func(r atoll.Record) error { positions[r.Key] = r.Position; fn(r); return nil })
	}
	ask := func(step string, q Question) []journal.Proposal {
		return []journal.Proposal{{Verb: atoll.Update, Key: job.Key, Fields: atoll.Fields{}.Set("step", step).Set("question", q)}}
	}
	switch f.Text("step") {
	case Types:
		said, err := tableOf(c.Fields, "data")
		if err != nil {
			return nil, err
		}
		has, err := typesOf(each)
		if err != nil {
			return nil, err
		}
		next := Question{}
		for _, d := range has.Compare(said) {
			next.Types = append(next.Types, d.Type)
		}
		if len(next.Types) == 0 {
			return end(c, job.Key, atoll.Fields{}.Set("result", Result{Records: has.Count()}).Set("records", has.Count())), nil
		}
		out := ask(Ranges, next)
		out[0].Fields.Set("records", has.Count())
		return out, nil
	case Ranges:
		var said rangeTable
		if err := json.Unmarshal(c.Fields["data"], &said); err != nil {
			return nil, atoll.Errorf(atoll.Invalid, "the site's answer cannot be read: %w", err)
		}
		has, err := rangesOf(q, each)
		if err != nil {
			return nil, err
		}
		return ask(Rows, apart(has, said)), nil
	case Rows:
		var said rowTable
		if err := json.Unmarshal(c.Fields["data"], &said); err != nil {
			return nil, atoll.Errorf(atoll.Invalid, "the site's answer cannot be read: %w", err)
		}
		has, err := rowsOf(q, each)
		if err != nil {
			return nil, err
		}
		res := Result{Records: int(f.Int("records")), More: len(q.Types) > 0}
		name(&res, has, said, func(key atoll.Key) bool { return k.changed(c, key, positions, job.Position) })
		return end(c, job.Key, atoll.Fields{}.Set("result", res)), nil
	}
	return nil, nil
}

// changed reports whether the record changed here after the question was asked.
func (k kinds) changed(c process.Case, key atoll.Key, due map[atoll.Key]atoll.Position, asked atoll.Position) bool {
	at, ok := due[key]
	if !ok {
		rec, err := c.R.Record(key) // deleted since, perhaps
		if err != nil {
			return false
		}
		at = rec.Position
	}
	return at > asked
}

// apart returns the ranges that differ, as many as one answer can hold. Types is
// set when there are more.
func apart(has, said rangeTable) Question {
	out := Question{Ranges: map[atoll.Type][]int{}}
	rows := 0
	for _, t := range slices.Sorted(maps.Keys(has)) {
		for n := range digest.Ranges {
			a, b := has[t][n], said[t][n]
			if a == b {
				continue
			}
			if rows += max(a.Count, b.Count); rows > maxAsked && len(out.Ranges) > 0 {
				out.Types = append(out.Types, t)
				return out
			}
			out.Ranges[t] = append(out.Ranges[t], n)
		}
	}
	return out
}

// name fills in the records that differ.
func name(res *Result, has, said rowTable, changing func(atoll.Key) bool) {
	kinds := maps.Clone(has)
	maps.Copy(kinds, said)
	for _, t := range slices.Sorted(maps.Keys(kinds)) {
		ids := map[atoll.ID]bool{}
		for id := range has[t] {
			ids[id] = true
		}
		for id := range said[t] {
			ids[id] = true
		}
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			a, here := has[t][id]
			b, there := said[t][id]
			key := atoll.Key{Type: t, ID: id}
			switch {
			case a == b:
			case changing(key):
				res.Changing++
			case len(res.Rows) >= maxNamed:
				res.More = true
			default:
				res.Rows = append(res.Rows, Differing{key.String(), here, there})
			}
		}
	}
}

// Place is where a walk goes on: behind a record, in reference order of types and
// then by id.
type Place struct {
	Type  atoll.Type
	After atoll.ID
}

// DueAfter is Due, with tombstones, from a place on.
func DueAfter(d Desk, s Selection, site atoll.SiteID, from Place, fn func(atoll.Record) error) error {
	s.from = from
	return Due(d, s, site, true, fn)
}
