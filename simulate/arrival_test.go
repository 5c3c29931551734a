package simulate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/storage"
)

// arrives stages a record at site 2, as if the centre had sent it at the position.
func (w *world) arrives(at atoll.Position, key atoll.Key, f atoll.Fields) {
	w.t.Helper()
	item := integrate.Encode(exchange.Record{
		Position: at, Key: key, Version: 1, Origin: atoll.Origin{Site: atoll.CentreID, Seq: uint64(at)}, Body: f.Encode(),
	}, 0)
	if err := w.At(2).Store.Update(w.ctx, func(tx storage.Tx) error { return tx.Stage(integrate.LaneNormal, item) }); err != nil {
		w.t.Fatal(err)
	}
}

// waiting is how many records wait at site 2 for what they need.
func (w *world) waiting() (n int) {
	w.t.Helper()
	err := w.At(2).Store.View(w.ctx, func(r storage.Reader) error {
		lanes, err := r.CountStaged()
		n = lanes[integrate.LaneWaiting]
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestR_A_11_R_A_17_AnyOrder: records are taken in the order in which they need
// each other, whatever the order of arrival; one that cannot be taken waits, stops
// nothing that does not need it, and is tried again in each later cycle.
func TestR_A_11_R_A_17_AnyOrder(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	key := func(kind atoll.Type, name string) atoll.Key {
		return atoll.Key{Type: kind, ID: atoll.DeriveID("arrival", name)}
	}
	doc := atoll.Fields{}.Set("store_id", w.Stores["A"]).Set("kind", documents.CustomerInvoice).Set("status", documents.New)
	line := func(of string) atoll.Fields {
		return atoll.Fields{}.Set("invoice_id", key("invoice", of).ID).Set("store_id", w.Stores["A"]).Set("kind", "stock_out").
			Set("item_id", item).Set("number_of_packs", number("1"))
	}
	const at = 1 << 40
	w.arrives(at+1, key("invoice_line", "child"), line("parent"))
	w.arrives(at+2, key("invoice_line", "orphan"), line("late"))
	w.arrives(at+3, key("a_type_of_tomorrow", "new"), atoll.Fields{}.Set("name", "x"))
	w.arrives(at+4, key("invoice", "parent"), doc)
	w.arrives(at+5, key("location", "other"), atoll.Fields{}.Set("store_id", w.Stores["A"]).Set("code", "L").Set("name", "L"))
	c := w.sync(2)
	for _, k := range []atoll.Key{key("invoice", "parent"), key("invoice_line", "child"), key("location", "other")} {
		if w.get(2, k.Type, k.ID) == nil {
			t.Errorf("%s was not taken", k)
		}
	}
	if w.get(2, "invoice_line", key("", "orphan").ID) != nil || w.waiting() != 2 || c.Integrated.Waiting != 2 {
		t.Errorf("%d records wait, and the cycle tells of %d; want the line without its document and the unknown type", w.waiting(), c.Integrated.Waiting)
	}
	if s, err := w.At(2).Site.Status(w.ctx); err != nil || s.Unresolved != 2 {
		t.Errorf("the status tells of %d, %v", s.Unresolved, err)
	}
	w.arrives(at+6, key("invoice", "late"), doc)
	w.sync(2)
	if w.get(2, "invoice_line", key("", "orphan").ID) == nil || w.waiting() != 1 {
		t.Errorf("after its document came, %d records wait: %s", w.waiting(), fmt.Sprint(w.list(2, "invoice_line")))
	}
}

// TestR_A_04_OwnRecordsAreKept: what a site owns is not overwritten by what arrives,
// however late its position; what it does not own is. (A later version is another
// matter: TestR_F_02_GrantedAfterAnEdit.)
func TestR_A_04_OwnRecordsAreKept(t *testing.T) {
	w := f1(t)
	own := w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "L").Set("name", "mine"))
	theirs := w.insert(1, "location", atoll.Fields{}.Set("store_id", w.Stores["A"]).Set("code", "L").Set("name", "theirs"))
	w.sync(2)
	for i, id := range []atoll.ID{own, theirs} {
		rec := w.want(2, "location", id)
		item := integrate.Encode(exchange.Record{
			Position: 1<<40 + atoll.Position(i), Key: rec.Key, Version: rec.Version, Origin: atoll.Origin{Site: atoll.CentreID, Seq: 1 << 40},
			Body: rec.Fields.Clone().Set("name", "arrived").Encode(),
		}, 1<<40) // the centre has all that this site ever wrote
		if err := w.At(2).Store.Update(w.ctx, func(tx storage.Tx) error { return tx.Stage(integrate.LaneNormal, item) }); err != nil {
			t.Fatal(err)
		}
	}
	c := w.sync(2)
	if got := w.want(2, "location", own).Fields.Text("name"); got != "mine" || c.Integrated.Kept != 1 {
		t.Errorf("the site's own record says %q; %d were kept", got, c.Integrated.Kept)
	}
	if got := w.want(2, "location", theirs).Fields.Text("name"); got != "arrived" {
		t.Errorf("another's record says %q", got)
	}
}

// TestR_A_20_ClockDifferenceIsShown: above five minutes either way, and not below.
func TestR_A_20_ClockDifferenceIsShown(t *testing.T) {
	w := f1(t)
	for _, off := range []time.Duration{4 * time.Minute, 6 * time.Minute, -4 * time.Minute, -6 * time.Minute, 0} {
		w.Sites[2].Site.Now = func() time.Time { return w.Clock.Now().Add(off) }
		w.sync(2)
		st, err := w.At(2).Site.Status(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		shown := strings.Contains(st.Words, "clock is off by")
		if shown != (off.Abs() > 5*time.Minute) || (st.ClockAhead-off).Abs() > time.Second {
			t.Errorf("off by %s: told %s, %q", off, st.ClockAhead, st.Words)
		}
	}
}
