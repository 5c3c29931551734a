package msupply_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/gateway/msupply"
	"github.com/atollsync/atoll/journal"
)

// TestWrongFiles: a file that is no capture is a clear error and changes nothing.
func TestWrongFiles(t *testing.T) {
	c := newCentre(t)
	good := string(small(t))
	files := map[string]string{
		"empty": "", "text": "hello", "a page": "<html>", "null": "null", "a list": "[]", "no lists": "{}", "another object": `{"rows":[]}`,
		"a list that is none": `{"central":5}`, "half a list": `{"central":[}`, "a number for a record": `{"central":[7]}`,
		"something after": good + "{}", "no key": `{"remote":[{"table":"item","data":{}}]}`, "no table": `{"remote":[{"recordId":"I","data":{}}]}`,
		"table twice":  `{"remote":[{"table":"item","table":"name","recordId":"I","data":{}}]}`,
		"odd envelope": `{"remote":[{"table":"item","recordId":"I","data":{},"password":"x"}]}`,
		"key of bytes": "{\"remote\":[{\"table\":\"item\",\"recordId\":\"a\\u0000b\",\"data\":{}}]}",
		"key no text":  `{"remote":[{"table":"item","recordId":{"a":1},"data":{}}]}`,
		"long key":     `{"remote":[{"table":"item","recordId":"` + strings.Repeat("k", 201) + `","data":{}}]}`,
	}
	for i := 1; i < len(good)-1; i += 211 {
		files["cut at "+good[:i][max(0, i-20):]] = good[:i]
	}
	for name, file := range files {
		r, err := msupply.Import(t.Context(), strings.NewReader(file), c.options())
		var e *atoll.Error
		if !errors.As(err, &e) || e.Code != atoll.Invalid || e.Message == "" || e.Hint == "" || r.Records != 0 {
			t.Errorf("%s: %v, %+v", name, err, r.Total)
		}
	}
	if c.seq() != 0 {
		t.Errorf("wrong files wrote %d entries", c.seq())
	}
}

// endless is a record that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read == 0 {
		e.read = copy(p, `{"remote":[{"table":"item","recordId":"I","data":{"a":"`)
		return e.read, nil
	}
	for i := range p {
		p[i] = 'a'
	}
	e.read += len(p)
	return len(p), nil
}

func TestRecordWithoutEnd(t *testing.T) {
	c, in := newCentre(t), &endless{}
	_, err := msupply.Import(t.Context(), in, c.options())
	if atoll.CodeOf(err) != atoll.TooLarge || in.read > 20<<20 || c.seq() != 0 {
		t.Errorf("%v after %d bytes", err, in.read)
	}
}

