// Package admit judges journal entries: may this transaction stand? A verdict
// from values alone, in the fixed order of checks of R-K-38: schema, reference,
// ownership, business rule. A site asks it at the edit and the centre asks it
// again on push, so that both give the same answer.
package admit

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/topology"
)

// The layers of checks, in their order.
const (
	LayerChain     = "chain" // position, hash, canonical form: judged before a Judge sees the entry
	LayerSchema    = "schema"
	LayerReference = "reference"
	LayerOwnership = "ownership"
	LayerRule      = "rule"
)

// World is what the judge may know of the records as they stand.
type World interface {
	// Record returns the record, tombstones included, and whether there is one.
	Record(key atoll.Key) (atoll.Record, bool, error)
	// Lines returns the records of the type whose field, an indexed one, names the
	// id, without those that are deleted or hidden.
	Lines(t atoll.Type, field string, of atoll.ID) ([]atoll.Record, error)
}

// Change is one operation with the record's fields before and after it.
type Change struct {
	Op     *atoll.Operation
	Def    *catalogue.Def
	Before *atoll.Record // nil for a record that was not there
	Old    atoll.Fields  // of Before; nil if there was none
	New    atoll.Fields  // nil after a delete
	By     atoll.SiteID  // the site that makes it, or made it
	// Here is set for an edit being made here and now; an arrival was made elsewhere,
	// by what its site knew then.
	Here bool
	// Imported is set for data of another system that is read in here, and for what a
	// site works out anew when it was initialised: what it tells has happened already.
	Imported bool
	// Followed are the references whose change follows a merge (R-E-10); see Edited.
	Followed []string
}

// Rule is a business rule: it refuses a change by returning an *atoll.Error,
// usually with code atoll.Rule or atoll.LifeCycle. Entry is the whole
// transaction, for rules about several records. Rules are pure: they see values
// and the world, nothing else.
type Rule func(t *topology.Topology, w World, entry []Change, c Change) error

// Law is a business rule about a whole transaction, asked once for it, after the
// rules. The error names the record at fault (atoll.Error.About).
type Law func(t *topology.Topology, w World, entry []Change) (atoll.Key, error)

// Refusal says why an entry may not stand.
type Refusal struct {
	Layer string
	Err   *atoll.Error
	Key   atoll.Key
}

// Error tells the reason.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// Judge is the court: the laws in force.
type Judge struct {
	Catalogue *catalogue.Catalogue
	Rules     []Rule
	Laws      []Law
}

// Entry judges one entry of the site. Strict is for an edit being made here: an
// unknown field and any reference to a missing record are refused; on arrival
// from elsewhere, fields of a newer catalogue are kept and only required
// references must resolve (R-K-63).
//
// It returns the changes the entry makes, without withheld and without empty
// ones (R-K-44); or a *Refusal; or another error if the world could not be read.
func (j *Judge) Entry(t *topology.Topology, w World, site atoll.SiteID, ops []atoll.Operation, strict bool) ([]Change, error) {
	return j.entry(t, w, site, ops, strict, false)
}

// Import judges an entry that reads in data of another system here, or tells what the
// site worked out anew: as one that arrives, and its changes are marked so.
func (j *Judge) Import(t *topology.Topology, w World, site atoll.SiteID, ops []atoll.Operation) ([]Change, error) {
	return j.entry(t, w, site, ops, false, true)
}

func (j *Judge) entry(t *topology.Topology, w World, site atoll.SiteID, ops []atoll.Operation, strict, imported bool) ([]Change, error) {
	changes := make([]Change, 0, len(ops))
	here := make(map[atoll.Key]*Change, len(ops))
	along := mergesOf(j.Catalogue, w, ops)
	for i := range ops {
		op := &ops[i]
		if !op.Withheld.IsZero() {
			continue
		}
		c, err := j.schema(w, along, op, strict)
		if err != nil {
			return nil, refused(LayerSchema, op.Key, err)
		}
		if c.Op == nil {
			continue // it changes nothing
		}
		c.By, c.Imported = site, imported
		changes = append(changes, c)
	}
	for i := range changes {
		here[changes[i].Op.Key] = &changes[i]
	}
	inner := world{World: w, here: here, read: map[atoll.Key]known{}}
	for _, c := range changes {
		if err := j.references(inner, c, strict); err != nil {
			return nil, refused(LayerReference, c.Op.Key, err)
		}
	}
	for _, c := range changes {
		if err := ownership(t, inner, site, c); err != nil {
			return nil, refused(LayerOwnership, c.Op.Key, err)
		}
	}
	for _, c := range changes {
		for _, rule := range j.Rules {
			if err := rule(t, inner, changes, c); err != nil {
				return nil, refused(LayerRule, c.Op.Key, err)
			}
		}
	}
	for _, c := range changes {
		if err := j.together(inner, c); err != nil {
			return nil, refused(LayerReference, c.Op.Key, err)
		}
	}
	for _, law := range j.Laws {
		if key, err := law(t, inner, changes); err != nil {
			return nil, refused(LayerRule, key, err)
		}
	}
	return changes, nil
}

