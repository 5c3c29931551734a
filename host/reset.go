package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// Unsent is how many changes of this site are not at the centre.
func (h *Host) Unsent(ctx context.Context) (uint64, error) {
	if h.Site == nil {
		return 0, nil
	}
	st, err := h.Site.Status(ctx)
	return st.Waiting, err
}

// FactoryReset empties this site as if it had never been set up, but for the
// administrator who does it (R-H-52): data, journal, identity and key are gone.
// Discard must be the number of changes that are not at the centre and will be
// lost: who resets has read it. The host is closed; the site can be enrolled anew.
func (h *Host) FactoryReset(ctx context.Context, user, password string, discard uint64) error {
	id := h.Station.Identity
	if id.Role != station.Remote {
		return atoll.Errorf(atoll.NotHere, "the central server is not reset: it is the only copy of much of its data").
			Do("to begin again, use another directory")
	}
	if err := h.administrator(ctx, user, password); err != nil {
		return err
	}
	unsent, err := h.Unsent(ctx)
	if err != nil {
		return err
	}
	if unsent != discard {
		return atoll.Errorf(atoll.Rule, "%d changes of this site are not at the centre and would be lost", unsent).
			Do("synchronise first; or say that they may be lost, with their number: --discard %d", unsent)
	}
	var account []byte
	err = h.Store.View(ctx, func(r storage.Reader) (err error) {
		account, err = r.Get("user", user)
		return err
	})
	if err != nil {
		return err
	}
	if err := h.Close(); err != nil {
		return err
	}
	if err := wipe(h.Data); err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	store, err := create(ctx, h.Config, station.Identity{Role: station.Remote, Created: h.Now(), Key: key.Seed()})
	if err != nil {
		return err
	}
	err = store.Update(ctx, func(tx storage.Tx) error { return tx.Set("user", user, account) })
	return errors.Join(err, store.Close())
}

// wipe removes what belongs to a site in its directory: the database, the ones
// before it, and what was exported of them. The configuration stays.
func wipe(data string) error {
	for _, pattern := range []string{database + "*", "before-*", "unsent-*.jsonl", "tls-key.pem", "tls-cert.pem"} {
		found, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil {
			return err
		}
		for _, name := range found {
			if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
