package simulate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// TestR_K_17: an initialisation is what brings all.
func TestR_K_17_IncrementalByDefault(t *testing.T) {
	w := f1(t)
	for i := range 20 {
		w.item(fmt.Sprint(i))
	}
	w.sync(2, 2)
	w.item("one more")
	if c := w.sync(2); c.Received != 1 || c.Sent != 0 {
		t.Errorf("after one change elsewhere %d records came and %d entries went", c.Received, c.Sent)
	}
	w.insert(2, "location", atoll.Fields{}.Set("store_id", w.Stores["B"]).Set("code", "1").Set("name", "1"))
	if c := w.sync(2); c.Received != 0 || c.Sent != 1 {
		t.Errorf("after one change here %d records came and %d entries went", c.Received, c.Sent)
	}
	if c := w.sync(2); c.Received != 0 || c.Sent != 0 {
		t.Errorf("after none %d records came and %d entries went", c.Received, c.Sent)
	}
	w.replace(2)
	if c := w.sync(2); c.Received < 20 {
		t.Errorf("a new database got %d records", c.Received)
	}
}

// TestR_K_18_R_K_56: others write at random while a site initialises, page by
// page, over a line that breaks.
func TestR_K_18_R_K_56_WritesWhilePaging(t *testing.T) {
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := borrow(t, rt, template)
		var items []atoll.ID
		for i := range 30 {
			items = append(items, w.item(fmt.Sprint(i)))
		}
		w.sync(2)
		w.replace(3)
		w.Centre.Centre.Records = 7
		l := w.listen(3)
		seen := map[string]bool{}
		l.answer = func(f exchange.Frame) int {
			if r, ok := f.(exchange.Record); ok {
				at := fmt.Sprint(r.Lane, r.Key, r.Position)
				if seen[at] {
					rt.Errorf("%s came twice at position %d", r.Key, r.Position)
				}
				seen[at] = true
			}
			if _, ok := f.(exchange.End); ok && len(items) < 60 { // between two pages
				for range rapid.IntRange(0, 3).Draw(rt, "writes") {
					if rapid.Bool().Draw(rt, "new") {
						items = append(items, w.item(fmt.Sprint("later ", len(items))))
					} else {
						id := rapid.SampledFrom(items).Draw(rt, "item")
						w.update(1, "item", id, atoll.Fields{}.Set("name", fmt.Sprint("renamed ", len(l.frames))))
					}
				}
			}
			return 0
		}
		w.sync(3)
		l.answer = nil
		w.sync(3)
		for _, id := range items {
			w.equal("item", id, 1, 3)
		}
		if got := len(w.list(3, "item")); got != len(items) {
			rt.Errorf("%d items of %d", got, len(items))
		}
		w.peace()
	})
}

func TestR_K_21_EveryMasterChangeIsLogged(t *testing.T) {
	w := f2(t)
	item := w.item("x")
	for i := range 6 {
		w.update(4, "item", item, atoll.Fields{}.Set("name", fmt.Sprint(i)))
	}
	before := len(w.journalCopy(4, 0))
	c := w.sync(4)
	h, err := w.Centre.History(w.ctx, atoll.Key{Type: "item", ID: item}, 0)
	if err != nil || len(h) != 7 || c.Applied != len(w.journalCopy(4, 0))-before {
		t.Errorf("%d versions are told of 7; %d entries applied, %d kept, %v", len(h), c.Applied, len(w.journalCopy(4, 0))-before, err)
	}
	for _, v := range h {
		if v.Actor != "tester" || v.Origin.Site != 4 || v.Hash.IsZero() {
			t.Errorf("version %d: by %q at site %d", v.Op.Version, v.Actor, v.Origin.Site)
		}
	}
}

