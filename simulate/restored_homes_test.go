package simulate

import (
	"fmt"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/topology"
)

// A restored centre has lost that a home store was switched. What the new home edited since
// builds on that, and is stated again as the new home's; but the centre gave no such home.
// The site hears how it is, and answers no longer as if it were otherwise: each answer
// would be refused, and given again, for ever.
//
// R-F-09, R-G-01, R-G-10, R-H-28, R-M-03.
func TestR_G_01_R_M_03_EditedAtALostHome(t *testing.T) {
	for _, to := range []string{"D", "B"} { // on the same site, on another
		t.Run(to, func(t *testing.T) {
			w := f1(t)
			w.dispensaries("B", "C", "D")
			w.prefer(patients.SharedDetails, true)
			w.sync(2, 3)
			ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
			w.sync(3)
			w.show(ada, "B", "D")
			w.peace()
			old := w.stopped(t, w.Centre)
			home, asker, at := w.home(to), w.home("B"), "B"
			if home == asker {
				asker, at = 3, "C"
			}
			w.transfer(1, ada, to)
			w.sync(3, 2, 3, 2)
			ask := func(number string) {
				t.Helper()
				if pending, err := w.At(asker).EditPerson(w.ctx, "nurse", w.Stores[at], patientKey(ada), patientKey(ada), phone(number), "she said so"); err != nil || !pending {
					t.Fatalf("asked: pending %t, %v", pending, err)
				}
				w.update(home, "patient", ada, phone("other than "+number))
				w.sync(asker, home)
			}
			if is, editable := w.person(home, ada); is != w.Stores[to] || !editable {
				t.Fatalf("she is at home in %s (editable: %t)", is, editable)
			}
			ask("1")
			ask("2")
			w.reopen(t, w.Centre, old)
			w.sync(2, 3, 2, 3)
			if _, err := w.Centre.Centre.LeaveFound(w.ctx, "she stays where she was"); err != nil {
				t.Fatal(err)
			}
			w.sync(2, 3, 2, 3)
			quiet := w.seq(home)
			w.sync(2, 3, 2, 3)
			if now := w.seq(home); now != quiet {
				t.Errorf("the journal of site %d grows from %d to %d, and nobody does anything", home, quiet, now)
			}
			waits := false
			for _, no := range w.quarantined(home) {
				waits = waits || no.Subject == patientKey(ada) && (no.Code == atoll.OldEpoch || no.Code == atoll.Ownership)
			}
			if !waits {
				t.Error("what the site did at the lost home does not wait for a person")
			}
			if is, editable := w.person(home, ada); is != w.Stores["C"] || editable != (home == 3) {
				t.Errorf("at site %d she is at home in %s (editable: %t)", home, is, editable)
			}
			w.giveTruth(2)
			w.giveTruth(3)
			w.Stranded = map[Strand]bool{{asker, patientKey(ada)}: true} // it differed
			for _, said := range w.list(asker, "patient_change_decision", "patient_id", string(ada)) {
				w.Stranded[Strand{asker, said.Key}] = true
			}
			w.Clock.Wind(25 * time.Hour) // who only read what was made there finds it by comparing
			w.sync(2, 3, 2, 3)
			for _, site := range []atoll.SiteID{1, 2, 3} {
				if is, editable := w.person(site, ada); is != w.Stores["C"] || editable != (site == 3) {
					t.Errorf("at site %d she is at home in %s (editable: %t)", site, is, editable)
				}
			}
			w.peace()
		})
	}
}

// A restored centre has lost that a home store was switched, and switches it again. What
// the new home changed meanwhile waits until the switch is done, or until the site states
// it again. The new home gains the records about the person once more, as they were
// before: they do not take the place of what it made of them, and nothing of that is lost.
// Nor is it where the site was initialised anew since, and nobody has its entries.
//
// R-G-42, R-H-28, R-K-40, R-M-03.
func TestR_G_42_R_K_40_EditedAtAHomeThatIsGivenAgain(t *testing.T) {
	for _, anew := range []bool{false, true} {
		t.Run(fmt.Sprintf("initialised anew %t", anew), func(t *testing.T) {
			w := f1(t)
			w.dispensaries("B", "C")
			w.sync(2, 3)
			ada := w.register("C", "Ada", "Lovelace", "1990-12-10")
			event := w.insert(3, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", "asthma"))
			asked := w.insert(2, "requisition", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("kind", documents.Request).
				Set("status", documents.New).Set("name_id", topology.StoreNameID(w.Stores["C"])))
			w.peace()
			old := w.stopped(t, w.Centre)
			w.transfer(1, ada, "B")
			w.sync(3, 2, 3, 2)
			w.edit(2, change("requisition", asked, atoll.Fields{}.Set("comment", "for Ada")), change("patient_event", event, atoll.Fields{}.Set("note", "asthma, and a cold")))
			w.update(2, "patient", ada, phone("1"))
			w.update(2, "patient", ada, atoll.Fields{}.Set("email", "ada@example.org"))
			if anew {
				w.sync(2)
				w.replace(2)
				w.sync(2, 2)
			}
			w.reopen(t, w.Centre, old)
			w.transfer(1, ada, "B")
			w.sync(3)
			w.sync(2)
			w.peace()
			for _, at := range []atoll.SiteID{1, 2} {
				if got := w.want(at, "patient", ada).Fields; got.Text("phone") != "1" || got.Text("email") != "ada@example.org" || got.ID("home_store_id") != w.Stores["B"] {
					t.Errorf("site %d has %s", at, got.Encode())
				}
				if got := w.want(at, "patient_event", event).Fields; got.Text("note") != "asthma, and a cold" {
					t.Errorf("site %d has %s", at, got.Encode())
				}
				if got := w.want(at, "requisition", asked).Fields; got.Text("comment") != "for Ada" {
					t.Errorf("site %d has %s", at, got.Encode())
				}
			}
		})
	}
}

// An entry waits for a record that is lost, and the right by which it was made is withdrawn
// meanwhile. When the record is back the entry is refused for that, and the site gets the
// true records, as it would have if the entry had come only then.
//
// R-F-09, R-F-10, R-K-40, R-M-03.
func TestR_F_09_R_K_40_NoLongerItsRightWhenJudgedAgain(t *testing.T) {
	w := f1(t)
	course := w.insert(1, "vaccine_course", atoll.Fields{}.Set("name", "measles").
		Set("program_id", w.insert(1, "program", atoll.Fields{}.Set("name", "vaccines"))))
	w.grant("vaccines", "B")
	w.peace()
	old := w.stopped(t, w.Centre)
	item := w.item("lost")
	w.sync(2)
	w.reopen(t, w.Centre, old)
	given := atoll.Key{Type: "vaccine_course_item", ID: w.insert(2, "vaccine_course_item", atoll.Fields{}.Set("vaccine_course_id", course).Set("item_id", item))}
	w.sync(2)
	if open := w.quarantined(2); len(open) == 0 || open[0].Code != atoll.Reference {
		t.Fatalf("in quarantine: %+v; the item is lost", open)
	}
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "vaccines", AtOnce: true, Reason: "found in a ditch"}))
	w.sync(2)
	w.takeBack()
	w.sync(2)
	if open := w.quarantined(2); len(open) == 0 || open[0].Layer != admit.LayerOwnership {
		t.Fatalf("in quarantine: %+v; the right is withdrawn", open)
	}
	if _, there := w.is(2, given); there {
		t.Error("the site shows what it had no right to make any longer")
	}
	w.giveTruth(2)
	w.peace()
}
