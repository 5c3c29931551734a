package console

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// search returns the next records of a type that somebody looks for by words: those
// that people call by words, by the beginnings of theirs, of which there is an
// index; others by what any of their texts holds. There it looks at so many records
// and says when there are more.
func (c *console) search(v *Visit, def *catalogue.Def, q storage.Query, text string) (out []station.Record, next atoll.ID, cut bool, err error) {
	fits, most := func(atoll.Fields) bool { return true }, 0
	q.Limit = pageRows + 1
	if c.Catalogue.FoundByWords(def.Type) {
		if q.Begun = catalogue.Looked(text); len(q.Begun) == 0 {
			return nil, "", false, nil // no letter and no digit
		}
	} else {
		text = strings.ToLower(text)
		q.Limit, most = 1000, mostRead
		fits = func(f atoll.Fields) bool { return says(def, f, text) }
	}
	var found []atoll.Key
	err = c.Database.View(v.ctx(), func(r storage.Reader) (err error) {
		found, next, cut, err = c.searched(v, r, def, q, most, fits)
		return err
	})
	for _, key := range found {
		rec, rerr := c.Station.Record(v.ctx(), key)
		if atoll.CodeOf(rerr) == atoll.NotFound {
			continue // gone meanwhile
		}
		if rerr != nil {
			return nil, "", false, rerr
		}
		out = append(out, rec)
	}
	return out, next, cut, err
}

// searched returns the records of a page that the query selects, that fit, and that
// the reader may see; merged ones are found as those that stand for them. It looks
// at most records, 0 for all that there are.
func (c *console) searched(v *Visit, r storage.Reader, def *catalogue.Def, q storage.Query, most int, fits func(atoll.Fields) bool) (found []atoll.Key, next atoll.ID, cut bool, err error) {
	for read := 0; ; {
		page, err := r.Records(q)
		if err != nil {
			return nil, "", false, err
		}
		for _, rec := range page {
			f, err := rec.Fields()
			if err != nil {
				return nil, "", false, err
			}
			if !fits(f) || !v.sees(def.Type, f) || def.Merge != catalogue.NoMerge && survivor.Into(f) != "" {
				continue
			}
			if len(found) == pageRows {
				return found, found[len(found)-1].ID, false, nil
			}
			found = append(found, rec.Key)
		}
		if len(page) < q.Limit {
			return found, "", false, nil
		}
		q.After = page[len(page)-1].ID
		if read += len(page); most > 0 && read >= most {
			return found, q.After, true, nil
		}
	}
}

// says reports whether a text that people read in the record holds the words.
func says(def *catalogue.Def, f atoll.Fields, words string) bool {
	for _, field := range def.Fields {
		if field.Secret || !f.Has(field.Name) {
			continue
		}
		switch field.Kind {
		case catalogue.Text, catalogue.Enum, catalogue.Date:
			if strings.Contains(strings.ToLower(f.Text(field.Name)), words) {
				return true
			}
		case catalogue.Integer, catalogue.Decimal:
			if f.Number(field.Name) == words {
				return true
			}
		case catalogue.Boolean, catalogue.Time, catalogue.Reference, catalogue.Object:
		}
	}
	return false
}
