package catalogue

import (
	"regexp"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// verifier checks declarations against each other, once all files are read.
type verifier struct {
	problems Problems
	sources  map[atoll.Type]*declaration
	version  int
}

func (v *verifier) fail(d *declaration, key, hint, format string, args ...any) {
	e := atoll.Errorf(atoll.Invalid, format, args...).About(d.place(key)).Do("%s", hint)
	e.Field = key
	e.Message = "type " + string(d.def.Type) + ": " + e.Message
	v.problems = append(v.problems, e)
}

// fits says what a class allows: who may edit its types, where they may go, and
// to which types the field in scope may refer. A nil list of scopes means that
// there is none.
var fits = map[Class]struct {
	editors []Editor
	routes  []Route
	scopes  []atoll.Type
}{
	Central: {
		// A central record about one store (a result that was worked out for it)
		// has a scope and goes there alone.
		[]Editor{ByPrimary, ByCentre}, []Route{ToAll, ToDispensary, ToCentre, ToStore, ToActive}, []atoll.Type{"store"},
	},
	CentralStore: {[]Editor{ByPrimary, ByCentre}, []Route{ToInstances, ToStore, ToActive}, []atoll.Type{"store"}},
	Store:        {[]Editor{ByActive}, []Route{ToStore, ToActive, ToCentre}, []atoll.Type{"store"}},
	Patient: {
		[]Editor{ByHome, ByActive, ByCentre},
		[]Route{ToPatient, ToStore, ToCentre},
		[]atoll.Type{"patient", "prescriber", "store"},
	},
	Name:    {[]Editor{ByPrimary}, []Route{ToName}, []atoll.Type{"name"}},
	Message: {[]Editor{ByAny}, []Route{ToMessage, ToCentre}, nil},
	Local:   {[]Editor{ByAny}, []Route{ToNobody}, nil},
	Sync:    {[]Editor{ByCentre}, []Route{ToCentre, ToAll, ToInstances}, []atoll.Type{"store"}},
}

var rowPattern = regexp.MustCompile(`^R-[A-Z]-[0-9]{2,3}$`)

func (v *verifier) verify(d *declaration) {
	def := d.def
	def.byName = make(map[string]int, len(def.Fields))
	for i, f := range def.Fields {
		def.byName[f.Name] = i
	}
	if def.Title == "" {
		v.fail(d, "title", "add a title", "it has no title")
	}
	for _, row := range def.Rows {
		if !rowPattern.MatchString(row) {
			v.fail(d, "rows", "write it as R-B-01", "%.20q is not a row of the specification", row)
		}
	}
	switch {
	case def.Own && len(def.Rows) > 0:
		v.fail(d, "rows", "remove the rows", "an own type comes from no row of the specification")
	case !def.Own && len(def.Rows) == 0:
		v.fail(d, "rows", "name the row it comes from", "a built-in type names no row of the specification")
	}
	if def.Since > v.version {
		v.fail(d, "since", "raise the version in "+versionFile, "since %d is above the catalogue's version %d", def.Since, v.version)
	}
	v.ownership(d)
	v.exceptions(d)
	v.lifeCycle(d)
	v.joins(d)
	v.label(d)
	v.mobile(d)
	v.settled(d)
	for _, f := range def.Fields {
		v.field(d, f)
	}
}

// ownership checks class, editor, route and the fields that decide them.
func (v *verifier) ownership(d *declaration) {
	def := d.def
	rule, classified := fits[def.Class]
	if !classified {
		if _, said := d.lines["class"]; !said {
			v.fail(d, "class", "add a class: a type that nobody classified cannot be stored (R-B-00)", "it has no class")
		}
		return
	}
	v.among(d, "editor", string(def.Editor), words(rule.editors))
	if def.Mirrored != def.Editor {
		v.among(d, "mirrored", string(def.Mirrored), words(rule.editors))
	}
	v.among(d, "route", string(def.Route), words(rule.routes))

	switch {
	case def.Scope == "" && v.needsScope(def):
		v.fail(d, "scope", "name the field that holds it", "class %s with route %s needs a scope", def.Class, def.Route)
	case def.Scope != "" && rule.scopes == nil:
		v.fail(d, "scope", "remove the scope", "class %s has no scope", def.Class)
	case def.Scope == "id":
		if !slices.Contains(rule.scopes, def.Type) {
			v.fail(d, "scope", "name a field", "only a store, patient, prescriber or name is its own scope")
		}
	case def.Scope != "":
		f := v.pointer(d, "scope", def.Scope, rule.scopes...)
		if f.Kind == Reference && (!f.Required || !f.Fixed) {
			v.fail(d, "fields."+f.Name, "add required: true and fixed: true",
				"field %s decides the owner, so it must be there and stay as it is", f.Name)
		}
	}
	if def.Class == Patient && def.Editor == ByActive && def.Scope != "store_id" {
		// A record about a patient that is made where the patient is treated.
		v.pointer(d, "editor", "store_id", "store")
	}
	wantsHome := def.Class == Patient && def.Scope == "id"
	switch {
	case wantsHome && def.Home == "":
		v.fail(d, "home", "name the field with the home store", "it has no home")
	case !wantsHome && def.Home != "":
		v.fail(d, "home", "remove it; the home is found through the scope", "only a patient or prescriber itself has a home")
	case def.Home != "":
		v.pointer(d, "home", def.Home, "store")
	}
	if def.Partner != "" {
		if def.Class != Store && def.Class != Central {
			v.fail(d, "partner", "remove the partner", "class %s is addressed to nobody", def.Class)
		}
		v.pointer(d, "partner", def.Partner, "store")
	}
	if def.Stock && def.Class != Store && def.Class != Patient {
		v.fail(d, "stock", "remove it", "class %s holds no stock", def.Class)
	}
}

func (v *verifier) needsScope(def *Def) bool {
	switch def.Class {
	case CentralStore, Store, Patient, Name:
		return true
	case Central:
		return def.Route == ToStore || def.Route == ToActive
	default:
		return false
	}
}

func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, s := range values {
		out[i] = string(s)
	}
	return out
}

