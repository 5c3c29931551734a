// Package journal is the one door through which records change: a record and the
// journal entry that tells of it are written together, in one transaction, or
// not at all (R-A-13). At the centre the record's lines in the feed are written
// in the same breath.
//
// A change comes in in one of three ways, and no fourth: Write makes an edit here, Accept
// takes an entry that another site made (at once, or with Copy and Apply when it had to
// wait), Receive takes a record's state from the centre's feed. What else a Door does
// changes nobody's data: it states, lists, hides or lets go of copies, or writes a
// damaged row again as the journal tells it. Nothing else in the program calls storage's
// RecordWriter or JournalWriter; a test sees to that.
package journal

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// Door writes records and journal of one database. It may be used by several
// goroutines, each in its own transaction.
type Door struct {
	// Site is whose database it is.
	Site atoll.SiteID
	// Centre says that this is the central server: records are listed in the feed.
	Centre bool
	// Judge judges edits made here.
	Judge *admit.Judge
	// Companions complete an edit with what must happen in the same transaction,
	// such as the second half of a symmetric pair.
	Companions []Companion
	// Now is the clock that is recorded in entries.
	Now func() time.Time

	atlas atlas
}

// Companion returns further changes that belong to a proposed one, given the
// whole edit as it is so far. It is also asked about the changes it returned,
// until it returns none.
type Companion func(r storage.Reader, t *topology.Topology, edit []Proposal, p Proposal) ([]Proposal, error)

// Proposal is one wanted change of one record.
type Proposal struct {
	Verb atoll.Verb
	Key  atoll.Key
	// Fields are all fields for an insert; for an update the fields to change, null
	// to clear.
	Fields atoll.Fields
	// Expect is the version the caller saw; 0 does not check.
	Expect uint64
}

// Edit is one wanted transaction.
type Edit struct {
	Actor string
	Cause atoll.Cause
	Do    []Proposal
}

// Result tells what an edit did.
type Result struct {
	// Seq is the position of the entry in this site's journal; 0 when nothing
	// changed and no entry was written (R-K-44).
	Seq     uint64
	Changes []admit.Change
}

// Initialised is the kind of cause of what a site works out anew about itself when it
// was initialised: like an import it tells what has happened already.
const Initialised = "initialised"

// View is a World over a storage snapshot or transaction.
type View struct{ storage.RecordReader }

