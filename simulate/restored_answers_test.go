package simulate

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// takeBack has the centre take back all that sites hold of what it lost, which must be
// something.
func (w *world) takeBack() {
	w.t.Helper()
	taken, err := w.Centre.Centre.TakeBack(w.ctx, "tester", "restored")
	if err != nil || len(taken) == 0 {
		w.t.Fatalf("taken back: %+v, %v", taken, err)
	}
	for _, row := range taken {
		if row.Err != nil {
			w.t.Errorf("%s was not taken back: %v", row.Key, row.Err)
		}
	}
}

// What answers a record that a restored centre has lost may come before that is taken
// back: the report on a job, the finalised response to a requisition of the centre's.
// Each is heard then.
//
// R-H-28, R-M-03, R-D-42.
func TestR_H_28_R_M_03_AnsweredBeforeItIsBack(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.peace()
	old := w.stopped(t, w.Centre)
	job := w.job(handover.Resend, 2, handover.Selection{Types: []atoll.Type{"stock_line"}})
	asked, err := w.request("A", "B", item, "5")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 2)
	w.do(2, documents.Finalise, "requisition", w.answer(2, "requisition", asked).ID)
	w.reopen(t, w.Centre, old)
	w.sync(2)
	w.takeBack()
	w.done(job)
	if doc, _, _ := w.document(1, "requisition", asked); doc.Text("linked_status") != "finalised" {
		t.Errorf("the requisition has heard that its answer is %q; it is finalised", doc.Text("linked_status"))
	}
	w.peace()
}

// A resync that a restored centre has lost, and of which the site had heard, and
// nothing else, is taken back and goes on: what it sends is listed anew.
//
// R-H-28, R-H-42, R-M-03.
func TestR_H_42_R_M_03_ResyncTakenBack(t *testing.T) {
	w := f1(t)
	for i := range 30 {
		w.item("code " + string(rune('A'+i)))
	}
	w.peace()
	old := w.stopped(t, w.Centre)
	job := w.job(handover.Resync, 2, handover.Selection{Types: []atoll.Type{"item"}})
	net := w.Sites[2].Net
	net.Records = 8
	for w.get(2, "job", job) == nil {
		exchanges := 0
		net.Down = func() bool { exchanges++; return exchanges > 1 }
		w.Sync(w.ctx, 2)
	}
	*net = Network{}
	w.reopen(t, w.Centre, old)
	w.sync(2)
	w.takeBack()
	if err := w.Centre.Centre.WorkJobs(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 2)
	w.done(job)
	w.peace()
}

// An entry waits for the reason it was refused for, also when those that wait behind it
// could not stand for another. When a record is back for want of which the first of a
// chain was refused, all of it stands.
//
// R-H-28, R-K-40, R-M-03.
func TestR_K_40_R_M_03_ChainStandsAgain(t *testing.T) {
	w := f1(t)
	kept := w.item("kept")
	w.peace()
	old := w.stopped(t, w.Centre)
	item := w.item("lost")
	w.sync(2)
	w.reopen(t, w.Centre, old)
	key := func(kind atoll.Type) atoll.Key { return atoll.Key{Type: kind, ID: atoll.NewID(w.Clock.Now())} }
	count, counted := key("stocktake"), key("stocktake_line")
	stock := atoll.Key{Type: "stock_line", ID: w.stock("B", item, "50")} // waits for the item
	w.edit(2,
		journal.Proposal{Verb: atoll.Update, Key: stock, Fields: atoll.Fields{}.Set("on_hold", true)},
		journal.Proposal{Verb: atoll.Insert, Key: count, Fields: atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("status", documents.New)})
	w.edit(2, journal.Proposal{Verb: atoll.Insert, Key: counted, Fields: atoll.Fields{}. // waits for the stocktake
												Set("stocktake_id", count.ID).Set("store_id", w.Stores["B"]).Set("stock_line_id", stock.ID).Set("item_id", kept)})
	w.edit(2,
		journal.Proposal{Verb: atoll.Update, Key: counted, Fields: atoll.Fields{}.Set("comment", "b")},
		journal.Proposal{Verb: atoll.Update, Key: count, Fields: atoll.Fields{}.Set("description", "c")})
	w.sync(2)
	if n := len(w.quarantined(2)); n < 2 {
		t.Fatalf("%d entries are in quarantine; the item they name is not here", n)
	}
	w.takeBack()
	for _, no := range w.quarantined(2) {
		t.Errorf("in quarantine, and the item it names is back: %s", no.Message)
	}
	w.peace()
}

