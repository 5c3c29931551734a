package station

import (
	"context"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

type askerKey struct{}

// As returns a context of what the user asks for. Whatever act of the station it is
// given to changes nothing that is not the user's to change (R-J-01). A context without
// a user is the program's own, or that of who has the machine.
func As(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, askerKey{}, u)
}

// askerOf is the user who asks; ok is false when nobody does.
func askerOf(ctx context.Context) (u User, ok bool) {
	u, ok = ctx.Value(askerKey{}).(User)
	return u, ok
}

// Sees reports whether the user may see the data of the store (R-J-01).
func (u User) Sees(store atoll.ID) bool {
	return len(u.Stores) == 0 || store == "" || slices.Contains(u.Stores, store)
}

// Reported are the stores that reports for the user are about; none means all.
func (u User) Reported() []atoll.ID {
	if u.Store != "" {
		return []atoll.ID{u.Store}
	}
	return u.Stores
}

// SeesRecord reports whether the user may see a record: what belongs to a store, only
// where that is one of the user's. Central data, patients and the system's own
// records are everybody's.
func (s *Station) SeesRecord(u User, t atoll.Type, f atoll.Fields) bool {
	if len(u.Stores) == 0 {
		return true
	}
	def, ok := s.Catalogue.Lookup(t)
	return !ok || u.Sees(belongsTo(def, f))
}

// belongsTo is the store that a record belongs to, "" for what is everybody's to see.
func belongsTo(def *catalogue.Def, f atoll.Fields) atoll.ID {
	switch {
	case def.Class == catalogue.Store, def.Class == catalogue.CentralStore,
		def.Class == catalogue.Patient && def.Route == catalogue.ToStore && def.Editor == catalogue.ByActive: // a prescription
		return f.ID(def.Scope)
	}
	return ""
}

// madeIn is the store in which a record is made or changed, "" for what belongs to
// none: of what everybody sees, the store in which a patient was treated, or has her
// home when she is registered, and the one that a message is sent from.
func madeIn(def *catalogue.Def, verb atoll.Verb, f atoll.Fields) atoll.ID {
	switch {
	case def.Class == catalogue.Patient && def.Editor == catalogue.ByActive:
		return f.ID("store_id")
	case def.Home != "" && verb == atoll.Insert:
		return f.ID(def.Home)
	case def.Class == catalogue.Message && verb == atoll.Insert:
		return f.ID("from_store_id")
	}
	return belongsTo(def, f)
}

// SeesKey reports the same of the record that stands in the database under the key.
// What is not there, a user who is limited does not see: nobody knows whose it is.
func (s *Station) SeesKey(u User, r storage.RecordReader, key atoll.Key) (bool, error) {
	if len(u.Stores) == 0 {
		return true, nil
	}
	rec, err := r.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f, err := rec.Fields()
	return err == nil && s.SeesRecord(u, key.Type, f), err
}

// SeesRefusal reports whether the user may see and decide about a refused entry: none
// of its records is of a store that is not theirs, as they stand or as the entry wants
// them. One that nobody can read is for those who see all.
func (s *Station) SeesRefusal(u User, r storage.RecordReader, no storage.Refusal) (bool, error) {
	if len(u.Stores) == 0 {
		return true, nil
	}
	e, err := atoll.DecodeEntry(no.Content)
	if err != nil {
		return false, nil //nolint:nilerr // that is why it was refused
	}
	for _, op := range e.Operations {
		if !op.Withheld.IsZero() {
			return false, nil
		}
		now := atoll.Fields{}
		rec, err := r.Record(op.Key)
		known := err == nil
		if known {
			now, err = rec.Fields()
		}
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return false, err
		}
		made := op.Verb == atoll.Insert || op.Verb == atoll.Restate
		if !known && !made {
			return false, nil // nobody knows whose it is
		}
		if known && !s.SeesRecord(u, op.Type, now) || !s.SeesRecord(u, op.Type, now.Apply(op.Fields)) {
			return false, nil
		}
	}
	return true, nil
}

// mayTouch refuses changes of data of stores that are not the user's, before and
// after the change. A merge re-points the rows of every store: whoever is limited to
// some merges locations of theirs and nothing else (R-E-10, R-J-01).
func (s *Station) mayTouch(u User, d documents.Desk, p journal.Proposal) error {
	def, ok := s.Catalogue.Lookup(p.Key.Type)
	if len(u.Stores) == 0 || !ok {
		return nil
	}
	states := []atoll.Fields{p.Fields}
	if d.R != nil { // nil for what is certainly new
		if r, err := d.R.Record(p.Key); err == nil {
			old, err := r.Fields()
			if err != nil {
				return err
			}
			states = []atoll.Fields{old, old.Apply(p.Fields)}
		}
	}
	for _, f := range states {
		if !u.Sees(madeIn(def, p.Verb, f)) {
			return notTheirs(u).About(p.Key)
		}
	}
	if _, merges := p.Fields["merged_into"]; merges && def.Merge != catalogue.NoMerge && def.Merge != catalogue.MergeActive {
		return atoll.Errorf(atoll.Denied, "merging records of type %s, or undoing it, changes rows of all stores, and %s works in some of them only", def.Type, u.Name).
			About(p.Key).Do("ask somebody who is not limited to stores; an administrator knows who is")
	}
	return nil
}

// notTheirs refuses the change of what belongs to a store that is not the user's.
func notTheirs(u User) *atoll.Error {
	return atoll.Errorf(atoll.Denied, "the data of this store is not %s's to change", u.Name).Do("ask an administrator, who can give you the store")
}

// theirs refuses changes of data of stores that are not the asker's. Every act ends in
// it, so that none can forget to ask.
func (s *Station) theirs(ctx context.Context, d documents.Desk, do ...journal.Proposal) error {
	u, _ := askerOf(ctx)
	for _, p := range do {
		if err := s.mayTouch(u, d, p); err != nil {
			return err
		}
	}
	return nil
}

// acts asks whether the asker may change the record at all, before anything is told
// of it.
func (s *Station) acts(ctx context.Context, d documents.Desk, key atoll.Key) error {
	u, is := askerOf(ctx)
	if !is {
		return nil
	}
	return s.MayChange(u, d, journal.Proposal{Verb: atoll.Update, Key: key})
}

// worksIn refuses those who do not work in the store.
func worksIn(ctx context.Context, store atoll.ID) error {
	if u, _ := askerOf(ctx); !u.Sees(store) {
		return notTheirs(u).On("store")
	}
	return nil
}

// LimitUser says whose data a user may see and change: that of the stores, or of all
// when there are none (R-J-01). Sessions under way are limited at once. It fails with
// atoll.Rule for administrators, who could lift it, and mobile clients, who have one
// store.
func (s *Station) LimitUser(ctx context.Context, name string, stores []atoll.ID) error {
	t, err := s.Topology(ctx)
	if err != nil {
		return err
	}
	for _, id := range stores {
		if _, ok := t.Store(id); !ok {
			return atoll.Errorf(atoll.NotFound, "there is no store %.60q here", string(id)).On("stores").Do("list them with: atoll store list")
		}
	}
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		u, err := loadUser(tx, name)
		if errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.NotFound, "there is no user %.60q here", name).Do("list them with: atoll user list")
		}
		if err != nil {
			return err
		}
		if len(stores) > 0 && (u.Role == Administrator || u.Role == MobileClient) {
			return atoll.Errorf(atoll.Rule, "a user of role %s cannot be limited to stores", u.Role).On("stores").Do("give the person a user of another role").Because("limit.role")
		}
		u.Stores = slices.Clone(stores)
		return saveUser(tx, u)
	})
}
