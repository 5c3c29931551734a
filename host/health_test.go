package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/wire"
)

// dark is a database that fails, or does not answer.
type dark struct {
	host.Database
	view func(ctx context.Context) error
}

func (d dark) View(ctx context.Context, fn func(storage.Reader) error) error {
	if d.view != nil {
		return d.view(ctx)
	}
	return d.Database.View(ctx, fn)
}

// TestHealth: /healthz says that the program lives, whatever else is broken; /readyz
// says whether requests make sense, and why not as problem+json, without the causes
// that only operators may know.
func TestHealth(t *testing.T) {
	h, _, err := host.InitCentral(t.Context(), host.Config{Data: t.TempDir(), Device: "test"}, "Centre", "admin", "")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	sound := h.Store
	ask := func(path string) (int, http.Header, string) {
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, w.Result().Header, w.Body.String()
	}
	for name, tt := range map[string]struct {
		view   func(context.Context) error
		status int
		code   atoll.Code
	}{
		"sound":  {nil, http.StatusOK, ""},
		"broken": {func(context.Context) error { return errors.New("secret path /srv/db") }, http.StatusServiceUnavailable, atoll.Unavailable},
	} {
		h.Store = dark{sound, tt.view}
		if status, _, text := ask("/healthz"); status != http.StatusOK || text != "ok\n" {
			t.Errorf("%s: healthz %d %s", name, status, text)
		}
		status, header, text := ask("/readyz")
		if status != tt.status || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: readyz %d %v %s", name, status, header, text)
		}
		if tt.code == "" {
			if text != "ready\n" {
				t.Errorf("%s: %s", name, text)
			}
			continue
		}
		var p wire.Problem
		if err := json.Unmarshal([]byte(text), &p); err != nil || header.Get("Content-Type") != wire.ContentProblem ||
			p.Code != tt.code || p.Subject != "database" || p.Hint == "" || strings.Contains(text, "secret") {
			t.Errorf("%s: %v %s %v", name, header, text, err)
		}
	}
	h.Store = sound
}

// A server that is being stopped says so to who would send it more, and still answers
// what is in hand.
func TestHealthWhileStopping(t *testing.T) {
	h, _, err := host.InitCentral(t.Context(), host.Config{Data: t.TempDir(), Device: "test", Listen: "127.0.0.1:0"}, "Centre", "admin", "")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, stop := context.WithCancel(t.Context())
	up, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- h.Serve(ctx, func(url string) { up <- url }) }()
	select {
	case <-up:
	case err := <-done:
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"serving"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