// A row that followed a merge is refused by a centre that has lost the merge, where the
// field is fixed. It stands, with all that was re-pointed along, when the merge is back.
//
// R-E-10, R-E-12, R-H-28, R-M-03.
func TestR_E_12_R_M_03_FollowsAMergeTakenBack(t *testing.T) {
	w := f1(t)
	from, into := w.item("merged"), w.item("kept")
	w.sync(2)
	note := atoll.Key{Type: "item_note", ID: w.insert(2, "item_note", atoll.Fields{}.Set("item_id", from).Set("store_id", w.Stores["B"]).Set("note", "a fixed reference"))}
	w.peace()
	old := w.stopped(t, w.Centre)
	w.merge(1, "item", from, into)
	w.sync(2, 2)
	w.reopen(t, w.Centre, old)
	w.sync(2)
	if len(w.quarantined(2)) == 0 {
		t.Fatal("the centre takes that a fixed field follows a merge of which it does not know")
	}
	w.takeBack()
	for _, no := range w.quarantined(2) {
		t.Errorf("in quarantine, and the merge that it follows is back: %s", no.Message)
	}
	if now := w.get(1, note.Type, note.ID).MustFields().ID("item_id"); now != into {
		t.Errorf("at the centre the note is on item %s; it follows the merge into %s", now, into)
	}
	w.peace()
}

// A document of the centre's own is taken back after its number was given to another: it
// gets the next one.
//
// R-B-111, R-M-03.
func TestR_B_111_R_M_03_NumberGivenAgain(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.peace()
	old := w.stopped(t, w.Centre)
	lost, err := w.request("A", "B", item, "5")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.reopen(t, w.Centre, old)
	made, err := w.request("A", "B", item, "6")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.takeBack()
	a, _, _ := w.document(1, "requisition", lost)
	b, _, _ := w.document(1, "requisition", made)
	if a.Int("number") == b.Int("number") || a.Int("number") <= 0 {
		t.Errorf("the requisitions have the numbers %d and %d", a.Int("number"), b.Int("number"))
	}
	w.peace()
}

// A centre that was restored to when a store was on its way to its new site asks again
// whether all has come. The site said so before, and the store has been worked in since.
//
// R-H-30, R-M-03.
func TestR_H_30_R_M_03_OpenedBeforeTheRestore(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.peace()
	move := w.move("A", 2)
	old := w.stopped(t, w.Centre)
	w.sync(2, 2)
	w.wants(move, topology.Moved)
	w.edit(2, Stock(atoll.NewID(w.Clock.Now()), w.Stores["A"], item, "50"))
	w.reopen(t, w.Centre, old)
	w.wants(move, topology.Backfill)
	if err := w.Centre.Centre.RepeatMove(w.ctx, "tester", move); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 2)
	w.wants(move, topology.Moved)
	w.peace()
}

// A store of the centre's was on its way to a site when the centre was restored, and was
// worked in at the centre until that move was taken back: what the site must have is what
// the centre holds then. A site that had all, and has worked there since, has it still.
//
// R-H-30, R-M-03.
func TestR_H_30_R_M_03_WorkedInUntilTheMoveIsBack(t *testing.T) {
	for _, opened := range []bool{false, true} {
		t.Run(fmt.Sprintf("opened=%t", opened), func(t *testing.T) {
			w := f1(t)
			item := w.item("a")
			w.configure(central.MakeVisible(w.Stores["A"], w.Stores["C"], true))
			w.peace()
			old := w.stopped(t, w.Centre)
			move := w.move("A", 2)
			w.sync(3) // which heard of it
			there := atoll.NewID(w.Clock.Now())
			if opened {
				w.sync(2, 2)
				w.edit(2, Stock(there, w.Stores["A"], item, "20"))
			}
			w.reopen(t, w.Centre, old)
			here := w.stock("A", item, "50")
			w.sync(3)
			w.takeBack()
			w.sync(2, 2)
			if opened {
				if err := w.Centre.Centre.RepeatMove(w.ctx, "tester", move); err != nil {
					t.Fatal(err)
				}
			}
			w.peace()
			w.wants(move, topology.Moved)
			w.want(2, "stock_line", here)
			if opened {
				w.want(1, "stock_line", there)
			}
		})
	}
}