// among reports a value that the class does not allow, or that is missing. A
// value that was written but not read has been reported already.
func (v *verifier) among(d *declaration, key, value string, allowed []string) {
	hint := "class " + string(d.def.Class) + " allows " + strings.Join(allowed, ", ")
	_, said := d.lines[key]
	switch {
	case value == "" && !said:
		v.fail(d, key, hint, "it has no %s", key)
	case value != "" && !slices.Contains(allowed, value):
		v.fail(d, key, hint, "%s cannot be %s", key, value)
	}
}

// pointer checks that a field is there and refers to one of the types.
func (v *verifier) pointer(d *declaration, key, name string, to ...atoll.Type) Field {
	f, ok := d.def.Field(name)
	want := "a reference to " + strings.Join(words(to), " or ")
	switch {
	case !ok:
		v.fail(d, key, "declare it, as "+want, "%s names the field %q, which is not there", key, name)
	case f.Kind != Reference || !slices.Contains(to, f.To):
		v.fail(d, key, "want "+want, "%s names the field %s, which is %s", key, name, describe(f))
	}
	return f
}

func describe(f Field) string {
	if f.Kind == Reference {
		return "a reference to " + string(f.To)
	}
	return string(f.Kind)
}

func (v *verifier) exceptions(d *declaration) {
	var seen []string
	for _, x := range d.def.Also {
		key := "also." + x.Name
		switch {
		case x.Name == "":
			v.fail(d, "also", "name one of "+strings.Join(Exceptions, ", "), "an exception has no name")
			continue
		case slices.Contains(seen, x.Name):
			v.fail(d, key, "remove one of them", "exception %s is there twice", x.Name)
		case x.Note == "":
			v.fail(d, key, "say in a sentence what it means", "exception %s has no note", x.Name)
		case x.Adds && x.Route == "":
			v.fail(d, key, "name the route", "exception %s adds a route but names none", x.Name)
		case x.Name == IncludeTransactions && !d.def.Stock:
			v.fail(d, key, "add stock: true", "exception %s is for stock-affecting types", x.Name)
		}
		seen = append(seen, x.Name)
	}
}

