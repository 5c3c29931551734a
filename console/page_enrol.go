package console

import (
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/topology"
)

// enrolRow is one site that waits to be enrolled, or has a code open.
type enrolRow struct {
	*central.SiteStatus
	Open    bool      // a code is good
	Expires time.Time // until when
	Locked  time.Time // until when no code is taken, after wrong ones
	Enroled bool
}

type enrolData struct {
	Q        string
	Rows     []enrolRow
	Found    int
	Any      bool     // a site is enrolled
	Enrolled []option // to revoke; none when there are too many
	Kinds    []option
	// Of a code that was just made, which is shown this once.
	Code, Ticket, For string
}

// siteKinds are those that a new site may have.
var siteKinds = []topology.Kind{topology.Server, topology.Desktop, topology.Mobile, topology.Open, topology.Mirror}

// enrolment lists the sites that are to be enrolled, and makes codes for them
// (R-H-15, R-H-46).
func (c *console) enrolment(v *Visit) error { return c.enrolPage(v, enrolData{}) }

func (c *console) enrolPage(v *Visit, d enrolData) error {
	d.Q = strings.TrimSpace(v.R.URL.Query().Get("q"))
	sites, err := c.Centre.Sites(v.ctx())
	if err != nil {
		return err
	}
	now := c.Now()
	for i := range sites {
		s := &sites[i]
		if s.Disabled || s.Kind == topology.Central {
			continue
		}
		row := enrolRow{SiteStatus: s, Expires: s.State.CodeExpires, Locked: s.State.LockedUntil, Enroled: len(s.State.Key) > 0}
		row.Open = len(s.State.CodeHash) > 0 && s.State.CodeExpires.After(now)
		if row.Locked.Before(now) {
			row.Locked = time.Time{}
		}
		if row.Enroled {
			d.Any = true
			d.Enrolled = append(d.Enrolled, option{Value: s.ID.String(), Words: s.Name + " (" + s.ID.String() + ")"})
		}
		if (!row.Enroled || row.Open) && (d.Q == "" || answersTo(strings.ToLower(d.Q), s.Site, s.Stores)) {
			if d.Found++; len(d.Rows) < pageRows {
				d.Rows = append(d.Rows, row)
			}
		}
	}
	sortOptions(d.Enrolled)
	if len(d.Enrolled) > mostPick {
		d.Enrolled = nil
	}
	for _, k := range siteKinds {
		d.Kinds = append(d.Kinds, option{Value: string(k), Words: v.T("kind." + string(k))})
	}
	return v.page("enrolment", v.T("enrol.title"), d)
}

func sortOptions(o []option) {
	slices.SortFunc(o, func(a, b option) int { return strings.Compare(strings.ToLower(a.Words), strings.ToLower(b.Words)) })
}

// addSite makes a site, and the code with which it enrols.
func (c *console) addSite(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	name, kind := strings.TrimSpace(v.R.PostFormValue("name")), topology.Kind(v.R.PostFormValue("kind"))
	if name == "" || len(name) > 200 || !slices.Contains(siteKinds, kind) {
		return atoll.Errorf(atoll.Invalid, "a site needs a name of at most 200 characters and a kind").On("name").Do("enter both")
	}
	s, code, err := c.Centre.AddSite(v.ctx(), v.User.Name, name, kind)
	if err != nil {
		return err
	}
	return c.showCode(v, s.Name, code)
}

// newCode makes a new code for a site; an earlier one is void.
func (c *console) newCode(v *Visit) error {
	s, err := c.siteAt(v)
	if err != nil {
		return err
	}
	code, err := c.Centre.NewCode(v.ctx(), v.User.Name, s.ID)
	if err != nil {
		return err
	}
	return c.showCode(v, s.Name, code)
}

// showCode shows a code, which is nowhere kept in words: this once.
func (c *console) showCode(v *Visit, name, code string) error {
	d := enrolData{Code: code, For: name}
	if c.Ticket != nil {
		ticket, err := c.Ticket(code)
		if err != nil {
			return err
		}
		d.Ticket = ticket
	}
	return c.enrolPage(v, d)
}

// revoke makes the tokens and the key of a site's device void.
func (c *console) revoke(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	id, err := v.siteMeant(v.R.PostFormValue("site"))
	if err != nil {
		return err
	}
	var s central.SiteStatus
	if s, err = c.Centre.SiteStatus(v.ctx(), id); err != nil {
		return err
	}
	if err := c.Centre.ResetDevice(v.ctx(), v.User.Name, id); err != nil {
		return err
	}
	v.tell("done", "enrol.revoked", "site", s.Name)
	v.redirect("/enrolment")
	return nil
}
