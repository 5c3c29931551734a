package simulate

import (
	"context"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/storage"
)

// job begins a job with a site.
func (w *world) job(kind string, site atoll.SiteID, s handover.Selection) atoll.ID {
	w.t.Helper()
	id, _, err := w.Centre.Centre.StartJob(w.ctx, "tester", central.JobOrder{Kind: kind, Site: site, Selection: s}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// done returns a job that must be over.
func (w *world) done(id atoll.ID) central.JobView {
	w.t.Helper()
	v, err := w.Centre.Centre.Job(w.ctx, id)
	if err != nil || v.Step != handover.Done {
		w.t.Fatalf("the job: %+v, %v; want it done", v, err)
	}
	return v
}

// spoil changes a record on one end behind the program's back: a defect of a disk,
// or of an earlier version. Without a body the record is forgotten.
func (w *world) spoil(at atoll.SiteID, key atoll.Key, body string) {
	w.t.Helper()
	for _, n := range w.Sites {
		n.Site.Comparer = nil // would have it repaired
	}
	err := w.At(at).Store.Update(w.ctx, func(tx storage.Tx) error {
		if body == "" {
			return tx.Forget(key)
		}
		rec, err := tx.Record(key)
		if err != nil {
			return err
		}
		rec.Body = []byte(body)
		_, err = tx.Put(rec, w.Catalogue.Index(key.Type, rec.MustFields()))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestR_H_44_NamesWhatDiffers: rows that differ, that only one end has, and nothing
// else; what changes meanwhile is on its way, and no difference. No record is
// sent.
func TestR_H_44_NamesWhatDiffers(t *testing.T) {
	w := f1(t)
	var items []atoll.ID
	for _, code := range []string{"a", "b", "c", "d", "e", "f"} {
		items = append(items, w.item(code))
	}
	w.sync(2, 3)
	stock := w.stock("C", items[0], "50")
	w.peace()
	whole := w.job(handover.Verify, 3, handover.Selection{Types: []atoll.Type{"item", "unit"}})
	ofStore := w.job(handover.Verify, 3, handover.Selection{Store: w.Stores["C"]})
	w.sync(3, 3)
	for _, id := range []atoll.ID{whole, ofStore} {
		if v := w.done(id); v.Result == nil || len(v.Result.Rows) > 0 || v.Result.Changing > 0 || v.Result.Records == 0 {
			t.Errorf("equal ends: %+v", v.Result)
		}
	}
	key := func(id atoll.ID) atoll.Key { return atoll.Key{Type: "item", ID: id} }
	w.spoil(3, key(items[1]), `{"code":"b","name":"Item B, spoilt","kind":"stock","status":"active"}`)
	w.spoil(3, key(items[2]), "")
	w.spoil(1, key(items[3]), "")
	id := w.job(handover.Verify, 3, handover.Selection{Types: []atoll.Type{"item"}})
	w.sync(3, 3)
	want := map[string][2]bool{
		key(items[1]).String(): {true, true}, key(items[2]).String(): {true, false}, key(items[3]).String(): {false, true},
	}
	v := w.done(id)
	for _, r := range v.Result.Rows {
		if want[r.Record] != [2]bool{r.Here, r.There} {
			t.Errorf("it names %+v", r)
		}
		delete(want, r.Record)
	}
	if len(want) > 0 {
		t.Errorf("it does not name %v", want)
	}
	// What was changed while it ran is left out: the site has answered, and the
	// centre changes a record before it hears the answer.
	w.spoil(3, key(items[2]), "")
	id = w.job(handover.Verify, 3, handover.Selection{Store: w.Stores["C"]})
	w.hears(3)
	w.update(3, "stock_line", stock, atoll.Fields{}.Set("note", "later"))
	w.sync(3, 3)
	if v := w.done(id); len(v.Result.Rows) > 0 {
		t.Errorf("a change on its way is called a difference: %+v", v.Result)
	}
	_, _, err := w.Centre.Centre.StartJob(w.ctx, "tester", central.JobOrder{Kind: handover.Verify, Site: 2, Selection: handover.Selection{Store: w.Stores["F"]}}, true)
	w.refused(err, atoll.Rule, "stays at its site")
}

// TestR_H_42_R_H_43_SentAgain: what a site has lost comes back, of one record, of a
// type, of a store; beside normal work, and without effect on what it has.
func TestR_H_42_R_H_43_SentAgain(t *testing.T) {
	for _, row := range []struct {
		name string
		what func(w *world, line, item atoll.ID) handover.Selection
		lost func(line, item atoll.ID) atoll.Key
	}{
		{"R-H-42 a record", func(_ *world, _, item atoll.ID) handover.Selection {
			return handover.Selection{Record: "item/" + string(item)}
		}, func(_, item atoll.ID) atoll.Key { return atoll.Key{Type: "item", ID: item} }},
		{"R-H-42 a table", func(*world, atoll.ID, atoll.ID) handover.Selection {
			return handover.Selection{Types: []atoll.Type{"item"}}
		}, func(_, item atoll.ID) atoll.Key { return atoll.Key{Type: "item", ID: item} }},
		{"R-H-42 a store, to a collector copy", func(w *world, _, _ atoll.ID) handover.Selection {
			return handover.Selection{Store: w.Stores["A"]}
		}, func(line, _ atoll.ID) atoll.Key { return atoll.Key{Type: "stock_line", ID: line} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := f1(t)
			item := w.item("x")
			w.sync(2)
			line, own := w.stock("A", item, "7"), w.stock("B", item, "3")
			w.peace()
			key := row.lost(line, item)
			w.spoil(2, key, "")
			ownVersion := w.want(2, "stock_line", own).Origin
			selection := row.what(w, line, item)
			_, records, err := w.Centre.Centre.StartJob(w.ctx, "tester", central.JobOrder{Kind: handover.Resync, Site: 2, Selection: selection}, true)
			if err != nil || records[key.Type] == 0 || len(w.list(1, "job")) > 0 {
				t.Errorf("the preview: %v, %v", records, err)
			}
			id := w.job(handover.Resync, 2, selection)
			// A normal change in the same cycle: neither waits for the other.
			w.update(1, "stock_line", line, atoll.Fields{}.Set("note", "normal"))
			w.sync(2, 2)
			w.equal(key.Type, key.ID, 1, 2)
			w.equal("stock_line", line, 1, 2)
			if v := w.done(id); v.Records == 0 {
				t.Errorf("the job tells %+v", v)
			}
			if now := w.want(2, "stock_line", own).Origin; now != ownVersion {
				t.Errorf("what site 2 owns changed from %s to %s", ownVersion, now)
			}
			if err := w.Centre.Centre.WorkJobs(w.ctx); err != nil {
				t.Fatal(err)
			}
			w.peace()
			if c := w.sync(2); c.Sent+c.Received+c.Retracted > 0 {
				t.Errorf("afterwards there is still something: %+v", c)
			}
		})
	}
}

// Patients, and what hangs on them, are sent again (R-G-14).
//
// R-H-42, R-G-14.
func TestR_H_42_Patients(t *testing.T) {
	w := f1(t)
	w.dispensaries("B")
	w.sync(2, 3)
	patient := w.patient("B")
	w.peace()
	w.configure(central.AddStore(atoll.DeriveID("test store", "G"), "G", "Store G", true))
	id := w.job(handover.Resync, 2, handover.Selection{Patients: true})
	w.sync(2, 2)
	if v := w.done(id); v.Records == 0 {
		t.Errorf("no patient was sent: %+v", v)
	}
	w.equal("patient", patient, 1, 2)
	w.peace()
}

// A resync of many records does not stop the normal flow: what changes meanwhile
// arrives before the resync is complete, and the two are integrated apart.
//
// R-H-43.
func TestR_H_43_OwnCursor(t *testing.T) {
	w := f1(t)
	var items []atoll.ID
	for i := range 60 {
		items = append(items, w.item(string(rune('a'+i%26))+string(rune('a'+i/26))))
	}
	w.peace()
	for _, id := range items {
		w.spoil(2, atoll.Key{Type: "item", ID: id}, "")
	}
	id := w.job(handover.Resync, 2, handover.Selection{Types: []atoll.Type{"item"}})
	net := w.Sites[2].Net
	net.Records = 8
	normal := w.item("news")
	early := false
	for range 60 {
		exchanges := 0
		net.Down = func() bool { exchanges++; return exchanges > 1 }
		w.Sync(w.ctx, 2)
		here := 0
		for _, item := range items {
			if w.get(2, "item", item) != nil {
				here++
			}
		}
		if here != 0 && here != len(items) {
			t.Fatalf("%d of %d records are shown", here, len(items))
		}
		if here == 0 && w.get(2, "item", normal) != nil {
			early = true
		}
		if here == len(items) {
			break
		}
	}
	if !early {
		t.Error("the normal change waited for the resync")
	}
	*net = Network{}
	w.sync(2)
	w.done(id)
	w.peace()
}

// A record that changes while a resync is under way, after the resync has sent it, stays
// as it is when the resync is complete.
//
// R-H-43, R-H-42 (no effect on what the site has).
func TestR_H_43_ChangedMeanwhile(t *testing.T) {
	w := f1(t)
	var items []atoll.ID
	for i := range 30 {
		items = append(items, w.item("code "+string(rune('A'+i))))
	}
	w.peace()
	id := w.job(handover.Resync, 2, handover.Selection{Types: []atoll.Type{"item"}})
	resent := w.parts(id)
	if n := resent(); n == 0 || n >= len(items) {
		t.Fatalf("%d of %d records have come again", n, len(items))
	}
	for _, item := range items {
		w.update(1, "item", item, atoll.Fields{}.Set("name", "changed meanwhile"))
	}
	w.Sites[2].Net.Down = nil
	w.Sites[2].Site.Comparer = nil // would have it repaired
	w.sync(2, 2)
	*w.Sites[2].Net = Network{}
	w.done(id)
	for _, item := range items {
		w.equal("item", item, 1, 2)
	}
	w.peace()
}

// Records that leave the site while a resync is under way, after the resync has sent
// them, do not come back with it: also where the site hears of that ahead of the
// checkpoint, as it gains an audience.
//
// R-H-43, R-H-42 (no effect on what the site has).
func TestR_H_43_GoneMeanwhile(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	var people []atoll.ID
	for i := range 20 {
		id := w.register("C", "Ada", "Lovelace "+string(rune('A'+i)), "1990-12-10")
		people = append(people, id)
	}
	w.sync(3)
	for _, id := range people {
		w.show(id, "B")
	}
	w.peace()
	id := w.job(handover.Resync, 2, handover.Selection{Types: []atoll.Type{"patient"}})
	resent := w.parts(id)
	if n := resent(); n == 0 || n >= len(people) {
		t.Fatalf("%d of %d records have come again", n, len(people))
	}
	for _, id := range people {
		if err := w.Centre.ShowPerson(w.ctx, "admin", patientKey(id), w.Stores["B"], false); err != nil {
			t.Fatal(err)
		}
	}
	w.part(2)
	w.configure(central.MakeVisible(w.Stores["E"], w.Stores["B"], true))
	w.Sites[2].Net.Down = nil
	w.Sites[2].Site.Comparer = nil // would have it repaired
	w.sync(2, 2)
	*w.Sites[2].Net = Network{}
	w.done(id)
	for _, id := range people {
		if !w.hidden(2, "patient", id) {
			t.Errorf("patient %s is shown", id)
		}
	}
	w.peace()
}

// parts lets a job that resends records to site 2 come in parts, until some of them have
// come; it returns what tells how many.
func (w *world) parts(job atoll.ID) (resent func() int) {
	w.t.Helper()
	w.Sites[2].Net.Records = 8
	resent = func() int {
		var staged map[string]int
		err := w.At(2).Store.View(w.ctx, func(r storage.Reader) (err error) { staged, err = r.CountStaged(); return err })
		if err != nil {
			w.t.Fatal(err)
		}
		return staged[string(atoll.JobAudience(job))]
	}
	for range 10 {
		if w.part(2); resent() > 0 {
			break
		}
	}
	return resent
}

// part makes one exchange, in which not everything has room.
func (w *world) part(at atoll.SiteID) {
	exchanges := 0
	w.Sites[at].Net.Down = func() bool { exchanges++; return exchanges > 1 }
	w.Sync(w.ctx, at)
}

// The centre has lost records of a site; the site sends them again, when the job
// asks for them, and nothing else changes.
//
// R-H-42, R-H-28.
func TestR_H_42_Resend(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(3)
	one, two := w.stock("C", item, "50"), w.stock("C", item, "60")
	w.peace()
	w.spoil(1, atoll.Key{Type: "stock_line", ID: one}, "")
	id := w.job(handover.Resend, 3, handover.Selection{Store: w.Stores["C"]})
	w.sync(3, 3)
	w.done(id)
	w.equal("stock_line", one, 3, 1)
	w.equal("stock_line", two, 3, 1)
	w.peace()
}

// A job that is called off leaves nothing behind; one that was half gathered when
// the program ended goes on.
//
// R-H-42, R-I-27.
func TestR_H_42_AbortAndGoOn(t *testing.T) {
	w := f1(t)
	for i := range 40 {
		w.item(string(rune('a'+i%26)) + string(rune('a'+i/26)))
	}
	w.peace()
	id := w.job(handover.Resync, 2, handover.Selection{Types: []atoll.Type{"item"}})
	if err := w.Centre.Centre.AbortJob(w.ctx, "tester", id); err != nil {
		t.Fatal(err)
	}
	w.refused(w.Centre.Centre.AbortJob(w.ctx, "tester", id), atoll.LifeCycle)
	w.peace()
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	w.Centre.Centre.StartJob(ctx, "tester", central.JobOrder{Kind: handover.Resync, Site: 2, Selection: handover.Selection{Types: []atoll.Type{"item"}}}, false)
	id = w.job(handover.Resync, 2, handover.Selection{Types: []atoll.Type{"item"}}) // goes on with all
	w.sync(2, 2)
	w.done(id)
	jobs, err := w.Centre.Centre.Jobs(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if handover.Open(j.Step) {
			t.Errorf("still open: %+v", j)
		}
	}
	if err := w.Centre.Centre.WorkJobs(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.peace()
}
