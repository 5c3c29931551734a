package host

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/api"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/discovery"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/wire"
)

const grace = 10 * time.Second // for requests in hand when serving ends

// Serve serves until ctx ends, then lets requests in hand finish. Ready is called
// with the address once it can be reached; nil is allowed. At a remote site the
// schedule of synchronisation runs too.
func (h *Host) Serve(ctx context.Context, ready func(url string)) error {
	alone, err := h.alone(ctx)
	if err != nil {
		return err
	}
	defer alone()
	h.recall()
	// Who is where is worked out from the records once, which takes seconds in a large
	// country: before anybody waits for it.
	if err := h.Store.View(ctx, func(r storage.Reader) error { _, err := h.Station.Door.Topology(r); return err }); err != nil {
		return err
	}
	ln, err := h.open(ctx)
	if err != nil {
		return err
	}
	// A port of 0 was chosen by the system; tickets must name the real one.
	h.Listen = ln.Addr().String()
	secure, err := h.secure()
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	server := &http.Server{
		Handler: h.Handler(), ReadHeaderTimeout: 20 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: nil,
	}
	if secure {
		cert, key, err := h.certificate()
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return errors.Join(atoll.Errorf(atoll.Invalid, "the certificate cannot be used: %w", err), ln.Close())
		}
		ln = tls.NewListener(ln, &tls.Config{
			Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		})
	}
	if h.Centre != nil {
		if _, err := h.Centre.Start(ctx); err != nil {
			return errors.Join(err, ln.Close())
		}
	}
	url, _, err := h.address()
	if err == nil {
		err = h.remember(ctx, url, secure)
	}
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return h.run(ctx, server, ln, h.announcement(secure), func() {
		if ready != nil {
			ready(url)
		}
	})
}

// announcement is what clients on the local network are told of this server; nil
// when they are told nothing.
func (h *Host) announcement(secure bool) *discovery.Announcement {
	if h.Announce == nil {
		return nil
	}
	ips, port, err := discovery.Reachable(h.Listen)
	if err != nil || len(ips) == 0 {
		return nil // for this machine only
	}
	id := h.Station.Identity
	role := discovery.Centre
	if id.Role == station.Remote {
		role = discovery.Site
	}
	return &discovery.Announcement{
		Server:    discovery.Server{Name: id.Name, Role: role, Site: id.Site, System: id.System, App: h.App},
		Addresses: ips, Port: port, Encrypted: secure,
	}
}

func (h *Host) run(ctx context.Context, server *http.Server, ln net.Listener, tell *discovery.Announcement, ready func()) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		h.stopping.Store(true)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := server.Shutdown(last); err != nil {
			return server.Close()
		}
		return nil
	})
	if h.Site != nil && h.client != nil {
		g.Go(func() error { return ended(h.Site.Run(ctx)) })
		g.Go(func() error { return ended(h.daily(ctx)) })
	}
	if h.Centre != nil {
		g.Go(func() error { return ended(h.flush(ctx)) })
		g.Go(func() error { return ended(h.tell(ctx)) })
	}
	g.Go(func() error { return ended(h.examine(ctx)) })
	if tell != nil {
		g.Go(func() error {
			// Those who know the address are served all the same.
			if err := discovery.Announce(ctx, h.Announce, *tell); err != nil && ctx.Err() == nil {
				h.Log.WarnContext(ctx, "not announced on the local network", "err", err)
			}
			return nil
		})
	}
	// What an earlier run left undone.
	if _, err := h.Station.Processors.Run(ctx); err != nil {
		h.Log.ErrorContext(ctx, "processors failed", "err", err)
	}
	// A site may be a small machine: what the start left behind goes back to the
	// system, and is not taken again for garbage.
	if h.Site != nil {
		debug.SetGCPercent(50)
		client := h.client // the one of now: another takes its place when the address changes
		g.Go(func() error { return ended(h.rest(ctx, client)) })
	}
	debug.FreeOSMemory()
	ready()
	return g.Wait()
}

// rest gives memory back now and then at a site, which may be a small machine and has
// little to do most of the time: what the start or a busy hour took.
func (h *Host) rest(ctx context.Context, client *wire.Client) error {
	tired, ok := h.Store.(interface {
		Rest(ctx context.Context) error
	})
	if !ok {
		return nil
	}
	tick := time.NewTimer(5 * time.Second) // the start has settled
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := tired.Rest(ctx); err != nil && ctx.Err() == nil {
				h.Log.WarnContext(ctx, "memory could not be given back", "err", err)
			}
			if client != nil {
				client.Rest()
			}
			debug.FreeOSMemory()
			tick.Reset(10 * time.Minute)
		}
	}
}

