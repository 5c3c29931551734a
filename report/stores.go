package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// Standing is how far a store can be reported on in a database.
type Standing string

// The standings.
const (
	Own         Standing = "own"          // active here: the present
	Copy        Standing = "copy"         // a collector copy: as of the last exchange
	NoData      Standing = "no_data"      // its transactions stay at its site (R-B-94)
	ManagedOnly Standing = "managed_only" // no central copy (R-C-93)
	Stale       Standing = "stale"        // a copy that is not kept up any more (R-C-21)
	NoCopy      Standing = "no_copy"      // it only trades with stores here (R-J-07)
)

// reported reports whether rows of the store may be in an answer.
func (s Standing) reported() bool { return s == Own || s == Copy || s == NoData }

// recorded reports whether the store's own records are here, and kept up.
func (s Standing) recorded() bool { return s == Own || s == Copy }

// Freshness says how fresh a store's part of an answer is (R-J-06).
type Freshness struct {
	Store    atoll.ID     `json:"store_id"`
	Code     string       `json:"code"`
	Name     string       `json:"name"`
	Site     atoll.SiteID `json:"site"` // where it is active
	Standing Standing     `json:"standing"`
	// Reported says whether the answer has rows of it.
	Reported bool `json:"reported"`
	// LastSync is when everything its site had to say was here, as far as is known;
	// zero for never. Of a store that is active here it is the moment of the answer.
	LastSync time.Time `json:"last_sync,omitzero"`
	// StaleSince is when the copy ceased to be kept up.
	StaleSince time.Time `json:"stale_since,omitzero"`
	Disabled   bool      `json:"disabled,omitempty"`
	Words      string    `json:"words"`
}

// asked is a question with its stores found.
type asked struct {
	Question
	stores map[atoll.ID]topology.Store // to be reported on
	all    bool                        // these are all that can be
	family []atoll.ID                  // the item asked for, and those merged into it
	fresh  []Freshness
}

// Fresh returns how every store stands here, by code.
func (d Desk) Fresh() ([]Freshness, error) {
	stale, err := d.stale()
	if err != nil {
		return nil, err
	}
	var out []Freshness
	for _, s := range d.T.Stores() {
		f, err := d.fresh(s, stale)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Freshness) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Store, b.Store)) })
	return out, nil
}

func (d Desk) fresh(s topology.Store, stale map[atoll.ID]time.Time) (Freshness, error) {
	f := Freshness{Store: s.ID, Code: s.Code, Name: s.Name, Site: s.Site, Disabled: s.Disabled}
	kind := d.T.Instance(s.ID, d.Here).Type
	since, was := stale[s.ID]
	switch {
	case kind == topology.Active:
		f.Standing, f.LastSync, f.Words = Own, d.Now, "active here"
	case s.ManagedOnly && d.Here == d.T.Centre():
		f.Standing, f.Words = ManagedOnly, "managed only, no central copy"
	case kind == topology.Collector && s.Excluded:
		f.Standing = NoData
	case kind == topology.Collector:
		f.Standing = Copy
	case was:
		f.Standing, f.StaleSince, f.Words = Stale, since, "not kept up since "+since.UTC().Format(time.DateOnly)
	default:
		f.Standing, f.Words = NoCopy, "no copy of its data here"
	}
	f.Reported = f.Standing.reported()
	if d.LastSync == nil || f.Standing != Copy && f.Standing != NoData {
		return f, nil
	}
	var err error
	if f.LastSync, err = d.LastSync(s.Site); err != nil {
		return f, err
	}
	f.Words = "never synchronised"
	if !f.LastSync.IsZero() {
		f.Words = "as of " + f.LastSync.UTC().Format(time.RFC3339)
	}
	if f.Standing == NoData {
		f.Words = "no transaction data: its transactions stay at its site"
	}
	return f, nil
}

// stale returns the stores of which a copy was kept here, and since when it is
// not.
func (d Desk) stale() (map[atoll.ID]time.Time, error) {
	out := map[atoll.ID]time.Time{}
	q := storage.RowQuery{Type: "store_choice", Fields: []string{"store_id", "choice", "chosen_at"}, Where: map[string]string{"site_id": d.Here.String()}}
	return out, d.R.Rows(q, func(r storage.Row) error {
		if at, err := time.Parse(time.RFC3339, r.Text(2)); err == nil && r.Text(1) == "transfer" {
			out[atoll.ID(r.Text(0))] = at
		}
		return nil
	})
}

// choose finds the stores of a question.
func (d Desk) choose(q Question) (*asked, error) {
	all, err := d.Fresh()
	if err != nil {
		return nil, err
	}
	a := &asked{Question: q, stores: map[atoll.ID]topology.Store{}, all: len(q.Stores) == 0 && len(q.Only) == 0}
	known := map[atoll.ID]bool{}
	for _, f := range all {
		known[f.Store] = true
		if len(q.Stores) > 0 && !slices.Contains(q.Stores, f.Store) {
			continue
		}
		if len(q.Only) > 0 && !slices.Contains(q.Only, f.Store) {
			if len(q.Stores) > 0 {
				return nil, atoll.Errorf(atoll.Denied, "you do not see %s", f.Name)
			}
			continue
		}
		if len(q.Stores) > 0 && !f.Reported {
			return nil, atoll.Errorf(atoll.NotHere, "%s cannot be reported on here: %s", f.Name, f.Words).Do("%s", advice(f))
		}
		a.fresh = append(a.fresh, f)
		if f.Reported {
			a.stores[f.Store], _ = d.T.Store(f.Store)
		}
	}
	for _, id := range q.Stores {
		if !known[id] {
			return nil, atoll.Errorf(atoll.NotFound, "there is no store %s here", id).Do("list them with: atoll store list")
		}
	}
	if q.Item != "" {
		if a.family, err = survivor.Family(d.R, atoll.Key{Type: "item", ID: q.Item}); err != nil {
			return nil, err
		}
		a.Item = a.family[0]
	}
	return a, nil
}

func advice(f Freshness) string {
	switch f.Standing {
	case Stale:
		return "make it a collector copy again with: atoll store collect"
	case ManagedOnly:
		return "ask at its site, or let the centre keep a copy: atoll store collect"
	default:
		return fmt.Sprintf("ask at site %s, or at the central server", f.Site)
	}
}

// has reports whether rows of the store are in the answer.
func (a *asked) has(store atoll.ID) bool { _, ok := a.stores[store]; return ok }

// noted says of stores whose numbers are not the whole truth what they are.
func (a *asked) noted(t *Table) {
	for _, f := range a.fresh {
		switch {
		case f.Standing == NoData:
			t.Notes = append(t.Notes, fmt.Sprintf("%s: %s", f.Code, f.Words))
		case !f.Reported:
			t.Notes = append(t.Notes, fmt.Sprintf("%s is not in this report: %s", f.Code, f.Words))
		}
	}
}
