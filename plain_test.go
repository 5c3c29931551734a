package atoll

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzPlainLine holds the quick reading of a line to the thorough one: what it
// reads, it reads as the same.
func FuzzPlainLine(f *testing.F) {
	for _, s := range []string{
		`{"verb":"insert","type":"item","id":"0190a5b4-0000-7000-8000-000000000001","version":1,"fields":{"code":"a","n":1.50}}`,
		`{"verb":"update","type":"item","id":"x","version":2,"base":"2/17","epoch":3,"stays":true,"fields":{"code":null}}`,
		`{"verb":"restate","type":"item","id":"x","version":2,"base":"2/17","epoch":3,"deleted":true,"fields":{"code":"a"}}`,
		`{"verb":"delete","type":"item","id":"x","version":18446744073709551615,"base":"2/17","epoch":1}`,
		`{"verb":"delete","type":"item","id":"x","version":01}`, `{"verb":"delete","type":"it\u0065m","id":"x","version":1}`,
		`{"verb":"insert","type":"item","id":"x","version":1,"fields":{}},"epoch":2}`, `{"verb":"insert","type":"item","id":"x","version":}`,
		`{"verb":"insert","type":"item","id":"x","version":1,"fields":{"a":1}`, `{"verb":"insert","type":"é","id":"x","version":1}`,
		`{"verb":"insert","type":"item","id":"x","version":1,"fields":{"a":"}"}}`, `{"verb":"i","type":"t","id":"x","version":1,"fields":1,"epoch":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var quick, thorough line
		if !quick.plain(b) || quick.Fields != nil && !json.Valid(quick.Fields) {
			return // a body that is none is found when it is looked at
		}
		if quick.Fields != nil {
			quick.Fields = bytes.TrimSpace(quick.Fields) // what is around a value is no part of it
		}
		if err := strict(b, &thorough); err != nil || !reflect.DeepEqual(quick, thorough) {
			t.Errorf("%s:\nquick    %+v\nthorough %+v %v", b, quick, thorough, err)
		}
	})
}

// TestR_B_93_OnlyARestatementIsOfWhatWasDeleted: other operations say it by their verb.
func TestR_B_93_OnlyARestatementIsOfWhatWasDeleted(t *testing.T) {
	key := Key{Type: "note", ID: DeriveID("note")}
	for _, verb := range Verbs {
		e := Entry{Actor: "ana", Cause: Cause{Kind: "user"}, Operations: []Operation{{Verb: verb, Key: key, Version: 2, Deleted: true, Fields: Fields{}}}}
		got, err := DecodeEntry(e.Encode())
		switch {
		case verb == Restate && (err != nil || !got.Operations[0].Gone()):
			t.Errorf("%s: %+v, %v", verb, got, err)
		case verb != Restate && CodeOf(err) != Invalid:
			t.Errorf("%s: %v, want it to be refused", verb, err)
		}
	}
}

// FuzzPlainHeader does the same for a header, and holds the quick writing of one to
// encoding/json.
func FuzzPlainHeader(f *testing.F) {
	for _, s := range []string{
		`{"time":1758000000000,"actor":"nurse","cause":{"kind":"user"},"catalogue":3}`,
		`{"time":0,"actor":"","cause":{"kind":"process/x","ref":"invoice/1"},"catalogue":0}`,
		`{"time":-5,"actor":"a","cause":{"kind":"user"},"catalogue":-1}`, `{"time":01,"actor":"a","cause":{"kind":"user"},"catalogue":1}`,
		`{"time":18446744073709551615,"actor":"a","cause":{"kind":"user"},"catalogue":18446744073709551615}`,
		`{"time":1,"actor":"é <b> & \"x\"","cause":{"kind":"user","ref":""},"catalogue":1}`, `{"time":1,"actor":"a","cause":{"kind":"user"},"catalogue":1} `,
		`{"time":1,"actor":"a\u007f\u2028","cause":{"kind":"","ref":"\n"},"catalogue":1}`, `{"time":,"actor":"a","cause":{"kind":"user"},"catalogue":}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var quick, thorough header
		err := strict(b, &thorough)
		if quick.plain(b) && (err != nil || quick != thorough) {
			t.Errorf("%s:\nquick    %+v\nthorough %+v %v", b, quick, thorough, err)
		}
		if err != nil {
			return
		}
		want, err := json.Marshal(thorough)
		if got := thorough.append(nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("it is written as %s; want %s, %v", got, want, err)
		}
	})
}
