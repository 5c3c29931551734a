package station

import (
	"context"
	"fmt"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// What a transaction of a restatement reads, and what one entry of it carries at most:
// an operation has some 200 bytes beside the record's body.
const (
	restatePage  = 500
	restateBytes = atoll.MaxEntry / 2
	restateBeing = 256
)

// Restate writes the whole state of every record this site owns into its journal
// again, so that it is pushed again: after the centre lost data (R-H-28), or when
// data that stayed here shall go up from now on (R-B-93, R-C-95). What was deleted
// while it stayed is among it: the centre may have it as it was before. Select chooses
// the records; nil takes all. It is many small transactions and may be repeated:
// the centre leaves out what it knows.
//
// A document is stated in one entry with its lines, as it was made: where a line
// cannot stand, as it names what is lost, the document does not stand without it.
func (s *Station) Restate(ctx context.Context, actor string, selected func(atoll.Record) bool) (records int, err error) {
	parts := partsOf(s.Catalogue)
	for _, def := range restateOrder(s.Catalogue, parts) {
		if def.Class == catalogue.Local {
			continue
		}
		for after, more := atoll.ID(""), true; more; {
			r := restatement{Station: s, def: def, parts: parts, after: after, actor: actor, selected: selected}
			if err := s.Store.Update(ctx, func(tx storage.Tx) error { r.tx, r.records = tx, 0; return r.page() }); err != nil {
				return records, fmt.Errorf("restate %s: %w", def.Type, err)
			}
			records += r.records
			after, more = r.last, r.more
		}
	}
	return records, nil
}

// part is a type of record that is part of another, by the field that names it.
type part struct {
	Type  atoll.Type
	Field string
}

// partsOf returns the parts of each type that has some.
func partsOf(c *catalogue.Catalogue) map[atoll.Type][]part {
	out := map[atoll.Type][]part{}
	for _, def := range c.Types() {
		for _, f := range def.Fields {
			if f.Parent {
				out[f.To] = append(out[f.To], part{def.Type, f.Name})
			}
		}
	}
	return out
}

// restateOrder is reference order, with each document where the last of its lines
// comes: what they name has been stated then.
func restateOrder(c *catalogue.Catalogue, parts map[atoll.Type][]part) []*catalogue.Def {
	place := func(def *catalogue.Def) int {
		at := c.Order(def.Type)
		for _, p := range parts[def.Type] {
			at = max(at, c.Order(p.Type))
		}
		return at
	}
	types := c.Types()
	slices.SortStableFunc(types, func(a, b *catalogue.Def) int { return place(a) - place(b) })
	return types
}

// restatement is one transaction of it: records of a type, from one id on.
type restatement struct {
	*Station
	tx       storage.Tx
	def      *catalogue.Def
	parts    map[atoll.Type][]part
	after    atoll.ID
	actor    string
	selected func(atoll.Record) bool

	last    atoll.ID // where it has come to
	more    bool     // there may be more
	records int      // so many were stated
}

func (r *restatement) page() error {
	page, err := r.tx.Records(storage.Query{Type: r.def.Type, After: r.after, Limit: restatePage, All: true})
	if err != nil {
		return err
	}
	r.more = len(page) == restatePage
	var plain []atoll.Record
	read, past := 0, journal.Provenance{R: r.tx}
	for _, rec := range page {
		if read >= restatePage {
			r.more = true // with long documents, a transaction has fewer
			break
		}
		r.last = rec.ID
		along, err := r.along(rec)
		if err != nil {
			return err
		}
		if along {
			continue
		}
		whole, err := r.whole(rec)
		if err != nil {
			return err
		}
		read += len(whole)
		whole = slices.DeleteFunc(whole, func(rec atoll.Record) bool { return !r.wanted(rec) })
		apart := len(r.parts[r.def.Type]) > 0
		if !apart && len(whole) > 0 {
			// It may have to wait at the centre for another site, and shall hold up no other;
			// or have stayed here, so that the centre has yet to judge it: what cannot stand
			// takes no other with it.
			shared, err := past.Shared(rec)
			if err != nil {
				return err
			}
			stayed, err := r.Door.Stayed(r.tx, rec)
			if err != nil {
				return err
			}
			apart = shared || stayed || rec.Origin.Site != r.Door.Site
		}
		if !apart {
			plain = append(plain, whole...)
			continue
		}
		if err := r.state(whole); err != nil {
			return err
		}
	}
	return r.state(plain)
}

// along reports whether the record is stated along with the one it is part of.
func (r *restatement) along(rec atoll.Record) (bool, error) {
	for _, ref := range r.Catalogue.References(rec.Type, rec.MustFields()) {
		if !ref.Parent {
			continue
		}
		doc, there, err := journal.View{RecordReader: r.tx}.Record(atoll.Key{Type: ref.To, ID: ref.ID})
		if err != nil {
			return false, err
		}
		if there && !doc.Hidden {
			return true, nil
		}
	}
	return false, nil
}

// whole returns the record with its parts.
func (r *restatement) whole(rec atoll.Record) ([]atoll.Record, error) {
	out := []atoll.Record{rec}
	for _, p := range r.parts[rec.Type] {
		lines, err := r.tx.Records(storage.Query{Type: p.Type, Where: map[string]string{p.Field: string(rec.ID)}, All: true})
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	return out, nil
}

// wanted reports whether the record is this site's, and among those chosen. Of what is
// gone the centre knows, but for what has stayed here: that is under no audience.
func (r *restatement) wanted(rec atoll.Record) bool {
	if rec.Hidden || rec.Deleted && (len(rec.Audiences) > 0 || rec.Origin.Site != r.Door.Site) {
		return false
	}
	owner, err := r.Door.Owner(r.tx, rec)
	return err == nil && owner.Site == r.Door.Site && (r.selected == nil || r.selected(rec))
}

// state makes one entry of the records, or more if they are too large for one.
func (r *restatement) state(recs []atoll.Record) error {
	cause := atoll.Cause{Kind: "resync", Ref: string(r.def.Type)}
	for len(recs) > 0 {
		var do []journal.Proposal
		for size := 0; len(recs) > 0 && len(do) < atoll.MaxOperations; recs = recs[1:] {
			if size += len(recs[0].Body) + restateBeing; size > restateBytes && len(do) > 0 {
				break
			}
			do = append(do, journal.Proposal{Verb: atoll.Restate, Key: recs[0].Key})
		}
		if _, err := r.Door.Restate(r.tx, journal.Edit{Actor: r.actor, Cause: cause, Do: do}); err != nil {
			return err
		}
		r.records += len(do)
	}
	return nil
}
