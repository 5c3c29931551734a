package host

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/wire"
)

// DefaultListen is where a host serves unless told otherwise: this machine only.
const DefaultListen = "127.0.0.1:8640"

// Shelf place of how this host was last served.
const shelfHost = "host"

// alone makes sure that one program serves the installation. A second one would
// give out another address for it, and run its schedule twice.
func (c Config) alone(ctx context.Context) (release func(), err error) {
	f := flock.New(filepath.Join(c.Data, "serve.lock"))
	// A command that looks whether anybody serves has it for a moment.
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ok, err := f.TryLockContext(ctx, 50*time.Millisecond)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	if !ok {
		return nil, atoll.Errorf(atoll.Busy, "another program serves %s already", c.Data).
			Do("stop that one first; every other command works while it runs")
	}
	return func() { _ = f.Unlock() }, nil
}

// await notes at the centre that nobody serves it, if that is so, before the caller
// writes anything: see central.Centre.Await.
func (h *Host) await(ctx context.Context) error {
	if h.Centre == nil {
		return nil
	}
	f := flock.New(filepath.Join(h.Data, "serve.lock"))
	switch ok, err := f.TryLock(); {
	case err != nil:
		return err
	case !ok:
		return nil
	}
	return errors.Join(h.Centre.Await(ctx), f.Unlock())
}

// open opens the port.
func (h *Host) open(ctx context.Context) (net.Listener, error) {
	at := h.listen()
	if err := valid(at); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, atoll.Errorf(atoll.Unavailable, "another program uses the port of %s", at).Do("choose another with --listen")
	case errors.Is(err, syscall.EACCES):
		return nil, atoll.Errorf(atoll.Denied, "the port of %s is reserved for the system", at).Do("choose one above 1023 with --listen")
	case err != nil:
		return nil, atoll.Errorf(atoll.Unavailable, "cannot listen on %s: %w", at, err).
			Do("name an address of this machine with --listen HOST:PORT")
	}
	return ln, nil
}

// valid refuses what is no address to listen on.
func valid(at string) error {
	_, port, err := net.SplitHostPort(at)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return atoll.Errorf(atoll.Invalid, "%q is no address to serve on", at).On("listen").
			Do("give it as HOST:PORT, such as 127.0.0.1:8741; a port is 0 to 65535")
	}
	return nil
}

// served is how sites reach this host: what a ticket tells them.
type served struct {
	Address string `json:"address"`
	Pin     string `json:"pin,omitempty"` // of the certificate it signed itself
}

// remember keeps how this host is served. Other commands make tickets meanwhile
// and must know where it is reached, and whether it is encrypted; and its sites
// look for it there when it is served again without being told how.
func (h *Host) remember(ctx context.Context, address string, encrypted bool) error {
	now := served{Address: address}
	if encrypted && h.TLSCert == "" {
		pin, err := h.pin()
		if err != nil {
			return err
		}
		now.Pin = pin.String()
	}
	return h.Store.Update(ctx, func(tx storage.Tx) error {
		return errors.Join(tx.Set(shelfHost, "listen", []byte(h.Listen)), tx.Set(shelfHost, "url", []byte(h.URL)),
			tx.Set(shelfHost, "tls", []byte(h.TLS)), storage.Save(tx, shelfHost, "served", now))
	})
}

// recall takes up how this host was last served, where nothing else was said.
func (h *Host) recall() {
	h.Listen = first(h.Listen, h.last("listen"), DefaultListen)
	h.URL = first(h.URL, h.last("url"))
	h.TLS = first(h.TLS, h.last("tls"), "auto")
}

// last is a value of the last run, "" if there was none.
func (h *Host) last(name string) (value string) {
	err := h.Store.View(context.Background(), func(r storage.Reader) error {
		b, err := r.Get(shelfHost, name)
		value = string(b)
		return err
	})
	if err != nil {
		return ""
	}
	return value
}

// listen is where to serve: as told, or as last served, or the default.
func (h *Host) listen() string { return first(h.Listen, h.last("listen"), DefaultListen) }

// pin is the fingerprint of the certificate this host signed itself.
func (h *Host) pin() (wire.Pin, error) {
	cert, _, err := h.certificate()
	if err != nil {
		return wire.Pin{}, err
	}
	return wire.FingerprintPEM(cert)
}

// Ticket makes the ticket for a one-time code: where the centre is, and which
// certificate it has. It tells how the centre was served last; before the first
// time, how it would be.
func (h *Host) Ticket(code string) (wire.Ticket, error) {
	var s served
	if b := h.last("served"); b != "" {
		if err := json.Unmarshal([]byte(b), &s); err != nil {
			return wire.Ticket{}, err
		}
	}
	var err error
	t := wire.Ticket{URL: first(h.URL, s.Address), Code: code}
	switch encrypted := false; {
	case s.Pin != "":
		t.Pin, err = wire.ParsePin(s.Pin)
	case s.Address == "":
		if t.URL, encrypted, err = h.address(); err == nil && encrypted && h.TLSCert == "" {
			t.Pin, err = h.pin()
		}
	}
	return t, err
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// address is the URL at which others reach this host, and whether this host
// encrypts: behind a proxy, the proxy does.
func (h *Host) address() (string, bool, error) {
	secure, err := h.secure()
	if err != nil {
		return "", false, err
	}
	if h.URL != "" {
		return h.URL, secure, nil
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	name, port, err := net.SplitHostPort(h.listen())
	if err != nil {
		return "", false, atoll.Errorf(atoll.Invalid, "the address %q cannot be used", h.listen()).Do("give it as HOST:PORT")
	}
	if ip := net.ParseIP(name); name == "" || (ip != nil && ip.IsUnspecified()) {
		if name, err = os.Hostname(); err != nil {
			return "", false, err
		}
	}
	return scheme + net.JoinHostPort(name, port), secure, nil
}

// secure decides whether to encrypt.
func (h *Host) secure() (bool, error) {
	name, _, err := net.SplitHostPort(h.listen())
	if err != nil {
		return false, atoll.Errorf(atoll.Invalid, "the address %q cannot be used", h.listen()).Do("give it as HOST:PORT")
	}
	ip := net.ParseIP(name)
	here := name == "localhost" || (ip != nil && ip.IsLoopback())
	switch h.TLS {
	case "on":
		return true, nil
	case "off":
		if !here && !h.AllowPlain {
			return false, atoll.Errorf(atoll.Invalid, "without encryption only this machine can be served").
				Do("leave --tls at auto, or add --allow-plain where the network encrypts by itself")
		}
		return false, nil
	case "auto", "":
		return !here || h.TLSCert != "", nil
	}
	return false, atoll.Errorf(atoll.Invalid, "unknown TLS setting %q", h.TLS).Do("choose auto, on or off")
}
