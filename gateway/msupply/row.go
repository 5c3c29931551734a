package msupply

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// made is one record of ours that a source becomes, or becomes part of.
type made struct {
	typ    atoll.Type
	key    string // theirs, with a suffix for an extra one
	id     atoll.ID
	fields atoll.Fields // null where the source says nothing: these fields are its own
	first  atoll.Fields // given once, when the record is made, and a person's afterwards
	delete bool
}

func (m *made) record() atoll.Key { return atoll.Key{Type: m.typ, ID: m.id} }

func (m *made) whole() atoll.Fields { return m.first.Apply(m.fields) }

// loss counts what a translation had to leave out, by table and key.
type loss struct{ Table, Field string }

// row is one source while it is translated.
type row struct {
	*source
	w       *world
	data    map[string]json.RawMessage // nil when it is no object
	def     *catalogue.Def
	made    []*made
	carried map[string]bool
	refused string // why, when it cannot be translated
	detail  string
	within  bool // it has no record of its own: another's carries it
	dangles []string
	lost    bool // one of them is required
	unread  []string
}

// main is the record that the source becomes.
func (r *row) main() *made { return r.made[0] }

// refuse keeps the record as it came. The first reason stands.
func (r *row) refuse(why, detail string) {
	if r.refused == "" {
		r.refused, r.detail = why, detail
	}
}

// become begins the record's main translation.
func (r *row) become(t atoll.Type) {
	r.def, _ = r.w.catalogue.Lookup(t)
	r.made = []*made{{typ: t, key: r.key, id: identity(r.table, r.key), fields: atoll.Fields{}, first: atoll.Fields{}}}
}

// extra adds a further record, noted under the source's key and the suffix.
func (r *row) extra(t atoll.Type, suffix string) *made {
	key := extraKey(r.key, suffix)
	m := &made{typ: t, key: key, id: identity(r.table, key), fields: atoll.Fields{}, first: atoll.Fields{}}
	r.made = append(r.made, m)
	return m
}

// text returns one of their texts, "" if it is none.
func (r *row) text(theirs string) string { s, _ := textOf(r.data[theirs]); return s }

// has reports whether a key is there with something in it.
func (r *row) has(theirs string) bool { v, ok := r.data[theirs]; return ok && !isEmpty(v) }

// truth returns one of their booleans.
func (r *row) truth(theirs string) bool { b, _ := booleanOf(r.data[theirs]); return b }

// carry marks keys as wholly expressed by the translation.
func (r *row) carry(theirs ...string) {
	for _, k := range theirs {
		r.carried[k] = true
	}
}

// set gives the main record a field, nil for none.
func (r *row) set(ours string, value any) { r.main().fields.Set(ours, value) }

// got reports whether the main record has the field by now.
func (r *row) got(ours string) bool { return r.main().fields.Has(ours) }

// take carries one key to a field of the main record.
func (r *row) take(f field) {
	def, ok := r.def.Field(f.ours)
	if !ok {
		panic("gateway/msupply: " + r.table + "." + f.theirs + " goes to " + string(r.def.Type) + "." + f.ours + ", which is not in the catalogue")
	}
	value, there := r.data[f.theirs]
	if !r.got(f.ours) {
		r.set(f.ours, nil)
	}
	if !there || string(value) == "null" {
		return
	}
	if def.Kind == catalogue.Reference {
		before := len(r.dangles)
		r.refer(f.theirs, f.ours, def.To)
		r.lost = r.lost || def.Required && len(r.dangles) > before
		return
	}
	v, exact, ok := r.convert(def, f, value)
	if !ok {
		r.unread = append(r.unread, f.theirs)
		return
	}
	if v == nil {
		return
	}
	r.put(f.theirs, f.ours, v, exact)
}

// put sets a field to a value that came from the key, if the catalogue takes it.
// An exact value carries the key; of another the key is kept as well.
func (r *row) put(theirs, ours string, value any, exact bool) {
	f := atoll.Fields{}.Set(ours, value)
	if !f.Has(ours) {
		return
	}
	_, free := value.(json.RawMessage) // of any form: it may be too deep
	if r.w.catalogue.CheckChange(r.def.Type, f, f) != nil || free && !storable(f) {
		r.unread = append(r.unread, theirs)
		return
	}
	r.main().fields[ours] = f[ours]
	if exact {
		r.carry(theirs)
	}
}

