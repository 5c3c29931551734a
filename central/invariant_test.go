package central_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// There is one centre and one primary, by way of writing: a field for each in one
// record. What would make two or none is refused.
//
// R-A-01.
func TestOneCentreOnePrimary(t *testing.T) {
	r := newRig(t)
	refused := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was possible", what)
		}
	}
	_, err := r.Centre.Centre.Configure(t.Context(), "tester", central.MakePrimary(99))
	refused("a primary that does not exist", err)
	for _, f := range []atoll.Fields{
		atoll.Fields{}.Set("primary", nil), atoll.Fields{}.Set("centre", nil), atoll.Fields{}.Set("primary", 99), atoll.Fields{}.Set("centre", 2),
	} {
		err := r.Centre.Insert(t.Context(), journal.Proposal{Verb: atoll.Update, Key: central.SystemKey, Fields: f})
		if top, terr := r.Centre.Topology(t.Context()); terr != nil || top.Centre() != 1 || top.Primary() != 1 {
			t.Errorf("%s (%v): the centre is %d, the primary %d", f.Encode(), err, top.Centre(), top.Primary())
		}
	}
	refused("a second system", r.Centre.Insert(t.Context(), journal.Proposal{
		Verb: atoll.Insert, Key: atoll.Key{Type: "system", ID: r.id()}, Fields: atoll.Fields{}.Set("name", "two").Set("centre", 2).Set("primary", 2),
	}))
	if top, _ := r.Centre.Topology(t.Context()); top.Centre() != 1 || top.Primary() != 1 {
		t.Errorf("the centre is %d, the primary %d", top.Centre(), top.Primary())
	}
	r.configure(central.MakePrimary(2))
	if top, _ := r.Centre.Topology(t.Context()); top.Primary() != 2 || top.Centre() != 1 {
		t.Errorf("the primary is %d", top.Primary())
	}
}

// Everything a site has is at the centre, as the site had it when it pushed,
// before the site is given anything: the answer to a push says that it was
// integrated, and the records in it know of it.
//
// R-A-03.
func TestPushComesBeforePull(t *testing.T) {
	r := newRig(t)
	inv := r.invoice(2, "B")
	r.item("to pull")
	r.sync(2)
	kinds := []string{}
	first := r.lines[2].hellos[len(r.lines[2].hellos)-1]
	for _, f := range r.lines[2].frames {
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", f), "exchange."))
	}
	receipt, record := slices.Index(kinds, "Receipt"), slices.Index(kinds, "Record")
	if first.Waiting != 1 || receipt < 0 || record < receipt {
		t.Errorf("%d entries waited; the answer was %v", first.Waiting, kinds)
	}
	if rc := r.lines[2].frames[receipt].(exchange.Receipt); rc.Applied != 1 || rc.Acknowledged.Seq != first.Head.Seq {
		t.Errorf("the receipt says %+v", rc)
	}
	if _, ok := r.record(1, "invoice", inv); !ok {
		t.Error("the centre answered before it had the push")
	}
	// A push that fails is followed by no pull.
	r.invoice(2, "B")
	id := r.item("not yet")
	r.lines[2].up = 0
	if _, err := r.Sync(t.Context(), 2); err == nil {
		t.Fatal("no cut")
	}
	if _, ok := r.record(2, "item", id); ok {
		t.Error("something was pulled although the push had failed")
	}
}

// Every store is at the centre and on the primary, whatever is configured, and
// active on exactly one site.
//
// R-A-05, R-A-06.
func TestEveryStoreIsAtTheCentre(t *testing.T) {
	r := newRig(t)
	r.configure(central.MakePrimary(3))
	if err := r.AddStore(t.Context(), "lonely", false); err != nil { // visible to nobody
		t.Fatal(err)
	}
	r.peace()
	for code, id := range r.Stores {
		for _, site := range []atoll.SiteID{1, 3} {
			if rec, ok := r.record(site, "store", id); !ok || rec.Hidden {
				t.Errorf("site %d has no store %s", site, code)
			}
		}
		active := 0
		for _, n := range r.Nodes() {
			top, err := n.Topology(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if top.Instance(id, n.Door.Site).Type == topology.Active {
				active++
			}
		}
		if active != 1 {
			t.Errorf("store %s is active on %d sites", code, active)
		}
	}
}

// An id is a UUID that is given once: it cannot be changed, nor used again, not
// even of a record that is gone. Two stores may use the same numbers everywhere.
//
// R-A-08, R-K-24, R-K-26.
func TestIdsAreForEver(t *testing.T) {
	r := newRig(t)
	inv := r.invoice(2, "B")
	r.edit(2, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "invoice", ID: inv}})
	r.peace()
	again := editOf("invoice", inv, atoll.Fields{}.Set("store_id", r.Stores["B"]).Set("kind", "customer_invoice").Set("status", "new"))
	if _, err := r.Sites[2].Edit(t.Context(), again); !errors.Is(err, atoll.Exists) {
		t.Errorf("an id was used again: %v", err)
	}
	for _, bad := range []atoll.ID{"", "7", "not-a-uuid", "00000000-0000-0000-0000-00000000000G"} {
		if _, err := r.Sites[2].Edit(t.Context(), editOf("invoice", bad, again.Do[0].Fields)); !errors.Is(err, atoll.Invalid) {
			t.Errorf("id %q: %v", bad, err)
		}
	}
	b, d := r.invoice(2, "B"), r.invoice(3, "D")
	r.update(2, "invoice", b, atoll.Fields{}.Set("number", 7))
	r.update(3, "invoice", d, atoll.Fields{}.Set("number", 7))
	r.peace()
	for _, id := range []atoll.ID{b, d} {
		if rec, _ := r.record(1, "invoice", id); rec.MustFields().Int("number") != 7 {
			t.Errorf("invoice %s: %s", id, rec.Body)
		}
	}
	seen := map[atoll.ID]bool{}
	for range 200_000 {
		id := atoll.NewID(r.Clock.Now())
		if seen[id] {
			t.Fatalf("id %s was given twice", id)
		}
		seen[id] = true
	}
}

