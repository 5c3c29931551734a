package central_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/storage"
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

// What the centre remembers of a site is written by encoding/json and read by another
// reader: as it was written, every field of it, also those that are added.
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
		if err := storage.Decode("sites", storage.Item{Key: "2", Value: b}, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("%s\nis read as\n%+v\nwant\n%+v", b, got, s)
		}
	})
}
