package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"path/filepath"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

// AddSite makes a site at the centre with its stores, and returns the ticket with
// which it enrols.
func (h *Host) AddSite(ctx context.Context, actor, name string, kind topology.Kind, stores []atoll.ID) (topology.Site, wire.Ticket, error) {
	s, code, err := h.Centre.AddSite(ctx, actor, name, kind)
	if err != nil {
		return s, wire.Ticket{}, err
	}
	for _, store := range stores {
		if _, err := h.Centre.Configure(ctx, actor, central.Assign(store, s.ID)); err != nil {
			return s, wire.Ticket{}, err
		}
	}
	t, err := h.Ticket(code)
	return s, t, err
}

// Enrol gives this site its place in the system that the ticket is from
// (R-H-21). It may be done again with a new ticket of the same site, after the
// centre has lost or reset it.
func (h *Host) Enrol(ctx context.Context, t wire.Ticket) (exchange.Enrolled, error) {
	id := h.Station.Identity
	var none exchange.Enrolled
	if id.Role != station.Remote {
		return none, atoll.Errorf(atoll.Invalid, "this is a central server; only remote sites enrol")
	}
	if id.Site != 0 {
		// A site that is enrolled again takes a new key; if this is cut off after the
		// centre has taken it, another ticket is needed (R-H-46).
		_, fresh, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return none, err
		}
		id.Key = fresh.Seed()
	}
	key := ed25519.NewKeyFromSeed(id.Key)
	client, err := wire.NewClient(wire.ClientOptions{
		URL: t.URL, Pin: t.Pin, AllowPlain: h.AllowPlain, Device: h.Device, Key: key, Now: h.Now,
	})
	if err != nil {
		return none, err
	}
	defer client.Close()
	// Find out whether that is a centre of ours before the code is used up.
	if _, err := client.Ping(ctx); err != nil {
		return none, err
	}
	public, _ := key.Public().(ed25519.PublicKey)
	e, err := client.Enrol(ctx, exchange.Enrolment{
		Code: t.Code, Key: public, Device: h.Device, Protocol: exchange.Protocol, App: h.App,
	})
	if err != nil {
		return none, err
	}
	if id.Site != 0 && (id.Site != e.Site || id.System != e.System) {
		return none, atoll.Errorf(atoll.SiteMismatch, "this database is site %d; the ticket is for site %d (%s)", id.Site, e.Site, e.Name).
			Do("use an empty directory for another site")
	}
	id.Site, id.System, id.Name, id.URL = e.Site, e.System, e.Name, t.URL
	if id.Pin = ""; !t.Pin.IsZero() {
		id.Pin = t.Pin.String()
	}
	err = h.Store.Update(ctx, func(tx storage.Tx) error {
		return errors.Join(station.SaveIdentity(tx, id), tx.Drop(shelfToken, "token"))
	})
	if err != nil {
		return none, err
	}
	if h.client != nil {
		h.client.Close()
	}
	if err := h.assemble(ctx); err != nil {
		return none, err
	}
	return e, h.Site.Begin(ctx)
}

// Reinitialise gives the site an empty database, to be filled from the centre
// (R-H-27). Changes the centre does not have are first written to a file, whose
// name is returned with their number; the old database is kept beside the new
// one. Users stay. The caller opens the host anew.
func (h *Host) Reinitialise(ctx context.Context) (unsent string, entries int, err error) {
	id := h.Station.Identity
	if id.Role != station.Remote || id.Site == 0 {
		return "", 0, atoll.Errorf(atoll.Invalid, "only an enrolled site can be initialised again")
	}
	file, err := h.aside("unsent-")
	if err != nil {
		return "", 0, err
	}
	unsent, entries, err = h.exportUnsent(ctx, filepath.Join(h.Data, file+".jsonl"))
	if err != nil {
		return "", 0, err
	}
	var users, untold []storage.Item
	err = h.Store.View(ctx, func(r storage.Reader) (err error) {
		if users, err = r.Scan("user", "", 0, false); err != nil {
			return err
		}
		untold, err = r.Scan(station.ShelfUntold, "", 0, false)
		return err
	})
	if err != nil {
		return unsent, entries, err
	}
	if err := h.Close(); err != nil {
		return unsent, entries, err
	}
	before, err := h.aside(replaced)
	if err != nil {
		return unsent, entries, err
	}
	if err := h.putAside(before); err != nil {
		return unsent, entries, err
	}
	store, err := create(ctx, h.Config, id)
	if err != nil {
		return unsent, entries, err
	}
	err = store.Update(ctx, func(tx storage.Tx) error {
		for _, u := range users {
			if err := tx.Set("user", u.Key, u.Value); err != nil {
				return err
			}
		}
		for _, u := range untold {
			if err := tx.Set(station.ShelfUntold, u.Key, u.Value); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, store.Close()); err != nil {
		return unsent, entries, err
	}
	again, err := Open(ctx, h.Config)
	if err != nil {
		return unsent, entries, err
	}
	return unsent, entries, errors.Join(again.Site.Begin(ctx), again.Close())
}