func TestR_K_22_R_K_23_ReferenceCopies(t *testing.T) {
	w, stock := bc(t)
	own := w.stock("C", w.want(2, "stock_line", stock).Fields.ID("item_id"), "9")
	ci := w.ship("B", "C", stock, "4")
	w.sync(2, 3, 2, 3)
	copied := w.want(3, "invoice", ci)
	half := w.answer(3, "invoice", ci)
	if copied.Editable || copied.Owner.Site != 2 || !half.Editable || half.ID == ci {
		t.Errorf("the sender's document is editable %t (owner %d), the own one %t", copied.Editable, copied.Owner.Site, half.Editable)
	}
	w.refused(w.At(3).Insert(w.ctx, change("invoice", ci, atoll.Fields{}.Set("comment", "mine"))), atoll.Ownership)
	packs := func() string { return w.want(3, "stock_line", own).Fields.Number("total_number_of_packs") }
	if got := len(w.list(3, "stock_line")); got != 1 || packs() != "9" {
		t.Errorf("with the other's ledger there are %d stock lines here, of %s packs", got, packs())
	}
	w.recall("invoice", ci) // a replica is never posted again
	w.sync(3)
	if got := len(w.list(3, "stock_line")); got != 1 || packs() != "9" {
		t.Errorf("posted again: %d stock lines, %s packs", got, packs())
	}
	w.peace()
}

// TestR_K_32: the job is the cycle; it is killed with the program, anywhere in an
// answer, paused and run again. What crashes inside a commit is package central's
// to test.
func TestR_K_32_R_K_33_KilledAnywhere(t *testing.T) {
	template, err := templates.f1()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := newChain(borrow(t, rt, template))
		for range rapid.IntRange(3, 12).Draw(rt, "kills") {
			at := atoll.SiteID(rapid.IntRange(2, 3).Draw(rt, "site"))
			ctx, kill := context.WithCancel(c.ctx)
			frames := rapid.IntRange(0, 9).Draw(rt, "frames")
			l := c.listen(at)
			l.answer = func(exchange.Frame) int {
				if frames--; frames < 0 {
					kill()
				}
				return 0
			}
			c.Sites[at].Site.Cycle(ctx) // it is killed; that is the point
			kill()
			before, _ := c.Sites[at].Site.Status(c.ctx)
			log, _ := c.Sites[at].Site.SyncLog(c.ctx, 5)
			c.restart(at)
			// R-K-33: how it stands, and what was done, is what it was.
			after, err := c.Sites[at].Site.Status(c.ctx)
			before.ClockAhead, before.Words, before.Light, before.Advice = after.ClockAhead, after.Words, after.Light, after.Advice
			if err != nil || before != after {
				rt.Errorf("after the restart (%v)\n%+v, it was\n%+v", err, after, before)
			}
			again, _ := c.Sites[at].Site.SyncLog(c.ctx, 5)
			if fmt.Sprint(log) != fmt.Sprint(again) {
				rt.Errorf("the sync log was %v, is %v", log, again)
			}
			if rapid.Bool().Draw(rt, "work") {
				c.step()
			}
			if rapid.Bool().Draw(rt, "pause") { // paused, and resumed after a restart
				pause := func(on bool) {
					if err := c.Sites[at].Site.Configure(c.ctx, "tester", func(s *site.Settings) { s.Disabled = on }); err != nil {
						rt.Fatal(err)
					}
				}
				pause(true)
				c.restart(at)
				if _, err := c.Sync(c.ctx, at); atoll.CodeOf(err) != atoll.Paused {
					rt.Errorf("the pause did not survive: %v", err)
				}
				pause(false)
			}
		}
		c.finish()
	})
}

