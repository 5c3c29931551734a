package catalogue

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// WriteTable writes one line for each type of the areas, or of all areas when
// none is named: who edits it, where it goes, what happens when it is deleted or
// merged. Its lines stay within 100 columns.
func (c *Catalogue) WriteTable(w io.Writer, areas ...string) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TYPE\tAREA\tCLASS\tEDITOR\tROUTE\tDELETION\tMERGE")
	for _, area := range c.areas {
		if len(areas) > 0 && !slices.Contains(areas, area) {
			continue
		}
		for _, d := range c.in(area) {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
				d.Type, d.Area, d.Class, editors(d), d.Route, d.Deletion, dash(string(d.Merge), string(NoMerge)))
		}
	}
	// The writer underneath is a buffer and cannot fail.
	_ = t.Flush()
	_, err := w.Write(b.Bytes())
	return err
}

// in returns the types of an area in the order of its file's types by reference.
func (c *Catalogue) in(area string) []*Def {
	var out []*Def
	for _, d := range c.ordered {
		if d.Area == area {
			out = append(out, d)
		}
	}
	return out
}

func editors(d *Def) string {
	if d.Mirrored != d.Editor {
		return string(d.Editor) + "/" + string(d.Mirrored)
	}
	return string(d.Editor)
}

func dash(s, nothing string) string {
	if s == nothing || s == "" {
		return "-"
	}
	return s
}

// WriteType writes all that is declared of one type, to be read in a terminal of
// 100 columns.
func WriteType(w io.Writer, d *Def) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n\n", d.Type, d.Title)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range summary(d) {
		fmt.Fprintf(t, "  %s\t%s\n", line[0], line[1])
	}
	_ = t.Flush()
	for _, x := range d.Also {
		fmt.Fprintf(&b, "  except: %s\n", x.Name)
		wrap(&b, "    ", x.Note+effect(x))
	}
	if d.Note != "" {
		b.WriteByte('\n')
		wrap(&b, "  ", d.Note)
	}
	fmt.Fprintf(&b, "\n  Fields (! must be there, = never changes, # lists may filter by it)\n")
	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	var long []Field
	kinds := make([]string, len(d.Fields))
	wide := 0 // the columns before the note
	for i, f := range d.Fields {
		kinds[i] = kindWords(f)
		if f.Kind == Enum && len(kinds[i]) > 30 {
			// Long lists of values would push every line over the edge.
			long = append(long, f)
			kinds[i] = fmt.Sprintf("enum of %d, below", len(f.Values))
		}
	}
	for _, f := range d.Fields {
		wide = max(wide, 4+len(f.Name+marks(f))+2+maxLength(kinds)+2)
	}
	for i, f := range d.Fields {
		fmt.Fprintf(t, "    %s\t%s\t%s\n", f.Name+marks(f), kinds[i], shortenRunes(f.Note, 100-wide))
	}
	_ = t.Flush()
	for _, f := range long {
		fmt.Fprintf(&b, "\n  %s is one of\n", f.Name)
		wrap(&b, "    ", strings.Join(f.Values, ", "))
	}
	_, err := w.Write(trimLines(b.Bytes()))
	return err
}

// summary are the properties of a type that differ from nothing, with their
// names.
func summary(d *Def) [][2]string {
	out := [][2]string{
		{"area", d.Area},
		{"class", string(d.Class)},
		{"edited by", string(d.Editor)},
	}
	add := func(name, value string) {
		if value != "" {
			out = append(out, [2]string{name, value})
		}
	}
	if d.Mirrored != d.Editor {
		add("mirrored", string(d.Mirrored))
	}
	add("goes to", string(d.Route))
	add("scope", d.Scope)
	add("home", d.Home)
	add("partner", d.Partner)
	if d.Stock {
		add("stock", "affects stock")
	}
	add("mobile", mobileWords(d.Mobile))
	add("settled", strings.Join(d.Settled, ", "))
	add("deletion", string(d.Deletion))
	if d.Merge != NoMerge {
		add("merged by", string(d.Merge))
	}
	add("label", d.Label)
	add("rows", strings.Join(d.Rows, " "))
	if d.Own {
		add("declared by", "the operator")
	}
	return out
}

// mobileWords says what mobile clients may send of a type, "" if nothing.
func mobileWords(m *Mobile) string {
	if m == nil {
		return ""
	}
	s := "sent as " + m.Name
	if m.Only == OnlyOwnStore {
		s += ", of the client's own store only"
	}
	if m.Note != "" {
		s += "; " + m.Note
	}
	return s
}

func effect(x Exception) string {
	var parts []string
	if x.Class != "" {
		parts = append(parts, "class "+string(x.Class))
	}
	if x.Editor != "" {
		parts = append(parts, "edited by "+string(x.Editor))
	}
	if x.Route != "" {
		also := ""
		if x.Adds {
			also = "also "
		}
		parts = append(parts, also+"goes to "+string(x.Route))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (Then: " + strings.Join(parts, ", ") + ".)"
}

func marks(f Field) string {
	s := ""
	for _, m := range []struct {
		on   bool
		mark string
	}{{f.Required, "!"}, {f.Fixed, "="}, {f.Index, "#"}} {
		if m.on {
			s += m.mark
		}
	}
	return s
}

func kindWords(f Field) string {
	s := string(f.Kind)
	switch {
	case f.Kind == Reference && f.Parent:
		s = "part of " + string(f.To)
	case f.Kind == Reference:
		s = "-> " + string(f.To)
	case f.Kind == Enum:
		s = strings.Join(f.Values, " | ")
	case f.Max > 0:
		s += fmt.Sprintf(" (%d)", f.Max)
	}
	if f.Secret {
		s += ", secret"
	}
	return s
}

func maxLength(words []string) int {
	n := 0
	for _, w := range words {
		n = max(n, len(w))
	}
	return n
}

// wrap writes text in lines of at most 96 columns, each after the indent.
func wrap(b *bytes.Buffer, indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > 96 && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}

func shortenRunes(s string, n int) string {
	if n = max(n, 1); utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// trimLines removes the blanks that columns leave at the ends of lines.
func trimLines(b []byte) []byte {
	lines := bytes.Split(b, []byte{'\n'})
	for i, l := range lines {
		lines[i] = bytes.TrimRight(l, " ")
	}
	return bytes.Join(lines, []byte{'\n'})
}
