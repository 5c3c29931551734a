// Package process makes the edits that follow from edits: a document that answers
// a document, a number for what came without one, a reference that moves to the
// record that survived a merge.
//
// A processor reads the changes of this database in the order of their commit,
// with a cursor of its own, and makes the edits that follow from them: edits like
// any other, through the journal's door. What follows is written by kinds, which
// live in the rooms they are about; a kind sees one changed record and the
// database it changed in, and returns proposals.
package process

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// Kind is one kind of answer.
type Kind struct {
	// Name identifies it in causes of entries and in the exceptions.
	Name string
	// Type is the record type whose changes it looks at. A change of a line counts
	// as one of its document: Lines names the type of line, Parent the line's field
	// with the document.
	Type, Lines atoll.Type
	Parent      string
	// Needs is a field without which a record, or its line, is never answered: most
	// records are left out by it without being taken apart.
	Needs string
	// Answer returns the changes that follow from the record, for one transaction;
	// none if nothing is to be done, or if it was done before. It is asked about a
	// record each time it changes, so it must look at what is there.
	Answer func(c Case) ([]journal.Proposal, error)
	// Gone asks about records that were deleted, too; others are left out.
	Gone bool
	// Wakes returns other records that are to be asked about because this one
	// changed: the documents that waited for a store, say. Nil wakes none.
	Wakes func(c Case) ([]atoll.Key, error)
	// Keep writes what this database alone derives from the record to a shelf of the
	// kind's own, in the transaction that moves the cursor. Nil keeps nothing.
	Keep func(tx storage.Tx, c Case) error
	// Undone is as Keep, for a record of which the centre refused what was done here, and
	// gave it back: it stands as it was before, or the case has its key alone.
	Undone func(tx storage.Tx, c Case) error
	// Failed returns what others are told when the record cannot be answered: it is
	// asked when that is first found, and each time the reason changes. Nil tells
	// nobody.
	Failed func(c Case, e Exception) []journal.Proposal
	// Batches says that an answer may be the first of several: the record is asked
	// about again, in a transaction of its own, until there is nothing left to do.
	// What is left after a stop is done by the next run.
	Batches bool
	// About returns the records of Type that are to be asked about because another
	// record, of whatever type, changed. Every change is shown to it, so it must be
	// quick. Nil looks at none.
	About func(c Change) ([]atoll.ID, error)
	// Cause says why the answer's entry is made. Nil names the kind and the record.
	Cause func(c Case, do []journal.Proposal) atoll.Cause
}

// Change is a change of any record, as it is shown to About.
type Change struct {
	R         storage.Reader
	T         *topology.Topology
	Site      atoll.SiteID
	Record    atoll.Record
	Survivors *survivor.Resolver // of this snapshot
}

// Case is one changed record, and the database it changed in.
type Case struct {
	R         storage.Reader
	T         *topology.Topology
	Catalogue *catalogue.Catalogue
	Now       time.Time
	Site      atoll.SiteID
	Record    atoll.Record
	Fields    atoll.Fields

	owner func(atoll.Record) (atoll.SiteID, error)
}

// Owns reports whether this site may write the record now. It does not own what
// it cannot tell the owner of.
func (c Case) Owns(r atoll.Record) bool {
	if c.owner == nil {
		return false
	}
	site, err := c.owner(r)
	return err == nil && site == c.Site
}

// Owner returns the site that may write the record now, 0 if that is not known
// here.
func (c Case) Owner(r atoll.Record) atoll.SiteID {
	if c.owner == nil {
		return 0
	}
	site, err := c.owner(r)
	if err != nil {
		return 0
	}
	return site
}

// Here reports whether the store is active on this site.
func (c Case) Here(store atoll.ID) bool {
	s, ok := c.T.Store(store)
	return ok && s.Site == c.Site
}

