package route

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// own is a site's own record: the site is told what it is, so that it works as its
// kind does. Other sites are not.
func own(out []atoll.Audience, d *catalogue.Def, f atoll.Fields) []atoll.Audience {
	if site := atoll.SiteID(f.Int("number")); d.Type == "site" && site > atoll.CentreID {
		return append(out, atoll.SiteAudience(site))
	}
	return out
}
