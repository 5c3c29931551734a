package simulate

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// tap listens to what a site and the centre say to each other.
type tap struct {
	centre exchange.Centre
	hello  func(*exchange.Hello)              // may change it
	answer func(f exchange.Frame) (again int) // called before the site gets it; it then gets it again so often
	frames []exchange.Frame
	hellos []exchange.Hello
	sent   int // entries
}

// listen puts a tap on the line of a site.
func (w *world) listen(at atoll.SiteID) *tap {
	l := &tap{centre: w.Sites[at].Site.Centre}
	w.Sites[at].Site.Centre = l
	return l
}

// Exchange passes everything on.
func (l *tap) Exchange(ctx context.Context, h exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	if l.hello != nil {
		l.hello(&h)
	}
	l.hellos = append(l.hellos, h)
	counted := func(yield func(exchange.Entry, error) bool) {
		for e, err := range entries {
			l.sent++
			if !yield(e, err) {
				return
			}
		}
	}
	return func(yield func(exchange.Frame, error) bool) {
		for f, err := range l.centre.Exchange(ctx, h, counted) {
			again := 0
			if err == nil {
				l.frames = append(l.frames, f)
				if l.answer != nil {
					again = l.answer(f)
				}
			}
			for range again + 1 {
				if !yield(f, err) {
					return
				}
			}
		}
	}
}

// records are the frames with records of a type that passed.
func (l *tap) records(kind atoll.Type) (out []exchange.Record) {
	for _, f := range l.frames {
		if r, ok := f.(exchange.Record); ok && (kind == "" || r.Key.Type == kind) {
			out = append(out, r)
		}
	}
	return out
}

// TestR_A_01: there is one field for each, so there are never two.
func TestR_A_01_OneCentreOnePrimary(t *testing.T) {
	for _, w := range []*world{f1(t), f2(t)} {
		w.refuses(central.MakePrimary(77), atoll.NotFound)
		w.refused(w.Centre.Insert(w.ctx, change("system", central.SystemKey.ID, atoll.Fields{}.Set("primary", 3))), atoll.Rule)
		w.refused(w.Centre.Insert(w.ctx, change("system", central.SystemKey.ID, atoll.Fields{}.Set("centre", 3))), atoll.Rule)
		second := journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "system", ID: atoll.NewID(w.Clock.Now())}, Fields: atoll.Fields{}.Set("centre", 2).Set("primary", 2)}
		if err := w.Centre.Insert(w.ctx, second); err == nil {
			t.Error("there are two records of the system now")
		}
		if _, _, err := w.Centre.Centre.AddSite(w.ctx, "tester", "Second centre", topology.Central); err == nil {
			t.Error("a second central server was made")
		}
		w.refuses(central.SetKind(3, topology.Central), atoll.Rule)
		w.refuses(central.SetKind(1, topology.Server), atoll.Rule)
		w.configure(central.MakePrimary(3))
		if err := w.Settle(w.ctx); err != nil {
			t.Fatal(err)
		}
		for _, n := range w.Nodes() {
			top := w.topology(n.Door.Site)
			if top.Primary() != 3 || top.Centre() != 1 {
				t.Errorf("%s believes that the primary is %d, the centre %d", n.Name, top.Primary(), top.Centre())
			}
			_, p := Item("by " + n.Name)
			if err := n.Insert(w.ctx, p); (err == nil) != (n.Door.Site == 3) {
				t.Errorf("an item made at %s: %v", n.Name, err)
			}
		}
		w.peace()
	}
}

func TestR_A_03_PushBeforePull(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	l := w.listen(2)
	w.sync(2)
	line := w.stock("B", item, "7")
	w.item("theirs")
	l.answer = func(f exchange.Frame) int {
		if _, err := w.Centre.Record(w.ctx, atoll.Key{Type: "stock_line", ID: line}); err != nil {
			t.Errorf("%T was answered before the push was integrated: %v", f, err)
		}
		return 0
	}
	l.frames = nil
	w.sync(2)
	receipt, ok := l.frames[1].(exchange.Receipt)
	if !ok || receipt.Applied != 1 || receipt.Acknowledged.Seq != w.seq(2) {
		t.Errorf("the second frame of the answer is %+v; want what became of the push", l.frames[1])
	}
	if len(l.records("item")) != 1 {
		t.Error("nothing was pulled")
	}
	w.peace()
}