func refused(layer string, key atoll.Key, err error) error {
	var e *atoll.Error
	if !errors.As(err, &e) || e.Code == atoll.Internal {
		return err
	}
	if e.Subject == "" {
		e.Subject = key.String()
	}
	return &Refusal{Layer: layer, Err: e, Key: key}
}

// schema checks the operation against the catalogue and the version it builds
// on. A Change without Op means that there is nothing to do.
func (j *Judge) schema(w World, along *merges, op *atoll.Operation, strict bool) (Change, error) {
	def, ok := j.Catalogue.Lookup(op.Type)
	if !ok {
		return Change{}, atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", op.Type).
			Do("declare it in a catalogue file, with a class; an unclassified type cannot be stored")
	}
	c := Change{Op: op, Def: def, Here: strict}
	before, there, err := w.Record(op.Key)
	if err != nil {
		return c, err
	}
	if there {
		c.Before = &before
		if c.Old, err = before.Fields(); err != nil {
			if op.Verb != atoll.Restate {
				return c, err
			}
			c.Old = nil // what is damaged here is stated again
		}
	}
	stands := c.Before
	if stoodIn(def, op, c.Before, c.Old) {
		stands, c.Old = nil, nil
	}
	if err := base(op, stands); err != nil {
		return c, err
	}
	check, checkChange := j.Catalogue.CheckReceived, j.Catalogue.CheckReceivedChange
	if strict {
		check, checkChange = j.Catalogue.Check, j.Catalogue.CheckChange
	}
	switch op.Verb {
	case atoll.Insert, atoll.Restate:
		if op.Verb == atoll.Restate && c.Before != nil && c.Before.Version >= op.Version && !mends(op, *c.Before) {
			return Change{}, nil // known already, or newer here
		}
		if names := nulls(op.Fields); len(names) > 0 {
			return c, atoll.Errorf(atoll.Schema, "field %q is null; leave it out instead", names[0]).On(names[0])
		}
		c.New = op.Fields
		return c, check(op.Type, c.New)
	case atoll.Update:
		if len(op.Fields) == 0 {
			return Change{}, nil
		}
		c.New = c.Old.Apply(op.Fields)
		if c.Followed, err = along.followed(def, c.Old, op.Fields); err != nil {
			return c, err
		}
		return c, checkChange(op.Type, c.Old, without(op.Fields, c.Followed))
	case atoll.Delete:
		if def.Deletion != catalogue.Tombstone {
			return c, atoll.Errorf(atoll.Rule, "a %s is never deleted", def.Title).Do("%s", deletionHint(def)).Because("never_deleted", "type", def.Type)
		}
		return c, nil
	}
	return c, atoll.Errorf(atoll.Invalid, "unknown verb %q", op.Verb)
}

// mends reports whether a restatement says otherwise what the very version was that
// stands here: the owner's row stands, ours is damaged (R-H-44).
func mends(op *atoll.Operation, before atoll.Record) bool {
	return before.Version == op.Version && before.Origin == op.Base && !before.Deleted && !bytes.Equal(before.Body, op.Fields.Encode())
}

