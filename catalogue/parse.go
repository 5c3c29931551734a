package catalogue

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/atollsync/atoll"
)

// The files are read from their syntax tree and not into structs, so that every
// fault has its line and one fault does not hide the next.

// reader gathers declarations and problems from files.
type reader struct {
	problems     Problems
	declarations []*declaration
	name         string // of the file being read
}

// declaration is a type with the lines it was read from.
type declaration struct {
	def   *Def
	file  string
	lines map[string]int // by key, such as "class" or "fields.code"; "" is the type
}

// place returns "file:line" of a key, or of the type when the key is not there.
func (d *declaration) place(key string) string {
	line, ok := d.lines[key]
	if !ok {
		line = d.lines[""]
	}
	return d.file + ":" + strconv.Itoa(line)
}

func (r *reader) add(e *atoll.Error) { r.problems = append(r.problems, e) }

func (r *reader) fail(line int, hint, format string, args ...any) {
	r.add(atoll.Errorf(atoll.Invalid, format, args...).About(r.name+":"+strconv.Itoa(line)).Do("%s", hint))
}

// entry is one key of a mapping with its value.
type entry struct {
	key  string
	node ast.Node
	line int
}

// file reads one area.
func (r *reader) file(name, area string, b []byte, own bool) {
	r.name = name
	root, ok := r.root(b)
	if !ok {
		return
	}
	for _, e := range r.mapping(root, "the file", "a mapping from type names to types") {
		if !isName(e.key) {
			r.fail(e.line, nameHint, "%q cannot be the name of a type", e.key)
			continue
		}
		d := &declaration{file: name, lines: map[string]int{"": e.line}}
		d.def = &Def{Type: atoll.Type(e.key), Area: area, Own: own}
		r.def(d, e)
		r.declarations = append(r.declarations, d)
	}
}

const nameHint = "use lower-case letters, digits and _, a letter first, at most 48"

func (r *reader) root(b []byte) (ast.Node, bool) {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, false
	}
	// The reader finds repeated keys itself, all of them and by name.
	f, err := parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line := 1
		message := strings.TrimSpace(err.Error())
		if first, _, ok := strings.Cut(message, "\n"); ok {
			message = first
		}
		if at, rest, ok := strings.Cut(strings.TrimPrefix(message, "["), "] "); ok {
			if n, _, ok := strings.Cut(at, ":"); ok {
				if l, err := strconv.Atoi(n); err == nil {
					line, message = l, rest
				}
			}
		}
		r.fail(line, "correct the YAML", "not valid YAML: %s", message)
		return nil, false
	}
	var root ast.Node
	for _, doc := range f.Docs {
		if doc == nil || doc.Body == nil {
			continue
		}
		if root != nil {
			r.fail(lineOf(doc.Body), "put it into another file", "a second document in one file")
			return nil, false
		}
		root = doc.Body
	}
	return root, root != nil
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return n.GetToken().Position.Line
}

// mapping returns the entries of a mapping in their order, and reports what is
// none, and keys that are there twice.
func (r *reader) mapping(n ast.Node, what, want string) []entry {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.fail(lineOf(n), "want "+want, "%s is not a mapping", what)
		return nil
	}
	seen := map[string]int{}
	var out []entry
	for _, v := range values {
		line := lineOf(v.Key)
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.fail(line, "write a plain word", "%.60q in %s cannot be a key", v.Key.String(), what)
			continue
		}
		if first, twice := seen[key.Value]; twice {
			r.fail(line, "remove one of them", "%s has %q twice, first on line %d", what, key.Value, first)
			continue
		}
		seen[key.Value] = line
		out = append(out, entry{key.Value, v.Value, line})
	}
	return out
}

func (r *reader) def(d *declaration, e entry) {
	what := "type " + e.key
	def := d.def
	for _, e := range r.mapping(e.node, what, "title, class, editor, route, deletion and fields") {
		d.lines[e.key] = e.line
		switch e.key {
		case "title":
			def.Title = r.text(e)
		case "since":
			def.Since = r.count(e)
		case "rows":
			def.Rows = r.list(e)
		case "class":
			def.Class = choice(r, e, Classes)
		case "editor":
			def.Editor = choice(r, e, Editors)
		case "mirrored":
			def.Mirrored = choice(r, e, Editors)
		case "route":
			def.Route = choice(r, e, Routes)
		case "also":
			def.Also = r.exceptions(d, e)
		case "scope":
			def.Scope = r.text(e)
		case "home":
			def.Home = r.text(e)
		case "partner":
			def.Partner = r.text(e)
		case "stock":
			def.Stock = r.flag(e)
		case "mobile":
			def.Mobile = r.mobile(d, e)
		case "settled":
			def.Settled = r.list(e)
		case "deletion":
			def.Deletion = choice(r, e, []Deletion{Tombstone, Soft, Never})
		case "merge":
			def.Merge = choice(r, e, []Merging{NoMerge, MergePrimary, MergeActive, MergeHome})
		case "joins":
			def.Joins = r.list(e)
		case "label":
			def.Label = r.text(e)
		case "note":
			def.Note = r.text(e)
		case "fields":
			r.fields(d, e)
		default:
			r.unknown(e, what, defKeys)
		}
	}
	if def.Mirrored == "" {
		def.Mirrored = def.Editor
	}
	if def.Merge == "" {
		def.Merge = NoMerge
	}
	if _, said := def.Except(IncludeTransactions); def.Stock && !said {
		def.Also = append(def.Also, Exception{Name: IncludeTransactions, Route: ToNobody, Note: "Stays at the site while the " +
			"dispensary store's preference to include transactions is off."})
	}
}

