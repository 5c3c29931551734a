package simulate

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

// merger is a system in which items are merged at random while every line is bad
// and all sites work on: it remembers what the merges say, for comparison.
type merger struct {
	*world
	items  []atoll.ID
	into   map[atoll.ID]atoll.ID
	lines  map[string][]atoll.ID // stock lines by store
	stock  map[atoll.ID]string   // packs by item as it was when they came in
	undone bool
}

func newMerger(w *world, items int) *merger {
	m := &merger{world: w, into: map[atoll.ID]atoll.ID{}, lines: map[string][]atoll.ID{}, stock: map[atoll.ID]string{}}
	for i := range items {
		m.items = append(m.items, w.item(fmt.Sprint("m", i)))
	}
	w.sync(2, 3)
	return m
}

// survivor is the item that stands for one, by what was merged.
func (m *merger) survivor(id atoll.ID) atoll.ID {
	for m.into[id] != "" {
		id = m.into[id]
	}
	return id
}

// active are the items that were not merged.
func (m *merger) active() []atoll.ID {
	return slices.DeleteFunc(slices.Clone(m.items), func(id atoll.ID) bool { return m.into[id] != "" })
}

// totals: at every moment the centre's list of each item's stock is that of the
// items it stands for, as far as the stock has reached it (R-E-21, R-E-40).
func (m *merger) totals() {
	m.t.Helper()
	want := map[atoll.ID]string{}
	for _, store := range []string{"A", "B", "C"} {
		for _, id := range m.lines[store] {
			if m.get(1, "stock_line", id) == nil {
				continue
			}
			rec := m.raw(1, "stock_line", id)
			to := m.survivor(rec.MustFields().ID("item_id"))
			want[to] = documents.Add(or0(want[to]), rec.MustFields().Number("total_number_of_packs"))
		}
	}
	for _, id := range m.items {
		if got, want := m.packs(1, id), or0(want[m.survivor(id)]); documents.Compare(got, want) != 0 {
			m.t.Errorf("the centre lists %s packs for item %s; want %s", got, id, want)
		}
	}
}

// merged is the fleet that the properties begin with.
func merged(t *testing.T) *Fleet {
	t.Helper()
	f, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestR_E_41_R_E_42_R_E_43_Random: merges, chains, orders, shipments and work that
// has not heard of any of it, over lines that are cut anywhere and repeat. In the
// end every reader resolves every reference to the same survivor.
func TestR_E_41_R_E_42_R_E_43_Random(t *testing.T) {
	template := merged(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		m := newMerger(w, rapid.IntRange(3, 6).Draw(rt, "items"))
		w.wear(func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(rt, label) })
		pick := func(label string, from []atoll.ID) atoll.ID { return rapid.SampledFrom(from).Draw(rt, label) }
		stores := map[string]atoll.SiteID{"A": 1, "B": 2, "C": 3}
		for range rapid.IntRange(5, 25).Draw(rt, "steps") {
			store := rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "store")
			switch rapid.SampledFrom([]string{"merge", "merge", "undo", "stock", "stock", "ship", "order", "sync", "sync", "sync"}).Draw(rt, "step") {
			case "merge":
				if active := m.active(); len(active) > 1 {
					from, into := pick("from", active), pick("into", active)
					if from == into {
						w.refused(w.tryMerge(1, "item", from, into), atoll.Rule)
						continue
					}
					w.merge(1, "item", from, into)
					m.into[from] = into
				}
			case "undo":
				var last []atoll.ID
				for id, into := range m.into {
					if into != "" && m.into[into] == "" {
						last = append(last, id)
					}
				}
				if slices.Sort(last); len(last) > 0 {
					id := pick("undone", last)
					w.unmerge(1, "item", id)
					delete(m.into, id)
					m.undone = true
				}
			case "stock":
				m.lines[store] = append(m.lines[store], w.stock(store, pick("item", m.items), "3"))
			case "ship":
				for _, id := range m.lines[store] {
					r := w.want(stores[store], "stock_line", id)
					to := map[string]string{"A": "B", "B": "C", "C": "B"}[store]
					if documents.Sign(r.Fields.Number("available_number_of_packs")) > 0 {
						w.ship(store, to, id, "1")
						break
					}
				}
			case "order":
				to := map[string]string{"A": "B", "B": "A", "C": "B"}[store]
				if _, err := w.request(store, to, pick("item", m.items), "2"); err != nil {
					rt.Fatal(err)
				}
			case "sync":
				_, _ = w.Sync(w.ctx, rapid.SampledFrom([]atoll.SiteID{2, 3}).Draw(rt, "site"))
			}
			m.totals()
		}
		w.mend()
		w.peace()
		for _, at := range []atoll.SiteID{1, 2, 3} {
			for _, id := range m.items {
				want := m.survivor(id)
				r, err := w.At(at).Open(w.ctx, atoll.Key{Type: "item", ID: id})
				if err != nil || r.ID != want {
					rt.Fatalf("at site %d the link to %s leads to %s, %v; want %s", at, id, r.ID, err, want)
				}
			}
		}
		m.totals()
	})
}

// R-E-41: sites that hear of merges one by one, and sites that hear of all at once,
// end the same, whatever the order in which the merges were made.
func TestR_E_41_Permutations(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			w := f1(t)
			m := newMerger(w, 4)
			line := w.stock("B", m.items[0], "1")
			inC := w.stock("C", m.items[0], "1")
			for n, i := range order {
				// Item i is merged into what stands for item i+1 now: the laws allow no other.
				w.merge(1, "item", m.items[i], m.survivor(m.items[i+1]))
				m.into[m.items[i]] = m.survivor(m.items[i+1])
				w.sync(2)
				if n == 2 {
					w.sync(3)
				}
			}
			w.peace()
			for at, id := range map[atoll.SiteID]atoll.ID{2: line, 3: inC} {
				if got := w.stored(at, "stock_line", id, "item_id"); got != m.items[3] {
					t.Errorf("site %d: the row names %s", at, got)
				}
			}
		})
	}
}

// R-E-50, R-E-51: what is undone at random is given back, and everybody agrees
// which rows are left with the survivor.
func TestR_E_50_AnyTime(t *testing.T) {
	template := merged(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		x, y := w.item("x"), w.item("y")
		w.sync(2, 3)
		before, after := w.stock("B", x, "1"), atoll.ID("")
		if rapid.Bool().Draw(rt, "sent before") {
			w.sync(2)
		}
		w.merge(1, "item", x, y)
		heard := rapid.Bool().Draw(rt, "heard of the merge")
		if heard {
			w.sync(2)
		}
		after = w.stock("B", x, "1")
		if rapid.Bool().Draw(rt, "cut") {
			w.Sites[2].Net.CutDown = func() int { return rapid.IntRange(0, 6).Draw(rt, "at") }
			_, _ = w.Sync(w.ctx, 2)
			w.mend()
		}
		w.unmerge(1, "item", x)
		w.peace()
		if got := w.stored(2, "stock_line", before, "item_id"); got != x {
			rt.Fatalf("the row from before names %s", got)
		}
		got := w.stored(2, "stock_line", after, "item_id")
		if heard && got != y || !heard && got != x {
			// Made under the merge it stays with the survivor; made by one who had not heard
			// of it, it was only ever meant for x.
			rt.Fatalf("the row from after names %s (heard: %t)", got, heard)
		}
		d := w.details(2, "item", x)
		if listed := slices.Contains(d.Since, atoll.Key{Type: "stock_line", ID: after}); listed != heard {
			rt.Fatalf("listed for decision: %t, want %t", listed, heard)
		}
	})
}