func TestR_K_52_BatchesFitTheLine(t *testing.T) {
	for per, want := range map[time.Duration]int{
		0: 500, time.Millisecond: 500, 10 * time.Millisecond: 500, 20 * time.Millisecond: 250, 333 * time.Millisecond: 15, time.Second: 10, time.Hour: 10,
	} {
		if got := site.BatchSize(per); got != want {
			t.Errorf("at %s a record the batch is %d; want %d", per, got, want)
		}
	}
	w := f1(t)
	w.sync(2)
	l := w.listen(2)
	slow := 300 * time.Millisecond
	l.answer = func(f exchange.Frame) int {
		if _, ok := f.(exchange.Record); ok {
			w.Clock.Wind(slow)
		}
		return 0
	}
	made := 0
	run := func(items int) (asked []int) {
		for range items {
			made++
			w.item(fmt.Sprint(made))
		}
		l.hellos = nil
		w.sync(2)
		for _, h := range l.hellos {
			asked = append(asked, h.Records)
		}
		return asked
	}
	w.Centre.Centre.Records = exchange.MaxRecords
	if got := run(12); got[0] != 500 {
		t.Errorf("at first it asks for %d", got[0])
	}
	if got := run(120); got[0] > 20 || got[len(got)-1] < 10 || got[len(got)-1] > 20 || len(got) < 6 {
		t.Errorf("on a slow line it asks for %v", got)
	}
	slow = 0
	run(150)
	if got := run(150); got[len(got)-1] < 100 {
		t.Errorf("on a fast line it asks for %v", got)
	}
	w.peace()
}

