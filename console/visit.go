package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
)

// Cookies with what a reader chose. That of the time zone is set by the page's
// script, the others by the server.
const (
	cookieZone  = "atoll_zone"
	cookieTheme = "atoll_theme"
	cookieLang  = "atoll_lang"
	cookieFlash = "atoll_flash"
)

// Visit is one request and its answer: who makes it, in which language and time
// zone, and what has been written so far.
type Visit struct {
	http.ResponseWriter
	R     *http.Request
	User  station.User // the zero User when nobody is signed in
	Lang  *tongue
	Zone  *time.Location
	Theme string // "light", "dark", or "" for what the device prefers

	c       *console
	route   route
	under   string            // the path of the menu that the page belongs to, where it is not its own
	asks    map[string]asking // references that were named by words
	trouble *problem          // what stood in the way of what was asked, to be said on the page
	token   string
	status  int
	bytes   int64
}

type visitKey struct{}

// visitOf returns the request's visit.
func visitOf(ctx context.Context) *Visit {
	v, _ := ctx.Value(visitKey{}).(*Visit)
	return v
}

// visit begins one.
func (c *console) visit(w http.ResponseWriter, r *http.Request) *Visit {
	v := &Visit{ResponseWriter: w, c: c, Zone: c.Zone}
	v.R = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	v.Lang = tongueFor(v.cookie(cookieLang), r.Header.Get("Accept-Language"))
	if name := v.cookie(cookieZone); name != "" && len(name) < 64 && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			v.Zone = zone
		}
	}
	if theme := v.cookie(cookieTheme); theme == "light" || theme == "dark" {
		v.Theme = theme
	}
	return v
}

// WriteHeader notes the status.
func (v *Visit) WriteHeader(status int) {
	if v.status == 0 {
		v.status = status
	}
	v.ResponseWriter.WriteHeader(status)
}

