// Package merge makes one record of two, and two again: who may, what changes
// with it on each site, and the journal from which it is undone.
//
// A merge is a change of one record: its status becomes merged and it says into
// which other. From then on everything that reads resolves it (package survivor),
// and each site re-points the rows that it owns itself, when it hears of it: the
// initiating site in the same transaction, the others by a kind of answer. In
// whatever order merges and rows arrive, what a site does follows from what it
// has, so the end is the same.
//
// The room is driven by the catalogue: which types may be merged, which fields
// name them, and which rows are joins.
package merge

import (
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

const (
	// first is how many rows the merge's own transaction re-points (R-E-10). An entry
	// has a limit (atoll.MaxOperations), and while it is written nobody else can
	// write, so a merge with more rows leaves the rest to the processors, which begin
	// when the transaction is done. Until they are, reading resolves the rows.
	first = 5000
	// batch is how many rows a processor re-points in one transaction.
	batch = 500
	// page is how many rows one record of the merge journal tells of.
	page = 1000
	// Days is for how long a merge can be undone unless the preference says otherwise
	// (R-E-50).
	Days = 30
	// Preference is the key of that preference.
	Preference = "merge_undo_days"
)

// The kinds of cause of the entries that merges make. The reference names both
// records: "item/<merged> into <survivor>".
const (
	Cause     = "merge"
	UndoCause = "unmerge"
)

// Desk turns wishes into proposals, from one snapshot or transaction of a site.
type Desk struct {
	R         storage.Reader
	T         *topology.Topology
	Now       time.Time
	Site      atoll.SiteID
	Catalogue *catalogue.Catalogue
}

// Reference is how causes and messages name a merge.
func Reference(from atoll.Key, into atoll.ID) string { return from.String() + " into " + string(into) }

// mergeable refuses types whose records are not merged.
func mergeable(c *catalogue.Catalogue, t atoll.Type) error {
	if d, ok := c.Lookup(t); ok && d.Merge != catalogue.NoMerge {
		return nil
	}
	var names []string
	for _, d := range c.Types() {
		if d.Merge != catalogue.NoMerge {
			names = append(names, string(d.Type))
		}
	}
	return atoll.Errorf(atoll.Invalid, "records of type %q are not merged", t).On("type").Do("types that are: %s", strings.Join(names, ", "))
}

// Wish is what somebody wants who merges: the change of the merged record itself.
func Wish(t atoll.Type, from, into atoll.ID) journal.Proposal {
	return journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: t, ID: from}, Fields: atoll.Fields{}.Set("status", survivor.Merged).Set("merged_into", into)}
}

// Merge returns the changes by which the first record is merged into the second:
// of itself, and of the rows that name it and are owned here, up to a bound. Two
// items with different units, or vaccine settings, are merged only when confirmed
// (R-E-05). Who may, and what may not be merged, is said by Rules.
func (d Desk) Merge(t atoll.Type, from, into atoll.ID, confirmed bool) ([]journal.Proposal, error) {
	if err := mergeable(d.Catalogue, t); err != nil {
		return nil, err
	}
	key, to := atoll.Key{Type: t, ID: from}, atoll.Key{Type: t, ID: into}
	old, err := d.fields(key)
	if err != nil {
		return nil, err
	}
	kept, err := d.fields(to)
	if err != nil {
		return nil, err
	}
	if !confirmed && from != into {
		if err := d.alike(key, old, kept); err != nil {
			return nil, err
		}
	}
	itself := Wish(t, from, into)
	itself.Fields.Set("merged_at", stamp(d.Now))
	out := []journal.Proposal{itself}
	if from == into {
		return out, nil // the laws will say why not
	}
	rows, err := d.repoint([]atoll.Key{key, to}, first)
	return append(out, rows...), err
}

// alike refuses items that are not counted in the same way, unless confirmed.
func (d Desk) alike(key atoll.Key, old, kept atoll.Fields) error {
	if key.Type != "item" {
		return nil
	}
	unit := func(f atoll.Fields) (atoll.ID, error) {
		k, err := survivor.Of(d.R, atoll.Key{Type: "unit", ID: f.ID("unit_id")})
		return k.ID, err
	}
	a, err := unit(old)
	if err != nil {
		return err
	}
	b, err := unit(kept)
	if err != nil {
		return err
	}
	what := ""
	switch {
	case a != b:
		what = "unit"
	case old.Bool("is_vaccine", false) != kept.Bool("is_vaccine", false):
		what = "vaccine setting"
	case old.Int("doses") != kept.Int("doses"):
		what = "number of doses"
	default:
		return nil
	}
	return atoll.Errorf(atoll.Rule, "the two items differ in their %s; quantities of one would be read as the other's", what).
		About(key).Do("compare them, and confirm if they are the same all the same").Because("merge.unalike")
}

func (d Desk) fields(key atoll.Key) (atoll.Fields, error) {
	r, there, err := journal.View{RecordReader: d.R}.Record(key)
	if err != nil {
		return nil, err
	}
	if !there || r.Deleted {
		return nil, atoll.Errorf(atoll.NotFound, "there is no such record").About(key)
	}
	return r.Fields()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// owner returns the site that may write the record, 0 if that is not known here.
func (d Desk) owner(def *catalogue.Def, key atoll.Key, f atoll.Fields) atoll.SiteID {
	s, err := admit.SubjectOf(journal.View{RecordReader: d.R}, def, key, f)
	if err != nil {
		return 0
	}
	o, err := authority.OwnerOf(d.T, s, d.Site)
	if err != nil {
		return 0
	}
	return o.Site
}

// Window returns for how long after a merge it can be undone.
func Window(t *topology.Topology) time.Duration {
	days := atoll.Fields{"days": t.Preference(Preference)}.Int("days")
	if days <= 0 {
		days = Days
	}
	return time.Duration(days) * 24 * time.Hour
}

// MergedAt returns when the record was merged, by the clock of the site that did.
func MergedAt(f atoll.Fields) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, f.Text("merged_at"))
	return t, err == nil
}
