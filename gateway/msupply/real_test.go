package msupply_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/transfer"
)

// theirs is one record of the real capture, read without the package.
type theirs struct {
	TableName, Table, RecordID string
	Data                       map[string]json.RawMessage
}

func (t theirs) table() string { return t.TableName + t.Table }

// reference is a capture of a real server, which is not part of this project.
func reference(t *testing.T) ([]byte, []theirs) {
	t.Helper()
	b, err := os.ReadFile("../../../shared/samples/msupply-reference.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the capture of a real server is not beside this checkout")
	}
	if err != nil {
		t.Fatal(err)
	}
	var lists struct{ Central, Remote []theirs }
	if err := json.Unmarshal(b, &lists); err != nil {
		t.Fatal(err)
	}
	if len(lists.Central) != 624 || len(lists.Remote) != 565 {
		t.Fatalf("the capture has %d and %d records, want 624 and 565", len(lists.Central), len(lists.Remote))
	}
	return b, append(lists.Central, lists.Remote...)
}

// TestR_K_25_RealCapture: every record of a real server's capture is accounted
// for, and importing it again writes nothing.
func TestR_K_25_RealCapture(t *testing.T) {
	b, all := reference(t)
	c := newCentre(t)
	r := c.take(b)
	read := map[string]int{}
	for _, s := range all {
		read[s.table()]++
	}
	// What is kept instead of translated, and why, is known in full.
	kept := map[string]int{
		"report": 205, "pref": 67, "bill_of_material": 4, "store": 3, "list_master_name_join": 2, "Stock_take_lines": 1,
	}
	for _, n := range r.Tables {
		if n.Read != read[n.Table] || n.Kept != kept[n.Table] || n.Inserted != n.Read-n.Kept {
			t.Errorf("%+v; the capture has %d, of which %d are kept", n, read[n.Table], kept[n.Table])
		}
		delete(read, n.Table)
	}
	if len(read) > 0 || r.Records != 1189 || r.Total.Inserted+r.Total.Kept != 1189 {
		t.Errorf("not accounted for: %v; %+v", read, r.Total)
	}
	for typ, n := range map[atoll.Type]int{
		"item": 38, "name": 42, "store": 7, "invoice": 44, "invoice_line": 276, "stock_line": 63, "purchase_order": 10,
		"purchase_order_line": 30, "goods_received_line": 6, "stocktake_line": 31, "item_category": 14 + 4 + 5, "unit": 11,
		"number_sequence": 15, "store_preference": 50, "program": 2, "external_key": 963,
	} {
		if got := len(c.every(typ)); got != n {
			t.Errorf("there are %d records of type %s, want %d", got, typ, n)
		}
	}
	seq := c.seq()
	again := c.take(b)
	if c.seq() != seq || again.Entries != 0 || again.Total.Unchanged != 907 || again.Total.Kept != 282 {
		t.Errorf("the second import wrote %d entries: %+v", c.seq()-seq, again.Total)
	}
}

// TestR_A_19_RealNumbers: every number of the documents and of the stock is here
// as it was written there.
func TestR_A_19_RealNumbers(t *testing.T) {
	b, all := reference(t)
	c := newCentre(t)
	c.take(b)
	for table, check := range map[string]struct {
		typ   atoll.Type
		pairs map[string]string
	}{
		"item_line": {"stock_line", map[string]string{
			"quantity": "total_number_of_packs", "available": "available_number_of_packs", "cost_price": "cost_price_per_pack",
			"sell_price": "sell_price_per_pack", "pack_size": "pack_size",
		}},
		"trans_line": {"invoice_line", map[string]string{"quantity": "number_of_packs", "cost_price": "cost_price_per_pack"}},
		"transact":   {"invoice", map[string]string{"total": "total_after_tax", "currency_rate": "currency_rate", "invoice_num": "number"}},
		"currency":   {"currency", map[string]string{"rate": "rate"}},
	} {
		n := 0
		for _, s := range all {
			if s.table() != table {
				continue
			}
			n++
			f := c.fields(check.typ, table, s.RecordID)
			for theirs, ours := range check.pairs {
				was := string(s.Data[theirs])
				if strings.Contains(was, "e") { // an exponent is written out, exactly
					exact, _ := new(big.Rat).SetString(was)
					now, ok := new(big.Rat).SetString(string(f[ours]))
					if ok && exact.Cmp(now) == 0 {
						continue
					}
				}
				if string(f[ours]) != was {
					t.Errorf("%s %s: %s is %s, was %s", table, s.RecordID, ours, f[ours], s.Data[theirs])
				}
			}
		}
		if n == 0 {
			t.Errorf("the capture has no %s", table)
		}
	}
}

