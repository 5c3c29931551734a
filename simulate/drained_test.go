package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// settleAll decides about everything of the site that waits in quarantine.
func (w *world) settleAll(site atoll.SiteID, d central.Decision) {
	w.t.Helper()
	open := w.quarantined(site)
	if len(open) == 0 {
		w.t.Fatal("nothing is in quarantine; the test shows nothing")
	}
	for _, r := range open {
		if _, err := w.Centre.Centre.Decide(w.ctx, r.ID, d, "supervisor", "looked at"); err != nil {
			w.t.Fatal(err)
		}
	}
}

// refusing has the centre refuse what sites send of the type while fn runs.
func (w *world) refusing(of atoll.Type, fn func()) {
	judge := w.Centre.Centre.Door.Judge
	rules := judge.Rules
	defer func() { judge.Rules = rules }()
	judge.Rules = append(slices.Clone(rules), func(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
		if c.Here || c.Op.Type != of {
			return nil
		}
		return atoll.Errorf(atoll.Rule, "not yet")
	})
	fn()
}

// unheard has the site hear the centre, twice, and not be heard, until its line is mended.
func (w *world) unheard(site atoll.SiteID) {
	w.Sites[site].Net.CutUp = func() int { return 0 }
	_, _ = w.Sync(w.ctx, site)
	_, _ = w.Sync(w.ctx, site)
}

// A right is not handed on while an edit that was made under it is in quarantine: it
// could be accepted after the next holder has edited the same. What the holder did by
// no such right holds nothing up. R-F-10, R-K-40.
func TestR_F_10_R_K_40_NotWhileItsEditsWait(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.grant("items", "B")
	w.sync(2, 3)
	if err := w.forge(2, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "item", ID: item}, Fields: atoll.Fields{}.Set("kind", "nothing we know")}); err != nil {
		t.Fatal(err)
	}
	w.configure(w.Centre.Centre.ChangeDelegate("tester", central.Delegation{Domain: "items"}, w.Stores["C"]))
	w.sync(2, 2, 3)
	if site, _ := w.topology(1).Delegate("items"); site != 2 {
		t.Fatalf("the right is at site %d, and an edit made under it waits", site)
	}
	w.settleAll(2, central.Return)
	if site, _ := w.topology(1).Delegate("items"); site != 3 {
		t.Errorf("decided, but the right is at site %d", site)
	}
	w.sync(2, 3)

	// A location of store C is nobody's by this right.
	if err := w.forge(3, journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "location", ID: atoll.NewID(w.Clock.Now())},
		Fields: atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "L").Set("name", "Shelf").Set("on_hold", false),
	}); err != nil {
		t.Fatal(err)
	}
	w.configure(w.Centre.Centre.ChangeDelegate("tester", central.Delegation{Domain: "items"}, w.Stores["B"]))
	w.sync(3, 2)
	if site, _ := w.topology(1).Delegate("items"); site != 2 || len(w.quarantined(3)) == 0 {
		t.Errorf("the right is at site %d, with %d refused entries that are not about it", site, len(w.quarantined(3)))
	}
}

// A holder that was initialised again while the centre waits for what it did says its
// word again, and that is nothing to refuse; decided, the right passes, and the next
// closing is answered as any. R-F-10, R-C-94.
func TestR_F_10_R_C_94_ConfirmedAgain(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.grant("items", "B")
	w.sync(2, 3)
	if err := w.forge(2, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "item", ID: item}, Fields: atoll.Fields{}.Set("kind", "nothing we know")}); err != nil {
		t.Fatal(err)
	}
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items"}))
	w.sync(2)
	w.replace(2)
	w.sync(2, 2)
	if open := w.quarantined(2); len(open) != 1 {
		t.Fatalf("%d entries of the holder are in quarantine, the last: %s", len(open), open[len(open)-1].Message)
	}
	if site, _ := w.topology(1).Delegate("items"); site != 2 {
		t.Fatalf("the right is at site %d, and an edit made under it waits", site)
	}
	w.settleAll(2, central.Return)
	if site, _ := w.topology(1).Delegate("items"); site != 1 {
		t.Errorf("decided, but the right is at site %d", site)
	}
	w.grant("items", "B")
	w.sync(2)
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items"}))
	w.sync(2)
	if site, _ := w.topology(1).Delegate("items"); site != 1 {
		t.Errorf("withdrawn again, but the right is at site %d", site)
	}
	w.peace()
}

