package sqlite

import (
	"database/sql"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const (
	getStaged = `SELECT id, position, payload, error, attempts FROM stage
		WHERE lane = ? AND type = ? AND (position, id) > (?, ?) ORDER BY position, id LIMIT ?`

	// One seek for each type.
	getStagedTypes = `WITH RECURSIVE t(type) AS (
		SELECT min(type) FROM stage WHERE lane = ?1
		UNION ALL SELECT (SELECT min(type) FROM stage WHERE lane = ?1 AND type > t.type) FROM t WHERE t.type IS NOT NULL)
		SELECT type FROM t WHERE type IS NOT NULL`

	countStaged = `SELECT lane, count(*) FROM stage GROUP BY lane`

	putStage = `INSERT INTO stage (lane, type, id, position, payload, error, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (lane, type, id) DO UPDATE SET position = excluded.position, payload = excluded.payload,
			error = excluded.error, attempts = excluded.attempts`

	dropStaged = `DELETE FROM stage WHERE lane = ? AND type = ? AND id = ?`
	dropOlder  = `DELETE FROM stage WHERE lane = ? AND type = ? AND id = ? AND position <= ?`
	dropLane   = `DELETE FROM stage WHERE lane = ?`

	// What moves has nothing in its way then, and nothing is read into memory.
	dropOutdated = `DELETE FROM stage WHERE lane = ?2 AND EXISTS (SELECT 1 FROM stage m
		WHERE m.lane = ?1 AND m.type = stage.type AND m.id = stage.id AND m.position >= stage.position)`
	dropOutdating = `DELETE FROM stage WHERE lane = ?1 AND EXISTS (SELECT 1 FROM stage s
		WHERE s.lane = ?2 AND s.type = stage.type AND s.id = stage.id)`
	moveLane = `UPDATE stage SET lane = ?2 WHERE lane = ?1`
)

// Staged implements [storage.StageReader].
func (r *reader) Staged(lane string, of atoll.Type, after storage.StagedPlace, limit int) ([]storage.StagedItem, error) {
	var out []storage.StagedItem
	args := []any{lane, string(of), int64(after.Position), string(after.ID), bound(limit)}
	err := r.each("read what is staged", getStaged, args, func(rows *sql.Rows) (bool, error) {
		var it storage.StagedItem
		var id string
		var position int64
		err := rows.Scan(&id, &position, &it.Payload, &it.Error, &it.Attempts)
		it.Key = atoll.Key{Type: of, ID: atoll.ID(id)}
		it.Position = atoll.Position(position)
		out = append(out, it)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// StagedTypes implements [storage.StageReader].
func (r *reader) StagedTypes(lane string) (out []atoll.Type, err error) {
	err = r.each("read the types of what is staged", getStagedTypes, []any{lane}, func(rows *sql.Rows) (bool, error) {
		var of string
		err := rows.Scan(&of)
		out = append(out, atoll.Type(of))
		return true, err
	})
	return out, err
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

// Outdate implements [storage.StageWriter].
func (t *tx) Outdate(lane string, by storage.StagedItem) error {
	_, err := t.exec("unstage", dropOlder, lane, string(by.Key.Type), string(by.Key.ID), int64(by.Position))
	return err
}

// Restage implements [storage.StageWriter].
func (t *tx) Restage(from, to string) error {
	if from == to {
		return nil
	}
	for _, query := range []string{dropOutdated, dropOutdating, moveLane} {
		if _, err := t.exec("restage", query, from, to); err != nil {
			return err
		}
	}
	return nil
}
