package model

import (
	"flag"
	"fmt"
	"iter"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll/golden"
)

var deep = flag.Bool("deep", false, "search the larger bounds, too: minutes, and some gigabytes")

// How large bounds are.
const (
	small = iota // searched always
	usual        // not with -short
	large        // with -deep
)

// bounds are bounds that are searched to their end.
type bounds[B any] struct {
	size int
	of   B
}

var moveBounds = []bounds[MoveBounds]{
	{small, MoveBounds{Edits: 1, Moves: 1, Aborts: 1}},
	{small, MoveBounds{Edits: 2, Moves: 1, Aborts: 1}},
	{small, MoveBounds{Edits: 1, Moves: 1, Repeats: 1}},
	{small, MoveBounds{Edits: 1, Moves: 1, Lates: 1, Forces: 1}},
	{usual, MoveBounds{Edits: 1, Moves: 2, Forces: 1}},
	{large, MoveBounds{Edits: 2, Moves: 1, Lates: 1, Forces: 1}},
	{large, MoveBounds{Edits: 1, Moves: 1, Lates: 1, Repeats: 1, Forces: 1}},
	{large, MoveBounds{Edits: 1, Moves: 2, Aborts: 1, Forces: 1}},
}

var restoreBounds = []bounds[RestoreBounds]{
	{small, RestoreBounds{Edits: 1, OwnEdits: 2, HubRestores: 1}},
	{small, RestoreBounds{Edits: 2, OwnEdits: 1, HubRestores: 1}},
	{small, RestoreBounds{Edits: 2, Clones: 1}},
	{usual, RestoreBounds{Edits: 1, HubRestores: 1, SiteRestores: 1}},
	{large, RestoreBounds{Edits: 1, HubRestores: 1, SiteRestores: 1, Restarts: 1}},
	{large, RestoreBounds{Edits: 1, SiteRestores: 1, Clones: 1}},
	{large, RestoreBounds{Edits: 1, OwnEdits: 1, HubRestores: 1, SiteRestores: 1}},
	{large, RestoreBounds{Edits: 2, HubRestores: 1, SiteRestores: 1}},
}

var audienceBounds = []bounds[AudienceBounds]{
	{small, AudienceBounds{Changes: 1, Turns: 2, Returns: 1, Records: 2}},
	{small, AudienceBounds{Changes: 2, Turns: 2, Records: 1}},
	{usual, AudienceBounds{Changes: 2, Turns: 2, Returns: 1, Records: 2}},
	{large, AudienceBounds{Changes: 2, Turns: 3, Returns: 1, Records: 2}},
}

// The move of a store, exhaustively within the bounds (R-H-30 to R-H-37).
func TestR_H_30_Moves(t *testing.T) {
	holds(t, "moves", moveBounds, func(b MoveBounds) Report { return Explore(Moves(b, MoveFaults{}), 0) }, []string{
		"abort", "The move is called off.", "The sites are asked again", "The centre hears that site", "The late request",
		"The line is cut", "is lost, or the site crashes", "by force, without", "by force.", "A person decides", "there is no room yet",
	}[1:])
}

// Restores on either side, and clones (R-H-13, R-H-27, R-H-28, R-A-18).
func TestR_H_27_Restores(t *testing.T) {
	holds(t, "restores", restoreBounds, func(b RestoreBounds) Report { return Explore(Restores(b, RestoreFaults{}), 0) }, []string{
		"The centre is backed up.", "The centre's backup is put back.", "The site's machine is copied", "The copy edits",
		"The copy and the centre exchange.", "is initialised again.", "the answer is lost.", "after its Receipt.", "after its first record.",
	})
}

// Audiences gained and lost (R-C-12, R-C-13, R-C-20, R-A-10, R-L-05).
func TestR_C_12_Audiences(t *testing.T) {
	holds(t, "audiences", audienceBounds, func(b AudienceBounds) Report { return Explore(Audiences(b, AudienceFaults{}), 0) }, []string{
		"gets a collector copy", "collector copy of the store ends", "is changed", "is deleted", "is another store's", "and not addressed",
		"The true state", "the line is cut", "answered to its end",
	})
}

// holds searches the bounds that the run is for, and compares what it counts with the
// page. Each of the steps must have been taken.
func holds[B any](t *testing.T, page string, all []bounds[B], explore func(B) Report, steps []string) {
	t.Helper()
	did := map[string]int{}
	var rows []string
	for _, b := range all {
		if b.size == large && !*deep || b.size == usual && testing.Short() {
			continue
		}
		r := explore(b.of)
		if r.Story != nil {
			t.Fatalf("%s, with %+v, after %d states:\n%s", r.Model, b.of, r.States, r.Story)
		}
		row := fmt.Sprintf("| %s | %d | %d | %d | %d |", words(b.of), r.States, r.Steps, r.Depth, r.Rests)
		t.Log(row)
		rows = append(rows, row)
		for step, n := range r.Did {
			did[step] += n
		}
	}
	for _, step := range steps {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(did)), func(done string) bool { return strings.Contains(done, step) }) {
			t.Errorf("no search took the step %q", step)
		}
	}
	onPage(t, page, "bounds", rows)
}

