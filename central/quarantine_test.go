package central_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/storage"
)

// orphan is a line of a document that the centre does not have: refused, as its
// reference is missing.
func (h hostile) orphan(invoice, line atoll.ID) atoll.Operation {
	return atoll.Operation{
		Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: line}, Version: 1, Epoch: epochOf(h.rig, "B"),
		Fields: atoll.Fields{}.Set("invoice_id", invoice).Set("store_id", h.Stores["B"]).Set("kind", "stock_out").
			Set("item_id", h.item("orphan")).Set("number_of_packs", json.Number("1")).Set("pack_size", json.Number("1")),
	}
}

func (h hostile) newInvoice(id atoll.ID) atoll.Operation {
	return atoll.Operation{
		Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: id}, Version: 1, Epoch: epochOf(h.rig, "B"),
		Fields: atoll.Fields{}.Set("store_id", h.Stores["B"]).Set("kind", "customer_invoice").Set("status", "new"),
	}
}

// last is the origin of the newest entry of the site at the centre.
func (h hostile) last() atoll.Origin { return atoll.Origin{Site: h.site, Seq: h.hello().Head.Seq} }

func (r *rig) id() atoll.ID { return atoll.NewID(r.Clock.Now()) }

// A poisoned record is refused alone: what comes behind it goes on, but for
// changes of the same record, which wait behind it.
//
// R-A-17, R-K-36, R-K-38, R-K-40 (a validation failure waits for its source).
func TestPoisonStopsOnlyItself(t *testing.T) {
	r := newRig(t)
	h := hostile{r, 2}
	line, other := r.id(), r.id()
	if rc := h.push(h.orphan(r.id(), line)); rc.Quarantined != 1 || rc.Refusals[0].Code != atoll.Reference || rc.Refusals[0].Layer != "reference" {
		t.Fatalf("the orphan: %+v", rc)
	}
	if rc := h.push(atoll.Operation{
		Verb: atoll.Update, Key: atoll.Key{Type: "invoice_line", ID: line}, Version: 2, Base: h.last(), Epoch: epochOf(r, "B"),
		Fields: atoll.Fields{}.Set("note", "held"),
	}); rc.Quarantined != 1 || rc.Refusals[0].Code != atoll.HeldBehind {
		t.Errorf("a change of the same record: %+v; want it held", rc)
	}
	if rc := h.push(h.newInvoice(other)); rc.Applied != 1 || rc.Open != 2 {
		t.Errorf("a change of another record: %+v; want it applied, two in quarantine", rc)
	}
	no := r.refusals(true)
	if len(no) != 2 || no[0].Behind != 0 || no[1].Behind != no[0].ID || len(no[0].Content) == 0 || no[0].Message == "" {
		t.Errorf("quarantine: %+v", no)
	}
	// Everybody else works on.
	r.invoice(3, "C")
	r.sync(3)
}

