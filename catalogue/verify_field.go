package catalogue

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// reserved are names that a record has beside its fields, in every face.
var reserved = []string{"id", "version", "deleted", "hidden", "origin", "fields"}

func (v *verifier) field(d *declaration, f Field) {
	key := "fields." + f.Name
	if slices.Contains(reserved, f.Name) {
		v.fail(d, key, "give it another name", "the name %q belongs to every record", f.Name)
	}
	if f.Kind == "" {
		v.fail(d, key, "want one of "+strings.Join(words(Kinds), ", "), "field %s has no kind", f.Name)
		return
	}
	v.reference(d, f)
	v.values(d, f)
	if f.Max > 0 && f.Kind != Text {
		v.fail(d, key, "remove max", "field %s is %s; only text has a greatest length", f.Name, f.Kind)
	}
	if f.Index && (f.Kind == Object || f.Secret) {
		v.fail(d, key, "remove index", "field %s cannot be filtered by", f.Name)
	}
	if f.Secret && f.Kind != Text && f.Kind != Object {
		v.fail(d, key, "remove secret", "field %s is %s; only text and objects can be secret", f.Name, f.Kind)
	}
	if f.Since > v.version {
		v.fail(d, key, "raise the version in "+versionFile, "field %s is since %d, above the catalogue's version %d",
			f.Name, f.Since, v.version)
	}
}

func (v *verifier) reference(d *declaration, f Field) {
	key := "fields." + f.Name
	if f.Kind != Reference {
		if f.To != "" || f.Parent || f.Identity {
			v.fail(d, key, "make it kind: reference, or remove to, parent and identity", "field %s is %s and refers to nothing", f.Name, f.Kind)
		}
		return
	}
	to, exists := v.sources[f.To]
	switch {
	case f.To == "":
		v.fail(d, key, "add to: and a type", "field %s refers to no type", f.Name)
	case !exists:
		hint := "declare the type, or correct the name"
		if near := nearest(string(f.To), v.typeNames()); near != "" {
			hint = "did you mean " + near + "?"
		}
		v.fail(d, key, hint, "field %s refers to %q, which is no type", f.Name, f.To)
	case to.def.Own && !d.def.Own:
		v.fail(d, key, "refer to a built-in type", "field %s refers to an own type", f.Name)
	case f.Identity && (!f.Required || !f.Fixed):
		v.fail(d, key, "add required: true and fixed: true", "field %s says for good which one it is about", f.Name)
	case f.Parent:
		v.parent(d, f, to.def)
	}
}

func (v *verifier) typeNames() []string {
	names := make([]string, 0, len(v.sources))
	for t := range v.sources {
		names = append(names, string(t))
	}
	slices.Sort(names)
	return names
}

// parent checks that a line goes wherever its document goes, and that this can
// be seen from the line alone: routing looks nothing up (R-D-19).
func (v *verifier) parent(d *declaration, f Field, parent *Def) {
	key := "fields." + f.Name
	def := d.def
	if !f.Required || !f.Fixed {
		v.fail(d, key, "add required: true and fixed: true", "field %s ties it to its parent for good", f.Name)
	}
	// The same words of one class and one route; a parent that is its own scope
	// has no field to repeat.
	var differ []string
	if parent.Class != def.Class {
		differ = append(differ, "class "+string(parent.Class))
	}
	if parent.Editor != def.Editor || parent.Mirrored != def.Mirrored {
		differ = append(differ, "editor "+string(parent.Editor))
	}
	if parent.Route != def.Route {
		differ = append(differ, "route "+string(parent.Route))
	}
	if parent.Scope != "" && parent.Scope != "id" && parent.Scope != def.Scope {
		differ = append(differ, "scope "+parent.Scope)
	}
	if parent.Partner != def.Partner {
		differ = append(differ, "partner "+parent.Partner)
	}
	if parent.Stock != def.Stock {
		differ = append(differ, "stock")
	}
	if len(differ) > 0 {
		v.fail(d, key, "a part has its parent's "+strings.Join(differ, ", "), "it differs from its parent %s", parent.Type)
	}
}

func (v *verifier) values(d *declaration, f Field) {
	key := "fields." + f.Name
	if f.Kind != Enum {
		if len(f.Values) > 0 {
			v.fail(d, key, "make it kind: enum, or remove the values", "field %s is %s and has values", f.Name, f.Kind)
		}
		return
	}
	if len(f.Values) == 0 {
		v.fail(d, key, "add values: [a, b]", "field %s has no values", f.Name)
	}
	for i, value := range f.Values {
		if !isName(value) {
			v.fail(d, key, nameHint, "field %s: %q cannot be a value", f.Name, value)
		}
		if slices.Contains(f.Values[:i], value) {
			v.fail(d, key, "remove one of them", "field %s has the value %q twice", f.Name, value)
		}
	}
}

// comparePlaces orders "file:line" by file and then by number.
func comparePlaces(a, b string) int {
	fileA, lineA, _ := strings.Cut(a, ":")
	fileB, lineB, _ := strings.Cut(b, ":")
	if fileA != fileB {
		return strings.Compare(fileA, fileB)
	}
	if len(lineA) != len(lineB) {
		return len(lineA) - len(lineB)
	}
	return strings.Compare(lineA, lineB)
}

// unknownType is the error for a type that is not in the catalogue.
func (c *Catalogue) unknownType(t atoll.Type) *atoll.Error {
	names := make([]string, len(c.ordered))
	for i, d := range c.ordered {
		names[i] = string(d.Type)
	}
	e := atoll.Errorf(atoll.Unknown, "there is no record type %.60q", t)
	if near := nearest(string(t), names); near != "" {
		return e.Do("did you mean %s?", near)
	}
	return e.Do("the types are listed in the catalogue")
}
