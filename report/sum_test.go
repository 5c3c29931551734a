package report_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/atollsync/atoll/report"
)

// Columns are added up exactly, also where a float would not (R-J-01).
func TestR_J_01_Sums(t *testing.T) {
	table := report.Table{Rows: [][]string{{"b", "0.1", "x"}, {"a", "0.2", ""}, {"b", "-1e2", ""}, {"", "7", ""}, {"c", "", ""}, {"a", "123456789012345678901.5", ""}}}
	if got, want := table.Sum(1), "123456789012345678808.8"; got != want {
		t.Errorf("the sum is %s, want %s", got, want)
	}
	names, sums := table.SumBy(0, 1)
	if want := []string{"b", "a"}; !reflect.DeepEqual(names, want) {
		t.Errorf("names are %q, want %q", names, want)
	}
	if want := map[string]string{"a": "123456789012345678901.7", "b": "-99.9"}; !reflect.DeepEqual(sums, want) {
		t.Errorf("sums are %q, want %q", sums, want)
	}
	if got := (&report.Table{}).Sum(0); got != "0" {
		t.Errorf("nothing adds up to %s", got)
	}
}

// The largest are those that a sum by sum finds, the others together.
func TestLargest(t *testing.T) {
	table := &report.Table{Rows: [][]string{{"a", "1"}, {"b", "3"}, {"c", "0.5"}, {"b", "-1"}, {"d", "2"}, {"", "9"}, {"e", ""}, {"c", "0.25"}, {"f", "-4"}}}
	for most, want := range map[int]string{
		1: "[b] map[b:2] -0.25 4", 2: "[b d] map[b:2 d:2] -2.25 3", 3: "[b d a] map[a:1 b:2 d:2] -3.25 2",
		5: "[b d a c f] map[a:1 b:2 c:0.75 d:2 f:-4] 0 0", 9: "[b d a c f] map[a:1 b:2 c:0.75 d:2 f:-4] 0 0",
	} {
		names, sums, rest, others := table.Largest(0, 1, most)
		if got := fmt.Sprint(names, sums, " ", rest, " ", others); got != want {
			t.Errorf("%d: %s, want %s", most, got, want)
		}
	}
}
