package simulate

import (
	"testing"

	"github.com/atollsync/atoll"
)

// R-E-31, R-E-44. What the laws of merges hold the program against.
func TestHeirs(t *testing.T) {
	records := map[atoll.Key]atoll.Record{}
	put := func(kind atoll.Type, id, into atoll.ID, status string) {
		key := atoll.Key{Type: kind, ID: id}
		records[key] = atoll.Record{Key: key, Body: atoll.Fields{}.Set("status", status).Set("merged_into", into).Compacted().Encode()}
	}
	put("item", "a", "b", "merged")
	put("item", "b", "c", "merged")
	put("item", "c", "", "active")
	put("item", "d", "a", "active") // was merged once
	put("item", "x", "z", "merged")
	put("item", "z", "y", "merged")
	put("item", "y", "x", "merged")
	put("item", "w", "z", "merged")
	put("name", "c", "d", "merged")
	h := heirsOf(records)
	for id, want := range map[atoll.ID]atoll.ID{"a": "c", "b": "c", "c": "c", "d": "d", "nobody": "nobody", "w": "x", "x": "x", "y": "x", "z": "x"} {
		if got := h.of(atoll.Key{Type: "item", ID: id}); got != want {
			t.Errorf("%s stands for %s; want %s", got, id, want)
		}
	}
}
