package sqlite

import (
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Rows implements [storage.RowReader].
func (r *reader) Rows(q storage.RowQuery, fn func(storage.Row) error) error {
	query, args := selectRows(q)
	row := storage.Row{Values: make([]json.RawMessage, len(q.Fields))}
	var id string
	var body sql.RawBytes
	var theirs error
	err := r.each("read rows", query, args, func(rows *sql.Rows) (bool, error) {
		if err := rows.Scan(&id, &body); err != nil {
			return false, err
		}
		row.ID = atoll.ID(id)
		atoll.Pick(body, q.Fields, row.Values)
		theirs = fn(row)
		return theirs == nil, nil
	})
	if theirs != nil {
		return theirs
	}
	return err
}

// selectRows builds the statement. As in selectRecords the index rows come first.
func selectRows(q storage.RowQuery) (string, []any) {
	if len(q.Where) == 0 {
		return `SELECT r.id, r.body FROM record r WHERE r.type = ? AND r.state = 0 ORDER BY r.id`, []any{string(q.Type)}
	}
	var from, where []string
	var args []any
	for n, field := range slices.Sorted(maps.Keys(q.Where)) {
		i := "i" + string(rune('a'+n))
		from = append(from, "record_index "+i)
		where = append(where, i+".type = ? AND "+i+".field = ? AND "+i+".value = ?")
		args = append(args, string(q.Type), field, q.Where[field])
		if n > 0 {
			where = append(where, i+".id = ia.id")
		}
	}
	return "SELECT r.id, r.body FROM " + strings.Join(append(from, "record r"), " CROSS JOIN ") +
		" WHERE " + strings.Join(where, " AND ") + " AND r.type = ? AND r.id = ia.id AND r.state = 0 ORDER BY ia.id", append(args, string(q.Type))
}
