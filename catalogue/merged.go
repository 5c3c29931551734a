package catalogue

import (
	"encoding/json"
	"slices"

	"github.com/atollsync/atoll"
)

// OnceMerged is the field of types that may be merged which keeps the merges that were
// undone. An operator's own types need not have it.
const OnceMerged = "once_merged_into"

// MergedBefore returns the records that the fields say theirs was once merged into, and
// is no longer, the first first. One that a program without the field undid is told of
// as long as it is the last.
func MergedBefore(f atoll.Fields) []atoll.ID {
	var out []atoll.ID
	if f.Has(OnceMerged) && json.Unmarshal(f[OnceMerged], &out) != nil {
		out = nil // the field takes any value
	}
	if last := f.ID("unmerged_from"); last != "" && !slices.Contains(out, last) {
		out = append(out, last)
	}
	return out
}
