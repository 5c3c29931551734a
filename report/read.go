package report

import (
	"cmp"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// things are the stores or items of an answer: each gets a small number, so that
// rows are grouped and sorted without comparing texts, half a million times.
type things struct {
	at    map[string]int32
	ids   []atoll.ID
	codes []string
	names []string
	into  []int32 // the one that stands for it; itself if it was not merged
	rank  []int32 // its place in the order of codes
}

// place returns the number of the thing with the id, and makes one for an id that
// is not known.
func (t *things) place(id []byte) int32 {
	if n, ok := t.at[string(id)]; ok {
		return t.into[n]
	}
	return t.add(atoll.ID(id), "", string(id))
}

func (t *things) add(id atoll.ID, code, name string) int32 {
	n := int32(len(t.ids)) //nolint:gosec // there are not that many
	t.at[string(id)] = n
	t.ids, t.codes, t.names, t.into = append(t.ids, id), append(t.codes, code), append(t.names, name), append(t.into, n)
	return n
}

// order gives each its rank, by code, then name, then id.
func (t *things) order() {
	all := make([]int32, len(t.ids))
	for i := range all {
		all[i] = int32(i) //nolint:gosec // as above
	}
	slices.SortFunc(all, func(a, b int32) int {
		return cmp.Or(cmp.Compare(t.codes[a], t.codes[b]), cmp.Compare(t.names[a], t.names[b]), cmp.Compare(t.ids[a], t.ids[b]))
	})
	t.rank = make([]int32, len(all))
	for i, n := range all {
		t.rank[n] = int32(i) //nolint:gosec // as above
	}
}

// items reads all items, each with the one that stands for it (R-E-21).
func (d *Desk) items() (*things, error) {
	t := &things{at: map[string]int32{}}
	err := d.R.Rows(storage.RowQuery{Type: "item", Fields: []string{"code", "name"}}, func(r storage.Row) error {
		t.add(r.ID, r.Text(0), r.Text(1))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for n, id := range slices.Clone(t.ids) {
		to, err := d.merged.Of(atoll.Key{Type: "item", ID: id})
		if err != nil {
			return nil, err
		}
		if to != id {
			t.into[n] = t.place([]byte(to))
		}
	}
	return t, nil
}

// shops are the stores of the answer, in its order.
func (d *Desk) shops(a *asked) *things {
	t := &things{at: map[string]int32{}}
	for _, f := range a.fresh {
		if f.Reported {
			t.add(f.Store, f.Code, f.Name)
		}
	}
	t.order()
	return t
}

// each reads the rows of a type whose field store_id is a store of the answer of
// which the records are here.
// store_id must be the first field. Of few stores it asks the index.
func (d *Desk) each(a *asked, q storage.RowQuery, fn func(storage.Row) error) error {
	if a.all || len(a.stores) > 32 || !d.indexed(q.Type, "store_id") {
		recorded := map[string]bool{}
		for _, f := range a.fresh {
			recorded[string(f.Store)] = f.Standing.recorded()
		}
		return d.R.Rows(q, func(r storage.Row) error {
			if !recorded[string(r.Plain(0))] {
				return nil
			}
			return fn(r)
		})
	}
	for _, f := range a.fresh {
		if !f.Standing.recorded() {
			continue
		}
		one := q
		one.Where = map[string]string{"store_id": string(f.Store)}
		for field, v := range q.Where {
			one.Where[field] = v
		}
		if err := d.R.Rows(one, fn); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) indexed(t atoll.Type, field string) bool {
	def, ok := d.Catalogue.Lookup(t)
	if !ok {
		return false
	}
	f, ok := def.Field(field)
	return ok && f.Index
}
