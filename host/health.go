package host

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/support"
	"github.com/atollsync/atoll/wire"
)

// When an installation cannot do its work: a database that does not answer for so
// long, a disk with no room for another transaction.
const (
	databasePatience = 5 * time.Second
	diskFull         = 0.99
)

// Conditions are what must hold for this installation to do its work, and whether it
// does. That a line is down is none: an island works without.
func (h *Host) Conditions(ctx context.Context) []support.Condition {
	return []support.Condition{
		{Name: "serving", Err: h.ending()}, {Name: "database", Err: h.readable(ctx)}, {Name: "disk", Err: h.room()},
	}
}

func (h *Host) ending() error {
	if !h.stopping.Load() {
		return nil
	}
	return atoll.Errorf(atoll.Unavailable, "this server is being stopped").Do("requests in hand are finished; use another server, or wait until it is up again")
}

func (h *Host) readable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, databasePatience)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		answered <- h.Store.View(ctx, func(r storage.Reader) error { _, err := r.LastPosition(); return err })
	}()
	select {
	case err := <-answered:
		if err == nil {
			return nil
		}
		h.Log.WarnContext(ctx, "the database cannot be read", "err", err)
		return atoll.Errorf(atoll.Unavailable, "the database cannot be read").Do("look at the log, then run: atoll check")
	case <-ctx.Done():
		return atoll.Errorf(atoll.Unavailable, "the database has not answered for %s", databasePatience).
			Do("see whether the disk works and whether the machine is overloaded")
	}
}

func (h *Host) room() error {
	used := DiskUsed(h.Data)
	if used < diskFull {
		return nil
	}
	return atoll.Errorf(atoll.DiskFull, "the disk with the database is %.0f %% full", 100*used).
		Do("make room: the server goes on by itself")
}

// alive answers /healthz: the program lives. It asks for nothing, so that a slow disk
// has no program restarted, which would only make it slower.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// ready answers /readyz: 200 when all conditions hold, else the first that does not, as
// problem+json, with the names of all of them. It is for who sends requests here or
// elsewhere.
func (h *Host) ready(w http.ResponseWriter, r *http.Request) {
	var failed []string
	var first error
	for _, c := range h.Conditions(r.Context()) {
		if c.Err != nil {
			failed, first = append(failed, c.Name), cmp.Or(first, c.Err)
		}
	}
	var told *atoll.Error
	if errors.As(first, &told) {
		wire.WriteProblem(w, told.About(strings.Join(failed, ", ")))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ready\n"))
}

// toldConditions are the conditions as a bundle tells them.
func toldConditions(list []support.Condition) map[string]string {
	out := map[string]string{}
	for _, c := range list {
		out[c.Name] = "ok"
		if c.Err != nil {
			out[c.Name] = support.Plain(c.Err)
		}
	}
	return out
}

// Logged returns the newest lines of this program's log.
func (h *Host) Logged() *support.Log { return h.Recent }
