package station

import (
	"context"
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Merge is a wish to merge one record into another.
type Merge struct {
	Type atoll.Type
	From atoll.ID // is merged, and kept for ever as such (R-E-06)
	Into atoll.ID // stays
	// Confirmed says that items which are counted differently are the same all the
	// same.
	Confirmed bool
	// Allow refuses people who may not change the record; nil allows everybody.
	Allow Allow
}

// Allow says whether a person may make the changes.
type Allow func(documents.Desk, ...journal.Proposal) error

// first asks whether the change of the merged record itself is allowed: what follows
// from it is the program's work.
func (a Allow) first(d documents.Desk, do []journal.Proposal, err error) ([]journal.Proposal, error) {
	if err == nil && a != nil && len(do) > 0 {
		err = a(d, do[0])
	}
	return do, err
}

// MergeResult tells what a merge, or its undoing, did here.
type MergeResult struct {
	// Seq is the journal entry of the act itself.
	Seq uint64 `json:"seq"`
	// Rows is how many rows were re-pointed here, or given back.
	Rows int `json:"rows"`
}

func (s *Station) merging(r storage.Reader, t *topology.Topology) merge.Desk {
	return merge.Desk{R: r, T: t, Now: s.Now(), Site: s.Door.Site, Catalogue: s.Catalogue}
}

// Merge merges one record into another: at once and whole at this site, and at
// every other when it hears of it (R-E-10, R-E-30). It is refused where the record
// is not owned here, and when a law of merges forbids it.
func (s *Station) Merge(ctx context.Context, actor string, m Merge) (MergeResult, error) {
	from := atoll.Key{Type: m.Type, ID: m.From}
	res, err := s.act(ctx, actor, atoll.Cause{Kind: merge.Cause, Ref: merge.Reference(from, m.Into)},
		func(d documents.Desk) ([]journal.Proposal, error) {
			do, err := s.merging(d.R, d.T).Merge(m.Type, m.From, m.Into, m.Confirmed)
			return m.Allow.first(d, do, err)
		})
	if err != nil {
		return MergeResult{}, err
	}
	return s.merged(ctx, from, res.Seq, false)
}

// Unmerge undoes a merge: at this site at once, at every other when it hears of it
// (R-E-50, R-E-51).
func (s *Station) Unmerge(ctx context.Context, actor string, key atoll.Key, allow Allow) (MergeResult, error) {
	into := atoll.ID("")
	if d, err := s.MergeDetails(ctx, key); err == nil {
		into = d.Into
	}
	res, err := s.act(ctx, actor, atoll.Cause{Kind: merge.UndoCause, Ref: merge.Reference(key, into)},
		func(d documents.Desk) ([]journal.Proposal, error) {
			do, err := s.merging(d.R, d.T).Undo(key.Type, key.ID)
			return allow.first(d, do, err)
		})
	if err != nil {
		return MergeResult{}, err
	}
	return s.merged(ctx, key, res.Seq, true)
}

// merged counts what this site's merge journal tells of the merge.
func (s *Station) merged(ctx context.Context, key atoll.Key, seq uint64, undone bool) (MergeResult, error) {
	out := MergeResult{Seq: seq}
	d, err := s.MergeDetails(ctx, key)
	for _, e := range d.Journal {
		if e.Site == s.Door.Site && e.Undone == undone {
			out.Rows += len(e.Rows)
		}
	}
	return out, err
}

// errDry ends a transaction that was only to see whether it would stand.
var errDry = errors.New("a preview")

// PreviewMerge tells what the merge would re-point here and what stays for others,
// and whether it would be refused. Nothing changes. Who may not merge the record is
// refused.
func (s *Station) PreviewMerge(ctx context.Context, m Merge) (merge.Preview, error) {
	var out merge.Preview
	err := s.Store.View(ctx, func(r storage.Reader) error {
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		if m.Allow != nil { // who may not merge it is told nothing of it
			if err := m.Allow(documents.Desk{R: r, T: t, Now: s.Now(), Catalogue: s.Catalogue}, merge.Wish(m.Type, m.From, m.Into)); err != nil {
				return err
			}
		}
		out, err = s.merging(r, t).Preview(m.Type, m.From, m.Into)
		return err
	})
	if err != nil {
		return out, err
	}
	err = s.Store.Update(ctx, func(tx storage.Tx) error {
		t, err := s.Door.Topology(tx)
		if err != nil {
			return err
		}
		do, err := s.merging(tx, t).Merge(m.Type, m.From, m.Into, m.Confirmed)
		if err != nil {
			return err
		}
		// The merge itself is judged; what follows from it is not written for a look.
		if _, err := s.Door.Write(tx, journal.Edit{Actor: "preview", Cause: atoll.Cause{Kind: merge.Cause}, Do: do[:1]}); err != nil {
			return err
		}
		return errDry
	})
	var told *atoll.Error
	switch {
	case errors.Is(err, errDry):
		return out, nil
	case errors.As(err, &told) && told.Code != atoll.Internal:
		out.Refused, out.Hint = told.Message, told.Hint
		return out, nil //nolint:nilerr // why it would be refused is the answer
	}
	return out, err
}

// Merges lists the merged records that are here, of one type or, when it is empty,
// of all.
func (s *Station) Merges(ctx context.Context, t atoll.Type) ([]merge.Merged, error) {
	var out []merge.Merged
	err := s.Store.View(ctx, func(r storage.Reader) error {
		top, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		out, err = s.merging(r, top).Merges(t)
		return err
	})
	return out, err
}

// MergeDetails returns every row that the merge of the record re-pointed, as far as
// it is known here, and those made since that name the survivor.
func (s *Station) MergeDetails(ctx context.Context, key atoll.Key) (merge.Details, error) {
	var out merge.Details
	err := s.Store.View(ctx, func(r storage.Reader) error {
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		out, err = s.merging(r, t).Details(key)
		return err
	})
	return out, err
}
