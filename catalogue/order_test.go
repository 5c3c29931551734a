package catalogue

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
)

func TestReferenceOrder(t *testing.T) {
	c := Embedded()
	types := c.Types()
	for i, d := range types {
		if c.Order(d.Type) != i {
			t.Errorf("%s is at place %d; Order says %d", d.Type, i, c.Order(d.Type))
		}
	}
	if c.Order("nothing") != -1 {
		t.Error("a type that is not there has a place")
	}
	// What must never come late, whatever circles there are.
	for _, d := range types {
		for _, f := range d.Fields {
			if f.Parent && c.Order(f.To) >= c.Order(d.Type) {
				t.Errorf("%s comes before its parent %s", d.Type, f.To)
			}
		}
	}
	for _, pair := range [][2]atoll.Type{
		{"unit", "item"},
		{"item", "stock_line"},
		{"name", "contact"},
		{"store", "invoice"},
		{"location", "stock_line"},
		{"patient", "prescription"},
		{"stock_line", "prescription_line"},
		{"period", "requisition"},
		{"vaccine_course", "vaccination"},
	} {
		if c.Order(pair[0]) >= c.Order(pair[1]) {
			t.Errorf("%s comes after %s", pair[0], pair[1])
		}
	}
	shuffled := c.Types()
	slices.Reverse(shuffled)
	for i, d := range inOrder(shuffled) {
		if d.Type != types[i].Type {
			t.Fatalf("the order depends on the order of the files: %s instead of %s", d.Type, types[i].Type)
		}
	}
}

// TestCirclesBreakAtOptionalReferences: in the circle a → b → c → a only c can
// be made without the one it refers to.
func TestCirclesBreakAtOptionalReferences(t *testing.T) {
	ref := func(to atoll.Type, required bool) Field {
		return Field{Name: string(to) + "_id", Kind: Reference, To: to, Required: required}
	}
	defs := []*Def{
		{Type: "a", Fields: []Field{ref("b", true)}},
		{Type: "b", Fields: []Field{ref("c", true)}},
		{Type: "c", Fields: []Field{ref("a", false), ref("c", true)}},
		{Type: "d", Fields: []Field{ref("a", false)}},
	}
	var got []atoll.Type
	for _, d := range inOrder(defs) {
		got = append(got, d.Type)
	}
	if want := []atoll.Type{"c", "b", "a", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %s; want %s", got, want)
	}
}
