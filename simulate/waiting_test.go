package simulate

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// waiting is a world whose restored centre has lost an item: so many changes of site 2 name
// it, each another record, and one entry, made for the centre, states all of them again.
func waiting(tb testing.TB, changes int) *world {
	w := f1(tb)
	w.sync(2, 3)
	old := w.stopped(tb, w.Centre)
	item := w.item("x")
	w.sync(2, 3)
	for i := range changes {
		w.insert(2, "stock_line", Stock(atoll.NewID(w.Clock.Now()), w.Stores["B"], item, fmt.Sprint(i+1)).Fields)
	}
	w.reopen(tb, w.Centre, old)
	return w
}

// Hundreds of changes wait for one record that the centre has lost, and hang together by
// the entry that states them again. All of them stand as soon as it is back.
//
// R-K-40, R-M-03.
func TestR_K_40_R_M_03_ManyWaitForOneRecord(t *testing.T) {
	const changes = 300
	w := waiting(t, changes)
	w.sync(2)
	if n := len(w.quarantined(2)); n != changes+1 {
		t.Fatalf("%d entries wait, want %d and the one that states them", n, changes)
	}
	taken, err := w.Centre.Centre.TakeBack(w.ctx, "tester", "restored")
	if err != nil || len(taken) != 1 || taken[0].Err != nil {
		t.Fatalf("taken back: %+v, %v", taken, err)
	}
	if n := len(w.quarantined(2)); n != 0 {
		t.Errorf("%d entries wait still", n)
	}
	lines, _, err := w.Centre.Records(w.ctx, storage.Query{Type: "stock_line", Limit: 2 * changes})
	if err != nil || len(lines) != changes {
		t.Errorf("the centre has %d stock lines, %v; want %d", len(lines), err, changes)
	}
}

// What waits is judged again at each push of its site. What that costs for each change
// must not grow with how many hang together.
func BenchmarkR_K_40_ManyWait(b *testing.B) {
	for _, changes := range []int{50, 400} {
		b.Run(fmt.Sprint(changes), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				w := waiting(b, changes)
				b.StartTimer()
				w.sync(2)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*changes), "µs/change")
		})
	}
}