var (
	defKeys = []string{
		"title", "since", "rows", "class", "editor", "mirrored", "route", "also", "scope", "home", "partner",
		"stock", "mobile", "settled", "deletion", "merge", "joins", "label", "note", "fields",
	}
	fieldKeys     = []string{"kind", "required", "to", "values", "parent", "index", "fixed", "identity", "max", "secret", "since", "note"}
	exceptionKeys = []string{"name", "note", "class", "editor", "route", "adds"}
	mobileKeys    = []string{"name", "only", "note"}
)

func (r *reader) unknown(e entry, what string, known []string) {
	hint := "the keys are " + strings.Join(known, ", ")
	if near := nearest(e.key, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	r.fail(e.line, hint, "%s has the unknown key %q", what, e.key)
}

func (r *reader) fields(d *declaration, e entry) {
	for _, e := range r.mapping(e.node, "fields of "+string(d.def.Type), "a mapping from field names to fields") {
		d.lines["fields."+e.key] = e.line
		if !isName(e.key) {
			r.fail(e.line, nameHint, "%q cannot be the name of a field", e.key)
			continue
		}
		d.def.Fields = append(d.def.Fields, r.field(string(d.def.Type), e))
	}
}

// field reads one field: a mapping, or the kind alone.
func (r *reader) field(of string, e entry) Field {
	f := Field{Name: e.key}
	what := "field " + of + "." + e.key
	if _, plain := e.node.(*ast.StringNode); plain {
		f.Kind = choice(r, e, Kinds)
		return f
	}
	for _, e := range r.mapping(e.node, what, "a kind, or a mapping with a kind") {
		switch e.key {
		case "kind":
			f.Kind = choice(r, e, Kinds)
		case "required":
			f.Required = r.flag(e)
		case "to":
			f.To = atoll.Type(r.text(e))
		case "values":
			f.Values = r.list(e)
		case "parent":
			f.Parent = r.flag(e)
		case "index":
			f.Index = r.flag(e)
		case "fixed":
			f.Fixed = r.flag(e)
		case "identity":
			f.Identity = r.flag(e)
		case "max":
			f.Max = r.count(e)
		case "secret":
			f.Secret = r.flag(e)
		case "since":
			f.Since = r.count(e)
		case "note":
			f.Note = r.text(e)
		default:
			r.unknown(e, what, fieldKeys)
		}
	}
	return f
}

func (r *reader) exceptions(d *declaration, e entry) []Exception {
	var out []Exception
	for _, n := range r.items(e) {
		var x Exception
		what := "an exception of " + string(d.def.Type)
		for _, e := range r.mapping(n, what, "a name and a note") {
			switch e.key {
			case "name":
				x.Name = choice(r, e, Exceptions)
				d.lines["also."+x.Name] = e.line
			case "note":
				x.Note = r.text(e)
			case "class":
				x.Class = choice(r, e, Classes)
			case "editor":
				x.Editor = choice(r, e, Editors)
			case "route":
				x.Route = choice(r, e, Routes)
			case "adds":
				x.Adds = r.flag(e)
			default:
				r.unknown(e, what, exceptionKeys)
			}
		}
		out = append(out, x)
	}
	return out
}

// mobile reads what mobile clients may send of a type.
func (r *reader) mobile(d *declaration, e entry) *Mobile {
	m := &Mobile{}
	what := "mobile of " + string(d.def.Type)
	for _, e := range r.mapping(e.node, what, "the name that mobile clients use") {
		switch e.key {
		case "name":
			m.Name = r.text(e)
		case "only":
			m.Only = choice(r, e, MobileConditions)
		case "note":
			m.Note = r.text(e)
		default:
			r.unknown(e, what, mobileKeys)
		}
	}
	return m
}
