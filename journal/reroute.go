package journal

import (
	"bytes"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// reroutePage is how many records are looked at in one read.
const reroutePage = 500

// reroute lists anew the records whose way hangs on a preference that changed, or
// on which site is the primary. Without it a document that was there before and a
// line that came after would go different ways (R-A-10, R-B-96).
func (d *Door) reroute(tx storage.Tx, before, after *topology.Topology, changes []admit.Change) error {
	var steering []string
	for _, c := range changes {
		if c.Op.Type == "preference" {
			key := fields(c).Text("key")
			if !bytes.Equal(before.Preference(key), after.Preference(key)) {
				steering = append(steering, key)
			}
		}
	}
	if before.Primary() != after.Primary() {
		steering = append(steering, catalogue.CentralProcurement, catalogue.CentralPayments)
	}
	if len(steering) == 0 {
		return nil
	}
	for _, def := range d.Judge.Catalogue.Types() {
		if slices.ContainsFunc(def.Also, func(e catalogue.Exception) bool { return slices.Contains(steering, e.Name) }) {
			if err := d.rerouteType(tx, after, def); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Door) rerouteType(tx storage.Tx, t *topology.Topology, def *catalogue.Def) error {
	for last := atoll.ID(""); ; {
		page, err := tx.Records(storage.Query{Type: def.Type, After: last, Limit: reroutePage, All: true}) // deletions too
		if err != nil {
			return err
		}
		for _, r := range page {
			last = r.ID
			if err := d.relistMoved(tx, t, def, r); err != nil {
				return err
			}
		}
		if len(page) < reroutePage {
			return nil
		}
	}
}
