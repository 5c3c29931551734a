package hunt

import (
	"testing"

	"github.com/atollsync/atoll"
)

// Same seed, same run, to the byte: entries, answers, bytes on the line, the final
// databases, and the words of the story.
func TestSameSeedSameRun(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		story := Tell(seed, Settings{Steps: 150})
		first := play(t, story)
		again := play(t, Tell(seed, Settings{Steps: 150}))
		if first.Trace != again.Trace {
			t.Errorf("seed %d: %s, then %s", seed, first.Trace, again.Trace)
			for i := range min(len(first.Lines), len(again.Lines)) {
				if first.Lines[i] != again.Lines[i] {
					t.Fatalf("they part at line %d:\n%s\n%s", i, first.Lines[i], again.Lines[i])
				}
			}
		}
		if other := play(t, Tell(seed+100, Settings{Steps: 150})); other.Trace == first.Trace {
			t.Errorf("seeds %d and %d are one run", seed, seed+100)
		}
	}
}

// The same with disks put back and copied, and with everything that is forged.
func TestSameSeedSameRunOnOldDisks(t *testing.T) {
	dials := map[string]int{"site-restored": 20, "site-cloned": 20, "centre-restored": 10, "poison": 20, "hostile": 20}
	for seed := uint64(1); seed <= 2; seed++ {
		story := Tell(seed, Settings{Steps: 150, Dials: dials})
		first, again := play(t, story), play(t, story)
		if first.Trace != again.Trace {
			t.Errorf("seed %d: %s, then %s", seed, first.Trace, again.Trace)
		}
	}
}

// A few seeds without a breach: what CI plays by the hundred with atoll simulate.
func TestSeeds(t *testing.T) {
	tally := NewTally()
	for seed := uint64(1); seed <= 8; seed++ {
		r := play(t, Tell(seed, Settings{}))
		tally.Add(r.Tally)
		for _, b := range r.Breaches {
			t.Errorf("seed %d: %s", seed, b)
		}
		if t.Failed() {
			for _, l := range r.Lines {
				t.Log(l)
			}
			break
		}
	}
	t.Logf("%+v", tally)
}

// A right that a crashing centre handed on at once has been handed on: what its holder
// did since is refused, and that is no breach.
func TestRightTakenInACrash(t *testing.T) {
	const seed = 100652
	r := play(t, Tell(seed, Settings{Dials: map[string]int{"centre-restored": 0}})) // as it was found
	for _, b := range r.Breaches {
		t.Errorf("seed %d: %s", seed, b)
	}
}

// An entry that was refused and another that deletes what it made, judged together once
// what they waited for is settled, come to nothing: the centre never had the record, and
// nothing is lost.
func TestR_K_40_MadeAndUnmadeTooLate(t *testing.T) {
	r := play(t, Story{Seed: 4054, Sites: 4, Dials: map[string]int{}, Steps: []Step{
		{"move store", 11648610855598213527, 719},
		{"force move", 8881503364986832306, 1595},
		{"register", 12340158261667997521, 2840},
		{"prescription", 5151987680882544690, 2883},
		{"prescription", 10115701845138630323, 3655},
		{"act", 9276849731884817568, 50982},
	}})
	if n := r.Tally.Refusals[string(atoll.OldEpoch)] + r.Tally.Refusals[string(atoll.Ownership)]; n == 0 {
		t.Error("nothing was refused")
	}
	for _, b := range r.Breaches {
		t.Error(b)
	}
}

func play(t *testing.T, s Story) Result {
	t.Helper()
	r, err := Play(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