// A store was switched by a move that the restored centre lost, and was changed there since:
// it is not taken back, and so the move is not either. The store stays where it is at the
// centre, and can be moved again. A site may know of the store's change before it hands in
// what it holds, or not.
//
// R-H-30, R-M-03.
func TestR_H_30_R_M_03_SwitchedOrNot(t *testing.T) {
	for _, heard := range []bool{false, true} {
		t.Run(fmt.Sprintf("heard=%t", heard), func(t *testing.T) {
			w := f1(t)
			w.configure(central.MakeVisible(w.Stores["A"], w.Stores["C"], true))
			w.peace()
			old := w.stopped(t, w.Centre)
			move := w.move("A", 2)
			w.sync(3) // which heard of it
			w.reopen(t, w.Centre, old)
			if !heard {
				w.sync(3, 3)
			}
			w.configure(central.ManageOnly(w.Stores["A"], true))
			if heard {
				w.sync(3, 3)
			}
			taken, err := w.Centre.Centre.TakeBack(w.ctx, "tester", "restored")
			if err != nil || len(taken) == 0 {
				t.Fatalf("taken: %+v, %v", taken, err)
			}
			for _, row := range taken {
				if row.Err == nil {
					t.Errorf("%s was taken back", row.Key)
				}
			}
			one := atoll.Key{Type: "store_move", ID: move}
			taken, err = w.Centre.Centre.TakeBack(w.ctx, "tester", "restored", one)
			if err != nil || len(taken) != 1 || !errors.Is(taken[0].Err, atoll.Rule) {
				t.Errorf("the move alone: %+v, %v", taken, err)
			}
			if _, err := w.Centre.Centre.LeaveFound(w.ctx, "it is moved again"); err != nil {
				t.Fatal(err)
			}
			w.configure(central.ManageOnly(w.Stores["A"], false))
			w.sync(2, 3)
			move = w.move("A", 2)
			w.peace()
			w.wants(move, topology.Moved)
		})
	}
}

// A centre is restored to when a store was to leave its site, and had not yet. That the move
// is over is taken back together with the store, which changed its site by it.
//
// R-H-30, R-M-03.
func TestR_H_30_R_M_03_SwitchedWithItsStore(t *testing.T) {
	w := f1(t)
	w.peace()
	move := w.move("C", 2)
	w.sync(2)
	old := w.stopped(t, w.Centre)
	w.sync(3, 3, 2)
	w.wants(move, topology.Moved)
	w.reopen(t, w.Centre, old)
	w.sync(2, 2)
	w.takeBack()
	w.wants(move, topology.Moved)
	w.peace()
	w.wants(move, topology.Moved)
}

// A restored centre answers an order anew, by a document of another kind, as the preference
// was changed since. The answer that it lost is not taken back beside it.
//
// R-D-11, R-M-03.
func TestR_D_11_R_M_03_AnsweredAnewInAnotherWay(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.configure(central.MakeVisible(w.Stores["A"], w.Stores["C"], true))
	w.peace()
	old := w.stopped(t, w.Centre)
	order := w.buys(3, "C", "A", map[atoll.ID]string{item: "5"})
	w.sync(3, 3)
	lost := w.one(3, "requisition", "purchase_order_id", string(order))
	w.reopen(t, w.Centre, old)
	w.prefer("purchase_order_answer", "customer_invoice")
	w.sync(3, 3)
	taken, err := w.Centre.Centre.TakeBack(w.ctx, "tester", "restored")
	if err != nil {
		t.Fatal(err)
	}
	left := false
	for _, row := range taken {
		left = left || row.Key == lost.Key && errors.Is(row.Err, atoll.Rule)
	}
	if !left {
		t.Errorf("of what was lost: %+v; want %s left, as the order is answered", taken, lost.Key)
	}
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "answered anew"); err != nil {
		t.Fatal(err)
	}
	w.peace()
	w.one(1, "invoice", "purchase_order_id", string(order))
}

// A transfer of a home store that a restored centre has lost is asked for again. What
// the site said to the lost one is no answer to this one, although it is the first again.
//
// R-G-42, R-M-03.
func TestR_G_42_R_M_03_TransferredAgain(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.peace()
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	w.sync(3)
	old := w.stopped(t, w.Centre)
	w.transfer(1, ada, "B")
	w.sync(3)
	w.reopen(t, w.Centre, old)
	w.sync(3)
	w.Clock.Wind(time.Hour)
	w.transfer(1, ada, "B")
	w.peace()
	if home, _ := w.person(1, ada); home != w.Stores["B"] {
		t.Errorf("she is at home in store %s, and was transferred to B, which is %s", home, w.Stores["B"])
	}
}

