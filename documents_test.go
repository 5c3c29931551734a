package atoll_test

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mdLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdSymbol = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*)(?:\\.([A-Z]\\w*))?(?:\\(\\))?`")
	mdPath   = regexp.MustCompile("`((?:[\\w-]+/)*[\\w.-]+\\.(?:go|md|sql|yaml)|(?:[\\w-]+/)+)`")
	mdLine   = regexp.MustCompile(`\.go:\d`)
)

// What the documents name is there: files, links, and symbols of our packages.
func TestDocumentsNameWhatExists(t *testing.T) {
	symbols := map[string]map[string]bool{} // package → exported names, also "Type.Name"
	for _, s := range load(t) {
		if !s.test {
			if symbols[s.name] == nil {
				symbols[s.name] = map[string]bool{}
			}
			declare(symbols[s.name], s.file)
		}
	}
	named := 0
	err := walk(func(p string) error {
		if path.Ext(p) != ".md" {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for _, m := range mdLink.FindAllStringSubmatch(string(b), -1) {
			to, _, _ := strings.Cut(m[1], "#")
			if to == "" || strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), to)); err != nil {
				t.Errorf("%s links to %s, which is not there", p, m[1])
			}
		}
		for _, m := range mdSymbol.FindAllStringSubmatch(string(b), -1) {
			known, ours := symbols[m[1]]
			name := strings.TrimSuffix(m[2]+"."+m[3], ".")
			if ours && !known[name] {
				t.Errorf("%s names %s.%s, which is not declared", p, m[1], name)
			}
			named++
		}
		for _, m := range mdPath.FindAllStringSubmatch(string(b), -1) {
			_, here := os.Stat(filepath.Join(filepath.Dir(p), m[1]))
			_, atRoot := os.Stat(m[1])
			if here != nil && atRoot != nil && strings.Contains(m[1], "/") {
				t.Errorf("%s names %s, which is not there", p, m[1])
			}
		}
		if m := mdLine.FindString(string(b)); m != "" {
			t.Errorf("%s names a line (%s); name the function, which moves along", p, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if named < 20 {
		t.Errorf("%d symbols found in the documents: the test looks for the wrong form", named)
	}
}

// declare adds the exported names that the file declares at its top level.
func declare(names map[string]bool, f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
				continue
			}
			of := d.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if id, ok := of.(*ast.Ident); ok {
				names[id.Name+"."+d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				declareSpec(names, s)
			}
		}
	}
}

func declareSpec(names map[string]bool, s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			names[n.Name] = true
		}
	case *ast.TypeSpec:
		names[s.Name.Name] = true
		var members *ast.FieldList
		switch t := s.Type.(type) {
		case *ast.StructType:
			members = t.Fields
		case *ast.InterfaceType:
			members = t.Methods
		default:
			return
		}
		for _, m := range members.List {
			for _, n := range m.Names {
				names[s.Name.Name+"."+n.Name] = true
			}
		}
	}
}
