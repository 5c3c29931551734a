package central

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/storage"
)

// tell puts a refusal into words that name the record, its document by the number
// people know, and the field with its value (R-I-11).
func (c *Centre) tell(r storage.RecordReader, site atoll.SiteID, ops []atoll.Operation, why *admit.Refusal) string {
	text := why.Err.Error()
	var more []string
	fields := fieldsAfter(r, site, ops, why.Key)
	if n := c.documentNumber(r, site, ops, why.Key, fields); n != "" {
		more = append(more, "document "+n)
	}
	if name := why.Err.Field; name != "" && fields.Has(name) {
		if def, ok := c.Door.Judge.Catalogue.Lookup(why.Key.Type); ok {
			if f, ok := def.Field(name); !ok || !f.Secret {
				more = append(more, name+" "+shortened(string(fields[name])))
			}
		}
	}
	if len(more) == 0 {
		return text
	}
	return text + " [" + strings.Join(more, ", ") + "]"
}

func shortened(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// fieldsAfter are those the record would have after the site's entry. Nothing is
// told of a record that another site wrote: the refusal goes to this one.
func fieldsAfter(r storage.RecordReader, site atoll.SiteID, ops []atoll.Operation, key atoll.Key) atoll.Fields {
	fields := atoll.Fields{}
	if rec, err := r.Record(key); err == nil && rec.Origin.Site == site {
		fields = rec.MustFields()
	}
	for _, op := range ops {
		if op.Key == key && op.Withheld.IsZero() {
			fields = fields.Apply(op.Fields)
		}
	}
	return fields
}

// documentNumber is the number of the record or, for a line, of its document; ""
// if there is none.
func (c *Centre) documentNumber(r storage.RecordReader, site atoll.SiteID, ops []atoll.Operation, key atoll.Key, fields atoll.Fields) string {
	if n := fields.Int("number"); n > 0 {
		return fields.Number("number")
	}
	for _, ref := range c.Door.Judge.Catalogue.References(key.Type, fields) {
		if !ref.Parent {
			continue
		}
		if doc := fieldsAfter(r, site, ops, atoll.Key{Type: ref.To, ID: ref.ID}); doc.Int("number") > 0 {
			return doc.Number("number")
		}
	}
	return ""
}
