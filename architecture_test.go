package atoll_test

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/atollsync/atoll"

// A room is one package of this module and the others it may import.
type room struct {
	name string // its directory; "atoll" is the root
	may  string // the rooms it may import, separated by spaces
}

// rooms is the plan of the house. A room may import only rooms above its own
// line, and of those only the ones it names: arrows point one way. To add a
// package, add its line here, below everything it stands on, and its row in
// docs/architecture.md.
var rooms = []room{
	// The vocabulary.
	{"atoll", ""},
	{"golden", ""},

	// Rules: values in, values out.
	{"catalogue", "atoll"},
	{"topology", "atoll"},
	{"authority", "atoll catalogue topology"},
	{"route", "atoll catalogue topology"},
	{"admit", "atoll catalogue topology authority"},
	{"plan", "topology"},

	// What is stored, and what is said.
	{"digest", "atoll"},
	{"storage", "atoll digest"},
	{"storage/sqlite", "atoll digest storage"},
	{"storage/memory", "atoll digest storage"},
	{"storage/storagetest", "atoll digest storage"},
	{"exchange", "atoll"},
	{"support", "atoll"},
	{"notify", "atoll storage"},
	{"notify/notifytest", ""}, // a mail server for tests
	{"survivor", "atoll catalogue storage"},

	// The stages, in the order in which a change meets them.
	{"journal", "atoll catalogue topology authority route admit digest storage survivor"},
	{"integrate", "atoll catalogue exchange storage journal"},
	{"documents", "atoll catalogue topology admit storage survivor journal"},
	{"process", "atoll catalogue topology admit storage survivor journal"},
	{"handover", "atoll catalogue topology authority route admit storage digest journal process"},
	{"merge", "atoll catalogue topology authority admit storage survivor journal process"},
	{"patients", "atoll catalogue topology authority admit storage survivor journal documents process"},
	{"rights", "atoll catalogue topology authority admit storage journal process"},
	{"transfer", "atoll catalogue topology admit storage survivor journal integrate documents process"},
	{"report", "atoll catalogue topology storage survivor journal documents transfer"},

	{"verify", "atoll catalogue topology digest storage journal documents"},

	// The engines. Central and site never see each other.
	{"station", "atoll catalogue topology authority admit digest storage exchange survivor journal documents process merge patients rights handover transfer report verify"},
	{"central", "atoll catalogue topology authority route admit digest storage survivor exchange journal integrate documents process patients rights handover plan transfer verify"},
	{"site", "atoll catalogue topology authority route digest storage survivor exchange journal integrate documents process handover transfer verify"},

	// The hard protocols, searched exhaustively.
	{"model", "atoll catalogue topology authority route admit storage digest exchange journal integrate handover central"},

	// The edges: the network, other systems, people.
	{"wire", "atoll exchange"},
	{"discovery", "atoll"},
	{"gateway/msupply", "atoll catalogue topology admit storage journal"},
	{"signin", "atoll station"},
	{"api", "atoll catalogue topology authority admit storage exchange journal integrate documents process merge patients rights handover plan transfer report station central site signin verify notify"},
	{"console", "atoll catalogue topology authority admit storage survivor exchange journal integrate documents process merge patients rights handover plan transfer report station central site signin support notify"},

	{"backup", "atoll"},

	// Where everything is put together.
	{"host", everything},
	{"simulate", everything},
	{"simulate/access", everything},
	{"simulate/hunt", everything},
	{"demo", everything},
	{"bench", everything},
	{"cmd/atoll", everything},
	{"simulate/planted", "simulate/hunt"}, // a command beside it: faults put in on purpose
	{"acceptance", everything},            // tests only: the built program, from outside
}

// everything stands for all rooms above.
const everything = "*"