// A refusal is mended at its source: the reference arrives, or a later change
// gives the record what it lacked. What was held is released with it, in order.
//
// R-K-39 (fix at the source), R-K-40, R-A-11 (a child that came before its
// parent waits), R-D-93.
func TestMendedAtTheSource(t *testing.T) {
	t.Run("the parent arrives", func(t *testing.T) {
		r := newRig(t)
		h := hostile{r, 2}
		parent, line := r.id(), r.id()
		h.push(h.orphan(parent, line))
		h.push(atoll.Operation{
			Verb: atoll.Update, Key: atoll.Key{Type: "invoice_line", ID: line}, Version: 2, Base: h.last(), Epoch: epochOf(r, "B"),
			Fields: atoll.Fields{}.Set("note", "second"),
		})
		second := h.last()
		if rc := h.push(h.newInvoice(parent)); rc.Open != 0 {
			t.Errorf("after the parent came: %+v", rc)
		}
		rec, ok := r.record(1, "invoice_line", line)
		if !ok || rec.Version != 2 || rec.Origin != second || rec.MustFields().Text("note") != "second" {
			t.Errorf("the line stands as %+v; want version 2 of %s", rec, second)
		}
	})
	t.Run("many wait behind it", func(t *testing.T) {
		r := newRig(t)
		h := hostile{r, 2}
		parent, line := r.id(), r.id()
		h.push(h.orphan(parent, line))
		for n := range uint64(4) {
			h.push(atoll.Operation{
				Verb: atoll.Update, Key: atoll.Key{Type: "invoice_line", ID: line}, Version: 2 + n, Base: h.last(), Epoch: epochOf(r, "B"),
				Fields: atoll.Fields{}.Set("note", fmt.Sprint("change ", n)),
			})
		}
		last := h.last()
		if rc := h.push(h.newInvoice(parent)); rc.Open != 0 {
			t.Errorf("after the parent came: %+v", rc)
		}
		if rec, ok := r.record(1, "invoice_line", line); !ok || rec.Version != 5 || rec.Origin != last {
			t.Errorf("the line stands as %+v; want version 5 of %s", rec, last)
		}
	})
	// The refused change is wrong in itself; a later one corrects it. Only both
	// together can stand, and then as the last of them: the source goes on from it.
	t.Run("a later change corrects it", func(t *testing.T) {
		r := newRig(t)
		h := hostile{r, 2}
		inv, line := r.id(), r.id()
		h.push(h.newInvoice(inv))
		bad := h.orphan(inv, line)
		item := bad.Fields.ID("item_id")
		bad.Fields.Set("item_id", r.id())
		if rc := h.push(bad); rc.Quarantined != 1 {
			t.Fatalf("%+v", rc)
		}
		for range 12 { // much other work in between does not wear its patience out
			h.push(h.newInvoice(r.id()))
		}
		rc := h.push(atoll.Operation{
			Verb: atoll.Update, Key: bad.Key, Version: 2, Base: atoll.Origin{Site: 2, Seq: rc0(h)}, Epoch: bad.Epoch,
			Fields: atoll.Fields{}.Set("item_id", item),
		})
		if rc.Open != 0 {
			t.Errorf("after the correction: %+v", rc)
		}
		rec, ok := r.record(1, "invoice_line", line)
		if !ok || rec.Version != 2 || rec.Origin != h.last() || rec.MustFields().ID("item_id") != item {
			t.Fatalf("the line stands as %+v (%t); want version 2 of %s", rec, ok, h.last())
		}
		rc = h.push(atoll.Operation{
			Verb: atoll.Update, Key: bad.Key, Version: 3, Base: rec.Origin, Epoch: bad.Epoch, Fields: atoll.Fields{}.Set("note", "goes on"),
		})
		if rc.Applied != 1 {
			t.Errorf("the source goes on: %+v", rc)
		}
	})
	t.Run("two updates of what stands", func(t *testing.T) {
		r := newRig(t)
		h := hostile{r, 2}
		inv := r.id()
		h.push(h.newInvoice(inv))
		made := h.last()
		key := atoll.Key{Type: "invoice", ID: inv}
		op := atoll.Operation{Verb: atoll.Update, Key: key, Version: 2, Base: made, Epoch: epochOf(r, "B"), Fields: atoll.Fields{}.Set("on_hold", "perhaps").Set("comment", "kept")}
		if rc := h.push(op); rc.Quarantined != 1 {
			t.Fatalf("%+v", rc)
		}
		op.Version, op.Base, op.Fields = 3, h.last(), atoll.Fields{}.Set("on_hold", true)
		if rc := h.push(op); rc.Open != 0 {
			t.Errorf("after the correction: %+v", rc)
		}
		rec, _ := r.record(1, "invoice", inv)
		if f := rec.MustFields(); rec.Version != 3 || rec.Origin != h.last() || f.Text("comment") != "kept" || !f.Bool("on_hold", false) {
			t.Errorf("it stands as version %d of %s: %s", rec.Version, rec.Origin, rec.Body)
		}
	})
	t.Run("it is deleted at the source", func(t *testing.T) {
		r := newRig(t)
		h := hostile{r, 2}
		line := r.id()
		bad := h.orphan(r.id(), line)
		h.push(bad)
		if rc := h.push(atoll.Operation{Verb: atoll.Delete, Key: bad.Key, Version: 2, Base: h.last(), Epoch: bad.Epoch}); rc.Open != 0 {
			t.Errorf("after it was deleted: %+v", rc)
		}
		if rec, ok := r.record(1, "invoice_line", line); ok && !rec.Deleted {
			t.Errorf("the deleted line stands: %+v", rec)
		}
	})
}

