package station

import (
	"context"
	"encoding/json"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Preference is a preference with what is set, and what holds.
type Preference struct {
	catalogue.Preference
	Set   json.RawMessage `json:"set,omitempty"`   // for the system
	Own   json.RawMessage `json:"own,omitempty"`   // of the store
	Holds json.RawMessage `json:"holds,omitempty"` // what holds here
}

// Preferences lists every preference of the system by key, or as they hold for a
// store (R-B-96, R-B-116).
func (s *Station) Preferences(ctx context.Context, store atoll.ID) ([]Preference, error) {
	var out []Preference
	err := s.Store.View(ctx, func(r storage.Reader) error {
		out = []Preference{}
		set, err := said(r, storage.Query{Type: "preference"})
		if err != nil {
			return err
		}
		own := map[string]atoll.Record{}
		if store != "" {
			if own, err = said(r, storage.Query{Type: "store_preference", Where: map[string]string{"store_id": string(store)}}); err != nil {
				return err
			}
		}
		for _, p := range catalogue.Preferences {
			if store != "" && !p.Store {
				continue
			}
			v := Preference{Preference: p, Holds: json.RawMessage(p.Default)}
			if r, ok := set[p.Key]; ok {
				v.Set = r.MustFields()["value"]
				v.Holds = v.Set
			}
			if r, ok := own[p.Key]; ok {
				v.Own = r.MustFields()["value"]
				v.Holds = v.Own
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// said returns the records that the query selects, by key.
func said(r storage.RecordReader, q storage.Query) (map[string]atoll.Record, error) {
	recs, err := r.Records(q)
	out := make(map[string]atoll.Record, len(recs))
	for _, rec := range recs {
		if !rec.Deleted && !rec.Hidden {
			out[rec.MustFields().Text("key")] = rec
		}
	}
	return out, err
}

// SetPreference sets a preference of the system, or of a store. It fails with atoll.NotFound for a key that the program
// does not know, and with atoll.Invalid for a value that it cannot have or a store
// that cannot have it.
func (s *Station) SetPreference(ctx context.Context, actor, key string, value json.RawMessage, store atoll.ID) (journal.Result, error) {
	p, ok := catalogue.FindPreference(key)
	if !ok {
		return journal.Result{}, atoll.Errorf(atoll.NotFound, "there is no preference %q", key).Do("see: atoll preference list")
	}
	if err := p.Check(value); err != nil {
		return journal.Result{}, err
	}
	q := storage.Query{Type: "preference", Where: map[string]string{"key": key}}
	fields := atoll.Fields{}.Set("key", key).Set("value", value)
	switch {
	case store != "" && !p.Store:
		return journal.Result{}, atoll.Errorf(atoll.Invalid, "%s is a choice of the system, not of a store", key).On("store").Do("leave out the store")
	case store == "" && !p.System:
		return journal.Result{}, atoll.Errorf(atoll.Invalid, "%s is a choice of each store", key).On("store").Do("name a store")
	case store != "":
		q = storage.Query{Type: "store_preference", Where: map[string]string{"store_id": string(store), "key": key}}
		fields.Set("store_id", store)
	}
	return s.Act(ctx, actor, byHand, func(d documents.Desk) ([]journal.Proposal, error) {
		there, err := said(d.R, q)
		if err != nil {
			return nil, err
		}
		if old, ok := there[key]; ok {
			return []journal.Proposal{{Verb: atoll.Update, Key: old.Key, Fields: atoll.Fields{}.Set("value", value)}}, nil
		}
		return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: q.Type, ID: atoll.NewID(s.Now())}, Fields: fields}}, nil
	})
}
