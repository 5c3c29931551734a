package report

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// things are the stores or items of an answer: each gets a small number, so that
// rows are grouped and sorted without comparing texts, half a million times.
type things struct {
	at    map[string]int32 // but for those of unlisted
	ids   []atoll.ID
	codes []string
	names []string
	into  []int32 // the one that stands for it; itself if it was not merged
	rank  []int32 // its place in the order of codes
	read  bool    // codes and names are

	book     *book   // that of the copy in memory, if they come from one
	byNumber []int32 // … and which thing has each of its numbers, from 1 on; 0 for none
	unlisted []int32 // those that only this tells
}

// place returns the number of the thing with the id, and makes one for an id that
// is not known.
func (t *things) place(id []byte) int32 {
	t.index()
	if n, ok := t.at[string(id)]; ok {
		return t.into[n]
	}
	return t.add(atoll.ID(id), "", string(id))
}

// of is place for an id of a line. One with a number needs no look at the id.
func (t *things) of(l line, field int) int32 {
	if l.book == nil || l.number[field] < 0 {
		return t.place(l.Plain(field))
	}
	number := l.number[field]
	if t.book != l.book {
		t.index()
		t.book, t.byNumber = l.book, make([]int32, len(l.book.ids))
	}
	if grown := len(l.book.ids) - len(t.byNumber); grown > 0 {
		t.byNumber = append(t.byNumber, make([]int32, grown)...)
	}
	if n := t.byNumber[number]; n > 0 {
		return t.into[n-1]
	}
	id := l.book.ids[number]
	n, is := t.at[string(id)]
	if !is {
		n = t.append(id, "", string(id))
		t.unlisted = append(t.unlisted, n)
	}
	t.byNumber[number] = n + 1
	return t.into[n]
}

// index lists those that were only told by numbers.
func (t *things) index() {
	for _, n := range t.unlisted {
		t.at[string(t.ids[n])] = n
	}
	t.unlisted = nil
}

// known returns the thing with the id, which has the number in the book.
func (t *things) known(b *book, number int32, id atoll.ID) (n int32, is bool) {
	if t.book == b && int(number) < len(t.byNumber) && t.byNumber[number] > 0 {
		return t.byNumber[number] - 1, true
	}
	n, is = t.at[string(id)]
	return n, is
}

func (t *things) add(id atoll.ID, code, name string) int32 {
	n := t.append(id, code, name)
	t.at[string(id)] = n
	return n
}

