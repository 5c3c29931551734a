package central_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/simulate"
)

// A site's database is put back to an earlier state. The centre notices, takes
// nothing from it, and offers the way out; after initialising again the site has
// everything the centre had, and its numbers go on.
//
// R-H-13, R-H-27, R-H-22 (the site's own earlier records too), R-H-25 (what was
// received is not sent back), R-D-12 and R-D-44 (no second halves), R-B-111.
func TestRestoredSite(t *testing.T) {
	r := newRig(t)
	item := r.item("restored")
	r.sync(2, 3)
	line := r.stock(2, "B", item, "50")
	ship := func() atoll.ID {
		id, err := r.Sites[2].Shipment(t.Context(), r.Stores["B"], r.Stores["C"], line, "1")
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	ship()
	r.peace()
	old := r.backup(2)
	ship()
	last := ship()
	r.peace()
	number := func(id atoll.ID) int64 { rec, _ := r.record(1, "invoice", id); return rec.MustFields().Int("number") }
	if number(last) != 3 {
		t.Fatalf("the last shipment has number %d", number(last))
	}
	before, entries := r.rows(1), hostile{r, 2}.last().Seq

	r.putBack(2, old)
	lost := r.invoice(2, "B") // work done on the old state: the fork
	for range 3 {
		if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Restored) {
			t.Fatalf("a restored site was answered with %v", err)
		}
	}
	if got := (hostile{r, 2}).last().Seq; got != entries {
		t.Errorf("the centre took entries of it: %d, then %d", entries, got)
	}
	st, err := r.Sites[2].Site.Status(t.Context())
	if err != nil || st.Light != "red" || st.Advice == "" || st.Waiting == 0 {
		t.Errorf("the site says %+v, %v; want red, what to do, and unsent work", st, err)
	}

	r.empty(2)
	r.peace()
	for k, v := range r.rows(1) {
		if before[k] != v {
			t.Errorf("%s changed at the centre: %s, then %s", k, before[k], v)
		}
	}
	if _, there := r.record(1, "invoice", lost); there {
		t.Error("the fork reached the centre")
	}
	if c := r.sync(2); c.Sent != 0 {
		t.Errorf("after initialising it sent %d entries back", c.Sent)
	}
	if id := ship(); r.sync(2).Applied == 0 || number(id) != 4 {
		t.Errorf("the next shipment has number %d; want 4", number(id))
	}
	r.sync(3, 2)
	halves, _, err := r.Sites[3].Records(t.Context(), storageQuery("invoice", "store_id", string(r.Stores["C"])))
	if err != nil || len(halves) != 4 {
		t.Errorf("store C has %d invoices of 4 shipments, %v", len(halves), err)
	}
}

// Two databases work as one site: whoever comes second is refused, in either
// order, and neither can take what the other has sent.
//
// R-H-12, R-H-13, R-A-05.
func TestClonedSite(t *testing.T) {
	r := newRig(t)
	r.invoice(2, "B")
	r.peace()
	twin := r.backup(2)
	r.invoice(2, "B")
	r.sync(2)
	r.putBack(2, twin)
	r.invoice(2, "B")
	if _, err := r.Sync(t.Context(), 2); !errors.Is(err, atoll.Restored) && !errors.Is(err, atoll.Cloned) {
		t.Errorf("the twin was answered with %v", err)
	}
	// On another machine it is refused for its device, before anything else.
	n := r.node(2, "elsewhere", r.disks[2])
	n.Site.Device = "another machine"
	if _, err := n.Site.Cycle(t.Context()); !errors.Is(err, atoll.SiteDevice) {
		t.Errorf("the twin on another machine was answered with %v", err)
	}
}

// A twin that was copied in the middle of an exchange has the same turn and nonce
// as the original: it is found out one exchange later.
//
// R-H-13.
func TestClonedInTheMiddle(t *testing.T) {
	r := newRig(t)
	r.invoice(2, "B")
	r.lines[2].down = 0 // the answer is lost
	if _, err := r.Sync(t.Context(), 2); err == nil {
		t.Fatal("the cut did not happen")
	}
	twin := r.backup(2)
	r.sync(2)
	r.invoice(2, "B")
	r.sync(2)
	r.putBack(2, twin)
	r.invoice(2, "B")
	var err error
	for range 3 {
		if _, err = r.Sync(t.Context(), 2); err != nil {
			break
		}
	}
	if !errors.Is(err, atoll.Restored) && !errors.Is(err, atoll.Cloned) {
		t.Errorf("the twin was answered with %v", err)
	}
}