// Record returns the record and whether there is one.
func (v View) Record(key atoll.Key) (atoll.Record, bool, error) {
	r, err := v.RecordReader.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Lines returns the records of the type whose indexed field names the id.
func (v View) Lines(t atoll.Type, field string, of atoll.ID) ([]atoll.Record, error) {
	return v.Records(storage.Query{Type: t, Where: map[string]string{field: string(of)}})
}

// Write makes an edit here: it judges the changes as this site's, writes the
// records and appends the entry. Changes that change nothing are left out. On
// any error the caller must give up the transaction, or undo to a savepoint; the
// error is an *admit.Refusal when the edit may not stand, and carries
// atoll.Conflict when a record is no longer at the expected version.
func (d *Door) Write(tx storage.Tx, e Edit) (Result, error) {
	t, err := d.Topology(tx)
	if err != nil {
		return Result{}, err
	}
	proposals, err := d.complete(tx, t, e.Do)
	if err != nil {
		return Result{}, err
	}
	merged := survivor.New(tx, d.Judge.Catalogue)
	for i, p := range proposals {
		if proposals[i], err = d.resolved(merged, e.Do, p); err != nil {
			return Result{}, err
		}
	}
	ops := make([]atoll.Operation, 0, len(proposals))
	var first []atoll.Operation // what the centre must have before
	for _, p := range proposals {
		op, err := d.operation(tx, t, p)
		if err != nil {
			return Result{}, err
		}
		if op.Verb == "" {
			continue
		}
		ops = append(ops, op)
		if before, err := d.stayed(tx, t, op); err != nil {
			return Result{}, err
		} else if before.Verb != "" {
			first = append(first, before)
		}
	}
	if len(ops) == 0 {
		return Result{}, nil
	}
	if err := d.newcomers(tx, t, ops); err != nil {
		return Result{}, err
	}
	if len(ops) > atoll.MaxOperations {
		return Result{}, atoll.Errorf(atoll.TooLarge, "one transaction changes %d records; the limit is %d", len(ops), atoll.MaxOperations)
	}
	var changes []admit.Change
	if e.Cause.Kind == "import" || e.Cause.Kind == Initialised {
		changes, err = d.Judge.Import(t, View{tx}, d.Site, ops)
	} else {
		changes, err = d.Judge.Entry(t, View{tx}, d.Site, ops, true)
	}
	if err != nil {
		return Result{}, err
	}
	if len(changes) == 0 {
		return Result{}, nil
	}
	kept := make([]atoll.Operation, len(changes))
	for i, c := range changes {
		kept[i] = *c.Op
	}
	if len(first) > 0 {
		out := Edit{Actor: e.Actor, Cause: atoll.Cause{Kind: "resync", Ref: e.Cause.Ref}}
		if _, err := d.append(tx, t, out, first, nil); err != nil {
			return Result{}, err
		}
	}
	return d.append(tx, t, e, kept, changes)
}

// stayed returns the whole state of a record that has stayed at this site and
// goes up from this change on, such as a document that becomes a transfer
// (R-B-92): readers need what the change builds on. The operation has no verb
// when there is no need.
func (d *Door) stayed(tx storage.Tx, t *topology.Topology, op atoll.Operation) (atoll.Operation, error) {
	if d.Centre || op.Stays || op.Verb != atoll.Update {
		return atoll.Operation{}, nil
	}
	before, err := d.operation(tx, t, Proposal{Verb: atoll.Restate, Key: op.Key})
	if err != nil || !before.Stays {
		return atoll.Operation{}, err
	}
	before.Stays = false
	return before, nil
}

// Restate appends an entry with the whole state of the records as they stand,
// for readers that lost them or never had them. The records themselves are left
// as they are; those that stay at this site are left out.
func (d *Door) Restate(tx storage.Tx, e Edit) (Result, error) {
	t, err := d.Topology(tx)
	if err != nil {
		return Result{}, err
	}
	var ops []atoll.Operation
	for _, p := range e.Do {
		p.Verb = atoll.Restate
		op, err := d.operation(tx, t, p)
		if err != nil {
			return Result{}, err
		}
		if op.Verb != "" && !op.Stays {
			ops = append(ops, op)
		}
	}
	if len(ops) == 0 {
		return Result{}, nil
	}
	for _, op := range ops {
		// One that has stayed here until now goes up with it.
		r, err := tx.Record(op.Key)
		if err != nil || d.Centre || r.Hidden || len(r.Audiences) > 0 {
			continue
		}
		if err := d.place(tx, t, r); err != nil {
			return Result{}, err
		}
	}
	return d.append(tx, t, e, ops, nil)
}

func (d *Door) append(tx storage.Tx, t *topology.Topology, e Edit, ops []atoll.Operation, changes []admit.Change) (Result, error) {
	head, err := tx.Head(d.Site)
	if err != nil {
		return Result{}, err
	}
	if head.Timeline == "" {
		return Result{}, atoll.Errorf(atoll.Initialise, "this database has no timeline yet").Do("finish setting it up first")
	}
	entry := atoll.Entry{
		Time: d.Now(), Actor: e.Actor, Cause: e.Cause, Catalogue: d.Judge.Catalogue.Version(), Operations: ops,
	}
	content := entry.Encode()
	if len(content) > atoll.MaxEntry {
		return Result{}, atoll.Errorf(atoll.TooLarge, "one transaction has %d bytes; the limit is %d", len(content), atoll.MaxEntry)
	}
	je := storage.JournalEntry{
		Site: d.Site, Timeline: head.Timeline, Seq: head.Seq + 1, Received: entry.Time, Content: content,
	}
	je.Hash = atoll.Chain(head.Hash, je.Site, je.Timeline, je.Seq, atoll.Digest(content))
	if err := tx.Append(je); err != nil {
		return Result{}, err
	}
	if err := d.apply(tx, t, atoll.Origin{Site: d.Site, Seq: je.Seq}, changes); err != nil {
		return Result{}, err
	}
	return Result{Seq: je.Seq, Changes: changes}, nil
}

// complete adds what companions want, once for each record.
func (d *Door) complete(r storage.Reader, t *topology.Topology, proposals []Proposal) ([]Proposal, error) {
	seen := make(map[atoll.Key]bool, len(proposals))
	for _, p := range proposals {
		if seen[p.Key] {
			return nil, atoll.Errorf(atoll.Invalid, "one transaction changes the record twice").About(p.Key)
		}
		seen[p.Key] = true
	}
	for i := 0; i < len(proposals); i++ {
		for _, c := range d.Companions {
			more, err := c(r, t, proposals, proposals[i])
			if err != nil {
				return nil, err
			}
			for _, p := range more {
				if !seen[p.Key] {
					seen[p.Key] = true
					proposals = append(proposals, p)
				}
			}
		}
	}
	return proposals, nil
}

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