// rc0 is the seq of the open refusal.
func rc0(h hostile) uint64 { return h.refusals(true)[0].Seq }

// A site that writes under an ownership that has moved is given back the truth,
// also when it made several changes, some of them before the truth could reach it;
// its own changes are kept in quarantine.
//
// R-K-37 (the loser's site receives the winner), R-K-10, R-A-04, R-A-20.
func TestTruthIsReturned(t *testing.T) {
	r := newRig(t)
	r.configure(central.MakePrimary(2))
	r.peace()
	id, p := simulate.Item("contested")
	r.edit(2, p)
	r.peace()
	r.configure(central.MakePrimary(1)) // the site has not heard, and works on
	for i := range 30 {
		r.update(2, "item", id, atoll.Fields{}.Set("name", fmt.Sprint(i)))
	}
	want, _ := r.record(1, "item", id)
	// It even works on while the exchange runs, before the truth is there.
	r.lines[2].before = func() {
		if h := r.lines[2].hellos; h[len(h)-1].Acknowledged.Seq < 31 {
			return // the first exchange only tells it which audiences it has now
		}
		r.lines[2].before = nil
		r.update(2, "item", id, atoll.Fields{}.Set("name", "one more"))
	}
	r.sync(2)
	r.sync(2)
	got, _ := r.record(2, "item", id)
	if diff := cmp.Diff(rowText(want), rowText(got)); diff != "" {
		t.Errorf("the site does not have the truth (-centre +site):\n%s", diff)
	}
	if now, _ := r.record(1, "item", id); rowText(now) != rowText(want) {
		t.Errorf("the centre's row changed to %s", rowText(now))
	}
	if no := r.refusals(true); len(no) != 31 || no[0].Code != atoll.Ownership || no[30].Code != atoll.HeldBehind {
		t.Errorf("%d of the 31 changes are in quarantine: %+v", len(no), no)
	}
}

// What a person decides is kept with name and reason, settles what was held
// behind, and can be decided once.
//
// R-K-37, R-K-42, R-A-17.
func TestDecisions(t *testing.T) {
	r := newRig(t)
	h := hostile{r, 2}
	line := r.id()
	bad := h.orphan(r.id(), line)
	h.push(bad)
	no := r.refusals(true)[0]
	ctx := t.Context()
	if _, err := r.Centre.Centre.Decide(ctx, no.ID, central.Skip, "anna", ""); atoll.CodeOf(err) != atoll.Invalid {
		t.Errorf("skipped without a reason: %v", err)
	}
	if applied, err := r.Centre.Centre.Decide(ctx, no.ID, central.Retry, "anna", "again"); err != nil || applied {
		t.Errorf("retry of what is still wrong: %t, %v", applied, err)
	}
	if got := r.refusals(true)[0]; got.Attempts != no.Attempts+1 || got.State != storage.Open {
		t.Errorf("after the retry: %+v", got)
	}
	if _, err := r.Centre.Centre.Decide(ctx, no.ID, central.Return, "anna", "no such document"); err != nil {
		t.Fatal(err)
	}
	settled := r.refusals(false)[0]
	if settled.State != storage.Returned || settled.By != "anna" || settled.Note != "no such document" || string(settled.Content) != string(no.Content) {
		t.Errorf("settled as %+v", settled)
	}
	if _, err := r.Centre.Centre.Decide(ctx, no.ID, central.Skip, "bert", "late"); atoll.CodeOf(err) != atoll.Conflict {
		t.Errorf("decided twice: %v", err)
	}
	if _, err := r.Centre.Centre.Decide(ctx, 99999, central.Skip, "bert", "late"); atoll.CodeOf(err) != atoll.NotFound {
		t.Errorf("decided about nothing: %v", err)
	}
}