// kept lists imports that only some rooms may have: what a room is for, it does
// itself, and the others go through it.
var kept = map[string]string{
	"database/sql":                         "storage/sqlite bench",
	"modernc.org/sqlite":                   "storage/sqlite bench",
	"github.com/tidwall/btree":             "storage/memory",
	"net/http":                             "wire signin api console host simulate simulate/hunt demo bench cmd/atoll",
	"crypto/tls":                           "wire notify notify/notifytest host cmd/atoll",
	"github.com/klauspost/compress":        "wire api backup bench",
	"github.com/goccy/go-yaml":             "catalogue console cmd/atoll",
	"github.com/cockroachdb/apd":           "catalogue documents gateway/msupply simulate demo",
	"filippo.io/age":                       "host",
	"github.com/alexedwards/argon2id":      "station central",
	"github.com/alecthomas/kong":           "cmd/atoll",
	"github.com/danielgtaylor/huma":        "api",
	"github.com/xuri/excelize":             "report",
	"github.com/cheggaaa/pb":               "cmd/atoll",
	"testing":                              "storage/storagetest golden simulate/access notify/notifytest",
	"log":                                  "",
	"math/rand":                            "",
	"unsafe":                               "",
	"github.com/atollsync/atoll/simulate":  "simulate/access simulate/hunt simulate/planted demo cmd/atoll",
	"github.com/atollsync/atoll/cmd/atoll": "",
}

// exactly lists imports of kept whose subdirectories are other packages.
var exactly = []string{"log", "testing", "math/rand", "net/http"}

const (
	maxLines = 600 // of one Go file
	maxShare = 4   // one package holds less than one maxShare-th of the code
)

// source is one Go file.
type source struct {
	path, room, name string
	test             bool
	file             *ast.File
	lines, code      int
}

var sources = sync.OnceValues(func() ([]source, error) {
	var out []source
	set := token.NewFileSet()
	err := walk(func(p string) error {
		if !strings.HasSuffix(p, ".go") || strings.Contains(p, "testdata/") || strings.HasPrefix(p, "tools/") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(set, p, b, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(p)
		if dir == "." {
			dir = "atoll"
		}
		out = append(out, source{
			path: p, room: dir, name: f.Name.Name, test: strings.HasSuffix(p, "_test.go"),
			file: f, lines: strings.Count(string(b), "\n"), code: codeLines(b),
		})
		return nil
	})
	return out, err
})

// walk calls fn for every file of the checkout, by its path with slashes.
func walk(fn func(p string) error) error {
	return filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		p = filepath.ToSlash(p)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (p == ".git" || p == "bin" || p == "data" || p == "demo-data"):
			return fs.SkipDir
		case d.Type().IsRegular():
			return fn(p)
		}
		return nil
	})
}

// codeLines returns the number of lines that hold more than comments.
func codeLines(b []byte) int {
	var s scanner.Scanner
	set := token.NewFileSet()
	f := set.AddFile("", -1, len(b))
	s.Init(f, b, nil, 0)
	lines := map[int]bool{}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return len(lines)
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue
		}
		for i := range strings.Count(lit, "\n") + 1 { // a raw string has several
			lines[f.Line(pos)+i] = true
		}
	}
}

func load(t *testing.T) []source {
	t.Helper()
	s, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	if len(s) < 50 {
		t.Fatalf("%d Go files found: the test looks in the wrong place", len(s))
	}
	return s
}

