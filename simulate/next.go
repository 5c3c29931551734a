package simulate

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// The next version of the program, as its catalogue makes it: types and fields that the
// present one does not know, and a value of an enum that it does not take. It is the
// only difference of versions that a story has: the programs themselves are the same.
var nextTypes = map[string]string{
	"items.yaml": `
hazard_note:
  title: Note on the hazards of an item
  since: %[1]d
  rows: [R-K-63]
  class: central
  editor: primary
  route: all
  deletion: tombstone
  label: words
  fields:
    item_id: {kind: reference, to: item, required: true, parent: true, fixed: true, index: true}
    words: {kind: text, required: true, index: true}
`,
	"stock.yaml": `
location_check:
  title: Check of a location
  since: %[1]d
  rows: [R-K-63]
  class: store
  editor: active
  route: store
  scope: store_id
  deletion: tombstone
  label: words
  fields:
    store_id: {kind: reference, to: store, required: true, fixed: true, index: true}
    location_id: {kind: reference, to: location, required: true, parent: true, fixed: true, index: true}
    words: {kind: text, required: true, index: true}
`,
}

// Novelty is a field that the next version adds to a type there is, or a value that it
// lets one have.
type Novelty struct {
	Kind  atoll.Type
	Field string
	Value string // the new value, of a field that the present version has too

	file, text, old, new string
}

// Novelties are what the next version adds to types there are.
var Novelties = []Novelty{
	{file: "items.yaml", Kind: "item", Field: "hazard", text: "{kind: text, index: true, since: %d}"},
	{file: "items.yaml", Kind: "unit", Field: "hazard", text: "{kind: object, since: %d}"},
	{file: "stock.yaml", Kind: "location", Field: "zone", text: "{kind: text, index: true, since: %d}"},
	{file: "cold_chain.yaml", Kind: "sensor", Field: "kind", Value: "next", old: "logtag, other]", new: "logtag, other, next]"},
}

// NextCatalogue is the catalogue of a next version of the program: see [nextTypes] and [Novelties].
var NextCatalogue = sync.OnceValue(func() *catalogue.Catalogue {
	c, err := loadNext()
	if err != nil {
		panic(fmt.Sprintf("the next version's catalogue: %v", err)) // a test loads it
	}
	return c
})

// edition are the files of the built-in types, some of them with other texts.
type edition struct {
	fs.FS
	texts map[string]string
}

// ReadFile implements [fs.ReadFileFS].
func (e edition) ReadFile(name string) ([]byte, error) {
	if text, ok := e.texts[name]; ok {
		return []byte(text), nil
	}
	return fs.ReadFile(e.FS, name)
}

// change puts one text for another, after the line that begins the type.
func (e edition) change(file string, kind atoll.Type, old, now string) error {
	text, err := e.ReadFile(file)
	if err != nil {
		return err
	}
	before, after, found := strings.Cut("\n"+string(text), "\n"+string(kind)+":")
	if !found || !strings.Contains(after, old) {
		return fmt.Errorf("%s in %s has no %q", kind, file, old)
	}
	e.texts[file] = before[min(1, len(before)):] + "\n" + string(kind) + ":" + strings.Replace(after, old, now, 1)
	return nil
}

func loadNext() (*catalogue.Catalogue, error) {
	present := catalogue.Embedded().Version()
	next := present + 1
	e := edition{catalogue.Builtin(), map[string]string{}}
	var changes strings.Builder
	note := func(kind catalogue.ChangeKind, of atoll.Type, field string) {
		fmt.Fprintf(&changes, "\n  - {version: %d, kind: %s, type: %s, field: %q}", next, kind, of, field)
	}
	for _, a := range Novelties {
		old, now, kind := a.old, a.new, catalogue.ValueAdded
		if a.Value == "" {
			old, kind = "  fields:\n", catalogue.FieldAdded
			now = fmt.Sprintf("  fields:\n    %s: %s\n", a.Field, fmt.Sprintf(a.text, next))
		}
		if err := e.change(a.file, a.Kind, old, now); err != nil {
			return nil, err
		}
		note(kind, a.Kind, a.Field)
	}
	for _, file := range slices.Sorted(maps.Keys(nextTypes)) {
		text, err := e.ReadFile(file)
		if err != nil {
			return nil, err
		}
		e.texts[file] = string(text) + fmt.Sprintf(nextTypes[file], next)
		kind, _, _ := strings.Cut(strings.TrimSpace(nextTypes[file]), ":")
		note(catalogue.TypeAdded, atoll.Type(kind), "")
	}
	text, err := e.ReadFile("version.yaml")
	if err != nil {
		return nil, err
	}
	e.texts["version.yaml"] = strings.Replace(strings.TrimSpace(string(text)), fmt.Sprintf("version: %d\n", present), fmt.Sprintf("version: %d\n", next), 1) +
		changes.String() + "\n"
	return catalogue.LoadFrom(e)
}