// A change that was refused as not the site's, and returned, and later allowed
// after all, is shown again at the site that made it.
//
// R-K-37, R-K-42.
func TestReturnedThenAllowed(t *testing.T) {
	r := newRig(t)
	r.configure(central.MakePrimary(2))
	r.peace()
	r.configure(central.MakePrimary(1))
	id, p := simulate.Item("allowed after all")
	r.edit(2, p) // it has not heard yet
	r.sync(2)
	if _, err := r.Sites[2].Record(t.Context(), p.Key); atoll.CodeOf(err) != atoll.NotFound {
		t.Errorf("the refused item is still shown: %v", err)
	}
	r.configure(central.MakePrimary(2))
	no := r.refusals(true)
	if len(no) != 1 || no[0].Code != atoll.Ownership {
		t.Fatalf("refusals: %+v", no)
	}
	// The right it was made under is gone, though the site has it again: only a
	// person lets it stand.
	if applied, err := r.Centre.Centre.Decide(t.Context(), no[0].ID, central.Retry, "anna", "it was right"); err != nil || applied {
		t.Fatal(applied, err)
	}
	if applied, err := r.Centre.Centre.Decide(t.Context(), no[0].ID, central.Accept, "anna", "it was right"); err != nil || !applied {
		t.Fatal(applied, err)
	}
	r.peace()
	want, _ := r.record(1, "item", id)
	got, _ := r.record(2, "item", id)
	if diff := cmp.Diff(rowText(want), rowText(got)); diff != "" {
		t.Errorf("centre and site differ:\n%s", diff)
	}
}

// A change that was held behind one which was refused as not the site's, and given back
// with it, is shown again at the site that made it, when it is let stand.
//
// R-K-37, R-K-42, R-F-09.
func TestHeldThenAllowed(t *testing.T) {
	r := newRig(t)
	r.configure(central.MakePrimary(2))
	r.peace()
	r.configure(central.MakePrimary(1))
	tell := func(more atoll.Fields) (atoll.ID, journal.Proposal) {
		id := r.id()
		return id, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "message", ID: id}, Fields: atoll.Fields{}.
			Set("to_store_id", r.Stores["B"]).Set("kind", "note").Set("status", "new").Apply(more)}
	}
	_, item := simulate.Item("allowed after all")
	first, p := tell(nil)
	away, o := tell(atoll.Fields{}.Set("from_store_id", r.Stores["B"]).Set("to_store_id", r.Stores["A"]))
	r.edit(2, item, p, o) // it has not heard yet
	second, q := tell(nil)
	r.edit(2, journal.Proposal{Verb: atoll.Update, Key: p.Key, Fields: atoll.Fields{}.Set("status", "processed")}, q)
	r.sync(2)
	if _, there := r.record(2, "message", second); there {
		t.Error("what was held is still shown")
	}
	r.configure(central.MakePrimary(2))
	if applied, err := r.Centre.Centre.Decide(t.Context(), r.refusals(true)[0].ID, central.Accept, "anna", "it was right"); err != nil || !applied {
		t.Fatal(applied, err)
	}
	r.peace()
	if _, there := r.record(1, "message", away); !there {
		t.Error("what the site told another does not stand")
	}
	for _, id := range []atoll.ID{first, second} {
		want, _ := r.record(1, "message", id)
		got, _ := r.record(2, "message", id)
		if diff := cmp.Diff(rowText(want), rowText(got)); diff != "" {
			t.Errorf("centre and site differ:\n%s", diff)
		}
	}
}

