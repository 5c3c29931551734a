package central

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// SystemKey is the key of the one record that tells every site its place.
var SystemKey = atoll.Key{Type: "system", ID: atoll.DeriveID("system")}

// errPreview undoes a transaction that was only tried.
var errPreview = errors.New("preview")

// Preview says what a change of configuration will start and stop (R-C-24).
type Preview struct {
	Changes []topology.Change `json:"changes"`
	// Records is how many records of the stores concerned will start or stop
	// flowing, by store.
	Records map[atoll.ID]int `json:"records,omitempty"`
	// Warnings must be confirmed by a person before the change is made (R-C-94).
	Warnings []string `json:"warnings,omitempty"`
}

// Configuration is one change of the configuration: it returns the proposals for
// one transaction, after checking that the change is possible.
type Configuration func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error)

// Configure makes a change of configuration at the centre, and returns the
// instances that changed with it. What follows (records that start or stop
// flowing) happens by itself, with the sites' next exchanges (R-C-09).
func (c *Centre) Configure(ctx context.Context, actor string, change Configuration) (Preview, error) {
	return c.configure(ctx, actor, atoll.Cause{Kind: "user"}, change, false)
}

// Try is Configure without making the change.
func (c *Centre) Try(ctx context.Context, actor string, change Configuration) (Preview, error) {
	return c.configure(ctx, actor, atoll.Cause{Kind: "user"}, change, true)
}

func (c *Centre) configure(ctx context.Context, actor string, cause atoll.Cause, change Configuration, try bool) (Preview, error) {
	var p Preview
	if err := c.Flush(ctx); err != nil { // so that what is known of the sites is up to date
		return p, err
	}
	err := c.commits.do(ctx, func(tx storage.Tx) error {
		before, err := c.Door.Topology(tx)
		if err != nil {
			return err
		}
		do, err := change(tx, before)
		if err != nil {
			return err
		}
		c.sign(actor, do)
		if !try {
			if err := c.locked(tx, actor, do); err != nil {
				return err
			}
		}
		if _, err := c.Door.Write(tx, journal.Edit{Actor: actor, Cause: cause, Do: do}); err != nil {
			return err
		}
		after, err := c.Door.Topology(tx)
		if err != nil {
			return err
		}
		p = Preview{Changes: topology.Diff(before, after), Records: map[atoll.ID]int{}, Warnings: warnings(before, after)}
		if err := c.forgetChoices(tx, actor, p.Changes); err != nil {
			return err
		}
		if !try {
			return nil
		}
		if p.Records, err = counts(tx, p.Changes); err != nil {
			return err
		}
		return errPreview
	})
	if errors.Is(err, errPreview) {
		return p, nil
	}
	if errors.Is(err, errLocked) {
		lerr := c.commits.do(ctx, func(tx storage.Tx) error { return c.logLock(tx, actor, "refused") })
		return p, errors.Join(err, lerr)
	}
	if err == nil && c.Admitted != nil {
		c.Admitted(ctx)
	}
	return p, err
}

// sign notes in choices who made them and when, and in stores since when they are
// there.
func (c *Centre) sign(actor string, do []journal.Proposal) {
	for _, p := range do {
		if p.Key.Type == "store_choice" && p.Fields != nil {
			p.Fields.Set("chosen_by", actor).Set("chosen_at", c.Now().UTC().Format(time.RFC3339Nano))
		}
		if p.Key.Type == "store" && p.Verb == atoll.Insert && !p.Fields.Has("created_date") {
			p.Fields.Set("created_date", c.Now().UTC().Format(time.DateOnly)) // R-D-45
		}
	}
}

// forgetChoices clears what was chosen for instances that are no more: a store
// that becomes visible again is a transfer store, not a collector (R-C-12,
// R-C-13).
func (c *Centre) forgetChoices(tx storage.Tx, actor string, changes []topology.Change) error {
	var do []journal.Proposal
	for _, ch := range changes {
		if ch.From != topology.Collector || ch.To != topology.None {
			continue
		}
		key := collectorKey(ch.Store, ch.Site)
		if _, err := tx.Record(key); err == nil {
			do = append(do, journal.Proposal{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.Set("choice", "transfer")})
		}
	}
	if len(do) == 0 {
		return nil
	}
	c.sign(actor, do)
	_, err := c.Door.Write(tx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "process/visibility"}, Do: do})
	return err
}

