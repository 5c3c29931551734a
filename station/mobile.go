package station

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
)

// AddMobileUser makes the user of a mobile client, which works for one store that
// is active here (R-B-104). Without a store it is the only one there is. An empty
// password is drawn at random, as by [Station.AddUser].
func (s *Station) AddMobileUser(ctx context.Context, name string, store atoll.ID, password string) (string, error) {
	t, err := s.Topology(ctx)
	if err != nil {
		return "", err
	}
	active := t.Active(s.Door.Site)
	if store == "" {
		if len(active) != 1 {
			return "", atoll.Errorf(atoll.Invalid, "a mobile client works for one store; %d are active here", len(active)).
				On("store").Do("name the store")
		}
		store = active[0]
	}
	if st, ok := t.Store(store); !ok || st.Site != s.Door.Site {
		return "", atoll.Errorf(atoll.NotHere, "store %s is not active here", store).On("store").
			Do("name a store that is active at this site")
	}
	return s.addUser(ctx, User{Name: name, Role: MobileClient, Store: store}, password)
}

// MaySend refuses what the user's client may not send: data of stores that are not
// the user's (R-J-01); and mobile clients are limited to the record types that the catalogue marks for them, under the mark's
// condition, before and after the change (R-B-104). What the proposals lead to in
// the same transaction is the station's own work and not limited.
func (s *Station) MaySend(u User, d documents.Desk, do ...journal.Proposal) error {
	for _, p := range do {
		if err := s.mayTouch(u, d, p); err != nil {
			return err
		}
	}
	if u.Role != MobileClient {
		return nil
	}
	for _, p := range do {
		if err := s.mobileMaySend(u, d, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Station) mobileMaySend(u User, d documents.Desk, p journal.Proposal) error {
	def, ok := s.Catalogue.Lookup(p.Key.Type)
	if !ok {
		return nil // the judge says that there is no such type
	}
	if def.Mobile == nil {
		return atoll.Errorf(atoll.Denied, "a mobile client may not send records of type %s", def.Type).About(p.Key).
			Do("make the change at the site's server or at the centre")
	}
	if def.Mobile.Only != catalogue.OnlyOwnStore {
		return nil
	}
	homes := []atoll.Fields{p.Fields}
	if r, err := d.R.Record(p.Key); err == nil {
		old, err := r.Fields()
		if err != nil {
			return err
		}
		homes = []atoll.Fields{old, old.Apply(p.Fields)}
	}
	for _, f := range homes {
		if f.ID(def.Home) != u.Store {
			return atoll.Errorf(atoll.Denied, "a mobile client may send a %s of its own store only", def.Type).About(p.Key).On(def.Home).
				Do("make the change at the home store")
		}
	}
	return nil
}