// lifeCycle checks deletion and merging.
func (v *verifier) lifeCycle(d *declaration) {
	def := d.def
	_, said := d.lines["deletion"]
	if def.Deletion == "" && !said {
		v.fail(d, "deletion", "want tombstone, soft or never", "it does not say what deletion means")
	}
	if def.Deletion == Soft && !slices.ContainsFunc(def.Fields, marksDeletion) {
		v.fail(d, "deletion", "add a status, active, is_active, inactive, disabled or deleted_at",
			"a soft deletion needs a field that says so")
	}
	if def.Class == Message && def.Deletion != Never {
		v.fail(d, "deletion", "want never", "a message is never deleted")
	}
	if def.Merge == NoMerge {
		return
	}
	if f, ok := def.Field("status"); !ok || !slices.Contains(f.Values, "merged") {
		v.fail(d, "merge", "add status with the values active and merged", "a merged record must say so")
	}
	v.pointer(d, "merge", "merged_into", def.Type)
	v.pointer(d, "merge", "unmerged_from", def.Type)
	if f, _ := def.Field("merged_at"); f.Kind != Time {
		v.fail(d, "merge", "add merged_at: time", "a merged record must say since when")
	}
}

// joins checks what a row joins, and has a list by any record that may be merged:
// a merge finds what names it (R-E-10).
func (v *verifier) joins(d *declaration) {
	def := d.def
	for _, name := range def.Joins {
		if _, ok := def.Field(name); !ok {
			v.fail(d, "joins", "name fields of the type", "joins names the field %q, which is not there", name)
		}
	}
	if len(def.Joins) > 0 && def.Deletion != Tombstone {
		v.fail(d, "joins", "want deletion: tombstone", "a row that joins must go when it is there twice")
	}
	for i, f := range def.Fields {
		to, ok := v.sources[f.To]
		if ok && f.Kind == Reference && to.def.Merge != NoMerge && to.def.Merge != "" {
			def.Fields[i].Index = true
		}
	}
}

func marksDeletion(f Field) bool {
	switch f.Name {
	case "status":
		return f.Kind == Enum
	case "active", "is_active", "inactive", "disabled":
		return f.Kind == Boolean
	case "deleted_at":
		return f.Kind == Time
	}
	return false
}

func (v *verifier) label(d *declaration) {
	if d.def.Label == "" {
		return
	}
	f, ok := d.def.Field(d.def.Label)
	switch {
	case !ok:
		v.fail(d, "label", "name a field of the type", "label names the field %q, which is not there", d.def.Label)
	case f.Kind == Reference || f.Kind == Object || f.Kind == Boolean || f.Secret:
		v.fail(d, "label", "name a field that can be read out", "label names the field %s, which is %s", f.Name, describe(f))
	}
}

// mobile checks what a mobile client may send of the type.
func (v *verifier) mobile(d *declaration) {
	def := d.def
	if def.Mobile == nil {
		return
	}
	if def.Mobile.Name == "" {
		v.fail(d, "mobile", "name what mobile clients call it", "mobile has no name")
	}
	if def.Mobile.Only == OnlyOwnStore && def.Home == "" {
		v.fail(d, "mobile", "remove the condition", "it has no home, so no home store of its own")
	}
	if def.Class == Local || def.Class == Sync {
		v.fail(d, "mobile", "remove it", "class %s is not sent", def.Class)
	}
}

// settled checks the fields that tell when a document was settled.
func (v *verifier) settled(d *declaration) {
	def := d.def
	if len(def.Settled) > 0 && (def.Class != Store && def.Class != Patient || def.Scope == "id") {
		v.fail(d, "settled", "remove it", "only documents of stores are settled")
	}
	for _, name := range def.Settled {
		if f, ok := def.Field(name); !ok || f.Kind != Time {
			v.fail(d, "settled", "name fields of kind time", "settled names %q, which is no field with a time", name)
		}
	}
	// What cannot be without such a document goes where it goes, and is found by it.
	for _, f := range def.Fields {
		if to, ok := v.sources[f.To]; ok && f.Kind == Reference && f.Required && len(to.def.Settled) > 0 && !f.Index {
			v.fail(d, "fields."+f.Name, "add index: true", "field %s names a document that can be settled, and cannot be looked up by", f.Name)
		}
	}
}