func nulls(f atoll.Fields) []string {
	var out []string
	for k := range f {
		if !f.Has(k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func deletionHint(def *catalogue.Def) string {
	if _, ok := def.Field("status"); ok && def.Deletion == catalogue.Soft {
		return "change its status instead"
	}
	return "correct it with a new record instead"
}

// base checks that the operation builds on the version that stands here
// (R-K-35): by its origin, which tells two histories apart where a number could
// not.
func base(op *atoll.Operation, before *atoll.Record) error {
	switch {
	case op.Verb == atoll.Restate:
		if op.Base == (atoll.Origin{}) {
			return atoll.Errorf(atoll.Invalid, "a restated record names no entry that made it")
		}
		return nil
	case op.Verb == atoll.Insert:
		if before != nil {
			return atoll.Errorf(atoll.Exists, "there is a record with this id already, made by entry %s", before.Origin)
		}
		if op.Version != 1 || op.Base != (atoll.Origin{}) {
			return atoll.Errorf(atoll.Invalid, "an insert has version 1 and no base")
		}
		return nil
	case before == nil:
		return atoll.Errorf(atoll.Reference, "the record to %s is not here", op.Verb).Because("reference.record")
	case before.Deleted:
		return atoll.Errorf(atoll.BaseVersion, "the record was deleted by entry %s", before.Origin)
	case before.Origin != op.Base || before.Version+1 != op.Version:
		return atoll.Errorf(atoll.BaseVersion, "the change builds on version %d (entry %s), but version %d (entry %s) stands here",
			op.Version-1, op.Base, before.Version, before.Origin)
	}
	return nil
}

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
		if err != nil || !there {
			return err
		}
		if c.New.ID(c.Def.Scope) != r.Only(def.Scope).ID(def.Scope) {
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

// ownership asks whether the site may do this now, under the epoch it believed
// in. A change of the fields that decide (the store, the home store) must be
// allowed before and after it.
func ownership(t *topology.Topology, w World, site atoll.SiteID, c Change) error {
	for i, fields := range []atoll.Fields{c.Old, c.New} {
		if fields == nil {
			continue
		}
		s, err := SubjectOf(w, c.Def, c.Op.Key, fields)
		if err != nil {
			return err
		}
		s.Moves = authority.MovesHome(c.Def, c.Op.Fields)
		owner, err := authority.MayWrite(t, site, c.Op.Verb, s)
		if err != nil {
			return err
		}
		// A change of owner is made under the epoch of the new one.
		if owner.Epoch != c.Op.Epoch && (c.Op.Verb != atoll.Update || i == 1 || sameOwner(c)) {
			// What any site may do, it may have done before it became the owner.
			if by, ok := authority.Exception(t, site, c.Op.Verb, s); ok && by.Epoch == c.Op.Epoch {
				return nil
			}
			return atoll.Errorf(atoll.OldEpoch, "written under ownership epoch %d; it is %d now", c.Op.Epoch, owner.Epoch).
				Do("ownership has moved since; a person decides whether the change still stands")
		}
		if c.Op.Verb == atoll.Update && sameOwner(c) {
			return nil
		}
	}
	return nil
}

// sameOwner reports whether the fields that decide about the owner are the same
// before and after.
func sameOwner(c Change) bool {
	for _, name := range []string{c.Def.Scope, c.Def.Home, "store_id", "site_id", "owning_site", "epoch", "home_epoch"} {
		if name == "" {
			continue
		}
		if _, changed := c.Op.Fields[name]; changed {
			return false
		}
	}
	return true
}

// SubjectOf makes the authority's question about a record, reading the home store
// of the patient or prescriber it hangs on.
func SubjectOf(w World, def *catalogue.Def, key atoll.Key, f atoll.Fields) (authority.Subject, error) {
	s := authority.Subject{Def: def, Key: key, Fields: f}
	if def.Home != "" {
		s.Home, s.HomeEpoch = authority.HomeOf(def, f)
		return s, nil
	}
	if def.Class != catalogue.Patient || def.Editor == catalogue.ByActive || def.Scope == "" {
		return s, nil
	}
	field, ok := def.Field(def.Scope)
	if !ok || field.Kind != catalogue.Reference {
		return s, nil
	}
	r, there, err := w.Record(atoll.Key{Type: field.To, ID: f.ID(def.Scope)})
	if err != nil || !there {
		return s, err
	}
	person, err := r.Fields()
	if err != nil {
		return s, err
	}
	s.Home, s.HomeEpoch = person.ID("home_store_id"), uint64(person.Int("home_epoch"))
	return s, nil
}

// Lines are those of the world below, as the entry's own changes leave them.
func (w world) Lines(t atoll.Type, field string, of atoll.ID) ([]atoll.Record, error) {
	below, err := w.World.Lines(t, field, of)
	if err != nil {
		return nil, err
	}
	out := make([]atoll.Record, 0, len(below))
	for _, r := range below {
		if _, changed := w.here[r.Key]; !changed {
			out = append(out, r)
		}
	}
	for key, c := range w.here {
		if key.Type == t && c.New.ID(field) == of {
			r, _, err := w.Record(key)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b atoll.Record) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, nil
}

// world is a World in which the entry's own changes have been made. It reads each
// record once: the lines of a document all name the same few.
type world struct {
	World
	here map[atoll.Key]*Change
	read map[atoll.Key]known
}

type known struct {
	record atoll.Record
	there  bool
}

func (w world) Record(key atoll.Key) (atoll.Record, bool, error) {
	c, ok := w.here[key]
	if !ok {
		k, read := w.read[key]
		if !read {
			var err error
			if k.record, k.there, err = w.World.Record(key); err != nil {
				return k.record, false, err
			}
			w.read[key] = k
		}
		return k.record, k.there, nil
	}
	r := atoll.Record{Key: key, Version: c.Op.Version, Deleted: c.Op.Verb == atoll.Delete}
	if c.New != nil {
		r.Body = c.New.Encode()
	} else if c.Before != nil {
		r.Body = c.Before.Body
	}
	return r, true, nil
}
