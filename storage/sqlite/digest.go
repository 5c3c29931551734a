package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

const (
	getDigest = `SELECT records, sum FROM digest WHERE audience = ?`

	getDigests = `SELECT audience, records, sum FROM digest WHERE audience > ? ORDER BY audience LIMIT ?`

	setDigest = `INSERT INTO digest (audience, records, sum) VALUES (?, ?, ?)
		ON CONFLICT (audience) DO UPDATE SET records = excluded.records, sum = excluded.sum`

	dropDigest = `DELETE FROM digest WHERE audience = ?`

	getSealed = `SELECT ` + recordColumns + `, r.seal FROM record r WHERE r.position > ? ORDER BY r.position LIMIT ?`

	getSeal = `SELECT seal FROM record WHERE type = ? AND id = ?`

	getPlace = `SELECT state, audiences, seal FROM record WHERE type = ? AND id = ?`

	setPlace = `UPDATE record SET audiences = ? WHERE type = ? AND id = ?`
)

var recount = []string{
	`DELETE FROM record_count`,
	`INSERT INTO record_count (type, live) SELECT type, count(*) FROM record WHERE state = 0 GROUP BY type`,
	`DELETE FROM record_index WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.type = record_index.type AND r.id = record_index.id)`,
}

// Digest implements [storage.DigestReader].
func (r *reader) Digest(a atoll.Audience) (digest.Sum, error) {
	if sum, known := r.known.digest(a, r.revision); known {
		return sum, r.ready()
	}
	var n int
	var b []byte
	var sum digest.Sum
	found, err := r.row("read a digest", getDigest, []any{string(a)}, &n, &b)
	if err == nil && found {
		sum, err = sumOf(a, n, b)
	}
	if err == nil {
		r.known.readDigest(a, sum, r.revision)
	}
	return sum, err
}

func sumOf(a atoll.Audience, n int, b []byte) (digest.Sum, error) {
	s, ok := digest.SumOf(n, b)
	if !ok {
		return s, atoll.Errorf(atoll.Damaged, "the digest of %s cannot be read", a)
	}
	return s, nil
}

