package transfer

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/topology"
)

// storeName: a store is also a name, so that others can trade with it. Stores are
// made at the centre, names on the primary (R-C-22): the primary makes the name
// of a store that came without one, and renames it with its store.
var storeName = process.Kind{Name: "store name", Type: "store", Answer: func(c process.Case) ([]journal.Proposal, error) {
	if c.Site != c.T.Primary() || c.Fields.Has("name_id") {
		return nil, nil
	}
	key := atoll.Key{Type: "name", ID: topology.StoreNameID(c.Record.ID)}
	fields := atoll.Fields{}.Set("code", c.Fields.Text("code")).Set("name", c.Fields.Text("name")).Set("kind", "store").
		Set("store_id", c.Record.ID).Set("is_customer", true).Set("is_supplier", true).Set("status", "active")
	named, err := c.R.Record(key)
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return nil, err
	}
	if err == nil {
		if !c.Owns(named) {
			return nil, nil // whoever has the right to edit names renames it
		}
		return []journal.Proposal{{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.
			Set("code", c.Fields.Text("code")).Set("name", c.Fields.Text("name"))}}, nil
	}
	return []journal.Proposal{{Verb: atoll.Insert, Key: key, Fields: fields}}, nil
}}
