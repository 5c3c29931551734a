package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

func TestProblemRoundTrip(t *testing.T) {
	for _, code := range atoll.Codes {
		sent := &atoll.Error{Code: code, Message: "shown", Subject: "item/1", Field: "name", Hint: "do this", Err: errors.New("hidden")}
		w := httptest.NewRecorder()
		WriteProblem(w, fmt.Errorf("while testing: %w", sent))
		resp := w.Result()
		if resp.StatusCode != Status(code) || resp.StatusCode < 400 || resp.Header.Get("Content-Type") != ContentProblem {
			t.Errorf("%s: status %d, %s", code, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if _, _, ok := code.HTTP(); !ok {
			t.Errorf("%s has no status", code)
		}
		if (resp.StatusCode == http.StatusUnauthorized) != (code == atoll.SignIn) {
			t.Errorf("%s has status %d: 401 is for sign_in", code, resp.StatusCode)
		}
		body := w.Body.String()
		err := ReadProblem(resp)
		var got *atoll.Error
		if !errors.Is(err, code) || !errors.As(err, &got) || strings.Contains(body, "hidden") {
			t.Errorf("%s came back as %v: %s", code, err, body)
			continue
		}
		if code == atoll.Internal {
			if strings.Contains(body, "shown") || strings.Contains(body, "item/1") {
				t.Errorf("internal tells the world %s", body)
			}
			continue
		}
		if got.Message != "shown" || got.Subject != "item/1" || got.Field != "name" || got.Hint != "do this" {
			t.Errorf("%s came back as %+v", code, got)
		}
	}
}

func TestProblemOfOtherErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		code   atoll.Code
		detail string
	}{
		{errors.New("sql: secret table"), atoll.Internal, ""},
		{atoll.Errorf(atoll.Internal, "at /srv/x: %w", errors.New("secret")), atoll.Internal, ""},
		{atoll.NotFound, atoll.NotFound, ""},
		{fmt.Errorf("x: %w", atoll.Errorf(atoll.Denied, "no")), atoll.Denied, "no"},
		{&atoll.Error{Code: "of_the_future", Message: "secret"}, atoll.Internal, ""},
	} {
		if p := ProblemOf(tt.err); p.Code != tt.code || p.Detail != tt.detail || strings.Contains(fmt.Sprint(p), "secret") {
			t.Errorf("%v became %+v", tt.err, p)
		}
	}
}

func TestReadProblem(t *testing.T) {
	for _, tt := range []struct {
		name, kind, body string
		want             atoll.Code
	}{
		{"log-in page of a network", "text/html", "<html>Welcome to our hotel", atoll.Unavailable},
		{"says it is a problem, but is HTML", ContentProblem, "<html>", atoll.Unavailable},
		{"another server's problem", ContentProblem, `{"title":"nope"}`, atoll.Unavailable},
		{"with a character set", ContentProblem + "; charset=utf-8", `{"code":"busy"}`, atoll.Busy},
		{"a code of the future", ContentProblem, `{"code":"of_the_future","detail":"x","new":[1]}`, "of_the_future"},
		{"nothing", "", "", atoll.Unavailable},
	} {
		resp := &http.Response{StatusCode: 418, Header: http.Header{"Content-Type": {tt.kind}}, Body: io.NopCloser(strings.NewReader(tt.body))}
		if err := ReadProblem(resp); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestRetryAfterCrosses(t *testing.T) {
	w := httptest.NewRecorder()
	WriteProblem(w, fmt.Errorf("x: %w", busy(1500*time.Millisecond, "busy with %s", "stock")))
	if got := w.Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After: %s, want 2", got)
	}
	err := ReadProblem(w.Result())
	if after, ok := exchange.RetryAfter(err); !ok || after != 2*time.Second || !errors.Is(err, atoll.Busy) || !strings.Contains(err.Error(), "busy with stock") {
		t.Errorf("%v, %v, %v", err, after, ok)
	}
}

// A site that is locked out is told for how long; and a proxy that knows when the
// server will be back is believed, within bounds.
//
// R-H-15, R-K-40.
func TestRetryAfterOfOthers(t *testing.T) {
	w := httptest.NewRecorder()
	WriteProblem(w, exchange.Later(59*time.Minute+time.Millisecond, atoll.Errorf(atoll.SiteLocked, "locked")))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "3541" {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	for header, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "Sat, 21 Nov 2026 06:00:00 GMT": 0, "99999999": 24 * time.Hour,
	} {
		resp := &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {header}}, Body: io.NopCloser(strings.NewReader("<h1>"))}
		err := ReadProblem(resp)
		if after, _ := exchange.RetryAfter(err); after != want || !errors.Is(err, atoll.Unavailable) {
			t.Errorf("Retry-After %q: %v, wait %s; want %s", header, err, after, want)
		}
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(`{"code":"busy","detail":"later","retry":3}`)
	f.Add(`{"code":"internal","status":200}`)
	f.Fuzz(func(t *testing.T, body string) {
		resp := &http.Response{StatusCode: 400, Header: http.Header{"Content-Type": {ContentProblem}}, Body: io.NopCloser(strings.NewReader(body))}
		err := ReadProblem(resp)
		var e *atoll.Error
		if !errors.As(err, &e) || e.Code == "" {
			t.Fatalf("%q became %v", body, err)
		}
		// What is written reads back the same.
		w := httptest.NewRecorder()
		WriteProblem(w, err)
		if _, _, known := e.Code.HTTP(); known && e.Code != atoll.Internal {
			if again := ReadProblem(w.Result()); again.Error() != strings.ToValidUTF8(err.Error(), "\ufffd") {
				t.Fatalf("%q was written and read as %q", err, again)
			}
		}
	})
}
