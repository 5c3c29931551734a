package catalogue

import (
	"io/fs"
	"slices"

	"github.com/atollsync/atoll"
)

// Change is one line of the change list of the types (R-K-65). Changes only ever
// add: what a site knows, every later site knows too.
type Change struct {
	Version int        `json:"version"`
	Kind    ChangeKind `json:"kind"`
	Type    atoll.Type `json:"type,omitempty"`
	Field   string     `json:"field,omitempty"`
	Note    string     `json:"note,omitempty"`
}

// ChangeKind says what a change did.
type ChangeKind string

// The kinds of change.
const (
	FirstVersion ChangeKind = "first"
	TypeAdded    ChangeKind = "type_added"
	FieldAdded   ChangeKind = "field_added"
	ValueAdded   ChangeKind = "value_added" // of an enum
	RuleChanged  ChangeKind = "rule_changed"
)

var changeKinds = []ChangeKind{FirstVersion, TypeAdded, FieldAdded, ValueAdded, RuleChanged}

// history is the content of the version file.
type history struct {
	version int
	changes []Change
	lines   []int // of each change
}

func (r *reader) history(fsys fs.FS) history {
	var h history
	b, ok := r.contents(fsys, versionFile)
	if !ok {
		return h
	}
	r.name = versionFile
	root, ok := r.root(b)
	if !ok {
		return h
	}
	for _, e := range r.mapping(root, "the file", "version and changes") {
		switch e.key {
		case "version":
			h.version = r.count(e)
		case "changes":
			for _, n := range r.items(e) {
				h.lines = append(h.lines, lineOf(n))
				h.changes = append(h.changes, r.change(entry{"a change", n, lineOf(n)}))
			}
		default:
			r.unknown(e, "the file", []string{"version", "changes"})
		}
	}
	return h
}

func (r *reader) change(e entry) Change {
	var c Change
	for _, e := range r.mapping(e.node, "a change", "version, kind, type, field and note") {
		switch e.key {
		case "version":
			c.Version = r.count(e)
		case "kind":
			c.Kind = choice(r, e, changeKinds)
		case "type":
			c.Type = atoll.Type(r.text(e))
		case "field":
			c.Field = r.text(e)
		case "note":
			c.Note = r.text(e)
		default:
			r.unknown(e, "a change", []string{"version", "kind", "type", "field", "note"})
		}
	}
	return c
}

// history compares the change list with the types: what is newer than the first
// version is in the list, and what is in the list is there.
func (v *verifier) history(h history, defs []*Def) {
	file := &declaration{def: &Def{Type: "version"}, file: versionFile, lines: map[string]int{"": 1}}
	if h.version < 1 {
		v.fail(file, "version", "add version: 1", "the catalogue has no version")
	}
	listed := map[Change]bool{}
	last := 0
	for i, c := range h.changes {
		file.lines["change"] = h.lines[i]
		d, exists := v.sources[c.Type]
		switch {
		case c.Version < last || c.Version > h.version || c.Version < 1:
			v.fail(file, "change", "keep them in order, up to the catalogue's version", "a change of version %d", c.Version)
		case c.Kind == FirstVersion:
		case !exists:
			v.fail(file, "change", "name a type", "a change names %q, which is no type", c.Type)
		case c.Kind == TypeAdded && d.def.Since != c.Version:
			v.fail(d, "", "add since: as in the change list", "it was added in version %d", c.Version)
		case c.Kind == FieldAdded:
			if f, ok := d.def.Field(c.Field); !ok || f.Since != c.Version {
				v.fail(d, "", "add since: as in the change list", "field %s was added in version %d", c.Field, c.Version)
			}
		}
		last = max(last, c.Version)
		listed[Change{Version: c.Version, Kind: c.Kind, Type: c.Type, Field: c.Field}] = true
	}
	for _, def := range defs {
		d := v.sources[def.Type]
		if def.Own {
			continue
		}
		if def.Since > 1 && !listed[Change{Version: def.Since, Kind: TypeAdded, Type: def.Type}] {
			v.fail(d, "since", "add it to "+versionFile, "it is missing from the change list")
		}
		for _, f := range def.Fields {
			if f.Since <= max(def.Since, 1) {
				continue
			}
			if f.Required {
				// An older site makes records without it (R-K-63).
				v.fail(d, "fields."+f.Name, "make it optional", "field %s came later and cannot be required", f.Name)
			}
			if !listed[Change{Version: f.Since, Kind: FieldAdded, Type: def.Type, Field: f.Name}] {
				v.fail(d, "fields."+f.Name, "add it to "+versionFile, "field %s is missing from the change list", f.Name)
			}
		}
	}
}

// Version returns the version of the built-in types. Two sites of one version
// know the same built-in types and fields.
func (c *Catalogue) Version() int { return c.version }

// Changes returns the change list, oldest first (R-K-65).
func (c *Catalogue) Changes() []Change { return slices.Clone(c.changes) }