// The centre's database is put back to an earlier state. Its sites give it again
// what it lost of theirs, and get again what it gives a second time: positions
// that are used again hide nothing.
//
// R-A-09, R-A-18, R-D-12 (answers are made again under the same ids), R-K-19.
func TestRestoredCentre(t *testing.T) {
	for _, lost := range []struct {
		name string
		work func(r *rig)
	}{
		{"nothing", func(*rig) {}},
		{"what sites made", func(r *rig) {
			for range 5 {
				r.invoice(2, "B")
				r.invoice(3, "C")
			}
		}},
		{"a shipment and its answer", func(r *rig) {
			item, _ := simulate.Item("kept")
			line := r.stock(2, "B", item, "9")
			if _, err := r.Sites[2].Shipment(r.t.Context(), r.Stores["B"], r.Stores["C"], line, "2"); err != nil {
				r.t.Fatal(err)
			}
		}},
	} {
		t.Run(lost.name, func(t *testing.T) {
			r := newRig(t)
			r.item("kept")
			r.peace()
			old := r.backup(1)
			lost.work(r)
			r.peace()
			want := r.rows(2)
			r.putBack(1, old)
			// The restored centre goes on and gives its positions to other records.
			for i := range 20 {
				r.item(fmt.Sprintf("after %d", i))
			}
			r.peace()
			for k, v := range want {
				if got := r.rows(2)[k]; got != v {
					t.Errorf("site 2 had %s as %s, and has %s", k, v, got)
				}
			}
			for i := range 20 {
				id, _ := simulate.Item(fmt.Sprintf("after %d", i))
				if _, ok := r.record(2, "item", id); !ok {
					t.Errorf("site 2 never got item %d", i)
				}
			}
		})
	}
}

// A restored centre answers a shipment again, and tells the sender again: under the
// same ids, in other entries of its journal. The site, which owns what was sent to
// it, takes the new ones, and can mark them; what it had marked already stands.
//
// R-A-09, R-B-78, R-D-15.
func TestRestoredCentreSaysItAgain(t *testing.T) {
	for _, marked := range []string{"never", "before", "while it was lost", "after"} {
		t.Run("marked "+marked, func(t *testing.T) {
			r := newRig(t)
			item := r.item("kept")
			r.peace()
			old := r.backup(1)
			line := r.stock(2, "B", item, "9")
			ship, err := r.Sites[2].Shipment(t.Context(), r.Stores["B"], r.Stores["A"], line, "2")
			if err != nil {
				t.Fatal(err)
			}
			r.peace()
			said, _, err := r.Sites[2].Records(t.Context(), storageQuery("message", "subject_id", string(ship)))
			if err != nil || len(said) != 1 {
				t.Fatalf("site 2 was told %d times, %v", len(said), err)
			}
			mark := func() { r.update(2, "message", said[0].ID, atoll.Fields{}.Set("status", "processed")) }
			if marked == "before" {
				mark()
				r.peace()
			}
			r.putBack(1, old)
			if marked == "while it was lost" {
				mark()
			}
			r.peace()
			if marked == "after" {
				mark()
				r.peace()
			}
			want := map[bool]string{true: "new", false: "processed"}[marked == "never"]
			for _, at := range []atoll.SiteID{1, 2} {
				if rec, _ := r.record(at, "message", said[0].ID); rec.MustFields().Text("status") != want {
					t.Errorf("site %d has the message as %s; want it %s", at, rec.Body, want)
				}
			}
		})
	}
}

// Many messages, marked and not, from the centre and from another site, were lost with
// it; the sites come back in one order or the other, with other work between. All
// comes to stand, and nothing waits for a person.
//
// R-A-09, R-B-78, R-M-03.
func TestRestoredCentreHearsOfManyMarks(t *testing.T) {
	for _, first := range []atoll.SiteID{2, 3} {
		t.Run(fmt.Sprint("site ", first, " comes first"), func(t *testing.T) {
			r := newRig(t)
			item := r.item("kept")
			r.peace()
			old := r.backup(1)
			line := r.stock(2, "B", item, "40")
			ship := func(to string) {
				if _, err := r.Sites[2].Shipment(t.Context(), r.Stores["B"], r.Stores[to], line, "1"); err != nil {
					t.Fatal(err)
				}
			}
			for range 6 {
				ship("A")
				ship("C")
			}
			r.peace()
			said, _, err := r.Sites[2].Records(t.Context(), storageQuery("message"))
			if err != nil || len(said) != 12 {
				t.Fatalf("site 2 was told %d times, %v", len(said), err)
			}
			for i, m := range said {
				if i%3 > 0 {
					r.update(2, "message", m.ID, atoll.Fields{}.Set("status", "processed"))
				}
				for range 3 {
					r.invoice(2, "B")
				}
			}
			r.peace()
			r.putBack(1, old)
			r.sync(first, 5-first, first, 5-first)
			r.invoice(first, map[atoll.SiteID]string{2: "B", 3: "C"}[first])
			r.peace()
			for _, left := range r.refusals(true) {
				t.Errorf("entry %d of site %d waits: %s, %s after %d attempts: %s", left.Seq, left.Site, left.Code, left.Subject, left.Attempts, left.Message)
			}
		})
	}
}

