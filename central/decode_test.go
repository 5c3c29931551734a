package central_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll/central"
)

// anything fills a value: all fields of a state are found, also those that are added.
func anything(t *rapid.T, v reflect.Value, some func() bool) {
	switch {
	case !some():
	case v.Type() == reflect.TypeFor[time.Time]():
		at := time.Unix(rapid.Int64Range(1e9, 4e9).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC()
		v.Set(reflect.ValueOf(at))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			anything(t, v.Field(i), some)
		}
	case v.Kind() == reflect.String:
		v.SetString(rapid.StringMatching(`[ !#-%'-;=?-\[\]-~]{1,9}`).Draw(t, "text"))
	case v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "bytes"))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(1, 3).Draw(t, "n"), 3))
		for i := range v.Len() {
			anything(t, v.Index(i), some)
		}
	case v.CanInt():
		v.SetInt(int64(rapid.Int32().Draw(t, "n")))
	case v.CanUint():
		v.SetUint(uint64(rapid.Uint32().Draw(t, "n")))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a state has a %s, which this test cannot make up", v.Type())
	}
}

// What the centre remembers of a site is read as encoding/json reads it, and every field
// of it quickly: one that the quick reader does not know would make the list of all sites
// as slow as it was.
//
// R-I-20.
func TestR_I_20_StatesAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s, got central.SiteState
		full := rapid.Bool().Draw(t, "full")
		anything(t, reflect.ValueOf(&s).Elem(), func() bool { return full || rapid.Bool().Draw(t, "some") })
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if !central.QuickState(b, &got) {
			t.Fatalf("not read quickly: %s", b)
		}
		var want central.SiteState
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis read as\n%+v\nwant\n%+v", b, got, want)
		}
	})
}

// What the quick reader takes, encoding/json reads the same.
func FuzzSiteState(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"site":7,"initialisation":"new","waiting":0}`, `{"site":-1,"turn":18446744073709551615}`, `{"orders":["a","}"],"lost":[{"from":1,"to":2}],"late":true}`,
		`{"key":"AQID","last_contact":"2026-03-01T00:00:00Z"}`, `{"paused":"marché"}`, `{"paused":"a\"b"}`, `{"site":1}x`, `{"site":01}`, `{"site":1,}`, `{"token_epoch":4294967296}`,
		`{"outcome":{"records":1},"orders":null}`, `{"code_hash":""}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, want central.SiteState
		if !central.QuickState([]byte(text), &got) {
			return
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil || strings.Contains(text, "null") {
			return // written by nobody
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as\n%+v\nwant\n%+v", text, got, want)
		}
	})
}
