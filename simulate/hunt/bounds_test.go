package hunt

import "testing"

// A cycle that never comes to its end breaks a law, and ends the story.
func TestEndlessCycle(t *testing.T) {
	w := &World{requests: map[string]int{}, trace: newTrace(), tally: NewTally()}
	for range mostRequests {
		if w.endless("site 2") {
			t.Fatal("it is over too early")
		}
	}
	for range 2 {
		if !w.endless("site 2") || !w.endless("site 3") {
			t.Fatal("it goes on")
		}
	}
	if len(w.breaches) != 1 || w.breaches[0].Law != "rest" {
		t.Errorf("%v", w.breaches)
	}
}

// What was never exercised is missed, and nothing rests.
func TestZeros(t *testing.T) {
	all := len(NewTally().Zeros())
	if all < len(Works())+len(Faults())+len(Laws()) {
		t.Errorf("%d of an empty tally", all)
	}
	for _, w := range Works() {
		if w.Weight == 0 {
			t.Errorf("%s is no part of usual stories", w.Name)
		}
	}
	for _, f := range Faults() {
		if f.Usual == 0 {
			t.Errorf("%s is no part of usual stories", f.Name)
		}
	}
	played := NewTally()
	for _, l := range Laws() {
		played.Laws[l.Name] = 1
	}
	if got := all - len(played.Zeros()); got != len(Laws()) {
		t.Errorf("%d were played", got)
	}
}
