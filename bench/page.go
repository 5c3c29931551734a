package bench

import (
	"fmt"
	"strings"
)

// Text is the report for a terminal.
func (r Report) Text() string {
	var b strings.Builder
	for _, w := range r.Workloads {
		fmt.Fprintf(&b, "%s  %s (%s)\n", w.ID, w.Title, w.Took.Truncate(1e8))
		for _, f := range w.Figures {
			fmt.Fprintf(&b, "    %-40s %s\n", f.Name, f.words())
		}
		for _, n := range w.Notes {
			fmt.Fprintf(&b, "    %s\n", n)
		}
	}
	return b.String()
}

func (f Figure) words() string {
	out := fmt.Sprintf("%s %s", f.Value, f.Unit)
	if f.Ratio != nil {
		out += fmt.Sprintf("; floor %s; ratio %s", f.Bare, f.Ratio)
	}
	if f.Target != nil {
		out += fmt.Sprintf("; target %s: %s", f.Target, f.Verdict)
	}
	return out
}

// String is the median, with the range.
func (s Spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", short(s.Median), short(s.Min), short(s.Max))
}

func (t Target) String() string {
	sign := "≤"
	if t.AtLeast {
		sign = "≥"
	}
	return sign + " " + short(t.Value)
}

// short writes a number with three digits that count.
func short(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// Markdown is the report as a page.
func (r Report) Markdown() string { return r.Text() }
