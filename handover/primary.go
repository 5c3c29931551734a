package handover

import (
	"encoding/json"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/topology"
)

// What a site says when the primary changes.
const (
	saidClosed = "closed" // nobody edits central data here, and this is what there is
	saidTested = "tested" // and this is who may edit it now, as far as is known here
)

// centralData selects what the primary alone edits and every site has: what both
// ends are compared by. What sites may propose, and what is delegated, goes on
// changing meanwhile.
func (k kinds) centralData(t *topology.Topology) Selection {
	var s Selection
	for _, d := range k.catalogue.Types() {
		if d.Editor != catalogue.ByPrimary || d.Route != catalogue.ToAll || len(d.Also) > 0 {
			continue
		}
		if by, _ := t.Delegate(d.Area); by == t.Primary() {
			s.Types = append(s.Types, d.Type)
		}
	}
	return s
}

// primaryAnswer is the part of the remote site, which is the old primary or the new
// one. Its word that it is closed comes behind every edit it ever made of central
// data, and after everything the centre had when it asked.
func (k kinds) primaryAnswer(c process.Case) ([]journal.Proposal, error) {
	switch c.Fields.Text("step") {
	case Closing:
		has, err := k.centralData(c.T).Digest(c.R, k.catalogue)
		if err != nil {
			return nil, err
		}
		return report(c, c.Record.Key, saidClosed, 1, has)
	case Sending:
		return report(c, c.Record.Key, saidTested, 1, map[string]bool{"may_edit": k.mayEdit(c, c.Site)})
	}
	return nil, nil
}

// mayEdit tries an edit of central data in thought: an item.
func (k kinds) mayEdit(c process.Case, site atoll.SiteID) bool {
	def, ok := k.catalogue.Lookup("item")
	if !ok {
		return false
	}
	_, err := authority.MayWrite(c.T, site, atoll.Insert, authority.Subject{Def: def, Key: atoll.Key{Type: def.Type, ID: atoll.DeriveID("nothing")}, Fields: atoll.Fields{}})
	return err == nil
}

// primaryAdvance is the part of the centre: the primary changes when both ends have
// the same central data and nothing of the site waits in quarantine; the job is
// done when both have tried who may edit it now.
func (k kinds) primaryAdvance(c process.Case, job atoll.Record, f atoll.Fields) ([]journal.Proposal, error) {
	site, to := atoll.SiteID(f.Int("site_id")), atoll.SiteID(f.Int("to_site"))
	switch step, said := f.Text("step"), c.Fields.Text("step"); {
	case step == Closing && said == saidClosed:
		why, err := c.Undrained(site, nil)
		if err != nil {
			return nil, err
		}
		if why != nil {
			return nil, why.About(job.Key).Do("decide about them (atoll quarantine list), call the job off, and begin again")
		}
		says, err := tableOf(c.Fields, "data")
		if err != nil {
			return nil, err
		}
		has, err := k.centralData(c.T).Digest(c.R, k.catalogue)
		if err != nil {
			return nil, err
		}
		if d := has.Compare(says); len(d) > 0 {
			return nil, atoll.Errorf(atoll.HeldBehind, "site %d does not have the central data that the centre has: %s", site,
				differences(d, "at the centre", "there")).About(job.Key).
				Do("find the records with: atoll job verify; call the job off, and begin again")
		}
		return k.changePrimary(c, job, to, has.Count())
	case step == Sending && said == saidTested:
		var result struct {
			MayEdit bool `json:"may_edit"`
		}
		if err := json.Unmarshal(c.Fields["data"], &result); err != nil {
			return nil, err
		}
		if here := k.mayEdit(c, c.Site); result.MayEdit != (to == site) || here != (to == c.Site) {
			return nil, atoll.Errorf(atoll.HeldBehind, "site %d says that it may edit central data: %t; the centre may: %t", site, result.MayEdit, here).About(job.Key)
		}
		return end(c, job.Key, atoll.Fields{}), nil
	}
	return nil, nil
}

// changePrimary makes the site the primary, under a new epoch, in one transaction
// with the job's next step.
func (k kinds) changePrimary(c process.Case, job atoll.Record, to atoll.SiteID, records int) ([]journal.Proposal, error) {
	system, err := c.R.Record(SystemKey)
	if err != nil {
		return nil, err
	}
	out := []journal.Proposal{
		{Verb: atoll.Update, Key: SystemKey, Fields: atoll.Fields{}.Set("primary", to).Set("epoch", system.MustFields().Int("epoch")+1)},
		{Verb: atoll.Update, Key: job.Key, Fields: atoll.Fields{}.Set("step", Sending).Set("records", records)},
	}
	if s, ok := c.T.Site(to); ok && to != c.T.Centre() && s.Kind != topology.Mirror {
		out = append(out, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "site", ID: s.Record}, Fields: atoll.Fields{}.Set("type", string(topology.Mirror))})
	}
	return out, nil
}

// SystemKey is the key of the one record that tells every site its place.
var SystemKey = atoll.Key{Type: "system", ID: atoll.DeriveID("system")}