func TestR_A_06_EveryStoreEverywhereItMust(t *testing.T) {
	w := f2(t)
	if err := w.AddStore(w.ctx, "Lonely", false); err != nil { // visible to nobody
		t.Fatal(err)
	}
	if _, err := w.AddSite(w.ctx, "Far", topology.Mobile, "Lonely"); err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(w.ctx); err != nil {
		t.Fatal(err)
	}
	item := w.item("x")
	w.sync(4, 2)
	stocked := w.stock("B", item, "1")
	w.peace()
	for code, id := range w.Stores {
		for _, at := range []atoll.SiteID{1, 4} {
			if w.get(at, "store", id) == nil {
				t.Errorf("site %d lacks store %s", at, code)
			}
			w.equal("store", id, 1, 4)
		}
	}
	if w.get(4, "stock_line", stocked) != nil {
		t.Error("the primary has stock of a store it does not keep")
	}
}

func TestR_A_08_IdentityForLife(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	key := atoll.Key{Type: "item", ID: item}
	for _, id := range []atoll.ID{"", "17", "INVOICE-17", "6f9619ff8b86d011b42d00c04fc964ff"} {
		w.refused(w.Centre.Insert(w.ctx, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "item", ID: id}, Fields: w.want(1, "item", item).Fields}), atoll.Invalid)
	}
	_, again := Item("x")
	w.refused(w.Centre.Insert(w.ctx, again), atoll.Exists)
	line := w.stock("A", item, "0")
	w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "stock_line", ID: line}})
	w.refused(w.Centre.Insert(w.ctx, Stock(line, w.Stores["A"], item, "1")), atoll.Exists) // not used again
	before := w.want(1, "item", item)
	w.update(1, "item", item, atoll.Fields{}.Set("code", "y").Set("name", "renamed"))
	w.sync(2)
	if got := w.want(2, "item", item); got.Key != key || got.Version != before.Version+1 {
		t.Errorf("after all was changed it is %s, version %d", got.Key, got.Version)
	}
	// Numbers are for people: the same in two stores, and for two kinds in one.
	stock := map[string]atoll.ID{"A": w.stock("A", item, "9"), "B": w.stock("B", item, "9")}
	ab, ba := w.ship("A", "B", stock["A"], "1"), w.ship("B", "A", stock["B"], "1")
	w.sync(2)
	for at, ids := range map[atoll.SiteID][]atoll.ID{1: {ab, w.answer(1, "invoice", ba).ID}, 2: {ba, w.answer(2, "invoice", ab).ID}} {
		for _, id := range ids {
			if n := w.want(at, "invoice", id).Fields.Int("number"); n != 1 {
				t.Errorf("document %s has number %d", id, n)
			}
		}
	}
	w.peace()
}

func TestR_A_10_WholeCyclesOnly(t *testing.T) {
	w := f1(t)
	w.sync(2)
	w.Centre.Centre.Records = 4
	before := len(w.list(2, "item"))
	const n = 11
	for i := range n {
		w.item(fmt.Sprint(i))
	}
	l := w.listen(2)
	l.answer = func(f exchange.Frame) int {
		if got := len(w.list(2, "item")) - before; got != 0 && got != n {
			t.Errorf("%d of %d items are shown when %T comes", got, n, f)
		}
		return 0
	}
	w.Sites[2].Net.CutDown = func() int { return 5 } // in the middle of it
	if _, err := w.Sync(w.ctx, 2); err == nil {
		t.Fatal("the line was not cut")
	}
	if got := len(w.list(2, "item")) - before; got != 0 {
		t.Errorf("%d items are shown of a cycle that was cut", got)
	}
	w.mend()
	w.sync(2)
	if got := len(w.list(2, "item")) - before; got != n {
		t.Errorf("%d items are shown; want %d", got, n)
	}
	w.peace()
}

