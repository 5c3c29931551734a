package console

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/station"
)

// rightRow is one domain of central data, and who edits it.
type rightRow struct {
	rights.View
	Words string
	Where string
	Own   bool // it has a row of its own and does not go with the rest
}

type rightsData struct {
	Rows      []rightRow
	Stores    []option
	Domains   []option
	MayChange bool
}

// delegations lists who may edit which central data: the registry of owners, as this
// installation knows it.
func (c *console) delegations(v *Visit) error {
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return err
	}
	d := rightsData{MayChange: c.Centre != nil && v.User.Role.May(station.MayConfigure)}
	of := map[string]rights.View{}
	for _, r := range rights.List(t) {
		of[r.Domain] = r
	}
	for _, domain := range append([]string{rights.All}, rights.Domains(c.Catalogue)...) {
		r, own := of[domain]
		if !own {
			r = of[rights.All]
			r.Domain = domain
		}
		words := v.areaWords(domain)
		if domain == rights.All {
			words = v.T("rights.all")
		}
		d.Rows = append(d.Rows, rightRow{View: r, Words: words, Where: v.siteName(r.Site), Own: own})
		d.Domains = append(d.Domains, option{Value: domain, Words: words})
	}
	if d.Stores, err = v.storeOptions(""); err != nil {
		return err
	}
	return v.page("delegations", v.T("rights.title"), d)
}

// changeRight gives the right to edit a domain of central data to a store's site,
// gives it back, or calls such a change off.
func (c *console) changeRight(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	domain := v.R.PostFormValue("domain")
	wish := central.Delegation{Domain: domain, Reason: strings.TrimSpace(v.R.PostFormValue("reason"))}
	var conf central.Configuration
	switch do := v.R.PostFormValue("do"); do {
	case "give":
		s, err := v.storeMeant(v.R.PostFormValue("store"))
		if err != nil {
			return err
		}
		store := s.ID
		t, err := c.Station.Topology(v.ctx())
		if err != nil {
			return err
		}
		if rights.Of(t, domain).State == "delegated" {
			conf = c.Centre.ChangeDelegate(v.User.Name, wish, store)
		} else {
			conf = c.Centre.Grant(v.User.Name, wish, store)
		}
	case "withdraw":
		conf = c.Centre.Withdraw(v.User.Name, wish)
	case "keep":
		conf = c.Centre.KeepDelegate(v.User.Name, wish)
	default:
		return atoll.Errorf(atoll.Invalid, "there is no such change").On("do")
	}
	if _, err := c.Centre.Configure(v.ctx(), v.User.Name, conf); err != nil {
		return err
	}
	v.tell("done", "rights.done")
	v.redirect("/delegations")
	return nil
}
