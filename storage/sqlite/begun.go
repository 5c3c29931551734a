package sqlite

import (
	"cmp"
	"database/sql"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const (
	getBegun = `SELECT DISTINCT id FROM record_index WHERE type = ? AND field >= ? AND field < ? LIMIT ?`

	getWithIndex = `SELECT ` + recordColumns + `, r.indexed FROM record r WHERE r.type = ? AND r.id = ?`

	listWithIndex = `SELECT ` + recordColumns + `, r.indexed FROM record r WHERE r.type = ? AND r.id > ? ORDER BY r.id`
	listDownFrom  = `SELECT ` + recordColumns + `, r.indexed FROM record r WHERE r.type = ? AND r.id < ? ORDER BY r.id DESC`
	aboveAllIDs   = "\xff"

	// rarely is up to how many records have a beginning that is rare.
	rarely = 2000
)

// begun answers a query for records by beginnings of names of indexed fields. A
// beginning that few records have leads to them. When every one of them is common,
// so are the records that are looked for: they are come across in the list of all,
// before the thousands that have one of them could be put in order.
func (r *reader) begun(q storage.Query) (out []atoll.Record, err error) {
	look := func(rows *sql.Rows) (more bool, err error) {
		var indexed string
		rec, err := scanRecord(rows, &indexed)
		if err != nil || !q.All && (rec.Deleted || rec.Hidden) {
			return true, err
		}
		values, err := indexValues(rec.Key, indexed)
		if err == nil && fits(values, q) {
			out = append(out, rec)
		}
		return q.Limit <= 0 || len(out) < q.Limit, err
	}
	ids, rare, err := r.rarest(q)
	if err != nil {
		return nil, err
	}
	if !rare {
		list, from := listWithIndex, string(q.After)
		if q.Falling {
			list, from = listDownFrom, cmp.Or(from, aboveAllIDs)
		}
		return out, r.each("find records", list, []any{string(q.Type), from}, look)
	}
	if q.Falling {
		slices.Reverse(ids)
	}
	for _, id := range ids {
		if q.After != "" && (id <= string(q.After)) != q.Falling || id == string(q.After) {
			continue
		}
		if err := r.each("find records", getWithIndex, []any{string(q.Type), id}, look); err != nil {
			return nil, err
		}
		if q.Limit > 0 && len(out) == q.Limit {
			break
		}
	}
	return out, nil
}

// rarest returns the ids of the records that have the first rare one of the
// beginnings, in rising order; not rare when there is none.
func (r *reader) rarest(q storage.Query) (ids []string, rare bool, err error) {
	for _, name := range q.Begun {
		ids = ids[:0]
		err := r.each("find records", getBegun, []any{string(q.Type), name, after(name), rarely + 1}, func(rows *sql.Rows) (bool, error) {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return true, err
		})
		if err != nil {
			return nil, false, err
		}
		if len(ids) <= rarely {
			slices.Sort(ids)
			return ids, true, nil
		}
	}
	return nil, false, nil
}

// fits reports whether a record with these indexed values is one of the query.
func fits(values map[string]string, q storage.Query) bool {
	for field, value := range q.Where {
		if has, ok := values[field]; !ok || has != value {
			return false
		}
	}
	for _, name := range q.Begun {
		has := false
		for field := range values {
			has = has || strings.HasPrefix(field, name)
		}
		if !has {
			return false
		}
	}
	return true
}

// after returns the first text, byte by byte, that comes after all that begin so;
// no text has a byte of 255.
func after(beginning string) string {
	if beginning == "" {
		return "\xff"
	}
	b := []byte(beginning)
	b[len(b)-1]++
	return string(b)
}
