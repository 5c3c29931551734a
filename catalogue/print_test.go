package catalogue

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/atollsync/atoll/golden"
)

func TestMarkdownIsCurrent(t *testing.T) {
	var b bytes.Buffer
	if err := Embedded().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "../docs/catalogue.md", b.String())
}

func TestWordsForEveryClassAndRoute(t *testing.T) {
	if len(classWords) != len(Classes) || len(routeWords) != len(Routes) {
		t.Errorf("%d classes and %d routes are explained; there are %d and %d", len(classWords), len(routeWords), len(Classes), len(Routes))
	}
	for i, c := range Classes {
		if classWords[i].class != c {
			t.Errorf("class %s is explained as %s", c, classWords[i].class)
		}
	}
	for i, r := range Routes {
		if routeWords[i].route != r {
			t.Errorf("route %s is explained as %s", r, routeWords[i].route)
		}
	}
}

func TestTerminalOutputFits(t *testing.T) {
	c := Embedded()
	var table bytes.Buffer
	if err := c.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	narrow(t, "the table", table.String())
	for _, d := range c.Types() {
		var b bytes.Buffer
		if err := WriteType(&b, d); err != nil {
			t.Fatal(err)
		}
		narrow(t, string(d.Type), b.String())
	}
	table.Reset()
	if err := c.WriteTable(&table, "sites"); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/table.golden", table.String())
	var b bytes.Buffer
	d, _ := c.Lookup("prescription")
	if err := WriteType(&b, d); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/prescription.golden", b.String())
}

func narrow(t *testing.T, what, s string) {
	t.Helper()
	for _, line := range strings.Split(s, "\n") {
		if utf8.RuneCountInString(line) > 100 || strings.HasSuffix(line, " ") {
			t.Errorf("%s: %q has %d columns, or blanks at its end", what, line, utf8.RuneCountInString(line))
		}
	}
}