// A word for a closing that a restored centre has lost is none for the next, though the
// count is the same: the holder may have edited in between. R-F-10, R-M-03.
func TestR_F_10_R_M_03_ConfirmedAClosingThatIsLost(t *testing.T) {
	w := f1(t)
	w.grant("items", "B")
	w.peace()
	old := w.stopped(t, w.Centre)
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items"}))
	w.unheard(2)
	w.mend()
	if w.one(2, "message", "kind", "right_closed").ID == "" {
		t.Fatal("site 2 has confirmed nothing; the test shows nothing")
	}
	w.reopen(t, w.Centre, old)
	w.Clock.Wind(time.Hour)
	w.sync(2, 2)
	if _, err := w.newItem(2, "edited meanwhile"); err != nil {
		t.Fatal(err)
	}
	w.configure(w.Centre.Centre.Withdraw("tester", central.Delegation{Domain: "items"}))
	w.sync(2, 2)
	if site, _ := w.topology(1).Delegate("items"); site != 1 {
		t.Errorf("the right is at site %d", site)
	}
	if n := len(w.quarantined(0)); n != 0 {
		t.Errorf("%d in quarantine after an orderly withdrawal", n)
	}
	w.peace()
}

// A home store is not switched while something of the patient is in quarantine: it
// could be accepted after the new home has changed the same. Other patients do not wait
// for it. R-G-42, R-K-40.
func TestR_G_42_R_K_40_NotWhileHerRecordsWait(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	joan := w.register("B", "Joan", "Clarke", "1991-06-24")
	event := w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", "asthma"))
	w.sync(2)
	if err := w.forge(2, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "patient_event", ID: event}, Fields: atoll.Fields{}.Set("happened_at", "soon")}); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	w.transfer(1, ada, "C")
	w.transfer(1, joan, "C")
	w.sync(2, 2, 3)
	if home, _ := w.person(1, ada); home != w.Stores["B"] {
		t.Fatal("the home store is switched, and a change made at the old one waits")
	}
	if home, _ := w.person(1, joan); home != w.Stores["C"] {
		t.Error("a patient of whom nothing waits is not transferred")
	}
	w.settleAll(2, central.Return)
	if home, _ := w.person(1, ada); home != w.Stores["C"] {
		t.Error("decided, and the home store is not switched")
	}
	w.peace()
}

// What the old home did before it froze a patient's details stands when it is judged
// again, though the centre has the word that they are frozen: the home store waits for
// just this. What it does behind its word is refused. R-G-42, R-G-43, R-K-42.
func TestR_G_43_R_K_42_DoneBeforeTheFreeze(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	event := func(note string) atoll.ID {
		return w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).Set("happened_at", "2026-01-02T10:00:00Z").Set("note", note))
	}
	before, behind := event("asthma"), event("rash")
	w.sync(2)
	w.refusing("patient_event", func() {
		w.update(2, "patient_event", before, atoll.Fields{}.Set("note", "asthma, mild"))
		w.sync(2)
		w.transfer(1, ada, "C")
		w.sync(2, 2)
	})
	if w.one(1, "home_confirmation", "step", "frozen").ID == "" || len(w.quarantined(2)) != 1 {
		t.Fatal("site 2 has not confirmed, or nothing waits; the test shows nothing")
	}
	w.lawless(2, journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: "patient_event", ID: behind}, Fields: atoll.Fields{}.Set("note", "none")})
	w.sync(2)
	open := w.quarantined(2)
	if len(open) != 1 || !slices.Contains(open[0].Keys, atoll.Key{Type: "patient_event", ID: behind}) || !strings.Contains(open[0].Message, "locked") {
		t.Fatalf("%d entries wait; the first one should not, and the second is behind the freeze", len(open))
	}
	if home, _ := w.person(1, ada); home != w.Stores["B"] {
		t.Error("the home store is switched, and something about her waits")
	}
	w.settleAll(2, central.Return)
	if home, _ := w.person(1, ada); home != w.Stores["C"] {
		t.Error("decided, and the home store is not switched")
	}
	w.sync(2, 3)
	if note := w.want(3, "patient_event", before).Fields.Text("note"); note != "asthma, mild" {
		t.Errorf("the new home reads %q", note)
	}
	w.peace()
}
