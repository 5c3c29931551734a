package journal

import (
	"bytes"
	"errors"
	"iter"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// reroutePage is how many records are looked at in one read.
const reroutePage = 500

// steeringKeys are the preferences by which records are routed.
var steeringKeys = []string{catalogue.CentralProcurement, catalogue.CentralPayments, catalogue.PrescriptionsEverywhere}

// steering returns the preferences that route records otherwise after than before.
// Orders and payments go by the primary, so another one is as good as a preference.
func steering(before, after *topology.Topology) []string {
	var keys []string
	for _, key := range steeringKeys {
		byPrimary := key != catalogue.PrescriptionsEverywhere && before.Primary() != after.Primary()
		if byPrimary || !bytes.Equal(before.Preference(key), after.Preference(key)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Rerouted reports whether records go other ways after than before, by a preference or
// another primary.
func Rerouted(before, after *topology.Topology) bool { return len(steering(before, after)) > 0 }

// steers reports whether a record with these fields may route others: few do, and the
// topology need not be drawn again after each of the rest.
func steers(t atoll.Type, f atoll.Fields) bool {
	return t == "system" || t == "preference" && slices.Contains(steeringKeys, f.Text("key"))
}

// reroute lists anew, at the centre, the records whose way hangs on one of the
// preferences. Without it a document that was there before and a line that came after
// would go different ways (R-A-10, R-B-96). At a site it works out anew under which
// audiences they are counted. Heard says that the site has the preference from the
// centre: what was here by it alone goes with it.
func (d *Door) reroute(tx storage.Tx, t *topology.Topology, keys []string, heard bool) error {
	reads := map[atoll.Audience]bool{}
	if heard {
		for _, a := range t.Subscription(d.Site) {
			reads[a] = true
		}
	}
	for r, err := range d.routedBy(tx, keys) {
		switch {
		case err != nil:
			return err
		case d.Centre:
			def, _ := d.Judge.Catalogue.Lookup(r.Type)
			err = d.relistMoved(tx, t, def, r)
		case len(r.Audiences) > 0 && !r.Hidden: // the others are counted under none
			err = d.rerouted(tx, t, r, reads)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rerouted places a replica anew, or hides it where the site reads none of its audiences
// any longer and did as their member. The centre says so of each record; one that was
// restored says nothing, as it does not know that the site had been given it, and no
// digest counts what stands under none of the site's audiences (R-M-03).
func (d *Door) rerouted(tx storage.Tx, t *topology.Topology, r atoll.Record, reads map[atoll.Audience]bool) error {
	f, err := r.Fields()
	read := func(a atoll.Audience) bool { return reads[a] }
	if err != nil || len(reads) == 0 || r.Origin.Site == d.Site ||
		!slices.Contains(r.Audiences, atoll.SiteAudience(d.Site)) || slices.ContainsFunc(d.places(t, r.Key, f), read) {
		return d.place(tx, t, r)
	}
	if own, err := d.owns(tx, t, r); err != nil || own {
		return errors.Join(err, d.place(tx, t, r))
	}
	return d.hide(tx, t, r)
}

// routedBy are the records that one of the preferences routes, deleted ones too.
func (d *Door) routedBy(r storage.Reader, keys []string) iter.Seq2[atoll.Record, error] {
	return func(yield func(atoll.Record, error) bool) {
		for _, def := range d.Judge.Catalogue.Types() {
			if !slices.ContainsFunc(def.Also, func(e catalogue.Exception) bool { return slices.Contains(keys, e.Name) }) {
				continue
			}
			for last, more := atoll.ID(""), true; more; {
				page, err := r.Records(storage.Query{Type: def.Type, After: last, Limit: reroutePage, All: true})
				if err != nil {
					yield(atoll.Record{}, err)
					return
				}
				for _, rec := range page {
					if last = rec.ID; !yield(rec, nil) {
						return
					}
				}
				more = len(page) == reroutePage
			}
		}
	}
}

// PlaceSteered works out anew the audiences of all replicas that a preference routes, or
// which site is the primary, as both are now.
func (d *Door) PlaceSteered(tx storage.Tx) error {
	t, err := d.Topology(tx)
	if err != nil || d.Centre {
		return err
	}
	return d.reroute(tx, t, steeringKeys, false)
}
