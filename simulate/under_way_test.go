package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// onlyOne returns the only transfer under way that the filter takes.
func (w *world) onlyOne(f transfer.Filter) transfer.Transfer {
	w.t.Helper()
	got := w.under(f)
	if len(got) != 1 {
		w.t.Fatalf("%d transfers are listed; want one: %+v", len(got), got)
	}
	return got[0]
}

// TestR_D_52_R_D_11: what the centre says of a shipment, from the moment it hears of
// it until it is in stock.
func TestR_D_52_R_D_11_TheList(t *testing.T) {
	w := f1(t)
	ci := threeLines(w)
	if got := w.under(transfer.Filter{}); len(got) > 0 {
		t.Errorf("before the centre heard of it %d are listed", len(got))
	}
	w.sync(2)
	x := w.onlyOne(transfer.Filter{InTransit: true})
	if x.Initiating.ID != ci || x.From.ID != w.Stores["B"] || x.To.ID != w.Stores["C"] || x.To.Site != 3 ||
		x.Words != "in transit to site 3, Sync Client 2" || x.Reason != transfer.Waiting || x.Exception || x.Old || x.Days != 0 {
		t.Errorf("listed as %+v", x)
	}
	if got := w.under(transfer.Filter{Exceptions: true}); len(got) > 0 {
		t.Errorf("site 3 had no chance yet, and it is an exception: %+v", got)
	}
	w.Clock.Wind(24 * time.Hour)
	x = w.onlyOne(transfer.Filter{Exceptions: true, InTransit: true})
	if x.Reason != transfer.NotConnected || !x.Exception || x.Old || x.Days != 1 || !strings.Contains(x.Words, "not synchronised for a day") {
		t.Errorf("after a day listed as %+v", x)
	}
	w.Clock.Wind(6*24*time.Hour + time.Hour)
	if x = w.onlyOne(transfer.Filter{Exceptions: true, Site: 3}); !x.Old || x.Days != 7 {
		t.Errorf("after a week it is marked %t, %d days old", x.Old, x.Days)
	}
	for _, none := range []transfer.Filter{{Site: 2}, {Store: w.Stores["A"]}, {Reason: transfer.TooOld}} {
		if got := w.under(none); len(got) > 0 {
			t.Errorf("%+v lists it", none)
		}
	}
	w.sync(3)
	if got := w.under(transfer.Filter{Exceptions: true}); len(got) > 0 {
		t.Errorf("answered, it is an exception: %+v", got)
	}
	if x = w.onlyOne(transfer.Filter{InTransit: true}); x.Responding == nil || x.Responding.Number != 1 || x.Old {
		t.Errorf("answered, it is listed as %+v", x)
	}
	w.sync(2)
	w.act(3, receive, w.answer(3, "invoice", ci).ID)
	w.sync(3)
	if got := w.under(transfer.Filter{}); len(got) > 0 {
		t.Errorf("in stock, it is listed as %+v", got)
	}
	w.peace()
}

func TestR_D_45_TooOld(t *testing.T) {
	for name, old := range map[string]func(w *world) string{ // returns the date of the shipment
		"before the store was there": func(*world) string { return "2026-01-15T08:00:00Z" },
		"before the cut-off": func(w *world) string {
			w.prefer("transfer_cut_off", 1)
			id := w.Stores["C"]
			if err := w.write(1, change("store", id, atoll.Fields{}.Set("created_date", "2020-01-01"))); err != nil {
				w.t.Fatal(err)
			}
			return "2026-01-15T08:00:00Z"
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := f2(t)
			date := old(w)
			item := w.item("x")
			w.sync(4, 2, 3)
			stock := w.stock("B", item, "50")
			ship := func(at string) atoll.ID {
				id := w.insert(2, "invoice", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.CustomerInvoice).
					Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["C"])).Set("created_at", at))
				w.lineOf(2, "B", id, stock, "4")
				w.act(2, finalise, id)
				return id
			}
			ancient, recent := ship(date), ship("2026-02-20T08:00:00Z") // within 30 days, and within a month
			w.sync(2, 3, 2)
			w.answer(3, "invoice", recent)
			if got := w.list(3, "invoice", "originating_id", string(ancient)); len(got) > 0 {
				t.Error("an old shipment was answered")
			}
			x := w.onlyOne(transfer.Filter{Exceptions: true})
			if x.Initiating.ID != ancient || x.Reason != transfer.TooOld || !strings.Contains(x.Words, "not transferred (too old)") {
				t.Errorf("listed as %+v", x)
			}
			// And its sender is told.
			if got := w.list(2, "message", "subject_id", string(ancient)); len(got) != 1 {
				t.Errorf("B has %d messages about it", len(got))
			}
			w.act(3, receive, w.answer(3, "invoice", recent).ID)
			w.peace()
			// Whoever gets the store afterwards tells it in its own name, if at all.
			w.move("C", 4)
			w.peace()
		})
	}
}

