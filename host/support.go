package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/sqlite"
)

// supportOnly says why a copy for support does not synchronise.
func supportOnly() error {
	return atoll.Errorf(atoll.Paused, "this is a copy that was made for support: it never synchronises").
		Do("look at it as you like; the original goes on at its own place")
}

// detached is the centre of a copy for support.
type detached struct{}

// Exchange refuses.
func (detached) Exchange(context.Context, exchange.Hello, iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) { yield(nil, supportOnly()) }
}

// secrets are the buckets of the shelf that a copy for support does not have:
// tokens, sessions, and the passwords of users and of the mail server.
var secrets = append([]string{shelfToken, shelfHost, "user", "session", "lock"}, notify.Shelves...)

// SupportCopy writes a copy of the database for support (R-H-53): all data, but no
// key, no token and no password; and marked, so that no program synchronises with
// it. The name must be free.
func (h *Host) SupportCopy(ctx context.Context, name string) error {
	raw := name + ".raw"
	if err := h.Store.Backup(ctx, raw); err != nil {
		return err
	}
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(raw + suffix)
		}
	}()
	s, err := sqlite.Open(ctx, raw, sqlite.Options{Now: h.Now})
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(tx storage.Tx) error { return strip(tx, h.Station.Identity) })
	if err == nil {
		// Once more, so that nothing of what was removed is left in the file.
		err = s.Backup(ctx, name)
	}
	return errors.Join(err, s.Close())
}

func strip(tx storage.Tx, id station.Identity) error {
	if err := storage.Clear(tx, secrets...); err != nil {
		return err
	}
	if err := tx.Drop("centre", "token secret"); err != nil { // it would let sites in
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	id.Key, id.URL, id.Pin, id.Support = key.Seed(), "", "", true
	return station.SaveIdentity(tx, id)
}

// OpenSupport makes an installation of a copy for support in an empty directory,
// with a first user to look at it. It fails with atoll.Invalid for a database that
// is no such copy: one that could synchronise is restored, not looked at.
func OpenSupport(ctx context.Context, c Config, file, user, password string) (*Host, string, error) {
	c = c.withDefaults()
	if Exists(c.Data) {
		return nil, "", atoll.Errorf(atoll.Exists, "there is an installation in %s already", c.Data).Do("name an empty directory with --data")
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, "", err
	}
	at := filepath.Join(c.Data, database)
	fail := func(err error) (*Host, string, error) {
		return nil, "", errors.Join(err, wipe(c.Data))
	}
	if err := copyFile(file, at); err != nil {
		return fail(err)
	}
	h, err := Open(ctx, c)
	if err != nil {
		return fail(err)
	}
	if !h.Station.Identity.Support {
		return fail(errors.Join(atoll.Errorf(atoll.Invalid, "%s is not a copy for support", file).
			Do("make one with: atoll support export FILE"), h.Close()))
	}
	if password, err = h.Station.AddUser(ctx, user, station.Administrator, password); err != nil {
		return fail(errors.Join(err, h.Close()))
	}
	return h, password, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