// A site took goods back that it had asked back, as the centre's store gave them up. The
// centre lost that, and the store moved to another site before the goods were heard of
// again: that they are taken back is refused, and the site is given the truth. The answer
// that it still has was retracted: nothing follows from that until the store answers.
//
// R-D-39, R-C-12, R-M-03.
func TestR_D_39_R_M_03_AskedBackOfAnAnswerThatIsLost(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.peace()
	stock := w.stock("B", item, "50")
	w.sync(2)
	old := w.stopped(t, w.Centre)
	sent := w.ship("B", "A", stock, "4")
	if err := w.At(2).AskCancel(w.ctx, "tester", sent); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 2)
	left := func() string { return w.want(2, "stock_line", stock).Fields.Number("total_number_of_packs") }
	if left() != "50" {
		t.Fatalf("B has %s packs; A gave up what was sent", left())
	}
	w.reopen(t, w.Centre, old)
	move := w.move("A", 3)
	w.sync(3, 3)
	w.wants(move, topology.Moved)
	w.sync(2)
	refused := w.quarantined(2)
	if len(refused) == 0 {
		t.Fatal("nobody has given the goods up, and B took them back")
	}
	for _, no := range refused {
		if _, err := w.Centre.Centre.Decide(w.ctx, no.ID, central.Return, "tester", "A has not answered"); err != nil && atoll.CodeOf(err) != atoll.Conflict {
			t.Fatal(err)
		}
	}
	w.sync(2, 2)
	for _, no := range w.quarantined(2) {
		t.Errorf("refused again: %s", no.Message)
	}
	if left() != "46" {
		t.Errorf("B has %s packs; 4 are on their way", left())
	}
	w.sync(3)
	w.peace()
	if left() != "50" {
		t.Errorf("B has %s packs; A gave up what was sent", left())
	}
}

// staysInB leaves the transfer that the restored centre has lost: site 2 hears that the
// patient is at home in B.
func (w *world) staysInB(patient atoll.ID) {
	w.t.Helper()
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "she stays at home in B"); err != nil {
		w.t.Fatal(err)
	}
	w.sync(2)
	if home, _ := w.person(2, patient); home != w.Stores["B"] {
		w.t.Fatalf("she is at home in store %s at site 2; the centre has never heard of her transfer", home)
	}
}

// A transfer of a home store that a restored centre has lost, and that a person leaves,
// never was: the details of the patient are locked no longer where it was heard of.
//
// R-G-43, R-M-03.
func TestR_G_43_R_M_03_LockedByATransferThatIsLost(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.peace()
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	old := w.stopped(t, w.Centre)
	w.transfer(1, ada, "C")
	w.sync(2, 2)
	phone := func(n string) error {
		return w.At(2).Insert(w.ctx, change("patient", ada, atoll.Fields{}.Set("phone", n)))
	}
	if phone("1") == nil {
		t.Fatal("her details are not locked, and she is being transferred")
	}
	w.reopen(t, w.Centre, old)
	w.sync(2)
	w.staysInB(ada)
	if err := phone("2"); err != nil {
		t.Errorf("nobody transfers her: %v", err)
	}
	w.peace()
}

// A draft of the centre's own that was sent, and answered, is a draft again at a centre that
// was restored to before: the goods are in stock in both stores. The centre lists it, and
// once it is sent again all is as it was.
//
// R-D-52, R-M-03.
func TestR_D_52_R_M_03_AnAnswerToWhatIsADraftAgain(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2)
	stock := w.stock("A", item, "50")
	ci := w.unsent("A", "B", stock, "5")
	w.peace()
	old := w.stopped(t, w.Centre)
	w.act(1, finalise, ci)
	w.sync(2)
	half := w.answer(2, "invoice", ci)
	w.act(2, receive, half.ID)
	w.reopen(t, w.Centre, old)
	w.sync(2)
	w.sync(2)
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "it is sent again"); err != nil {
		t.Fatal(err)
	}
	w.peace()
	w.holds(1, stock, "50", "50")
	x := w.onlyOne(transfer.Filter{Exceptions: true})
	if x.Initiating.ID != ci || x.Initiating.Status != documents.New || x.Responding == nil || x.Responding.ID != half.ID || x.Reason != transfer.Refused {
		t.Errorf("listed as %+v", x)
	}
	w.act(1, finalise, ci)
	w.peace()
	w.holds(1, stock, "45", "45")
	if got := w.under(transfer.Filter{}); len(got) > 0 {
		t.Errorf("it was sent again, and is listed as %+v", got)
	}
}
