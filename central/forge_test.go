package central_test

import (
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// hostile speaks to the centre in a site's name, with the site's own credentials:
// a site that was taken over.
type hostile struct {
	*rig
	site atoll.SiteID
}

// hello is what an honest site would say now.
func (h hostile) hello() exchange.Hello {
	h.t.Helper()
	var s central.SiteState
	var head atoll.Head
	h.look(1, func(v storage.Reader) (err error) {
		if s, err = central.State(v, h.site); err != nil {
			return err
		}
		head, err = v.Head(h.site)
		return err
	})
	return exchange.Hello{
		Protocol: exchange.Protocol, Catalogue: h.Catalogue.Version(), CatalogueHash: h.Catalogue.Hash(), Site: h.site, Device: s.Device,
		Timeline: s.Timeline, Turn: s.Turn + 1, Nonce: "hostile", Acknowledged: head, Head: head, Cursor: s.Cursor, NoFeed: true,
	}
}

// say runs one exchange with what is given, and returns the receipt.
func (h hostile) say(hello exchange.Hello, entries ...exchange.Entry) (receipt exchange.Receipt, frames []exchange.Frame, err error) {
	h.t.Helper()
	list := func(yield func(exchange.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
	for f, ferr := range h.Centre.Centre.Exchange(h.t.Context(), hello, iter.Seq2[exchange.Entry, error](list)) {
		if ferr != nil {
			return receipt, frames, ferr
		}
		if rc, ok := f.(exchange.Receipt); ok {
			receipt = rc
		}
		frames = append(frames, f)
	}
	return receipt, frames, nil
}

// entry is content as a site would send it next.
func (h hostile) entry(ops ...atoll.Operation) []byte {
	e := atoll.Entry{Time: h.Clock.Now(), Actor: "mallory", Cause: atoll.Cause{Kind: "user"}, Catalogue: h.Catalogue.Version(), Operations: ops}
	return e.Encode()
}

// push sends one well-formed entry with the operations.
func (h hostile) push(ops ...atoll.Operation) exchange.Receipt {
	h.t.Helper()
	hello := h.hello()
	content := h.entry(ops...)
	seq := hello.Head.Seq + 1
	hello.Head = atoll.Head{Timeline: hello.Timeline, Seq: seq, Hash: atoll.Chain(hello.Head.Hash, h.site, hello.Timeline, seq, atoll.Digest(content))}
	rc, _, err := h.say(hello, exchange.Entry{Seq: seq, Content: content})
	if err != nil {
		h.t.Fatal(err)
	}
	return rc
}

// victim is what site 3 owns: an invoice of store C with a line, finalised.
func (r *rig) victim() (invoice, line atoll.ID) {
	r.t.Helper()
	item := r.item("victim")
	r.sync(2, 3)
	stock := r.stock(3, "C", item, "20")
	id, err := r.Sites[3].Shipment(r.t.Context(), r.Stores["C"], r.Stores["D"], stock, "5")
	if err != nil {
		r.t.Fatal(err)
	}
	r.peace()
	lines, _, err := r.Sites[3].Records(r.t.Context(), storageQuery("invoice_line", "invoice_id", string(id)))
	if err != nil || len(lines) == 0 {
		r.t.Fatal("no lines", err)
	}
	return id, lines[0].ID
}

// A site that was taken over tries to change what is not its own, in every way an
// entry can be forged. Each is refused with a code that says why, kept whole in
// quarantine, and changes no row.
//
// R-A-04 and R-A-05 (enforced at the centre), R-K-11, R-K-28, R-K-35, R-K-36,
// R-K-38, R-K-49.
func TestForgedOperations(t *testing.T) {
	r := newRig(t)
	invoice, line := r.victim()
	open := r.invoice(3, "C")
	r.peace()
	theirs, _ := r.record(1, "invoice", invoice)
	theirLine, _ := r.record(1, "invoice_line", line)
	own := r.invoice(2, "B")
	r.peace()
	mine, _ := r.record(1, "invoice", own)
	storeB, _ := r.record(1, "store", r.Stores["B"])
	storeC, _ := r.record(1, "store", r.Stores["C"])
	epoch := func(rec atoll.Record) uint64 { return uint64(rec.MustFields().Int("epoch")) }
	a, b, c := r.Stores["A"], r.Stores["B"], r.Stores["C"]
	fresh := func(kind atoll.Type) atoll.Key { return atoll.Key{Type: kind, ID: atoll.NewID(r.Clock.Now())} }
	newInvoice := func(store atoll.ID) atoll.Fields {
		return atoll.Fields{}.Set("store_id", store).Set("kind", "customer_invoice").Set("status", "new")
	}
	next := func(rec atoll.Record, f atoll.Fields) atoll.Operation {
		return atoll.Operation{Verb: atoll.Update, Key: rec.Key, Version: rec.Version + 1, Base: rec.Origin, Fields: f}
	}
	comment := atoll.Fields{}.Set("comment", "mine now")
	item := atoll.Key{Type: "item", ID: theirLine.MustFields().ID("item_id")}
	itemRec, _ := r.record(1, "item", item.ID)

	with := func(op atoll.Operation, change func(*atoll.Operation)) atoll.Operation { change(&op); return op }
	tests := []struct {
		name string
		code atoll.Code
		ops  []atoll.Operation
	}{
		{"another's document", atoll.Ownership, []atoll.Operation{with(next(theirs, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeC) })}},
		{"a new document for another's store", atoll.Ownership, []atoll.Operation{{Verb: atoll.Insert, Key: fresh("invoice"), Version: 1, Epoch: epoch(storeC), Fields: newInvoice(c)}}},
		{"a new document for the centre's store", atoll.Ownership, []atoll.Operation{{Verb: atoll.Insert, Key: fresh("invoice"), Version: 1, Fields: newInvoice(a)}}},
		{"central data", atoll.Ownership, []atoll.Operation{next(itemRec, atoll.Fields{}.Set("name", "poison"))}},
		{"the store's own record", atoll.Ownership, []atoll.Operation{next(storeB, atoll.Fields{}.Set("site_id", 3))}},
		{"another store drawn to this site", atoll.Ownership, []atoll.Operation{next(storeC, atoll.Fields{}.Set("site_id", 2))}},
		{"an own document moved into another's store", atoll.Schema, []atoll.Operation{with(next(mine, atoll.Fields{}.Set("store_id", c)), func(o *atoll.Operation) { o.Epoch = epoch(storeB) })}},
		{"another's document moved into an own store", atoll.Schema, []atoll.Operation{with(next(theirs, atoll.Fields{}.Set("store_id", b)), func(o *atoll.Operation) { o.Epoch = epoch(storeB) })}},
		{"an insert over another's document", atoll.Exists, []atoll.Operation{{Verb: atoll.Insert, Key: theirs.Key, Version: 1, Epoch: epoch(storeB), Fields: newInvoice(b)}}},
		{"an insert with a version", atoll.Invalid, []atoll.Operation{{Verb: atoll.Insert, Key: fresh("invoice"), Version: 7, Epoch: epoch(storeB), Fields: newInvoice(b)}}},
		{"an older epoch", atoll.OldEpoch, []atoll.Operation{with(next(mine, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeB) - 1 })}},
		{"a later epoch", atoll.OldEpoch, []atoll.Operation{with(next(mine, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeB) + 1 })}},
		{"a base that is not the last version", atoll.BaseVersion, []atoll.Operation{with(next(mine, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeB); o.Base.Seq += 7 })}},
		{"a version that was skipped", atoll.BaseVersion, []atoll.Operation{with(next(mine, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeB); o.Version++ })}},
		{"a record nobody made", atoll.Reference, []atoll.Operation{{Verb: atoll.Update, Key: fresh("invoice"), Version: 2, Base: mine.Origin, Epoch: epoch(storeB), Fields: comment}}},
		{"a type nobody declared", atoll.Unknown, []atoll.Operation{{Verb: atoll.Insert, Key: fresh("backdoor"), Version: 1, Fields: comment}}},
		{"a field of the wrong kind", atoll.Schema, []atoll.Operation{with(next(mine, atoll.Fields{}.Set("on_hold", "perhaps")), func(o *atoll.Operation) { o.Epoch = epoch(storeB) })}},
		{"another's document deleted", atoll.Ownership, []atoll.Operation{{Verb: atoll.Delete, Key: theirLine.Key, Version: theirLine.Version + 1, Base: theirLine.Origin, Epoch: epoch(storeC)}}},
		{"another's document restated", atoll.Ownership, []atoll.Operation{{
			Verb: atoll.Restate, Key: theirs.Key, Version: theirs.Version + 5, Base: theirs.Origin, Epoch: epoch(storeC),
			Fields: theirs.MustFields().Apply(atoll.Fields{}.Set("comment", "mine now")),
		}}},
		{"an own line hung under another's document", atoll.Ownership, []atoll.Operation{{
			Verb: atoll.Insert, Key: fresh("invoice_line"), Version: 1, Epoch: epoch(storeB),
			Fields: atoll.Fields{}.Set("invoice_id", open).Set("store_id", b).Set("kind", "stock_out").
				Set("item_id", item.ID).Set("number_of_packs", json.Number("1")).Set("pack_size", json.Number("1")),
		}}},
		{"data that stays at its site", atoll.Schema, []atoll.Operation{with(next(mine, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeB); o.Stays = true })}},
		{"a good change beside a forged one", atoll.Ownership, []atoll.Operation{
			with(next(mine, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeB) }),
			with(next(theirs, comment), func(o *atoll.Operation) { o.Epoch = epoch(storeC) }),
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &rig{Fleet: r.Fleet, t: t, dir: r.dir, files: r.files, disks: r.disks, lines: r.lines}
			h := hostile{r, 2}
			before := r.rows(1)
			rc := h.push(test.ops...)
			if rc.Quarantined != 1 || rc.Applied != 0 || len(rc.Refusals) != 1 {
				t.Fatalf("the centre took it: %+v", rc)
			}
			if got := rc.Refusals[0]; got.Code != test.code || got.Message == "" {
				t.Errorf("refused as %s (%s); want %s", got.Code, got.Message, test.code)
			}
			if diff := cmp.Diff(before, r.rows(1)); diff != "" {
				t.Errorf("rows changed:\n%s", diff)
			}
			// Each case stands for itself: what is held behind the last would hide it.
			for _, no := range r.refusals(true) {
				if _, err := r.Centre.Centre.Decide(t.Context(), no.ID, central.Skip, "tester", "forged"); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A restatement is for what the centre could not know. It cannot be used to write
// around the laws of a document, to raise a version, to lend a record another
// origin, or to bring back what was deleted.
//
// R-H-28, R-K-35, R-K-36 (history is never rewritten), R-D-37.
func TestForgedRestatements(t *testing.T) {
	r := newRig(t)
	item := r.item("restated")
	r.sync(2)
	stock := r.stock(2, "B", item, "9")
	done, err := r.Sites[2].Shipment(t.Context(), r.Stores["B"], r.Stores["C"], stock, "2")
	if err != nil {
		t.Fatal(err)
	}
	gone, made := r.invoice(2, "B"), r.invoice(2, "B")
	r.peace()
	r.edit(2, journal.Proposal{Verb: atoll.Delete, Key: atoll.Key{Type: "invoice", ID: gone}})
	r.peace()
	restate := func(id atoll.ID, base atoll.Origin, f atoll.Fields) atoll.Operation {
		rec, _ := r.record(1, "invoice", id)
		if base.Seq == 0 {
			base = rec.Origin
		}
		return atoll.Operation{
			Verb: atoll.Restate, Key: rec.Key, Version: rec.Version + 1, Base: base, Epoch: epochOf(r, "B"), Fields: rec.MustFields().Apply(f),
		}
	}
	fresh := restate(made, atoll.Origin{}, nil)
	fresh.ID = atoll.NewID(r.Clock.Now())
	comment := atoll.Fields{}.Set("comment", "rewritten")
	deleted := restate(made, atoll.Origin{}, nil)
	deleted.Deleted = true
	shelf, _ := r.record(1, "stock_line", stock)
	never := atoll.Operation{
		Verb: atoll.Restate, Key: shelf.Key, Version: shelf.Version + 1, Base: shelf.Origin, Epoch: epochOf(r, "B"), Deleted: true, Fields: shelf.MustFields(),
	}
	for name, op := range map[string]atoll.Operation{
		"a finalised document becomes new again":    restate(done, atoll.Origin{}, atoll.Fields{}.Set("status", "new")),
		"a version nobody made":                     restate(made, atoll.Origin{}, comment),
		"the origin of another site's entry":        restate(made, atoll.Origin{Site: 3, Seq: 1}, comment),
		"the origin of an entry that is to come":    restate(made, atoll.Origin{Site: 2, Seq: 9999}, comment),
		"a document that no entry deleted":          deleted,
		"stock, which is never deleted":             never,
		"a deleted document":                        restate(gone, atoll.Origin{}, nil),
		"a document that no entry made":             fresh,
		"the origin of an entry about other things": restate(made, atoll.Origin{Site: 2, Seq: 1}, comment),
	} {
		t.Run(name, func(t *testing.T) {
			h := hostile{r, 2}
			before := r.rows(1)
			if rc := h.push(op); rc.Quarantined != 1 {
				t.Errorf("the centre took it: %+v", rc)
			}
			if diff := cmp.Diff(before, r.rows(1)); diff != "" {
				t.Errorf("rows changed:\n%s", diff)
			}
			for _, no := range r.refusals(true) {
				if _, err := r.Centre.Centre.Decide(t.Context(), no.ID, central.Skip, "tester", "forged"); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Whole exchanges that do not add up: each is refused with a code, and nothing of
// it stays.
//
// R-A-09, R-H-12, R-H-13, R-H-27, R-K-19, R-K-28, R-K-62.
func TestForgedExchanges(t *testing.T) {
	r := newRig(t)
	own := r.invoice(2, "B")
	r.peace()
	mine, _ := r.record(1, "invoice", own)
	epoch := uint64(func() int64 { s, _ := r.record(1, "store", r.Stores["B"]); return s.MustFields().Int("epoch") }())
	h := hostile{r, 2}
	update := h.entry(atoll.Operation{Verb: atoll.Update, Key: mine.Key, Version: mine.Version + 1, Base: mine.Origin, Epoch: epoch, Fields: atoll.Fields{}.Set("comment", "x")})
	var known storage.JournalEntry
	r.look(1, func(v storage.Reader) (err error) { known, err = v.Entry(2, 1); return err })
	tests := []struct {
		name    string
		code    atoll.Code
		forge   func(*exchange.Hello)
		entries func(exchange.Hello) []exchange.Entry
	}{
		{"a gap", atoll.WrongChain, nil, func(h exchange.Hello) []exchange.Entry {
			return []exchange.Entry{{Seq: h.Head.Seq + 2, Content: update}}
		}},
		{"an old entry with other content", atoll.Cloned, nil, func(exchange.Hello) []exchange.Entry { return []exchange.Entry{{Seq: 1, Content: update}} }},
		{"a hash that is not the entry's", atoll.WrongChain, func(h *exchange.Hello) { h.Head.Seq++ }, func(h exchange.Hello) []exchange.Entry { return []exchange.Entry{{Seq: h.Head.Seq, Content: update}} }},
		{"an earlier turn", atoll.Restored, func(h *exchange.Hello) { h.Turn -= 2 }, nil},
		{"this turn with another nonce", atoll.Restored, func(h *exchange.Hello) { h.Turn-- }, nil},
		{"another device", atoll.SiteDevice, func(h *exchange.Hello) { h.Device = "a copy" }, nil},
		{"another database", atoll.Cloned, func(h *exchange.Hello) { h.Timeline = atoll.NewTimeline() }, nil},
		{"a journal that is shorter than we know", atoll.Restored, func(h *exchange.Hello) { h.Head.Seq--; h.Acknowledged.Seq-- }, nil},
		{"a journal that differs", atoll.Cloned, func(h *exchange.Hello) { h.Acknowledged.Hash[0] ^= 1 }, nil},
		{"an acknowledgement beyond the end", atoll.Invalid, func(h *exchange.Hello) { h.Acknowledged.Seq++ }, nil},
		{"a newer protocol", atoll.OldProtocol, func(h *exchange.Hello) { h.Protocol++ }, nil},
		{"an older protocol", atoll.OldProtocol, func(h *exchange.Hello) { h.Protocol = exchange.OldestProtocol - 1 }, nil},
		{"a newer catalogue", atoll.OldProtocol, func(h *exchange.Hello) { h.Catalogue++ }, nil},
		{"a site that was never made", atoll.SiteUnknown, func(h *exchange.Hello) { h.Site = 77 }, nil},
		{"another centre's site", atoll.SiteMismatch, func(h *exchange.Hello) { h.Centre = atoll.NewTimeline() }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := h
			before, turn := r.rows(1), h.hello().Turn
			hello := h.hello()
			if test.forge != nil {
				test.forge(&hello)
			}
			var entries []exchange.Entry
			if test.entries != nil {
				entries = test.entries(hello)
			}
			_, _, err := h.say(hello, entries...)
			if !errors.Is(err, test.code) {
				t.Errorf("got %v; want %s", err, test.code)
			}
			if diff := cmp.Diff(before, r.rows(1)); diff != "" {
				t.Errorf("rows changed:\n%s", diff)
			}
			if now := h.hello().Turn; now != turn {
				t.Errorf("the turn moved from %d to %d", turn, now)
			}
		})
	}
	t.Run("the same entry again", func(t *testing.T) {
		hello := h.hello()
		rc, _, err := h.say(hello, exchange.Entry{Seq: 1, Content: known.Content})
		if err != nil || rc.Duplicate != 1 || rc.Applied != 0 {
			t.Errorf("got %+v, %v; want one duplicate", rc, err)
		}
	})
	t.Run("withheld in place of what was sent", func(t *testing.T) {
		d := atoll.Digest(known.Content)
		content := []byte(`{"withheld":"` + d.String() + `"}`)
		hello := h.hello()
		if rc, _, err := h.say(hello, exchange.Entry{Seq: 1, Content: content}); err != nil || rc.Duplicate != 1 {
			t.Errorf("got %+v, %v; want a duplicate", rc, err)
		}
		var now storage.JournalEntry
		r.look(1, func(v storage.Reader) (err error) { now, err = v.Entry(2, 1); return err })
		if string(now.Content) != string(known.Content) {
			t.Error("the centre's copy lost its content")
		}
	})
}

// Bytes that are no entry at all go to quarantine as they are; the chain goes on
// behind them (rule 5: never stuck).
//
// R-K-28, R-K-38.
func TestForgedBytes(t *testing.T) {
	r := newRig(t)
	h := hostile{r, 2}
	before := r.rows(1)
	for _, content := range []string{
		"", "{}", "\n", strings.Repeat("x", 1000), `{"time":1,"actor":"","cause":{"kind":""},"catalogue":0}`,
		`{"withheld":"00"}`, `{"time":1,"actor":"a","cause":{"kind":"user"},"catalogue":1}` + "\n" + `{"verb":"insert","type":"item","id":"x","version":1,"fields":{}}`,
	} {
		hello := h.hello()
		seq := hello.Head.Seq + 1
		hello.Head.Seq, hello.Head.Hash = seq, atoll.Chain(hello.Head.Hash, 2, hello.Timeline, seq, atoll.Digest([]byte(content)))
		rc, _, err := h.say(hello, exchange.Entry{Seq: seq, Content: []byte(content)})
		if err != nil || rc.Quarantined != 1 || rc.Acknowledged.Seq != seq {
			t.Errorf("%q: %+v, %v; want it quarantined", content, rc, err)
		}
	}
	if diff := cmp.Diff(before, r.rows(1)); diff != "" {
		t.Errorf("rows changed:\n%s", diff)
	}
	if rc := h.push(atoll.Operation{
		Verb: atoll.Insert, Key: atoll.Key{Type: "location", ID: atoll.NewID(r.Clock.Now())}, Version: 1, Epoch: epochOf(r, "B"),
		Fields: atoll.Fields{}.Set("store_id", r.Stores["B"]).Set("code", "1").Set("name", "Shelf"),
	}); rc.Applied != 1 {
		t.Errorf("a good entry behind them: %+v", rc)
	}
}

func epochOf(r *rig, store string) uint64 {
	rec, _ := r.record(1, "store", r.Stores[store])
	return uint64(rec.MustFields().Int("epoch"))
}
