package console

import (
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// cell is the value of a field as a reader sees it.
type cell struct {
	Of     string // what stands above it, where the list has a form for narrow screens
	Words  string
	Link   string    // of a reference
	Time   time.Time // of a moment
	Number bool
	Raw    bool // as programs write it
}

// cell puts a value into words; names are those of the records it may name.
func (v *Visit) cell(f catalogue.Field, fields atoll.Fields, names map[atoll.Key]string) cell {
	if !fields.Has(f.Name) {
		return cell{}
	}
	if f.Secret {
		return cell{Words: "••••••"}
	}
	switch f.Kind {
	case catalogue.Reference:
		key := atoll.Key{Type: f.To, ID: fields.ID(f.Name)}
		words := names[key]
		if words == "" {
			words = shortID(key.ID)
		}
		return cell{Words: words, Link: recordPath(key)}
	case catalogue.Boolean:
		return cell{Words: v.T("value." + string(fields[f.Name]))}
	case catalogue.Enum:
		return cell{Words: v.valueWords(fields.Text(f.Name))}
	case catalogue.Integer, catalogue.Decimal:
		return cell{Words: fields.Number(f.Name), Number: true}
	case catalogue.Date:
		if t, err := time.Parse(time.DateOnly, fields.Text(f.Name)); err == nil {
			return cell{Words: v.day(t)}
		}
	case catalogue.Time:
		if t, err := time.Parse(time.RFC3339, fields.Text(f.Name)); err == nil {
			return cell{Time: t}
		}
	case catalogue.Object:
		return cell{Words: string(fields[f.Name]), Raw: true}
	case catalogue.Text:
		if f.Name == "linked_status" { // of a document of another type, so no list of this one
			return cell{Words: v.valueWords(fields.Text(f.Name))}
		}
	}
	return cell{Words: fields.Text(f.Name)}
}

// valueWords is what a value out of a list is called.
func (v *Visit) valueWords(value string) string {
	if key := "value." + value; v.Lang.has(key) {
		return v.T(key)
	}
	return strings.ReplaceAll(value, "_", " ")
}

// program is who makes the edits that follow from others: it is no person.
const program = "atoll"

// who is the person who made an entry, or the program.
func (v *Visit) who(actor string, cause atoll.Cause) string {
	if actor == program && cause.Kind != "user" {
		return v.T("who.program")
	}
	return actor
}

// causeWords says why an entry was made.
func (v *Visit) causeWords(kind string) string {
	kind, _, _ = strings.Cut(kind, "/")
	if key := "cause." + kind; v.Lang.has(key) {
		return v.T(key)
	}
	return v.T("cause.other")
}
