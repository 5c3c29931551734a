package admit

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

func (j *Judge) references(w World, c Change, strict bool) error {
	fields := c.New
	if c.Op.Verb == atoll.Update {
		fields = c.Op.Fields // what did not change was judged before
	}
	for _, ref := range j.Catalogue.References(c.Op.Type, fields) {
		if !strict && !ref.Required && !ref.Parent {
			continue // the record it names may not be routed to the reader
		}
		r, ok, err := w.Record(atoll.Key{Type: ref.To, ID: ref.ID})
		if err != nil {
			return err
		}
		if !ok && ref.Field == addressee(c.Def) {
			if from, err := j.answersFrom(w, c, ref.ID); err != nil {
				return err
			} else if from {
				continue
			}
		}
		if !ok || (r.Deleted && strict) {
			return atoll.Errorf(atoll.Reference, "%s names %s %s, which does not exist here", ref.Field, ref.To, ref.ID).On(ref.Field).
				Because("reference.missing", "field", ref.Field, "type", ref.To)
		}
	}
	return nil
}

// addressee is the field of records of the type that names the store they go to, ""
// if they go to none.
func addressee(d *catalogue.Def) string {
	if d.Class == catalogue.Message {
		return "to_store_id"
	}
	return d.Partner
}

// answersFrom reports whether the record answers one that came from the store, or is a
// message about it. Its site need not know the store any more, or ever have known it:
// what has begun is completed (R-D-47).
func (j *Judge) answersFrom(w World, c Change, store atoll.ID) (bool, error) {
	about := []atoll.Key{{Type: atoll.Type(c.New.Text("subject_type")), ID: c.New.ID("subject_id")}}
	for _, ref := range j.Catalogue.References(c.Op.Type, c.New) {
		about = append(about, atoll.Key{Type: ref.To, ID: ref.ID})
	}
	for _, key := range about {
		def, ok := j.Catalogue.Lookup(key.Type)
		if !ok || def.Partner == "" {
			continue
		}
		r, ok, err := w.Record(key)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		f, err := r.Fields()
		if err != nil {
			return false, err
		}
		if f.ID(def.Scope) == store {
			return true, nil
		}
	}
	return false, nil
}

// together asks that a record of a store builds on records of the same store. Those of
// another go to other sites: who reads the one without the other could never take it.
func (j *Judge) together(w World, c Change) error {
	if c.Imported || !ofStore(c.Def) || c.Op.Verb == atoll.Delete {
		return nil
	}
	changed := c.New
	if c.Op.Verb == atoll.Update {
		changed = c.Op.Fields
	}
	for _, ref := range j.Catalogue.References(c.Op.Type, changed) {
		def, ok := j.Catalogue.Lookup(ref.To)
		if !ok || !ofStore(def) || !ref.Required && !ref.Parent {
			continue
		}
		r, there, err := w.Record(atoll.Key{Type: ref.To, ID: ref.ID})
		if err != nil {
			return err
		}
		if there && c.New.ID(c.Def.Scope) != r.Only(def.Scope).ID(def.Scope) {
			return atoll.Errorf(atoll.Reference, "%s names %s %s, which belongs to another store", ref.Field, ref.To, ref.ID).On(ref.Field).
				Do("name one of the same store").Because("reference.store", "field", ref.Field, "type", ref.To)
		}
	}
	return nil
}

// ofStore reports whether records of the type belong to a store and go where it goes.
func ofStore(d *catalogue.Def) bool {
	f, ok := d.Field(d.Scope)
	return ok && f.To == "store" && d.Route == catalogue.ToStore
}
