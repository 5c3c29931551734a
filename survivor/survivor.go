// Package survivor says which record stands for another: after a merge, the one
// that was kept stands for the one that was merged into it, through any number of
// merges.
//
// Everything that reads resolves through here at once, whoever re-points the
// stored references and when (R-E-11, R-E-21, R-E-33). Nothing here writes.
package survivor

import (
	"cmp"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
)

// Merged is the status of a record that was merged into another (R-E-06).
const Merged = "merged"

// Into returns the record that the fields say theirs was merged into, "" if it
// was not.
func Into(f atoll.Fields) atoll.ID {
	if f.Text("status") != Merged {
		return ""
	}
	return f.ID("merged_into")
}

// Of returns the record that stands for the key: the key itself when it was not
// merged, or is not here. A chain that leads to a record that is not here yet ends
// at the last one that is (R-E-31). The records of a cycle, which the laws do not
// allow, all resolve to the one with the lowest id.
func Of(r storage.RecordReader, key atoll.Key) (atoll.Key, error) {
	chain, err := Chain(r, key)
	if err != nil {
		return key, err
	}
	return chain[len(chain)-1], nil
}

// Chain returns the key and every record that stands for it in turn, the survivor
// last.
func Chain(r storage.RecordReader, key atoll.Key) ([]atoll.Key, error) {
	chain := []atoll.Key{key}
	for at := key; ; {
		rec, err := r.Record(at)
		if errors.Is(err, atoll.NotFound) {
			// Not here: what led to it is the end.
			return chain[:max(len(chain)-1, 1)], nil
		}
		if err != nil {
			return nil, err
		}
		next := Into(rec.MustFields())
		if next == "" {
			return chain, nil
		}
		at = atoll.Key{Type: key.Type, ID: next}
		if i := slices.Index(chain, at); i >= 0 {
			lowest := slices.MinFunc(chain[i:], func(a, b atoll.Key) int { return cmp.Compare(a.ID, b.ID) })
			return append(chain, lowest), nil
		}
		chain = append(chain, at)
	}
}

// Family returns every id that the same record stands for: the survivor of the
// key first, then all that were merged into it, however far. A list by a record is
// a list by its family (R-E-33).
func Family(r storage.RecordReader, key atoll.Key) ([]atoll.ID, error) {
	s, err := Of(r, key)
	if err != nil {
		return nil, err
	}
	out := []atoll.ID{s.ID}
	for i := 0; i < len(out); i++ {
		into, err := r.Records(storage.Query{
			Type: key.Type, Where: map[string]string{"merged_into": string(out[i]), "status": Merged}, All: true,
		})
		if err != nil {
			return nil, err
		}
		for _, rec := range into {
			if !slices.Contains(out, rec.ID) {
				out = append(out, rec.ID)
			}
		}
	}
	return out, nil
}

// Resolver resolves many references of one snapshot or transaction, and reads each
// record once. Make a new one after a change.
type Resolver struct {
	r     storage.RecordReader
	c     *catalogue.Catalogue
	any   map[atoll.Type]bool
	known map[atoll.Key]atoll.ID
}

// New returns a resolver over the snapshot.
func New(r storage.RecordReader, c *catalogue.Catalogue) *Resolver {
	return &Resolver{r: r, c: c, any: map[atoll.Type]bool{}, known: map[atoll.Key]atoll.ID{}}
}

// Of is the function Of.
func (s *Resolver) Of(key atoll.Key) (atoll.ID, error) {
	if id, ok := s.known[key]; ok {
		return id, nil
	}
	some, err := s.Any(key.Type)
	if err != nil || !some {
		return key.ID, err
	}
	to, err := Of(s.r, key)
	if err != nil {
		return key.ID, err
	}
	s.known[key] = to.ID
	return to.ID, nil
}

// Any reports whether any record of the type was merged: in most systems, and for
// most types, none was.
func (s *Resolver) Any(t atoll.Type) (bool, error) {
	if is, ok := s.any[t]; ok {
		return is, nil
	}
	def, ok := s.c.Lookup(t)
	if !ok || def.Merge == catalogue.NoMerge {
		s.any[t] = false
		return false, nil
	}
	found, err := s.r.Records(storage.Query{Type: t, Where: map[string]string{"status": Merged}, Limit: 1, All: true})
	s.any[t] = len(found) > 0
	return s.any[t], err
}

// Fields returns the fields with every reference to a merged record replaced by
// the one to its survivor, and the fields as they are when there is none. What a
// record says of its own merge is left as it is, and so is which one it is about for
// good.
func (s *Resolver) Fields(t atoll.Type, f atoll.Fields) (atoll.Fields, error) {
	out, cloned := f, false
	for _, ref := range s.c.References(t, f) {
		if ref.Identity || Own(ref.Field) {
			continue
		}
		to, err := s.Of(atoll.Key{Type: ref.To, ID: ref.ID})
		if err != nil {
			return f, err
		}
		if to == ref.ID {
			continue
		}
		if !cloned {
			out, cloned = f.Clone(), true
		}
		out.Set(ref.Field, to)
	}
	return out, nil
}

// Own reports whether the field is part of what a record says of its own merge:
// such a reference is history, and is never re-pointed.
func Own(field string) bool {
	return field == "merged_into" || field == "unmerged_from" || field == catalogue.OnceMerged
}
