package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/golden"
)

func atollType(s string) atoll.Type { return atoll.Type(s) }

const version1 = "version: 1\nchanges: [{version: 1, kind: first}]\n"

// shelf is a file system of catalogue files, with a version unless it has one.
func shelf(files map[string]string) fs.FS {
	out := fstest.MapFS{"version.yaml": {Data: []byte(version1)}}
	for name, s := range files {
		out[name] = &fstest.MapFile{Data: []byte(s)}
	}
	return out
}

const goodType = `thing:
  title: Thing
  rows: [R-B-01]
  class: central
  editor: primary
  route: all
  deletion: tombstone
  fields:
    code: {kind: text, required: true}
    note: text
`

func TestEmbeddedFilesAreValid(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if c != nil && Embedded().Hash() != c.Hash() {
		t.Errorf("two loads have the hashes %s and %s", c.Hash(), Embedded().Hash())
	}
	if first, second := Embedded(), Embedded(); first != second {
		t.Error("Embedded loads twice")
	}
}

// TestR_B_00_FaultsAreRefused spoils a good type line by line.
func TestR_B_00_FaultsAreRefused(t *testing.T) {
	if _, err := load(shelf(map[string]string{"a.yaml": goodType})); err != nil {
		t.Fatalf("the good type is refused: %v", err)
	}
	storeType := "store: {title: Store, rows: [R-B-30], class: central_store, editor: centre, route: instances, " +
		"deletion: never, scope: id, fields: {name: text}}\n"
	for _, row := range []struct{ name, old, new, place, message string }{
		{"no class", "  class: central\n", "", "a.yaml:1", "add a class"},
		{"unknown class", "class: central", "class: centrall", "a.yaml:4", `class cannot be "centrall"`},
		{"no title", "  title: Thing\n", "", "a.yaml:1", "no title"},
		{"no rows", "  rows: [R-B-01]\n", "", "a.yaml:1", "names no row"},
		{"bad row", "R-B-01", "B1", "a.yaml:3", "is not a row"},
		{"no editor", "  editor: primary\n", "", "a.yaml:1", "it has no editor"},
		{"editor does not fit", "editor: primary", "editor: active", "a.yaml:5", "editor cannot be active"},
		{"mirrored does not fit", "editor: primary", "editor: primary\n  mirrored: any", "a.yaml:6", "mirrored cannot be any"},
		{"route does not fit", "route: all", "route: name", "a.yaml:6", "route cannot be name"},
		{"no deletion", "  deletion: tombstone\n", "", "a.yaml:1", "what deletion means"},
		{"soft without a field", "deletion: tombstone", "deletion: soft", "a.yaml:7", "needs a field that says so"},
		{"unknown key", "route: all", "rout: all", "a.yaml:6", "did you mean route?"},
		{"unknown key of a field", "required: true", "requird: true", "a.yaml:9", "did you mean required?"},
		{"key twice", "route: all", "route: all\n  route: all", "a.yaml:7", "twice, first on line 6"},
		{"field twice", "note: text", "code: text", "a.yaml:10", "twice, first on line 9"},
		{"kind unknown", "note: text", "note: string", "a.yaml:10", "want one of text"},
		{"kind missing", "kind: text, required: true", "required: true", "a.yaml:9", "has no kind"},
		{"text for a flag", "required: true", "required: 1", "a.yaml:9", "neither true nor false"},
		{"field name in capitals", "note: text", "Note: text", "a.yaml:10", "cannot be the name of a field"},
		{"type name with a hyphen", "thing:", "a-thing:", "a.yaml:1", "cannot be the name of a type"},
		{"field of every record", "note: text", "id: text", "a.yaml:10", "belongs to every record"},
		{"reference to nothing", "note: text", "note: reference", "a.yaml:10", "refers to no type"},
		{"reference to no type", "note: text", "note: {kind: reference, to: thong}", "a.yaml:10", "did you mean thing?"},
		{"identity without reference", "note: text", "note: {kind: text, identity: true}", "a.yaml:10", "refers to nothing"},
		{"to without reference", "note: text", "note: {kind: text, to: thing}", "a.yaml:10", "refers to nothing"},
		{"parent that may be missing", "note: text", "note: {kind: reference, to: thing, parent: true}", "a.yaml:10", "ties it to its parent"},
		{"enum without values", "note: text", "note: enum", "a.yaml:10", "has no values"},
		{"value twice", "note: text", "note: {kind: enum, values: [a, a]}", "a.yaml:10", `value "a" twice`},
		{"values of a text", "note: text", "note: {kind: text, values: [a]}", "a.yaml:10", "has values"},
		{"max of a number", "note: text", "note: {kind: integer, max: 4}", "a.yaml:10", "only text has"},
		{"max zero", "note: text", "note: {kind: text, max: 0}", "a.yaml:10", "from 1 to"},
		{"index of an object", "note: text", "note: {kind: object, index: true}", "a.yaml:10", "cannot be filtered by"},
		{"secret number", "note: text", "note: {kind: integer, secret: true}", "a.yaml:10", "can be secret"},
		{"newer than the catalogue", "note: text", "note: {kind: text, since: 2}", "a.yaml:10", "above the catalogue's version"},
		{"label of nothing", "route: all", "route: all\n  label: name", "a.yaml:7", "not there"},
		{"merge without status", "route: all", "route: all\n  merge: primary", "a.yaml:7", "must say so"},
		{"scope of nothing", "route: all", "route: all\n  scope: store_id", "a.yaml:7", "not there"},
		{"scope id", "route: all", "route: all\n  scope: id", "a.yaml:7", "its own scope"},
		{"home of an item", "route: all", "route: all\n  home: note", "a.yaml:7", "only a patient or prescriber"},
		{"partner that is text", "route: all", "route: all\n  partner: note", "a.yaml:7", "names the field note, which is text"},
		{"stock at the centre", "route: all", "route: all\n  stock: true", "a.yaml:7", "holds no stock"},
		{"exception unknown", "route: all", "route: all\n  also: [{name: never_mind, note: x}]", "a.yaml:7", "want one of centralised_procurement"},
		{"exception without note", "route: all", "route: all\n  also: [{name: proposals_by_stores}]", "a.yaml:7", "has no note"},
		{"store class without scope", "class: central\n  editor: primary\n  route: all", "class: store\n  editor: active\n  route: store", "a.yaml:1", "needs a scope"},
		{"scope that can change", "class: central\n  editor: primary\n  route: all", "class: store\n  editor: active\n  route: store\n  scope: store_id", "a.yaml:11", "decides the owner"},
		{"not a mapping", goodType, "- a\n- b\n", "a.yaml:1", "not a mapping"},
		{"not YAML", "route: all", "route: [all", "a.yaml:7", "not valid YAML"},
		{"two documents", goodType, goodType + "---\n" + goodType, "a.yaml:12", "second document"},
		{"anchor", "note: text", "note: &a text", "a.yaml:10", "not a mapping"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := strings.Replace(goodType, row.old, row.new, 1)
			if s == goodType {
				t.Fatal("the row spoils nothing")
			}
			if row.name == "scope that can change" {
				s = strings.Replace(s, "note: text", "store_id: {kind: reference, to: store, required: true}", 1)
			}
			_, err := load(shelf(map[string]string{"a.yaml": s, "b.yaml": storeType}))
			var problems Problems
			if !errors.As(err, &problems) || !errors.Is(err, atoll.Invalid) {
				t.Fatalf("got %v; want problems", err)
			}
			for _, e := range problems {
				if e.Hint == "" || e.Subject == "" || e.Code == "" {
					t.Errorf("problem %v has code %q, subject %q, hint %q; want all three", e, e.Code, e.Subject, e.Hint)
				}
			}
			if !slices.ContainsFunc(problems, func(e *atoll.Error) bool {
				return e.Subject == row.place && strings.Contains(e.Error(), row.message)
			}) {
				t.Errorf("got\n%v\nwant a problem at %s with %q", problems, row.place, row.message)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	bad := strings.NewReplacer("class: central", "class: x", "editor: primary", "editor: y", "note: text", "note: z").Replace(goodType)
	_, err := load(shelf(map[string]string{"a.yaml": bad, "b.yaml": strings.Replace(bad, "thing:", "thing2:", 1)}))
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v; want problems", err)
	}
	var places []string
	for _, e := range problems {
		places = append(places, e.Subject)
	}
	for _, want := range []string{"a.yaml:4", "a.yaml:5", "a.yaml:10", "b.yaml:4", "b.yaml:5", "b.yaml:10"} {
		if !slices.Contains(places, want) {
			t.Errorf("nothing is said of %s; only of %s", want, places)
		}
	}
	if !slices.IsSortedFunc(places, comparePlaces) {
		t.Errorf("problems are not in the order of the files: %s", places)
	}
}

const ownType = `census:
  title: Census
  class: store
  editor: active
  route: store
  scope: store_id
  deletion: tombstone
  fields:
    store_id: {kind: reference, to: store, required: true, fixed: true}
    item_id: {kind: reference, to: item}
    people: {kind: integer, required: true}
`

func TestOwnTypes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ours.yaml"), []byte(ownType), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := WithDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := c.Lookup("census")
	if !ok || !d.Own || d.Area != "ours" || !slices.Contains(c.Areas(), "ours") {
		t.Errorf("got %+v, areas %s; want an own type in the area ours", d, c.Areas())
	}
	if err := c.Check("census", fields(t, `{"store_id":`+someID+`,"people":12}`)); err != nil {
		t.Errorf("a record of an own type is refused: %v", err)
	}
	if c.Version() != Embedded().Version() {
		t.Errorf("own types changed the version to %d", c.Version())
	}
	if c, err := WithDirectory(""); err != nil || c.Hash() != Embedded().Hash() {
		t.Errorf("without a directory: %v; want the built-in types", err)
	}
	if _, err := WithDirectory(filepath.Join(dir, "none")); !errors.Is(err, atoll.NotFound) {
		t.Errorf("a directory that is not there: %v; want %s", err, atoll.NotFound)
	}
	for _, row := range []struct{ name, old, new, message string }{
		{"a built-in type again", "census:", "item:", "built-in types cannot be redefined"},
		{"rows", "title: Census", "title: Census\n  rows: [R-B-01]", "an own type comes from no row"},
		{"no class", "  class: store\n", "", "add a class"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Load(shelfOnly("ours.yaml", strings.Replace(ownType, row.old, row.new, 1)))
			if err == nil || !strings.Contains(err.Error(), row.message) {
				t.Errorf("got %v; want %q", err, row.message)
			}
		})
	}
}