func collectorKey(store atoll.ID, site atoll.SiteID) atoll.Key {
	return atoll.Key{Type: "store_choice", ID: atoll.DeriveID("collector", string(store), site.String())}
}

// counts is how many records of each store that becomes something else there are.
func counts(r storage.FeedReader, changes []topology.Change) (map[atoll.ID]int, error) {
	out := map[atoll.ID]int{}
	for _, ch := range changes {
		if _, counted := out[ch.Store]; counted {
			continue
		}
		n, err := countAudience(r, atoll.StoreAudience(ch.Store))
		if err != nil {
			return nil, err
		}
		out[ch.Store] = n
	}
	return out, nil
}

func countAudience(r storage.FeedReader, a atoll.Audience) (n int, err error) {
	for after := atoll.Position(0); ; {
		lines, err := r.Feed(a, after, 0, 1000)
		if err != nil || len(lines) == 0 {
			return n, err
		}
		for _, l := range lines {
			after = l.Position
			if !l.Gone {
				n++
			}
		}
	}
}

// AddStore makes a store, active on the centre until it is assigned (R-C-23).
func AddStore(id atoll.ID, code, name string, dispensary bool) Configuration {
	return func(_ storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		if code == "" || name == "" {
			return nil, atoll.Errorf(atoll.Invalid, "a store needs a code and a name")
		}
		for _, s := range t.Stores() {
			if s.Code == code {
				return nil, atoll.Errorf(atoll.Exists, "store %s has the code %s already", s.Name, code).On("code")
			}
		}
		mode := "store"
		if dispensary {
			mode = "dispensary"
		}
		return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: "store", ID: id}, Fields: atoll.Fields{}.
			Set("code", code).Set("name", name).Set("mode", mode).Set("site_id", t.Centre()).Set("include_transactions", true)}}, nil
	}
}

// Assign makes a store that is active on the centre active on a site (R-H-04,
// R-C-110). Its ownership epoch rises. One with suggested orders does not go to a
// mobile site (R-H-05).
func Assign(store atoll.ID, site atoll.SiteID) Configuration {
	return func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		if err := t.CheckActivate(store, site); err != nil {
			return nil, err
		}
		s, _ := t.Store(store)
		if s.Site == site {
			return nil, nil
		}
		if to, _ := t.Site(site); to.Kind == topology.Mobile {
			if err := noSuggested(r, s); err != nil {
				return nil, err
			}
		}
		return update("store", store, atoll.Fields{}.Set("site_id", site).Set("epoch", s.Epoch+1)), nil
	}
}

// noSuggested refuses a store whose orders to its suppliers are only suggested, and
// lists them: the mobile client cannot go on with them.
func noSuggested(r storage.Reader, s topology.Store) error {
	open, err := r.Records(storage.Query{Type: "requisition", Where: map[string]string{
		"store_id": string(s.ID), "kind": documents.Request, "status": documents.Suggested,
	}})
	if err != nil || len(open) == 0 {
		return err
	}
	var list []string
	for _, rec := range open {
		f := rec.MustFields()
		if documents.Unnumbered(f) {
			list = append(list, string(rec.ID))
			continue
		}
		list = append(list, f.Number("number"))
	}
	return atoll.Errorf(atoll.Rule, "store %s has suggested supplier requisitions, which a mobile site cannot go on with: %s", s.Name, strings.Join(list, ", ")).
		Do("delete or finalise them first").Because("mobile.suggested", "store", s.Name)
}

