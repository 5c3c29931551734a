package central

import (
	"context"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// DeleteSite takes a site out of the system (R-H-40): it must have no stores and
// no right to edit central data. Its credentials end, its history stays.
func (c *Centre) DeleteSite(ctx context.Context, actor string, site atoll.SiteID) error {
	if err := c.Flush(ctx); err != nil {
		return err
	}
	return c.commits.do(ctx, func(tx storage.Tx) error {
		t, err := c.Door.Topology(tx)
		if err != nil {
			return err
		}
		s, ok := t.Site(site)
		switch {
		case site == t.Centre():
			return atoll.Errorf(atoll.Rule, "site %d is the central server itself", site).Because("site.centre")
		case !ok:
			return atoll.Errorf(atoll.NotFound, "there is no site %d", site).Do("list the sites with: atoll site list")
		case s.Disabled:
			return nil
		}
		if why := stillUsed(t, site); len(why) > 0 {
			return atoll.Errorf(atoll.Rule, "site %d cannot be deleted: %s", site, strings.Join(why, "; ")).
				Do("move its stores elsewhere first: atoll move start STORE --to 1").Because("site.used", "site", site)
		}
		if err := c.locked(tx, actor, []journal.Proposal{{Verb: atoll.Update, Key: atoll.Key{Type: "site", ID: s.Record}, Fields: atoll.Fields{}.Set("type", "")}}); err != nil {
			return err
		}
		_, err = c.Door.Write(tx, journal.Edit{Actor: actor, Cause: atoll.Cause{Kind: "user"}, Do: update("site", s.Record, atoll.Fields{}.Set("disabled", true))})
		if err != nil {
			return err
		}
		state, err := State(tx, site)
		if err != nil {
			return err
		}
		state.Key, state.Device, state.CodeHash, state.CodeExpires, state.Orders = nil, "", nil, time.Time{}, nil
		state.TokenEpoch++
		return state.save(tx)
	})
}

func stillUsed(t *topology.Topology, site atoll.SiteID) (out []string) {
	for _, id := range t.Active(site) {
		st, _ := t.Store(id)
		out = append(out, st.Name+" is active there")
	}
	for _, m := range t.Moves() {
		if m.To == site || m.From == site {
			st, _ := t.Store(m.Store)
			out = append(out, st.Name+" is being moved")
		}
	}
	if site == t.Primary() {
		out = append(out, "it is the primary, which edits central data")
	}
	return out
}
