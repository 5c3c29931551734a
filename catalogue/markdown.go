package catalogue

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the whole catalogue as a page of documentation:
// docs/catalogue.md is what it writes for the built-in types.
func (c *Catalogue) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Catalogue of record types

*Generated from the files in catalogue/data by `+"`go test ./catalogue -update`"+`; do not edit.*

Version %d, %d types in %d areas.

**Editor** says which site may write a record, **route** where it goes. Where a cell has two editors, the second holds
in a mirrored system, in which the primary and the central server are two sites. Marks on fields: **!** must be there,
**=** never changes once the record is made, **#** lists may filter by it.

| class | what it is |
|---|---|
`, c.version, len(c.ordered), len(c.areas))
	for _, line := range classWords {
		fmt.Fprintf(&b, "| %s | %s |\n", line.class, line.words)
	}
	fmt.Fprintf(&b, "\n| route | where the records go |\n|---|---|\n")
	for _, line := range routeWords {
		fmt.Fprintf(&b, "| %s | %s |\n", line.route, line.words)
	}
	for _, area := range c.areas {
		fmt.Fprintf(&b, "\n## %s\n\n| type | class | editor | route | deletion | merge | rows |\n|---|---|---|---|---|---|---|\n", area)
		for _, d := range c.in(area) {
			fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s | %s | %s |\n", d.Type, anchor(d), d.Class, editors(d), d.Route,
				d.Deletion, dash(string(d.Merge), string(NoMerge)), strings.Join(d.Rows, " "))
		}
		for _, d := range c.in(area) {
			markdownType(&b, d)
		}
	}
	fmt.Fprintf(&b, "\n## Changes\n\n| version | change | type | field | note |\n|---|---|---|---|---|\n")
	for _, x := range c.changes {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", x.Version, x.Kind, x.Type, x.Field, cell(x.Note))
	}
	_, err := w.Write(b.Bytes())
	return err
}

var classWords = []struct {
	class Class
	words string
}{
	{Central, "common to all stores, edited on the primary"},
	{CentralStore, "about one store, edited at the centre or the primary"},
	{Store, "belongs to a store, edited where the store is active"},
	{Patient, "patients, prescribers and what hangs on them"},
	{Name, "hangs on a name, edited on the primary"},
	{Message, "made on any site, never edited"},
	{Local, "editable anywhere, synchronised nowhere"},
	{Sync, "the set-up of synchronisation, edited at the centre"},
}

var routeWords = []struct {
	route Route
	words string
}{
	{ToAll, "every site"},
	{ToDispensary, "sites with an active dispensary store"},
	{ToInstances, "every site with an instance of the store"},
	{ToStore, "where the store is active, and its collector copies"},
	{ToActive, "where the store is active"},
	{ToName, "sites with a store in which the name is visible"},
	{ToPatient, "sites with a store in which the patient or prescriber is visible"},
	{ToMessage, "where the receiving store is active; the centre when there is none"},
	{ToCentre, "the central server only"},
	{ToNobody, "nowhere"},
}

func markdownType(b *bytes.Buffer, d *Def) {
	fmt.Fprintf(b, "\n### %s\n\n%s.", d.Type, strings.TrimSuffix(d.Title, "."))
	if d.Note != "" {
		fmt.Fprintf(b, " %s", d.Note)
	}
	var parts []string
	for _, line := range summary(d) {
		switch line[0] {
		case "scope", "home", "partner", "label":
			parts = append(parts, line[0]+" `"+line[1]+"`")
		case "stock":
			parts = append(parts, line[1])
		case "mobile":
			parts = append(parts, "by mobile clients "+line[1])
		case "settled":
			parts = append(parts, "settled at `"+strings.ReplaceAll(line[1], ", ", "` or `")+"`")
		}
	}
	b.WriteString("\n")
	if len(parts) > 0 {
		fmt.Fprintf(b, "\n%s.\n", strings.ToUpper(parts[0][:1])+strings.Join(parts, ", ")[1:])
	}
	if len(d.Also) > 0 {
		b.WriteString("\n")
	}
	for _, x := range d.Also {
		fmt.Fprintf(b, "* Except `%s`: %s%s\n", x.Name, x.Note, effect(x))
	}
	fmt.Fprintf(b, "\n| field | kind | note |\n|---|---|---|\n")
	for _, f := range d.Fields {
		fmt.Fprintf(b, "| %s%s | %s | %s |\n", f.Name, marks(f), cell(markdownKind(f)), cell(f.Note))
	}
}

func markdownKind(f Field) string {
	if f.Kind == Enum {
		return "one of " + strings.Join(f.Values, ", ")
	}
	return strings.Replace(kindWords(f), "->", "→", 1)
}

// cell keeps a text from ending its cell of a table.
func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), "\n", " ") }

// anchor is what Markdown readers make of the type's heading.
func anchor(d *Def) string { return string(d.Type) }
