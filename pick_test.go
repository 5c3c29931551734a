package atoll_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/atollsync/atoll"
)

func TestPickReadsAsFieldsDo(t *testing.T) {
	names := []string{"a", "price", "text", "list", "gone", "last"}
	for _, body := range []string{
		`{}`, `{"a":1}`, `{"a":1.50,"price":"x","last":null}`, ` { "a" : true , "list" : [1, {"a":"}"}] , "last":"ü\"," } `,
		`{"text":"a,b:{}","ab":{"a":9,"price":8},"price":-0.000,"last":1e3}`, `{"":1,"list":[],"a\"b":2,"last":{}}`,
	} {
		f, err := atoll.ParseFields([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]json.RawMessage, len(names))
		got[4] = json.RawMessage("from before")
		atoll.Pick([]byte(body), names, got)
		for i, name := range names {
			if g := compact(t, got[i]); g != string(f[name]) {
				t.Errorf("%s: %s is %q, want %q", body, name, g, f[name])
			}
		}
	}
	// What is no object, or ends in the middle, has no fields; nothing breaks.
	for _, body := range []string{``, `[]`, `{"a`, `{"a":`, `{"a"`, `{`} {
		got := make([]json.RawMessage, len(names))
		atoll.Pick([]byte(body), names, got)
		if got[0] != nil {
			t.Errorf("%q: %q", body, got[0])
		}
	}
}

func compact(t *testing.T, v json.RawMessage) string {
	t.Helper()
	if v == nil {
		return ""
	}
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		t.Errorf("%q: %v", v, err)
	}
	return b.String()
}
