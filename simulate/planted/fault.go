// Command planted shows that the simulator finds what it is meant to find: it
// puts one fault after the other into the code on purpose, builds the program with
// it, and counts in how many seeds a law was broken, and which.
//
//	go run ./simulate/planted [-seeds N] [-seed S] [-all] [-only NAME,...] [-json] [-write]
//
// Each fault is a file in faults/: what it is and who it would hurt in words, then
// the lines of the code as they are and as the fault has them. Nothing in the tree
// is changed: the compiler is handed an overlay.
package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/atollsync/atoll/simulate/hunt"
)

//go:embed faults/*.txtar
var files embed.FS

// Fault is one fault to put into the code.
type Fault struct {
	Name  string   // of its file
	Title string   // what the code does then, in one sentence
	Story string   // who would be hurt, and how
	Laws  []string // those that may find it; one is enough
	// Dials are those of the faults that must strike for it to show, where they are
	// not the usual ones.
	Dials map[string]int
	// Work are the kinds of work of stories in which it shows, where the usual ones
	// have too little of it.
	Work  []string
	Edits []Edit
}

// Edit replaces lines that stand exactly once in a file.
type Edit struct {
	File          string // below the repository's root
	Before, After string
}

// Faults returns all faults, sorted by name.
func Faults() ([]Fault, error) {
	names, err := files.ReadDir("faults")
	if err != nil {
		return nil, err
	}
	var out []Fault
	for _, n := range names {
		b, err := files.ReadFile(path.Join("faults", n.Name()))
		if err != nil {
			return nil, err
		}
		f, err := parse(strings.TrimSuffix(n.Name(), ".txtar"), b)
		if err != nil {
			return nil, fmt.Errorf("faults/%s: %w", n.Name(), err)
		}
		out = append(out, f)
	}
	return out, nil
}

// parse reads one fault. The comment of the archive is: the title, an empty line,
// the story, and lines "laws: …", "dials: fault=percent …" and "work: kind, kind, …". Then
// come, for each edit, the files "FILE before" and "FILE after".
func parse(name string, b []byte) (Fault, error) {
	a := txtar.Parse(b)
	f := Fault{Name: name}
	var story []string
	for i, line := range strings.Split(strings.TrimSpace(string(a.Comment)), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case i == 0:
			f.Title = line
		case key == "laws":
			f.Laws = strings.Fields(value)
		case key == "dials":
			var err error
			if f.Dials, err = dials(value); err != nil {
				return f, err
			}
		case key == "work":
			var err error
			if f.Work, err = work(value); err != nil {
				return f, err
			}
		case line != "":
			story = append(story, line)
		}
	}
	f.Story = strings.Join(story, " ")
	if f.Title == "" || len(f.Laws) == 0 || len(a.Files) == 0 || len(a.Files)%2 != 0 {
		return f, errors.New("want a title, laws, and pairs of files: \"FILE before\", \"FILE after\"")
	}
	for i := 0; i < len(a.Files); i += 2 {
		file, ok := strings.CutSuffix(a.Files[i].Name, " before")
		if !ok || a.Files[i+1].Name != file+" after" {
			return f, fmt.Errorf("%q and %q are no pair", a.Files[i].Name, a.Files[i+1].Name)
		}
		f.Edits = append(f.Edits, Edit{file, text(a.Files[i].Data), text(a.Files[i+1].Data)})
	}
	return f, nil
}

// dials reads "fault=percent …".
func dials(line string) (map[string]int, error) {
	out := map[string]int{}
	for _, word := range strings.Fields(line) {
		name, percent, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(percent)
		if err != nil || !slices.ContainsFunc(hunt.Faults(), func(f hunt.Fault) bool { return f.Name == name }) {
			return nil, fmt.Errorf("%q is no dial", word)
		}
		out[name] = n
	}
	return out, nil
}

// work reads "kind, kind, …".
func work(line string) ([]string, error) {
	kinds := strings.Split(line, ", ")
	for _, kind := range kinds {
		if !slices.ContainsFunc(hunt.Works(), func(w hunt.Work) bool { return w.Name == kind }) {
			return nil, fmt.Errorf("%q is no kind of work", kind)
		}
	}
	return kinds, nil
}

// settings are those of the stories that are played with the fault.
func (f Fault) settings() hunt.Settings { return hunt.Settings{Dials: f.Dials, Work: f.Work} }

// text is the data without its last line end, so that it may end within a line.
func text(data []byte) string { return strings.TrimSuffix(string(data), "\n") }

// Apply returns the files of the tree at root that the fault changes, with it in
// them. It fails when the lines do not stand there exactly once, as after the code
// was changed, and when what comes out is no Go.
func (f Fault) Apply(root string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, e := range f.Edits {
		text, done := out[e.File]
		if !done {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File))); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(text, []byte(e.Before)); n != 1 {
			return nil, fmt.Errorf("the lines stand %d times in %s, not once:\n%s", n, e.File, e.Before)
		}
		out[e.File] = bytes.Replace(text, []byte(e.Before), []byte(e.After), 1)
	}
	for name, text := range out {
		if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pick returns the faults with these names; all when there are none.
func pick(all []Fault, names []string) ([]Fault, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []Fault
	for _, name := range names {
		i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no fault %q", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}
