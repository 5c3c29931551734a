package hunt

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"sync"
)

// Dice are a random source that repeats itself: the same seed, the same numbers.
type Dice struct{ *mathrand.Rand }

// newDice returns dice for a purpose. Dice of one seed for two purposes have nothing to
// do with each other, so that one more roll for one leaves the other as it was.
func newDice(seed uint64, purpose string) Dice {
	h := uint64(14695981039346656037)
	for i := range len(purpose) {
		h = (h ^ uint64(purpose[i])) * 1099511628211
	}
	return Dice{mathrand.New(mathrand.NewPCG(seed, h))} //nolint:gosec // repeatable on purpose
}

// Chance is true in so many of a hundred cases.
func (d Dice) Chance(percent int) bool { return percent > 0 && d.IntN(100) < percent }

// Between returns a number from least to most, both included.
func (d Dice) Between(least, most int) int { return least + d.IntN(most-least+1) }

// Pick returns one of the values, and false if there are none.
func Pick[T any](d Dice, from []T) (one T, ok bool) {
	if len(from) == 0 {
		return one, false
	}
	return from[d.IntN(len(from))], true
}

// Some returns up to n of the values, in an order of its own.
func Some[T any](d Dice, n int, from []T) []T {
	out := slices.Clone(from)
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(n, len(out))]
}

// entropy stands in for the machine's random numbers while a story is played: ids,
// nonces, timelines, keys and codes then come from the story's seed. crypto/rand has
// this one seam for it ([rand.Reader], which rand.Read reads too), so nothing in the
// program has to be written for being simulated. It is one for the whole process,
// which is why stories of one process wait for each other.
var entropy source

type source struct {
	playing sync.Mutex
	mu      sync.Mutex
	from    *mathrand.ChaCha8
}

// take puts the source in the machine's place, until the returned function is called.
func (s *source) take() (release func()) {
	s.playing.Lock()
	s.seed(0)
	before := rand.Reader
	rand.Reader = s
	return func() {
		rand.Reader = before
		s.playing.Unlock()
	}
}

// seed begins anew: each step has its own random numbers, so that one step less
// leaves those of the others as they were.
func (s *source) seed(seed uint64) {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	s.mu.Lock()
	s.from = mathrand.NewChaCha8(b)
	s.mu.Unlock()
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from.Read(p)
}

var _ io.Reader = (*source)(nil)
