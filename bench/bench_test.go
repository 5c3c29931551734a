package bench

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFigures(t *testing.T) {
	f := figure("records", "1/s", []float64{50, 30, 60}, []float64{100, 100, 100}, ratioAtLeast(0.5))
	if f.Value.Median != 50 || f.Ratio.Median != 0.5 || f.Ratio.Min != 0.3 || f.Ratio.Max != 0.6 || f.Verdict != Met {
		t.Errorf("%+v, ratio %v: %s", f.Value, f.Ratio, f.Verdict)
	}
	for _, tt := range []struct {
		target *Target
		want   Verdict
	}{{atMost(50), Met}, {atMost(49), Missed}, {atLeast(50), Met}, {atLeast(51), Missed}, {ratioAtLeast(0.51), Missed}, {nil, ""}} {
		if got := figure("x", "", f.Runs, f.Floor, tt.target).Verdict; got != tt.want {
			t.Errorf("%v: %q; want %q", tt.target, got, tt.want)
		}
	}
	if s := spread([]float64{4, 1, 3, 2}); s.Median != 2.5 {
		t.Errorf("the median of an even number is %v", s.Median)
	}
	all := make([]time.Duration, 100)
	for i := range all {
		all[len(all)-1-i] = time.Duration(i + 1)
	}
	if percentile(all, 0.99) != 99 || percentile(all, 1) != 100 || percentile(all, 0.5) != 50 {
		t.Error("percentiles are off")
	}
}

// Every workload runs, small, and what it measured is on the page. W6 and W7 need
// the program in a process of its own, and are run with it.
func TestWorkloadsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	report, err := Run(t.Context(), Options{Dir: t.TempDir(), Short: true, Only: []string{"W1", "w3", "W3b"}})
	if err != nil {
		t.Fatal(err)
	}
	page := report.Markdown()
	for _, w := range report.Workloads {
		if len(w.Figures) == 0 || !strings.Contains(page, "## "+w.ID+": "+w.Title) {
			t.Errorf("%s has %d figures", w.ID, len(w.Figures))
		}
		for _, f := range w.Figures {
			if f.Value.Min <= 0 || !strings.Contains(page, "| "+f.Name+" |") {
				t.Errorf("%s: %s is %s", w.ID, f.Name, f.Value)
			}
		}
	}
	if !strings.Contains(page, "its figures mean nothing") {
		t.Error("a short run does not say that it is one")
	}
	written := LimitsTitle + "\n\nW1 is limited by what it writes.\n"
	if again := report.Page(page + "\n" + written); again != page+"\n"+written {
		t.Error("what people wrote on the page is not kept")
	}
	if _, err := Run(t.Context(), Options{Only: []string{"W99"}}); err == nil {
		t.Error("a workload that is not there was run")
	}
}

// A workload that fails takes nothing from the others: they are measured, and the
// page tells of both. What has ended is told before the next begins.
func TestFailureIsKept(t *testing.T) {
	all := workloads
	defer func() { workloads = all }()
	workloads = []workload{
		{"A", "one that fails", "", func(r *run) error {
			r.add(figure("half", "", []float64{1}, nil, nil))
			return errors.New("the disk is gone")
		}},
		{"B", "one that works", "", func(r *run) error { r.add(figure("whole", "", []float64{2}, nil, nil)); return nil }},
	}
	var told []int
	report, err := Run(t.Context(), Options{Dir: t.TempDir(), Ended: func(r Report) error { told = append(told, len(r.Workloads)); return nil }})
	if err != nil || !slices.Equal(told, []int{1, 2}) {
		t.Fatalf("%v; told of %v workloads", err, told)
	}
	page := report.Markdown()
	for _, want := range []string{"the disk is gone", "| half |", "| whole |"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if report.Well() {
		t.Error("a workload failed, and all is well")
	}
}
