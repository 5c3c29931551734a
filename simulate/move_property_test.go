package simulate

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
)

// Store C is moved about between the centre and two sites, while people work in
// it and its partners, lines are cut anywhere, exchanges come twice, programs end
// and start again, and sites are dead for a while. At every instant one site at
// most can write what belongs to it; when the lines are good again the move ends,
// and nothing that anybody did is lost or done twice.
//
// R-A-04, R-A-05, R-C-10, R-C-104, R-D-46, R-H-30, R-H-33, R-H-35, R-H-38.
func TestMoveProperty(t *testing.T) {
	if testing.Short() {
		t.Skip("many fleets")
	}
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		item := w.item("x")
		w.sync(2, 3)
		lines := map[string]atoll.ID{"B": w.stock("B", item, "90"), "C": w.stock("C", item, "90"), "D": w.stock("D", item, "90")}
		w.peace()
		w.wear(func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(rt, label) })
		dead := map[atoll.SiteID]bool{}
		for _, n := range w.Sites {
			n.Net.Down = func() bool { return dead[n.Door.Site] }
		}
		var made []atoll.ID
		for range rapid.IntRange(6, 30).Draw(rt, "steps") {
			site := atoll.SiteID(rapid.IntRange(2, 3).Draw(rt, "site"))
			switch rapid.SampledFrom([]string{"sync", "sync", "sync", "move", "abort", "again", "work", "work", "crash", "dead"}).Draw(rt, "what") {
			case "sync":
				w.Sync(w.ctx, site)
			case "move":
				to := atoll.SiteID(rapid.IntRange(1, 3).Draw(rt, "to"))
				w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores["C"], To: to}, false)
			case "abort", "again":
				for _, m := range w.topology(1).Moves() {
					if rapid.Bool().Draw(rt, "abort") {
						w.Centre.Centre.AbortMove(w.ctx, "tester", m.ID)
					} else {
						w.Centre.Centre.RepeatMove(w.ctx, "tester", m.ID)
					}
				}
			case "work":
				pair := rapid.SampledFrom([][2]string{{"C", "B"}, {"C", "D"}, {"B", "C"}, {"D", "C"}}).Draw(rt, "pair")
				for _, n := range w.Nodes() {
					line := lines[pair[0]]
					if w.get(n.Door.Site, "stock_line", line) == nil {
						continue
					}
					if id, err := n.Shipment(w.ctx, w.Stores[pair[0]], w.Stores[pair[1]], line, "1"); err == nil {
						made = append(made, id)
					}
				}
			case "crash":
				net := w.Sites[site].Net
				w.restart(site)
				w.Sites[site].Net = net
			case "dead":
				dead[site] = !dead[site]
			}
			for store, line := range lines {
				if got := w.writers(line); len(got) > 1 {
					w.t.Fatalf("at %v somebody could write a stock line of %s", got, store)
				}
			}
		}
		w.mend()
		w.peace()
		if open := w.topology(1).Moves(); len(open) > 0 {
			v := w.moving(open[0].ID)
			w.t.Fatalf("everybody has synchronised, and the move is at %q: %s (%s)", v.Step, v.Words, v.Problem)
		}
		home := w.home("C")
		if got := w.writers(lines["C"]); !slices.Equal(got, []atoll.SiteID{home}) {
			w.t.Errorf("C is active on site %d, but %v may write it", home, got)
		}
		for _, id := range made {
			w.equal("invoice", id, 1, w.home(codeOf(w, w.want(1, "invoice", id).Fields.ID("store_id"))))
		}
	})
}

func codeOf(w *world, store atoll.ID) string {
	for code, id := range w.Stores {
		if id == store {
			return code
		}
	}
	w.t.Fatalf("there is no store %s", store)
	return ""
}