func TestBuiltInTypesNeedNoOwnOnes(t *testing.T) {
	builtin := shelf(map[string]string{"a.yaml": strings.Replace(goodType, "note: text", "note: {kind: reference, to: other}", 1)})
	own := strings.Replace(strings.Replace(goodType, "thing:", "other:", 1), "  rows: [R-B-01]\n", "", 1)
	if _, err := load(builtin, shelfOnly("ours.yaml", own)); err == nil || !strings.Contains(err.Error(), "refers to an own type") {
		t.Errorf("got %v; want a problem: what an operator takes away would break built-in types", err)
	}
}

// TestPartsFollowTheirParent: a line that lacks what its document is routed by
// would not arrive with it.
func TestPartsFollowTheirParent(t *testing.T) {
	const files = `store: {title: Store, rows: [R-B-30], class: central_store, editor: centre, route: instances, deletion: never, scope: id, fields: {name: text}}
order:
  {title: Order, rows: [R-B-42], class: store, editor: active, route: store, deletion: tombstone, scope: store_id, partner: to_id, stock: true,
  fields: {store_id: {kind: reference, to: store, required: true, fixed: true}, to_id: {kind: reference, to: store}}}
line:
  {title: Line, rows: [R-B-42], class: store, editor: active, route: store, deletion: tombstone, scope: store_id, partner: to_id, stock: true,
  fields: {order_id: {kind: reference, to: order, required: true, fixed: true, parent: true},
    store_id: {kind: reference, to: store, required: true, fixed: true}, to_id: {kind: reference, to: store}}}
`
	if _, err := load(shelf(map[string]string{"a.yaml": files})); err != nil {
		t.Fatalf("a good order is refused: %v", err)
	}
	at := strings.Index(files, "line:")
	for _, row := range []struct{ old, new, message string }{
		{"partner: to_id, ", "", "its parent's partner to_id"},
		{"stock: true", "stock: false", "its parent's stock"},
		{"route: store", "route: active", "its parent's route store"},
	} {
		spoiled := files[:at] + strings.Replace(files[at:], row.old, row.new, 1)
		if _, err := load(shelf(map[string]string{"a.yaml": spoiled})); err == nil || !strings.Contains(err.Error(), row.message) {
			t.Errorf("%s: got %v; want %q", row.old, err, row.message)
		}
	}
}

