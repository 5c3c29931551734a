package console

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
)

// Bounds on what forms may send (R-K-58): most of them, and one with a record.
const (
	smallBody  = 64 << 10
	recordBody = 3 * atoll.MaxBody // a form escapes every byte that is no letter
)

// policy is the Content-Security-Policy: nothing but our own files, no script or
// style inside a page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// console is the web face of one installation.
type console struct {
	Options
	mux     *http.ServeMux
	gate    *http.CrossOriginProtection
	press   *press
	streams chan struct{} // one place for each open stream of events
	sites   siteLists
	answers answers
	shelves shelves
}

// New returns the handler of all pages. It is to be served at the root of a host.
// It panics when pages, words or routes contradict each other, which a test would
// have found.
func New(o Options) http.Handler {
	_ = tongues() // the words are read before anybody waits for them
	c := &console{
		Options: o.withDefaults(), mux: http.NewServeMux(), gate: http.NewCrossOriginProtection(),
		press: newPress(templateFiles), streams: make(chan struct{}, 64),
	}
	for _, r := range routes() {
		if c.has(r) {
			c.mux.Handle(r.method+" "+r.path, c.admit(r))
		}
	}
	c.mux.Handle("GET "+assetPrefix, http.HandlerFunc(serveAsset))
	c.mux.Handle("GET /favicon.ico", http.RedirectHandler(asset("favicon.svg"), http.StatusFound))
	c.mux.Handle("/", c.admit(route{power: anyone, serve: (*console).nowhere}))
	return c.around(c.mux)
}

// has reports whether the page exists at this installation.
func (c *console) has(r route) bool {
	switch r.at {
	case atSite:
		return c.Sync != nil
	case atCentre:
		return c.Centre != nil
	case anywhere:
		return true
	}
	return false
}

// around is what happens to every request: it is logged, it cannot end the
// program, a browser is told what it may do with the answer, and one that another
// site's page sent is refused.
func (c *console) around(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := c.Now()
		v := c.visit(w, r)
		defer func() {
			if failure := recover(); failure != nil {
				if err, ok := failure.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(failure)
				}
				c.Log.ErrorContext(r.Context(), "page panicked", "panic", failure, "stack", string(debug.Stack()))
				if v.status == 0 {
					v.fail(atoll.Internal)
				}
			}
			c.Log.InfoContext(r.Context(), "page",
				"method", r.Method, "path", r.URL.Path, "route", v.R.Pattern, "status", v.status, "site", int(c.Here), "user", v.User.Name,
				"address", c.Address(r), "bytes_out", v.bytes, "took_ms", c.Now().Sub(started).Milliseconds())
		}()
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if c.Secure || r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if c.gate.Check(r) != nil {
			v.fail(atoll.Errorf(atoll.Denied, "the request was sent by a page of another origin"))
			return
		}
		inner.ServeHTTP(v, v.R)
	})
}

// admit lets a request in if its user has the power that the route needs.
func (c *console) admit(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		v := visitOf(req.Context())
		v.R = req
		v.R.Body = http.MaxBytesReader(v, req.Body, max(r.body, smallBody))
		err := c.session(v)
		switch {
		case r.power == anyone:
			err = nil
		case err == nil:
			err = may(v.User, r.power)
		}
		if err == nil {
			v.route = r
			err = r.serve(c, v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// session finds out who makes the request. A page is open to browsers only: a
// token in a header opens nothing.
func (c *console) session(v *Visit) error {
	cookie, err := v.R.Cookie(signin.CookieName)
	if err != nil || cookie.Value == "" {
		return atoll.Errorf(atoll.SignIn, "sign in first")
	}
	u, err := c.Station.Session(v.R.Context(), cookie.Value)
	if atoll.CodeOf(err) == atoll.SignIn && c.isSite(v.R.Context(), cookie.Value) {
		return atoll.Errorf(atoll.Denied, "a site's token opens synchronisation and nothing else")
	}
	if err != nil {
		return err
	}
	v.User, v.token = u, cookie.Value
	v.R = v.R.WithContext(station.As(v.ctx(), u))
	return nil
}

// isSite reports whether the token belongs to a site (R-K-27, R-K-46).
func (c *console) isSite(ctx context.Context, token string) bool {
	if c.Centre == nil {
		return false
	}
	_, err := c.Centre.Authenticate(ctx, token)
	return err == nil
}

// may refuses users without the power. A mobile client is a program: the account
// of one opens no page.
func may(u station.User, p station.Power) error {
	if u.Role == station.MobileClient {
		return atoll.Errorf(atoll.Denied, "the account %s is for a mobile device, not for the console", u.Name).
			Do("sign in with an account of your own")
	}
	if !u.Role.May(p) {
		return atoll.Errorf(atoll.Denied, "a %s may not do this", u.Role.Words()).Do("ask someone who is %s", p.Holders())
	}
	return nil
}

// nowhere answers what no route takes.
func (c *console) nowhere(v *Visit) error {
	err := atoll.Errorf(atoll.NotFound, "there is nothing at %.200s", v.R.URL.Path)
	if c.Problem != nil && !strings.Contains(v.R.Header.Get("Accept"), "text/html") {
		c.Problem(v, err.Do("what there is, is described at /api/v1/docs"))
		return nil
	}
	return err
}

// home leads to the first page of the navigation that the user may see.
func (c *console) home(v *Visit) error {
	for _, r := range routes() {
		if r.menu != "" && c.has(r) && may(v.User, r.power) == nil {
			v.redirect(r.path)
			return nil
		}
	}
	v.redirect("/me")
	return nil
}
