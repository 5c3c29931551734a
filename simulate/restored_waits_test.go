package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/topology"
)

// A restored centre is sent an entry that names another site's record before that site
// has come: it waits, and stands by itself when the record is sent again, also where the
// centre itself had made nothing since its backup.
//
// R-A-18, R-H-28, R-M-03.
func TestR_H_28_R_M_03_WaitsForAnotherSite(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.peace()
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	old := w.stopped(t, w.Centre)
	w.sync(3)
	w.show(ada, "B")
	w.sync(2)
	note := atoll.Key{Type: "encounter", ID: w.insert(2, "encounter", atoll.Fields{}.Set("patient_id", ada).Set("store_id", w.Stores["B"]).Set("started_at", "2026-01-02T10:00:00Z").Set("status", "visited"))}
	w.sync(2)
	w.reopen(t, w.Centre, old)
	w.sync(2)
	if _, there := w.is(1, note); there {
		t.Fatal("the centre has taken what names a patient whom it does not have")
	}
	w.sync(3)
	if _, there := w.is(1, note); !there {
		t.Error("the centre has the patient again, and lacks the encounter")
	}
}

// A document that a restored centre has lost of its own comes back from the sites with
// its lines, settled as it was.
//
// R-H-28, R-M-03.
func TestR_H_28_R_M_03_DocumentTakenBackWhole(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.peace()
	old := w.stopped(t, w.Centre)
	asked, err := w.request("A", "B", item, "5")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.reopen(t, w.Centre, old)
	w.sync(2)
	taken, err := w.Centre.Centre.TakeBack(w.ctx, "tester", "restored")
	if err != nil || len(taken) == 0 {
		t.Fatalf("%+v, %v", taken, err)
	}
	for _, row := range taken {
		if row.Err != nil {
			t.Errorf("%s: %v", row.Key, row.Err)
		}
	}
	if doc, lines, _ := w.document(1, "requisition", asked); len(lines) != 1 || doc.Text("status") != "finalised" {
		t.Errorf("the requisition is %s, with %d lines", doc.Text("status"), len(lines))
	}
}

// A document whose line names what a restored centre has lost, and cannot take back, waits
// with its lines and is given up with them: it is restated in one entry.
//
// R-A-18, R-H-28.
func TestR_H_28_DocumentRestatedWhole(t *testing.T) {
	w := f1(t)
	w.peace()
	old := w.stopped(t, w.Centre)
	item := w.item("lost")
	w.sync(2)
	asked := atoll.NewID(w.Clock.Now())
	w.edit(2, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "requisition", ID: asked}, Fields: atoll.Fields{}.
		Set("store_id", w.Stores["B"]).Set("kind", documents.Request).Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["C"]))},
		journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "requisition_line", ID: atoll.NewID(w.Clock.Now())}, Fields: atoll.Fields{}.
			Set("requisition_id", asked).Set("store_id", w.Stores["B"]).Set("item_id", item).Set("requested_quantity", number("5"))})
	w.act(2, finaliseRequisition, asked)
	seq := w.seq(2)
	w.reopen(t, w.Centre, old)
	w.grant("items", "C")
	w.sync(2)
	if w.seq(2) == seq {
		t.Fatal("the site has stated nothing again")
	}
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "the right to it is delegated"); err != nil {
		t.Fatal(err)
	}
	w.giveTruth(2)
	w.sync(2)
	for _, at := range []atoll.SiteID{1, 2} {
		if rec, there := w.is(at, atoll.Key{Type: "requisition", ID: asked}); there {
			t.Errorf("site %d has a %s requisition without its lines", at, rec.MustFields().Text("status"))
		}
	}
}

