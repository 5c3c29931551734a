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
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// move begins a move and returns its id.
func (w *world) move(store string, to atoll.SiteID) atoll.ID {
	w.t.Helper()
	id, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores[store], To: to}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// step returns the move as the centre shows it.
func (w *world) moving(id atoll.ID) central.MoveView {
	w.t.Helper()
	v, err := w.Centre.Centre.Move(w.ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// wants fails unless the move is at the step.
func (w *world) wants(id atoll.ID, step topology.Step) {
	w.t.Helper()
	if v := w.moving(id); v.Step != step {
		w.t.Errorf("the move is at %q (%s; %s); want %q", v.Step, v.Words, v.Problem, step)
	}
}

// writers returns the sites at which somebody could edit the stock line now:
// the edit is tried through the door, and undone.
func (w *world) writers(line atoll.ID) (out []atoll.SiteID) {
	w.t.Helper()
	key := atoll.Key{Type: "stock_line", ID: line}
	for _, n := range w.Nodes() {
		undo := atoll.Errorf(atoll.Internal, "undo")
		err := n.Store.Update(w.ctx, func(tx storage.Tx) error {
			rec, there, err := journal.View{RecordReader: tx}.Record(key)
			if err != nil || !there || rec.Hidden {
				return err
			}
			_, err = n.Door.Write(tx, journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{
				{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.Set("note", "mine "+n.Name+n.Clock.Now().String())},
			}})
			if err != nil {
				return err
			}
			return undo
		})
		if err == undo {
			out = append(out, n.Door.Site)
		}
	}
	return out
}

// TestR_H_39: F1, store C moves from site 3 to site 2. Steps as in R-H-30; the
// other store of site 3 is left alone (R-H-33), From's users are told (R-H-31),
// numbers continue (R-H-30 8), and To is opened after it was compared (R-H-30 9).
func TestR_H_30_R_H_31_R_H_33_R_H_39_MoveC(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock, inD := w.stock("C", item, "50"), w.stock("D", item, "9")
	toB := w.ship("C", "B", stock, "5")
	w.ship("C", "D", stock, "3")
	w.peace()
	number := w.want(3, "invoice", toB).Fields.Int("number")
	before := w.want(1, "stock_line", stock)

	id := w.move("C", 2)
	w.wants(id, topology.Freeze)
	if got := w.writers(stock); len(got) != 1 || got[0] != 3 {
		t.Errorf("before site 3 knows, %v may edit", got)
	}
	last := w.ship("C", "D", stock, "1") // work that was done before it heard
	w.sync(3)
	// In one cycle it heard, said what it has, and the store changed its site.
	w.wants(id, topology.Backfill)
	if st, _ := w.topology(1).Store(w.Stores["C"]); st.Site != 2 || st.Epoch == 0 {
		t.Errorf("at the centre C is at site %d, epoch %d", st.Site, st.Epoch)
	}
	if got := w.writers(stock); len(got) != 0 {
		t.Errorf("on the way, %v may edit", got)
	}
	w.sync(2)
	w.wants(id, topology.Moved)
	w.sync(2, 3)
	if got := w.writers(stock); len(got) != 1 || got[0] != 2 {
		t.Errorf("after the move %v may edit; want site 2", got)
	}
	// The centre's copy never changed its content: only what was done before the move.
	after := w.want(1, "stock_line", stock)
	if before.Fields.Text("batch") != after.Fields.Text("batch") || after.Origin.Site != 3 {
		t.Errorf("the centre's copy was %v, is %v", before.Fields, after.Fields)
	}
	w.equal("stock_line", stock, 1, 2)
	w.equal("invoice", last, 1, 2)
	if v := w.instance(2, "C"); v.Type != topology.Active {
		t.Errorf("C at site 2 is %s", v.Type)
	}
	if v := w.instance(3, "C"); v.Type != topology.Transfer || v.Open {
		t.Errorf("C at site 3 is %s, open %t", v.Type, v.Open)
	}
	// The number goes on.
	next := w.ship("C", "B", stock, "2")
	if n := w.want(2, "invoice", next).Fields.Int("number"); n != number+3 {
		t.Errorf("the next document of C has number %d after %d and two more", n, number)
	}
	// B and C are on one site: the half is there at once.
	w.answer(2, "invoice", next)
	// D trades with C through the centre.
	w.edit(3, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "stock_line", ID: inD}, Fields: atoll.Fields{}.Set("note", "D works on")})
	far := w.ship("D", "C", inD, "4")
	w.sync(3, 2)
	w.answer(2, "invoice", far)
	w.peace()
	v := w.moving(id)
	for _, s := range v.Steps {
		if s.At == "" {
			t.Errorf("step %s has no time: %+v", s.Name, v.Steps)
		}
	}
	if v.Records == 0 || !strings.Contains(v.Words, "done") {
		t.Errorf("the move tells %+v", v)
	}
}

