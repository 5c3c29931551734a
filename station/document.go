package station

import (
	"context"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// Document is a document as people see it: with its lines, and what may be done
// with it now.
type Document struct {
	Record
	Lines []Record
	// Choices says for every action whether it may be done here and now, and why not.
	Choices []documents.Choice
}

// Document returns a document with its lines, from one snapshot.
func (s *Station) Document(ctx context.Context, key atoll.Key) (Document, error) {
	var out Document
	err := s.Store.View(ctx, func(r storage.Reader) error {
		out = Document{}
		rec, err := r.Record(key)
		if atoll.CodeOf(err) == atoll.NotFound || err == nil && (rec.Deleted || rec.Hidden) {
			return atoll.Errorf(atoll.NotFound, "there is no such document").About(key)
		}
		if err != nil {
			return err
		}
		merged := survivor.New(r, s.Catalogue)
		if out.Record, err = s.dressed(r, merged, rec); err != nil {
			return err
		}
		if out.Choices, err = s.choices(r, out.Record); err != nil {
			return err
		}
		line, parent, _ := documents.LineOf(key.Type)
		if line == "" {
			return nil
		}
		lines, err := r.Records(storage.Query{Type: line, Where: map[string]string{parent: string(key.ID)}})
		if err != nil {
			return err
		}
		for _, l := range lines {
			d, err := s.dressed(r, merged, l)
			if err != nil {
				return err
			}
			out.Lines = append(out.Lines, d)
		}
		// As people number them; those without a number in the order they were made.
		slices.SortStableFunc(out.Lines, func(a, b Record) int {
			return int(a.Fields.Int("line_number") - b.Fields.Int("line_number"))
		})
		return nil
	})
	return out, err
}

// choices are what the document allows; nothing is allowed where its site is
// another.
func (s *Station) choices(r storage.Reader, rec Record) ([]documents.Choice, error) {
	t, err := s.Door.Topology(r)
	if err != nil {
		return nil, err
	}
	out, err := documents.Desk{R: r, T: t, Now: s.Now()}.Allowed(rec.Key)
	if err != nil || rec.Editable {
		return out, err
	}
	for i := range out {
		out[i].Allowed = false
		out[i].Why = "the document belongs to site " + rec.Owner.Site.String() + " (" + rec.Owner.Why + ")"
		out[i].Hint = "do it there; it arrives here with the next synchronisation"
		out[i].Reason, out[i].Args = "elsewhere", []any{"site", rec.Owner.Site}
	}
	return out, nil
}

// Choices answers what may be done with a document here and now.
func (s *Station) Choices(ctx context.Context, key atoll.Key) ([]documents.Choice, error) {
	d, err := s.Document(ctx, key)
	return d.Choices, err
}

// byHand is the cause of what users do.
var byHand = atoll.Cause{Kind: "user"}

// Do does an action on a document, in one transaction. Version is the one the
// caller saw, 0 for any.
func (s *Station) Do(ctx context.Context, actor string, act documents.Action, key atoll.Key, version uint64) (journal.Result, error) {
	return s.Act(ctx, actor, byHand, func(d documents.Desk) ([]journal.Proposal, error) {
		if err := seen(d, key, version); err != nil {
			return nil, err
		}
		return d.Do(act, key)
	})
}

// MakeDocument makes a document with its lines, in one transaction.
func (s *Station) MakeDocument(ctx context.Context, actor string, key atoll.Key, want documents.Draft) (journal.Result, error) {
	return s.Act(ctx, actor, byHand, func(d documents.Desk) ([]journal.Proposal, error) { return d.Make(key.Type, key.ID, want) })
}

// ChangeDocument changes a document and its lines, in one transaction. Version is
// the document's that the caller saw, 0 for any.
func (s *Station) ChangeDocument(ctx context.Context, actor string, key atoll.Key, version uint64, want documents.Draft) (journal.Result, error) {
	return s.Act(ctx, actor, byHand, func(d documents.Desk) ([]journal.Proposal, error) {
		if err := seen(d, key, version); err != nil {
			return nil, err
		}
		return d.Change(key, want)
	})
}

// Named finds a record as people name it: by id, code or number, or stock as
// ITEM/BATCH of the store (documents.Desk.Find).
func (s *Station) Named(ctx context.Context, t atoll.Type, store atoll.ID, what string) (atoll.ID, error) {
	var id atoll.ID
	err := s.Store.View(ctx, func(r storage.Reader) error {
		top, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		id, err = documents.Desk{R: r, T: top, Now: s.Now(), Catalogue: s.Catalogue}.Find(t, store, what)
		return err
	})
	return id, err
}

// Repack packs stock anew, in one transaction.
func (s *Station) Repack(ctx context.Context, actor string, r documents.Repacking) (journal.Result, error) {
	return s.Act(ctx, actor, byHand, func(d documents.Desk) ([]journal.Proposal, error) { return d.Repack(r) })
}

// seen refuses to act on a document that has changed since it was read.
func seen(d documents.Desk, key atoll.Key, version uint64) error {
	if version == 0 {
		return nil
	}
	r, err := d.R.Record(key)
	if err != nil || r.Deleted {
		return atoll.Errorf(atoll.NotFound, "there is no such document").About(key)
	}
	if r.Version != version {
		return atoll.Errorf(atoll.Conflict, "version %d was expected, but version %d stands", version, r.Version).
			About(key).Do("read it again, then repeat the change")
	}
	return nil
}

// CheckStock examines the stock of a store against its documents, of every store
// if store is "" (R-J-09). It changes nothing.
func (s *Station) CheckStock(ctx context.Context, store atoll.ID) (documents.Examination, error) {
	var out documents.Examination
	err := s.Store.View(ctx, func(r storage.Reader) error {
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		out, err = documents.Desk{R: r, T: t, Now: s.Now()}.CheckStock(s.Door.Site, store)
		return err
	})
	return out, err
}
