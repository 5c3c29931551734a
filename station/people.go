package station

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// DisableUser ends what a user may do here, sessions under way included, or lets
// the user in again. The last administrator cannot be disabled. Doing it twice
// changes nothing.
func (s *Station) DisableUser(ctx context.Context, name string, disabled bool) error {
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		u, err := loadUser(tx, name)
		if errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.NotFound, "there is no user %.60q here", name).Do("list them with: atoll user list")
		}
		if err != nil || u.Disabled == disabled {
			return err
		}
		if disabled && u.Role == Administrator {
			if err := anotherAdministrator(tx, name); err != nil {
				return err
			}
		}
		u.Disabled = disabled
		return saveUser(tx, u)
	})
}

func anotherAdministrator(r storage.Reader, than string) error {
	items, err := r.Scan(shelfUsers, "", 0, false)
	if err != nil {
		return err
	}
	for _, it := range items {
		u, err := loadUser(r, it.Key)
		if err != nil {
			return err
		}
		if u.Name != than && u.Role == Administrator && !u.Disabled {
			return nil
		}
	}
	return atoll.Errorf(atoll.Rule, "%s is the only administrator here", than).Do("make another administrator first").Because("user.only", "user", than)
}

// ShelfUntold holds the users the centre was not told of yet. It goes along with
// the users when a site is initialised again.
const ShelfUntold = "user/untold"

// tellOfUsers lets the centre know of the users that were added while it could not
// be told: before the site had its data, or had a store (R-B-98). It is asked
// before the processors run.
func (s *Station) tellOfUsers(ctx context.Context) error {
	if s.Identity.Role == Central {
		return nil
	}
	var untold []storage.Item
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		untold, err = r.Scan(ShelfUntold, "", 0, false)
		return err
	})
	for _, it := range untold {
		err := s.Store.Update(ctx, func(tx storage.Tx) error {
			if _, err := tx.Get(ShelfUntold, it.Key); errors.Is(err, atoll.NotFound) {
				return nil // told meanwhile
			}
			return s.tellOfUser(tx, it.Key)
		})
		if err != nil {
			return err
		}
	}
	return err
}

// tellOfUser lets the centre know that there is a new user, by name only: what
// becomes of the user later stays here (R-B-98). A site that is not ready yet, or
// has no store whose data the centre holds, tells it later.
func (s *Station) tellOfUser(tx storage.Tx, name string) error {
	if s.Identity.Role == Central {
		return nil
	}
	u, err := loadUser(tx, name)
	if err != nil {
		return err
	}
	store, ok, err := s.speaker(tx)
	if err != nil {
		return err
	}
	if !ok {
		return tx.Set(ShelfUntold, name, []byte("{}"))
	}
	_, err = s.Door.Write(tx, journal.Edit{Actor: "atoll", Cause: atoll.Cause{Kind: "process/user"}, Do: []journal.Proposal{{
		Verb: atoll.Insert, Key: atoll.Key{Type: "user_creation", ID: atoll.NewID(s.Now())}, Fields: atoll.Fields{}.
			Set("store_id", store).Set("username", name).Set("created_at", u.Created.UTC().Format(time.RFC3339)),
	}}})
	return errors.Join(err, tx.Drop(ShelfUntold, name))
}

// speaker is the store for which this site tells the centre of its users.
func (s *Station) speaker(r storage.Reader) (store atoll.ID, ok bool, err error) {
	if s.Usable != nil && s.Usable(r) != nil {
		return "", false, nil //nolint:nilerr // not usable yet is no failure: it is told later
	}
	t, err := s.Door.Topology(r)
	if err != nil {
		return "", false, err
	}
	stores := slices.DeleteFunc(slices.Clone(t.Active(s.Door.Site)), func(id atoll.ID) bool {
		st, _ := t.Store(id)
		_, moving := t.Moving(id)
		return st.ManagedOnly || moving // what is said of it stays here, or cannot be said now
	})
	if len(stores) == 0 {
		return "", false, nil
	}
	return stores[0], true, nil
}