// TestR_D_48: the other store is closed before the goods arrive: with a successor,
// and without one until it is opened again.
func TestR_D_48_Closed(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	stock := w.stock("B", item, "50")
	ci := w.ship("B", "A", stock, "4") // A is the centre's
	w.configure(central.Disable(w.Stores["A"], true))
	w.sync(2, 2)
	x := w.onlyOne(transfer.Filter{Exceptions: true})
	if x.Initiating.ID != ci || x.Reason != transfer.Disabled {
		t.Errorf("listed as %+v", x)
	}
	told := w.one(2, "message", "subject_id", string(ci))
	if !strings.Contains(string(told.Fields["body"]), "Store A is disabled") {
		t.Errorf("B is told %s", told.Fields["body"])
	}
	// Nobody there can give the goods up: said at once, and not left to wait (R-D-39).
	w.refused(w.At(2).AskCancel(w.ctx, "tester", ci), atoll.LifeCycle, "Store A is closed")
	w.peace()
	w.configure(central.Disable(w.Stores["A"], false))
	w.sync(2)
	w.act(1, receive, w.answer(1, "invoice", ci).ID)
	w.peace()

	// With a successor on another site, which did not see the sender before.
	w.configure(central.MakeVisible(w.Stores["A"], w.Stores["C"], true))
	w.sync(3)
	w.refuses(central.Succeed(w.Stores["A"], w.Stores["A"]), atoll.Rule)
	w.refuses(central.Succeed(w.Stores["B"], w.Stores["C"]), atoll.Rule, "site 2")
	second := w.ship("B", "A", stock, "5")
	w.configure(central.Succeed(w.Stores["A"], w.Stores["D"]))
	w.sync(2)
	if got := w.list(1, "invoice", "originating_id", string(second)); len(got) > 0 {
		t.Error("the closed store answered")
	}
	w.sync(3, 2, 3)
	half := w.answer(3, "invoice", second)
	if half.Fields.ID("store_id") != w.Stores["D"] {
		t.Errorf("answered in store %s; want the successor, D", half.Fields.ID("store_id"))
	}
	if got := w.want(2, "invoice", second).Fields; got.ID("linked_invoice_id") != half.ID {
		t.Error("the sender does not know of it")
	}
	w.act(3, receive, half.ID)
	w.peace()
}

// TestR_D_46: the store moves between the push of one half and the pull of the
// other; and when the half had been made before.
func TestR_D_46_MovedInBetween(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("B", item, "50")
	made := w.ship("B", "A", stock, "4")
	w.sync(2) // A's half is made at the centre
	half := w.answer(1, "invoice", made)
	waits := w.ship("B", "A", stock, "5")
	n, err := w.AddSite(w.ctx, "Sync Client 5", topology.Server, "A")
	if err != nil {
		t.Fatal(err)
	}
	to := n.Door.Site
	w.sync(2, to, 2, to)
	for _, id := range []atoll.ID{made, waits} {
		if got := w.answer(to, "invoice", id); id == made && got.ID != half.ID {
			t.Errorf("site %d made its own half, %s", to, got.ID)
		}
		if got := w.list(1, "invoice", "originating_id", string(id)); len(got) != 1 {
			t.Errorf("%d halves of one shipment", len(got))
		}
		w.act(to, receive, w.answer(to, "invoice", id).ID)
	}
	w.peace()
}