func shelfOnly(name, s string) fs.FS { return fstest.MapFS{name: {Data: []byte(s)}} }

// TestR_K_65_ChangesAreListed holds every field against what the last release
// had. When it fails, raise the version, list the change in data/version.yaml,
// and rewrite the golden file.
func TestR_K_65_ChangesAreListed(t *testing.T) {
	c := Embedded()
	names := map[atoll.Type]*Def{}
	for _, d := range c.Types() {
		names[d.Type] = d
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "version %d\n", c.Version())
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d := names[name]
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "%s.%s %s since %d\n", name, f.Name, strings.ReplaceAll(kindWords(f), "\n", " "), max(f.Since, d.Since, 1))
		}
	}
	golden.File(t, "testdata/fields.golden", b.String())

	if changes := c.Changes(); len(changes) == 0 || changes[0].Kind != FirstVersion || changes[0].Version != 1 {
		t.Errorf("the change list begins with %v; want version 1", changes)
	}
	listed := "version: 2\nchanges: [{version: 1, kind: first}, {version: 2, kind: field_added, type: thing, field: note}]\n"
	newer := strings.Replace(goodType, "note: text", "note: {kind: text, since: 2}", 1)
	for _, row := range []struct{ name, version, types, message string }{
		{"listed", listed, newer, ""},
		{"not in the list", "version: 2\n", newer, "missing from the change list"},
		{"in the list alone", listed, goodType, "was added in version 2"},
		{"later and required", listed, strings.Replace(newer, "since: 2", "since: 2, required: true", 1), "cannot be required"},
		{"type not in the list", "version: 2\n", strings.Replace(goodType, "class:", "since: 2\n  class:", 1), "missing from the change list"},
		{"no version", "changes: []\n", goodType, "has no version"},
		{"change of nothing", strings.Replace(listed, "thing", "thong", 1), newer, "which is no type"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := load(shelf(map[string]string{"version.yaml": row.version, "a.yaml": row.types}))
			if row.message == "" && err != nil || row.message != "" && (err == nil || !strings.Contains(err.Error(), row.message)) {
				t.Errorf("got %v; want %q", err, row.message)
			}
		})
	}
}

