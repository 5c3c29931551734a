package report_test

import (
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