// words are bounds as a page has them.
func words(bounds any) string {
	var out []string
	v := reflect.ValueOf(bounds)
	for i := range v.NumField() {
		if n := fmt.Sprint(v.Field(i).Interface()); n != "0" {
			out = append(out, v.Type().Field(i).Name+" "+n)
		}
	}
	return strings.Join(out, ", ")
}

// onPage compares rows of a table with the page of the model. With -update it puts
// them there: in place of the rows that begin alike, or at the end of the table.
func onPage(t *testing.T, page, table string, rows []string) {
	t.Helper()
	file := "../docs/model/" + page + ".md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mark := "<!-- " + table + " -->\n"
	text := string(b)
	at := strings.Index(text, mark)
	if at < 0 {
		t.Fatalf("%s has no table %q", file, table)
	}
	end := at + strings.Index(text[at:], "\n<!-- end -->")
	lines := strings.Split(text[at+len(mark):end], "\n")
	for _, row := range rows {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| "+first+" |") })
		switch {
		case !golden.Update() && (i < 0 || lines[i] != row):
			t.Errorf("%s does not have the row %q: write it with -update and read the difference", file, row)
		case i < 0:
			lines = append(lines, row)
		default:
			lines[i] = row
		}
	}
	if golden.Update() {
		text = text[:at+len(mark)] + strings.Join(lines, "\n") + text[end:]
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Each fault that is put into a model makes the search find a broken law: the models
// can fail.
func TestFaultsAreFound(t *testing.T) {
	faults(t, "moves", func(f MoveFaults) Report {
		return Explore(Moves(MoveBounds{Edits: 1, Moves: 2, Forces: 1, Aborts: 1}, f), 200_000)
	})
	faults(t, "audiences", func(f AudienceFaults) Report {
		return Explore(Audiences(AudienceBounds{Changes: 2, Turns: 2, Returns: 1, Records: 2}, f), 200_000)
	})
	faults(t, "restores", func(f RestoreFaults) (r Report) {
		for _, b := range []RestoreBounds{
			{Edits: 1, OwnEdits: 1, HubRestores: 1},
			{Edits: 1, Clones: 1},
			{Edits: 1, OwnEdits: 2, HubRestores: 1},
			{Edits: 2, HubRestores: 1, SiteRestores: 1},
		} {
			if r = Explore(Restores(b, f), 200_000); r.Story != nil {
				break
			}
		}
		return r
	})
}

// faults puts in each of the faults F alone, and compares the law that it breaks, and
// in how many steps, with the page.
func faults[F any](t *testing.T, page string, explore func(F) Report) {
	t.Helper()
	var rows []string
	for i := range reflect.TypeFor[F]().NumField() {
		var f F
		v := reflect.ValueOf(&f).Elem()
		v.Field(i).SetBool(true)
		name := v.Type().Field(i).Name
		r := explore(f)
		if r.Story == nil {
			t.Errorf("%s: the fault %s is not found in %d states", page, name, r.States)
			continue
		}
		t.Logf("%s, found after %d states\n%s", name, r.States, r.Story)
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %d | %d |", name, r.Story.Law, len(r.Story.Steps), r.States))
	}
	onPage(t, page, "faults", rows)
}

// A story is a shortest one, told in words, and the same each time.
func TestStory(t *testing.T) {
	count := Model[uint8]{
		Name: "count", Begin: []uint8{0},
		Next: func(s uint8) iter.Seq2[Act, uint8] {
			return func(yield func(Act, uint8) bool) {
				_ = yield(act("One more than %d.", s), s+1) && yield(act("Twice %d.", s), s*2)
			}
		},
		Always: []Law[uint8]{{"never ten", func(s uint8) string {
			if s == 10 {
				return "it is ten"
			}
			return ""
		}}},
	}
	want := "Broken: never ten\n  1. One more than 0.\n  2. One more than 1.\n  3. Twice 2.\n  4. One more than 4.\n  5. Twice 5.\nSo: it is ten\n"
	for range 2 {
		if r := Explore(count, 0); r.Story == nil || r.Story.String() != want {
			t.Errorf("%v", r.Story)
		}
	}
	count.Always = nil
	if r := Explore(count, 0); r.States != 256 || r.Story != nil || !r.Whole {
		t.Errorf("%d states, whole %t, want all 256", r.States, r.Whole)
	}
	if r := Explore(count, 100); r.States != 100 || r.Whole {
		t.Errorf("%d states, whole %t, want the first 100", r.States, r.Whole)
	}
	count.Peace = func(s uint8) uint8 { return s ^ 1 }
	if r := Explore(count, 0); r.Story == nil || r.Story.Law != "it ends" {
		t.Errorf("what swings for ever is said to rest: %v", r.Story)
	}
}