// TestR_D_47: a pair that is open when its stores cease to see each other is
// completed; a new one cannot begin.
func TestR_D_47_NotVisibleAnyMore(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("B", item, "50")
	first := w.ship("B", "C", stock, "4")
	w.sync(2, 3)
	second := w.ship("B", "C", stock, "5") // not sent yet
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["C"], false))
	w.sync(2, 3, 2, 3)
	_, err := w.At(2).Shipment(w.ctx, w.Stores["B"], w.Stores["C"], stock, "1")
	w.refused(err, atoll.NotVisible)
	for _, id := range []atoll.ID{first, second} {
		half := w.answer(3, "invoice", id)
		w.act(3, receive, half.ID)
		w.sync(3, 2)
		if got := w.want(2, "invoice", id).Fields.Text("linked_status"); got != documents.Finalised {
			t.Errorf("B's half shows %s", got)
		}
	}
	w.peace()
}

func TestR_D_49_HiddenItem(t *testing.T) {
	w := f1(t)
	item, other := w.item("hidden"), w.item("other")
	w.insert(1, "item_store_join", atoll.Fields{}.Set("item_id", item).Set("store_id", w.Stores["C"]).Set("inactive", true))
	w.insert(1, "item_store_join", atoll.Fields{}.Set("item_id", other).Set("store_id", w.Stores["C"]))
	w.sync(2, 3)
	a, b := w.stock("B", item, "50"), w.stock("B", other, "50")
	ci := w.supplies(2, "B", "C", nil, map[atoll.ID]string{a: "1", b: "2"})
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	lines := w.linesOf(3, half.ID)
	if len(lines) != 2 {
		t.Errorf("%d lines arrived", len(lines))
	}
	for _, l := range lines {
		if got := l.Fields.Bool("item_hidden", false); got != (l.Fields.ID("item_id") == item) {
			t.Errorf("line of item %s is marked %t", l.Fields.ID("item_id"), got)
		}
	}
	w.act(3, receive, half.ID)
	w.peace()
}

// TestR_D_49: the store has its items through a master list (T-33).
func TestR_D_49_ItemOfNoList(t *testing.T) {
	w := f1(t)
	inside, outside, own := w.item("inside"), w.item("outside"), w.item("own")
	list := w.insert(1, "master_list", atoll.Fields{}.Set("name", "Essential medicines"))
	old := w.insert(1, "master_list", atoll.Fields{}.Set("name", "Of last year").Set("inactive", true))
	for _, l := range []atoll.ID{list, old} {
		w.insert(1, "master_list_name_join", atoll.Fields{}.Set("master_list_id", l).Set("name_id", topology.StoreNameID(w.Stores["C"])))
	}
	w.insert(1, "master_list_line", atoll.Fields{}.Set("master_list_id", list).Set("item_id", inside))
	w.insert(1, "master_list_line", atoll.Fields{}.Set("master_list_id", old).Set("item_id", outside))
	w.insert(1, "item_store_join", atoll.Fields{}.Set("item_id", own).Set("store_id", w.Stores["C"]))
	w.sync(2, 3)
	ci := w.supplies(2, "B", "C", nil, map[atoll.ID]string{w.stock("B", inside, "9"): "1", w.stock("B", outside, "9"): "1", w.stock("B", own, "9"): "1"})
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	lines := w.linesOf(3, half.ID)
	if len(lines) != 3 {
		t.Errorf("%d lines arrived", len(lines))
	}
	for _, l := range lines {
		if got := l.Fields.Bool("item_hidden", false); got != (l.Fields.ID("item_id") == outside) {
			t.Errorf("line of item %s is marked %t", l.Fields.Text("item_name"), got)
		}
	}
	w.act(3, receive, half.ID)
	w.peace()
}

