package sqlite

import (
	"database/sql"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const (
	getStaged = `SELECT type, id, position, payload, error, attempts FROM stage
		WHERE lane = ? ORDER BY position, type, id LIMIT ?`

	countStaged = `SELECT lane, count(*) FROM stage GROUP BY lane`

	putStage = `INSERT INTO stage (lane, type, id, position, payload, error, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (lane, type, id) DO UPDATE SET position = excluded.position, payload = excluded.payload,
			error = excluded.error, attempts = excluded.attempts`

	dropStaged = `DELETE FROM stage WHERE lane = ? AND type = ? AND id = ?`
	dropLane   = `DELETE FROM stage WHERE lane = ?`
)

// Staged implements [storage.StageReader].
func (r *reader) Staged(lane string, limit int) ([]storage.StagedItem, error) {
	var out []storage.StagedItem
	err := r.each("read what is staged", getStaged, []any{lane, bound(limit)}, func(rows *sql.Rows) (bool, error) {
		var it storage.StagedItem
		var typ, id string
		var position int64
		err := rows.Scan(&typ, &id, &position, &it.Payload, &it.Error, &it.Attempts)
		it.Key = atoll.Key{Type: atoll.Type(typ), ID: atoll.ID(id)}
		it.Position = atoll.Position(position)
		out = append(out, it)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CountStaged implements [storage.StageReader].
func (r *reader) CountStaged() (map[string]int, error) {
	out := map[string]int{}
	err := r.each("count what is staged", countStaged, nil, func(rows *sql.Rows) (bool, error) {
		var lane string
		var n int
		err := rows.Scan(&lane, &n)
		out[lane] = n
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Stage implements [storage.StageWriter].
func (t *tx) Stage(lane string, it storage.StagedItem) error {
	_, err := t.exec("stage", putStage, lane, string(it.Key.Type), string(it.Key.ID),
		int64(it.Position), blob(it.Payload), it.Error, it.Attempts)
	return err
}

// Unstage implements [storage.StageWriter].
func (t *tx) Unstage(lane string, key atoll.Key) (err error) {
	if key == (atoll.Key{}) {
		_, err = t.exec("unstage", dropLane, lane)
	} else {
		_, err = t.exec("unstage", dropStaged, lane, string(key.Type), string(key.ID))
	}
	return err
}
