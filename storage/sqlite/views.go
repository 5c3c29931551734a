package sqlite

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// View and Column declare a view: see package storage.
type (
	View   = storage.View
	Column = storage.Column
)

const viewPrefix = "report_"

const (
	getViews = `SELECT name, sql FROM sqlite_schema WHERE type = 'view' AND name LIKE 'report\_%' ESCAPE '\' ORDER BY name`

	// How a column reads the field at the path '$.%'.
	exactText = `CASE WHEN json_type(body, '$.%') IN ('integer', 'real') THEN body -> '$.%' ELSE body ->> '$.%' END`
)

var columnTypes = map[string]string{
	"TEXT":    exactText,
	"DECIMAL": exactText,
	"INTEGER": `CAST(body ->> '$.%' AS INTEGER)`,
	"REAL":    `CAST(body ->> '$.%' AS REAL)`,
	"BOOLEAN": `CAST(body ->> '$.%' AS INTEGER)`,
	"JSON":    `body -> '$.%'`,
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// DefineViews makes the database have these views and no other ones of ours,
// replacing those of an earlier call. What is as it should be is left alone. It
// fails with atoll.Invalid for a name that is not an identifier or is there
// twice, and for an unknown type of column.
func (s *Store) DefineViews(ctx context.Context, views []View) error {
	want := map[string]string{}
	for _, v := range views {
		query, err := define(v)
		if err != nil {
			return err
		}
		if _, twice := want[viewKey(v)]; twice {
			return atoll.Errorf(atoll.Invalid, "view %q is declared twice", v.Name)
		}
		want[viewKey(v)] = query
	}
	if same, err := s.haveViews(ctx, want); err != nil || same {
		return err // without asking for the writer
	}
	return s.update(ctx, func(t *tx) error {
		var run []string
		err := t.each("list views", getViews, nil, func(rows *sql.Rows) (bool, error) {
			var name, query string
			err := rows.Scan(&name, &query)
			if key := strings.ToLower(name); want[key] == query {
				delete(want, key)
			} else {
				run = append(run, `DROP VIEW "`+name+`"`)
			}
			return true, err
		})
		if err != nil {
			return err
		}
		for _, query := range want {
			run = append(run, query)
		}
		slices.SortStableFunc(run, func(a, b string) int { // what goes, goes first
			return bit(strings.HasPrefix(b, "DROP")) - bit(strings.HasPrefix(a, "DROP"))
		})
		for _, query := range run {
			// Not through exec: these are never run again, so nothing need keep them.
			if _, err := t.s.conn.ExecContext(t.quiet, query); err != nil {
				return t.failed("define a view", err)
			}
		}
		return nil
	})
}

// haveViews reports whether the views are these.
func (s *Store) haveViews(ctx context.Context, want map[string]string) (same bool, err error) {
	err = s.view(ctx, func(r *reader) error {
		same = true
		n := 0
		err := r.each("list views", getViews, nil, func(rows *sql.Rows) (bool, error) {
			var name, query string
			err := rows.Scan(&name, &query)
			n++
			same = want[strings.ToLower(name)] == query
			return same, err
		})
		same = same && n == len(want)
		return err
	})
	return same, err
}

// viewKey is the view's name as SQLite compares it.
func viewKey(v View) string { return strings.ToLower(viewPrefix + v.Name) }

func define(v View) (string, error) {
	if v.Query != "" && identifier.MatchString(v.Name) {
		return "CREATE VIEW \"" + viewPrefix + v.Name + "\" AS " + v.Query, nil
	}
	if !identifier.MatchString(v.Name) || !identifier.MatchString(v.Type) {
		return "", atoll.Errorf(atoll.Invalid, "view %.60q of type %.60q: want letters, digits and _", v.Name, v.Type)
	}
	var b strings.Builder
	b.WriteString("CREATE VIEW \"" + viewPrefix + v.Name + "\" AS SELECT id")
	seen := map[string]bool{"id": true}
	for _, c := range v.Columns {
		how, ok := columnTypes[c.SQLType]
		switch name := strings.ToLower(c.Name); {
		case !ok:
			return "", atoll.Errorf(atoll.Invalid, "view %s: column %.60q has the unknown type %.60q", v.Name, c.Name, c.SQLType)
		case !identifier.MatchString(c.Name) || !identifier.MatchString(c.JSONField):
			return "", atoll.Errorf(atoll.Invalid, "view %s: column %.60q of field %.60q: want letters, digits and _", v.Name, c.Name, c.JSONField)
		case seen[name]:
			return "", atoll.Errorf(atoll.Invalid, "view %s: column %q is there twice", v.Name, c.Name)
		default:
			seen[name] = true
		}
		b.WriteString(",\n\t" + strings.ReplaceAll(how, "%", c.JSONField) + ` AS "` + c.Name + `"`)
	}
	b.WriteString("\nFROM record WHERE type = '" + v.Type + "' AND state = 0 AND body <> ''")
	return b.String(), nil
}