func (t *things) append(id atoll.ID, code, name string) int32 {
	n := int32(len(t.ids)) //nolint:gosec // there are not that many
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

// items are the items of the answer, each with the one that stands for it (R-E-21): the
// one that was asked for and those merged into it, or those that rows will name; what
// these are called, named reads.
func (d *Desk) items(a *asked) (*things, error) {
	if a.Item != "" {
		return d.itemsOf(a.family)
	}
	merged, err := d.mergedItems()
	if err != nil {
		return nil, err
	}
	most, err := d.expected(a, "item")
	if err != nil {
		return nil, err
	}
	t := &things{at: map[string]int32{}}
	t.ids, t.codes, t.names, t.into = make([]atoll.ID, 0, most), make([]string, 0, most), make([]string, 0, most), make([]int32, 0, most)
	for _, id := range slices.Sorted(maps.Keys(merged)) {
		into := t.place([]byte(merged[id]))
		t.into[t.add(id, "", string(id))] = into
	}
	return t, nil
}

// fewItems is of how many items a part is read one by one: of more, all are read.
const fewItems = 16

// named reads the codes and names of the items that rows named, and orders them.
func (d *Desk) named(items *things) error {
	if items.read {
		items.order()
		return nil
	}
	items.read = true
	if done, err := d.Kept.called(d.R, items); done || err != nil {
		return err
	}
	items.index()
	defer items.order()
	q, take := storage.RowQuery{Type: "item", Fields: []string{"code", "name"}}, func(r storage.Row) error {
		if n, is := items.at[string(r.ID)]; is {
			items.codes[n], items.names[n] = r.Text(0), r.Text(1)
		}
		return nil
	}
	counts, err := d.R.CountRecords()
	if err != nil {
		return err
	}
	if len(items.ids)*fewItems > counts["item"] {
		return d.R.Rows(q, take)
	}
	keys := make([]atoll.Key, len(items.ids))
	for n, id := range items.ids {
		keys[n] = atoll.Key{Type: "item", ID: id}
	}
	for some := range slices.Chunk(keys, 500) {
		if err := d.R.Prefetch(some); err != nil {
			return err
		}
		for _, key := range some {
			f, err := d.item(key.ID)
			if err != nil {
				return err
			}
			if n := items.at[string(key.ID)]; f != nil {
				items.codes[n], items.names[n] = f.Text("code"), f.Text("name")
			}
		}
	}
	return nil
}

// mergedItems returns the items that were merged, each with the one that stands for
// it.
func (d *Desk) mergedItems() (map[atoll.ID]atoll.ID, error) {
	out := map[atoll.ID]atoll.ID{}
	q := storage.RowQuery{Type: "item", Where: map[string]string{"status": survivor.Merged}}
	if err := d.R.Rows(q, func(r storage.Row) error { out[r.ID] = ""; return nil }); err != nil {
		return nil, err
	}
	for id := range out {
		to, err := d.merged.Of(atoll.Key{Type: "item", ID: id})
		if err != nil {
			return nil, err
		}
		out[id] = to
	}
	return out, nil
}

// itemsOf reads these items and no others, each with the one that stands for it.
func (d *Desk) itemsOf(ids []atoll.ID) (*things, error) {
	t := &things{at: map[string]int32{}, read: true}
	for _, id := range ids {
		if _, known := t.at[string(id)]; known {
			continue
		}
		to, err := d.merged.Of(atoll.Key{Type: "item", ID: id})
		if err != nil {
			return nil, err
		}
		n, known := t.at[string(to)]
		if !known {
			f, err := d.item(to)
			if err != nil {
				return nil, err
			}
			n = t.add(to, f.Text("code"), cmp.Or(f.Text("name"), string(to)))
		}
		if to != id {
			t.into[t.add(id, "", string(id))] = n
		}
	}
	return t, nil
}

// item reads the fields of an item; there are none when it is not here.
func (d *Desk) item(id atoll.ID) (atoll.Fields, error) {
	rec, err := d.R.Record(atoll.Key{Type: "item", ID: id})
	if errors.Is(err, atoll.NotFound) || rec.Deleted || rec.Hidden {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return rec.Fields()
}

// wants reports whether the item is one of the answer.
func (a *asked) wants(item []byte) bool {
	return a.Item == "" || slices.ContainsFunc(a.family, func(id atoll.ID) bool { return string(id) == string(item) })
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
// which the records are here; of one item, if one was asked for and the type has
// items. store_id must be the first field. Of one item it asks the index; otherwise the
// copy in memory, and where there is none, of few stores the index.
func (d *Desk) each(a *asked, q storage.RowQuery, fn func(line) error) error {
	recorded := things{at: map[string]int32{}}
	is := make([]bool, 0, len(a.fresh))
	for _, f := range a.fresh {
		recorded.add(f.Store, "", "")
		is = append(is, f.Standing.recorded())
	}
	take := func(l line) error {
		if n := recorded.of(l, 0); int(n) >= len(is) || !is[n] {
			return nil
		}
		d.read++
		return fn(l)
	}
	read := plainly(take)
	if byItem, ok := d.byItem(a, q); ok {
		return d.rows(byItem, read)
	}
	if done, err := d.Kept.rows(d.R, q, take); done || err != nil {
		return err
	}
	if a.all || len(a.stores) > 32 || !d.indexed(q.Type, "store_id") {
		return d.R.Rows(q, read)
	}
	var byStore []storage.RowQuery
	for _, f := range a.fresh {
		if f.Standing.recorded() {
			byStore = append(byStore, with(q, "store_id", f.Store))
		}
	}
	return d.rows(byStore, read)
}

// expected is about how many records of the type each will read, 0 when that is not
// known: maps of that many need not grow, which costs as much as filling them.
func (d *Desk) expected(a *asked, t atoll.Type) (int, error) {
	if !a.all || a.Item != "" {
		return 0, nil
	}
	counts, err := d.R.CountRecords()
	return min(counts[t], 1<<20), err
}

// byItem returns the queries for the rows of the item that was asked for; not ok
// when none was, or the type has no index of items.
func (d *Desk) byItem(a *asked, q storage.RowQuery) (out []storage.RowQuery, ok bool) {
	if a.Item == "" || !d.indexed(q.Type, "item_id") {
		return nil, false
	}
	for _, id := range a.family {
		out = append(out, with(q, "item_id", id))
	}
	return out, true
}

// with narrows a query to the records that name the id.
func with(q storage.RowQuery, field string, id atoll.ID) storage.RowQuery {
	q.Where = maps.Clone(q.Where)
	if q.Where == nil {
		q.Where = map[string]string{}
	}
	q.Where[field] = string(id)
	return q
}

func (d *Desk) rows(queries []storage.RowQuery, fn func(storage.Row) error) error {
	for _, q := range queries {
		if err := d.R.Rows(q, fn); err != nil {
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
