package main

import (
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/atollsync/atoll/simulate/hunt"
)

// TestFaultsFitTheCode: the lines that a fault replaces stand in the code exactly
// once, and with it in them the files are still Go. Whoever changes the code here
// sees which fault to bring along.
func TestFaultsFitTheCode(t *testing.T) {
	all, err := Faults()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 25 {
		t.Errorf("there are %d faults; want 25 at least", len(all))
	}
	for _, f := range all {
		t.Run(f.Name, func(t *testing.T) {
			if _, err := f.Apply("../.."); err != nil {
				t.Error(err)
			}
			for _, law := range f.Laws {
				if !slices.ContainsFunc(hunt.Laws(), func(l hunt.Law) bool { return l.Name == law }) {
					t.Errorf("there is no law %q", law)
				}
			}
		})
	}
}

// TestTableIsWhole: the page tells of each fault that there is, and of none that is
// not; and all of them were found.
func TestTableIsWhole(t *testing.T) {
	all, err := Faults()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), tableBegins)
	table, _, _ := strings.Cut(rest, tableEnds)
	var rows []string
	for line := range strings.Lines(table) {
		name, ok := rowName(line)
		if !ok {
			continue
		}
		rows = append(rows, name)
		if strings.Contains(line, "not found") {
			t.Errorf("%s was not found", name)
		}
		if !slices.ContainsFunc(all, func(f Fault) bool { return f.Name == name && strings.Contains(line, f.Title) }) {
			t.Errorf("the table tells of %q, and no fault is so: go run ./simulate/planted -write -only %s", name, name)
		}
	}
	for _, f := range all {
		if !slices.Contains(rows, f.Name) {
			t.Errorf("the table does not tell of %s: go run ./simulate/planted -write -only %s", f.Name, f.Name)
		}
	}
}

func TestTableIsRewritten(t *testing.T) {
	faults := []Fault{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	before := "x\n" + tableBegins + "\n\n| `gone` | old |\n| `b` | old |\n| `c` | old |\n\n" + tableEnds + "\ny\n"
	got, err := rewritten(before, []Finding{
		{Fault: "a", Title: "It is so.", Found: 2, Seeds: 10, Named: true, Laws: map[string]int{"kept": 1, "equal": 2}},
		{Fault: "b", Title: "It is not.", Seeds: 20},
	}, faults)
	if err != nil {
		t.Fatal(err)
	}
	want := "x\n" + tableBegins + "\n\n| fault | what the code does then | stories that found it | laws that were broken (stories) |\n|---|---|---|---|\n" +
		"| `a` | It is so. | 2 of 10 | equal (2), kept (1) |\n| `b` | It is not. | 0 of 20, **not found** |  |\n| `c` | old |\n\n" + tableEnds + "\ny\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := rewritten("no table", nil, faults); err == nil {
		t.Error("a page without a table was taken")
	}
}

func TestParseRefusesWhatIsNoFault(t *testing.T) {
	good := "Title.\n\nStory.\n\nlaws: equal\n-- a.go before --\nx\n-- a.go after --\ny\n"
	if f, err := parse("good", []byte(good)); err != nil || f.Title != "Title." || f.Story != "Story." || f.Edits[0] != (Edit{"a.go", "x", "y"}) {
		t.Fatalf("%+v, %v", f, err)
	}
	if f, err := parse("dials", []byte("Title.\ndials: crash=20 cut-up=0\n"+good[len("Title.\n"):])); err != nil || f.Dials["crash"] != 20 || len(f.Dials) != 2 {
		t.Errorf("%+v, %v", f.Dials, err)
	}
	if f, err := parse("dials", []byte("Title.\ndials: weather=20\n"+good[len("Title.\n"):])); err == nil {
		t.Errorf("a dial that is not there was taken: %v", f.Dials)
	}
	if f, err := parse("work", []byte("Title.\nwork: new record, shipment\n"+good[len("Title.\n"):])); err != nil || !slices.Equal(f.Work, []string{"new record", "shipment"}) {
		t.Errorf("%+v, %v", f.Work, err)
	}
	if f, err := parse("work", []byte("Title.\nwork: idleness\n"+good[len("Title.\n"):])); err == nil {
		t.Errorf("work that is not there was taken: %v", f.Work)
	}
	for name, cut := range map[string]string{
		"no title": `(?s)^Title.*Story\.\n\n`, "no laws": `laws: equal`, "no after": `(?s)-- a.go after.*`, "another file": `a\.go after`, "no edits": `(?s)-- a.*`,
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := parse(name, []byte(regexp.MustCompile(cut).ReplaceAllString(good, ""))); err == nil {
				t.Errorf("it was taken for a fault: %+v", f)
			}
		})
	}
}

// TestManyInOneProgram: faults that change what functions do are in one program
// together, each under its name, and what comes out is Go.
func TestManyInOneProgram(t *testing.T) {
	all, err := Faults()
	if err != nil {
		t.Fatal(err)
	}
	files, apart := Combine("../..", all)
	if len(apart) > len(all)/5 {
		t.Errorf("%d of %d faults need a program of their own", len(apart), len(all))
	}
	var text strings.Builder
	for name, b := range files {
		if _, err := parser.ParseFile(token.NewFileSet(), name, b, parser.SkipObjectResolution); err != nil {
			t.Error(err)
		}
		text.Write(b)
	}
	for _, f := range all {
		alone := slices.ContainsFunc(apart, func(o Fault) bool { return o.Name == f.Name })
		if in := strings.Contains(text.String(), strconv.Quote(f.Name)+":"); in == alone {
			t.Errorf("%s: in the program of many: %t; needs one of its own: %t", f.Name, in, alone)
		}
	}
}