// convert reads a value as the field's kind wants it; nil is an empty one. Exact
// says that the value could be written back as it was.
func (r *row) convert(def catalogue.Field, f field, value json.RawMessage) (v any, exact, ok bool) {
	switch def.Kind {
	case catalogue.Text:
		s, ok := textOf(value)
		if s == "" {
			return nil, false, ok
		}
		// Half a letter reads as the sign for an unreadable one.
		return s, value[0] == '"' && !strings.ContainsRune(s, utf8.RuneError), ok
	case catalogue.Enum:
		s, ok := textOf(value)
		if word, known := f.words[s]; known {
			return word, true, ok
		}
		return nil, false, ok && s == ""
	case catalogue.Integer, catalogue.Decimal:
		if string(value) == `""` {
			return nil, false, true
		}
		read := decimalOf
		if def.Kind == catalogue.Integer {
			read = integerOf
		}
		n, ok := read(value)
		return n, string(n) == string(value), ok
	case catalogue.Boolean:
		b, ok := booleanOf(value)
		return b, string(value) == "true" || string(value) == "false", ok
	case catalogue.Date:
		d, ok := dateOf(value)
		if d == "" {
			return nil, false, ok
		}
		return d, len(value) == len(d)+2, ok
	case catalogue.Time:
		t, ok := momentOf(value, r.w.zone)
		if t == "" {
			return nil, false, ok
		}
		return t, true, ok
	case catalogue.Reference, catalogue.Object:
	}
	if isEmpty(value) {
		return nil, false, true
	}
	return value, true, true
}

// refer carries a key that names a record.
func (r *row) refer(theirs, ours string, to atoll.Type) {
	key := r.text(theirs)
	if key == "" || key == "0" { // "0" is their other word for none
		return
	}
	if r.w.circular[circle{r.table, r.key}] && ours == "parent_id" {
		r.unread = append(r.unread, theirs)
		return
	}
	id, ok := r.w.find(to, key)
	if !ok {
		r.dangles = append(r.dangles, theirs)
		return
	}
	r.put(theirs, ours, id, true)
}

// user carries a key that names a user. Our field is text, so the identity stands
// even when the account is not known here, and the key is kept beside it.
func (r *row) user(theirs, ours string) {
	r.set(ours, nil)
	key := r.text(theirs)
	if key == "" {
		return
	}
	_, known := r.w.find("user", key)
	if !known {
		r.dangles = append(r.dangles, theirs)
	}
	r.put(theirs, ours, identity("user", key), known)
}

// moment sets a time from the first of the sources that has one: a key with date
// and time, or a pair of keys "date+time".
func (r *row) moment(ours string, from ...string) {
	r.set(ours, nil)
	chosen := ""
	for _, source := range from {
		at, keys, ok := r.when(source)
		if !ok {
			r.unread = append(r.unread, keys[0])
			continue
		}
		if at == "" {
			continue
		}
		if chosen == "" {
			chosen = at
			r.set(ours, at)
		}
		if at == chosen {
			r.carry(keys...)
		}
	}
}

func (r *row) when(source string) (at string, keys []string, ok bool) {
	date, clock, pair := strings.Cut(source, "+")
	if !pair {
		if isEmpty(r.data[source]) {
			return "", []string{source}, true
		}
		at, ok = momentOf(r.data[source], r.w.zone)
		return at, []string{source}, ok
	}
	keys = []string{date, clock}
	if isEmpty(r.data[date]) {
		return "", keys, true
	}
	day, ok := dateOf(r.data[date])
	if !ok || day == "" {
		return "", keys, ok
	}
	var since time.Duration
	if v, there := r.data[clock]; there && string(v) != "null" {
		if since, ok = clockOf(v); !ok {
			return "", []string{clock}, false
		}
	}
	at, ok = atClock(day, since, r.w.zone)
	return at, keys, ok
}

// other returns a row of another table of the capture, for a look at its keys.
func (r *row) other(table, key string) (*row, bool) {
	s, ok := r.w.sources[table][key]
	if !ok {
		return nil, false
	}
	data := s.object()
	return &row{source: s, w: r.w, data: data}, data != nil
}

// here returns what an earlier import made of a row that is not in the capture,
// no fields for nothing.
func (r *row) here(typ atoll.Type, key string) atoll.Fields {
	id, ok := r.w.find(typ, key)
	if key == "" || !ok {
		return atoll.Fields{}
	}
	return r.w.body(atoll.Key{Type: typ, ID: id})
}

// rest returns what the translation does not carry: keys with something in them,
// and empty ones.
func (r *row) rest() (full, empty atoll.Fields) {
	full, empty = atoll.Fields{}, atoll.Fields{}
	for k, v := range r.data {
		switch {
		case r.carried[k]:
		case isEmpty(v):
			empty[k] = v
		default:
			full[k] = v
		}
	}
	return full, empty
}

// check says whether what was made may stand, as far as the catalogue tells.
func (r *row) check() {
	for _, m := range r.made {
		if m.delete || r.refused != "" {
			return
		}
		f := m.whole()
		if err := r.w.catalogue.Check(m.typ, f); err != nil {
			why := whySchema
			if r.lost {
				why = whyReference
			}
			r.refuse(why, err.Error())
		} else if !storable(f) {
			r.refuse(whySchema, "its values together are longer than a record can be")
		}
	}
}
