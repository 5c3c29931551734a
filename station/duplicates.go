package station

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
)

// Duplicate is a set of documents of which there should be one: a defect, or what
// an import brought (R-K-45).
type Duplicate struct {
	Type  atoll.Type `json:"type"`
	Store atoll.ID   `json:"store,omitempty"`
	// Originating is the document they all answer; "" if it is their number that is
	// equal.
	Originating atoll.ID `json:"originating,omitempty"`
	Kind        string   `json:"kind,omitempty"`
	Number      int64    `json:"number,omitempty"`
	// Documents are their ids, sorted.
	Documents []atoll.ID `json:"documents"`
}

// Duplicates finds equal documents in this database: those that answer the same
// document, and those of one store and kind with the same number. It reads every
// document, and logs a warning for each set: run it once a day, at the centre.
func (s *Station) Duplicates(ctx context.Context) ([]Duplicate, error) {
	var out []Duplicate
	err := s.Store.View(ctx, func(r storage.Reader) error {
		out = nil
		for _, def := range s.Catalogue.Types() {
			_, numbered := def.Field("number")
			_, stored := def.Field("store_id")
			if !numbered || !stored || def.Class == catalogue.Local {
				continue
			}
			sets, err := duplicates(r, def.Type)
			if err != nil {
				return err
			}
			out = append(out, sets...)
		}
		return nil
	})
	for _, d := range out {
		s.Log.WarnContext(ctx, "equal documents", "type", string(d.Type), "store", string(d.Store),
			"originating", string(d.Originating), "kind", d.Kind, "number", d.Number, "documents", len(d.Documents))
	}
	return out, err
}

func duplicates(r storage.Reader, kind atoll.Type) ([]Duplicate, error) {
	sets := map[string]*Duplicate{}
	add := func(key string, id atoll.ID, as Duplicate) {
		if sets[key] == nil {
			as.Type = kind
			sets[key] = &as
		}
		sets[key].Documents = append(sets[key].Documents, id)
	}
	for after := atoll.ID(""); ; {
		page, err := r.Records(storage.Query{Type: kind, After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			after = rec.ID
			f := rec.MustFields()
			if from := f.ID("originating_id"); from != "" {
				add("from "+string(from), rec.ID, Duplicate{Originating: from})
			}
			if !documents.Unnumbered(f) {
				d := Duplicate{Store: f.ID("store_id"), Kind: f.Text("kind"), Number: f.Int("number")}
				add("number "+string(d.Store)+" "+d.Kind+" "+strconv.FormatInt(d.Number, 10), rec.ID, d)
			}
		}
		if len(page) == 0 {
			break
		}
	}
	var out []Duplicate
	for _, d := range sets {
		if len(d.Documents) > 1 {
			out = append(out, *d)
		}
	}
	slices.SortFunc(out, func(a, b Duplicate) int {
		return cmp.Or(cmp.Compare(a.Originating, b.Originating), cmp.Compare(a.Store, b.Store), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}
