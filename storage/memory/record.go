package memory

import (
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// out is the record as its reader gets it.
func (r *row) out() atoll.Record {
	rec := r.record
	rec.Body = clone(rec.Body)
	rec.Audiences = slices.Clone(rec.Audiences)
	return rec
}

func (r *row) live() bool { return !r.record.Deleted && !r.record.Hidden }

// has reports whether the record has these values in indexed fields.
func (r *row) has(where []field) bool {
	for _, f := range where {
		if i := slices.IndexFunc(r.index, func(g field) bool { return g.name == f.name }); i < 0 || r.index[i].value != f.value {
			return false
		}
	}
	return true
}

// fields are the values in the order of their names.
func fields(values map[string]string) []field {
	if len(values) == 0 {
		return nil
	}
	out := make([]field, 0, len(values))
	for name, value := range values {
		out = append(out, field{name, value})
	}
	if len(out) > 1 {
		slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.name, b.name) })
	}
	return out
}

func (r *reader) row(key atoll.Key) (*row, bool) {
	r.ask.row.record.Key = key
	return r.state.records.tree.Get(&r.ask.row)
}

// Prefetch implements [storage.RecordReader]: everything is at hand.
func (r *reader) Prefetch([]atoll.Key) error { return nil }

// Record implements [storage.RecordReader].
func (r *reader) Record(key atoll.Key) (atoll.Record, error) {
	if err := r.call(); err != nil {
		return atoll.Record{}, err
	}
	found, ok := r.row(key)
	if !ok {
		return atoll.Record{}, atoll.Errorf(atoll.NotFound, "there is no such record here").About(key)
	}
	return found.out(), nil
}