func TestR_K_60_AlteredEntry(t *testing.T) {
	w, stock := bc(t)
	w.ship("B", "C", stock, "4")
	w.sync(2)
	err := w.Centre.Store.View(w.ctx, func(r storage.Reader) error {
		n, err := journal.Verify(r, 2, 0, atoll.Hash{})
		if err != nil || uint64(n) != w.seq(2) {
			t.Errorf("%d of %d entries follow, %v", n, w.seq(2), err)
		}
		for seq := uint64(1); seq <= w.seq(2); seq++ {
			if _, err := journal.Verify(altered{r, seq}, 2, 0, atoll.Hash{}); atoll.CodeOf(err) != atoll.WrongChain || !strings.Contains(err.Error(), fmt.Sprintf("entry %d ", seq)) {
				t.Errorf("entry %d was altered: %v", seq, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// altered is a database in which somebody changed one byte of an entry.
type altered struct {
	storage.Reader
	seq uint64
}

// Entries returns the entries, one of them altered.
func (a altered) Entries(site atoll.SiteID, after uint64, limit, most int) ([]storage.JournalEntry, error) {
	out, err := a.Reader.Entries(site, after, limit, most)
	for i := range out {
		if out[i].Seq == a.seq {
			b := append([]byte(nil), out[i].Content...)
			b[len(b)-2] ^= 1
			out[i].Content = b
		}
	}
	return out, err
}

// TestR_K_64: a site whose schema is ahead of the centre's.
func TestR_K_64_BlockedSyncNotWork(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	l := w.listen(2)
	l.hello = func(h *exchange.Hello) { h.Catalogue = 99 }
	var made []atoll.ID
	for range 3 {
		made = append(made, w.stock("B", item, "1"))
		_, err := w.Sync(w.ctx, 2)
		w.refused(err, atoll.OldProtocol, "upgrade the central server first", "goes on working")
	}
	st, err := w.Sites[2].Site.Status(w.ctx)
	if err != nil || st.Waiting != 3 || st.LastCode != atoll.OldProtocol {
		t.Errorf("%d changes wait, %s, %v", st.Waiting, st.LastCode, err)
	}
	w.stock("C", item, "1")
	w.sync(3) // others are not blocked
	l.hello = nil
	w.peace()
	for _, id := range made {
		w.equal("stock_line", id, 2, 1)
	}
}

// TestR_K_61: a wrong shipment is corrected by sending it back.
func TestR_K_61_CorrectionsAreNewRecords(t *testing.T) {
	w, stock := bc(t)
	ci := w.ship("B", "C", stock, "4")
	w.sync(2, 3)
	half := w.answer(3, "invoice", ci)
	w.act(3, receive, half.ID)
	for _, p := range []journal.Proposal{
		{Verb: atoll.Delete, Key: half.Key},
		change("invoice", half.ID, atoll.Fields{}.Set("status", documents.New)),
	} {
		w.refused(w.At(3).Insert(w.ctx, p), atoll.LifeCycle, "return")
	}
	versions := w.want(3, "invoice", half.ID).Version
	line := w.one(3, "stock_line", "store_id", string(w.Stores["C"]))
	id := w.insert(3, "invoice", atoll.Fields{}.Set("store_id", w.Stores["C"]).Set("kind", documents.SupplierCredit).Set("status", documents.New).
		Set("name_id", topology.StoreNameID(w.Stores["B"])).Set("original_invoice_id", half.ID))
	f := atoll.Fields{}.Set("invoice_id", id).Set("store_id", w.Stores["C"]).Set("kind", "stock_out").Set("stock_line_id", line.ID).Set("number_of_packs", number("4"))
	for _, name := range []string{"item_id", "batch", "expiry_date", "pack_size"} {
		f[name] = line.Fields[name]
	}
	w.insert(3, "invoice_line", f)
	w.act(3, finalise, id)
	w.sync(3, 2)
	w.act(2, receive, w.answer(2, "invoice", id).ID)
	w.peace()
	for _, doc := range []atoll.ID{ci, half.ID, id} {
		rec := w.want(1, "invoice", doc)
		h, err := w.Centre.History(w.ctx, rec.Key, 0)
		if err != nil || uint64(len(h)) != rec.Version {
			t.Errorf("%d of %d versions of document %s can be read, %v", len(h), rec.Version, doc, err)
		}
	}
	if got := w.want(3, "invoice", half.ID).Version; got != versions {
		t.Errorf("the corrected document was rewritten: version %d", got)
	}
}

// TestR_I_11_R_I_24: a refused change in both sync logs, and in words.
func TestR_I_11_R_I_24_RefusedInWords(t *testing.T) {
	w, stock := bc(t)
	ci := w.draft(stock, documents.New)
	w.update(2, "invoice", ci, atoll.Fields{}.Set("number", 4711))
	w.act(2, finalise, ci)
	w.sync(2)
	n := w.Sites[2]
	rules := n.Door.Judge
	n.Door.Judge = &admit.Judge{Catalogue: w.Catalogue}
	w.update(2, "invoice", ci, atoll.Fields{}.Set("status", documents.Suggested))
	bad := w.forged(2, w.want(2, "stock_line", stock).Fields.ID("item_id"))
	n.Door.Judge = rules
	w.update(2, "stock_line", stock, atoll.Fields{}.Set("note", "x"))
	c := w.sync(2)
	if c.Offered != 3 || c.Applied+c.Duplicate+c.Quarantined != c.Offered || c.Quarantined != 2 || c.Started.IsZero() || c.Rounds == 0 {
		t.Errorf("the site's row: %+v", c)
	}
	rows, err := w.Centre.Centre.SyncLog(w.ctx, 2, 20)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range rows {
		found = found || r.Offered == 3 && r.Applied == 1 && r.Quarantined == 2 && r.Site == 2 && !r.Started.Before(c.Started)
	}
	if !found {
		t.Errorf("the centre's rows: %+v", rows)
	}
	told, err := n.Site.Refused(w.ctx, 9)
	if err != nil || len(told) != 2 {
		t.Fatalf("%d refusals are told, %v", len(told), err)
	}
	for _, no := range told { // table, record, document number, field, value
		words := []string{"stock_line", string(bad), "total_number_of_packs", "-7"}
		if no.Type == "invoice" {
			words = []string{"invoice", string(ci), "document 4711", "status", documents.Suggested}
		}
		for _, word := range words {
			if !strings.Contains(no.Message, word) {
				t.Errorf("the refusal %q does not say %q", no.Message, word)
			}
		}
		if no.ID == "" || no.Field == "" {
			t.Errorf("record %q, field %q", no.ID, no.Field)
		}
	}
}
