package sqlite

import (
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// The bits of record.state.
const (
	deleted = 1
	hidden  = 2
)

const (
	lastPosition = `SELECT position, revision FROM last_position WHERE one = 1`

	recordColumns = `r.position, r.type, r.id, r.version, r.state, r.origin_site, r.origin_seq, r.audiences, r.body`

	getRecord = `SELECT ` + recordColumns + ` FROM record r WHERE r.type = ? AND r.id = ?`

	getChanged = `SELECT ` + recordColumns + ` FROM record r WHERE r.position > ? ORDER BY r.position LIMIT ?`

	countRecords = `SELECT type, live FROM record_count WHERE live <> 0`

	takeRecord = `DELETE FROM record WHERE type = ? AND id = ? RETURNING state, indexed, audiences, seal`

	getIndexed = `SELECT indexed FROM record WHERE type = ? AND id = ?`
	setIndexed = `UPDATE record SET indexed = ? WHERE type = ? AND id = ?`

	dropIndex = `DELETE FROM record_index WHERE type = ? AND field = ? AND value = ? AND id = ?`

	addCount = `INSERT INTO record_count (type, live) VALUES (?, ?)
		ON CONFLICT (type) DO UPDATE SET live = live + excluded.live`
)

func scanRecord(rows *sql.Rows, more ...any) (atoll.Record, error) {
	var (
		position, version, seq int64
		state, site            int
		typ, id, audiences     string
		body                   []byte
	)
	err := rows.Scan(append([]any{&position, &typ, &id, &version, &state, &site, &seq, &audiences, &body}, more...)...)
	r := atoll.Record{
		Key:      atoll.Key{Type: atoll.Type(typ), ID: atoll.ID(id)},
		Version:  uint64(version),
		Deleted:  state&deleted != 0,
		Hidden:   state&hidden != 0,
		Origin:   atoll.Origin{Site: atoll.SiteID(site), Seq: uint64(seq)},
		Position: atoll.Position(position),
	}
	if len(body) > 0 {
		r.Body = body
	}
	r.Audiences = splitAudiences(audiences)
	return r, err
}

func (r *reader) records(doing, query string, args ...any) ([]atoll.Record, error) {
	var out []atoll.Record
	err := r.each(doing, query, args, func(rows *sql.Rows) (bool, error) {
		rec, err := scanRecord(rows)
		out = append(out, rec)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Record implements [storage.RecordReader].
func (r *reader) Record(key atoll.Key) (atoll.Record, error) {
	rec, seen := r.recall.records[key]
	if !seen {
		found, err := r.records("read a record", getRecord, string(key.Type), string(key.ID))
		if err != nil {
			return atoll.Record{}, err
		}
		if len(found) > 0 {
			rec = &found[0]
			r.noteRecord(rec)
		} else {
			r.noteAbsent(key)
		}
	} else if err := r.ready(); err != nil {
		return atoll.Record{}, err
	}
	if rec == nil {
		return atoll.Record{}, atoll.Errorf(atoll.NotFound, "there is no such record here").About(key)
	}
	return *rec, nil
}

// Records implements [storage.RecordReader].
func (r *reader) Records(q storage.Query) ([]atoll.Record, error) {
	if len(q.Begun) > 0 && q.By == "" {
		return r.begun(q)
	}
	place, err := r.place(q)
	if err != nil {
		return nil, err
	}
	query, args := selectRecords(q, place)
	return r.records("list records", query, args...)
}

// place returns the value by which the record stands in the order of the query after
// which it goes on.
func (r *reader) place(q storage.Query) (string, error) {
	if q.By == "" {
		return "", nil
	}
	if len(q.Begun) > 0 {
		return "", storage.NotBoth()
	}
	if q.After == "" {
		return "", nil
	}
	key := atoll.Key{Type: q.Type, ID: q.After}
	var indexed string
	if _, err := r.row("read a record's index", getIndexed, []any{string(key.Type), string(key.ID)}, &indexed); err != nil {
		return "", err
	}
	values, err := indexValues(key, indexed)
	if err != nil {
		return "", err
	}
	value, ok := values[q.By]
	if !ok {
		return "", storage.NoPlace(q)
	}
	return value, nil
}

// selectRecords builds the statement for a query. The order of the tables is
// fixed (CROSS JOIN), so that the index rows, which lie in the order of ids, are
// read no further than the limit asks.
func selectRecords(q storage.Query, place string) (string, []any) {
	var b strings.Builder
	var args []any
	b.WriteString("SELECT " + recordColumns + " FROM ")
	var where, tables []string
	if q.By != "" {
		tables = append(tables, "record_index ia")
		where = append(where, "ia.type = ? AND ia.field = ?")
		args = append(args, string(q.Type), q.By)
	}
	for _, field := range slices.Sorted(maps.Keys(q.Where)) {
		i := "i" + string(rune('a'+len(tables)))
		where = append(where, i+".type = ? AND "+i+".field = ? AND "+i+".value = ?")
		args = append(args, string(q.Type), field, q.Where[field])
		if len(tables) > 0 {
			where = append(where, i+".id = ia.id")
		}
		tables = append(tables, "record_index "+i)
	}
	order := []string{"r.id"}
	if len(tables) > 0 {
		order[0] = "ia.id"
		where = append(where, "r.id = ia.id")
	}
	where = append(where, "r.type = ?")
	args = append(args, string(q.Type))
	if q.After != "" {
		than := ">"
		if q.Falling {
			than = "<"
		}
		if q.By != "" {
			where = append(where, "(ia.value, ia.id) "+than+" (?, ?)")
			args = append(args, place)
		} else {
			where = append(where, order[0]+" "+than+" ?")
		}
		args = append(args, string(q.After))
	}
	if !q.All {
		where = append(where, "r.state = 0")
	}
	if q.By != "" {
		order = []string{"ia.value", "ia.id"}
	}
	way := ""
	if q.Falling {
		way = " DESC"
	}
	b.WriteString(strings.Join(append(tables, "record r"), " CROSS JOIN ") + " WHERE " + strings.Join(where, " AND ") +
		" ORDER BY " + strings.Join(order, way+", ") + way + " LIMIT ?")
	return b.String(), append(args, bound(q.Limit))
}

// Changed implements [storage.RecordReader].
func (r *reader) Changed(after atoll.Position, limit int) ([]atoll.Record, error) {
	return r.records("read what has changed", getChanged, int64(after), bound(limit))
}

// CountRecords implements [storage.RecordReader].
func (r *reader) CountRecords() (map[atoll.Type]int, error) {
	out := map[atoll.Type]int{}
	err := r.each("count records", countRecords, nil, func(rows *sql.Rows) (bool, error) {
		var typ string
		var n int
		err := rows.Scan(&typ, &n)
		out[atoll.Type(typ)] = n
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// LastPosition implements [storage.RecordReader].
func (r *reader) LastPosition() (atoll.Position, error) { return r.newest, r.ready() }

// locate reads where the database stands. It is the first thing that a transaction
// reads.
func (r *reader) locate() error {
	var last int64
	found, err := r.row("read the last position", lastPosition, nil, &last, &r.revision)
	if err == nil && !found {
		err = atoll.Errorf(atoll.Damaged, "the database has lost its last position").Do("restore a backup")
	}
	r.newest = atoll.Position(last)
	return err
}

// CountRecords implements [storage.RecordReader].
func (t *tx) CountRecords() (map[atoll.Type]int, error) {
	if err := t.writeCounts(); err != nil {
		return nil, err
	}
	return t.reader.CountRecords()
}

func (t *tx) writeCounts() error {
	for _, typ := range slices.Sorted(maps.Keys(t.counts)) {
		if t.counts[typ] != 0 {
			if _, err := t.exec("count records", addCount, string(typ), t.counts[typ]); err != nil {
				return err
			}
		}
		delete(t.counts, typ)
	}
	return nil
}

// Put implements [storage.RecordWriter].
func (t *tx) Put(r atoll.Record, index map[string]string) (atoll.Position, error) {
	audiences, err := joinAudiences(r.Audiences)
	if err != nil {
		return 0, err
	}
	there, known := t.recall.records[r.Key]
	t.forgetRecord(r.Key)
	position, err := t.NextPosition()
	if err != nil {
		return 0, err
	}
	indexed, err := indexText(index)
	if err != nil {
		return 0, err
	}
	state := bit(r.Deleted)*deleted + bit(r.Hidden)*hidden
	seal := digest.Of(r)
	var had map[string]string
	if there != nil || !known {
		if had, err = t.take(r.Key); err != nil {
			return 0, err
		}
	}
	err = t.later(toRecord, int64(position), string(r.Type), string(r.ID), int64(r.Version), state,
		int64(r.Origin.Site), int64(r.Origin.Seq), audiences, indexed, string(r.Body), seal[:])
	if err != nil {
		return 0, err
	}
	if state == 0 {
		t.counts[r.Type]++
	}
	t.count(state, r.Audiences, seal[:], (*digest.Sum).Add)
	if err := t.reindex(r.Key, had, index); err != nil {
		return 0, err
	}
	r.Position = position
	t.noteRecord(asRead(r))
	return position, nil
}

// asRead is the record as it will be read.
func asRead(r atoll.Record) *atoll.Record {
	if len(r.Body) == 0 {
		r.Body = nil
	}
	if len(r.Audiences) == 0 {
		r.Audiences = nil
	}
	return &r
}

// Forget implements [storage.RecordWriter].
func (t *tx) Forget(key atoll.Key) error {
	t.forgetRecord(key)
	had, err := t.take(key)
	if err != nil {
		return err
	}
	return t.reindex(key, had, nil)
}

// take removes the record's row and returns the values it was indexed by.
func (t *tx) take(key atoll.Key) (map[string]string, error) {
	var state int
	var indexed, audiences string
	var seal []byte
	found, err := t.row("replace a record", takeRecord, []any{string(key.Type), string(key.ID)}, &state, &indexed, &audiences, &seal)
	if err != nil || !found {
		return nil, err
	}
	if state == 0 {
		t.counts[key.Type]--
	}
	t.count(state, splitAudiences(audiences), seal, (*digest.Sum).Remove)
	return indexValues(key, indexed)
}

// indexText is what the column indexed holds of the values, indexValues the values
// of what it holds.
func indexText(values map[string]string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	// As encoding/json writes it, which ids and words seldom need to be asked for.
	var b strings.Builder
	for i, field := range slices.Sorted(maps.Keys(values)) {
		value := values[field]
		if !isPlain(field) || !isPlain(value) {
			j, err := json.Marshal(values)
			return string(j), err
		}
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(`"` + field + `":"` + value + `"`)
	}
	b.WriteByte('}')
	return b.String(), nil
}

// isPlain reports whether encoding/json writes the text as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func indexValues(key atoll.Key, text string) (values map[string]string, err error) {
	if text == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, atoll.Errorf(atoll.Damaged, "the record's index values cannot be read: %w", err).About(key)
	}
	return values, nil
}

// Reindex implements [storage.RecordWriter].
func (t *tx) Reindex(key atoll.Key, index map[string]string) error {
	now, err := indexText(index)
	if err != nil {
		return err
	}
	var before string
	found, err := t.row("read a record's index", getIndexed, []any{string(key.Type), string(key.ID)}, &before)
	if err != nil || !found || before == now {
		return err
	}
	had, err := indexValues(key, before)
	if err != nil {
		return err
	}
	if _, err := t.exec("index a record", setIndexed, now, string(key.Type), string(key.ID)); err != nil {
		return err
	}
	return t.reindex(key, had, index)
}

// reindex replaces the record's index rows, leaving alone those that stay.
func (t *tx) reindex(key atoll.Key, had, index map[string]string) error {
	for field, value := range had {
		if now, ok := index[field]; ok && now == value {
			continue
		}
		if _, err := t.exec("index a record", dropIndex, string(key.Type), field, value, string(key.ID)); err != nil {
			return err
		}
	}
	for field, value := range index {
		if before, ok := had[field]; ok && before == value {
			continue
		}
		if err := t.later(toIndex, string(key.Type), field, value, string(key.ID)); err != nil {
			return err
		}
	}
	return nil
}

func joinAudiences(audiences []atoll.Audience) (string, error) {
	var b strings.Builder
	for i, a := range audiences {
		if a == "" || strings.Contains(string(a), "\n") {
			return "", atoll.Errorf(atoll.Invalid, "audience %q cannot be stored", a)
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(a))
	}
	return b.String(), nil
}
