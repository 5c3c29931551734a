package sqlite

import (
	"database/sql"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

const (
	getFeed = `SELECT position, type, id, gone, forced FROM feed
		WHERE audience = ? AND position > ? AND position <= ? ORDER BY position, type, id LIMIT ?`

	unlist = `DELETE FROM feed WHERE audience = ? AND position = ? AND type = ? AND id = ?`
)

// Feed implements [storage.FeedReader]. A limit of 0 is none.
func (r *reader) Feed(audience atoll.Audience, after, until atoll.Position, limit int) ([]storage.FeedLine, error) {
	if end, known := r.known.end(audience, r.revision); known && end <= after {
		return nil, r.ready()
	}
	const all = 1<<63 - 1
	if until == 0 {
		until = all
	}
	upTo := int64(until)
	if until >= r.newest { // to the end of it, which is remembered
		upTo = all
	}
	var out []storage.FeedLine
	end, whole := after, upTo == all
	err := r.each("read the feed", getFeed, []any{string(audience), int64(after), upTo, bound(limit)}, func(rows *sql.Rows) (bool, error) {
		var position int64
		var typ, id string
		var gone, forced int
		err := rows.Scan(&position, &typ, &id, &gone, &forced)
		if end = atoll.Position(position); end > until {
			whole = false
			return false, err
		}
		out = append(out, storage.FeedLine{
			Position: atoll.Position(position),
			Key:      atoll.Key{Type: atoll.Type(typ), ID: atoll.ID(id)},
			Gone:     gone != 0, Forced: forced != 0,
		})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	if whole && (limit <= 0 || len(out) < limit) {
		r.known.readEnd(audience, end, r.revision)
	}
	return out, nil
}

// List implements [storage.FeedWriter]. The same line again takes the place of
// the first.
func (t *tx) List(audience atoll.Audience, line storage.FeedLine) error {
	if t.listed == nil {
		t.listed = map[atoll.Audience]atoll.Position{}
	}
	t.listed[audience] = max(t.listed[audience], line.Position)
	return t.later(toFeed, string(audience), int64(line.Position),
		string(line.Key.Type), string(line.Key.ID), bit(line.Gone), bit(line.Forced))
}

// Unlist implements [storage.FeedWriter].
func (t *tx) Unlist(audience atoll.Audience, at atoll.Position, key atoll.Key) error {
	_, err := t.exec("write the feed", unlist, string(audience), int64(at), string(key.Type), string(key.ID))
	return err
}
