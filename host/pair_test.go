package host_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/topology"
)

// journalling is a log that a test reads.
type journalling struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (j *journalling) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// lines returns what was logged since the last call.
func (j *journalling) lines(t *testing.T) (out []map[string]any) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for d := json.NewDecoder(&j.buf); d.More(); {
		line := map[string]any{}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	j.buf.Reset()
	return out
}

// pair is a central server and an enrolled site with a store, which reach each other
// as in earnest.
type pair struct {
	t            *testing.T
	clock        *simulate.Clock
	centre, site *host.Host
	there, here  *journalling // their logs
	served       http.Handler // the centre; a test may put something before it
	store        atoll.ID
	passwords    [2]string // of the administrators, at the centre and at the site
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t, clock: simulate.NewClock(), there: &journalling{}, here: &journalling{}, store: atoll.DeriveID("store")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.served.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	config := func(name string, log *journalling) host.Config {
		return host.Config{
			Data: filepath.Join(t.TempDir(), name), Now: p.clock.Now, Device: "the machine of " + name, App: "1.2.3", URL: server.URL,
			Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	p.centre, p.passwords[0], err = host.InitCentral(t.Context(), config("centre", p.there), "Ministry", "admin", "")
	check(err)
	p.served = p.centre.Handler()
	_, err = p.centre.Centre.Configure(t.Context(), "admin", central.AddStore(p.store, "B", "Clinic B", true))
	check(err)
	_, ticket, err := p.centre.AddSite(t.Context(), "admin", "Clinic", topology.Server, []atoll.ID{p.store})
	check(err)
	p.site, p.passwords[1], err = host.InitSite(t.Context(), config("site", p.here), "keeper", "")
	check(err)
	t.Cleanup(func() {
		_ = p.site.Close()
		_ = p.centre.Close()
	})
	_, err = p.site.Enrol(t.Context(), ticket)
	check(err)
	_, err = p.site.Site.Cycle(t.Context())
	check(err)
	return p
}

// edit makes records at one end.
func (p *pair) edit(h *host.Host, do ...journal.Proposal) {
	p.t.Helper()
	if _, err := h.Station.Edit(p.t.Context(), journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: do}); err != nil {
		p.t.Fatal(err)
	}
}
