package journal

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

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
	if slices.Contains([]string{"import", Initialised, SentBack}, e.Cause.Kind) {
		changes, err = d.Judge.Import(t, View{tx}, d.Site, ops)
	} else {
		changes, err = d.Judge.Entry(t, View{tx}, atoll.Origin{Site: d.Site}, ops, true)
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
// (R-B-92), or one of a store whose data shall go up from now on and has not been sent
// yet (R-B-93): readers need what the change builds on. The operation has no verb when
// there is no need.
func (d *Door) stayed(tx storage.Tx, t *topology.Topology, op atoll.Operation) (atoll.Operation, error) {
	if d.Centre || op.Stays || op.Verb != atoll.Update && op.Verb != atoll.Delete {
		return atoll.Operation{}, nil
	}
	before, err := d.operation(tx, t, Proposal{Verb: atoll.Restate, Key: op.Key})
	if err != nil {
		return atoll.Operation{}, err
	}
	if !before.Stays {
		r, err := tx.Record(op.Key)
		if err != nil || len(r.Audiences) > 0 {
			return atoll.Operation{}, err
		}
		if stayed, err := d.stayedHere(tx, r); err != nil || !stayed {
			return atoll.Operation{}, err
		}
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
