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

// What rests is not missed, unless it is asked for; everything else is.
func TestZeros(t *testing.T) {
	all, usual := NewTally().Zeros(true), NewTally().Zeros(false)
	if len(all) <= len(usual) || len(usual) < len(Laws())+len(lineFaults) {
		t.Errorf("%d in all, %d of them usual", len(all), len(usual))
	}
	played := NewTally()
	for _, l := range Laws() {
		played.Laws[l.Name] = 1
	}
	if got := len(usual) - len(played.Zeros(false)); got != len(Laws()) {
		t.Errorf("%d were played", got)
	}
}
