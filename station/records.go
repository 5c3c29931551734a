package station

import (
	"context"
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// Record is a record as people see it: with its owner, and whether it may be
// edited here.
type Record struct {
	atoll.Record
	// Fields name the survivors of merges, also where the stored body still names the
	// record that was merged (R-E-11, R-E-33).
	Fields atoll.Fields
	// Survivor is the record that stands for this one, which was merged; empty for
	// one that was not.
	Survivor atoll.ID
	Def      *catalogue.Def
	Owner    authority.Owner
	// Editable is whether this site owns it. Users also need the right.
	Editable bool
}

// Record returns one record. It fails with atoll.NotFound, also for one that was
// deleted or retracted.
func (s *Station) Record(ctx context.Context, key atoll.Key) (Record, error) {
	var out Record
	err := s.Store.View(ctx, func(r storage.Reader) error {
		rec, err := r.Record(key)
		if errors.Is(err, atoll.NotFound) || err == nil && (rec.Deleted || rec.Hidden) {
			return atoll.Errorf(atoll.NotFound, "there is no such record").About(key)
		}
		if err != nil {
			return err
		}
		out, err = s.dress(r, rec)
		return err
	})
	return out, err
}

// Open is Record for following a link: a link to a merged record leads to its
// survivor (R-E-33).
func (s *Station) Open(ctx context.Context, key atoll.Key) (Record, error) {
	rec, err := s.Record(ctx, key)
	if err != nil || rec.Survivor == "" {
		return rec, err
	}
	return s.Record(ctx, atoll.Key{Type: key.Type, ID: rec.Survivor})
}

func (s *Station) dress(r storage.Reader, rec atoll.Record) (Record, error) {
	return s.dressed(r, survivor.New(r, s.Catalogue), rec)
}

// dressed is dress for many records of one snapshot, which share a resolver.
func (s *Station) dressed(r storage.Reader, merged *survivor.Resolver, rec atoll.Record) (Record, error) {
	out := Record{Record: rec}
	f, err := rec.Fields()
	if err != nil {
		return out, err
	}
	out.Fields = f
	def, ok := s.Catalogue.Lookup(rec.Type)
	if !ok {
		return out, nil
	}
	out.Def = def
	if f, err = merged.Fields(rec.Type, f); err != nil {
		return out, err
	}
	if to, err := merged.Of(rec.Key); err != nil {
		return out, err
	} else if to != rec.ID {
		out.Survivor = to
	}
	out.Fields = mask(def, f)
	if out.Owner, err = s.Door.Owner(r, rec); err != nil {
		out.Owner = authority.Owner{Why: err.Error()}
		return out, nil //nolint:nilerr // the owner is not known here; said in words
	}
	out.Editable = out.Owner.Site == s.Door.Site
	return out, nil
}

// mask hides secret fields.
func mask(def *catalogue.Def, f atoll.Fields) atoll.Fields {
	for _, field := range def.Fields {
		if field.Secret && f.Has(field.Name) {
			f = f.Clone()
			f.Set(field.Name, "••••••")
		}
	}
	return f
}

// Records returns the records that the query selects, and the id after which the
// next page begins, "" at the end. A list by a record is also one by those merged
// into it; records that were merged are in no list, unless it asks for their
// status (R-E-33).
func (s *Station) Records(ctx context.Context, q storage.Query) ([]Record, atoll.ID, error) {
	def, ok := s.Catalogue.Lookup(q.Type)
	if !ok {
		return nil, "", atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", q.Type).Do("list the types with: atoll catalogue")
	}
	for name := range q.Where {
		if f, ok := def.Field(name); !ok || !f.Index {
			return nil, "", atoll.Errorf(atoll.Invalid, "%s cannot be filtered by %q", q.Type, name).On(name).
				Do("fields to filter by are marked index in: atoll catalogue %s", q.Type)
		}
	}
	if q.Limit <= 0 || q.Limit > 1000 {
		q.Limit = 1000
	}
	var out []Record
	var next atoll.ID
	err := s.Store.View(ctx, func(r storage.Reader) error {
		out, next = nil, ""
		recs, err := s.listed(r, def, q)
		if err != nil {
			return err
		}
		if len(recs) > q.Limit {
			recs = recs[:q.Limit]
			next = recs[len(recs)-1].ID
		}
		merged := survivor.New(r, s.Catalogue)
		for _, rec := range recs {
			d, err := s.dressed(r, merged, rec)
			if err != nil {
				return err
			}
			out = append(out, d)
		}
		return nil
	})
	return out, next, err
}

// History returns the versions of a record, newest first, as far as this
// database holds the journals.
func (s *Station) History(ctx context.Context, key atoll.Key, limit int) ([]journal.Change, error) {
	var out []journal.Change
	err := s.Store.View(ctx, func(r storage.Reader) error {
		rec, err := r.Record(key)
		if errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.NotFound, "there is no such record").About(key)
		}
		if err != nil {
			return err
		}
		out, err = journal.History(r, rec, limit)
		return err
	})
	return out, err
}

// StoreView is a store as people here see it (R-C-02, R-I-28).
type StoreView struct {
	topology.Store
	Type topology.SyncType `json:"type"`
	Open bool              `json:"open"` // can be entered and reported on
	// StaleSince is when a collector copy here ceased to be one: what there is of it
	// is no longer kept up, and not shown (R-C-21). Zero for others.
	StaleSince time.Time `json:"stale_since,omitzero"`
	// Moving is why nobody can work in the store here at the moment: it is on the
	// move (R-H-31).
	Moving string `json:"moving,omitempty"`
}

// Stores returns the stores known here with their type here, by code.
func (s *Station) Stores(ctx context.Context) ([]StoreView, error) {
	t, err := s.Topology(ctx)
	if err != nil {
		return nil, err
	}
	stale, err := s.stale(ctx)
	if err != nil {
		return nil, err
	}
	var out []StoreView
	for _, st := range t.Stores() {
		v := StoreView{Store: st, Type: t.Instance(st.ID, s.Door.Site).Type}
		if v.Type == topology.None || v.Type == topology.Transfer {
			v.Type = topology.Transfer // its core record is here: it can be traded with
		}
		v.Open = v.Type == topology.Active || v.Type == topology.Collector
		if m, is := t.Moving(st.ID); is && v.Type == topology.Active {
			v.Moving = handover.Locked(t, m).Message
		}
		if !v.Open {
			v.StaleSince = stale[st.ID]
		}
		out = append(out, v)
	}
	return out, nil
}

// stale returns the stores of which a collector copy was kept here, and since when
// it is not.
func (s *Station) stale(ctx context.Context) (map[atoll.ID]time.Time, error) {
	out := map[atoll.ID]time.Time{}
	err := s.Store.View(ctx, func(r storage.Reader) error {
		choices, err := r.Records(storage.Query{Type: "store_choice", Where: map[string]string{"site_id": s.Door.Site.String()}})
		if err != nil {
			return err
		}
		for _, c := range choices {
			f := c.MustFields()
			if at, err := time.Parse(time.RFC3339, f.Text("chosen_at")); err == nil && f.Text("choice") == "transfer" {
				out[f.ID("store_id")] = at
			}
		}
		return nil
	})
	return out, err
}

// Counts returns the number of records of each type.
func (s *Station) Counts(ctx context.Context) (map[atoll.Type]int, error) {
	var out map[atoll.Type]int
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		out, err = r.CountRecords()
		return err
	})
	return out, err
}