// TestR_H_31: what users at the old site are told, and that nobody goes on there.
func TestR_H_31_Told(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	// A line that dies after the site heard, before the centre hears its word.
	id := w.move("C", 2)
	w.hears(3)
	w.wants(id, topology.Freeze)
	for store, want := range map[string]bool{"C": true, "D": false} {
		if told := w.instance(3, store).Moving; strings.Contains(told, "Store "+store+" is being moved to") != want {
			t.Errorf("users of %s are told %q", store, told)
		}
	}
	st, err := w.Sites[3].Site.Status(w.ctx)
	if err != nil || st.Light == site.Green || !strings.Contains(st.Words, "nobody can work in it here") {
		t.Errorf("the site says %q (%s), %v", st.Words, st.Light, err)
	}
	err = w.Sites[3].Insert(w.ctx, change("stock_line", stock, atoll.Fields{}.Set("note", "x")))
	w.refused(err, atoll.Rule, "being moved", "goes on there")
	_, err = w.Sites[3].Shipment(w.ctx, w.Stores["C"], w.Stores["B"], stock, "1")
	w.refused(err, atoll.Rule, "being moved")
	// D, its neighbour, works (R-H-33).
	w.stock("D", item, "1")
	w.sync(3, 2, 2)
	w.wants(id, topology.Moved)
	w.peace()
}

// hears lets the site have one exchange: it hears what is new, and what it says to
// that does not reach the centre.
func (w *world) hears(at atoll.SiteID) {
	w.t.Helper()
	n := w.Sites[at]
	rounds := 0
	n.Net.Down = func() bool { rounds++; return rounds > 1 }
	if _, err := w.Sync(w.ctx, at); err == nil {
		w.t.Fatalf("site %d was not cut off", at)
	}
	n.Net.Down = nil
}

// TestR_H_35: called off, a move had no effect; after the store has gone, only a
// move back is possible.
func TestR_H_35_Abort(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	id := w.move("C", 2)
	w.hears(3)
	if got := w.writers(stock); len(got) != 0 {
		t.Errorf("frozen, %v may edit", got)
	}
	if err := w.Centre.Centre.AbortMove(w.ctx, "boss", id); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	if got := w.writers(stock); len(got) != 1 || got[0] != 3 {
		t.Errorf("called off, %v may edit; want site 3", got)
	}
	w.wants(id, topology.Aborted)
	w.refused(w.Centre.Centre.AbortMove(w.ctx, "boss", id), atoll.LifeCycle)
	w.peace()
	// Again, and this time too late.
	id = w.move("C", 2)
	w.sync(3)
	err := w.Centre.Centre.AbortMove(w.ctx, "boss", id)
	w.refused(err, atoll.LifeCycle, "changed its site", "back")
	// Another move, and a plain assignment, meet the one under way.
	_, _, err = w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores["C"], To: 1}, false)
	w.refused(err, atoll.Rule, "being moved")
	w.sync(2, 2)
	w.wants(id, topology.Moved)
	back := w.move("C", 3)
	w.sync(2, 3, 3)
	w.wants(back, topology.Moved)
	w.peace()
	if got := w.writers(stock); len(got) != 1 || got[0] != 3 {
		t.Errorf("moved back, %v may edit", got)
	}
}