// A version that another site had made by a right that a restored centre gave and lost is
// not the centre's to state: its readers find by comparing that it is not so, a day later
// at the latest.
//
// R-H-28, R-H-44, R-M-03.
func TestR_H_44_R_M_03_ReaderOfALostVersion(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.peace()
	old := w.stopped(t, w.Centre)
	w.grant("items", "B")
	w.sync(2)
	if err := w.rename(2, item, "renamed by a right"); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	w.reopen(t, w.Centre, old)
	w.sync(3, 2)
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "the right is not given again"); err != nil {
		t.Fatal(err)
	}
	w.giveTruth(2)
	w.sync(2, 3)
	w.Clock.Wind(25 * time.Hour)
	w.sync(3)
	for _, at := range []atoll.SiteID{1, 2, 3} {
		if rec := w.want(at, "item", item); rec.Fields.Text("name") == "renamed by a right" {
			t.Errorf("site %d has %s of %s; the centre gave no such right", at, rec.Fields.Text("name"), rec.Origin)
		}
	}
	w.Stranded = map[Strand]bool{{3, atoll.Key{Type: "item", ID: item}}: true} // it differed
	w.peace()
}

// A record that another site had made by such a right waits in quarantine, or was left out.
// That its readers have it is no reason to make it here again.
//
// R-H-28, R-H-44, R-K-42, R-M-03.
func TestR_H_44_R_M_03_ReaderOfWhatWasRefused(t *testing.T) {
	w := f1(t)
	w.peace()
	old := w.stopped(t, w.Centre)
	w.grant("items", "B")
	w.sync(2)
	item, err := w.newItem(2, "made by a right")
	if err != nil {
		t.Fatal(err)
	}
	key := atoll.Key{Type: "item", ID: item}
	w.sync(2, 3)
	w.reopen(t, w.Centre, old)
	w.sync(3, 2)
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "the right is not given again"); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	if len(w.quarantined(2)) == 0 {
		t.Fatal("the item was taken, and the centre gave no right to make it")
	}
	w.Clock.Wind(25 * time.Hour)
	w.sync(3, 3)
	if _, there := w.is(1, key); there {
		t.Fatal("an item that waits in quarantine is made again because another site has it")
	}
	w.giveTruth(2)
	w.Clock.Wind(25 * time.Hour)
	w.sync(2, 3, 3)
	for _, at := range []atoll.SiteID{1, 2, 3} {
		if _, there := w.is(at, key); there {
			t.Errorf("site %d has the item; it was left out", at)
		}
	}
	w.Stranded = map[Strand]bool{{3, key}: true} // it differed
	w.peace()
}

// What a site was given by a preference that a restored centre has lost goes from it when
// the site hears how the preference is now: the centre does not know that it is there.
//
// R-B-95, R-M-03.
func TestR_B_95_R_M_03_GivenByALostPreference(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.prefer("prescriptions_everywhere", false)
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	id, err := w.prescribe("B", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.peace()
	old := w.stopped(t, w.Centre)
	w.prefer("prescriptions_everywhere", true)
	w.show(ada, "C")
	w.sync(3)
	given := atoll.Key{Type: "prescription", ID: id}
	if _, there := w.is(3, given); !there {
		t.Fatal("the site where the patient is visible has no prescription")
	}
	w.Stranded = map[Strand]bool{{3, atoll.Key{Type: "patient", ID: ada}}: true} // found to differ, as what shows her is lost
	for _, join := range w.list(3, "patient_store_join", "patient_id", string(ada)) {
		w.Stranded[Strand{3, join.Key}] = true
	}
	w.reopen(t, w.Centre, old)
	w.sync(3, 2)
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "the preference is to stay off"); err != nil {
		t.Fatal(err)
	}
	w.peace()
	if _, there := w.is(3, given); there {
		t.Error("site 3 shows a prescription that nothing gives it any longer")
	}
	if _, there := w.is(2, given); !there {
		t.Error("the site that made it does not show it")
	}
}

