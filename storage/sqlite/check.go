package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/atollsync/atoll"
)

// checks find what must never be: each row of each is one fault, in words, but
// for the "ok" of the first.
var checks = []struct{ doing, query string }{
	{"check the file", `PRAGMA integrity_check(20)`},
	{"check references", `SELECT 'a row of ' || "table" || ' refers to no row of ' || parent FROM pragma_foreign_key_check LIMIT 20`},
	{"check bodies", `SELECT type || '/' || id || ' has a body that is not JSON' FROM record
		WHERE body <> '' AND NOT json_valid(body) LIMIT 20`},
	{"check the index", `SELECT r.type || '/' || r.id || ' is missing from the index of ' || j.key
		FROM record r, json_each(r.indexed) j
		WHERE r.indexed <> '' AND NOT EXISTS (
			SELECT 1 FROM record_index i WHERE i.type = r.type AND i.field = j.key AND i.value = j.value AND i.id = r.id)
		LIMIT 20`},
	// With none missing, equal numbers mean that none is left over either.
	{"check the index", `SELECT 'the index has ' || i.n || ' rows, the records have ' || r.n
		FROM (SELECT count(*) AS n FROM record_index) i,
			(SELECT count(*) AS n FROM record, json_each(record.indexed) WHERE indexed <> '') r
		WHERE i.n <> r.n`},
	{"check the counts", `SELECT 'there are ' || sum(n) || ' records of ' || type || ' more than counted' FROM (
			SELECT type, count(*) AS n FROM record WHERE state = 0 GROUP BY type
			UNION ALL SELECT type, -live FROM record_count)
		GROUP BY type HAVING sum(n) <> 0`},
	{"check positions", `SELECT type || '/' || id || ' is at ' || r.position || ', above the last position ' || l.position
		FROM record r, last_position l WHERE r.position > l.position LIMIT 20`},
	{"check journals", `SELECT 'the journal of site ' || j.site || ' begins at ' || min(j.seq) || ', ends at ' || max(j.seq)
			|| ' and has ' || count(*) || ' entries'
		FROM journal j LEFT JOIN journal_base b ON b.site = j.site
		GROUP BY j.site HAVING count(*) <> max(j.seq) - ifnull(b.seq, 0)`},
}

// Check reads the whole database and fails with atoll.Damaged if the file is
// damaged, or if what must agree in it does not: the index and the counts with
// the records, the positions, the density of journals. It does not verify the
// journals' hash chains, which are not the engine's. It takes as long as reading
// the file, and disturbs nobody.
func (s *Store) Check(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	// A connection of its own: the others remember the file as they first read it.
	c, err := connected(ctx, s.reading)
	if err != nil {
		return err
	}
	r := &reader{ctx: ctx, quiet: context.WithoutCancel(ctx), s: c, now: s.opts.Now}
	defer func() {
		if c := r.end(); c != nil {
			_ = c.end()
		}
	}()
	return r.view(func(r *reader) error {
		// These statements are long: unlike others, they end when ctx does.
		quiet := r.quiet
		r.quiet = ctx
		defer func() { r.quiet = quiet }()
		var faults []string
		for _, c := range checks {
			err := r.each(c.doing, c.query, nil, func(rows *sql.Rows) (bool, error) {
				var fault string
				err := rows.Scan(&fault)
				if fault != "ok" {
					faults = append(faults, fault)
				}
				return true, err
			})
			if err != nil {
				return ended(ctx, err)
			}
			if c.doing == "check the file" && faults != nil {
				break // the rest would say the same in other words
			}
		}
		if faults != nil {
			return atoll.Errorf(atoll.Damaged, "the database is damaged: %s", strings.Join(faults, "; ")).
				About(s.path).Do("restore a backup, or initialise the site again")
		}
		return nil
	})
}
