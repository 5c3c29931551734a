package demo

import (
	"cmp"
	"slices"
	"strings"
)

// scenario is one entry of the programme.
type scenario struct {
	id       string
	title    string // what it shows, in at most nine words
	mirrored bool   // it needs F2
	lasting  bool   // it changes the system for good
	absent   string // why it is not in this version; "" if it is
	run      func(*stage)
	part     string // set by programme
}

// parts are the chapters of the programme, in the order of playing. Those of the
// last change the system for good: site 2 loses its device, and F's data goes up.
var parts = []struct {
	title     string
	scenarios []scenario
}{
	{"Stores and their copies", slices.Concat(fixtureScenarios, storeA, storeB, storeC, storeD, storeE, storeF)},
	{"A remote primary", mirror},
	{"Goods through three stores", chains},
	{"Shipments and orders", slices.Concat(shipments, orders)},
	{"Merges", merges},
	{"Who may edit what", delegations},
	{"Patients", homes},
	{"Moving a store", moves},
	{"A lost device", lastings},
}

// scenarios is the programme.
var scenarios = programme()

// programme is all parts, each in the order of its numbers.
func programme() []scenario {
	var out []scenario
	for _, p := range parts {
		in := slices.Clone(p.scenarios)
		for i := range in {
			in[i].part = p.title
		}
		slices.SortStableFunc(in, func(a, b scenario) int {
			return cmp.Or(strings.Compare(a.id[:3], b.id[:3]), number(a.id)-number(b.id))
		})
		out = append(out, in...)
	}
	return out
}

// Scenario is a line of the programme.
type Scenario struct {
	ID       string `json:"id"`
	Part     string `json:"part"` // the chapter it is in
	Title    string `json:"title"`
	Mirrored bool   `json:"mirrored,omitempty"` // it needs the mirrored system
	Absent   string `json:"absent,omitempty"`   // why it is not in this version
}

// Scenarios lists the programme by its parts.
func Scenarios() []Scenario {
	var out []Scenario
	for _, s := range scenarios {
		out = append(out, Scenario{s.id, s.part, s.title, s.mirrored, s.absent})
	}
	return out
}

// number is the number in a scenario's id.
func number(id string) int {
	n := 0
	for _, c := range id[strings.LastIndexByte(id, '-')+1:] {
		n = 10*n + int(c-'0')
	}
	return n
}