// MakeVisible makes two stores visible to each other, or no longer (R-A-07).
func MakeVisible(a, b atoll.ID, visible bool) Configuration {
	return func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		if err := t.CheckVisible(a, b); err != nil {
			return nil, err
		}
		rows, err := r.Records(storage.Query{Type: "name_store_join", Where: map[string]string{"store_id": string(a)}})
		if err != nil {
			return nil, err
		}
		other, _ := t.Store(b)
		for _, row := range rows {
			f := row.MustFields()
			if f.ID("partner_store_id") == b || f.ID("name_id") == other.NameID {
				if visible {
					return update(row.Type, row.ID, atoll.Fields{}.Set("inactive", false)), nil
				}
				return update(row.Type, row.ID, atoll.Fields{}.Set("inactive", true)), nil
			}
		}
		if !visible {
			return nil, nil
		}
		id, err := topology.FreeJoinID(a, b, func(id atoll.ID) (bool, error) {
			_, there, err := viewOf(r).Record(atoll.Key{Type: "name_store_join", ID: id})
			return there, err
		})
		if err != nil {
			return nil, err
		}
		return []journal.Proposal{{
			Verb: atoll.Insert, Key: atoll.Key{Type: "name_store_join", ID: id},
			Fields: atoll.Fields{}.Set("store_id", a).Set("name_id", other.NameID).Set("partner_store_id", b).
				Set("is_customer", true).Set("is_supplier", true),
		}}, nil
	}
}

// Collect keeps a collector copy of the store on the site, or no longer (R-C-14).
func Collect(store atoll.ID, site atoll.SiteID, collect bool) Configuration {
	return func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		key := collectorKey(store, site)
		rec, err := r.Record(key)
		there := err == nil
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return nil, err
		}
		if there && !rec.Deleted && (rec.MustFields().Text("choice") == "collector") == collect {
			return nil, nil // chosen already
		}
		if !collect {
			if !there {
				return nil, nil
			}
			return update(key.Type, key.ID, atoll.Fields{}.Set("choice", "transfer")), nil
		}
		if err := t.CheckCollector(store, site); err != nil {
			return nil, err
		}
		fields := atoll.Fields{}.Set("store_id", store).Set("site_id", site).Set("choice", "collector")
		if there && !rec.Deleted {
			return update(key.Type, key.ID, fields), nil
		}
		return []journal.Proposal{{Verb: atoll.Insert, Key: key, Fields: fields}}, nil
	}
}

// MakePrimary makes a site the one that edits central data (R-A-01). There is one
// field for it, so there is never a second.
func MakePrimary(site atoll.SiteID) Configuration {
	return func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		if _, ok := t.Site(site); !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no site %d", site)
		}
		system, err := r.Record(SystemKey)
		if err != nil || site == t.Primary() {
			return nil, err
		}
		epoch := system.MustFields().Int("epoch") + 1
		return update(SystemKey.Type, SystemKey.ID, atoll.Fields{}.Set("primary", site).Set("epoch", epoch)), nil
	}
}

// SetKind changes the type of a site (R-H-06, R-C-112).
func SetKind(site atoll.SiteID, kind topology.Kind) Configuration {
	return func(_ storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		s, ok := t.Site(site)
		if !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no site %d", site)
		}
		if err := t.CheckKind(site, kind); err != nil {
			return nil, err
		}
		return update("site", s.Record, atoll.Fields{}.Set("type", string(kind))), nil
	}
}

func update(kind atoll.Type, id atoll.ID, f atoll.Fields) []journal.Proposal {
	return []journal.Proposal{{Verb: atoll.Update, Key: atoll.Key{Type: kind, ID: id}, Fields: f}}
}

// Found writes the first records of a system: the system itself and the centre's
// own site (R-A-01). It does nothing where they are there already.
func (c *Centre) Found(ctx context.Context, actor, name string) error {
	_, err := c.Configure(ctx, actor, func(r storage.Reader, _ *topology.Topology) ([]journal.Proposal, error) {
		if _, err := r.Record(SystemKey); !errors.Is(err, atoll.NotFound) {
			return nil, err
		}
		return []journal.Proposal{
			{Verb: atoll.Insert, Key: SystemKey, Fields: atoll.Fields{}.Set("name", name).Set("centre", c.Door.Site).Set("primary", c.Door.Site)},
			{Verb: atoll.Insert, Key: atoll.Key{Type: "site", ID: atoll.DeriveID("site", c.Door.Site.String())}, Fields: atoll.Fields{}.
				Set("number", c.Door.Site).Set("name", name).Set("type", string(topology.Central))},
		}, nil
	})
	return err
}