// Records implements [storage.RecordReader].
func (r *reader) Records(q storage.Query) ([]atoll.Record, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	var out []atoll.Record
	most := bound(q.Limit)
	read := func(fn func(*row) bool) error { return r.rows(q.Type, q.After, q.Falling, fields(q.Where), fn) }
	switch {
	case len(q.Begun) > 0 && q.By != "":
		return nil, storage.NotBoth()
	case len(q.Begun) > 0:
		read = func(fn func(*row) bool) error { return r.begun(q, fn) }
	case q.By != "":
		read = func(fn func(*row) bool) error { return r.by(q, fn) }
	}
	err := read(func(found *row) bool {
		id := found.record.ID
		if (q.All || found.live()) && (q.By != "" || q.After == "" || id != q.After && (id < q.After) == q.Falling) {
			out = append(out, found.out())
		}
		return len(out) < most
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// rows calls fn with the rows of the type that have the values, from the id on,
// in the order of id, until fn returns false.
func (r *reader) rows(typ atoll.Type, from atoll.ID, falling bool, where []field, fn func(*row) bool) (err error) {
	n := 0
	next := func(found *row) bool {
		n++
		if err = r.tired(n); err != nil {
			return false
		}
		return fn(found)
	}
	if falling && from == "" {
		from = aboveAll
	}
	if len(where) == 0 {
		r.ask.row.record.Key = atoll.Key{Type: typ, ID: from}
		walk(r.state.records.tree, falling)(&r.ask.row, func(found *row) bool {
			return found.record.Type == typ && next(found)
		})
		return err
	}
	first, rest := where[0], where[1:]
	r.ask.indexed = indexed{typ, first.name, first.value, from}
	walk(r.state.index.tree, falling)(&r.ask.indexed, func(i *indexed) bool {
		if i.value != first.value || i.field != first.name || i.typ != typ {
			return false
		}
		found, ok := r.row(atoll.Key{Type: typ, ID: i.id})
		if !ok || !found.has(rest) {
			return true
		}
		return next(found)
	})
	return err
}

// aboveAll is above every id and every value: those are texts, which have no such byte.
const aboveAll = "\xff"

// walk is the way through a table from a place on, down from it when falling.
func walk[T any](tree *btree.BTreeG[T], falling bool) func(from T, fn func(T) bool) {
	if falling {
		return tree.Descend
	}
	return tree.Ascend
}

// by calls fn with the rows that have the field by which the query orders them and
// the values that it wants, in its order, until fn returns false.
func (r *reader) by(q storage.Query, fn func(*row) bool) (err error) {
	where, from := fields(q.Where), indexed{typ: q.Type, field: q.By}
	if q.Falling {
		from.value, from.id = aboveAll, aboveAll
	}
	if q.After != "" {
		had, ok := r.row(atoll.Key{Type: q.Type, ID: q.After})
		i := -1
		if ok {
			i = slices.IndexFunc(had.index, func(f field) bool { return f.name == q.By })
		}
		if i < 0 {
			return storage.NoPlace(q)
		}
		from.value, from.id = had.index[i].value, q.After
	}
	n := 0
	r.ask.indexed = from
	walk(r.state.index.tree, q.Falling)(&r.ask.indexed, func(i *indexed) bool {
		if i.field != q.By || i.typ != q.Type {
			return false
		}
		if n++; i.id == q.After {
			return true
		}
		if err = r.tired(n); err != nil {
			return false
		}
		found, ok := r.row(atoll.Key{Type: q.Type, ID: i.id})
		return !ok || !found.has(where) || fn(found)
	})
	return err
}

// begun calls fn with the rows of the type that have the values, and for each of
// these beginnings a field whose name begins so, in rising order of id, until fn
// returns false.
func (r *reader) begun(q storage.Query, fn func(*row) bool) error {
	first, where := q.Begun[0], fields(q.Where)
	var ids []atoll.ID
	r.ask.indexed = indexed{typ: q.Type, field: first}
	r.state.index.tree.Ascend(&r.ask.indexed, func(i *indexed) bool {
		if i.typ != q.Type || !strings.HasPrefix(i.field, first) {
			return false
		}
		ids = append(ids, i.id)
		return true
	})
	slices.Sort(ids)
	if q.Falling {
		slices.Reverse(ids)
	}
	for n, id := range slices.Compact(ids) {
		if err := r.tired(n + 1); err != nil {
			return err
		}
		found, ok := r.row(atoll.Key{Type: q.Type, ID: id})
		if ok && found.has(where) && found.begins(q.Begun[1:]) && !fn(found) {
			break
		}
	}
	return nil
}

// begins reports whether the record has, for each beginning, an indexed field
// whose name begins so.
func (r *row) begins(names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(r.index, func(f field) bool { return strings.HasPrefix(f.name, name) }) {
			return false
		}
	}
	return true
}

// Changed implements [storage.RecordReader].
func (r *reader) Changed(after atoll.Position, limit int) ([]atoll.Record, error) {
	err := r.call()
	if err != nil || after+1 == 0 {
		return nil, err
	}
	var out []atoll.Record
	most := bound(limit)
	r.ask.row.record.Position = after + 1
	r.state.changed.tree.Ascend(&r.ask.row, func(found *row) bool {
		out = append(out, found.out())
		err = r.tired(len(out))
		return err == nil && len(out) < most
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CountRecords implements [storage.RecordReader].
func (r *reader) CountRecords() (map[atoll.Type]int, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	out := map[atoll.Type]int{}
	r.state.counts.tree.Scan(func(c count) bool {
		if c.n != 0 {
			out[c.typ] = c.n
		}
		return true
	})
	return out, nil
}

// LastPosition implements [storage.RecordReader].
func (r *reader) LastPosition() (atoll.Position, error) {
	if err := r.call(); err != nil {
		return 0, err
	}
	return r.state.last, nil
}

// Put implements [storage.RecordWriter].
func (t *tx) Put(rec atoll.Record, index map[string]string) (atoll.Position, error) {
	for _, a := range rec.Audiences {
		if a == "" || strings.Contains(string(a), "\n") {
			return 0, atoll.Errorf(atoll.Invalid, "audience %q cannot be stored", a)
		}
	}
	if err := t.call(); err != nil {
		return 0, err
	}
	rec.Position = t.next()
	rec.Body = clone(rec.Body)
	rec.Audiences = slices.Clone(rec.Audiences)
	if len(rec.Audiences) == 0 {
		rec.Audiences = nil
	}
	now := &row{rec, fields(index), digest.Of(rec)}
	had, _ := write(t, &t.state.records).Set(now)
	t.replace(had, now)
	return rec.Position, nil
}

// Reindex implements [storage.RecordWriter].
func (t *tx) Reindex(key atoll.Key, index map[string]string) error {
	if err := t.call(); err != nil {
		return err
	}
	had, ok := t.row(key)
	now := fields(index)
	if !ok || slices.Equal(had.index, now) {
		return nil
	}
	next := &row{had.record, now, had.seal}
	write(t, &t.state.records).Set(next)
	write(t, &t.state.changed).Set(next)
	t.reindex(key, had.index, now)
	return nil
}

// Forget implements [storage.RecordWriter].
func (t *tx) Forget(key atoll.Key) error {
	if err := t.call(); err != nil {
		return err
	}
	had, ok := t.row(key)
	if !ok {
		return nil
	}
	write(t, &t.state.records).Delete(had)
	t.replace(had, nil)
	return nil
}

// replace makes the other tables hold the row now instead of the one that the
// record had; either may be nil.
func (t *tx) replace(had, now *row) {
	changed := write(t, &t.state.changed)
	var before, after []field
	live := 0
	if had != nil {
		changed.Delete(had)
		before = had.index
		if had.live() {
			live--
		}
		t.count(had, (*digest.Sum).Remove)
	}
	if now != nil {
		changed.Set(now)
		after = now.index
		if now.live() {
			live++
		}
		t.count(now, (*digest.Sum).Add)
	}
	of := now
	if of == nil {
		of = had
	}
	t.reindex(of.record.Key, before, after)
	if live != 0 {
		counts := write(t, &t.state.counts)
		c, _ := counts.Get(count{typ: of.record.Type})
		counts.Set(count{of.record.Type, c.n + live})
	}
}

// reindex replaces the record's places in the index, leaving alone those that
// stay.
func (t *tx) reindex(key atoll.Key, before, after []field) {
	for _, f := range before {
		if !slices.Contains(after, f) {
			write(t, &t.state.index).Delete(&indexed{key.Type, f.name, f.value, key.ID})
		}
	}
	for _, f := range after {
		if !slices.Contains(before, f) {
			write(t, &t.state.index).Set(&indexed{key.Type, f.name, f.value, key.ID})
		}
	}
}
