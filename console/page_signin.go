package console

import (
	"net/http"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
)

type signInData struct {
	Name, Next string
	Trouble    *problem
	Languages  []tongue
}

// signInPage asks for name and password; whoever is signed in already goes on.
func (c *console) signInPage(v *Visit) error {
	next := local(v.R.FormValue("next"))
	if v.User.Name != "" {
		if next == "" {
			next = "/"
		}
		v.redirect(next)
		return nil
	}
	return v.page("signin", v.T("signin.title"), signInData{Next: next, Languages: languages})
}

// signIn trades name and password for a session. It works without the network
// (R-L-06).
func (c *console) signIn(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	name, next := v.R.PostFormValue("name"), local(v.R.PostFormValue("next"))
	token, u, err := c.Door.SignIn(v.ctx(), c.Station, c.Address(v.R), name, v.R.PostFormValue("password"))
	if err == nil {
		err = may(u, station.MayRead)
	}
	if err != nil {
		p := problemOf(err)
		if !slices.Contains([]atoll.Code{atoll.SignIn, atoll.Busy, atoll.Denied}, p.Code) {
			return err
		}
		if p.Code == atoll.Busy {
			v.Header().Set("Retry-After", "6")
		}
		v.User = station.User{}
		return v.pageAs(p.Status, "signin", v.T("signin.title"), signInData{Name: name, Next: next, Trouble: &p, Languages: languages})
	}
	v.User = u
	cookie := signin.Cookie(token, v.secure())
	http.SetCookie(v, &cookie)
	if next == "" {
		next = "/"
	}
	v.redirect(next)
	return nil
}

// signOut ends the session. Doing it twice changes nothing.
func (c *console) signOut(v *Visit) error {
	if v.token != "" {
		if err := c.Station.SignOut(v.ctx(), v.token); err != nil {
			return err
		}
	}
	gone := signin.Cookie("", v.secure())
	http.SetCookie(v, &gone)
	v.redirect("/sign-in")
	return nil
}

type meData struct {
	User      station.User
	Powers    []station.Power
	Languages []tongue
	Zone      string
}

// me shows who is signed in, with what the reader may choose.
func (c *console) me(v *Visit) error {
	d := meData{User: v.User, Languages: languages, Zone: v.Zone.String()}
	for _, p := range []station.Power{station.MayRead, station.MayEdit, station.MayCurate, station.MaySync, station.MayConfigure} {
		if v.User.Role.May(p) {
			d.Powers = append(d.Powers, p)
		}
	}
	return v.page("me", v.T("me.title"), d)
}

// look remembers language and colours in the browser. It changes nothing here.
func (c *console) look(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	if code := v.R.PostFormValue("lang"); slices.ContainsFunc(languages, func(l tongue) bool { return l.Code == code }) {
		v.remember(cookieLang, code)
	}
	switch theme := v.R.PostFormValue("theme"); theme {
	case "light", "dark":
		v.remember(cookieTheme, theme)
	case "device":
		v.remember(cookieTheme, "")
	}
	v.back("/")
	return nil
}

// badForm is a form that cannot be read.
func badForm(err error) error {
	if p := problemOf(err); p.Code == atoll.TooLarge {
		return err
	}
	return atoll.Errorf(atoll.Invalid, "the form cannot be read: %w", err).Do("go back, and send it again")
}