// TestR_K_67_HashNamesTheRules: one hash, one set of rules.
func TestR_K_67_HashNamesTheRules(t *testing.T) {
	hash := func(files map[string]string) string {
		c, err := load(shelf(files))
		if err != nil {
			t.Fatal(err)
		}
		return c.Hash()
	}
	second := strings.Replace(goodType, "thing:", "other:", 1)
	one := hash(map[string]string{"a.yaml": goodType, "b.yaml": second})
	if len(one) != 16 {
		t.Errorf("the hash %q has %d digits; want 16", one, len(one))
	}
	if again := hash(map[string]string{"a.yaml": "# a remark\n" + goodType, "b.yaml": second}); again != one {
		t.Error("a comment changes the hash")
	}
	for _, change := range [][2]string{
		{"route: all", "route: dispensary"},
		{"deletion: tombstone", "deletion: never"},
		{"editor: primary", "editor: centre"},
		{"required: true", "required: false"},
		{"note: text", "note: {kind: text, fixed: true}"},
	} {
		if hash(map[string]string{"a.yaml": strings.Replace(goodType, change[0], change[1], 1), "b.yaml": second}) == one {
			t.Errorf("%s instead of %s does not change the hash", change[1], change[0])
		}
	}
	own, err := Load(shelfOnly("ours.yaml", ownType))
	if err != nil {
		t.Fatal(err)
	}
	if own.Hash() == Embedded().Hash() {
		t.Error("an own type does not change the hash")
	}
}

func TestDeclarationsAsJSON(t *testing.T) {
	d, _ := Embedded().Lookup("location")
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/location.json", string(b)+"\n")
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(ownType))
	f.Add([]byte(goodType))
	f.Add([]byte("a: &x {b: *x}\n"))
	f.Add([]byte("a:\n  <<: *b\n"))
	f.Add([]byte("? [a]\n: !!binary |\n  x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := load(fstest.MapFS{"version.yaml": {Data: []byte(version1)}, "a.yaml": {Data: b}})
		if (c == nil) == (err == nil) {
			t.Fatalf("catalogue %v and error %v", c, err)
		}
		if err != nil && !errors.Is(err, atoll.Invalid) {
			t.Errorf("error %v has the code %s", err, atoll.CodeOf(err))
		}
		if c == nil {
			return
		}
		for _, d := range c.Types() {
			if d.Class == "" || d.Editor == "" || d.Route == "" || d.Deletion == "" {
				t.Errorf("%s came through without class, editor, route or deletion", d.Type)
			}
		}
	})
}
