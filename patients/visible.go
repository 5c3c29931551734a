package patients

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// joinID is the identity of the row that makes the person visible in the store. A
// deleted row never comes back, so the next one in a row of its own is taken.
func joinID(r storage.RecordReader, k kind, person, store atoll.ID) (atoll.ID, error) {
	for id := atoll.DeriveID(string(k.join), string(person), string(store)); ; id = atoll.DeriveID("again", string(id)) {
		_, f, err := find(r, atoll.Key{Type: k.join, ID: id})
		if err != nil || f == nil {
			return id, err
		}
	}
}

// joins returns the rows that make the person visible in the store; in any store
// if it is "".
func joins(r storage.RecordReader, k kind, person, store atoll.ID) ([]atoll.Record, error) {
	where := map[string]string{k.field: string(person)}
	if store != "" {
		where["store_id"] = string(store)
	}
	return r.Records(storage.Query{Type: k.join, Where: where})
}

// Visible reports whether the person is visible in the store.
func Visible(r storage.RecordReader, who atoll.Key, store atoll.ID) (bool, error) {
	k, ok := ofPerson(who.Type)
	if !ok {
		return false, nil
	}
	rows, err := joins(r, k, who.ID, store)
	return len(rows) > 0, err
}

// VisibleIn returns the stores in which the person is visible, as this database
// knows them.
func VisibleIn(r storage.RecordReader, who atoll.Key) ([]atoll.ID, error) {
	k, ok := ofPerson(who.Type)
	if !ok {
		return nil, nil
	}
	rows, err := joins(r, k, who.ID, "")
	if err != nil {
		return nil, err
	}
	seen := map[atoll.ID]bool{}
	var out []atoll.ID
	for _, row := range rows {
		if id := row.MustFields().ID("store_id"); !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out, nil
}

// Complete adds to an edit that people make here what belongs in its transaction:
// a new patient or prescriber becomes visible in the home store and in the other
// dispensaries of the site (R-G-05, R-G-07); a repeat that is handed out says so
// by its number (R-G-15).
func Complete(r storage.Reader, t *topology.Topology, do []journal.Proposal) ([]journal.Proposal, error) {
	out := do
	for i, p := range do {
		switch {
		case p.Key.Type == "prescription":
			more, changed, err := handedOut(r, p)
			if err != nil {
				return nil, err
			}
			if len(more) == 0 {
				continue
			}
			out = append(out[:len(out):len(out)], more...)
			out[i] = changed
		case p.Verb == atoll.Insert:
			k, ok := ofPerson(p.Key.Type)
			if !ok {
				continue
			}
			more, err := newcomer(r, t, k, p, do)
			if err != nil {
				return nil, err
			}
			out = append(out[:len(out):len(out)], more...)
		}
	}
	return out, nil
}

// newcomer returns the rows that make a new person visible.
func newcomer(r storage.Reader, t *topology.Topology, k kind, p journal.Proposal, edit []journal.Proposal) ([]journal.Proposal, error) {
	home, ok := t.Store(p.Fields.ID("home_store_id"))
	if !ok || !home.Dispensary {
		return nil, nil // the laws say what is wrong
	}
	var out []journal.Proposal
	for _, st := range dispensaries(t, home.Site) {
		if st.ID != home.ID && k.person == Patient {
			own, err := storePrefers(r, st.ID, OwnPatientsOnly)
			if err != nil {
				return nil, err
			}
			if own {
				continue
			}
		}
		there := false
		for _, other := range edit {
			there = there || other.Key.Type == k.join && other.Fields.ID(k.field) == p.Key.ID && other.Fields.ID("store_id") == st.ID
		}
		if there {
			continue
		}
		id, err := joinID(r, k, p.Key.ID, st.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, insert(atoll.Key{Type: k.join, ID: id}, atoll.Fields{}.Set(k.field, p.Key.ID).Set("store_id", st.ID)))
	}
	return out, nil
}

// storePrefers reads a preference of a store that is on or off.
func storePrefers(r storage.RecordReader, store atoll.ID, key string) (bool, error) {
	rows, err := r.Records(storage.Query{Type: "store_preference", Where: map[string]string{"store_id": string(store), "key": key}})
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if row.MustFields().Bool("value", false) {
			return true, nil
		}
	}
	return false, nil
}

// Show makes the person visible in a store, or no longer: at the centre, which
// controls visibility once a person is registered (R-G-06).
func (d Desk) Show(who atoll.Key, store atoll.ID, visible bool) ([]journal.Proposal, error) {
	k, ok := ofPerson(who.Type)
	if !ok {
		return nil, atoll.Errorf(atoll.Invalid, "a %s is not made visible in stores", who.Type)
	}
	if !d.centre() {
		return nil, atoll.Errorf(atoll.NotHere, "visibility is controlled at the centre").
			Do("here, look the %s up at the centre and fetch it: atoll %s fetch", k.word, k.word)
	}
	return d.show(k, who, store, visible)
}

func (d Desk) show(k kind, who atoll.Key, store atoll.ID, visible bool) ([]journal.Proposal, error) {
	_, f, err := record(d.R, who)
	if err != nil {
		return nil, err
	}
	if f.Text("status") == "merged" {
		return nil, atoll.Errorf(atoll.Rule, "the %s was merged into another", k.word).About(who).Because("person.merged")
	}
	rows, err := joins(d.R, k, who.ID, store)
	if err != nil {
		return nil, err
	}
	if !visible {
		var out []journal.Proposal
		for _, row := range rows {
			out = append(out, journal.Proposal{Verb: atoll.Delete, Key: row.Key})
		}
		return out, nil
	}
	if st, ok := dispensary(d.T, store); !ok {
		return nil, atoll.Errorf(atoll.Rule, "%s is not an open dispensary; %ss are visible in dispensaries only", place(d.T, st.ID), k.word).On("store_id").Because("visible.dispensary", "place", place(d.T, st.ID))
	}
	if len(rows) > 0 {
		return nil, nil
	}
	id, err := joinID(d.R, k, who.ID, store)
	if err != nil {
		return nil, err
	}
	return []journal.Proposal{insert(atoll.Key{Type: k.join, ID: id}, atoll.Fields{}.Set(k.field, who.ID).Set("store_id", store))}, nil
}
