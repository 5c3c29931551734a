package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// maxCount bounds whole numbers in the files; the largest is a text's length.
const maxCount = 1 << 20

func (r *reader) text(e entry) string {
	switch n := e.node.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value)
	}
	r.fail(e.line, "put it in quotation marks if it looks like something else", "%s is not text", e.key)
	return ""
}

func (r *reader) flag(e entry) bool {
	if n, ok := e.node.(*ast.BoolNode); ok {
		return n.Value
	}
	r.fail(e.line, "want true or false", "%s is neither true nor false", e.key)
	return false
}

func (r *reader) count(e entry) int {
	if n, ok := e.node.(*ast.IntegerNode); ok {
		if v, ok := n.Value.(uint64); ok && v >= 1 && v <= maxCount {
			return int(v)
		}
	}
	r.fail(e.line, fmt.Sprintf("want a whole number from 1 to %d", maxCount), "%s is no such number", e.key)
	return 0
}

func (r *reader) items(e entry) []ast.Node {
	if n, ok := e.node.(*ast.SequenceNode); ok {
		return n.Values
	}
	r.fail(e.line, "want a list, such as [a, b]", "%s is not a list", e.key)
	return nil
}

func (r *reader) list(e entry) []string {
	var out []string
	for _, n := range r.items(e) {
		out = append(out, r.text(entry{e.key, n, lineOf(n)}))
	}
	return out
}

// choice reads one value of a closed set.
func choice[T ~string](r *reader, e entry, all []T) T {
	n, ok := e.node.(*ast.StringNode)
	if ok && slices.Contains(all, T(n.Value)) {
		return T(n.Value)
	}
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = string(v)
	}
	got := "that"
	if ok {
		got = fmt.Sprintf("%q", n.Value)
	}
	r.fail(e.line, "want one of "+strings.Join(names, ", "), "%s cannot be %s", e.key, got)
	return ""
}

// isName reports whether s can name a type, a field or an area:
// ^[a-z][a-z0-9_]{0,47}$.
func isName(s string) bool {
	if s == "" || len(s) > 48 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// nearest returns the known word that is likeliest meant, or "" when none is
// near: at most a third of the letters may differ.
func nearest(word string, known []string) string {
	if len(word) > 48 {
		return ""
	}
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
