package msupply_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/gateway/msupply"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/transfer"
)

const general = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1" // the key of the warehouse in the small capture

func small(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/small.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestR_K_25_ImportAgainWritesNothing(t *testing.T) {
	c := newCentre(t)
	first := c.take(small(t))
	if first.Total.Inserted != 29 || first.Total.Kept != 3 || first.Records != 32 {
		t.Errorf("the first import: %+v", first.Total)
	}
	seq := c.seq()
	again := c.take(small(t))
	if c.seq() != seq || again.Entries != 0 {
		t.Errorf("the second import wrote %d entries", c.seq()-seq)
	}
	if again.Total.Unchanged != 29 || again.Total.Inserted+again.Total.Changed != 0 || again.Total.Kept != 3 {
		t.Errorf("the second import: %+v", again.Total)
	}
	for _, n := range again.Types {
		if n.Inserted+n.Changed+n.Deleted > 0 {
			t.Errorf("the second import: %+v", n)
		}
	}
}

func TestR_K_25_KeysOfTheOtherSystem(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	notes := map[string]atoll.Fields{}
	for _, r := range c.every("external_key") {
		f := r.MustFields()
		notes[f.Text("record_type")+"/"+f.Text("record_id")] = f
		if r.ID != atoll.DeriveID("msupply", "external_key", f.Text("table"), f.Text("key")) {
			t.Errorf("the note of %s %s has an id that is not derived", f.Text("table"), f.Text("key"))
		}
	}
	for _, def := range catalogue.Embedded().Types() {
		for _, r := range c.every(def.Type) {
			note, ok := notes[r.Key.String()]
			switch {
			case def.Type == "external_key" || def.Type == "foreign_record":
			case !ok:
				t.Errorf("%s has no external key", r.Key)
			case def.Type != "number_sequence" && r.ID != atoll.DeriveID("msupply", note.Text("table"), note.Text("key")):
				t.Errorf("%s: its id does not follow from %s %s", r.Key, note.Text("table"), note.Text("key"))
			}
		}
	}
	// A change of theirs never changes the note.
	c.take(bytes.Replace(small(t), []byte("Amoxicillin"), []byte("Ampicillin"), 1))
	for _, r := range c.every("external_key") {
		if r.Version != 1 {
			t.Errorf("%s is at version %d", r.Key, r.Version)
		}
	}
}

// TestR_K_24_SameEverywhere: the identity of a record is the same on every
// machine and in every release.
func TestR_K_24_SameEverywhere(t *testing.T) {
	if got := atoll.DeriveID("msupply", "item", "I1"); got != "6add144d-c660-5158-8d40-fe9d9121b8db" {
		t.Errorf("item I1 is %s", got)
	}
}

func TestR_K_25_ChangedCaptureChangesOnlyThat(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	seq := c.seq()
	r := c.take(bytes.Replace(small(t), []byte(`"weight": 1.50, "user_field_1": "green"`), []byte(`"weight": 1.75, "user_field_1": "blue"`), 1))
	if r.Entries != 1 || r.Total.Changed != 1 || r.Total.Unchanged != 28 {
		t.Errorf("%+v", r.Total)
	}
	var e *atoll.Entry
	c.view(func(rd storage.Reader) error {
		je, err := rd.Entry(atoll.CentreID, seq+1)
		if err != nil {
			return err
		}
		e, err = atoll.DecodeEntry(je.Content)
		return err
	})
	if e.Cause != (atoll.Cause{Kind: "import", Ref: "capture.json"}) || e.Actor != "tester" || len(e.Operations) != 2 {
		t.Fatalf("%+v", e)
	}
	for _, op := range e.Operations {
		if op.Verb != atoll.Update {
			t.Errorf("%s %s", op.Verb, op.Key)
		}
		if op.Type == "item" && (len(op.Fields) != 1 || string(op.Fields["weight"]) != "1.75") {
			t.Errorf("the item changes in %s", op.Fields.Encode())
		}
	}
}

// TestR_K_25_EditsHereStay: what was done here to a record is not undone by the
// same capture, nor by a change of another key of it.
func TestR_K_25_EditsHereStay(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	key := atoll.Key{Type: "item", ID: atoll.DeriveID("msupply", "item", "I1")}
	c.edit(journal.Proposal{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.Set("name", "Our name for it").Set("universal_name", "x")})
	seq := c.seq()
	c.take(small(t))
	if c.seq() != seq {
		t.Error("the same capture wrote something")
	}
	want(t, c.fields("item", "item", "I1"), map[string]string{"name": `"Our name for it"`})
	// A store that was moved to a site stays there.
	store := atoll.Key{Type: "store", ID: atoll.DeriveID("msupply", "store", general)}
	c.edit(journal.Proposal{Verb: atoll.Update, Key: store, Fields: atoll.Fields{}.Set("site_id", 7).Set("epoch", 1)})
	r := c.take(bytes.Replace(small(t), []byte(`"name": "General Warehouse", "name_ID"`), []byte(`"name": "Great Warehouse", "name_ID"`), 1))
	if r.Total.Changed != 1 {
		t.Errorf("%+v", r.Total)
	}
	want(t, c.fields("store", "store", general), map[string]string{"site_id": "7", "epoch": "1", "name": `"Great Warehouse"`})
}

func (c *centre) edit(do ...journal.Proposal) {
	c.t.Helper()
	e := journal.Edit{Actor: "somebody", Cause: atoll.Cause{Kind: "user"}, Do: do}
	if err := c.store.Update(c.t.Context(), func(tx storage.Tx) error {
		_, err := c.door.Write(tx, e)
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
}

// TestR_K_08_NothingIsPosted: stock lines and finalised documents come in as they
// are; no stock moves, no document begins a transfer.
func TestR_K_08_NothingIsPosted(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	stock := c.fields("stock_line", "item_line", "IL1")
	want(t, stock, map[string]string{"total_number_of_packs": "13.250", "available_number_of_packs": "12"})
	want(t, c.fields("invoice", "transact", "T1"), map[string]string{"status": `"finalised"`, "partner_store_id": ""})
	p := &process.Processors{Store: c.store, Door: c.door, Now: c.door.Now, Kinds: transfer.All}
	if n, err := p.Run(t.Context()); err != nil || n != 0 {
		t.Errorf("the processors made %d transactions: %v", n, err)
	}
	if n := len(c.every("stock_line")); n != 1 {
		t.Errorf("there are %d stock lines", n)
	}
	want(t, c.fields("stock_line", "item_line", "IL1"), map[string]string{"total_number_of_packs": "13.250"})
}

func TestR_B_103_UnknownTables(t *testing.T) {
	c := newCentre(t)
	r := c.take(small(t))
	if !slices.Contains(r.Kept, msupply.KeptCount{Table: "weather_station", Why: "no_table", Count: 1}) {
		t.Errorf("%+v", r.Kept)
	}
	want(t, c.companion("weather_station", "W1"), map[string]string{
		"why": `"no_table"`, "data": `{"ID":"W1","place":"roof","readings":[1,2.50,{"deep":true}]}`,
	})
}

func TestR_B_111_NumbersGoOn(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	store := atoll.DeriveID("msupply", "store", general)
	var next int64
	c.view(func(r storage.Reader) (err error) {
		next, _, err = documents.Desk{R: r, Now: now}.Number(store, "customer_invoice")
		return err
	})
	if next != 27 {
		t.Errorf("the next customer invoice would be number %d, want 27", next)
	}
	// Numbers given here since are never given again.
	key := atoll.Key{Type: "number_sequence", ID: documents.SequenceID(store, "customer_invoice")}
	c.edit(journal.Proposal{Verb: atoll.Update, Key: key, Fields: atoll.Fields{}.Set("last", 40)})
	c.take(bytes.Replace(small(t), []byte(`"value": 27`), []byte(`"value": 30`), 1))
	f, _ := c.find(key.Type, key.ID)
	want(t, f, map[string]string{"last": "40"})
	reuse := capture(
		record{"number", "B", `{"ID":"B","name":"build_number_for_store_` + general + `","value":3}`, ""},
		record{"number_reuse", "R", `{"ID":"R","name":"build_number_for_store_` + general + `","number_to_use":2}`, ""})
	if r := c.take(reuse); r.Total.Inserted != 2 {
		t.Errorf("%+v", r.Total)
	}
	f, _ = c.find("number_sequence", documents.SequenceID(store, "build"))
	want(t, f, map[string]string{"last": "2", "reusable": "[2]"})
}

func TestR_A_07_VisibilityIsSymmetric(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	s1, s2 := ours("store", general), ours("store", "S2")
	want(t, c.fields("name_store_join", "name_store_join", "NSJ1"), map[string]string{
		"store_id": s1, "name_id": ours("name", "N2"), "partner_store_id": s2, "is_customer": "true", "is_supplier": "false",
	})
	want(t, c.fields("name_store_join", "name_store_join", "NSJ1#counterpart"), map[string]string{
		"store_id": s2, "name_id": ours("name", "N1"), "partner_store_id": s1,
	})
	want(t, c.fields("patient_store_join", "name_store_join", "NSJ2"), map[string]string{"store_id": s2, "patient_id": ours("name", "P1")})
	// With both halves in the capture, none is made.
	d := newCentre(t)
	d.take(bytes.Replace(small(t), []byte(`"remote": [`), []byte(`"remote": [
		{"syncId": "q0", "table": "name_store_join", "recordId": "NSJ0", "data": {"ID": "NSJ0", "store_ID": "S2", "name_ID": "N1"}},`), 1))
	if n := len(d.every("name_store_join")); n != 2 {
		t.Errorf("there are %d joins, want 2", n)
	}
}

func TestR_E_06_Merges(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	want(t, c.fields("item", "item", "I2"), map[string]string{"status": `"active"`})
	r := c.take(capture(
		record{"item", "I2", `{"ID":"I2","code":"service","item_name":"Delivery","type_of":"service","default_pack_size":1}`, ""},
		record{"item", "I1", `{"mergeIdToKeep":"I1","mergeIdToDelete":"I2"}`, "merge"},
		record{"item", "I1", `{"mergeIdToKeep":"I1","mergeIdToDelete":"elsewhere"}`, "merge"}))
	if r.Total.Changed != 1 || r.Total.Kept != 1 {
		t.Errorf("%+v %+v", r.Total, r.Kept)
	}
	merged := map[string]string{"status": `"merged"`, "merged_into": ours("item", "I1")}
	want(t, c.fields("item", "item", "I2"), merged)
	c.take(small(t)) // the older state does not bring it back to life
	want(t, c.fields("item", "item", "I2"), map[string]string{"status": `"merged"`})
}

func TestDeletions(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	r := c.take(capture(
		record{"list_master_line", "LL1", `null`, "Delete"}, record{"item", "I1", `null`, "Delete"}, record{"item", "never", `null`, "Delete"}))
	if r.Total.Deleted != 1 || r.Total.Kept != 2 {
		t.Errorf("%+v", r.Total)
	}
	if _, there := c.find("master_list_line", atoll.DeriveID("msupply", "list_master_line", "LL1")); there {
		t.Error("the line is still there")
	}
	if r := c.take(small(t)); r.Total.Unchanged != 29-2 || r.Total.Changed != 1 || r.Total.Kept != 3+1 {
		t.Errorf("a record that was deleted: %+v %+v", r.Total, r.Kept)
	}
}

// TestRefusedRecordsStopNoOther: a business rule is against two records of
// three; they are kept, the third goes in.
func TestRefusedRecordsStopNoOther(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	line := func(key, quantity string) record {
		return record{"item_line", key, `{"ID":"` + key + `","store_ID":"` + general + `","item_ID":"I1","pack_size":1,"quantity":` + quantity + `,"available":0}`, ""}
	}
	in := capture(line("A", "-1"), line("B", "2"), line("C", "-3.5"))
	r := c.take(in)
	if r.Total.Inserted != 1 || !slices.Contains(r.Kept, msupply.KeptCount{Table: "item_line", Why: "refused", Count: 2}) {
		t.Errorf("%+v %+v", r.Total, r.Kept)
	}
	if f := c.companion("item_line", "C"); !strings.Contains(f.Text("detail"), "-3.5") || !strings.Contains(string(f["data"]), `"quantity":-3.5`) {
		t.Errorf("kept: %s", f.Encode())
	}
	seq := c.seq()
	if r = c.take(in); c.seq() != seq || r.Total.Kept != 2 {
		t.Errorf("again: %d entries, %+v", c.seq()-seq, r.Total)
	}
	// The stock was counted there since: the record is let in.
	r = c.take(capture(line("A", "4")))
	if r.Total.Inserted != 1 {
		t.Errorf("%+v", r.Total)
	}
	want(t, c.companion("item_line", "A"), map[string]string{"why": `"remainder"`, "detail": "", "data": ""})
}

func TestDryRunWritesNothing(t *testing.T) {
	c := newCentre(t)
	o := c.options()
	o.DryRun = true
	r, err := msupply.Import(t.Context(), bytes.NewReader(small(t)), o)
	if err != nil || c.seq() != 0 || r.Entries != 0 || r.Total.Inserted != 29 || !r.DryRun {
		t.Errorf("%v, journal at %d, %+v", err, c.seq(), r.Total)
	}
}

func TestProgressAndBatches(t *testing.T) {
	c := newCentre(t)
	o := c.options()
	o.BatchSize = 10
	clock := now
	o.Now = func() time.Time { clock = clock.Add(time.Second); return clock }
	last := -1
	o.Progress = func(done, total int) {
		if done < last || done > total || total != 32 {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	}
	r, err := msupply.Import(t.Context(), bytes.NewReader(small(t)), o)
	if err != nil || last != 32 || r.Entries < 5 || r.Seconds != 1 {
		t.Errorf("%v, %d done, %d entries, %v s", err, last, r.Entries, r.Seconds)
	}
	if again := c.take(small(t)); again.Entries != 0 {
		t.Errorf("%d entries", again.Entries)
	}
}

// TestLongDocument: a document too long for one entry arrives whole, with its
// status, although lines cannot be added to a finalised one.
func TestLongDocument(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	const lines = 4000
	all := []record{{"Stock_take", "ST", `{"ID":"ST","store_ID":"` + general + `","status":"fn","serial_number":9}`, ""}}
	for i := range lines {
		key := "line " + string(rune('a'+i%26)) + string(atoll.DeriveID(string(rune(i))))
		all = append(all, record{"Stock_take_lines", key, `{"ID":"` + key + `","stock_take_ID":"ST","item_ID":"I1","stock_take_qty":1,"comment":"` +
			strings.Repeat("x", 500) + `"}`, ""})
	}
	r := c.take(capture(all...))
	if r.Total.Inserted != lines+1 || r.Entries < 2 {
		t.Errorf("%+v in %d entries", r.Total, r.Entries)
	}
	want(t, c.fields("stocktake", "Stock_take", "ST"), map[string]string{"status": `"finalised"`})
}

func TestReportForAPersonAndAProgram(t *testing.T) {
	c := newCentre(t)
	r := c.take(small(t))
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Imported 32 records", "weather_station", "no_table", "department_ID", "kept unknown", "om_user_permission UP1: reference"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the text says nothing of %q:\n%s", part, &text)
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"total":{"read":32,"inserted":29,"changed":0,"unchanged":0,"kept_unknown":3}`, `"dangling_references":[`} {
		if !strings.Contains(string(b), part) {
			t.Errorf("the JSON lacks %s:\n%s", part, b)
		}
	}
}

// broken fails after a while, as a database can.
type broken struct {
	msupply.Writer
	after int
}

var errBroken = errors.New("no more")

func (b *broken) Write(ctx context.Context, e journal.Edit) (journal.Result, error) {
	if b.after--; b.after < 0 {
		return journal.Result{}, errBroken
	}
	return b.Writer.Write(ctx, e)
}

func TestImportThatWasCutOffIsCompleted(t *testing.T) {
	c, whole := newCentre(t), newCentre(t)
	whole.take(small(t))
	for n := range 4 {
		o := c.options()
		o.BatchSize = 10
		o.Writer = &broken{o.Writer, n}
		if _, err := msupply.Import(t.Context(), bytes.NewReader(small(t)), o); !errors.Is(err, errBroken) {
			t.Fatalf("cut %d: %v", n, err)
		}
	}
	c.take(small(t))
	for _, def := range catalogue.Embedded().Types() {
		a, b := c.every(def.Type), whole.every(def.Type)
		if !slices.EqualFunc(a, b, func(x, y atoll.Record) bool { return x.Key == y.Key && bytes.Equal(x.Body, y.Body) }) {
			t.Errorf("%s: %d records after cuts, %d without", def.Type, len(a), len(b))
		}
	}
}
