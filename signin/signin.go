// Package signin is the door through which people come in, whichever face they
// look at: it limits how often one address may try a password, bounds the memory
// that checking passwords takes, and knows the cookie that holds a session in a
// browser. One [Door] serves all faces of an installation, so that a limit is not
// doubled by knocking at two of them.
//
// Who the people are, and which passwords are theirs, package station knows.
package signin

import (
	"context"
	"net/http"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
)

// CookieName is the cookie with a session's token.
const CookieName = "atoll_session"

// Wait is when another attempt makes sense after [Door.Pass] refused one.
const Wait = every

// Users checks names and passwords.
type Users interface {
	SignInUser(ctx context.Context, name, password string) (token string, u station.User, err error)
}

// Door is one door. Its methods may be called from several goroutines.
type Door struct {
	now     func() time.Time
	gate    *turnstile
	hashing chan struct{} // one place for each password being checked
}

// New returns a door that goes by the clock.
func New(now func() time.Time) *Door {
	return &Door{now: now, gate: newTurnstile(), hashing: make(chan struct{}, 2)}
}

// Pass reports whether the address may try something now. What is tried is part
// of the address where it has a limit of its own.
func (d *Door) Pass(address string) bool { return d.gate.pass(address, d.now()) }

// Place waits for a place to check a password or code, and takes it until done
// is called: that takes memory on purpose, and a small tablet has little.
func (d *Door) Place(ctx context.Context) (done func(), err error) {
	select {
	case d.hashing <- struct{}{}:
		return func() { <-d.hashing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// SignIn trades name and password for a session token. It fails with atoll.Busy
// when the address tries too often, and as station.SignInUser does.
func (d *Door) SignIn(ctx context.Context, users Users, address, name, password string) (string, station.User, error) {
	if !d.Pass(address) {
		return "", station.User{}, atoll.Errorf(atoll.Busy, "too many sign-ins from this address").Do("wait a little")
	}
	done, err := d.Place(ctx)
	if err != nil {
		return "", station.User{}, err
	}
	defer done()
	return users.SignInUser(ctx, name, password)
}

// Cookie holds a token for browsers, out of reach of scripts and of other sites'
// pages. It ends with the browser; one without a token ends at once. Secure is
// whether the browser speaks HTTPS.
func Cookie(token string, secure bool) http.Cookie {
	c := http.Cookie{Name: CookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}
