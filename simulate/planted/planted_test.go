package main

import (
	"go/parser"
	"go/token"
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
