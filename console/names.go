package console

import (
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
)

// names returns what people call the records, as far as this database has them. A
// record that has no name of its own is called by the end of its id, and so is one
// of a store that is not the reader's.
func (c *console) names(v *Visit, keys []atoll.Key) (map[atoll.Key]string, error) {
	out := make(map[atoll.Key]string, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	return out, c.Database.View(v.ctx(), func(r storage.Reader) error {
		clear(out)
		for _, k := range keys {
			if _, known := out[k]; known {
				continue
			}
			name, err := c.name(v, r, k, 2)
			if err != nil {
				return err
			}
			out[k] = name
		}
		return nil
	})
}

// coded are texts that may name a record by a word of the program's, which has words
// for people.
var coded = []string{"key", "kind"}

// name is what people call one record; records that are named by others, such as
// the line of an invoice by its item, are asked for to some depth.
func (c *console) name(v *Visit, r storage.RecordReader, k atoll.Key, depth int) (string, error) {
	if k.ID == "" {
		return "", nil
	}
	rec, err := r.Record(k)
	if errors.Is(err, atoll.NotFound) || err == nil && (rec.Hidden || rec.Deleted) {
		return shortID(k.ID), nil
	}
	if err != nil {
		return "", err
	}
	f, err := rec.Fields()
	if err != nil {
		return "", err
	}
	def, ok := c.Catalogue.Lookup(k.Type)
	if !ok || !v.sees(k.Type, f) {
		return shortID(k.ID), nil
	}
	if label, _ := def.Field(def.Label); f.Has(label.Name) {
		text := f.Text(label.Name)
		if label.Kind == catalogue.Enum || slices.Contains(coded, label.Name) && v.Lang.has("value."+text) {
			return v.valueWords(text), nil
		}
	}
	if name := called(def, f); name != "" {
		return name, nil
	}
	for _, field := range def.Fields {
		if depth > 0 && field.Kind == catalogue.Reference && field.Name != def.Scope && field.Name != def.Partner && !field.Parent && f.Has(field.Name) {
			return c.name(v, r, atoll.Key{Type: field.To, ID: f.ID(field.Name)}, depth-1)
		}
	}
	return shortID(k.ID), nil
}

// called is what a record's own fields call it, "" if they do not.
func called(def *catalogue.Def, f atoll.Fields) string {
	for _, name := range []string{def.Label, "name", "code", "number", "description"} {
		field, ok := def.Field(name)
		if !ok || field.Secret || !f.Has(name) {
			continue
		}
		switch field.Kind {
		case catalogue.Integer, catalogue.Decimal:
			if f.Int(name) != -1 { // not yet numbered
				return "#" + f.Number(name)
			}
		case catalogue.Text, catalogue.Enum, catalogue.Date:
			if s := f.Text(name); s != "" {
				return s
			}
		case catalogue.Boolean, catalogue.Time, catalogue.Reference, catalogue.Object:
		}
	}
	return ""
}

// shortID is the end of an id, which differs between records made at one time.
func shortID(id atoll.ID) string {
	s := string(id)
	return "…" + s[max(0, len(s)-6):]
}
