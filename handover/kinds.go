package handover

import (
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Desk makes proposals from one snapshot or transaction.
type Desk struct {
	R         storage.Reader
	T         *topology.Topology
	Catalogue *catalogue.Catalogue
	Now       time.Time
}

// Kinds are the steps that sites and centre take by themselves.
func Kinds(c *catalogue.Catalogue) []process.Kind {
	k := kinds{c}
	return []process.Kind{
		{Name: "move/report", Type: moveType, Answer: k.moveReport, Wakes: k.moveWakes},
		{Name: "move/advance", Type: reportType, Answer: k.moveAdvance},
		{Name: "job/mark", Type: markType, Answer: k.markReport},
		{Name: "job/advance", Type: reportType, Answer: k.jobAdvance},
		{Name: "job/answer", Type: jobType, Answer: k.jobAnswer},
	}
}

type kinds struct{ catalogue *catalogue.Catalogue }

func (k kinds) desk(c process.Case) Desk { return Desk{c.R, c.T, k.catalogue, c.Now} }

// What sites say about a move.
const (
	saidFrozen   = "frozen"   // nobody edits the store here any longer, and this is all there is
	saidReceived = "received" // all of it is here
)

// Awaits returns whose word a move waits for, and which.
func Awaits(m topology.Move) (site atoll.SiteID, word string, ok bool) {
	switch m.Step {
	case topology.Freeze:
		return m.From, saidFrozen, true
	case topology.Backfill:
		return m.To, saidReceived, true
	case topology.Moved, topology.Aborted:
	}
	return 0, "", false
}

// Hears reports whether a site's word, said for an attempt, is the one the move waits
// for. A word is believed from the site whose turn it is, and from no other; one for
// an earlier attempt is passed over, as a later was asked for.
func Hears(m topology.Move, by atoll.SiteID, word string, attempt int) bool {
	site, awaited, ok := Awaits(m)
	return ok && by == site && word == awaited && attempt == m.Attempt
}

// Switches returns the step of a move that gives the store to its new site. At the
// centre there is nothing to receive: the copy there is what was compared.
func Switches(m topology.Move, centre atoll.SiteID) topology.Step {
	if m.To == centre {
		return topology.Moved
	}
	return topology.Backfill
}

// moveReport is the part of the sites that a store leaves and goes to.
//
// The one it leaves says what it has. The law is in force there by then, and the
// report is in the journal behind every entry that the store's data ever got
// there: when the centre has the report, it has all of it (R-H-30 2 and 3).
//
// The one it goes to says that it has all of what the centre had when the store
// moved. Until then its answer is what is missing: an exception, which is asked
// again with each cycle (R-H-30 9).
func (k kinds) moveReport(c process.Case) ([]journal.Proposal, error) {
	m := topology.MoveFrom(c.Record.ID, c.Fields)
	by, word, ok := Awaits(m)
	if !ok || by != c.Site {
		return nil, nil
	}
	if is, err := said(c, c.Record.Key, word, m.Attempt); err != nil || is {
		return nil, err // what it holds now is no matter: the store may have been opened since
	}
	has, err := Selection{Store: m.Store, Owned: true}.Digest(c.R, k.catalogue)
	if err != nil {
		return nil, err
	}
	if word == saidReceived {
		want, err := tableOf(c.Fields, "digest")
		if err != nil {
			return nil, err
		}
		has, want = compared(k.catalogue, c.Fields, has), compared(k.catalogue, c.Fields, want)
		missing := has.Compare(want)
		if len(missing) > 0 {
			is, err := received(c)
			if err != nil {
				return nil, err
			}
			if is {
				return report(c, c.Record.Key, word, m.Attempt, want)
			}
			return nil, atoll.Errorf(atoll.HeldBehind, "%s cannot be opened yet: %s", c.Store(m.Store).Name, differences(missing, "here", "at the centre")).
				About(c.Record.Key).Do("synchronise; if this stays, compare the store at the centre with: atoll job verify")
		}
	}
	return report(c, c.Record.Key, word, m.Attempt, has)
}

// moveWakes has the documents between the store and others looked at on its new
// site: what others did while it was on its way was answered by nobody (R-D-46).
func (k kinds) moveWakes(c process.Case) (out []atoll.Key, err error) {
	m := topology.MoveFrom(c.Record.ID, c.Fields)
	if m.Step != topology.Moved || !c.Here(m.Store) {
		return nil, nil
	}
	for _, d := range k.catalogue.Types() {
		if d.Partner == "" || d.Class != catalogue.Store || slices.ContainsFunc(d.Fields, func(f catalogue.Field) bool { return f.Parent }) {
			continue
		}
		for _, field := range []string{d.Partner, d.Scope} {
			if f, ok := d.Field(field); !ok || !f.Index {
				continue
			}
			docs, err := c.R.Records(storage.Query{Type: d.Type, Where: map[string]string{field: string(m.Store)}})
			if err != nil {
				return nil, err
			}
			for _, doc := range docs {
				if doc.MustFields().Has(d.Partner) {
					out = append(out, doc.Key)
				}
			}
		}
	}
	return out, nil
}

// moveAdvance is the part of the centre: it takes the next step when a site has
// said what it needs to hear. What it finds wrong is an exception, which is asked
// again by itself.
func (k kinds) moveAdvance(c process.Case) ([]journal.Proposal, error) {
	key, ok := ParseKey(c.Fields.Text("about"))
	if !ok || key.Type != moveType || c.Site != c.T.Centre() {
		return nil, nil
	}
	rec, err := c.R.Record(key)
	if err != nil {
		return nil, nil //nolint:nilerr // a report about nothing says nothing
	}
	f, err := rec.Fields()
	if err != nil {
		return nil, err
	}
	m := topology.MoveFrom(key.ID, f)
	if !Hears(m, c.Record.Origin.Site, c.Fields.Text("step"), int(c.Fields.Int("attempt"))) {
		return nil, nil
	}
	told, err := tableOf(c.Fields, "data")
	if err != nil {
		return nil, err
	}
	if m.Step == topology.Freeze {
		return k.drained(c, m, f, told)
	}
	want, err := tableOf(f, "digest")
	if err != nil {
		return nil, err
	}
	if d := compared(k.catalogue, f, want).Compare(compared(k.catalogue, f, told)); len(d) > 0 {
		return nil, atoll.Errorf(atoll.HeldBehind, "site %d does not have what %s had when it moved: %s", m.To, c.Store(m.Store).Name,
			differences(d, "at the centre", "there")).About(key)
	}
	return []journal.Proposal{{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.
		Set("step", string(topology.Moved)).Set("ended_at", atoll.Stamp(c.Now))}}, nil
}

// drained moves the store when the centre has what the site it leaves has, to the
// byte, and nothing of that site waits in quarantine (R-H-30 3 and 4).
func (k kinds) drained(c process.Case, m topology.Move, f atoll.Fields, said digest.Table) ([]journal.Proposal, error) {
	key := atoll.Key{Type: moveType, ID: m.ID}
	why, err := c.Undrained(m.From, nil)
	if err != nil {
		return nil, err
	}
	if why != nil {
		return nil, why.About(key).Do("decide about them (atoll quarantine list), then: atoll move again %s", m.ID)
	}
	has, err := Selection{Store: m.Store, Owned: true}.Digest(c.R, k.catalogue)
	if err != nil {
		return nil, err
	}
	if d := has.Compare(said); len(d) > 0 {
		return nil, atoll.Errorf(atoll.HeldBehind, "the centre does not have what site %d has of %s: %s", m.From, c.Store(m.Store).Name,
			differences(d, "at the centre", "there")).About(key).Do("find the records with: atoll job verify; then: atoll move again %s", m.ID)
	}
	return k.desk(c).change(m.ID, atoll.Update, f)
}

// report is a site's word about a job, said once for each attempt. A site that was
// initialised again has not what it said, and says what is so now; what it said before
// stands at the centre under another id.
func report(c process.Case, about atoll.Key, step string, attempt int, data any) ([]journal.Proposal, error) {
	if is, err := said(c, about, step, attempt); err != nil || is {
		return nil, err
	}
	key := atoll.Key{Type: reportType, ID: atoll.DeriveID("job report", about.String(), step, count(attempt), c.Site.String(), atoll.Stamp(c.Now))}
	return []journal.Proposal{{Verb: atoll.Insert, Key: key, Fields: atoll.Fields{}.
		Set("about", about.String()).Set("step", step).Set("attempt", attempt).Set("site_number", c.Site).Set("data", data).
		Set("made_at", atoll.Stamp(c.Now))}}, nil
}

// said reports whether this site has said its word about a job, for that attempt.
func said(c process.Case, about atoll.Key, step string, attempt int) (bool, error) {
	all, err := c.R.Records(storage.Query{Type: reportType, Where: map[string]string{"about": about.String()}})
	return slices.ContainsFunc(all, func(r atoll.Record) bool {
		f := r.MustFields()
		return f.Text("step") == step && int(f.Int("attempt")) == attempt && atoll.SiteID(f.Int("site_number")) == c.Site
	}), err
}

// received reports whether this site has said before that it has what the store had when
// it moved: a centre that was restored may ask again, when the store has been worked in,
// here or there.
func received(c process.Case) (bool, error) {
	all, err := c.R.Records(storage.Query{Type: reportType, Where: map[string]string{"about": c.Record.String()}})
	return slices.ContainsFunc(all, func(r atoll.Record) bool {
		f := r.MustFields()
		return f.Text("step") == saidReceived && atoll.SiteID(f.Int("site_number")) == c.Site
	}), err
}
