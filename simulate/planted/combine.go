package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// chosen is the environment variable that names the fault which a program with many
// has in it.
const chosen = "ATOLL_PLANTED"

// Combine puts many faults into the tree at root at once: each function that one of
// them changes chooses, when it is called, the version of the fault that [chosen]
// names, or its own. One program then does for all. It returns the files that change or
// are new, and the faults that cannot be put in so, as they change more than what
// functions do, or do not fit.
func Combine(root string, faults []Fault) (files map[string][]byte, apart []Fault) {
	c := combined{root: root, files: map[string]*versions{}}
	for _, f := range faults {
		if ok, err := c.add(f); err != nil || !ok {
			apart = append(apart, f)
		}
	}
	files = map[string][]byte{}
	for name, v := range c.files {
		files[name] = v.write()
		files[path.Join(path.Dir(name), "planted_fault.go")] = fmt.Appendf(nil, "package %s\n\nimport \"os\"\n\nvar plantedFault = os.Getenv(%q)\n", v.file.Name.Name, chosen)
	}
	return files, apart
}

type combined struct {
	root  string
	files map[string]*versions
}

// versions are the functions of one file that faults change.
type versions struct {
	text  []byte
	file  *ast.File
	set   *token.FileSet
	other map[int][]version // by the place of the function among the declarations
}

// version is a function as a fault has it.
type version struct {
	number int
	fault  string
	text   string // the declaration, under a name of its own
}

// add takes a fault in; ok is false when it changes more than functions.
func (c *combined) add(f Fault) (ok bool, err error) {
	changed, err := f.Apply(c.root)
	if err != nil {
		return false, err
	}
	found := map[string]map[int]version{}
	for name, text := range changed {
		v, err := c.open(name)
		if err != nil {
			return false, err
		}
		if found[name], ok, err = v.differences(f.Name, text); err != nil || !ok {
			return false, err
		}
	}
	for name, at := range found {
		for i, ver := range at {
			c.files[name].other[i] = append(c.files[name].other[i], ver)
		}
	}
	return true, nil
}

func (c *combined) open(name string) (*versions, error) {
	v, known := c.files[name]
	if known {
		return v, nil
	}
	v = &versions{set: token.NewFileSet(), other: map[int][]version{}}
	var err error
	if v.text, err = os.ReadFile(filepath.Join(c.root, filepath.FromSlash(name))); err != nil {
		return nil, err
	}
	v.file, err = parser.ParseFile(v.set, name, v.text, parser.SkipObjectResolution)
	c.files[name] = v
	return v, err
}

// differences are the functions that are others in this text of the file; ok is false
// when anything else is.
func (v *versions) differences(fault string, text []byte) (_ map[int]version, ok bool, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, parser.SkipObjectResolution)
	if err != nil || len(file.Decls) != len(v.file.Decls) {
		return nil, false, err
	}
	out := map[int]version{}
	for i, d := range file.Decls {
		was, is := source(v.set, v.text, v.file.Decls[i]), source(set, text, d)
		if was == is {
			continue
		}
		fn, isFunc := d.(*ast.FuncDecl)
		if !isFunc || fn.Type.TypeParams != nil || fn.Name.Name == "init" {
			return nil, false, nil
		}
		before, wasFunc := v.file.Decls[i].(*ast.FuncDecl)
		if !wasFunc || head(v.set, v.text, before) != head(set, text, fn) {
			return nil, false, nil
		}
		n := len(v.other[i])
		out[i] = version{n, fault, renamed(set, text, fn, fmt.Sprintf("%sPlanted%d", fn.Name.Name, n))}
	}
	return out, true, nil
}

// write returns the file with all versions, and functions that choose among them.
func (v *versions) write() []byte {
	var out bytes.Buffer
	done := 0
	for i, d := range v.file.Decls {
		all := v.other[i]
		fn, ok := d.(*ast.FuncDecl)
		if !ok || len(all) == 0 {
			continue
		}
		from, to := v.set.Position(fn.Pos()).Offset, v.set.Position(fn.End()).Offset
		out.Write(v.text[done:from])
		done = to
		out.WriteString(v.choose(fn, all))
		out.WriteString("\n\n" + renamed(v.set, v.text, fn, fn.Name.Name+"Planted"))
		for _, o := range all {
			out.WriteString("\n\n" + o.text)
		}
	}
	out.Write(v.text[done:])
	return out.Bytes()
}

// choose is a function of the same name that calls one of the versions.
func (v *versions) choose(fn *ast.FuncDecl, all []version) string {
	text := func(n ast.Node) string { return source(v.set, v.text, n) }
	var params, args []string
	for _, p := range fn.Type.Params.List {
		for range max(1, len(p.Names)) {
			arg := fmt.Sprintf("p%d", len(args))
			params = append(params, arg+" "+text(p.Type))
			if _, many := p.Type.(*ast.Ellipsis); many {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	var out strings.Builder
	out.WriteString("func ")
	call, give := "", ""
	if fn.Recv != nil {
		fmt.Fprintf(&out, "(on %s) ", text(fn.Recv.List[0].Type))
		call = "on."
	}
	fmt.Fprintf(&out, "%s(%s)", fn.Name.Name, strings.Join(params, ", "))
	if r := fn.Type.Results; r != nil {
		fmt.Fprintf(&out, " %s", text(r))
		give = "return "
	}
	out.WriteString(" {\n\tswitch plantedFault {\n")
	with := "(" + strings.Join(args, ", ") + ")"
	for _, o := range all {
		fmt.Fprintf(&out, "\tcase %q:\n\t\t%s%s%sPlanted%d%s\n", o.fault, give, call, fn.Name.Name, o.number, with)
	}
	fmt.Fprintf(&out, "\tdefault:\n\t\t%s%s%sPlanted%s\n\t}\n}", give, call, fn.Name.Name, with)
	return out.String()
}

// source is the text of a node.
func source(set *token.FileSet, text []byte, n ast.Node) string {
	return string(text[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset])
}

// head is a function without its body.
func head(set *token.FileSet, text []byte, fn *ast.FuncDecl) string {
	return string(text[set.Position(fn.Pos()).Offset:set.Position(fn.Body.Pos()).Offset])
}

// renamed is a function under another name, without its comment.
func renamed(set *token.FileSet, text []byte, fn *ast.FuncDecl, name string) string {
	at := func(p token.Pos) int { return set.Position(p).Offset }
	return string(slices.Concat(text[at(fn.Type.Func):at(fn.Name.Pos())], []byte(name), text[at(fn.Name.End()):at(fn.End())]))
}
