package handover

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// Selection says which records a job is about. Exactly one of Store, Types,
// Patients and Record is given; a store may be narrowed to Types.
type Selection struct {
	// Store selects the data of one store: what goes to the site where it is active.
	Store atoll.ID `json:"store,omitempty"`
	// Owned leaves of a store what its own site edits.
	Owned bool         `json:"owned,omitempty"`
	Types []atoll.Type `json:"types,omitempty"`
	// Patients selects patients and prescribers with all that hangs on them.
	Patients bool `json:"patients,omitempty"`
	// Current leaves out documents that can be old, with what hangs on them: a site
	// may be spared those (R-H-26).
	Current bool `json:"current,omitempty"`
	// Record selects one record, "type/id".
	Record string `json:"record,omitempty"`

	from Place // where a walk goes on
}

// Check says what is wrong with the selection, nil if nothing is.
func (s Selection) Check(c *catalogue.Catalogue) error {
	given := 0
	for _, is := range []bool{s.Store != "", len(s.Types) > 0 && s.Store == "", s.Patients, s.Record != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return atoll.Errorf(atoll.Invalid, "a job is about one store, one or more record types, the patients, or one record").On("selection")
	}
	for _, t := range s.Types {
		if err := synchronised(c, t); err != nil {
			return err
		}
	}
	if s.Record != "" {
		key, ok := ParseKey(s.Record)
		if !ok {
			return atoll.Errorf(atoll.Invalid, "%.80q does not name a record: want TYPE/ID", s.Record).On("record")
		}
		return synchronised(c, key.Type)
	}
	return nil
}

func synchronised(c *catalogue.Catalogue, t atoll.Type) error {
	def, ok := c.Lookup(t)
	if !ok {
		return atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", t).Do("list the types with: atoll catalogue")
	}
	if def.Class == catalogue.Local {
		return atoll.Errorf(atoll.Rule, "a %s never leaves its site", def.Title).Because("compare.local", "type", t)
	}
	return nil
}

// ParseKey reads "type/id".
func ParseKey(s string) (atoll.Key, bool) {
	kind, id, ok := strings.Cut(s, "/")
	key := atoll.Key{Type: atoll.Type(kind), ID: atoll.ID(id)}
	return key, ok && key.ID.Valid()
}

// SelectionOf reads the selection from the fields of a job.
func SelectionOf(f atoll.Fields) (Selection, error) {
	var s Selection
	if err := json.Unmarshal(f["selection"], &s); err != nil {
		return s, atoll.Errorf(atoll.Invalid, "the selection cannot be read: %w", err)
	}
	return s, nil
}

// covers reports whether records of the type may be selected, and by which of
// their fields; "" when the type alone decides.
func (s Selection) covers(d *catalogue.Def) (field string, ok bool) {
	switch {
	case d.Class == catalogue.Local:
		return "", false
	case s.Store != "":
		if d.Route != catalogue.ToStore || (s.Owned && d.Editor != catalogue.ByActive) || (len(s.Types) > 0 && !slices.Contains(s.Types, d.Type)) {
			return "", false
		}
		return storeField(d), true
	case s.Patients:
		return "", d.Class == catalogue.Patient && d.Route == catalogue.ToPatient
	case s.Record != "":
		return "", strings.HasPrefix(s.Record, string(d.Type)+"/")
	}
	return "", slices.Contains(s.Types, d.Type)
}

// storeField is the field with the store whose data a record is.
func storeField(d *catalogue.Def) string {
	if d.Class == catalogue.Patient {
		return "store_id"
	}
	return d.Scope
}

// dated reports whether records of the type are documents that can be old, or part
// of such.
func dated(c *catalogue.Catalogue, d *catalogue.Def) bool {
	return len(d.Settled) > 0 || slices.ContainsFunc(d.Fields, func(f catalogue.Field) bool {
		to, ok := c.Lookup(f.To)
		return f.Kind == catalogue.Reference && f.Required && ok && len(to.Settled) > 0
	})
}

// page is how many records are read at once.
const page = 1000

// Each calls fn for every selected record of the database that is neither deleted
// nor hidden, type by type in reference order. An error of fn ends it.
func (s Selection) Each(r storage.RecordReader, c *catalogue.Catalogue, fn func(*catalogue.Def, atoll.Record) error) error {
	return s.each(r, c, false, fn)
}

func (s Selection) each(r storage.RecordReader, c *catalogue.Catalogue, all bool, fn func(*catalogue.Def, atoll.Record) error) error {
	for _, d := range c.Types() {
		field, ok := s.covers(d)
		if !ok || s.Current && dated(c, d) {
			continue
		}
		if s.from.Type != "" && c.Order(d.Type) < c.Order(s.from.Type) {
			continue
		}
		q := storage.Query{Type: d.Type, Limit: page, All: all}
		if d.Type == s.from.Type {
			q.After = s.from.After
		}
		if f, has := d.Field(field); has && f.Index && field != "" {
			q.Where = map[string]string{field: string(s.Store)}
		}
		for {
			records, err := r.Records(q)
			if err != nil {
				return err
			}
			for _, rec := range records {
				q.After = rec.ID
				if (s.Record != "" && rec.String() != s.Record) || !s.takes(field, rec) {
					continue
				}
				if err := fn(d, rec); err != nil {
					return err
				}
			}
			if len(records) < page {
				break
			}
		}
	}
	return nil
}

func (s Selection) takes(field string, rec atoll.Record) bool {
	if field == "" && !s.Owned {
		return true
	}
	f := rec.MustFields()
	if field != "" && f.ID(field) != s.Store {
		return false
	}
	// An order that the primary entered is the primary's, whatever its store.
	return !s.Owned || f.Int("owning_site") <= 0
}

// Digest returns the digest of the selected records.
func (s Selection) Digest(r storage.RecordReader, c *catalogue.Catalogue) (digest.Table, error) {
	t := digest.Table{}
	err := s.Each(r, c, func(_ *catalogue.Def, rec atoll.Record) error {
		t.Add(rec)
		return nil
	})
	return t, err
}

// differences puts the types that differ into words: "stock_line 40 here, 38 on
// site 3".
func differences(found []digest.Difference, here, there string) string {
	const most = 5
	var words []string
	for i, d := range found {
		if i == most {
			words = append(words, "and more")
			break
		}
		if d.A.Count == d.B.Count {
			words = append(words, string(d.Type)+" with other content")
			continue
		}
		words = append(words, string(d.Type)+" "+count(d.A.Count)+" "+here+", "+count(d.B.Count)+" "+there)
	}
	return strings.Join(words, "; ")
}
