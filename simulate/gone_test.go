package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
)

// TestR_D_11_TheFirstHalfIsGone: the law of pairs tells of an answer whose initiating
// half is not there, unless that very document stayed at a site that lost its disk.
func TestR_D_11_TheFirstHalfIsGone(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	ci := w.ship("B", "C", w.stock("B", item, "5"), "1")
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	w.peace()
	for _, row := range []struct {
		name   string
		lost   bool // the initiating half is at no site
		gone   map[atoll.ID]bool
		breach bool
	}{
		{"there", false, nil, false},
		{"lost", true, nil, true},
		{"another one is gone", true, map[atoll.ID]bool{half.ID: true}, true},
		{"gone", true, map[atoll.ID]bool{ci: true}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			centre, err := snapshot(w.ctx, w.Centre)
			if err != nil {
				t.Fatal(err)
			}
			nodes := map[atoll.SiteID]*holding{atoll.CentreID: centre}
			for id, n := range w.Sites {
				if nodes[id], err = snapshot(w.ctx, n); err != nil {
					t.Fatal(err)
				}
			}
			if row.lost {
				delete(nodes[2].records, atoll.Key{Type: "invoice", ID: ci})
			}
			w.Gone = row.gone
			c := &checker{fleet: w.Fleet, looked: map[string]int{}}
			if err := c.pairs(w.ctx, nodes, centre); err != nil {
				t.Fatal(err)
			}
			if got := len(c.breaches) > 0; got != row.breach {
				t.Errorf("breaches: %v; want any: %t", c.breaches, row.breach)
			}
		})
	}
}