// imports returns the paths a file imports.
func imports(f *ast.File) []string {
	var out []string
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

// roomOf returns the room an import path of this module names.
func roomOf(imp string) (string, bool) {
	if imp == module {
		return "atoll", true
	}
	return strings.CutPrefix(imp, module+"/")
}

// The exchange, its schedule and its logs are rooms of their own, and what knows
// documents knows nothing of transport; no room reaches another site's database.
//
// R-K-05, R-K-66.
func TestImportsPointDown(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, r := range rooms {
		if !strings.Contains(string(page), "\n| `"+r.name+"` ") {
			t.Errorf("%s has no row in docs/architecture.md", r.name)
		}
		if _, err := os.Stat(r.name); err != nil && r.name != "atoll" {
			t.Errorf("%s stands in the table and is not there", r.name)
		}
		if _, twice := place[r.name]; twice {
			t.Errorf("%s has two lines in the table", r.name)
		}
		for _, m := range strings.Fields(r.may) {
			if _, above := place[m]; !above && m != everything {
				t.Errorf("the table lets %s import %s, which does not stand above it", r.name, m)
			}
		}
		place[r.name] = i
	}
	for _, s := range load(t) {
		at, known := place[s.room]
		if !known {
			t.Errorf("%s: package %s is not in the table: add its line to rooms in architecture_test.go, below all it stands on, "+
				"and its row to docs/architecture.md", s.path, s.room)
			continue
		}
		if s.test {
			continue
		}
		may := strings.Fields(rooms[at].may)
		for _, imp := range imports(s.file) {
			to, ours := roomOf(imp)
			if !ours {
				continue
			}
			if there, known := place[to]; known && slices.Contains(may, everything) && there < at {
				continue
			}
			if !slices.Contains(may, to) {
				t.Errorf("%s imports %s; %s may import: %s. If the new arrow is right, draw it in architecture_test.go and docs/architecture.md",
					s.path, to, s.room, rooms[at].may)
			}
		}
	}
}

func TestKeptImports(t *testing.T) {
	for _, s := range load(t) {
		for _, imp := range imports(s.file) {
			for p, where := range kept {
				if imp != p && (slices.Contains(exactly, p) || !strings.HasPrefix(imp, p+"/")) {
					continue
				}
				if !s.test && !slices.Contains(strings.Fields(where), s.room) {
					t.Errorf("%s imports %s, which is kept to: %s", s.path, imp, orNobody(where))
				}
			}
		}
	}
}

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}

func TestPackageComments(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range load(t) {
		if s.test {
			continue
		}
		comments[s.room] = append(comments[s.room], "")
		if s.file.Doc == nil {
			continue
		}
		comments[s.room][0] += " " + s.path
		begin := "Package " + s.name + " "
		if s.name == "main" {
			begin = "Command " + path.Base(s.room) + " "
		}
		if !strings.HasPrefix(s.file.Doc.Text(), begin) {
			t.Errorf("%s: the package comment does not begin with %q", s.path, begin)
		}
	}
	for r, c := range comments {
		if n := len(strings.Fields(c[0])); n != 1 {
			t.Errorf("%s has %d package comments, want one:%s", r, n, c[0])
		}
	}
}

func TestPackageNames(t *testing.T) {
	for _, s := range load(t) {
		for part := range strings.SplitSeq(s.room, "/") {
			switch part {
			case "util", "utils", "common", "internal", "helper", "helpers", "types", "misc", "base", "pkg", "lib":
				t.Errorf("%s: the name %q does not say what is in there", s.path, part)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	code, all := map[string]int{}, 0
	for _, s := range load(t) {
		if s.lines > maxLines {
			t.Errorf("%s has %d lines; the limit is %d", s.path, s.lines, maxLines)
		}
		if !s.test {
			code[s.room] += s.code
			all += s.code
		}
	}
	for r, n := range code {
		if n*maxShare >= all {
			t.Errorf("%s holds %d of %d lines of code; one package shall hold less than a quarter", r, n, all)
		}
	}
	largest := slices.MaxFunc(slices.Collect(maps.Keys(code)), func(a, b string) int { return code[a] - code[b] })
	t.Logf("%d lines of code in %d packages; the largest is %s with %d", all, len(code), largest, code[largest])
}

// The one door: records and journals are written by package journal alone
// (R-A-13). Where a journal begins is also told by what sets a database up.
func TestOneDoor(t *testing.T) {
	door := map[string]string{
		"Put":     "journal",
		"Forget":  "journal",
		"Append":  "journal",
		"SetBase": "journal site host simulate",
	}
	tampers := []string{"demo/tamper.go", "simulate/hunt/fault_poison.go"} // play a tampered program, on purpose
	knows := map[string]bool{}                                             // rooms that know the contract; without it there is no transaction to call
	for _, s := range load(t) {
		knows[s.room] = knows[s.room] || !s.test && slices.Contains(imports(s.file), module+"/storage")
	}
	calls := 0
	for _, s := range load(t) {
		if s.test || slices.Contains(tampers, s.path) || !knows[s.room] || strings.HasPrefix(s.room, "storage/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			where, guarded := door[sel.Sel.Name]
			if x, ok := sel.X.(*ast.Ident); !guarded || ok && importsAs(s.file, x.Name) {
				return true
			}
			calls++
			if !slices.Contains(strings.Fields(where), s.room) {
				t.Errorf("%s calls the method %s of a transaction; only %s may: write records through journal.Door",
					s.path, sel.Sel.Name, strings.Join(strings.Fields(where), ", "))
			}
			return true
		})
	}
	if calls < 4 {
		t.Errorf("%d calls of the door's methods found: the test looks for the wrong names", calls)
	}
}

// importsAs reports whether the file imports a package under the name.
func importsAs(f *ast.File, name string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
		p, _ := strconv.Unquote(i.Path.Value)
		return i.Name != nil && i.Name.Name == name || i.Name == nil && path.Base(p) == name
	})
}

