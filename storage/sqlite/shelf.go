package sqlite

import (
	"database/sql"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const (
	getValue = `SELECT value FROM shelf WHERE bucket = ? AND key = ?`

	scanUp   = `SELECT key, value FROM shelf WHERE bucket = ? AND key > ? ORDER BY key LIMIT ?`
	scanDown = `SELECT key, value FROM shelf WHERE bucket = ? AND key < ? ORDER BY key DESC LIMIT ?`
	// The empty key is a key, and above no key.
	scanAll  = `SELECT key, value FROM shelf WHERE bucket = ? ORDER BY key LIMIT ?`
	scanBack = `SELECT key, value FROM shelf WHERE bucket = ? ORDER BY key DESC LIMIT ?`

	setValue = `INSERT INTO shelf (bucket, key, value) VALUES (?, ?, ?)
		ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value`

	dropValue = `DELETE FROM shelf WHERE bucket = ? AND key = ?`
)

// Get implements [storage.ShelfReader].
func (r *reader) Get(bucket, key string) ([]byte, error) {
	value, seen := r.recall.shelf[place{bucket, key}]
	if !seen {
		found, err := r.row("read the shelf", getValue, []any{bucket, key}, &value)
		if err != nil {
			return nil, err
		}
		if found {
			value = blob(value)
		}
		r.noteValue(place{bucket, key}, value)
	} else if err := r.ready(); err != nil {
		return nil, err
	}
	if value == nil {
		return nil, atoll.Errorf(atoll.NotFound, "%s has no %q", bucket, key)
	}
	return value, nil
}

// Scan implements [storage.ShelfReader].
func (r *reader) Scan(bucket, after string, limit int, reverse bool) ([]storage.Item, error) {
	query, args := scanUp, []any{bucket, after, bound(limit)}
	switch {
	case after == "" && reverse:
		query, args = scanBack, []any{bucket, bound(limit)}
	case after == "":
		query, args = scanAll, []any{bucket, bound(limit)}
	case reverse:
		query = scanDown
	}
	var out []storage.Item
	err := r.each("read the shelf", query, args, func(rows *sql.Rows) (bool, error) {
		var it storage.Item
		err := rows.Scan(&it.Key, &it.Value)
		out = append(out, it)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Walk implements [storage.ShelfReader].
func (r *reader) Walk(bucket string, fn func(key, value []byte) error) error {
	var key, value sql.RawBytes
	var theirs error
	err := r.each("read the shelf", scanAll, []any{bucket, bound(0)}, func(rows *sql.Rows) (bool, error) {
		if err := rows.Scan(&key, &value); err != nil {
			return false, err
		}
		theirs = fn(key, value)
		return theirs == nil, nil
	})
	if theirs != nil {
		return theirs
	}
	return err
}

// Set implements [storage.ShelfWriter].
func (t *tx) Set(bucket, key string, value []byte) error {
	delete(t.recall.shelf, place{bucket, key})
	_, err := t.exec("write the shelf", setValue, bucket, key, blob(value))
	return err
}

// Drop implements [storage.ShelfWriter].
func (t *tx) Drop(bucket, key string) error {
	delete(t.recall.shelf, place{bucket, key})
	_, err := t.exec("write the shelf", dropValue, bucket, key)
	return err
}
