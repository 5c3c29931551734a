package exchange_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// Places name any part of any list, and nothing else; what is no list of places
// is refused.
//
// R-K-49, R-K-58.
func TestPlaces(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var all, want []atoll.Audience
		chosen := map[atoll.Audience]bool{}
		for range rnd.IntN(40) {
			a := atoll.Audience(fmt.Sprintf("store/%d", rnd.IntN(50)))
			all = append(all, a)
			chosen[a] = rnd.IntN(3) == 0
		}
		for a, in := range chosen {
			if in {
				want = append(want, a)
			}
		}
		slices.Sort(want)
		places := exchange.Places(all, func(a atoll.Audience) bool { return chosen[a] })
		got, ok := exchange.AtPlaces(all, places)
		if !ok || !slices.Equal(got, want) {
			t.Errorf("seed %d: %v of %v came back as %v, %t", seed, want, all, got, ok)
		}
	}
	three := []atoll.Audience{"c", "a", "b"}
	for _, tt := range []struct {
		places []int
		want   string
		ok     bool
	}{
		{nil, "[]", true},
		{[]int{1, 1}, "[b]", true},
		{[]int{0, 1, 1, 1}, "[a c]", true},
		{[]int{3}, "[]", true},
		{[]int{4}, "[]", false},
		{[]int{1, 3}, "[]", false},
		{[]int{-1, 2}, "[]", false},
		{[]int{1, -1}, "[]", false},
	} {
		if got, ok := exchange.AtPlaces(three, tt.places); fmt.Sprint(got) != tt.want || ok != tt.ok {
			t.Errorf("%v: %v, %t; want %s, %t", tt.places, got, ok, tt.want, tt.ok)
		}
	}
}
