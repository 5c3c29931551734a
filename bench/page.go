package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Text is the report for a terminal.
func (r Report) Text() string {
	var b strings.Builder
	if w := r.warning(); w != "" {
		fmt.Fprintf(&b, "%s\n\n", w)
	}
	for _, w := range r.Workloads {
		fmt.Fprintf(&b, "%s  %s (%s)\n", w.ID, w.Title, w.Took.Truncate(100*time.Millisecond))
		for _, f := range w.Figures {
			fmt.Fprintf(&b, "    %-46s %s\n", f.Name, f.words())
		}
		for _, n := range w.Notes {
			fmt.Fprintf(&b, "    %s\n", n)
		}
		if w.Failed != "" {
			fmt.Fprintf(&b, "    not measured to its end: %s\n", w.Failed)
		}
	}
	return b.String()
}

// warning says why the figures are not to be trusted, "" if there is no reason.
func (r Report) warning() string {
	var out []string
	if r.Short {
		out = append(out, "This was a short run: it shows that everything works, and its figures mean nothing.")
	}
	if r.Machine.Load > 0.5*float64(r.Machine.Cores) {
		out = append(out, fmt.Sprintf("The machine was not quiet: %.1f programs wanted to run on its %d cores before the measurement began. "+
			"Ratios, which were measured in turns, say more than times; those by processor time say most.", r.Machine.Load, r.Machine.Cores))
	}
	if fs := r.Machine.FileSystem; fs == "tmpfs" || fs == "ramfs" {
		out = append(out, "The databases were in memory, where nothing is durable. Name a directory on a disk with --dir.")
	}
	return strings.Join(out, " ")
}

func (f Figure) words() string {
	out := strings.TrimSpace(fmt.Sprintf("%s %s", f.Value, f.Unit))
	if f.Ratio != nil {
		out += fmt.Sprintf("; floor %s; ratio %s", f.Bare, f.Ratio)
	}
	if f.Target != nil {
		out += fmt.Sprintf("; target %s: %s", f.Target, f.Verdict)
	}
	return out
}

// String is the median, with the range if there is one.
func (s Spread) String() string {
	if s.Min == s.Max {
		return short(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", short(s.Median), short(s.Min), short(s.Max))
}

// String is the target as it is written beside a figure.
func (t Target) String() string {
	sign, of := "at most", ""
	if t.AtLeast {
		sign = "at least"
	}
	if t.Ratio {
		of = " times"
	}
	return sign + " " + short(t.Value) + of
}

// short writes a number with three digits that count.
func short(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

const intro = `# What it costs

What Atoll costs on one machine, and how that was measured. All but its last section is written by a command, which
anybody can run:

    make bench

or, with the program alone, ` + "`atoll bench --write performance.md`" + `. It takes about ten minutes on a quiet machine and 3 GB
of disk. ` + "`--only W1,W5`" + ` runs some of it, ` + "`--short`" + ` all of it small, ` + "`--dir`" + ` names the disk, ` + "`--json`" + ` prints every run.

## How to read it

A figure alone is the disk's, the machine's, the hour's. So W1, W2 and W5 are measured in pairs: Atoll, and in the same
minutes a bare loop, the *floor*. The floor durably does what nobody can leave out and nothing else: the same records in
the same batches, over ` + "`net/http`" + ` and zstd, into SQLite with the same settings, one transaction a batch, synced. It
checks nothing, routes nothing, keeps no journal, no index, no feed and no digest. Its code is one file
([floor.go](../bench/floor.go)). Who goes first changes from pair to pair. The ratio is Atoll's rate by the floor's, the
median of the pairs; in brackets the least and the most. Where a row says *by processor time*, it is the rate for each
second of processor time that the process used, both ends together: it hardly feels who else is on the machine.

Commits are durable in all of it: SQLite runs with ` + "`synchronous=full`" + `, on a real disk.

`

// Markdown is the report as a page.
func (r Report) Markdown() string {
	var b strings.Builder
	b.WriteString(intro)
	if w := r.warning(); w != "" {
		fmt.Fprintf(&b, "**%s**\n\n", w)
	}
	m := r.Machine
	fmt.Fprintf(&b, "## The machine\n\n| | |\n|---|---|\n| system | %s/%s |\n", m.OS, m.Arch)
	if m.Processor != "" {
		fmt.Fprintf(&b, "| processor | %s, %d cores |\n", m.Processor, m.Cores)
	} else {
		fmt.Fprintf(&b, "| cores | %d |\n", m.Cores)
	}
	if m.Memory > 0 {
		fmt.Fprintf(&b, "| memory | %s |\n", size(float64(m.Memory)))
	}
	if m.FileSystem != "" {
		fmt.Fprintf(&b, "| file system | %s |\n", m.FileSystem)
	}
	fmt.Fprintf(&b, "| 4 KiB made durable in | %s |\n| Go | %s |\n", m.Sync.Round(10*time.Microsecond), m.Go)
	if m.Load > 0 {
		fmt.Fprintf(&b, "| load before it began | %.1f |\n", m.Load)
	}
	if missing := r.missing(); len(missing) > 0 {
		fmt.Fprintf(&b, "\nNot measured this time: %s.\n", strings.Join(missing, ", "))
	}
	b.WriteString("\n## The targets\n\n| | figure | is | target | |\n|---|---|---|---|---|\n")
	for _, w := range r.Workloads {
		for _, f := range w.Figures {
			if f.Target == nil {
				continue
			}
			is := f.Value.String() + " " + f.Unit
			if f.Target.Ratio {
				is = f.Ratio.String() + " times"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", w.ID, f.Name, strings.TrimSpace(is), f.Target, f.Verdict)
		}
	}
	for _, w := range r.Workloads {
		fmt.Fprintf(&b, "\n## %s: %s\n\n%s\n\n| | median (least–most) | floor | ratio |\n|---|---|---|---|\n", w.ID, w.Title, w.Method)
		for _, f := range w.Figures {
			bare, ratio := "", ""
			if f.Ratio != nil {
				bare, ratio = f.Bare.String(), f.Ratio.String()
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Name, strings.TrimSpace(f.Value.String()+" "+f.Unit), bare, ratio)
		}
		for _, n := range w.Notes {
			fmt.Fprintf(&b, "\n%s\n", n)
		}
		if w.Failed != "" {
			fmt.Fprintf(&b, "\n**It was not measured to its end:** %s\n", w.Failed)
		}
	}
	return b.String()
}

// LimitsTitle begins the last section of the page, which people write.
const LimitsTitle = "## What the limits are"

// Page is the report as a page that takes the place of one before: the section of
// LimitsTitle, and what follows it, is kept.
func (r Report) Page(before string) string {
	page := r.Markdown()
	if _, kept, found := strings.Cut(before, "\n"+LimitsTitle+"\n"); found {
		page += "\n" + LimitsTitle + "\n" + kept
	}
	return page
}

// missing are the workloads that were not run.
func (r Report) missing() (out []string) {
	for _, w := range workloads {
		if !slices.ContainsFunc(r.Workloads, func(did Result) bool { return did.ID == w.id }) {
			out = append(out, w.id)
		}
	}
	return out
}