// A line that was made and deleted while the entries waited was never at the centre: the
// site forgets it, and both count the same records.
//
// R-H-44, R-K-40, R-M-03.
func TestR_H_44_R_K_40_MadeAndUnmadeWhileItWaited(t *testing.T) {
	w := f1(t)
	kept := w.item("kept")
	w.peace()
	old := w.stopped(t, w.Centre)
	lost := w.item("lost")
	w.sync(2)
	asked, line := atoll.NewID(w.Clock.Now()), atoll.Key{Type: "requisition_line", ID: atoll.NewID(w.Clock.Now())}
	of := func(item atoll.ID) atoll.Fields {
		return atoll.Fields{}.Set("requisition_id", asked).Set("store_id", w.Stores["B"]).Set("item_id", item).Set("requested_quantity", number("5"))
	}
	w.edit(2, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "requisition", ID: asked}, Fields: atoll.Fields{}.
		Set("store_id", w.Stores["B"]).Set("kind", documents.Request).Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["C"]))},
		journal.Proposal{Verb: atoll.Insert, Key: line, Fields: of(lost)},
		journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "requisition_line", ID: atoll.NewID(w.Clock.Now())}, Fields: of(kept)})
	w.edit(2, journal.Proposal{Verb: atoll.Delete, Key: line},
		journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "requisition", ID: asked}, Fields: atoll.Fields{}.Set("comment", "without it")})
	w.reopen(t, w.Centre, old)
	w.sync(2)
	if _, err := w.Centre.Centre.TakeBack(w.ctx, "tester", "restored"); err != nil {
		t.Fatal(err)
	}
	w.peace()
	for _, at := range []atoll.SiteID{1, 2} {
		if rec, there := w.is(at, line); there {
			t.Errorf("site %d has version %d of the line (deleted: %t)", at, rec.Version, rec.Deleted)
		}
		if got := w.want(at, "requisition", asked); got.Fields.Text("comment") != "without it" {
			t.Errorf("site %d has version %d of the requisition", at, got.Version)
		}
	}
}

// What a restored centre tells of a record before it has again what a site made of it is
// not how the record is: the site has made it otherwise since, though what stands there
// is a later version of the centre's, which is lost. It hears how the record is once the
// centre has what it made. The lost version is handed in all the same.
//
// R-H-28, R-M-03.
func TestR_H_28_R_M_03_ToldBeforeItWasSentAgain(t *testing.T) {
	w := f1(t)
	w.dispensaries("A", "B", "C", "D")
	w.sync(2, 3)
	ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
	w.sync(3)
	w.transfer(1, ada, "B")
	w.sync(3, 2)
	w.peace()
	old := w.stopped(t, w.Centre)
	const batch = 10 // the least: her details are in the last
	if err := w.At(2).Site.Configure(w.ctx, "tester", func(s *site.Settings) { s.Batch = batch }); err != nil {
		t.Fatal(err)
	}
	for range 12 * batch {
		w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "L").Set("name", "Shelf").Set("on_hold", false))
	}
	w.update(2, "patient", ada, phone("1"))
	w.transfer(1, ada, "A")
	w.sync(2, 2)
	if home, _ := w.person(2, ada); home != w.Stores["A"] {
		t.Fatal("the home store is not switched; the test shows nothing")
	}
	w.reopen(t, w.Centre, old)
	w.show(ada, "D") // lists her anew, as she was
	w.sync(2, 2)
	if got := w.want(2, "patient", ada).Fields.Text("phone"); got != "1" {
		t.Errorf("site 2 has lost what it made itself: the phone is %q", got)
	}
	w.equal("patient", ada, 1, 2)
	rows, _, err := w.Centre.Centre.FoundRecords(w.ctx)
	if err != nil || !slices.ContainsFunc(rows, func(f central.Found) bool { return f.Key == patientKey(ada) }) {
		t.Errorf("her lost home store was not handed in: %+v, %v", rows, err)
	}
	w.sync(3)
	w.peace()
}

