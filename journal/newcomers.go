package journal

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// newcomers gives the operations on what hangs on a patient or prescriber who is
// made in the same edit the epoch of that person's home, as the judge will see it.
func (d *Door) newcomers(tx storage.Tx, t *topology.Topology, ops []atoll.Operation) error {
	w := arriving{View: View{tx}, made: map[atoll.Key]atoll.Fields{}}
	for _, op := range ops {
		if def, ok := d.Judge.Catalogue.Lookup(op.Type); ok && def.Home != "" && op.Verb == atoll.Insert {
			w.made[op.Key] = op.Fields
		}
	}
	if len(w.made) == 0 {
		return nil
	}
	for i, op := range ops {
		def, ok := d.Judge.Catalogue.Lookup(op.Type)
		if !ok || def.Class != catalogue.Patient || def.Home != "" || op.Verb != atoll.Insert {
			continue
		}
		subject, err := admit.SubjectOf(w, def, op.Key, op.Fields)
		if err != nil {
			return err
		}
		ops[i].Epoch = d.epoch(t, subject, op.Verb)
	}
	return nil
}

// arriving is a View in which the persons of the edit are there already.
type arriving struct {
	View
	made map[atoll.Key]atoll.Fields
}

// Record returns the record, or the person as made.
func (w arriving) Record(key atoll.Key) (atoll.Record, bool, error) {
	if f, ok := w.made[key]; ok {
		return atoll.Record{Key: key, Version: 1, Body: f.Encode()}, true, nil
	}
	return w.View.Record(key)
}