func TestR_D_50_MergedMeanwhile(t *testing.T) {
	w := f1(t)
	gone, kept := w.item("gone"), w.item("kept")
	w.sync(2, 3)
	ci := w.ship("B", "C", w.stock("B", gone, "50"), "4")
	w.merge(1, "item", gone, kept)
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	l := w.one(3, "invoice_line", "invoice_id", string(half.ID))
	if l.Fields.ID("item_id") != kept {
		t.Errorf("the line names item %s; want the survivor", l.Fields.ID("item_id"))
	}
	w.act(3, receive, half.ID)
	w.peace()
}

// TestR_D_93: one line of a shipment cannot be taken in at site 3, because the item
// it names could not.
func TestR_D_93_R_D_51_PoisonLine(t *testing.T) {
	w := f1(t)
	good := w.item("good")
	bad, p := Item("bad")
	w.edit(1, p)
	w.sync(2)
	w.Damaged = true // at site 3 the item does not arrive
	l := w.listen(3)
	l.answer = func(f exchange.Frame) int {
		if r, ok := f.(exchange.Record); ok && r.Key.ID == bad {
			return -1 // lost
		}
		return 0
	}
	w.sync(3)
	ci := w.supplies(2, "B", "C", nil, map[atoll.ID]string{w.stock("B", good, "9"): "1", w.stock("B", bad, "9"): "2"})
	w.sync(2)
	poison := w.one(1, "invoice_line", "invoice_id", string(ci), "item_id", string(bad))
	w.sync(3)
	if got := w.list(3, "invoice", "originating_id", string(ci)); len(got) > 0 {
		t.Error("half a document was answered")
	}
	x := w.onlyOne(transfer.Filter{Exceptions: true})
	if x.Initiating.ID != ci || x.Reason != transfer.Failed || !slices.Contains(x.Lines, string(poison.ID)) || !strings.Contains(x.Words, string(poison.ID)) {
		t.Errorf("listed as %+v; want the line named", x)
	}
	// It is corrected at its source.
	l.answer = nil
	w.update(1, "item", bad, atoll.Fields{}.Set("name", "mended"))
	w.sync(3)
	half := w.answer(3, "invoice", ci)
	if got := w.linesOf(3, half.ID); len(got) != 2 {
		t.Errorf("the supplier invoice has %d lines", len(got))
	}
	if got := w.under(transfer.Filter{Exceptions: true}); len(got) > 0 {
		t.Errorf("still listed: %+v", got)
	}
	w.act(3, receive, half.ID)
	w.peace()
}

// TestR_D_93_TheLineItself: the line is what cannot be taken in.
func TestR_D_93_TheLineItself(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	ci := w.ship("B", "C", w.stock("B", item, "50"), "1", "2")
	w.sync(2)
	line := w.list(1, "invoice_line", "invoice_id", string(ci))[0]
	l, n := w.listen(3), w.Sites[3]
	l.answer = func(f exchange.Frame) int {
		r, ok := f.(exchange.Record)
		if !ok || r.Key != line.Key {
			return 0
		}
		r.Body = line.Fields.Clone().Set("number_of_packs", "a few").Encode() // of a program with another catalogue
		err := n.Store.Update(w.ctx, func(tx storage.Tx) error { return tx.Stage(integrate.LaneWaiting, integrate.Encode(r, 0)) })
		if err != nil {
			t.Error(err)
		}
		return -1
	}
	w.sync(3)
	x := w.onlyOne(transfer.Filter{Exceptions: true})
	if len(w.list(3, "invoice", "originating_id", string(ci))) > 0 || x.Reason != transfer.Failed || !slices.Equal(x.Lines, []string{string(line.ID)}) {
		t.Errorf("listed as %+v; want line %s named", x, line.ID)
	}
	l.answer = nil
	w.recall("invoice_line", line.ID)
	w.sync(3)
	w.act(3, receive, w.answer(3, "invoice", ci).ID)
	w.peace()
}