// Nothing that came by synchronisation goes back to where it came from, nor is it
// counted as work of this site.
//
// R-A-12, R-H-25, R-K-15 (a record leaves its owner only, and the centre), R-I-02
// (the number that is shown counts one's own changes).
func TestNothingEchoes(t *testing.T) {
	r := newRig(t)
	inv := r.invoice(2, "B")
	r.item("from the centre")
	r.sync(2)
	for _, f := range r.lines[2].frames {
		if rec, ok := f.(exchange.Record); ok && rec.Key.ID == inv {
			t.Error("the site was sent its own invoice")
		}
	}
	st, err := r.Sites[2].Site.Status(t.Context())
	if err != nil || st.Waiting != 0 {
		t.Errorf("%d changes wait after a sync, %v", st.Waiting, err)
	}
	r.item("more from the centre")
	if c := r.sync(2); c.Sent != 0 || c.Received == 0 {
		t.Errorf("a site that made nothing sent %d entries", c.Sent)
	}
	r.invoice(2, "B")
	if st, _ := r.Sites[2].Site.Status(t.Context()); st.Waiting != 1 || !strings.Contains(st.Words, "1 change waiting") {
		t.Errorf("one change waits; the status says %d, %q", st.Waiting, st.Words)
	}
	// Another site sends nothing of what it holds of others.
	for _, h := range r.lines[3].hellos {
		if h.Waiting > 0 && h.Head.Seq == 0 {
			t.Errorf("site 3 made nothing and had %d waiting", h.Waiting)
		}
	}
}

// A reader of the feed that goes on from the last position it saw misses nothing,
// whoever writes meanwhile.
//
// R-A-14, R-K-19, R-K-56.
func TestNoPositionIsSteppedOver(t *testing.T) {
	r := newRig(t)
	const writers, each = 4, 25
	var wg sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, p := simulate.Item(fmt.Sprintf("late %d %d", w, i))
				if err := r.Centre.Insert(context.WithoutCancel(t.Context()), p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	seen := map[atoll.ID]int{}
	read := func(after atoll.Position) atoll.Position {
		r.look(1, func(v storage.Reader) error {
			lines, err := v.Feed("all", after, 0, 3)
			for _, l := range lines {
				if l.Position <= after {
					t.Errorf("position %d came after %d", l.Position, after)
				}
				after = l.Position
				if l.Key.Type == "item" {
					seen[l.Key.ID]++
				}
			}
			return err
		})
		return after
	}
	after := atoll.Position(0)
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		after = read(after)
	}
	for last := after - 1; last != after; {
		last, after = after, read(after)
	}
	if len(seen) != writers*each {
		t.Errorf("the reader saw %d of %d items", len(seen), writers*each)
	}
}

// A delete travels as a tombstone, and stays known for a site that comes late.
//
// R-A-15.
func TestDeletesTravel(t *testing.T) {
	r := newRig(t)
	r.configure(central.Collect(r.Stores["C"], 2, true))
	inv := r.invoice(3, "C")
	r.peace()
	if _, ok := r.record(2, "invoice", inv); !ok {
		t.Fatal("the collector has no copy")
	}
	r.edit(3, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "invoice", ID: inv}})
	r.sync(3)
	for range 50 { // much happens before site 2 comes again
		r.invoice(3, "C")
	}
	r.sync(3)
	r.sync(2)
	for _, site := range []atoll.SiteID{1, 2} {
		if rec, ok := r.record(site, "invoice", inv); !ok || !rec.Deleted {
			t.Errorf("site %d has %+v, %t; want a tombstone", site, rec, ok)
		}
	}
	if _, err := r.Sites[2].Record(t.Context(), atoll.Key{Type: "invoice", ID: inv}); !errors.Is(err, atoll.NotFound) {
		t.Errorf("the deleted record is shown: %v", err)
	}
	r.peace()
}

// The journal sends every transaction, as audit and atomicity need it: the design
// departs from the letter of R-A-16 here. What the requirement is about holds for
// readers: of a record that changed often they are sent the latest state, once,
// and of one that was made and unmade nothing but that.
//
// R-A-16.
func TestReadersGetTheLatestState(t *testing.T) {
	r := newRig(t)
	item := r.item("often")
	for i := range 30 {
		r.update(1, "item", item, atoll.Fields{}.Set("name", fmt.Sprint(i)))
	}
	r.sync(2)
	n := 0
	for _, f := range r.lines[2].frames {
		if rec, ok := f.(exchange.Record); ok && rec.Key.ID == item {
			n++
			if rec.Version != 31 || !bytes.Contains(rec.Body, []byte(`"29"`)) {
				t.Errorf("version %d was sent: %s", rec.Version, rec.Body)
			}
		}
	}
	if n != 1 {
		t.Errorf("the item was sent %d times", n)
	}
	inv := r.invoice(2, "B")
	r.edit(2, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "invoice", ID: inv}})
	if c := r.sync(2); c.Sent != 2 {
		t.Errorf("%d entries were sent; every transaction is", c.Sent)
	}
}
