// Package admit judges journal entries: may this transaction stand? A verdict
// from values alone, in the fixed order of checks of R-K-38: schema, reference,
// ownership, business rule. A site asks it at the edit and the centre asks it
// again on push, so that both give the same answer.
package admit

import (
	"errors"

	"github.com/atollsync/atoll"
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
	New    atoll.Fields  // nil after a delete; the last ones of a tombstone that is restated
	By     atoll.SiteID  // the site that makes it, or made it
	Seq    uint64        // the entry of its journal that it came with; 0 for an edit being made here
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
//
// From is the entry; one that is being made has no number yet.
func (j *Judge) Entry(t *topology.Topology, w World, from atoll.Origin, ops []atoll.Operation, strict bool) ([]Change, error) {
	return j.entry(t, w, from, ops, strict, false)
}

// Import judges an entry that reads in data of another system here, or tells what the
// site worked out anew: as one that arrives, and its changes are marked so.
func (j *Judge) Import(t *topology.Topology, w World, site atoll.SiteID, ops []atoll.Operation) ([]Change, error) {
	return j.entry(t, w, atoll.Origin{Site: site}, ops, false, true)
}

func (j *Judge) entry(t *topology.Topology, w World, from atoll.Origin, ops []atoll.Operation, strict, imported bool) ([]Change, error) {
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
		c.By, c.Seq, c.Imported = from.Site, from.Seq, imported
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
		if err := ownership(t, inner, from.Site, c); err != nil {
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