// TestR_H_30_Check: what speaks against a move is listed, all of it, and nothing
// changes; R-H-34: a mobile site has one store.
func TestR_H_30_R_H_34_Check(t *testing.T) {
	w := f1(t)
	w.peace()
	w.Clock.Wind(25 * time.Hour)
	seq := w.seq(1)
	_, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores["C"], To: 2}, false)
	w.refused(err, atoll.Rule, "site 3 last exchanged", "site 2 last exchanged")
	if w.seq(1) != seq {
		t.Error("something was written")
	}
	w.sync(2, 3)
	tablet, err := w.AddSite(w.ctx, "Tablet", topology.Mobile, "E")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		order handover.Order
		words string
	}{
		{handover.Order{Store: w.Stores["C"], To: tablet.Door.Site}, "mobile and has Store E"},
		{handover.Order{Store: w.Stores["F"], To: 3}, "managed only"},
		{handover.Order{Store: w.Stores["C"], To: 3}, "already"},
		{handover.Order{Store: w.Stores["C"], To: 77}, "no site 77"},
		{handover.Order{Store: "nowhere", To: 3}, "no store"},
		{handover.Order{Store: w.Stores["C"], To: 2, Forced: true}, "signed"},
	} {
		_, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", row.order, false)
		if err == nil || !strings.Contains(err.Error(), row.words) {
			t.Errorf("%+v: %v; want %q", row.order, err, row.words)
		}
	}
	// A try tells what would change, and does not.
	_, p, err := w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores["C"], To: 2}, true)
	if err != nil || len(p.Changes) == 0 || len(w.topology(1).Moves()) != 0 {
		t.Errorf("the preview: %+v, %v", p, err)
	}
}

// TestR_H_32_R_H_37: the device of site 3 is lost; C is moved from the centre's
// copy. What it did after its last exchange is told as lost, and signed for; when
// the device turns up after all, its work is quarantined, not applied.
func TestR_H_32_R_H_37_Forced(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	seen := w.Clock.Now()
	w.ship("C", "D", stock, "7") // never sent
	order := handover.Order{Store: w.Stores["C"], To: 2, Forced: true, Reason: "tablet stolen"}
	_, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", order, false)
	w.refused(err, atoll.Invalid, "signed", "last exchanged all its data at 2026-03-02T08:00", "done in Store C there since")
	order.SignedBy = "Dr. Okello"
	id, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", order, false)
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 2)
	w.wants(id, topology.Moved)
	v := w.moving(id)
	lost, perr := time.Parse(time.RFC3339, v.LostSince)
	if !v.Forced || v.SignedBy != "Dr. Okello" || perr != nil || lost.After(seen) || seen.Sub(lost) > time.Hour {
		t.Errorf("the move tells %+v", v)
	}
	w.update(2, "stock_line", stock, atoll.Fields{}.Set("note", "counted"))
	w.sync(2)
	c, err := w.Sync(w.ctx, 3)
	if err != nil || c.Quarantined == 0 {
		t.Errorf("the old device: %+v, %v; want its work in quarantine", c, err)
	}
	w.sync(3)
	if got := w.writers(stock); len(got) != 1 || got[0] != 2 {
		t.Errorf("%v may edit; want site 2 only", got)
	}
	if rec := w.want(1, "stock_line", stock); rec.Fields.Text("note") != "counted" || rec.Fields.Number("total_number_of_packs") != "50" {
		t.Errorf("the centre has %v", rec.Fields)
	}
	if w.get(3, "stock_line", stock) != nil {
		t.Error("the old site still shows the store's data")
	}
}

