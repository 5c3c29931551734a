package sqlite

import (
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const (
	refusalColumns = `id, site, timeline, seq, code, layer, message, subject_type, subject_id, field, behind,
		content, at, attempts, state, settled, settled_by, note, reason`

	getRefusal     = `SELECT ` + refusalColumns + ` FROM quarantine WHERE id = ?`
	getRefusals    = `SELECT ` + refusalColumns + ` FROM quarantine WHERE id > ?`
	getRefusalKeys = `SELECT type, id FROM quarantine_key WHERE refusal = ? ORDER BY n`

	hasOpenRefusal = `SELECT 1 FROM quarantine WHERE site = ? AND state = 'open' LIMIT 1`
	getOpenRefusal = `SELECT q.id FROM quarantine_key k CROSS JOIN quarantine q
		WHERE k.type = ? AND k.id = ? AND q.id = k.refusal AND q.site = ? AND q.state = 'open'
		ORDER BY k.refusal LIMIT 1`

	countRefusals = `SELECT site, count(*) FROM quarantine WHERE state = 'open' GROUP BY site`

	refuse = `INSERT INTO quarantine (site, timeline, seq, code, layer, message, subject_type, subject_id, field, behind,
			content, at, attempts, state, settled, settled_by, note, reason)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?) RETURNING id`
	refuseKey = `INSERT INTO quarantine_key (refusal, n, type, id) VALUES (?, ?, ?, ?)`

	settle = `UPDATE quarantine SET state = ?, settled = ?, settled_by = ?, note = ?, attempts = ?, code = ?, layer = ?,
		message = ?, subject_type = ?, subject_id = ?, field = ?, behind = ?, reason = ? WHERE id = ?`
)

func (r *reader) refusals(query string, args ...any) ([]storage.Refusal, error) {
	var out []storage.Refusal
	err := r.each("read quarantine", query, args, func(rows *sql.Rows) (bool, error) {
		var f storage.Refusal
		var site, seq, at, settled int64
		var timeline, code, subjectType, subjectID, reason string
		err := rows.Scan(&f.ID, &site, &timeline, &seq, &code, &f.Layer, &f.Message, &subjectType, &subjectID, &f.Field, &f.Behind,
			&f.Content, &at, &f.Attempts, &f.State, &settled, &f.By, &f.Note, &reason)
		if err == nil && reason != "" {
			err = json.Unmarshal([]byte(reason), &f.Reason)
		}
		f.Site, f.Timeline, f.Seq, f.Code = atoll.SiteID(site), atoll.Timeline(timeline), uint64(seq), atoll.Code(code)
		f.Subject = atoll.Key{Type: atoll.Type(subjectType), ID: atoll.ID(subjectID)}
		f.At, f.Settled = moment(at), moment(settled)
		out = append(out, f)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Keys, err = r.refusalKeys(out[i].ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *reader) refusalKeys(id int64) (keys []atoll.Key, err error) {
	err = r.each("read quarantine", getRefusalKeys, []any{id}, func(rows *sql.Rows) (bool, error) {
		var typ, id string
		err := rows.Scan(&typ, &id)
		keys = append(keys, atoll.Key{Type: atoll.Type(typ), ID: atoll.ID(id)})
		return true, err
	})
	return keys, err
}

// Refusal implements [storage.QuarantineReader].
func (r *reader) Refusal(id int64) (storage.Refusal, error) {
	found, err := r.refusals(getRefusal, id)
	if err != nil {
		return storage.Refusal{}, err
	}
	if len(found) == 0 {
		return storage.Refusal{}, noRefusal(id)
	}
	return found[0], nil
}

func noRefusal(id int64) error {
	return atoll.Errorf(atoll.NotFound, "quarantine has no refusal %d", id)
}

// Refusals implements [storage.QuarantineReader].
func (r *reader) Refusals(site atoll.SiteID, open bool, after int64, limit int) ([]storage.Refusal, error) {
	var b strings.Builder
	b.WriteString(getRefusals)
	args := []any{after}
	if site != 0 {
		b.WriteString(" AND site = ?")
		args = append(args, int64(site))
	}
	if open {
		b.WriteString(" AND state = 'open'")
	}
	b.WriteString(" ORDER BY id LIMIT ?")
	return r.refusals(b.String(), append(args, bound(limit))...)
}

// OpenRefusals implements [storage.QuarantineReader].
func (r *reader) OpenRefusals(site atoll.SiteID, keys []atoll.Key) (map[atoll.Key]int64, error) {
	// Most sites have none, and then no key needs a look.
	some, err := r.refused(site)
	if err != nil || !some {
		return map[atoll.Key]int64{}, err
	}
	return r.openRefusals(site, keys)
}

// Refusals implements [storage.QuarantineReader].
func (t *tx) Refusals(site atoll.SiteID, open bool, after int64, limit int) ([]storage.Refusal, error) {
	if open && t.calm[site] {
		return nil, t.ready()
	}
	return t.reader.Refusals(site, open, after, limit)
}

// OpenRefusals implements [storage.QuarantineReader]. It is asked about each entry
// of a batch: that the site has none is remembered.
func (t *tx) OpenRefusals(site atoll.SiteID, keys []atoll.Key) (map[atoll.Key]int64, error) {
	if t.calm[site] {
		return map[atoll.Key]int64{}, t.ready()
	}
	switch some, err := t.refused(site); {
	case err != nil:
		return nil, err
	case some:
		return t.openRefusals(site, keys)
	}
	t.calm[site] = true
	return map[atoll.Key]int64{}, nil
}

// refused reports whether the site has an open refusal.
func (r *reader) refused(site atoll.SiteID) (bool, error) {
	var one int
	return r.row("read quarantine", hasOpenRefusal, []any{int64(site)}, &one)
}

func (r *reader) openRefusals(site atoll.SiteID, keys []atoll.Key) (map[atoll.Key]int64, error) {
	out := map[atoll.Key]int64{}
	for _, key := range keys {
		var id int64
		found, err := r.row("read quarantine", getOpenRefusal, []any{string(key.Type), string(key.ID), int64(site)}, &id)
		if err != nil {
			return nil, err
		}
		if found {
			out[key] = id
		}
	}
	return out, nil
}

// CountRefusals implements [storage.QuarantineReader].
func (r *reader) CountRefusals() (map[atoll.SiteID]int, error) {
	out := map[atoll.SiteID]int{}
	err := r.each("count refusals", countRefusals, nil, func(rows *sql.Rows) (bool, error) {
		var site int64
		var n int
		err := rows.Scan(&site, &n)
		out[atoll.SiteID(site)] = n
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Refuse implements [storage.QuarantineWriter]. A refusal without a time gets one.
func (t *tx) Refuse(f storage.Refusal) (id int64, err error) {
	clear(t.calm)
	if f.At.IsZero() {
		f.At = t.now()
	}
	reason, err := reasonText(f.Reason)
	if err != nil {
		return 0, err
	}
	_, err = t.row("write quarantine", refuse, []any{
		int64(f.Site), string(f.Timeline), int64(f.Seq), string(f.Code), f.Layer, f.Message,
		string(f.Subject.Type), string(f.Subject.ID), f.Field, f.Behind,
		blob(f.Content), millis(f.At), f.Attempts, millis(f.Settled), f.By, f.Note, reason,
	}, &id)
	if err != nil {
		return 0, err
	}
	for n, key := range f.Keys {
		if _, err := t.exec("write quarantine", refuseKey, id, n, string(key.Type), string(key.ID)); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// Settle implements [storage.QuarantineWriter]. It fails with atoll.NotFound when
// there is no such refusal.
func (t *tx) Settle(f storage.Refusal) error {
	clear(t.calm)
	reason, err := reasonText(f.Reason)
	if err != nil {
		return err
	}
	n, err := t.exec("write quarantine", settle, f.State, millis(f.Settled), f.By, f.Note, f.Attempts,
		string(f.Code), f.Layer, f.Message, string(f.Subject.Type), string(f.Subject.ID), f.Field, f.Behind, reason, f.ID)
	if err == nil && n == 0 {
		return noRefusal(f.ID)
	}
	return err
}

// reasonText is a reason as the database keeps it, "" for none.
func reasonText(r atoll.Reason) (string, error) {
	if r.IsZero() {
		return "", nil
	}
	b, err := json.Marshal(r)
	return string(b), err
}
