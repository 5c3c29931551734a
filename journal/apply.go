package journal

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Accept writes an entry that another site made and the centre admitted: the
// entry to the copy of that site's journal, the changes to the records. The
// changes are those the judge returned for it in this transaction.
func (d *Door) Accept(tx storage.Tx, e storage.JournalEntry, changes []admit.Change) error {
	if err := tx.Append(e); err != nil {
		return err
	}
	if len(changes) == 0 {
		return nil
	}
	t, err := d.Topology(tx)
	if err != nil {
		return err
	}
	return d.apply(tx, t, atoll.Origin{Site: e.Site, Seq: e.Seq}, changes)
}

// Apply writes the changes of an entry that is in the journal copy already: one
// that leaves quarantine.
func (d *Door) Apply(tx storage.Tx, origin atoll.Origin, changes []admit.Change) error {
	t, err := d.Topology(tx)
	if err != nil {
		return err
	}
	return d.apply(tx, t, origin, changes)
}

// Copy appends an entry to the journal copy without applying it: one that was
// refused, or one that was withheld. The chain goes on.
func (d *Door) Copy(tx storage.Tx, e storage.JournalEntry) error { return tx.Append(e) }

func (d *Door) apply(tx storage.Tx, t *topology.Topology, origin atoll.Origin, changes []admit.Change) error {
	after := t
	if slices.ContainsFunc(changes, func(c admit.Change) bool { return shapes(t, c) }) {
		// The topology after the entry decides where its records go, so it is
		// redrawn first.
		for _, c := range changes {
			if topology.Shapes(c.Op.Type) {
				if _, err := tx.Put(record(c, origin), d.index(c)); err != nil {
					return err
				}
			}
		}
		if err := d.redraw(tx); err != nil {
			return err
		}
		var err error
		if after, err = d.Topology(tx); err != nil {
			return err
		}
	}
	for _, c := range changes {
		r, f := record(c, origin), fields(c)
		if !d.Centre && !c.Op.Stays {
			r.Audiences = d.places(after, r.Key, f)
		}
		if err := d.put(tx, after, c.Def, r, f, c.Before); err != nil {
			return err
		}
	}
	if d.Centre {
		return d.relist(tx, t, after, changes)
	}
	return d.reroute(tx, after, steering(t, after), false)
}

// shapes reports whether the change alters the topology: a plain name's
// visibility does not.
func shapes(t *topology.Topology, c admit.Change) bool {
	if c.Op.Type != "name_store_join" {
		return topology.Shapes(c.Op.Type)
	}
	f := fields(c)
	if f.Has("partner_store_id") {
		return true
	}
	_, store := t.StoreOfName(f.ID("name_id"))
	return store
}

func record(c admit.Change, origin atoll.Origin) atoll.Record {
	if c.Op.Verb == atoll.Restate {
		origin = c.Op.Base
	}
	return atoll.Record{
		Key: c.Op.Key, Version: c.Op.Version, Deleted: c.Op.Gone(), Origin: origin, Body: fields(c).Encode(),
	}
}

// fields are those of the record after the change; a tombstone keeps its last.
func fields(c admit.Change) atoll.Fields {
	if c.Op.Verb == atoll.Delete {
		return c.Old
	}
	return c.New
}

// index is what lists may filter by.
func (d *Door) index(c admit.Change) map[string]string {
	return d.Judge.Catalogue.Index(c.Op.Type, fields(c))
}