// Offered is applied, duplicate and quarantined, for every exchange, in the logs
// of both ends.
//
// R-I-24, R-I-11 (a refusal names table, record and field).
func TestCountsAddUp(t *testing.T) {
	r := newRig(t)
	h := hostile{r, 2}
	h.push(h.newInvoice(r.id()))
	hello := h.hello()
	hello.Waiting = 3
	var first storage.JournalEntry
	r.look(1, func(v storage.Reader) (err error) { first, err = v.Entry(2, 1); return err })
	entries := []exchange.Entry{{Seq: 1, Content: first.Content}}
	head := hello.Head
	for _, op := range []atoll.Operation{h.newInvoice(r.id()), h.orphan(r.id(), r.id())} {
		content := h.entry(op)
		head = atoll.Head{Timeline: hello.Timeline, Seq: head.Seq + 1, Hash: atoll.Chain(head.Hash, 2, hello.Timeline, head.Seq+1, atoll.Digest(content))}
		entries = append(entries, exchange.Entry{Seq: head.Seq, Content: content})
	}
	hello.Head = head
	rc, _, err := h.say(hello, entries...)
	if err != nil {
		t.Fatal(err)
	}
	if rc.Offered != 3 || rc.Applied != 1 || rc.Duplicate != 1 || rc.Quarantined != 1 {
		t.Errorf("receipt %+v; want 3 offered, 1 of each", rc)
	}
	if no := rc.Refusals[0]; no.Type != "invoice_line" || no.ID == "" || no.Field != "invoice_id" || no.Message == "" {
		t.Errorf("the refusal does not say what is wrong: %+v", no)
	}
	log, err := r.Centre.Centre.SyncLog(t.Context(), 2, 1)
	if err != nil || len(log) != 1 {
		t.Fatal(log, err)
	}
	if c := log[0]; c.Offered != c.Applied+c.Duplicate+c.Quarantined || c.Offered != 3 || c.Site != 2 || c.Started.IsZero() {
		t.Errorf("the centre's log: %+v", c)
	}
}

// A document that was refused together with the stock it moves is left out with it. When
// its site has stated it again since, and that waits behind the refusal, the document does
// not come to stand without its stock: not when a person has it judged again, and not when
// the entry that made it is left out. A document that moved none stands as it is stated.
//
// R-A-18, R-K-40, R-K-42, R-J-09.
func TestR_K_42_LeftOutWithItsStock(t *testing.T) {
	for _, tc := range []struct {
		name    string
		stock   bool
		decided central.Decision
	}{
		{"stock, returned", true, central.Return},
		{"stock, skipped", true, central.Skip},
		{"none, returned", false, central.Return},
		{"none, skipped", false, central.Skip},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			h := hostile{r, 2}
			made, bad := h.newInvoice(r.id()), h.orphan(r.id(), r.id())
			entry := []atoll.Operation{made, bad}
			if tc.stock {
				entry = append(entry, atoll.Operation{
					Verb: atoll.Insert, Key: atoll.Key{Type: "stock_line", ID: r.id()}, Version: 1, Epoch: made.Epoch,
					Fields: atoll.Fields{}.Set("store_id", h.Stores["B"]).Set("item_id", bad.Fields.ID("item_id")).
						Set("pack_size", json.Number("1")).Set("total_number_of_packs", json.Number("2")).
						Set("available_number_of_packs", json.Number("2")),
				})
			}
			h.push(entry...)
			again := made
			again.Verb, again.Base = atoll.Restate, h.last()
			h.push(again)
			no := r.refusals(true)
			if len(no) != 2 || no[1].Behind != no[0].ID {
				t.Fatalf("quarantine: %+v", no)
			}
			stands := func(when string, want bool) {
				t.Helper()
				if _, there := r.record(1, "invoice", made.ID); there != want {
					t.Errorf("%s: the document stands: %t; want %t", when, there, want)
				}
			}
			if applied, err := r.Centre.Centre.Decide(t.Context(), no[1].ID, central.Retry, "tester", ""); err != nil || applied {
				t.Errorf("judged again: applied %t, %v", applied, err)
			}
			stands("judged again", false)
			if _, err := r.Centre.Centre.Decide(t.Context(), no[0].ID, tc.decided, "tester", "left out"); err != nil {
				t.Fatal(err)
			}
			stands("left out", !tc.stock)
			if left := r.refusals(true); tc.stock && (len(left) != 1 || left[0].Code != atoll.BaseVersion) {
				t.Errorf("what waits now: %+v", left)
			}
		})
	}
}
