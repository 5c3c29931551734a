package journal

import (
	"bytes"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// operation turns a proposal into an operation on the record as it stands. The
// operation has no verb when there is nothing to do.
func (d *Door) operation(tx storage.Tx, t *topology.Topology, p Proposal) (atoll.Operation, error) {
	op := atoll.Operation{Verb: p.Verb, Key: p.Key, Version: 1}
	p.Fields = tidy(p.Fields)
	def, ok := d.Judge.Catalogue.Lookup(p.Key.Type)
	if !ok {
		return op, atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", p.Key.Type).
			Do("list the types with: atoll catalogue")
	}
	if !p.Key.ID.Valid() {
		return op, atoll.Errorf(atoll.Invalid, "%q is not the id of a record: want a UUID", p.Key.ID)
	}
	before, there, err := View{tx}.Record(p.Key)
	if err != nil {
		return op, err
	}
	if p.Expect != 0 && before.Version != p.Expect {
		return op, atoll.Errorf(atoll.Conflict, "version %d was expected, but version %d stands", p.Expect, before.Version).
			About(p.Key).Do("read it again, then repeat the change")
	}
	old := atoll.Fields{}
	if there {
		if old, err = before.Fields(); err != nil {
			return op, err
		}
	}
	after := old
	switch p.Verb {
	case atoll.Insert:
		op.Fields = p.Fields.Compacted()
		if err := d.entered(tx, t, def, op); err != nil {
			return op, err
		}
		after = op.Fields
	case atoll.Update:
		if !there || before.Deleted {
			return op, atoll.Errorf(atoll.NotFound, "there is no such record").About(p.Key)
		}
		after = old.Apply(p.Fields)
		op.Fields = old.Changes(after)
		if len(op.Fields) == 0 {
			return atoll.Operation{}, nil
		}
		op.Version, op.Base = before.Version+1, before.Origin
	case atoll.Delete:
		if !there {
			return op, atoll.Errorf(atoll.NotFound, "there is no such record").About(p.Key)
		}
		if before.Deleted {
			return atoll.Operation{}, nil
		}
		op.Version, op.Base = before.Version+1, before.Origin
	case atoll.Restate:
		if !there {
			return atoll.Operation{}, nil
		}
		// The reader takes over the version's origin with it, so that the next change
		// builds on what it has.
		op.Version, op.Base, op.Fields, op.Deleted = before.Version, before.Origin, old, before.Deleted
	}
	subject, err := admit.SubjectOf(View{tx}, def, p.Key, after)
	if err != nil {
		return op, err
	}
	subject.Moves = authority.MovesHome(def, op.Fields)
	op.Epoch = d.epoch(t, subject, p.Verb)
	op.Stays = !d.Centre && route.Stays(t, def, after)
	return op, nil
}

// entered writes into a new order or payment which site owns it, unless it says
// so itself: a line belongs to the owner of its document.
func (d *Door) entered(tx storage.Tx, t *topology.Topology, def *catalogue.Def, op atoll.Operation) error {
	by, ok := authority.EnteredBy(t, authority.Subject{Def: def, Key: op.Key, Fields: op.Fields})
	if !ok || op.Fields.Has("owning_site") {
		return nil
	}
	for _, ref := range d.Judge.Catalogue.References(op.Type, op.Fields) {
		if !ref.Parent {
			continue
		}
		parent, there, err := View{tx}.Record(atoll.Key{Type: ref.To, ID: ref.ID})
		if err != nil {
			return err
		}
		if owner := parent.MustFields().Int("owning_site"); there && owner != 0 {
			by = atoll.SiteID(owner)
		}
	}
	op.Fields.Set("owning_site", int(by))
	return nil
}

// tidy folds values that were laid out over several lines: an entry is read line
// by line.
func tidy(f atoll.Fields) atoll.Fields {
	for _, v := range f {
		if bytes.ContainsAny(v, "\n\r") {
			f = f.Clone()
			for n, v := range f {
				f.Set(n, v)
			}
			return f
		}
	}
	return f
}
