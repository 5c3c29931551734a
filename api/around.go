package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"

	"github.com/atollsync/atoll"
)

// around is what happens to every request: it is logged, it cannot end the
// program, a browser is told what it may do with the answer, and one that another
// site's page sent is refused.
func (s *server) around(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := s.Now()
		v := &visit{Address: s.Address(r), Encrypted: r.TLS != nil}
		in := &counted{ReadCloser: r.Body}
		out := &answer{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		if r.Body != nil {
			r.Body = in
		}
		defer func() {
			if failure := recover(); failure != nil {
				if err, ok := failure.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(failure)
				}
				s.Log.ErrorContext(r.Context(), "request panicked", "panic", failure, "stack", string(debug.Stack()))
				if out.status == 0 {
					writeProblem(out, problemOf(atoll.Internal))
				}
			}
			s.Log.InfoContext(r.Context(), "request",
				"method", r.Method, "path", r.URL.Path, "route", r.Pattern, "status", out.status, "site", int(s.Here), "user", v.User.Name,
				"address", v.Address, "records", v.Records, "bytes_in", in.bytes, "bytes_out", out.bytes,
				"took_ms", s.Now().Sub(started).Milliseconds())
		}()
		s.headers(out.Header(), r)
		switch {
		case r.ContentLength > longest:
			writeProblem(out, problemOf(atoll.Errorf(atoll.TooLarge, "the request has %d bytes; no request may have more than %d", r.ContentLength, longest).
				Do("send smaller transactions")))
		case s.foreign(r):
			writeProblem(out, problemOf(atoll.Errorf(atoll.Denied, "the request was sent by a page of another origin")))
		default:
			inner.ServeHTTP(out, r)
		}
	})
}

// headers tells browsers to take the answer for nothing but what it is.
func (s *server) headers(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if s.secure(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (s *server) secure(r *http.Request) bool { return s.Secure || r.TLS != nil }

// counted counts the bytes that are read.
type counted struct {
	io.ReadCloser
	bytes int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes += int64(n)
	return n, err
}

// answer remembers status and size of what is written.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