func TestR_A_12_NotSentBack(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	l := w.listen(2)
	seq := w.seq(2)
	if c := w.sync(2); c.Received == 0 || c.Sent != 0 {
		t.Errorf("received %d, sent %d", c.Received, c.Sent)
	}
	st, err := w.Sites[2].Site.Status(w.ctx)
	if err != nil || st.Waiting != 0 || w.seq(2) != seq {
		t.Errorf("what arrived counts as %d local edits, the journal grew by %d, %v", st.Waiting, w.seq(2)-seq, err)
	}
	line := w.stock("B", item, "3")
	l.frames = nil
	w.sync(2)
	w.sync(2)
	if got := l.records(""); len(got) != 0 {
		t.Errorf("the site's own change came back: %v", got[0].Key)
	}
	// And somebody else's copy of it is not taken for news either.
	w.equal("stock_line", line, 2, 1)
	w.peace()
}

// TestR_A_14: writers and a reader at the same time. The reader never goes back,
// so what it had passed over would be missing for good.
func TestR_A_14_NothingIsPassedOver(t *testing.T) {
	w := f1(t)
	w.sync(2)
	w.Centre.Centre.Records = 3
	l := w.listen(2)
	const writers, each = 4, 12
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				_, p := Item(fmt.Sprintf("%d-%d", i, j))
				if err := w.Centre.Insert(w.ctx, p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		w.sync(2)
	}
	last := atoll.Position(0)
	for _, r := range l.records("item") {
		if r.Position <= last {
			t.Errorf("position %d came after %d", r.Position, last)
		}
		last = r.Position
	}
	if got, want := len(w.list(2, "item")), len(w.list(1, "item")); got != want || want < writers*each {
		t.Errorf("the reader has %d items of %d", got, want)
	}
	w.peace()
}

func TestR_A_15_Tombstones(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	line := w.stock("A", item, "0") // A has a collector copy on site 2
	w.sync(2)
	w.equal("stock_line", line, 1, 2)
	w.edit(1, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "stock_line", ID: line}})
	w.Clock.Wind(400 * 24 * time.Hour)
	for i := range 30 { // much happens meanwhile
		w.item(fmt.Sprint(i))
	}
	w.sync(3)
	c := w.sync(2)
	if w.get(2, "stock_line", line) != nil || c.Received == 0 {
		t.Error("a reader that was away for a year still shows what was deleted")
	}
	for _, at := range []atoll.SiteID{1, 2} {
		err := w.At(at).Store.View(w.ctx, func(r storage.Reader) error {
			rec, err := r.Record(atoll.Key{Type: "stock_line", ID: line})
			if err == nil && !rec.Deleted {
				t.Errorf("site %d does not know that it was deleted", at)
			}
			return err
		})
		if err != nil {
			t.Errorf("site %d has forgotten it: %v", at, err)
		}
	}
	w.replace(2) // one that never had it gets on without it
	w.sync(2)
	if w.get(2, "stock_line", line) != nil {
		t.Error("it is back")
	}
	w.peace()
}

// TestR_A_16: on the way up every transaction travels, as audit and atomicity
// need each (the design departs from the requirement here). On the way down only
// the latest state does, and what was made and unmade tells readers nothing they
// would show.
func TestR_A_16_LatestStateOnly(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.configure(central.Collect(w.Stores["B"], 3, true)) // C sees B
	w.sync(2, 3)
	line := w.stock("B", item, "5")
	for i := range 5 {
		w.update(2, "stock_line", line, atoll.Fields{}.Set("note", fmt.Sprint(i)))
	}
	gone := w.stock("B", item, "0")
	w.edit(2, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "stock_line", ID: gone}})
	if c := w.sync(2); c.Applied != 8 {
		t.Errorf("%d entries went up; want all 8", c.Applied)
	}
	l := w.listen(3)
	w.sync(3)
	frames := map[atoll.ID]int{}
	for _, r := range l.records("stock_line") {
		frames[r.Key.ID]++
	}
	if frames[line] != 1 || frames[gone] > 1 {
		t.Errorf("the record that changed five times came %d times, the one that is gone %d times", frames[line], frames[gone])
	}
	if got := w.want(3, "stock_line", line).Fields.Text("note"); got != "4" {
		t.Errorf("the latest state is %q", got)
	}
	if w.get(3, "stock_line", gone) != nil {
		t.Error("a reader shows what was made and unmade")
	}
	w.peace()
}