func TestReaderThatFails(t *testing.T) {
	c := newCentre(t)
	in := io.MultiReader(bytes.NewReader(small(t)[:900]), iotest.ErrReader(errors.New("the cable is out")))
	if _, err := msupply.Import(t.Context(), in, c.options()); atoll.CodeOf(err) != atoll.Unavailable || c.seq() != 0 {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := msupply.Import(ctx, bytes.NewReader(small(t)), c.options()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestOddRecordsAreKeptAsTheyCame: what the catalogue cannot hold as data is kept
// byte for byte.
func TestOddRecordsAreKeptAsTheyCame(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for name, one := range map[string]struct{ data, why string }{
		"keys twice":     {`{"ID":"X","code":"a","code":"b"}`, "unreadable"},
		"not an object":  {`[1,2]`, "unreadable"},
		"a zero byte":    {`{"ID":"X","code":"a\u0000b","item_name":"n","type_of":"general"}`, "schema"},
		"half a letter":  {`{"ID":"X","code":"\ud800","item_name":"n","type_of":"general"}`, "remainder"},
		"deep":           {`{"ID":"X","code":"a","item_name":"n","type_of":"general","x":` + deep + `}`, "remainder"},
		"deep and known": {`{"ID":"X","code":"a","item_name":"n","type_of":"general","custom_data":` + deep + `}`, "remainder"},
		"long":           {`{"ID":"X","code":"a","item_name":"n","type_of":"general","x":"` + strings.Repeat("y", 2<<20) + `"}`, "remainder"},
		"long and known": {`{"ID":"X","code":"` + strings.Repeat("z", 1<<20) + `","item_name":"n","type_of":"general"}`, "schema"},
	} {
		c := newCentre(t)
		in := []byte(`{"remote":[{"table":"item","recordId":"X","data":` + one.data + `},{"table":"unit","recordId":"U","data":{"units":"Each"}}]}`)
		r := c.take(in)
		kept := c.companion("item", "X")
		raw := []byte(kept.Text("raw"))
		for n := 1; n < int(kept.Int("parts")); n++ {
			part, ok := c.find("foreign_record", atoll.DeriveID("msupply", "foreign_record", "item", "X", "0"+string(rune('0'+n))))
			if !ok {
				t.Fatalf("%s: part %d is not there", name, n+1)
			}
			raw = append(raw, part.Text("raw")...)
		}
		var bytesKept []byte
		for len(raw) > 0 { // each part is base64 of its own
			n := min(len(raw), base64.StdEncoding.EncodedLen(480<<10))
			b, err := base64.StdEncoding.DecodeString(string(raw[:n]))
			if err != nil {
				t.Fatal(err)
			}
			bytesKept, raw = append(bytesKept, b...), raw[n:]
		}
		if kept.Text("why") != one.why || string(bytesKept) != one.data {
			t.Errorf("%s: %s %s: %.100s", name, kept.Text("why"), kept.Text("detail"), bytesKept)
		}
		if n := len(c.every("unit")); n != 1 {
			t.Errorf("%s: the record behind it is not there", name)
		}
		seq := c.seq()
		if c.take(in); c.seq() != seq {
			t.Errorf("%s: the second import wrote something", name)
		}
		_ = r
	}
}

// TestLongRecordBecomesShort: parts that are no longer needed go.
func TestLongRecordBecomesShort(t *testing.T) {
	c := newCentre(t)
	c.take(capture(record{"poem", "P", `{"text":"` + strings.Repeat("y", 2<<20) + `"}`, ""}))
	if n := len(c.every("foreign_record")); n != 5 {
		t.Errorf("%d parts, want 5", n)
	}
	c.take(capture(record{"poem", "P", `{"text":"short"}`, ""}))
	if n := len(c.every("foreign_record")); n != 1 {
		t.Errorf("%d parts, want 1", n)
	}
	want(t, c.companion("poem", "P"), map[string]string{"raw": "", "parts": "", "data": `{"text":"short"}`})
}

func TestValuesOfTheWrongKind(t *testing.T) {
	for _, odd := range []string{`{"a":1}`, `[1]`, `true`, `-7.5`, `"words"`, `"0000-00-00"`, `null`, `""`} {
		c := newCentre(t)
		in := small(t)
		for _, key := range []string{"order_number", "rate", "date_of_birth", "quantity", "status", "entry_time", "startDate", "is_vaccine", "name_ID", "data"} {
			at := bytes.Index(in, []byte(`"`+key+`": `))
			end := at + bytes.IndexAny(in[at:], ",}")
			in = append(append(append([]byte{}, in[:at]...), `"`+key+`": `+odd...), in[end:]...)
		}
		r, err := msupply.Import(t.Context(), bytes.NewReader(in), c.options())
		if err != nil {
			if atoll.CodeOf(err) != atoll.Invalid {
				t.Errorf("%s: %v", odd, err)
			}
			continue
		}
		if r.Total.Inserted+r.Total.Kept != r.Records {
			t.Errorf("%s: %+v", odd, r.Total)
		}
		seq := c.seq()
		if c.take(in); c.seq() != seq {
			t.Errorf("%s: the second import wrote something", odd)
		}
	}
}

func TestParentsInACircle(t *testing.T) {
	c := newCentre(t)
	category := func(key, parent string) record {
		return record{"item_category", key, `{"ID":"` + key + `","Description":"` + key + `","parent_ID":"` + parent + `"}`, ""}
	}
	r := c.take(capture(category("A", "B"), category("B", "C"), category("C", "A"), category("D", "A"), category("E", "E")))
	if r.Total.Inserted != 5 || len(r.Unreadable) != 1 || r.Unreadable[0].Count != 4 {
		t.Errorf("%+v %+v", r.Total, r.Unreadable)
	}
	want(t, c.fields("item_category", "item_category", "B"), map[string]string{"parent_id": ""})
	want(t, c.fields("item_category", "item_category", "D"), map[string]string{"parent_id": ours("item_category", "A")})
	want(t, c.companion("item_category", "B"), map[string]string{"data": `{"parent_ID":"C"}`})
}

func TestRecordThatComesTwice(t *testing.T) {
	c := newCentre(t)
	unit := func(name string) record { return record{"unit", "U", `{"ID":"U","units":"` + name + `"}`, ""} }
	r := c.take(capture(unit("old"), record{"unit", "V", `{"units":"other"}`, ""}, unit("new")))
	if r.Total.Read != 3 || r.Total.Superseded != 1 || r.Total.Inserted != 2 {
		t.Errorf("%+v", r.Total)
	}
	want(t, c.fields("unit", "unit", "U"), map[string]string{"name": `"new"`})
}

// TestIdentityStands: a key that was a patient and is a facility now is not made
// a second record.
func TestIdentityStands(t *testing.T) {
	c := newCentre(t)
	c.take(small(t))
	r := c.take(capture(record{"name", "P1", `{"ID":"P1","name":"Doe, Jane","code":"P001","type":"facility"}`, ""}))
	if r.Total.Kept != 1 || r.Kept[0].Why != "identity" || len(c.every("patient")) != 1 {
		t.Errorf("%+v %+v", r.Total, r.Kept)
	}
}

// memory is a Writer without a database, for many small imports.
type memory struct {
	records map[atoll.Key]atoll.Record
	writes  int
}

func (m *memory) Record(_ context.Context, key atoll.Key) (atoll.Record, bool, error) {
	r, ok := m.records[key]
	return r, ok, nil
}

func (m *memory) Write(_ context.Context, e journal.Edit) (journal.Result, error) {
	entry := atoll.Entry{Time: now, Actor: e.Actor, Cause: e.Cause}
	for _, p := range e.Do {
		r, there := m.records[p.Key]
		if p.Expect != 0 && p.Expect != r.Version || there == (p.Verb == atoll.Insert) {
			return journal.Result{}, atoll.Errorf(atoll.Conflict, "%s of %s", p.Verb, p.Key)
		}
		after := r.MustFields().Apply(p.Fields)
		if err := catalogue.Embedded().Check(p.Key.Type, after); err != nil && p.Verb != atoll.Delete {
			return journal.Result{}, err
		}
		m.records[p.Key] = atoll.Record{Key: p.Key, Version: r.Version + 1, Body: after.Encode(), Deleted: p.Verb == atoll.Delete}
		op := atoll.Operation{Verb: p.Verb, Key: p.Key, Version: r.Version + 1, Fields: p.Fields}
		entry.Operations = append(entry.Operations, op)
	}
	m.writes++
	if _, err := atoll.DecodeEntry(entry.Encode()); err != nil {
		return journal.Result{}, err
	}
	return journal.Result{Seq: uint64(m.writes)}, nil
}

// FuzzCapture: no capture breaks an import. One that is wrong writes nothing; one
// that is not accounts for each record, writes entries that read back, and
// writes nothing the second time.
func FuzzCapture(f *testing.F) {
	f.Add([]byte(`{"central":[],"remote":[]}`))
	f.Add(capture(record{"unit", "U", `{"units":"Each","order_number":1e2}`, ""}, record{"unit", "U", `null`, "delete"}))
	f.Add(capture(record{"item", "I", `{"mergeIdToKeep":"A","mergeIdToDelete":"B"}`, "merge"}, record{"pref", "P", `{"item":"store_preferences","data":{"a":1}}`, ""}))
	f.Add(capture(record{"transact", "T", `{"type":"ci","store_ID":"S","status":"nw"}`, ""}, record{"trans_line", "L", `{"transaction_ID":"T","type":"stock_out","quantity":-1}`, ""}))
	f.Add(capture(record{"store", "S", `{"code":"c","name":"n","store_mode":"store","name_ID":"N"}`, ""}, record{"name", "N", `{"name":"n","code":"c","type":"store"}`, ""},
		record{"name_store_join", "J", `{"store_ID":"S","name_ID":"N"}`, ""}, record{"item_category", "C", `{"Description":"d","parent_ID":"C"}`, ""}))
	if b, err := os.ReadFile("testdata/small.json"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m := &memory{records: map[atoll.Key]atoll.Record{}}
		o := msupply.Options{Writer: m, File: "fuzz"}
		r, err := msupply.Import(t.Context(), bytes.NewReader(in), o)
		if err != nil {
			var e *atoll.Error
			if !errors.As(err, &e) || e.Code != atoll.Invalid && e.Code != atoll.TooLarge || m.writes > 0 {
				t.Fatalf("%v after %d writes", err, m.writes)
			}
			return
		}
		n := r.Total
		if n.Read != n.Inserted+n.Changed+n.Unchanged+n.Deleted+n.Kept+n.Superseded {
			t.Errorf("%+v", n)
		}
		writes := m.writes
		if _, err = msupply.Import(t.Context(), bytes.NewReader(in), o); err != nil || m.writes != writes {
			t.Errorf("the second import wrote %d entries: %v", m.writes-writes, err)
		}
	})
}