// TestRealNothingIsLost: each value of each record is in the record that it
// became, in its companion, or among the empty keys that the companion names.
func TestRealNothingIsLost(t *testing.T) {
	b, all := reference(t)
	c := newCentre(t)
	c.take(b)
	key := map[string]string{} // our ids, quoted → their keys
	for _, r := range c.every("external_key") {
		f := r.MustFields()
		key[string(f["record_id"])] = f.Text("key")
	}
	// Keys that are carried in other words: enums, and dates with their times.
	words := []string{
		"type", "type_of", "status", "store_mode", "VEN_category", "is_authorised", "tags", "item", "name", "value", "year_month",
		"number_to_use", "ID",
	}
	for _, s := range all {
		kept := c.companion(s.table(), s.RecordID)
		var rest, empty map[string]json.RawMessage
		decode(t, kept["data"], &rest)
		if id := kept.ID("empty_id"); id != "" {
			f, ok := c.find("foreign_record", id)
			if !ok {
				t.Fatalf("%s %s names empty keys that are not here", s.table(), s.RecordID)
			}
			decode(t, f["data"], &empty)
		}
		var ours []string
		if typ := atoll.Type(kept.Text("record_type")); typ != "" {
			f, _ := c.find(typ, kept.ID("record_id"))
			for _, v := range f {
				ours = append(ours, string(v), `"`+key[string(v)]+`"`)
			}
		}
		for name, v := range s.Data {
			_, there := rest[name]
			_, nothing := empty[name]
			text := compact(t, v)
			if there && text != string(rest[name]) || nothing && text != string(empty[name]) {
				t.Errorf("%s %s: %s is kept as %s%s, was %s", s.table(), s.RecordID, name, rest[name], empty[name], text)
			}
			if there || nothing || slices.Contains(ours, text) || slices.Contains(words, name) || kept.Text("record_type") == "" {
				continue
			}
			if strings.Contains(name, "date") || strings.Contains(name, "time") {
				continue // date and time of day are one moment here; TestDatesAndTimes has them
			}
			t.Errorf("%s %s: %s is nowhere; it was %s", s.table(), s.RecordID, name, text)
		}
	}
}

func decode(t *testing.T, b json.RawMessage, into *map[string]json.RawMessage) {
	t.Helper()
	if len(b) == 0 {
		return
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func compact(t *testing.T, v json.RawMessage) string {
	t.Helper()
	f := atoll.Fields{}.Set("v", v)
	return string(f["v"])
}

// TestR_K_08_RealDocumentsTakeNoEffect: no document of the real capture begins a
// transfer and no stock moves. All that processors find to do is to number the
// documents that came with -1, which asks for it (R-D-14), and to tell halves that
// were paired before of each other (R-D-40, R-D-63).
func TestR_K_08_RealDocumentsTakeNoEffect(t *testing.T) {
	b, all := reference(t)
	unnumbered := 0
	for _, s := range all {
		if s.table() == "transact" && string(s.Data["invoice_num"]) == "-1" {
			unnumbered++
		}
	}
	c := newCentre(t)
	c.take(b)
	stock := c.every("stock_line")
	p := &process.Processors{Store: c.store, Door: c.door, Now: c.door.Now, Kinds: transfer.All}
	if _, err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	c.view(func(r storage.Reader) error {
		entries, err := r.Entries(atoll.CentreID, 0, 1000, 1<<30)
		for _, je := range entries {
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				return err
			}
			if e.Cause.Kind == "import" {
				continue
			}
			for _, op := range e.Operations {
				if op.Verb != atoll.Update && op.Type != "number_sequence" {
					t.Errorf("%s of %s, by %s", op.Verb, op.Key, e.Cause.Kind)
				}
				for name := range op.Fields {
					if op.Verb == atoll.Update {
						told[name]++
					}
				}
			}
		}
		return err
	})
	for name, n := range told {
		switch {
		case name == "number" && n == unnumbered, strings.HasPrefix(name, "linked_"):
		case name == "received_number_of_packs", name == "received_quantity", name == "last":
		default:
			t.Errorf("the processors changed %s %d times", name, n)
		}
	}
	if told["number"] != unnumbered || told["linked_status"] == 0 {
		t.Errorf("the processors told %v; want %d numbers, and of the other halves", told, unnumbered)
	}
	if after := c.every("stock_line"); !slices.EqualFunc(stock, after, func(x, y atoll.Record) bool { return x.Version == y.Version }) {
		t.Errorf("stock moved: %d lines before, %d after", len(stock), len(after))
	}
	if n := len(c.every("invoice")); n != 44 {
		t.Errorf("there are %d invoices", n)
	}
	seq := c.seq()
	if c.take(b); c.seq() != seq {
		t.Error("importing again took the numbers back")
	}
}

// TestRealJournalIsWhole: each entry that the import wrote reads back.
func TestRealJournalIsWhole(t *testing.T) {
	b, _ := reference(t)
	c := newCentre(t)
	c.take(b)
	c.view(func(r storage.Reader) error {
		entries, err := r.Entries(atoll.CentreID, 0, 100, 1<<30)
		for _, e := range entries {
			if _, err := atoll.DecodeEntry(e.Content); err != nil {
				t.Errorf("entry %d: %v", e.Seq, err)
			}
		}
		return err
	})
}