// Exists reports whether there is, or was, a record with the key.
func (c Case) Exists(key atoll.Key) (bool, error) {
	_, err := c.R.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// Processors runs the kinds over a database.
type Processors struct {
	Store storage.Store
	Door  *journal.Door
	Kinds []Kind
	Now   func() time.Time
	Log   *slog.Logger
	// Before is called at the beginning of each run; nil is allowed.
	Before func(ctx context.Context) error
	// LoopGuard is how many answers one document may cause in one pass; 20 if zero
	// (R-D-21).
	LoopGuard int

	turns
}

const (
	shelfCursor     = "processors"
	shelfExceptions = "exceptions"
	shelfUnfinished = "unfinished" // what was answered in part
	pageSize        = 500
)

func (p *Processors) run(ctx context.Context) (int, error) {
	asked := false
	of := pass{guard: map[atoll.Key]int{}}
	if p.Before != nil {
		if err := p.Before(ctx); err != nil {
			return 0, err
		}
	}
	total, err := p.again(ctx)
	if err != nil {
		return 0, err
	}
	for {
		todo, from, upTo, err := p.find(ctx)
		if err != nil {
			return total, err
		}
		if upTo == 0 {
			some, n, err := p.finish(ctx)
			total += n
			if err != nil || !some && (total == 0 || asked) {
				return total, err
			}
			if !some { // what was done now may be what others waited for, and nobody else may come
				asked = true
				n, err := p.again(ctx)
				if total += n; err != nil {
					return total, err
				}
			}
			continue
		}
		n := 0
		err = p.Store.Update(ctx, func(tx storage.Tx) error {
			n = 0
			if err := errors.Join(of.begin(tx), tx.Prefetch(todo)); err != nil {
				return err
			}
			queue := slices.Clone(todo)
			for i := 0; i < len(queue); i++ {
				made, woken, err := p.answer(tx, queue[i], &of)
				if err != nil {
					return err
				}
				n += made
				for _, key := range woken {
					if !slices.Contains(queue[i+1:], key) {
						queue = append(queue, key)
					}
				}
			}
			if now, err := cursor(tx); err != nil || now < from {
				return err // it was set back meanwhile
			}
			return tx.Set(shelfCursor, "transfer", []byte(atoll.Origin{Site: 1, Seq: uint64(upTo)}.String()))
		})
		if err != nil {
			return total, err
		}
		total += n
	}
}

// find reads on from the cursor until it meets records that some kind looks at.
// It returns them, the cursor, and the position up to which it read; 0 if nothing is new.
func (p *Processors) find(ctx context.Context) (todo []atoll.Key, from, upTo atoll.Position, err error) {
	err = p.Store.View(ctx, func(r storage.Reader) error {
		todo, upTo = nil, 0
		seen := map[atoll.Key]bool{}
		after, err := cursor(r)
		if err != nil {
			return err
		}
		from = after
		survivors := survivor.New(r, p.Door.Judge.Catalogue)
		for len(todo) == 0 {
			page, err := r.Changed(after, pageSize)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, rec := range page {
				after = rec.Position
				keys, err := p.concerns(r, survivors, rec)
				if err != nil {
					return err
				}
				for _, key := range keys {
					if !seen[key] {
						seen[key] = true
						todo = append(todo, key)
					}
				}
			}
			upTo = after
		}
		return nil
	})
	return todo, from, upTo, err
}

// Rewind has every record of this database looked at again, from the next run on. In
// a centre that was restored, what answers a record may have come before the record
// is taken back.
func Rewind(tx storage.Tx) error { return tx.Drop(shelfCursor, "transfer") }

func cursor(r storage.Reader) (atoll.Position, error) {
	b, err := r.Get(shelfCursor, "transfer")
	if errors.Is(err, atoll.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	o, err := atoll.ParseOrigin(string(b))
	return atoll.Position(o.Seq), err
}

// concerns returns the documents that some kind may answer because of the change.
func (p *Processors) concerns(r storage.Reader, survivors *survivor.Resolver, rec atoll.Record) ([]atoll.Key, error) {
	if rec.Hidden {
		return nil, nil
	}
	var out []atoll.Key
	add := func(key atoll.Key) {
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	var field string // the one that was read last: many kinds ask for the same
	var parent atoll.ID
	for _, k := range p.Kinds {
		if rec.Deleted && !k.Gone {
			continue
		}
		if k.About != nil {
			t, err := p.Door.Topology(r)
			if err != nil {
				return nil, err
			}
			ids, err := k.About(Change{R: r, T: t, Site: p.Door.Site, Record: rec, Survivors: survivors})
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				add(atoll.Key{Type: k.Type, ID: id})
			}
		}
		line := rec.Type == k.Lines && k.Lines != ""
		if (rec.Type != k.Type && !line) || (k.Needs != "" && !bytes.Contains(rec.Body, []byte(`"`+k.Needs+`":`))) {
			continue
		}
		if line {
			if k.Parent != field {
				field, parent = k.Parent, rec.Only(k.Parent).ID(k.Parent)
			}
			add(atoll.Key{Type: k.Type, ID: parent})
		} else {
			add(rec.Key)
		}
	}
	return out, nil
}

// answer asks every kind about the record, makes the edits they want, and returns
// the records that are to be asked about next.
func (p *Processors) answer(tx storage.Tx, key atoll.Key, of *pass) (made int, woken []atoll.Key, err error) {
	c, ok, err := p.caseOf(tx, key)
	for _, k := range p.Kinds {
		if err != nil || !ok {
			return made, woken, err
		}
		if k.Type != key.Type || c.Record.Deleted && !k.Gone {
			continue
		}
		if k.Answer != nil && !c.Record.Hidden { // what was retracted may be otherwise by now
			n, err := p.one(tx, k, c, of)
			if err != nil {
				return made, nil, err
			}
			if made += n; n > 0 {
				if c, ok, err = p.caseOf(tx, key); err != nil || !ok {
					return made, woken, err
				}
			}
		}
		if k.Keep != nil {
			if err := k.Keep(tx, c); err != nil {
				return made, nil, err
			}
		}
		if k.Wakes != nil {
			more, err := k.Wakes(c)
			if err != nil {
				return made, nil, err
			}
			woken = append(woken, more...)
		}
	}
	return made, woken, err
}

// caseOf reads the record as it stands now. It is not ok when there is none.
func (p *Processors) caseOf(tx storage.Tx, key atoll.Key) (c Case, ok bool, err error) {
	rec, err := tx.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return c, false, nil // a line came before its document, which will ask for itself
	}
	if err != nil {
		return c, false, err
	}
	fields, err := rec.Fields()
	if err != nil {
		return c, false, err
	}
	t, err := p.Door.Topology(tx)
	if err != nil {
		return c, false, err
	}
	owner := func(r atoll.Record) (atoll.SiteID, error) {
		o, err := p.Door.Owner(tx, r)
		return o.Site, err
	}
	return Case{
		R: tx, T: t, Catalogue: p.Door.Judge.Catalogue, Now: p.Now(), Site: p.Door.Site, Record: rec, Fields: fields, owner: owner,
	}, true, nil
}

// ask is one for a record that is named by its key.
func (p *Processors) ask(tx storage.Tx, k Kind, key atoll.Key, of *pass) (int, error) {
	c, ok, err := p.caseOf(tx, key)
	if err != nil {
		return 0, err
	}
	if !ok || k.Answer == nil || c.Record.Hidden || c.Record.Deleted && !k.Gone {
		return p.except(tx, k, key, of, nil) // there is nothing left to answer
	}
	return p.one(tx, k, c, of)
}

// one asks one kind and makes the edits it wants, all or none.
func (p *Processors) one(tx storage.Tx, k Kind, c Case, of *pass) (int, error) {
	key := c.Record.Key
	do, err := k.Answer(c)
	if err != nil || len(do) == 0 {
		return p.except(tx, k, key, of, err)
	}
	made := 0
	err = tx.Savepoint(func() error {
		limit := p.LoopGuard
		if limit == 0 {
			limit = 20
		}
		if of.guard[key]++; of.guard[key] > limit && !k.Batches {
			return atoll.Errorf(atoll.LoopGuard, "%s answered this document %d times in one pass", k.Name, of.guard[key]-1)
		}
		cause := journal.CauseOf(k.Name, key)
		if k.Cause != nil {
			cause = k.Cause(c, do)
		}
		res, err := p.Door.Write(tx, journal.Edit{Actor: "atoll", Cause: cause, Do: do})
		if err != nil || res.Seq == 0 {
			return err
		}
		if back, err := p.Door.GivenBack(tx, cause, res.Seq); err != nil {
			return err
		} else if back {
			return atoll.Errorf(atoll.LoopGuard, "the central server gives back what %s answers, each time the same", k.Name).
				Do("decide there about what waits of this site: atoll quarantine list")
		}
		made = 1
		if k.Batches {
			return tx.Set(shelfUnfinished, k.Name+" "+key.String(), []byte("{}"))
		}
		return nil
	})
	if err != nil {
		made = 0
	}
	told, err := p.except(tx, k, key, of, err)
	return made + told, err // what was told may be what the next asking looks for
}

// Store returns the store's record in the topology.
func (c Case) Store(id atoll.ID) topology.Store {
	s, _ := c.T.Store(id)
	return s
}
