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
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
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
}

// Case is one changed record, and the database it changed in.
type Case struct {
	R      storage.Reader
	T      *topology.Topology
	Now    time.Time
	Site   atoll.SiteID
	Record atoll.Record
	Fields atoll.Fields
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

// Exception is a document that could not be answered (R-D-52).
type Exception struct {
	Kind     string     `json:"kind"`
	Record   string     `json:"record"` // "type/id"
	Code     atoll.Code `json:"code"`
	Message  string     `json:"message"`
	Since    time.Time  `json:"since"`
	Attempts int        `json:"attempts"`
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
}

const (
	shelfCursor     = "processors"
	shelfExceptions = "exceptions"
	pageSize        = 500
)

// Run works through the changes since its cursor until none is left, and returns
// how many transactions it made. Stopped anywhere, it goes on from where it was:
// the cursor moves in the transaction that does the work. It may be called from
// several goroutines; they take turns.
func (p *Processors) Run(ctx context.Context) (int, error) {
	total := 0
	guard := map[atoll.Key]int{}
	if p.Before != nil {
		if err := p.Before(ctx); err != nil {
			return 0, err
		}
	}
	if err := p.again(ctx); err != nil {
		return 0, err
	}
	for {
		todo, upTo, err := p.find(ctx)
		if err != nil || upTo == 0 {
			return total, err
		}
		n := 0
		err = p.Store.Update(ctx, func(tx storage.Tx) error {
			n = 0
			for _, key := range todo {
				made, err := p.answer(tx, key, guard)
				if err != nil {
					return err
				}
				n += made
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
// It returns them and the position up to which it read; 0 if nothing is new.
func (p *Processors) find(ctx context.Context) (todo []atoll.Key, upTo atoll.Position, err error) {
	err = p.Store.View(ctx, func(r storage.Reader) error {
		todo, upTo = nil, 0
		seen := map[atoll.Key]bool{}
		after, err := cursor(r)
		if err != nil {
			return err
		}
		for len(todo) == 0 {
			page, err := r.Changed(after, pageSize)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, rec := range page {
				after = rec.Position
				for _, key := range p.concerns(rec) {
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
	return todo, upTo, err
}

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
func (p *Processors) concerns(rec atoll.Record) []atoll.Key {
	if rec.Deleted || rec.Hidden {
		return nil
	}
	var out []atoll.Key
	for _, k := range p.Kinds {
		line := rec.Type == k.Lines && k.Lines != ""
		if (rec.Type != k.Type && !line) || (k.Needs != "" && !bytes.Contains(rec.Body, []byte(`"`+k.Needs+`":`))) {
			continue
		}
		key := rec.Key
		if line {
			key = atoll.Key{Type: k.Type, ID: rec.MustFields().ID(k.Parent)}
		}
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}

// answer asks every kind about the record and makes the edits they want.
func (p *Processors) answer(tx storage.Tx, key atoll.Key, guard map[atoll.Key]int) (int, error) {
	made := 0
	for _, k := range p.Kinds {
		if k.Type != key.Type {
			continue
		}
		n, err := p.one(tx, k, key, guard)
		if err != nil {
			return made, err
		}
		made += n
	}
	return made, nil
}

func (p *Processors) one(tx storage.Tx, k Kind, key atoll.Key, guard map[atoll.Key]int) (int, error) {
	made := 0
	err := tx.Savepoint(func() error {
		rec, err := tx.Record(key)
		if errors.Is(err, atoll.NotFound) {
			return nil // a line came before its document, which will ask for itself
		}
		if err != nil {
			return err
		}
		fields, err := rec.Fields()
		if err != nil {
			return err
		}
		t, err := p.Door.Topology(tx)
		if err != nil {
			return err
		}
		c := Case{R: tx, T: t, Now: p.Now(), Site: p.Door.Site, Record: rec, Fields: fields}
		do, err := k.Answer(c)
		if err != nil || len(do) == 0 {
			return err
		}
		limit := p.LoopGuard
		if limit == 0 {
			limit = 20
		}
		if guard[key]++; guard[key] > limit {
			return atoll.Errorf(atoll.LoopGuard, "%s answered this document %d times in one pass", k.Name, guard[key]-1)
		}
		res, err := p.Door.Write(tx, journal.Edit{
			Actor: "atoll", Cause: atoll.Cause{Kind: "process/" + k.Name, Ref: key.String()}, Do: do,
		})
		if err == nil && res.Seq > 0 {
			made = 1
		}
		return err
	})
	return made, p.except(tx, k, key, err)
}

// except notes or clears the exception of a document. An error that a record
// causes never stops the others.
func (p *Processors) except(tx storage.Tx, k Kind, key atoll.Key, err error) error {
	place := k.Name + " " + key.String()
	var known Exception
	b, gerr := tx.Get(shelfExceptions, place)
	if gerr == nil {
		gerr = json.Unmarshal(b, &known)
	}
	if gerr != nil && !errors.Is(gerr, atoll.NotFound) {
		return gerr
	}
	if err == nil {
		if known.Kind == "" {
			return nil
		}
		return tx.Drop(shelfExceptions, place)
	}
	var refusal *admit.Refusal
	var told *atoll.Error
	if !errors.As(err, &refusal) && !errors.As(err, &told) {
		return err
	}
	e := Exception{Kind: k.Name, Record: key.String(), Code: atoll.CodeOf(err), Message: err.Error(), Since: known.Since, Attempts: known.Attempts + 1}
	if e.Since.IsZero() {
		e.Since = p.Now()
		p.Log.Warn("document could not be answered", "kind", k.Name, "record", key.String(), "code", string(e.Code), "err", err)
	}
	if b, err = json.Marshal(e); err != nil {
		return err
	}
	return tx.Set(shelfExceptions, place, b)
}

// again asks about the documents that could not be answered before: what they
// lacked may have arrived.
func (p *Processors) again(ctx context.Context) error {
	open, err := p.Exceptions(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	return p.Store.Update(ctx, func(tx storage.Tx) error {
		guard := map[atoll.Key]int{}
		for _, e := range open {
			i := slices.IndexFunc(p.Kinds, func(k Kind) bool { return k.Name == e.Kind })
			key, ok := parseKey(e.Record)
			if i < 0 || !ok {
				continue
			}
			if _, err := p.one(tx, p.Kinds[i], key, guard); err != nil {
				return err
			}
		}
		return nil
	})
}

func parseKey(s string) (atoll.Key, bool) {
	for i := range s {
		if s[i] == '/' {
			return atoll.Key{Type: atoll.Type(s[:i]), ID: atoll.ID(s[i+1:])}, true
		}
	}
	return atoll.Key{}, false
}

// Exceptions returns the documents that could not be answered, up to 200.
func (p *Processors) Exceptions(ctx context.Context) ([]Exception, error) {
	var out []Exception
	err := p.Store.View(ctx, func(r storage.Reader) error {
		out = nil
		items, err := r.Scan(shelfExceptions, "", 200, false)
		if err != nil {
			return err
		}
		for _, it := range items {
			var e Exception
			if err := json.Unmarshal(it.Value, &e); err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

// Store returns the store's record in the topology.
func (c Case) Store(id atoll.ID) topology.Store {
	s, _ := c.T.Store(id)
	return s
}
