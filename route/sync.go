package route

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// chosen data about one site's instances is told to that site, which derives the
// types of its own instances from it as the centre does (R-B-77). Other sync
// data stays at the centre.
func chosen(out []atoll.Audience, d *catalogue.Def, f atoll.Fields) []atoll.Audience {
	if site := atoll.SiteID(f.Int("site_id")); d.Class == catalogue.Sync && site > 0 {
		return append(out, atoll.SiteAudience(site))
	}
	if job := f.ID("job_id"); d.Class == catalogue.Sync && job != "" {
		return append(out, atoll.JobAudience(job)) // what ends a resending (R-H-43)
	}
	return out
}