// A site that was initialised again says anew what a move waits for: what it said before
// does not stand in its way.
//
// R-H-30, R-C-94.
func TestR_H_30_R_C_94_SaidAgain(t *testing.T) {
	w := f1(t)
	w.sync(2, 3)
	id := w.move("C", 2)
	w.sync(2)
	stray, p := Item("stray")
	if err := w.forge(3, p); err != nil {
		t.Fatal(err)
	}
	w.sync(3)
	if v := w.moving(id); v.Step != topology.Freeze {
		t.Fatalf("the move is at %s, with a refused change of the site it leaves", v.Step)
	}
	w.replace(3)
	w.Clock.Wind(time.Hour)
	w.sync(3, 3)
	for _, no := range w.quarantined(3) {
		if !slices.Contains(no.Keys, atoll.Key{Type: "item", ID: stray}) {
			t.Errorf("refused besides: %s %v: %s", no.Code, no.Keys, no.Message)
		}
	}
}

// What was asked for by a store that was taken from the site by force does not stand; what
// another store of the site has sent for it does, and arrives.
//
// R-H-37, R-D-06.
func TestR_H_37_R_D_06_SentForWhatDoesNotStand(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(3)
	stock := w.stock("D", item, "50")
	w.peace()
	_, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores["C"], To: 1, Forced: true, Reason: "tablet stolen", SignedBy: "Dr. Okello"}, false)
	if err != nil {
		t.Fatal(err)
	}
	asked := w.insert(3, "requisition", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("kind", documents.Request).
		Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["D"])))
	w.perform(3, documents.Finalise, "requisition", asked)
	response := w.answer(3, "requisition", asked)
	sent := w.supplies(3, "D", "C", atoll.Fields{}.Set("requisition_id", response.ID), map[atoll.ID]string{stock: "7"})
	w.sync(3, 3)
	if got := w.list(1, "requisition", "store_id", string(w.Stores["C"])); len(got) > 0 {
		t.Errorf("the request stands: %s", got[0].Body)
	}
	if got := w.answer(1, "invoice", sent).Fields; got.ID("store_id") != w.Stores["C"] || got.Has("requisition_id") {
		t.Errorf("what arrives is for request %q", got.ID("requisition_id"))
	}
}

// What a site made together with a change that it had no right to is refused with it, and
// the site is told that there is no such record. It makes it again, and that stands: it
// builds on nothing that waits. What names the store that was taken from it is a
// person's to settle.
//
// R-F-09, R-H-37.
func TestR_F_09_R_H_37_MadeAgain(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(3)
	stock := w.stock("C", item, "50")
	w.peace()
	_, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores["C"], To: 1, Forced: true, Reason: "tablet stolen", SignedBy: "Dr. Okello"}, false)
	if err != nil {
		t.Fatal(err)
	}
	shelf := journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "location", ID: atoll.DeriveID("shelf")}, Fields: atoll.Fields{}.Set("store_id", w.Stores["D"]).Set("code", "1").Set("name", "1")}
	w.edit(3, change("stock_line", stock, atoll.Fields{}.Set("note", "counted")), shelf)
	if c := w.sync(3); c.Quarantined != 1 {
		t.Fatalf("%d entries were refused; want the one that changes store C", c.Quarantined)
	}
	w.sync(3)
	if w.get(3, "location", shelf.Key.ID) != nil {
		t.Fatal("the site still has what was refused")
	}
	w.edit(3, shelf)
	if c := w.sync(3); c.Quarantined != 0 {
		t.Errorf("made again, it was refused: %s", w.quarantined(3)[c.Quarantined].Message)
	}
	w.equal("location", shelf.Key.ID, 3, 1)
}

