package sqlite

import (
	"encoding/json"
	"testing"
)

// Whatever a record is indexed by is noted as encoding/json would: rows that stay as
// they are must be known as such.
func TestIndexTextIsJSON(t *testing.T) {
	for _, values := range []map[string]string{
		{"a": "x"},
		{"store_id": "0198-aa", "item_id": "b", "code": ""},
		{"name": `5 < 6 & "7" > \`, "x": "y"},
		{"name": "片剂", "tab": "a\tb", "del": "\x7f"},
		{"bad": "\xff\u2028"},
	} {
		want, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := indexText(values); err != nil || got != string(want) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
