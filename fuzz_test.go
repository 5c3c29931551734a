package atoll_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/atollsync/atoll"
)

// FuzzParseFields asks for laws: no panic, and what is accepted is kept to the
// byte in its numbers and reads back the same.
func FuzzParseFields(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1.50,"b":"x","c":null}`, `{"a":{"b":[1,2,{"c":"}"}]}}`, ` { "a" : 1 , "b" : [ 1 ] } `, `{"\u0061":1}`, `{"a":"\""}`,
		`{"a":1,"a":2}`, `[]`, `{"a":1}x`, `{"a":`, `{"a":1e400}`, `{"a":-0.00}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, err := atoll.ParseFields(b)
		if err != nil {
			if atoll.CodeOf(err) == atoll.Internal {
				t.Fatalf("%q: an error without a code: %v", b, err)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(b, &want); err != nil || len(want) != len(fields) {
			t.Fatalf("%q: %d fields, the standard library reads %d (%v)", b, len(fields), len(want), err)
		}
		for k, v := range want {
			var compact bytes.Buffer
			if err := json.Compact(&compact, v); err != nil || !bytes.Equal(compact.Bytes(), fields[k]) {
				t.Fatalf("%q: field %q is %s, want %s", b, k, fields[k], compact.Bytes())
			}
		}
		once := fields.Encode()
		again, err := atoll.ParseFields(once)
		if err != nil || !bytes.Equal(again.Encode(), once) {
			t.Fatalf("%q: encoded as %q, which reads back as %v (%v)", b, once, again, err)
		}
	})
}

// FuzzDecodeEntry asks that an accepted entry is exactly the bytes it came as:
// one entry has one digest.
func FuzzDecodeEntry(f *testing.F) {
	id := atoll.DeriveID("fuzz")
	e := atoll.Entry{
		Time: time.UnixMilli(1_772_000_000_000), Actor: "amina", Cause: atoll.Cause{Kind: "user"}, Catalogue: 1,
		Operations: []atoll.Operation{
			{Verb: atoll.Insert, Key: atoll.Key{Type: "item", ID: id}, Version: 1, Fields: atoll.Fields{}.Set("code", "a")},
			{Verb: atoll.Delete, Key: atoll.Key{Type: "unit", ID: id}, Version: 2, Base: atoll.Origin{Site: 2, Seq: 7}, Epoch: 3},
			{Verb: atoll.Update, Key: atoll.Key{Type: "name", ID: id}, Version: 2, Base: atoll.Origin{Site: 2, Seq: 7}, Stays: true, Fields: atoll.Fields{"x": []byte("null")}},
			{Verb: atoll.Restate, Key: atoll.Key{Type: "note", ID: id}, Version: 2, Base: atoll.Origin{Site: 2, Seq: 7}, Deleted: true, Fields: atoll.Fields{}},
		},
	}
	f.Add(e.Encode())
	f.Add(atoll.Outgoing(e.Encode()))
	f.Add([]byte(`{"withheld":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}`))
	f.Add([]byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := atoll.DecodeEntry(b)
		if err != nil {
			if atoll.CodeOf(err) == atoll.Internal {
				t.Fatalf("%q: an error without a code: %v", b, err)
			}
			return
		}
		if !bytes.Equal(e.Encode(), b) {
			t.Fatalf("%q was accepted, but is %q", b, e.Encode())
		}
		if out := atoll.Outgoing(b); atoll.Digest(out) != atoll.Digest(b) {
			t.Fatalf("%q: what leaves the site has another digest", b)
		}
	})
}

// FuzzIDs asks that ids, origins and site numbers that are accepted have one text
// form.
func FuzzIDs(f *testing.F) {
	for _, s := range []string{"", "1", "2/17", "8F2519AB04F64C0F9BE33F5A1B8F0C11", "0190a3c2-7b1e-7c3d-9a2b-1c2d3e4f5a6b", "-", "1/0", "01/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := atoll.ParseID(s); err == nil {
			if again, err := atoll.ParseID(string(id)); !id.Valid() || err != nil || again != id {
				t.Fatalf("%q became %q, which reads back as %q (%v)", s, id, again, err)
			}
		}
		if o, err := atoll.ParseOrigin(s); err == nil {
			if again, err := atoll.ParseOrigin(o.String()); err != nil || again != o {
				t.Fatalf("%q became %v, which reads back as %v (%v)", s, o, again, err)
			}
		}
	})
}