// A move that began goes on by force when the site falls silent in the middle.
//
// R-H-37.
func TestR_H_37_ForcedOn(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	stock := w.stock("C", item, "50")
	w.peace()
	id := w.move("C", 1)
	w.refused(w.Centre.Centre.ForceMove(w.ctx, "tester", id, ""), atoll.Invalid, "signed")
	if err := w.Centre.Centre.ForceMove(w.ctx, "tester", id, "Dr. Okello"); err != nil {
		t.Fatal(err)
	}
	w.wants(id, topology.Moved) // to the centre: nothing is to be received
	if got := w.writers(stock); len(got) != 2 {
		t.Errorf("%v may edit: the centre, and site 3 as far as it knows", got)
	}
	w.sync(3)
	if got := w.writers(stock); len(got) != 1 || got[0] != 1 {
		t.Errorf("%v may edit; want the centre", got)
	}
	w.peace()
}

// TestToANewSite: to a site that is made for it, which receives the store when it
// initialises (R-H-30 7); and from the centre (From is here).
func TestR_H_30_ToANewSite(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	stock := w.stock("E", item, "12")
	w.peace()
	n, err := w.AddSite(w.ctx, "Clinic", topology.Desktop)
	if err != nil {
		t.Fatal(err)
	}
	at := n.Door.Site
	id := w.move("E", at)
	w.wants(id, topology.Backfill)
	if got := w.writers(stock); len(got) != 0 {
		t.Errorf("on the way, %v may edit", got)
	}
	w.enrol(at)
	w.sync(at, at)
	w.wants(id, topology.Moved)
	if got := w.writers(stock); len(got) != 1 || got[0] != at {
		t.Errorf("%v may edit; want site %d", got, at)
	}
	w.peace()
}

// TestKeepCopy: the site it leaves keeps a collector copy when that was asked for,
// and only then (R-H-30 5).
func TestR_H_30_KeepCopy(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		stock := w.stock("C", item, "50")
		w.peace()
		id, _, err := w.Centre.Centre.StartMove(w.ctx, "tester", handover.Order{Store: w.Stores["C"], To: 2, KeepCopy: keep}, false)
		if err != nil {
			t.Fatal(err)
		}
		w.sync(3, 2, 2, 3)
		w.wants(id, topology.Moved)
		want := topology.Transfer
		if keep {
			want = topology.Collector
		}
		if v := w.instance(3, "C"); v.Type != want || (w.get(3, "stock_line", stock) != nil) != keep {
			t.Errorf("keep %t: C at site 3 is %s", keep, v.Type)
		}
		w.peace()
	}
}

// enrol lets a site in that got its store after it was made.
func (w *world) enrol(at atoll.SiteID) {
	w.t.Helper()
	code, err := w.Centre.Centre.NewCode(w.ctx, "technician", at)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.Centre.Centre.Enrol(w.ctx, exchange.Enrolment{
		Code: code, Key: make([]byte, 32), Device: "device of " + w.Sites[at].Name, Protocol: exchange.Protocol,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestR_H_30_VerifiedBeforeOpen: the new site's line gives it a few records at a
// time. The store opens when all are there and were compared, and not before
// (R-H-30 9).
func TestR_H_30_VerifiedBeforeOpen(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	var lines []atoll.ID
	for range 30 {
		lines = append(lines, w.stock("C", item, "5"))
	}
	w.peace()
	id := w.move("C", 2)
	w.sync(3)
	net := w.Sites[2].Net
	net.Records = 4
	for cycles := 0; w.moving(id).Step != topology.Moved; cycles++ {
		exchanges := 0
		net.Down = func() bool { exchanges++; return exchanges > 1 }
		w.Sync(w.ctx, 2)
		net.Down = nil
		here := 0
		for _, line := range lines {
			if w.get(2, "stock_line", line) != nil {
				here++
			}
		}
		if got := w.writers(lines[0]); len(got) > 0 && here < len(lines) {
			t.Fatalf("%d of %d lines are here, and %v may edit", here, len(lines), got)
		}
		if v := w.moving(id); v.Step == topology.Moved && (here < len(lines) || cycles == 0) {
			t.Fatalf("the move is done in cycle %d, with %d of %d lines", cycles, here, len(lines))
		}
		if cycles > 100 {
			t.Fatalf("the move does not end: %+v", w.moving(id))
		}
	}
	net.Records = 0
	w.peace()
}
