package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// bare is an API with nothing behind it: enough to describe it.
func bare() *server {
	return newServer(Options{Here: 1, Catalogue: catalogue.Embedded(), Now: time.Now})
}

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s := bare()
	s.around(s.mux).ServeHTTP(w, httptest.NewRequest("GET", prefix+path, nil))
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// TestEveryExampleIsValid: an example that a schema gives is a value the schema
// takes.
func TestEveryExampleIsValid(t *testing.T) {
	doc := bare().api.OpenAPI()
	registry := doc.Components.Schemas
	examples := 0
	check := func(where string, s *huma.Schema, example any) {
		// As a client would send it.
		b, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		res := &huma.ValidateResult{}
		huma.Validate(registry, s, huma.NewPathBuffer([]byte{}, 0), huma.ModeWriteToServer, v, res)
		for _, err := range res.Errors {
			t.Errorf("%s: the example %s is not valid: %v", where, b, err)
		}
		examples++
	}
	var walk func(where string, s *huma.Schema)
	walk = func(where string, s *huma.Schema) {
		if s == nil || s.Ref != "" {
			return
		}
		for _, e := range s.Examples {
			check(where, s, e)
		}
		for name, p := range s.Properties {
			walk(where+"."+name, p)
		}
		walk(where+"[]", s.Items)
	}
	for name, s := range registry.Map() {
		walk(name, s)
	}
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			if op.Summary == "" || op.Description == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s is not described", op.Method, path)
			}
			for _, p := range op.Parameters {
				walk(op.OperationID+" "+p.Name, p.Schema)
				if p.Example != nil {
					check(op.OperationID+" "+p.Name, p.Schema, p.Example)
				}
				for name, e := range p.Examples {
					check(op.OperationID+" "+p.Name+" "+name, p.Schema, e.Value)
				}
			}
			for _, r := range op.Responses {
				for _, m := range r.Content {
					walk(op.OperationID, m.Schema)
				}
			}
			if _, ok := op.Responses["default"]; !ok {
				t.Errorf("%s does not tell of problems", op.OperationID)
			}
		}
	}
	if examples < 100 {
		t.Errorf("only %d examples were found", examples)
	}
}

func TestTheDocumentIsServedInTwoForms(t *testing.T) {
	w := get(t, "/openapi.json")
	var doc struct {
		OpenAPI    string
		Paths      map[string]any
		Components struct{ SecuritySchemes map[string]any }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) < 30 || len(doc.Components.SecuritySchemes) != 2 {
		t.Errorf("OpenAPI %s with %d paths, %v", doc.OpenAPI, len(doc.Paths), doc.Components.SecuritySchemes)
	}
	if text := get(t, "/openapi.yaml").Body.String(); !strings.Contains(text, "openapi: 3.1.0") || !strings.Contains(text, "/quarantine/{id}/decide") {
		t.Errorf("%.200s", text)
	}
}

// TestThePageNeedsNothingFromElsewhere: no script, no address of another host, and
// every link on it leads somewhere.
func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	w := get(t, "/docs")
	page := w.Body.String()
	if regexp.MustCompile(`(?i)<script|src=|@import|url\(|https?://`).MatchString(page) {
		t.Error("the page loads something")
	}
	if strings.Contains(page, "ZgotmplZ") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "style-src 'sha256-") {
		t.Errorf("policy %s", w.Header().Get("Content-Security-Policy"))
	}
	for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+m[1]+`"`) {
			t.Errorf("a link leads to %q, which is not on the page", m[1])
		}
	}
	for path := range bare().api.OpenAPI().Paths {
		if !strings.Contains(page, "<code>"+prefix+path+"</code>") {
			t.Errorf("%s is not on the page", path)
		}
	}
}

func TestEveryCodeIsAProblemAndCausesStayInside(t *testing.T) {
	for _, code := range atoll.Codes {
		p := problemOf(fmt.Errorf("while: %w", &atoll.Error{Code: code, Message: "shown", Hint: "do", Err: errors.New("hidden")}))
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if p.Code != code || p.Title == "" || p.Status < 400 || strings.Contains(string(b), "hidden") || strings.Contains(string(b), "while") {
			t.Errorf("%s: %s", code, b)
		}
		if (p.Status == http.StatusUnauthorized) != (code == atoll.SignIn) {
			t.Errorf("%s has status %d", code, p.Status)
		}
		if (code == atoll.Internal) == strings.Contains(string(b), "shown") {
			t.Errorf("%s: %s", code, b)
		}
	}
	for _, err := range []error{errors.New("hidden"), atoll.Internal, &atoll.Error{Code: "hidden"}} {
		if p := problemOf(err); p.Code != atoll.Internal || p.Status != 500 || p.Detail != "" {
			t.Errorf("%v became %+v", err, p)
		}
	}
}

func TestAPanicIsAProblemAndEndsNothing(t *testing.T) {
	var log strings.Builder
	s := bare()
	s.Log = slog.New(slog.NewJSONHandler(&log, nil))
	h := s.around(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("hidden") }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", prefix+"/types", nil))
	if w.Code != 500 || w.Header().Get("Content-Type") != contentProblem || strings.Contains(w.Body.String(), "hidden") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "hidden") || !strings.Contains(log.String(), `"status":500`) {
		t.Errorf("the log says %s", log.String())
	}
}
