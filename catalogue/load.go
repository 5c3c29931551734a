package catalogue

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/atollsync/atoll"
)

//go:embed data/*.yaml
var files embed.FS

// maxFile bounds one catalogue file, so that a wrong path cannot fill memory.
const maxFile = 1 << 20

// versionFile holds the version and the change list; it is no area.
const versionFile = "version.yaml"

// Catalogue is a checked set of record types. It never changes after loading, so
// any number of goroutines may use it. The declarations it hands out are shared:
// callers must not alter them.
type Catalogue struct {
	types   map[atoll.Type]*compiled
	ordered []*Def
	areas   []string
	version int
	changes []Change
	hash    string
}

// Problems are all faults found in catalogue files, in the order of the files.
// Each names its file and line as subject.
type Problems []*atoll.Error

// Error returns the problems, one on a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, e := range p {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems for errors.Is and errors.As.
func (p Problems) Unwrap() []error {
	out := make([]error, len(p))
	for i, e := range p {
		out[i] = e
	}
	return out
}

// Load reads the built-in types, and then an operator's own from the given file
// systems: every *.yaml at their top. An operator's types may refer to built-in
// ones but not redefine them. When anything is wrong, Load returns no catalogue
// and an error of code [atoll.Invalid] that wraps [Problems].
func Load(own ...fs.FS) (*Catalogue, error) { return LoadFrom(Builtin(), own...) }

// LoadFrom is Load with other files in place of the built-in ones, such as those of
// another version of the program (R-K-62).
func LoadFrom(builtin fs.FS, own ...fs.FS) (*Catalogue, error) { return load(builtin, own...) }

// Builtin returns the files of the built-in types.
func Builtin() fs.FS {
	builtin, err := fs.Sub(files, "data")
	if err != nil {
		panic(err) // the name is valid
	}
	return builtin
}

// WithDirectory is Load with the operator's directory. An empty name means that
// there is none; a directory that does not exist is an error.
func WithDirectory(dir string) (*Catalogue, error) {
	if dir == "" {
		return Load()
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return nil, atoll.Errorf(atoll.NotFound, "the directory of own record types cannot be read: %w", err).
			About(dir).Do("create it, or name another")
	}
	return Load(os.DirFS(dir))
}

var embedded = sync.OnceValue(func() *Catalogue {
	c, err := Load()
	if err != nil {
		// A test loads the same files, so a binary that reaches this was built
		// without its tests.
		panic(err)
	}
	return c
})

// Embedded returns the catalogue of the built-in types alone. It is loaded once.
func Embedded() *Catalogue { return embedded() }

func load(builtin fs.FS, own ...fs.FS) (*Catalogue, error) {
	r := &reader{}
	history := r.history(builtin)
	r.directory(builtin, false)
	for _, fsys := range own {
		r.directory(fsys, true)
	}
	c := &Catalogue{types: map[atoll.Type]*compiled{}, version: history.version, changes: history.changes}
	var defs []*Def
	sources := map[atoll.Type]*declaration{}
	for _, d := range r.declarations {
		if first, twice := sources[d.def.Type]; twice {
			err := atoll.Errorf(atoll.Exists, "type %s is declared already in %s", d.def.Type, first.place("")).
				Do("give it another name")
			if d.def.Own && !first.def.Own {
				err.Hint = "built-in types cannot be redefined; declare a type of another name that refers to it"
			}
			r.add(err.About(d.place("")))
			continue
		}
		sources[d.def.Type] = d
		defs = append(defs, d.def)
		if !slices.Contains(c.areas, d.def.Area) {
			c.areas = append(c.areas, d.def.Area)
		}
	}
	v := &verifier{sources: sources, version: history.version}
	for _, d := range defs {
		v.verify(sources[d.Type])
	}
	v.history(history, defs)
	r.problems = append(r.problems, v.problems...)
	if len(r.problems) > 0 {
		return nil, refusal(r.problems)
	}
	c.ordered = inOrder(defs)
	for i, d := range c.ordered {
		c.types[d.Type] = compile(d, i)
	}
	slices.Sort(c.areas)
	c.hash = digest(c.ordered)
	return c, nil
}

func refusal(p Problems) error {
	slices.SortStableFunc(p, func(a, b *atoll.Error) int { return comparePlaces(a.Subject, b.Subject) })
	e := atoll.Errorf(atoll.Invalid, "the record types cannot be used; problems: %d\n%w", len(p), p)
	e.Hint = "correct the files named above"
	return e
}

// directory reads every catalogue file at the top of fsys, in name order.
func (r *reader) directory(fsys fs.FS, own bool) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		r.add(atoll.Errorf(atoll.Internal, "the files of record types cannot be listed: %w", err).About("."))
		return
	}
	if !own && len(names) == 0 {
		r.add(atoll.Errorf(atoll.NotFound, "there are no record types").About(".").Do("add a file such as items.yaml"))
	}
	for _, name := range names {
		area := strings.TrimSuffix(path.Base(name), ".yaml")
		switch {
		case name == versionFile && !own:
			continue
		case !isName(area) || name == versionFile:
			r.add(atoll.Errorf(atoll.Invalid, "%q cannot be the name of an area", area).About(name).
				Do("rename the file: lower-case letters, digits and _, a letter first"))
			continue
		}
		if b, ok := r.contents(fsys, name); ok {
			r.file(name, area, b, own)
		}
	}
}

func (r *reader) contents(fsys fs.FS, name string) ([]byte, bool) {
	b, err := fs.ReadFile(fsys, name)
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it has %d bytes; the limit is %d", len(b), maxFile)
	}
	if err != nil {
		r.add(atoll.Errorf(atoll.Invalid, "the file cannot be read: %w", err).About(name).Do("check the file and its rights"))
		return nil, false
	}
	return b, true
}
