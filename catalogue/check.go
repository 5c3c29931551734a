package catalogue

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// compiled is a declaration made ready for checking many records.
type compiled struct {
	def      *Def
	order    int
	required int // how many fields are required
	fields   map[string]*Field
	indexed  []*Field
	words    []string // the fields whose words it is found by
	refers   []*Field
	made     bool // it is listed in the order in which it was made
}

func compile(d *Def, order int) *compiled {
	k := &compiled{def: d, order: order, fields: make(map[string]*Field, len(d.Fields)), words: byWords(d)}
	for i := range d.Fields {
		f := &d.Fields[i]
		k.fields[f.Name] = f
		if f.Required {
			k.required++
		}
		if f.Index {
			k.indexed = append(k.indexed, f)
		}
		if f.Kind == Reference {
			k.refers = append(k.refers, f)
		}
	}
	k.made = byMade(k)
	return k
}

// Check reports whether the fields can be a whole record of the type: nothing
// required is missing, nothing is unknown, and every value is of its kind. A
// null field counts as absent.
//
// It fails with [atoll.Unknown] for a type that is not in the catalogue, and
// otherwise with an [*atoll.Error] of code [atoll.Schema] that names the first
// field at fault (missing and wrong ones in declared order, then unknown ones by
// name) and says what is wanted. It looks at nothing but its arguments, and does
// not ask whether references exist.
func (c *Catalogue) Check(t atoll.Type, f atoll.Fields) error { return c.check(t, f, false) }

// CheckReceived is Check for a record that another site made. Fields that this
// catalogue does not know pass, when their names could be names of fields: they
// come from a newer site and are kept and passed on (R-K-63).
func (c *Catalogue) CheckReceived(t atoll.Type, f atoll.Fields) error { return c.check(t, f, true) }

// CheckChange reports whether an update may put the changed fields over those
// before: null clears a field, which a required one does not allow; a fixed one
// stays as it was. Only changed fields are looked at. It fails as Check does.
func (c *Catalogue) CheckChange(t atoll.Type, before, changed atoll.Fields) error {
	return c.change(t, before, changed, false)
}

// CheckReceivedChange is CheckChange for an update that another site made; see
// [Catalogue.CheckReceived].
func (c *Catalogue) CheckReceivedChange(t atoll.Type, before, changed atoll.Fields) error {
	return c.change(t, before, changed, true)
}

func (c *Catalogue) check(t atoll.Type, f atoll.Fields, received bool) error {
	k, ok := c.types[t]
	if !ok {
		return c.unknownType(t)
	}
	missing := k.required
	for name, value := range f {
		if isNull(value) {
			if _, known := k.fields[name]; known || received && isName(name) {
				continue
			}
			return k.explain(f, received)
		}
		field, known := k.fields[name]
		if !known {
			if received && isName(name) && valid(Object, value) {
				continue
			}
			return k.explain(f, received)
		}
		if field.Required {
			missing--
		}
		if !field.accepts(value) {
			return k.explain(f, received)
		}
	}
	if missing > 0 {
		return k.explain(f, received)
	}
	return nil
}

func (c *Catalogue) change(t atoll.Type, before, changed atoll.Fields, received bool) error {
	k, ok := c.types[t]
	if !ok {
		return c.unknownType(t)
	}
	for _, name := range changed.Names() {
		value := changed[name]
		field, known := k.fields[name]
		switch {
		case !known:
			if err := k.unknownField(name, value, received); err != nil {
				return err
			}
		case field.Fixed && !bytes.Equal(compactNull(before[name]), compactNull(value)):
			return k.wrong(name, "field %s cannot change after the record is made", name).
				Do("make a new record, or leave the field as it was").Because("field.fixed", "field", name)
		case isNull(value):
			if field.Required {
				return k.wrong(name, "field %s cannot be cleared", name).Do("want %s", field.want()).Because("field.cleared", "field", name)
			}
		case !field.accepts(value):
			return k.wrong(name, "field %s is not as it should be", name).Do("want %s", field.want()).Because("field.wrong", "field", name)
		}
	}
	return nil
}

// compactNull gives absent and null fields one form.
func compactNull(v []byte) []byte {
	if isNull(v) {
		return nil
	}
	return v
}

func isNull(v []byte) bool { return len(v) == 0 || string(v) == "null" }

// explain finds the fault that check saw, in an order that does not depend on
// that of a map.
func (k *compiled) explain(f atoll.Fields, received bool) error {
	for i := range k.def.Fields {
		field := &k.def.Fields[i]
		value, there := f[field.Name]
		switch {
		case !there || isNull(value):
			if field.Required {
				return k.wrong(field.Name, "field %s is missing", field.Name).Do("want %s", field.want()).Because("field.missing", "field", field.Name)
			}
		case !field.accepts(value):
			return k.wrong(field.Name, "field %s is not as it should be", field.Name).Do("want %s", field.want()).
				Because("field.wrong", "field", field.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if _, known := k.fields[name]; !known {
			if err := k.unknownField(name, f[name], received); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *compiled) unknownField(name string, value []byte, received bool) error {
	if received {
		switch {
		case !isName(name):
			return k.wrong(name, "a field cannot be named %.60q", name).Do("%s", nameHint)
		case !isNull(value) && !valid(Object, value):
			return k.wrong(name, "field %s is not as it should be", name).Do("want JSON without the character U+0000")
		}
		return nil
	}
	e := k.wrong(name, "type %s has no field %.60q", k.def.Type, name)
	names := make([]string, len(k.def.Fields))
	for i, f := range k.def.Fields {
		names[i] = f.Name
	}
	if near := nearest(name, names); near != "" {
		return e.Do("did you mean %s?", near)
	}
	return e.Do("its fields are %s", shorten(strings.Join(names, ", "), 400))
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + " …"
}

func (k *compiled) wrong(field, format string, args ...any) *atoll.Error {
	return atoll.Errorf(atoll.Schema, format, args...).About(k.def.Type).On(field)
}

// Ref is one reference of a record to another.
type Ref struct {
	Field    string
	To       atoll.Type
	ID       atoll.ID
	Required bool
	Parent   bool
	Identity bool
}

// References returns where the record points to, in the declared order. Absent
// references and values that are no ids are left out; a type that is not in the
// catalogue has none.
func (c *Catalogue) References(t atoll.Type, f atoll.Fields) []Ref {
	k, ok := c.types[t]
	if !ok {
		return nil
	}
	var out []Ref
	for _, r := range k.refers {
		if id := f.ID(r.Name); id.Valid() {
			out = append(out, Ref{r.Name, r.To, id, r.Required, r.Parent, r.Identity})
		}
	}
	return out
}

// Index returns the values of the fields that lists may filter by: text, enums,
// dates and ids without quotation marks, numbers and booleans as they are
// written. Absent fields are left out. To these come the words that records are
// looked for by (Looked). It is nil when there is nothing.
func (c *Catalogue) Index(t atoll.Type, f atoll.Fields) map[string]string {
	k, ok := c.types[t]
	if !ok {
		return nil
	}
	var out map[string]string
	for _, field := range k.indexed {
		v := f[field.Name]
		if isNull(v) {
			continue
		}
		s := string(v)
		if v[0] == '"' {
			s = f.Text(field.Name)
		}
		if out == nil {
			out = make(map[string]string, len(k.indexed))
		}
		out[field.Name] = s
	}
	begin(k.def, f, out)
	indexMade(k, f, out)
	return indexWords(k, f, out)
}
