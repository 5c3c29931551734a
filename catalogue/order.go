package catalogue

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
)

// Lookup returns the declaration of a type.
func (c *Catalogue) Lookup(t atoll.Type) (*Def, bool) {
	k, ok := c.types[t]
	if !ok {
		return nil, false
	}
	return k.def, true
}

// Types returns every type in reference order: a type comes after those that its
// references need. Where references form a circle (a store has a name, a name may
// be a store), required references count before optional ones, and then names of
// types decide, so that the order is the same everywhere.
func (c *Catalogue) Types() []*Def { return slices.Clone(c.ordered) }

// Order returns the place of a type in reference order, from 0; -1 for a type
// that is not in the catalogue.
func (c *Catalogue) Order(t atoll.Type) int {
	if k, ok := c.types[t]; ok {
		return k.order
	}
	return -1
}

// Areas returns the names of the areas in byte order.
func (c *Catalogue) Areas() []string { return slices.Clone(c.areas) }

// Hash returns 16 hexadecimal digits over all types and their rules, an
// operator's own included. Two sites with one hash follow the same rules
// (R-K-67).
func (c *Catalogue) Hash() string { return c.hash }

func digest(ordered []*Def) string {
	byName := slices.Clone(ordered)
	slices.SortFunc(byName, func(a, b *Def) int { return strings.Compare(string(a.Type), string(b.Type)) })
	h := sha256.New()
	e := json.NewEncoder(h)
	for _, d := range byName {
		// Declarations hold strings, numbers and booleans, which always encode, and
		// a hash takes every write.
		_ = e.Encode(d)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// inOrder sorts types by their references. Types that refer to each other in a
// circle form one knot; the knots themselves have an order without circles.
func inOrder(defs []*Def) []*Def {
	byName := slices.Clone(defs)
	slices.SortFunc(byName, func(a, b *Def) int { return strings.Compare(string(a.Type), string(b.Type)) })
	g := &knots{at: map[atoll.Type]int{}, byType: map[atoll.Type]*Def{}}
	for _, d := range byName {
		g.byType[d.Type] = d
	}
	for _, d := range byName {
		if g.at[d.Type] == 0 {
			g.visit(d)
		}
	}
	// Tarjan's algorithm finishes a knot only after every knot it needs, which is
	// the order wanted.
	var out []*Def
	for _, knot := range g.found {
		out = append(out, untie(knot)...)
	}
	return out
}

// knots finds the strongly connected types by Tarjan's algorithm.
type knots struct {
	byType map[atoll.Type]*Def
	at     map[atoll.Type]int // order of the first visit, from 1
	stack  []*Def
	found  [][]*Def
}

func (g *knots) visit(d *Def) (low int) {
	low = len(g.at) + 1
	g.at[d.Type] = low
	self := low
	g.stack = append(g.stack, d)
	for _, t := range targets(d) {
		next := g.byType[t]
		switch {
		case next == nil:
		case g.at[t] == 0:
			low = min(low, g.visit(next))
		case slices.Contains(g.stack, next):
			low = min(low, g.at[t])
		}
	}
	if low == self {
		from := slices.Index(g.stack, d)
		knot := slices.Clone(g.stack[from:])
		g.stack = g.stack[:from]
		g.found = append(g.found, knot)
	}
	return low
}

// targets returns the types that d refers to, in byte order.
func targets(d *Def) []atoll.Type {
	var out []atoll.Type
	for _, f := range d.Fields {
		if f.Kind == Reference && f.To != d.Type {
			out = append(out, f.To)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// untie orders the types of one knot: always next the one with the fewest
// required references to those still waiting, then the fewest references at all.
func untie(knot []*Def) []*Def {
	var out []*Def
	for len(knot) > 0 {
		waiting := map[atoll.Type]bool{}
		for _, d := range knot {
			waiting[d.Type] = true
		}
		cost := func(d *Def) int {
			n := 0
			for _, f := range d.Fields {
				if f.Kind != Reference || f.To == d.Type || !waiting[f.To] {
					continue
				}
				n++
				if f.Required {
					n += 1000
				}
			}
			return n
		}
		next := slices.MinFunc(knot, func(a, b *Def) int {
			return cmp.Or(cmp.Compare(cost(a), cost(b)), strings.Compare(string(a.Type), string(b.Type)))
		})
		out = append(out, next)
		knot = slices.DeleteFunc(knot, func(d *Def) bool { return d == next })
	}
	return out
}