// Digests implements [storage.DigestReader].
func (r *reader) Digests(after atoll.Audience, limit int) ([]storage.AudienceDigest, error) {
	var out []storage.AudienceDigest
	err := r.each("read digests", getDigests, []any{string(after), bound(limit)}, func(rows *sql.Rows) (bool, error) {
		var a string
		var n int
		var b []byte
		if err := rows.Scan(&a, &n, &b); err != nil {
			return false, err
		}
		s, err := sumOf(atoll.Audience(a), n, b)
		out = append(out, storage.AudienceDigest{Audience: atoll.Audience(a), Sum: s})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Sealed implements [storage.DigestReader].
func (r *reader) Sealed(after atoll.Position, limit int) ([]storage.Sealed, error) {
	var out []storage.Sealed
	err := r.each("read what has changed", getSealed, []any{int64(after), bound(limit)}, func(rows *sql.Rows) (bool, error) {
		var seal []byte
		rec, err := scanRecord(rows, &seal)
		s := storage.Sealed{Record: rec}
		copy(s.Seal[:], seal)
		out = append(out, s)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Seal implements [storage.DigestReader].
func (r *reader) Seal(key atoll.Key) (seal digest.Row, err error) {
	var b []byte
	found, err := r.row("read a seal", getSeal, []any{string(key.Type), string(key.ID)}, &b)
	if err == nil && !found {
		err = atoll.Errorf(atoll.NotFound, "there is no such record here").About(key)
	}
	copy(seal[:], b)
	return seal, err
}

// Digest implements [storage.DigestReader].
func (t *tx) Digest(a atoll.Audience) (digest.Sum, error) {
	s, err := t.reader.Digest(a)
	s.Join(t.digests[a])
	return s, err
}

// Digests implements [storage.DigestReader].
func (t *tx) Digests(after atoll.Audience, limit int) ([]storage.AudienceDigest, error) {
	t.early = true
	if _, err := t.writeDigests(); err != nil {
		return nil, err
	}
	return t.reader.Digests(after, limit)
}

// Amend implements [storage.DigestWriter].
func (t *tx) Amend(a atoll.Audience, by digest.Sum) error {
	s := t.digests[a]
	s.Join(by)
	t.digests[a] = s
	return t.ready()
}

// Recount implements [storage.DigestWriter].
func (t *tx) Recount() error {
	if err := t.writeCounts(); err != nil {
		return err
	}
	for _, query := range recount {
		if _, err := t.exec("count records", query); err != nil {
			return err
		}
	}
	return nil
}

// Place implements [storage.DigestWriter].
func (t *tx) Place(key atoll.Key, audiences []atoll.Audience) error {
	joined, err := joinAudiences(audiences)
	if err != nil {
		return err
	}
	var state int
	var had string
	var seal []byte
	found, err := t.row("read a record's place", getPlace, []any{string(key.Type), string(key.ID)}, &state, &had, &seal)
	if err != nil || !found || had == joined {
		return err
	}
	t.forgetRecord(key)
	t.count(state, splitAudiences(had), seal, (*digest.Sum).Remove)
	t.count(state, audiences, seal, (*digest.Sum).Add)
	_, err = t.exec("place a record", setPlace, joined, string(key.Type), string(key.ID))
	return err
}

// count puts a record's seal into the digests of its audiences, or takes it out.
func (t *tx) count(state int, audiences []atoll.Audience, seal []byte, how func(*digest.Sum, digest.Row)) {
	if state&hidden != 0 || len(audiences) == 0 {
		return
	}
	var row digest.Row
	copy(row[:], seal)
	for _, a := range digest.Counted(audiences) {
		s := t.digests[a]
		how(&s, row)
		t.digests[a] = s
	}
}

// writeDigests writes what the transaction changed of them, once for each
// audience, and returns them.
func (t *tx) writeDigests() (map[atoll.Audience]digest.Sum, error) {
	sums := map[atoll.Audience]digest.Sum{}
	for _, a := range slices.Sorted(maps.Keys(t.digests)) {
		by := t.digests[a]
		if by == (digest.Sum{}) {
			continue
		}
		s, err := t.before(a)
		if err != nil {
			return nil, err
		}
		s.Join(by)
		sums[a] = s
		if s == (digest.Sum{}) {
			_, err = t.exec("write a digest", dropDigest, string(a))
		} else {
			_, err = t.exec("write a digest", setDigest, string(a), s.Count, s.Bytes())
		}
		if err != nil {
			return nil, err
		}
	}
	clear(t.digests)
	return sums, nil
}

// before is the digest without what the transaction has yet to write of it.
func (t *tx) before(a atoll.Audience) (digest.Sum, error) {
	if sum, known := t.audiences.digest(a, t.revision); known && !t.early {
		return sum, nil
	}
	return t.reader.Digest(a)
}

func splitAudiences(s string) (out []atoll.Audience) {
	if s == "" {
		return nil
	}
	for a := range strings.SplitSeq(s, "\n") {
		out = append(out, atoll.Audience(a))
	}
	return out
}

// seal seals the records of a database that was made before there were seals, and
// works out its digests.
func seal(ctx context.Context, conn *sql.Conn) error {
	sums := map[atoll.Audience]digest.Sum{}
	after := atoll.Position(0)
	for {
		n, err := sealPage(ctx, conn, &after, sums)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for a, s := range sums {
		if _, err := conn.ExecContext(ctx, setDigest, string(a), s.Count, s.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func sealPage(ctx context.Context, conn *sql.Conn, after *atoll.Position, sums map[atoll.Audience]digest.Sum) (int, error) {
	rows, err := conn.QueryContext(ctx, `SELECT `+recordColumns+` FROM record r WHERE r.position > ? ORDER BY r.position LIMIT 1000`, int64(*after))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var page []atoll.Record
	for rows.Next() {
		rec, err := scanRecord(rows)
		if err != nil {
			return 0, err
		}
		page = append(page, rec)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for _, rec := range page {
		*after = rec.Position
		seal := digest.Of(rec)
		if _, err := conn.ExecContext(ctx, `UPDATE record SET seal = ? WHERE position = ?`, seal[:], int64(rec.Position)); err != nil {
			return 0, err
		}
		if rec.Hidden {
			continue
		}
		for _, a := range digest.Counted(rec.Audiences) {
			s := sums[a]
			s.Add(seal)
			sums[a] = s
		}
	}
	return len(page), nil
}