// What the centre itself made after the backup is lost with it; but a change it
// makes afterwards reaches the sites although it has the same version, and the
// same place in the centre's journal, as one they have.
//
// R-A-09, R-A-20.
func TestRestoredCentreWritesOtherHistory(t *testing.T) {
	r := newRig(t)
	item := r.item("two histories")
	r.peace()
	old := r.backup(1)
	r.update(1, "item", item, atoll.Fields{}.Set("name", "first history"))
	r.peace()
	r.putBack(1, old)
	r.update(1, "item", item, atoll.Fields{}.Set("name", "second history"))
	r.peace()
	for _, id := range []atoll.SiteID{1, 2, 3} {
		if rec, _ := r.record(id, "item", item); rec.MustFields().Text("name") != "second history" {
			t.Errorf("site %d has %s", id, rec.Body)
		}
	}
}

// Restored twice, with sites that missed a restore or were away for all of it.
func TestCentreRestoredAgainAndAgain(t *testing.T) {
	r := newRig(t)
	r.item("kept")
	r.peace()
	first := r.backup(1)
	r.invoice(2, "B")
	r.sync(2)
	second := r.backup(1)
	r.invoice(2, "B")
	r.sync(2)
	r.putBack(1, second)
	r.item("between")
	r.sync(2) // site 3 is away
	r.putBack(1, first)
	r.item("at last")
	r.invoice(3, "C")
	r.sync(3)
	r.restart(1)
	r.sync(2)
	r.restart(1)
	r.sync(3)
	if err := r.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, site := range []atoll.SiteID{2, 3} {
		for _, code := range []string{"kept", "at last"} {
			id, _ := simulate.Item(code)
			if _, ok := r.record(site, "item", id); !ok {
				t.Errorf("site %d lacks item %q", site, code)
			}
		}
	}
	var invoices int
	for k := range r.rows(1) {
		if len(k) > 8 && k[:8] == "invoice/" {
			invoices++
		}
	}
	if invoices != 3 {
		t.Errorf("the centre has %d of the 3 invoices", invoices)
	}
}

// The centre is restored to the first of two backups, works on, and is restored to the
// second, which was made before the first restore: what it made between the two has
// numbers that the second backup gives to other records. Sites know it all the same,
// and hand it in.
//
// R-A-09, R-L-05, R-M-03.
func TestCentreRestoredFromOneLineToAnother(t *testing.T) {
	r := newRig(t)
	r.item("kept")
	r.peace()
	first := r.hotBackup(1)
	for n := range 5 {
		r.item(fmt.Sprint("also kept ", n))
	}
	second := r.hotBackup(1)
	r.sync(2)
	r.putBackHot(1, first)
	lost := r.item("between")
	r.sync(2)
	r.putBackHot(1, second)
	r.peace()
	rows, _, err := r.Centre.Centre.FoundRecords(t.Context())
	if err != nil || !slices.ContainsFunc(rows, func(f central.Found) bool { return f.ID == lost }) {
		t.Errorf("what was found is %v (%v); want %s among it", rows, err, lost)
	}
	for _, site := range []atoll.SiteID{2, 3} {
		if _, ok := r.bodies(site)[atoll.Key{Type: "item", ID: lost}.String()]; ok {
			t.Errorf("site %d still has what the centre does not", site)
		}
	}
}

// The centre is restored while a site is initialising, whose journal goes on from
// entries that the centre then no longer has.
//
// R-H-23, R-A-09.
func TestCentreRestoredDuringInitialisation(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		r.item(fmt.Sprintf("early %d", i))
	}
	r.peace()
	old := r.backup(1)
	for i := range 10 {
		r.item(fmt.Sprintf("late %d", i))
	}
	r.invoice(2, "B")
	r.sync(2)
	r.empty(2)
	for _, r.lines[2].down = range []int{3, 25} { // it hears its audiences, then some of the records
		if _, err := r.Sync(t.Context(), 2); err == nil {
			t.Fatal("the initialisation was over before the cut")
		}
	}
	r.putBack(1, old)
	for i := range 10 {
		r.item(fmt.Sprintf("other %d", i))
	}
	var err error
	for range 5 {
		if _, err = r.Sync(t.Context(), 2); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("the site does not get on: %v", err)
	}
	for i := range 10 {
		id, _ := simulate.Item(fmt.Sprintf("other %d", i))
		if _, ok := r.record(2, "item", id); !ok {
			t.Errorf("the site lacks item %d", i)
		}
	}
	made := r.invoice(2, "B")
	if c := r.sync(2); c.Applied != 1 {
		t.Errorf("its first work afterwards: %+v", c)
	}
	if _, ok := r.record(1, "invoice", made); !ok {
		t.Error("its first work afterwards is not at the centre")
	}
}
