package simulate

import (
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/storage"
)

// moves lets Ada, who is registered in A, have her home store transferred to C. The
// record that tells of it goes where the old and the new home store are; it is A's no
// longer when she goes on from C to D. Site 2 is to gain A, and has it in parts.
func (w *world) moves() (ada atoll.ID, told atoll.Key) {
	w.t.Helper()
	w.dispensaries("A", "B", "C", "D")
	item := w.item("x")
	w.configure(central.MakeVisible(w.Stores["A"], w.Stores["C"], true))
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	for range 4 { // in the feed of what is addressed to A, before the transfer
		w.ship("C", "A", stock, "1")
	}
	w.sync(3)
	ada = w.register("A", "Ada", "Lovelace", "1990-12-10")
	w.transfer(1, ada, "C")
	w.sync(3, 3)
	return ada, atoll.Key{Type: "patient_transfer", ID: w.one(1, "patient_transfer", "patient_id", string(ada)).ID}
}

// staged reports whether the record waits in the lane for its checkpoint.
func (w *world) staged(at atoll.SiteID, lane string, key atoll.Key) (is bool) {
	w.t.Helper()
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) error {
		items, err := r.Staged(lane, key.Type, storage.StagedPlace{}, 0)
		is = slices.ContainsFunc(items, func(i storage.StagedItem) bool { return i.Key == key })
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return is
}

// TestR_C_12_GainedAfterItLeft: a site gains an audience that a record has left, and has
// the record by another. That it left is nothing to the site, also when it hears of it
// late.
//
// R-C-12, R-C-19.
func TestR_C_12_GainedAfterItLeft(t *testing.T) {
	w := f1(t)
	ada, told := w.moves()
	w.transfer(1, ada, "D")
	w.sync(3, 3)
	w.Sites[2].Net.Records = 1
	w.configure(central.Assign(w.Stores["A"], 2))
	w.sync(2)
	if w.hidden(2, told.Type, told.ID) {
		t.Error("the site hides what it is entitled to")
	}
	w.mend()
	w.peace()
}

// TestR_C_12_LeftWhileItIsGained: the record leaves the audience after the site has
// received it in that audience's lane, which is not complete, and reaches it by another.
// The site ends with its latest state.
//
// R-C-12, R-A-10.
func TestR_C_12_LeftWhileItIsGained(t *testing.T) {
	w := f1(t)
	ada, told := w.moves()
	for range 4 {
		w.ship("C", "A", w.stock("C", w.one(1, "item", "code", "x").ID, "9"), "1")
	}
	w.sync(3)
	w.Sites[2].Net.Records = 1
	w.configure(central.Assign(w.Stores["A"], 2))
	lane := string(atoll.ToAudience(w.Stores["A"]))
	for n := 0; !w.staged(2, lane, told); n++ {
		if w.part(2); n > 300 {
			t.Fatal("it never came in the lane of A")
		}
	}
	w.transfer(1, ada, "D")
	w.sync(3, 3)
	w.Sites[2].Net.Down = nil
	w.sync(2)
	w.equal(told.Type, told.ID, 1, 2)
	w.mend()
	w.peace()
}

// TestR_C_12_ReturnedWhileItIsGained: the true state of a record was on its way to the
// site by itself, and cut, when the record changed. The lane of an audience that the site
// gains has the newer state, and keeps it, whatever is taken before the lane is complete.
//
// R-C-12, R-F-09.
func TestR_C_12_ReturnedWhileItIsGained(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "5")
	w.sync(3)
	key := atoll.Key{Type: "stock_line", ID: stock}
	w.configure(central.Collect(w.Stores["C"], 2, true))
	if err := w.At(1).Store.Update(w.ctx, func(tx storage.Tx) error { return w.At(1).Door.Return(tx, 2, key) }); err != nil {
		t.Fatal(err)
	}
	net := w.Sites[2].Net
	frames := 0
	net.CutDown = func() int { return frames }
	for frames = 0; !w.staged(2, "", key); frames++ {
		if w.part(2); frames > 20 {
			t.Fatal("it never came")
		}
	}
	net.CutDown = nil
	w.update(3, "stock_line", stock, atoll.Fields{}.Set("note", "changed meanwhile"))
	for range 100 {
		w.stock("C", item, "1")
	}
	w.sync(3)
	net.Records = 40
	w.part(2)
	if lane := string(atoll.StoreAudience(w.Stores["C"])); !w.staged(2, lane, key) {
		t.Fatal("the lane does not have it, or is complete")
	}
	net.Down = nil
	w.sync(2)
	w.equal("stock_line", stock, 3, 2)
	w.mend()
	w.peace()
}