// ended turns the end that was asked for into success.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// daily does what is due once a day at a site: replicas that it lost the right to
// long ago are removed (R-H-48).
func (h *Host) daily(ctx context.Context) error {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			n, err := h.Retire(ctx, 0, false)
			if err != nil {
				h.Log.InfoContext(ctx, "nothing was retired today", "err", err)
			} else if n.Removed > 0 {
				h.Log.InfoContext(ctx, "replicas retired", "records", n.Removed)
			}
		}
	}
}

// Retire removes replicas that this site lost the right to long ago; see
// station.Retire. Nothing is removed while something is unsent.
func (h *Host) Retire(ctx context.Context, after time.Duration, try bool) (station.Retired, error) {
	unsent, err := h.Unsent(ctx)
	if err != nil {
		return station.Retired{}, err
	}
	return h.Station.Retire(ctx, after, unsent, try)
}

// flush writes what the centre only notes, every few seconds.
func (h *Host) flush(ctx context.Context) error {
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return h.Centre.Flush(context.WithoutCancel(ctx))
		case <-tick.C:
			if err := h.Centre.Flush(ctx); err != nil {
				h.Log.WarnContext(ctx, "sync log could not be written", "err", err)
			}
			if err := h.Centre.WorkJobs(ctx); err != nil {
				h.Log.WarnContext(ctx, "jobs could not go on; they are tried again", "err", err)
			}
		}
	}
}

// Handler answers everything this host serves.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", newMeter(h))
	if h.Centre == nil {
		mux.HandleFunc(wire.Prefix, func(w http.ResponseWriter, _ *http.Request) {
			wire.WriteProblem(w, atoll.Errorf(atoll.NotHere, "a remote site serves here, not the central server").
				Do("sites enrol and synchronise at the central server: use the address in its ticket"))
		})
	}
	if h.Station.Identity.Support && h.Centre != nil {
		mux.HandleFunc(wire.Prefix, func(w http.ResponseWriter, _ *http.Request) { wire.WriteProblem(w, supportOnly()) })
	} else if h.Centre != nil {
		mux.Handle(wire.Prefix, wire.Handler(wire.Options{
			Centre: h.Centre, Gate: h.Centre, People: h.Station, Comparer: h.Centre, Logger: h.Log, Now: h.Now, Version: h.App, Limits: h.Limits,
		}))
	}
	door := signin.New(h.Now)
	face := api.From(h.Station, h.Centre, h.Site)
	face.Now, face.Log, face.App, face.Door = h.Now, h.Log, h.App, door
	mux.Handle("/api/", whenAsked(func() http.Handler { return api.New(face) }))
	pages := console.From(h.Station, h.Centre, h.Site)
	pages.Machine = h
	pages.Now, pages.Log, pages.App, pages.Door, pages.Zone, pages.Problem = h.Now, h.Log, h.App, door, time.Local, wire.WriteProblem
	if h.Centre != nil {
		face.Mail, pages.Mail = h.Mail, h.Mail
		pages.Ticket = func(code string) (string, error) {
			t, err := h.Ticket(code)
			return t.String(), err
		}
	}
	mux.Handle("/", whenAsked(func() http.Handler { return console.New(pages) }))
	return mux
}

// whenAsked makes a handler at its first request. Descriptions of the API and the
// pages of the console are several megabytes, which a site does without for as long
// as nobody looks.
func whenAsked(make func() http.Handler) http.Handler {
	once := sync.OnceValue(make)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { once().ServeHTTP(w, r) })
}

// certificate returns the certificate and key in PEM form: the operator's own, or
// one that is made once, signed by itself, and kept in the data directory.
func (h *Host) certificate() (cert, key []byte, err error) {
	certFile, keyFile := h.TLSCert, h.TLSKey
	own := certFile != ""
	if !own {
		certFile, keyFile = filepath.Join(h.Data, "tls-cert.pem"), filepath.Join(h.Data, "tls-key.pem")
	}
	cert, err = os.ReadFile(certFile)
	if err == nil {
		key, err = os.ReadFile(keyFile)
	}
	if err == nil || own || !errors.Is(err, os.ErrNotExist) {
		return cert, key, err
	}
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, herr := os.Hostname(); herr == nil {
		names = append(names, host)
	}
	if name, _, serr := net.SplitHostPort(h.listen()); serr == nil && name != "" {
		names = append(names, name)
	}
	if cert, key, err = wire.SelfSigned(names, h.Now()); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return nil, nil, err
	}
	return cert, key, os.WriteFile(certFile, cert, 0o644) //nolint:gosec // a certificate is public
}
