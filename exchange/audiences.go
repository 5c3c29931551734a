package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/atollsync/atoll"
)

// DigestAudiences returns the digest of a set of audiences, whatever their order:
// 16 hexadecimal digits.
func DigestAudiences(audiences []atoll.Audience) string {
	sorted := slices.Clone(audiences)
	slices.Sort(sorted)
	h := sha256.New()
	for _, a := range slices.Compact(sorted) {
		h.Write([]byte(a))
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Places says which of all audiences are chosen, by their places in the sorted
// list: so many that are not, so many that are, and on in turns. What comes after
// the last number is not chosen. (A site that gained a hundred thousand audiences
// cannot name them in every Hello.)
func Places(all []atoll.Audience, chosen func(atoll.Audience) bool) []int {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	var out []int
	turn, n := false, 0
	for _, a := range slices.Compact(sorted) {
		if chosen(a) != turn {
			out, turn, n = append(out, n), !turn, 0
		}
		n++
	}
	if turn {
		out = append(out, n)
	}
	return out
}

// AtPlaces returns the audiences of all that are at the places. It is false when
// the places go beyond the list, or are none.
func AtPlaces(all []atoll.Audience, places []int) ([]atoll.Audience, bool) {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	var out []atoll.Audience
	for i, n := range places {
		if n < 0 || n > len(sorted) {
			return nil, false
		}
		if i%2 == 1 {
			out = append(out, sorted[:n]...)
		}
		sorted = sorted[n:]
	}
	return out, true
}
