package api

import (
	"context"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// propose returns the proposals if the user may make them as changes of records.
func (s *server) propose(ctx context.Context, d documents.Desk, do ...journal.Proposal) ([]journal.Proposal, error) {
	if err := s.Station.MayChange(visitOf(ctx).User, d, do...); err != nil {
		return nil, err
	}
	return do, nil
}

// seen is the record, unless it is of a store that is not the user's (R-J-01).
func (s *server) seen(ctx context.Context, r station.Record) error {
	if !s.Station.SeesRecord(visitOf(ctx).User, r.Type, r.Fields) {
		return notTheirs(ctx, r.Key)
	}
	return nil
}

// notTheirs is the error for data of a store that is not the user's.
func notTheirs(ctx context.Context, key atoll.Key) error {
	return atoll.Errorf(atoll.Denied, "the data of this store is not %s's to see", visitOf(ctx).User.Name).About(key).
		Do("ask an administrator, who can give you the store")
}

// hidden tells of records, as they stand now, which ones are not the user's to see.
func (s *server) hidden(ctx context.Context, keys ...atoll.Key) (map[atoll.Key]bool, error) {
	out := map[atoll.Key]bool{}
	u := visitOf(ctx).User
	if len(u.Stores) == 0 {
		return out, nil
	}
	err := s.Database.View(ctx, func(r storage.Reader) error {
		for _, key := range keys {
			sees, err := s.Station.SeesKey(u, r, key)
			if err != nil {
				return err
			}
			out[key] = !sees
		}
		return nil
	})
	return out, err
}

// onlySeen leaves out the records of stores that are not the user's.
func (s *server) onlySeen(ctx context.Context, page []station.Record) []station.Record {
	u := visitOf(ctx).User
	return slices.DeleteFunc(page, func(r station.Record) bool { return !s.Station.SeesRecord(u, r.Type, r.Fields) })
}

// seenOf leaves out what is about records that are not the user's to see.
func seenOf[T any](ctx context.Context, s *server, all []T, key func(T) atoll.Key) ([]T, error) {
	keys := make([]atoll.Key, len(all))
	for i, one := range all {
		keys[i] = key(one)
	}
	hidden, err := s.hidden(ctx, keys...)
	return slices.DeleteFunc(all, func(one T) bool { return hidden[key(one)] }), err
}

// within asks that a query be about one of the user's stores, where they are limited:
// the one they have, unless they name one.
func within(ctx context.Context, store atoll.ID) (atoll.ID, error) {
	u := visitOf(ctx).User
	switch {
	case len(u.Stores) == 0 || store != "" && u.Sees(store):
		return store, nil
	case store == "" && len(u.Stores) == 1:
		return u.Stores[0], nil
	case store == "":
		return "", atoll.Errorf(atoll.Invalid, "you see the data of %d stores: say of which", len(u.Stores)).On("store").Do("name one in store")
	}
	return "", atoll.Errorf(atoll.Denied, "the data of this store is not %s's to see", u.Name).On("store").Do("ask an administrator, who can give you the store")
}

// nouns are the record types that operations are about, by what their names end
// in. Operations on records say themselves which types they change.
var nouns = map[string]atoll.Type{
	"record": "", "records": "",
	"invoice": "invoice", "requisition": "requisition", "stocktake": "stocktake", "prescription": "prescription", "payment": "payment",
	"purchase-order": "purchase_order", "goods-receipt": "goods_received", "stock": "stock_line",
}

// mobileMayDo lets a mobile client do what changes records it may send, and nothing
// else that changes anything (R-B-104). An operation that is not known here is
// refused: it was made for others.
func (s *server) mobileMayDo(u station.User, power station.Power, operation string) error {
	if u.Role != station.MobileClient || power == station.MayRead {
		return nil
	}
	_, noun, _ := strings.Cut(operation, "-")
	t, known := nouns[noun]
	if known && t == "" {
		return nil // asked of each change, by propose
	}
	if def, ok := s.Catalogue.Lookup(t); known && ok && def.Mobile != nil {
		return nil
	}
	what := "this"
	if known {
		what = "this: it may not send records of type " + string(t)
	}
	return atoll.Errorf(atoll.Denied, "a mobile client may not do %s", what).Do("make the change at the site's server or at the centre")
}
