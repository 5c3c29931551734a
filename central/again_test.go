package central_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// What is equal is not written, listed or passed on: an edit that changes
// nothing, a restatement of ten thousand records as they stand.
//
// R-K-44, R-H-28 (sending everything again is idempotent).
func TestEqualContentIsNoChange(t *testing.T) {
	r := newRig(t)
	inv := r.invoice(2, "B")
	records := 10_000
	if testing.Short() {
		records = 500
	}
	for at := 0; at < records; at += 500 {
		var do []journal.Proposal
		for i := range 500 {
			do = append(do, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "location", ID: r.id()}, Fields: atoll.Fields{}.
				Set("store_id", r.Stores["B"]).Set("code", fmt.Sprint(at+i)).Set("name", "Shelf")})
		}
		r.edit(2, do...)
	}
	r.peace()
	if res, err := r.Sites[2].Edit(t.Context(), journal.Edit{Actor: "tester", Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{
		{Verb: atoll.Update, Key: atoll.Key{Type: "invoice", ID: inv}, Fields: atoll.Fields{}.Set("status", "new")},
	}}); err != nil || res.Seq != 0 {
		t.Errorf("an edit that changes nothing made entry %d, %v", res.Seq, err)
	}
	var at atoll.Position
	position := func() (p atoll.Position) {
		r.look(1, func(v storage.Reader) (err error) { p, err = v.LastPosition(); return err })
		return p
	}
	if err := r.Centre.Centre.Order(t.Context(), "technician", 2, "resend"); err != nil {
		t.Fatal(err)
	}
	at = position()
	before := r.rows(1)
	c := r.sync(2)
	if c.Quarantined != 0 || c.Sent == 0 {
		t.Errorf("the restatement: %+v", c)
	}
	if diff := cmp.Diff(before, r.rows(1)); diff != "" {
		t.Errorf("rows changed:\n%s", diff)
	}
	if now := position(); now != at {
		t.Errorf("the centre's newest position went from %d to %d: readers would be woken", at, now)
	}
	if c := r.sync(3); c.Received != 0 {
		t.Errorf("another site received %d records", c.Received)
	}
	if c := r.sync(2); c.Sent != 0 {
		t.Errorf("the order was obeyed again: %+v", c)
	}
	// An order that was cut off is given again.
	if err := r.Centre.Centre.Order(t.Context(), "technician", 2, "resend"); err != nil {
		t.Fatal(err)
	}
	r.lines[2].down = 0
	if _, err := r.Sync(t.Context(), 2); err == nil {
		t.Fatal("no cut")
	}
	if c := r.sync(2); c.Sent == 0 {
		t.Errorf("an order whose answer was cut off was forgotten: %+v", c)
	}
}

// Any recorded push, however often it is repeated, gets the same answer and
// changes nothing.
//
// R-K-43, R-D-86, R-A-09.
func TestReplays(t *testing.T) {
	r := newRig(t)
	h := hostile{r, 2}
	hello := h.hello()
	content := h.entry(h.newInvoice(r.id()))
	hello.Head.Seq++
	hello.Head.Hash = atoll.Chain(hello.Acknowledged.Hash, 2, hello.Timeline, hello.Head.Seq, atoll.Digest(content))
	e := exchange.Entry{Seq: hello.Head.Seq, Content: content}
	first, _, err := h.say(hello, e)
	if err != nil || first.Applied != 1 {
		t.Fatal(first, err)
	}
	rows := r.rows(1)
	n := 1000
	if testing.Short() {
		n = 50
	}
	for range n {
		again, _, err := h.say(hello, e)
		if err != nil || again.Duplicate != 1 || again.Applied != 0 || again.Acknowledged != first.Acknowledged {
			t.Fatalf("got %+v, %v", again, err)
		}
	}
	if diff := cmp.Diff(rows, r.rows(1)); diff != "" {
		t.Errorf("rows changed:\n%s", diff)
	}
}
