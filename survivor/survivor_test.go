package survivor_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// world is records in memory.
type world map[atoll.Key]atoll.Fields

func (w world) record(key atoll.Key) atoll.Record {
	return atoll.Record{Key: key, Version: 1, Body: w[key].Encode()}
}

func (w world) Record(key atoll.Key) (atoll.Record, error) {
	if _, ok := w[key]; !ok {
		return atoll.Record{}, atoll.NotFound
	}
	return w.record(key), nil
}

func (w world) Records(q storage.Query) ([]atoll.Record, error) {
	var out []atoll.Record
	for key, f := range w {
		ok := key.Type == q.Type
		for name, want := range q.Where {
			ok = ok && f.Text(name) == want
		}
		if ok {
			out = append(out, w.record(key))
		}
	}
	slices.SortFunc(out, func(a, b atoll.Record) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
	return out, nil
}

func (w world) Prefetch([]atoll.Key) error                          { return nil }
func (w world) Changed(atoll.Position, int) ([]atoll.Record, error) { return nil, nil }
func (w world) CountRecords() (map[atoll.Type]int, error)           { return nil, nil }
func (w world) LastPosition() (atoll.Position, error)               { return 0, nil }

func item(name string) atoll.Key {
	return atoll.Key{Type: "item", ID: atoll.DeriveID("survivor test", name)}
}

func (w world) merge(from, into string) {
	w[item(from)] = atoll.Fields{}.Set("status", "merged").Set("merged_into", item(into).ID)
}

func of(t interface{ Fatal(args ...any) }, w world, name string) atoll.ID {
	key, err := survivor.Of(w, item(name))
	if err != nil {
		t.Fatal(err)
	}
	return key.ID
}

// R-E-31, R-E-32, R-E-44.
func TestOf(t *testing.T) {
	active := atoll.Fields{}.Set("status", "active")
	for _, row := range []struct {
		name, ask, want string
		make            func(w world)
	}{
		{"not merged", "x", "x", func(w world) { w[item("x")] = active }},
		{"not here", "x", "x", func(world) {}},
		{"merged", "x", "y", func(w world) { w.merge("x", "y"); w[item("y")] = active }},
		{"a chain", "x", "z", func(w world) { w.merge("x", "y"); w.merge("y", "z"); w[item("z")] = active }},
		{"R-E-31 the survivor is not here yet", "x", "x", func(w world) { w.merge("x", "y") }},
		{"R-E-31 the end of the chain is not here yet", "x", "y", func(w world) { w.merge("x", "y"); w.merge("y", "z") }},
		{"un-merged: the status decides", "x", "x", func(w world) {
			w.merge("x", "y")
			w[item("x")].Set("status", "active")
			w[item("y")] = active
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := world{}
			row.make(w)
			if got := of(t, w, row.ask); got != item(row.want).ID {
				t.Errorf("got %s, want %s", got, item(row.want).ID)
			}
		})
	}
	t.Run("R-E-44 a cycle, which the laws refuse, has one end", func(t *testing.T) {
		w := world{}
		w.merge("a", "x")
		w.merge("x", "y")
		w.merge("y", "x")
		if a, x, y := of(t, w, "a"), of(t, w, "x"), of(t, w, "y"); a != x || x != y {
			t.Errorf("a resolves to %s, x to %s, y to %s", a, x, y)
		}
	})
}

// R-E-41: merges that arrive in any order, one by one or some together, leave the
// same mapping, and at no moment does a record resolve to one that is not here.
func TestR_E_41_AnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "records")
		final := world{}
		for i := range n {
			final[item(fmt.Sprint(i))] = atoll.Fields{}.Set("status", "active")
		}
		// Each record is merged at most once, into one that comes later in a random
		// order: no cycles.
		order := rapid.Permutation(numbers(n)).Draw(t, "order of age")
		for i, x := range order[:n-1] {
			if rapid.Bool().Draw(t, "merged") {
				into := order[rapid.IntRange(i+1, n-1).Draw(t, "into")]
				final.merge(fmt.Sprint(x), fmt.Sprint(into))
			}
		}
		here := world{}
		for _, i := range rapid.Permutation(numbers(n)).Draw(t, "order of arrival") {
			here[item(fmt.Sprint(i))] = final[item(fmt.Sprint(i))]
			for j := range n {
				to := of(t, here, fmt.Sprint(j))
				if _, known := here[atoll.Key{Type: "item", ID: to}]; !known && to != item(fmt.Sprint(j)).ID {
					t.Fatalf("%d resolves to %s, which is not here", j, to)
				}
			}
		}
		for i := range n {
			if got, want := of(t, here, fmt.Sprint(i)), of(t, final, fmt.Sprint(i)); got != want {
				t.Fatalf("%d resolves to %s, want %s", i, got, want)
			}
			family, err := survivor.Family(here, item(fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			for j := range n {
				same := of(t, here, fmt.Sprint(j)) == of(t, here, fmt.Sprint(i))
				if slices.Contains(family, item(fmt.Sprint(j)).ID) != same {
					t.Fatalf("the family of %d has %d: %t, want %t", i, j, !same, same)
				}
			}
		}
	})
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestR_E_11_FieldsResolve(t *testing.T) {
	w := world{item("y"): atoll.Fields{}.Set("status", "active")}
	w.merge("x", "y")
	line := atoll.Fields{}.Set("item_id", item("x").ID).Set("item_name", "X as printed")
	got, err := survivor.New(w, catalogue.Embedded()).Fields("stock_line", line)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID("item_id") != item("y").ID || got.Text("item_name") != "X as printed" {
		t.Errorf("got %s", got.Encode())
	}
	if line.ID("item_id") != item("x").ID {
		t.Error("the fields that were given have changed")
	}
	own, err := survivor.New(w, catalogue.Embedded()).Fields("item", atoll.Fields{}.Set("merged_into", item("x").ID))
	if err != nil || own.ID("merged_into") != item("x").ID {
		t.Errorf("what a record says of its own merge was changed: %s, %v", own.Encode(), err)
	}
}
