package main

import (
	"fmt"
	"os"
	"strings"
)

// The table of all findings stands in a page between two lines, one row for each fault.
const (
	tableBegins = "<!-- planted faults: go run ./simulate/planted -write -->"
	tableEnds   = "<!-- end of planted faults -->"
	page        = "docs/simulation.md"
)

// row is a finding as the page has it.
func (f Finding) row() string {
	found := fmt.Sprintf("%d of %d", f.Found, f.Seeds)
	if !f.Named {
		found += ", **not found**"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", f.Fault, f.Title, found, f.laws())
}

// rewritten is the page with the rows of these findings. Rows of other faults stay, if
// there still are such.
func rewritten(text string, findings []Finding, faults []Fault) (string, error) {
	before, rest, begins := strings.Cut(text, tableBegins)
	old, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fmt.Errorf("%s has no lines %q and %q", page, tableBegins, tableEnds)
	}
	rows := map[string]string{}
	for line := range strings.Lines(old) {
		if name, ok := rowName(line); ok {
			rows[name] = strings.TrimSpace(line)
		}
	}
	for _, f := range findings {
		rows[f.Fault] = f.row()
	}
	var out strings.Builder
	out.WriteString(before + tableBegins + "\n\n| fault | what the code does then | stories that found it | laws that were broken (stories) |\n|---|---|---|---|\n")
	for _, f := range faults { // in order
		if row, ok := rows[f.Name]; ok {
			out.WriteString(row + "\n")
		}
	}
	out.WriteString("\n" + tableEnds + after)
	return out.String(), nil
}

// rowName is the fault that a line of the table is about.
func rowName(line string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(line, "| `")
	if !ok {
		return "", false
	}
	name, _, ok = strings.Cut(rest, "`")
	return name, ok
}

// write brings the page along with what was found.
func write(path string, findings ...Finding) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	all, err := Faults()
	if err != nil {
		return err
	}
	out, err := rewritten(string(text), findings, all)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(out), 0o644) //nolint:gosec // a page of the documentation
}