// A requisition comes back to a restored centre after its answer, and after the site that
// answers was initialised again, and was given the requisition's store as well: it is told
// how its answer stands when it arrives there.
//
// R-D-40, R-H-28, R-M-03.
func TestR_D_40_R_M_03_BackAfterItsAnswer(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["C"], true))
	w.peace()
	move := w.move("C", 2)
	old := w.stopped(t, w.Centre)
	asked, err := w.request("C", "B", item, "5")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3, 3, 2, 2)
	w.wants(move, topology.Moved)
	answer := w.answer(2, "requisition", asked).ID
	w.reopen(t, w.Centre, old)
	w.Sites[2].Net.Twice = func() bool { return true } // it is asked for its records again at once
	w.sync(2)
	w.Sites[2].Net.Twice = nil
	w.do(2, documents.Confirm, "requisition", answer)
	w.sync(2)
	if len(w.quarantined(2)) == 0 {
		t.Fatal("the centre has the requisition; the test shows nothing")
	}
	w.replace(2)
	w.sync(2)
	if err := w.Centre.Centre.ForceMove(w.ctx, "tester", move, "Dr. Okello"); err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	if _, err := w.Centre.Centre.Decide(w.ctx, w.quarantined(2)[0].ID, central.Retry, "tester", ""); err != nil {
		t.Fatal(err)
	}
	w.giveTruth(3)
	w.sync(2, 2)
	doc, _, _ := w.document(2, "requisition", asked)
	if is, want := doc.Text("linked_status"), w.want(2, "requisition", answer).Fields.Text("status"); is != want {
		t.Errorf("the requisition has heard that its answer is %q; it is %s", is, want)
	}
}

// A site hands over a store, and answers what that store asked of another of its own; a
// centre that is restored to before the move gives the store back to it. What the store
// asked hears then how it was answered while it was away: the store comes without its
// documents, which never left.
//
// R-D-40, R-H-28, R-M-03.
func TestR_D_40_R_M_03_AnsweredWhileAway(t *testing.T) {
	w := f1(t)
	item := w.item("a")
	w.configure(central.MakeVisible(w.Stores["B"], w.Stores["C"], true))
	w.peace()
	first := w.move("C", 2)
	w.peace()
	w.wants(first, topology.Moved)
	asked, err := w.request("C", "B", item, "5")
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3, 2)
	old := w.stopped(t, w.Centre)
	second := w.move("C", 3)
	w.sync(2)
	w.wants(second, topology.Backfill)
	answer := w.answer(2, "requisition", asked).ID
	w.do(2, documents.Confirm, "requisition", answer)
	w.reopen(t, w.Centre, old)
	w.peace()
	doc, _, _ := w.document(2, "requisition", asked)
	if is, want := doc.Text("linked_status"), w.want(2, "requisition", answer).Fields.Text("status"); is != want {
		t.Errorf("the requisition has heard that its answer is %q; it is %s", is, want)
	}
}

// What was taken from a site by a preference that a restored centre has lost comes back to
// it when it hears how the preference is now: the record counts under the store that made
// it alone, so that no digest tells of it.
//
// R-B-95, R-M-03.
func TestR_B_95_R_M_03_TakenByALostPreference(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.prefer("prescriptions_everywhere", true)
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.show(ada, "C")
	id, err := w.prescribe("B", ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.peace()
	old := w.stopped(t, w.Centre)
	w.prefer("prescriptions_everywhere", false)
	w.sync(3)
	taken := atoll.Key{Type: "prescription", ID: id}
	if _, there := w.is(3, taken); there {
		t.Fatal("the site has the prescription without the preference")
	}
	w.Stranded = map[Strand]bool{{3, taken}: true} // found to differ
	w.reopen(t, w.Centre, old)
	w.sync(3, 2)
	if _, err := w.Centre.Centre.LeaveFound(w.ctx, "the preference is to stay on"); err != nil {
		t.Fatal(err)
	}
	w.peace()
	if _, there := w.is(3, taken); !there {
		t.Error("site 3 hides a prescription that the preference gives it")
	}
}
