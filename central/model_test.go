package central_test

import (
	"fmt"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
)

// Stories that the models of docs/model told of the program, played here with it.

// skipped has a person pass over the one refused change.
func (r *rig) skipped() {
	r.t.Helper()
	no := r.refusals(true)
	if len(no) != 1 {
		r.t.Fatalf("%d refusals, want the late change", len(no))
	}
	if _, err := r.Centre.Centre.Decide(r.t.Context(), no[0].ID, central.Skip, "tester", "came too late"); err != nil {
		r.t.Fatal(err)
	}
}

// The true state of a record is on its way to a site that has lost it, and the site
// gets the record again before it reads that line: it shows the record, whether it had
// heard that it was gone or not.
//
// R-F-09, R-C-12, R-C-20.
func TestTrueStateIsOfWhenItIsRead(t *testing.T) {
	for down := range 12 { // frames of the exchange before it gains the copy
		t.Run(fmt.Sprint("cut after ", down), func(t *testing.T) {
			r := newRig(t)
			shelf := r.insert(3, "location", atoll.Fields{}.Set("store_id", r.Stores["C"]).Set("code", "S").Set("name", "Shelf"))
			r.configure(central.MakeVisible(r.Stores["D"], r.Stores["C"], true))
			r.peace()
			r.update(3, "location", shelf, atoll.Fields{}.Set("name", "Too late"))
			if _, _, err := r.Centre.Centre.StartMove(t.Context(), "tester", handover.Order{
				Store: r.Stores["C"], To: 2, Forced: true, SignedBy: "tester", Reason: "the line is down",
			}, false); err != nil {
				t.Fatal(err)
			}
			r.lines[3].down = 2
			_, _ = r.Sync(t.Context(), 3) // the refusal, and no more
			r.skipped()
			if down > 0 {
				r.lines[3].down = 3
				_, _ = r.Sync(t.Context(), 3) // it hears what it has lost
				r.lines[3].down = down
				_, _ = r.Sync(t.Context(), 3)
			}
			r.configure(central.Collect(r.Stores["C"], 3, true))
			r.peace()
			if rec, there := r.record(3, "location", shelf); !there || rec.Hidden || rec.MustFields().Text("name") != "Shelf" {
				t.Errorf("the site with the copy has %s, hidden %t", rowText(rec), rec.Hidden)
			}
		})
	}
}

// The same, the other way round: the true state is on its way, and the site loses the
// record before it reads that line. It is not shown again.
//
// R-C-12, R-C-13.
func TestTrueStateShowsNothingThatWasLost(t *testing.T) {
	r := newRig(t)
	r.configure(central.MakeVisible(r.Stores["D"], r.Stores["C"], true))
	shelf := r.insert(3, "location", atoll.Fields{}.Set("store_id", r.Stores["C"]).Set("code", "S").Set("name", "Shelf"))
	r.peace()
	r.update(3, "location", shelf, atoll.Fields{}.Set("name", "Too late"))
	if _, _, err := r.Centre.Centre.StartMove(t.Context(), "tester", handover.Order{
		Store: r.Stores["C"], To: 2, KeepCopy: true, Forced: true, SignedBy: "tester", Reason: "the line is down",
	}, false); err != nil {
		t.Fatal(err)
	}
	r.lines[3].down = 2
	_, _ = r.Sync(t.Context(), 3)
	r.skipped()
	r.configure(central.Collect(r.Stores["C"], 3, false))
	r.peace()
	if rec, there := r.record(3, "location", shelf); there && !rec.Hidden {
		t.Errorf("the site that lost the copy shows %s", rowText(rec))
	}
}

// A document that a site holds by two audiences changes and leaves one of them: the
// change arrives; and when the site then loses the other audience before it has shown
// the change, nothing of the document is left there.
//
// R-A-09, R-C-12, R-C-13.
func TestLeavesOneOfTwoAudiences(t *testing.T) {
	for _, lost := range []bool{false, true} {
		r := newRig(t)
		r.configure(central.MakeVisible(r.Stores["B"], r.Stores["C"], true))
		r.configure(central.Collect(r.Stores["C"], 2, true))
		doc := r.insert(3, "invoice", atoll.Fields{}.Set("store_id", r.Stores["C"]).Set("kind", "customer_invoice").Set("status", "new").
			Set("partner_store_id", r.Stores["B"]))
		r.peace()
		if rec, _ := r.record(2, "invoice", doc); rec.MustFields().ID("partner_store_id") != r.Stores["B"] {
			t.Fatalf("site 2 has %s", rowText(rec))
		}
		r.update(3, "invoice", doc, atoll.Fields{}.Set("partner_store_id", nil).Set("comment", "not for B"))
		r.sync(3)
		if lost {
			r.lines[2].down = 3
			if _, err := r.Sync(t.Context(), 2); err == nil {
				t.Fatal("no cut")
			}
			r.configure(central.Collect(r.Stores["C"], 2, false))
		}
		r.peace()
		rec, there := r.record(2, "invoice", doc)
		if shown := there && !rec.Hidden; shown == lost || shown && rec.MustFields().Text("comment") != "not for B" {
			t.Errorf("copy lost %t: site 2 has %s, shown %t", lost, rowText(rec), shown)
		}
	}
}

// The centre is restored while a site is between two checkpoints, to a moment up to
// which the site had read. A record whose next change still lay ahead of the site then
// lies behind it as it was before: it is read all the same.
//
// R-A-09, R-A-18, R-K-18.
func TestCentreRestoredBetweenCheckpoints(t *testing.T) {
	r := newRig(t)
	a := r.item("a")
	r.peace()
	r.update(1, "item", a, atoll.Fields{}.Set("name", "changed once"))
	r.item("b")
	backup := r.hotBackup(1)
	r.update(1, "item", a, atoll.Fields{}.Set("name", "changed twice"))
	r.lines[2].until = a // it gets b, and not a
	if _, err := r.Sync(t.Context(), 2); err == nil {
		t.Fatal("no cut")
	}
	r.putBackHot(1, backup)
	r.peace()
	if rec, _ := r.record(2, "item", a); rec.MustFields().Text("name") != "changed once" {
		t.Errorf("site 2 has %s", rowText(rec))
	}
}
