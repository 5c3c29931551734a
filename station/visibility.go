package station

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// symmetric completes a change of one row of a pair of visible stores with the
// same change of the other, whoever makes it (R-A-07, R-C-113).
func symmetric(r storage.Reader, t *topology.Topology, edit []journal.Proposal, p journal.Proposal) ([]journal.Proposal, error) {
	if p.Key.Type != "name_store_join" {
		return nil, nil
	}
	fields := p.Fields
	if p.Verb != atoll.Insert {
		rec, err := r.Record(p.Key)
		if err != nil {
			return nil, nil //nolint:nilerr // the door will say that it is not there
		}
		old, err := rec.Fields()
		if err != nil {
			return nil, err
		}
		fields = old.Apply(p.Fields)
	}
	in, partner := fields.ID("store_id"), fields.ID("partner_store_id")
	if partner == "" {
		if st, ok := t.StoreOfName(fields.ID("name_id")); ok {
			partner = st.ID
		}
	}
	store, ok := t.Store(in)
	if partner == "" || !ok || in == partner {
		return nil, nil
	}
	// The counterpart: an existing row, or the one whose id follows from the pair.
	twin := journal.Proposal{Verb: p.Verb, Key: atoll.Key{Type: p.Key.Type, ID: topology.JoinID(partner, in)}}
	rows, err := r.Records(storage.Query{Type: p.Key.Type, Where: map[string]string{"store_id": string(partner)}})
	if err != nil {
		return nil, err
	}
	found := false
	for _, row := range rows {
		f := row.MustFields()
		if f.ID("partner_store_id") == in || f.ID("name_id") == store.NameID {
			twin.Key, found = row.Key, true
			break
		}
	}
	inactive := fields.Bool("inactive", false)
	for _, other := range edit {
		// The edit itself makes the other row.
		f := other.Fields
		if other.Key.Type == p.Key.Type && other.Verb == atoll.Insert && f.ID("store_id") == partner &&
			(f.ID("partner_store_id") == in || f.ID("name_id") == store.NameID) {
			return nil, nil
		}
	}
	switch {
	case p.Verb == atoll.Delete && !found:
		return nil, nil
	case p.Verb == atoll.Delete:
	case found:
		twin.Verb = atoll.Update
		twin.Fields = atoll.Fields{}.Set("inactive", inactive)
	default:
		twin.Verb = atoll.Insert
		if twin.Key.ID, err = topology.FreeJoinID(partner, in, taken(r)); err != nil {
			return nil, err
		}
		twin.Fields = atoll.Fields{}.Set("store_id", partner).Set("name_id", store.NameID).Set("partner_store_id", in).
			Set("is_customer", fields.Bool("is_supplier", true)).Set("is_supplier", fields.Bool("is_customer", true))
		if inactive {
			twin.Fields.Set("inactive", true)
		}
	}
	return []journal.Proposal{twin}, nil
}

// taken reports whether there is, or was, a visibility row with the id.
func taken(r storage.Reader) func(atoll.ID) (bool, error) {
	return func(id atoll.ID) (bool, error) {
		_, there, err := journal.View{RecordReader: r}.Record(atoll.Key{Type: "name_store_join", ID: id})
		return there, err
	}
}

// visibleToItself is the law that no store sees itself, also not by a merge
// (R-C-16).
func visibleToItself(t *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Type != "name_store_join" || c.New == nil {
		return nil
	}
	in := c.New.ID("store_id")
	store, ok := t.Store(in)
	if c.New.ID("partner_store_id") == in || (ok && store.NameID != "" && c.New.ID("name_id") == store.NameID) {
		return atoll.Errorf(atoll.Rule, "a store cannot be visible to itself").On("name_id").Because("visible.self")
	}
	return nil
}
