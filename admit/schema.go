package admit

import (
	"bytes"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

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
	if op.Gone() && def.Deletion != catalogue.Tombstone {
		return c, atoll.Errorf(atoll.Rule, "a %s is never deleted", def.Title).Do("%s", deletionHint(def)).Because("never_deleted", "type", def.Type)
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
		return c, nil
	}
	return c, atoll.Errorf(atoll.Invalid, "unknown verb %q", op.Verb)
}

// mends reports whether a restatement says otherwise what the very version was that
// stands here: the owner's row stands, ours is damaged (R-H-44).
func mends(op *atoll.Operation, before atoll.Record) bool {
	return before.Version == op.Version && before.Origin == op.Base && !before.Deleted && !op.Deleted && !bytes.Equal(before.Body, op.Fields.Encode())
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
