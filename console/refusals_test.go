package console_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/atollsync/atoll/console"
)

// judging is the code that refuses what people want to do with records, stock, stores
// and patients: whole rooms, and files of others.
var judging = []string{
	"documents/*.go", "admit/*.go", "authority/*.go", "topology/*.go",
	"station/*.go", "handover/*.go", "patients/*.go", "merge/*.go", "rights/*.go",
	"central/accept.go", "central/configure.go", "central/delegate.go", "central/delete.go", "central/job.go", "central/lock.go",
	"central/move.go", "central/patients.go", "central/plan.go", "central/rekey.go", "central/store.go", "central/transfers.go",
}

// refusing are the codes of refusals by a rule: others say all there is to say by their
// code, or what is wrong with the field.
var refusing = []string{"Rule", "LifeCycle", "NotVisible", "Reference", "Ownership"}

// A refusal of what a user does names its reason, and the reason has words that say
// what happened and, where the engine advises something, what to do: in every language
// (TestEveryKeyInEveryLanguage).
func TestR_I_10_EveryRefusalHasWords(t *testing.T) {
	words, err := console.Words()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, pattern := range judging {
		files, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range refusals(file) {
				at := set.Position(r.at).String()
				if found++; r.reason == nil {
					t.Errorf("%s: a refusal without a reason: end it with Because", at)
					continue
				}
				lit, ok := r.reason.(*ast.BasicLit)
				if !ok {
					continue // of documents.Reasons, or refused in turn: TestR_I_10_EveryCodeHasWords
				}
				reason, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				if words["en"]["why."+reason] == nil {
					t.Errorf("%s: no words for why.%s: console/words/refusals.yaml", at, reason)
				}
				if r.advises && words["en"]["why."+reason+".do"] == nil {
					t.Errorf("%s: no words for why.%s.do, though the engine advises something", at, reason)
				}
			}
		}
	}
	if found < 140 {
		t.Errorf("%d refusals: the test looks in the wrong place", found)
	}
}

type aRefusal struct {
	at      token.Pos
	reason  ast.Expr
	advises bool
}

// refusals are the errors that a file makes by rule: chains of calls that begin with
// atoll.Errorf and one of the codes.
func refusals(file *ast.File) (out []aRefusal) {
	part := map[*ast.CallExpr]bool{} // of a chain that was seen
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || part[call] {
			return true
		}
		r := aRefusal{at: call.Pos()}
		for link := call; link != nil; {
			sel, ok := link.Fun.(*ast.SelectorExpr)
			if !ok {
				break
			}
			switch sel.Sel.Name {
			case "Because":
				r.reason = link.Args[0]
			case "Do":
				r.advises = true
			case "Errorf":
				if code, ok := link.Args[0].(*ast.SelectorExpr); ok && slices.Contains(refusing, code.Sel.Name) {
					out = append(out, r)
				}
			}
			if link, ok = sel.X.(*ast.CallExpr); ok {
				part[link] = true
			}
		}
		return true
	})
	return out
}