var (
	requireLine   = regexp.MustCompile(`(?m)^(?:require)?\s+([a-z][\w.-]*\.[\w./~-]+) v\S+( // indirect)?`)
	dependencyRow = regexp.MustCompile("(?m)^\\| `([^`]+)`")
)

// Every module that our files import has its row in docs/dependencies.md, and
// every row its module.
func TestDependenciesAreListed(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var required, marked []string
	for _, m := range requireLine.FindAllSubmatch(mod, -1) {
		required = append(required, string(m[1]))
		if len(m[2]) == 0 {
			marked = append(marked, string(m[1]))
		}
	}
	direct := map[string]string{} // module → a file that imports it
	for _, s := range load(t) {
		for _, imp := range imports(s.file) {
			best := ""
			for _, m := range required {
				if (imp == m || strings.HasPrefix(imp, m+"/")) && len(m) > len(best) {
					best = m
				}
			}
			if best != "" {
				direct[best] = s.path
			}
		}
	}
	slices.Sort(marked)
	if want := slices.Sorted(maps.Keys(direct)); len(marked) > 0 && !slices.Equal(marked, want) {
		t.Errorf("go.mod has as direct modules\n%s\nour files import\n%s", strings.Join(marked, "\n"), strings.Join(want, "\n"))
	}
	page, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range dependencyRow.FindAllSubmatch(page, -1) {
		listed[string(m[1])] = true
		if direct[string(m[1])] == "" {
			t.Errorf("docs/dependencies.md lists %s, which no file imports", m[1])
		}
	}
	for m, by := range direct {
		if !listed[m] {
			t.Errorf("%s imports %s, which has no row in docs/dependencies.md: what is it for, why this one, what would we write otherwise?", by, m)
		}
	}
	if len(direct) < 5 || len(direct) > 25 {
		t.Errorf("%d direct modules; between 5 and 25 were expected", len(direct))
	}
}

// nowhere lists words that no file of this repository holds, in two halves each,
// so that this one does not: paths of somebody's machine, and hosts of registries,
// which belong in nobody's build.
var nowhere = [][2]string{
	{"/work/", "main"},
	{"/work/", "shared"},
	{"/ro", "ot/"},
	{"/ho", "me/"},
	{"/tmp/", "bash"},
	{"C:\\", "Users"},
	{"proxy.gol", "ang.org"},
	{"sum.gol", "ang.org"},
	{"registry.np", "mjs"},
	{"py", "pi.org"},
	{"crates", ".io"},
	{"deb.deb", "ian.org"},
	{"house-", "style"},
	{"behaviour", ".md"},
}

func TestWordsThatBelongNowhere(t *testing.T) {
	err := walk(func(p string) error {
		b, err := os.ReadFile(p)
		if err != nil || slices.Contains(b[:min(len(b), 8000)], 0) || path.Base(p) == "go.sum" {
			return err
		}
		for i, line := range strings.Split(string(b), "\n") {
			for _, w := range nowhere {
				if strings.Contains(line, w[0]+w[1]) {
					t.Errorf("%s:%d holds %q", p, i+1, w[0]+w[1])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
