package station

import (
	"cmp"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// listed returns up to one record more than the query's limit, in the query's order.
func (s *Station) listed(r storage.RecordReader, def *catalogue.Def, q storage.Query) ([]atoll.Record, error) {
	hide := def.Merge != catalogue.NoMerge && !q.All && q.Where["status"] == "" && q.Where["merged_into"] == ""
	queries, err := families(r, def, q)
	if err != nil {
		return nil, err
	}
	var out []atoll.Record
	for _, each := range queries {
		each.Limit = q.Limit + 1
		for n := 0; n <= q.Limit; {
			page, err := r.Records(each)
			if err != nil {
				return nil, err
			}
			for _, rec := range page {
				if hide && survivor.Into(rec.MustFields()) != "" {
					continue
				}
				out = append(out, rec)
				n++
			}
			if len(page) < each.Limit {
				break
			}
			each.After = page[len(page)-1].ID
		}
	}
	if len(queries) > 1 {
		if out, err = s.inOrder(q, out); err != nil {
			return nil, err
		}
	}
	return out[:min(len(out), q.Limit+1)], nil
}

// inOrder puts what several queries found into the order of the one that they stand for,
// each record once.
func (s *Station) inOrder(q storage.Query, recs []atoll.Record) ([]atoll.Record, error) {
	place := make(map[atoll.ID]string, len(recs))
	for _, rec := range recs {
		if q.By != "" {
			f, err := rec.Fields()
			if err != nil {
				return nil, err
			}
			place[rec.ID] = s.Catalogue.Index(rec.Type, f)[q.By]
		}
	}
	slices.SortFunc(recs, func(a, b atoll.Record) int {
		if q.Falling {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(place[a.ID], place[b.ID]), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(recs, func(a, b atoll.Record) bool { return a.ID == b.ID }), nil
}

// families returns the queries that select the same as one, with every record that
// it names standing for all that were merged into the same.
func families(r storage.RecordReader, def *catalogue.Def, q storage.Query) ([]storage.Query, error) {
	out := []storage.Query{q}
	for _, name := range slices.Sorted(maps.Keys(q.Where)) {
		f, _ := def.Field(name)
		if f.Kind != catalogue.Reference || survivor.Own(name) {
			continue
		}
		ids, err := survivor.Family(r, atoll.Key{Type: f.To, ID: atoll.ID(q.Where[name])})
		if err != nil {
			return nil, err
		}
		var more []storage.Query
		for _, each := range out {
			for _, id := range ids {
				one := each
				one.Where = maps.Clone(each.Where)
				one.Where[name] = string(id)
				more = append(more, one)
			}
		}
		out = more
	}
	return out, nil
}