// Write notes the size.
func (v *Visit) Write(p []byte) (int, error) {
	if v.status == 0 {
		v.status = http.StatusOK
	}
	n, err := v.ResponseWriter.Write(p)
	v.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (v *Visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

func (v *Visit) ctx() context.Context { return v.R.Context() }

// cookie returns the value of a cookie, "" if there is none.
func (v *Visit) cookie(name string) string {
	c, err := v.R.Cookie(name)
	if err != nil {
		return ""
	}
	s, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return s
}

// remember sets a cookie for a year, out of reach of scripts; an empty value
// removes it.
func (v *Visit) remember(name, value string) {
	c := http.Cookie{
		Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: v.secure(),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v, &c)
}

func (v *Visit) secure() bool { return v.c.Secure || v.R.TLS != nil }

// redirect sends the browser to a page of this console.
func (v *Visit) redirect(to string) {
	if v.R.Header.Get("HX-Request") == "true" {
		v.Header().Set("HX-Redirect", to)
		v.WriteHeader(http.StatusNoContent)
		return
	}
	v.Header().Set("Location", to)
	v.WriteHeader(http.StatusSeeOther)
}

// back sends the browser to where the form says it came from, or else to.
func (v *Visit) back(to string) {
	if from := local(v.R.FormValue("back")); from != "" {
		to = from
	}
	v.redirect(to)
}

// local returns the address if it is one of this console, else "".
func local(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return ""
	}
	return address
}

// T returns the words of the key in the reader's language; args are names and
// values in turn. Moments and spans of time are told as the reader tells them.
func (v *Visit) T(key string, args ...any) string {
	for i, a := range args {
		switch a := a.(type) {
		case time.Time:
			args[i] = v.moment(a)
		case time.Duration:
			args[i] = v.span(a)
		}
	}
	return v.Lang.say(key, args...)
}

// menuItem is one line of the navigation.
type menuItem struct {
	Key, Path string
	Here      bool
}

// frame is what surrounds every page.
type frame struct {
	V     *Visit
	Title string
	Menu  []menuItem
	Flash *flash
	Site  bool   // a remote site
	Name  string // of the installation
	App   string
	URI   string // of this page, to come back to
	Sync  any    // the line at the foot of the navigation; nil if there is none
	Page  any    // what the page's own template shows
}

// page writes a whole page: the template of that name, in its frame.
func (v *Visit) page(name, title string, data any) error {
	return v.pageAs(http.StatusOK, name, title, data)
}

func (v *Visit) pageAs(status int, name, title string, data any) error {
	f := frame{
		V: v, Title: title, Name: v.c.Name, App: v.c.App, Site: v.c.Sync != nil, URI: v.R.URL.RequestURI(), Page: data,
	}
	if v.User.Name != "" {
		f.Menu, f.Flash = v.menu(), v.flashed()
		if v.c.Sync != nil && status < 400 {
			if line, err := v.c.syncLine(v); err == nil {
				f.Sync = line
			}
		}
	}
	return v.write(status, name, "frame", f)
}

// fragment writes one template of a page, without the frame.
func (v *Visit) fragment(page, name string, data any) error {
	return v.write(http.StatusOK, page, name, data)
}

func (v *Visit) write(status int, page, name string, data any) error {
	b, err := v.c.press.make(v, page, name, data)
	if err != nil {
		return err
	}
	v.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.Header().Set("Content-Language", v.Lang.Code)
	v.Header().Add("Vary", "Cookie, Accept-Language, HX-Request")
	v.WriteHeader(status)
	_, err = v.Write(b)
	if err != nil {
		return nil //nolint:nilerr // whoever hung up needs no answer
	}
	return nil
}

// may reports whether the reader has the power.
func (v *Visit) may(power string) bool { return may(v.User, station.Power(power)) == nil }

func (v *Visit) menu() []menuItem {
	var out []menuItem
	for _, r := range routes() {
		if r.menu == "" || !v.c.has(r) || may(v.User, r.power) != nil {
			continue
		}
		path := strings.TrimSuffix(r.path, "/{$}")
		at := cmp.Or(v.under, v.R.URL.Path)
		here := at == path || strings.HasPrefix(at, path+"/")
		out = append(out, menuItem{Key: r.menu, Path: path, Here: here})
	}
	return out
}

// fail answers with the error in words: what happened, to what, what to do next.
// Whoever is not signed in is led to the sign-in.
func (v *Visit) fail(err error) {
	p := problemOf(err)
	if p.Code == atoll.Internal {
		v.c.Log.ErrorContext(v.ctx(), "page failed", "err", err)
	}
	if v.status != 0 {
		return // an answer is on its way already
	}
	if p.Code == atoll.SignIn && v.route.path != "/sign-in" {
		v.toSignIn()
		return
	}
	if p.Code == atoll.Busy {
		v.Header().Set("Retry-After", "6")
	}
	p.Back = "/"
	if from, err := url.Parse(v.R.Referer()); err == nil && from.Host == v.R.Host {
		p.Back = cmp.Or(local(from.RequestURI()), p.Back)
	}
	if perr := v.pageAs(p.Status, "problem", v.T("code."+string(p.Code)), p); perr != nil {
		v.c.Log.ErrorContext(v.ctx(), "the page of an error failed", "err", perr)
		http.Error(v, string(p.Code), p.Status)
	}
}

// toSignIn leads to the sign-in and from there back to the page.
func (v *Visit) toSignIn() {
	to := "/sign-in"
	if v.R.Method == get && v.R.Header.Get("HX-Request") == "" && v.R.URL.Path != "/" {
		to += "?next=" + url.QueryEscape(v.R.URL.RequestURI())
	}
	if strings.Contains(v.R.Header.Get("Accept"), "text/event-stream") {
		v.WriteHeader(http.StatusNoContent) // ends the stream; the next page asks to sign in
		return
	}
	if c, err := v.R.Cookie(signin.CookieName); err == nil && c.Value != "" {
		gone := signin.Cookie("", v.secure())
		http.SetCookie(v, &gone)
	}
	v.redirect(to)
}

// problem is an error as a page shows it.
type problem struct {
	Code    atoll.Code
	Status  int
	Detail  string // in English, from the engines
	Hint    string
	Subject string
	Field   string
	Record  string // the address of the record it is about, if it is about one
	Why     reason
	Parts   []problem // what stands in the way, one by one, where it is several things
	Back    string    // where the reader was
}

// Locked says that the synchronisation settings have to be unlocked first (R-C-07).
func (p problem) Locked() bool { return p.Why.Name == "settings_locked" }

// problemOf returns what a reader may know of err: the text of an [atoll.Error],
// but never its cause, and nothing at all of an Internal one.
func problemOf(err error) problem {
	var e *atoll.Error
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &big):
		e = &atoll.Error{Code: atoll.TooLarge}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = &atoll.Error{Code: atoll.Interrupted}
	default:
		e = &atoll.Error{Code: atoll.CodeOf(err)}
	}
	status, _, known := e.Code.HTTP()
	if !known || e.Code == atoll.Internal {
		return problem{Code: atoll.Internal, Status: http.StatusInternalServerError}
	}
	p := problem{Code: e.Code, Status: status, Detail: e.Message, Hint: e.Hint, Subject: e.Subject, Field: e.Field, Why: e.Why()}
	if key, ok := keyIn(e.Subject); ok {
		p.Record = recordPath(key)
	}
	for _, part := range e.Parts {
		p.Parts = append(p.Parts, problem{Code: part.Code, Detail: part.Message, Hint: part.Hint, Why: part.Why()})
	}
	return p
}

// keyIn reads the key of a record in the form type/id.
func keyIn(s string) (atoll.Key, bool) {
	t, rest, ok := strings.Cut(s, "/")
	id, err := atoll.ParseID(rest)
	return atoll.Key{Type: atoll.Type(t), ID: id}, ok && err == nil
}

// recordPath is the address of a record's page.
func recordPath(k atoll.Key) string {
	return "/records/" + url.PathEscape(string(k.Type)) + "/" + url.PathEscape(string(k.ID))
}
