package bench

import (
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// nation is the configuration of a country: sites with a store each, in districts
// whose own store supplies the others.
type nation struct {
	sites    []atoll.SiteID
	stores   []atoll.ID // of the sites, at the same places
	items    []atoll.ID
	district int // so many sites in each; the first is its own store's
}

// settle makes a country's configuration at the centre: through the door, some
// thousands of records in each transaction.
func (r *run) settle(h *host.Host, sites, district int) (*nation, error) {
	n := &nation{district: district}
	var err error
	if n.items, err = r.stockList(h); err != nil {
		return nil, err
	}
	for i := range sites {
		n.sites = append(n.sites, atoll.SiteID(2+i))
		n.stores = append(n.stores, atoll.DeriveID("bench store", fmt.Sprint(i)))
	}
	name := func(i int) atoll.ID { return atoll.DeriveID("bench name", fmt.Sprint(i)) }
	steps := []struct {
		what string
		of   func(i int) []journal.Proposal
	}{
		{"names", func(i int) []journal.Proposal {
			return insert("name", name(i), atoll.Fields{}.Set("code", fmt.Sprintf("C%05d", i)).Set("name", fmt.Sprint("Clinic ", i)).Set("kind", "store"))
		}},
		{"sites", func(i int) []journal.Proposal {
			return insert("site", atoll.DeriveID("bench site", fmt.Sprint(i)), atoll.Fields{}.
				Set("number", n.sites[i]).Set("name", fmt.Sprint("Site ", n.sites[i])).Set("type", string(topology.Server)))
		}},
		{"stores", func(i int) []journal.Proposal {
			return insert("store", n.stores[i], atoll.Fields{}.Set("code", fmt.Sprintf("C%05d", i)).Set("name", fmt.Sprint("Clinic ", i)).
				Set("name_id", name(i)).Set("site_id", n.sites[i]).Set("epoch", 1).Set("mode", "dispensary").Set("include_transactions", true))
		}},
		{"visibility", func(i int) []journal.Proposal {
			first := i - i%district
			if i == first {
				return nil
			}
			return insert("name_store_join", topology.JoinID(n.stores[i], n.stores[first]), atoll.Fields{}.
				Set("store_id", n.stores[i]).Set("name_id", name(first)).Set("partner_store_id", n.stores[first]).
				Set("is_customer", true).Set("is_supplier", true))
		}},
	}
	const together = 4000
	for _, step := range steps {
		for from := 0; from < sites; from += together {
			r.say(from, sites, "makes a country: %s", step.what)
			_, err := h.Centre.Configure(r, actor, func(storage.Reader, *topology.Topology) (do []journal.Proposal, _ error) {
				for i := from; i < min(from+together, sites); i++ {
					do = append(do, step.of(i)...)
				}
				return do, nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

func insert(kind atoll.Type, id atoll.ID, f atoll.Fields) []journal.Proposal {
	return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: f}}
}

// centreOf makes a centre with a country in the directory, open and served, and the
// fleet of its sites.
func (r *run) centreOf(dir string, sites, district, connections int) (_ *served, _ *nation, _ *fleet, err error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, nil, nil, err
	}
	h, _, err := host.InitCentral(r, r.config(dir, listen), "Centre", "admin", password)
	if err != nil {
		return nil, nil, nil, err
	}
	n, err := r.settle(h, sites, district)
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := r.serving(h)
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := newFleet(h, s.url, connections)
	if err == nil {
		err = f.enrolled(r, h, n.sites)
	}
	return s, n, f, err
}

// clinics are the sites at these places, signed in and up to date.
func (r *run) clinics(h *host.Host, n *nation, f *fleet, places []int) ([]*clinic, error) {
	var t *topology.Topology
	var at atoll.Position
	err := h.Store.View(r, func(v storage.Reader) (err error) {
		if t, err = h.Station.Door.Topology(v); err != nil {
			return err
		}
		at, err = v.LastPosition()
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]*clinic, 0, len(places))
	for _, i := range places {
		c := f.clinic(t, n.sites[i], n.items, at)
		if err := c.signIn(r, h.Centre); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
