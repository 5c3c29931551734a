// Package bench measures what Atoll costs, beside what the same work costs
// without it.
//
// A figure alone says little: it is the disk's, the machine's, the hour's. So most
// workloads run twice, in turns: once with the program as it is, and once as a
// bare loop that durably does only what nobody can leave out (floor.go): the same
// records in the same batches, over net/http and zstd, into SQLite, one
// transaction a batch, synced. The figure is the ratio of the two, the median of
// several such pairs.
package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// Options say what is measured and how.
type Options struct {
	// Dir is where the databases are made, on the disk that is to be measured; the
	// system's directory for temporary files if "". What is made there is removed.
	Dir string
	// Only names the workloads to run; all if empty.
	Only []string
	// Short runs each workload small and once or twice: to see that it works. Its
	// figures mean nothing.
	Short bool
	// Program is the atoll program itself: W6 and W7 measure it in a process of its
	// own.
	Program string
	// Progress is told what is being done. It may be nil.
	Progress func(Progress)
	// Ended is told the report so far, each time that a workload has ended. It may be
	// nil.
	Ended func(Report) error
	// Profile gets a profile of the processor time of what is measured: our side of
	// the first pair. Nil makes none.
	Profile io.Writer
	Now     func() time.Time
	Log     *slog.Logger
}

// Progress is one step of the work.
type Progress struct {
	Workload string `json:"workload"`
	Words    string `json:"words"`
	Done     int    `json:"done"` // of Of; both 0 when that is not known
	Of       int    `json:"of"`
}

// Report is what was measured, and on what.
type Report struct {
	Machine   Machine       `json:"machine"`
	Short     bool          `json:"short,omitempty"` // the figures mean nothing
	Took      time.Duration `json:"took"`
	Workloads []Result      `json:"workloads"`
}

// Well reports whether every target was met.
func (r Report) Well() bool {
	return !slices.ContainsFunc(r.Workloads, func(w Result) bool {
		return w.Failed != "" || slices.ContainsFunc(w.Figures, func(f Figure) bool { return f.Verdict == Missed })
	})
}

// Result is one workload's figures.
type Result struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Method  string        `json:"method"` // what was done, in words
	Took    time.Duration `json:"took"`
	Figures []Figure      `json:"figures"`
	Notes   []string      `json:"notes,omitempty"`
	Failed  string        `json:"failed,omitempty"` // why it could not be measured, or not to its end
}

// workload is one thing to measure.
type workload struct {
	id, title, method string
	run               func(*run) error
}

// Workloads are all there are, as id and title.
func Workloads() [][2]string {
	var out [][2]string
	for _, w := range workloads {
		out = append(out, [2]string{w.id, w.title})
	}
	return out
}

var workloads = []workload{push, pull, idle, few, wide, crowd, country, small}

// run is one workload being measured.
type run struct {
	Options
	context.Context //nolint:containedctx // one run is one call of Run
	work            *workload
	dir             string // its own, empty
	result          Result
	profiled        bool
	runs            int // how many times each side is measured
}

// say tells what is being done.
func (r *run) say(done, of int, format string, args ...any) {
	if r.Progress != nil {
		r.Progress(Progress{r.work.id, fmt.Sprintf(format, args...), done, of})
	}
}

func (r *run) note(format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}

// size is the number to use: the second for a short run.
func (r *run) size(full, short int) int {
	if r.Short {
		return short
	}
	return full
}

// Run measures. A workload that fails is part of the report, as is a target that is
// missed, and the others are measured all the same; Run fails when ctx ends, or
// nothing can be measured at all.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	todo, err := chosen(o.Only)
	if err != nil {
		return Report{}, err
	}
	dir, err := os.MkdirTemp(o.Dir, "atoll-bench-")
	if err != nil {
		return Report{}, atoll.Errorf(atoll.Denied, "no directory can be made for the databases: %w", err).Do("name one with --dir DIR")
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	report := Report{Machine: machine(dir), Short: o.Short}
	for _, w := range todo {
		r := &run{Options: o, Context: ctx, work: &w, dir: filepath.Join(dir, w.id), runs: 5}
		if o.Short {
			r.runs = 2
		}
		if err := os.Mkdir(r.dir, 0o700); err != nil {
			return report, err
		}
		r.result = Result{ID: w.id, Title: w.title, Method: w.method}
		start := time.Now()
		r.say(0, 0, "begins")
		if err := w.run(r); err != nil {
			if ctx.Err() != nil {
				return report, fmt.Errorf("%s: %w", w.id, err)
			}
			r.result.Failed = err.Error()
		}
		r.result.Took = time.Since(start)
		report.Workloads = append(report.Workloads, r.result)
		report.Took = time.Since(began)
		if err := os.RemoveAll(r.dir); err != nil {
			return report, err
		}
		if o.Ended != nil {
			if err := o.Ended(report); err != nil {
				return report, err
			}
		}
	}
	return report, nil
}

func chosen(only []string) ([]workload, error) {
	if len(only) == 0 {
		return workloads, nil
	}
	var out []workload
	for _, id := range only {
		i := slices.IndexFunc(workloads, func(w workload) bool { return strings.EqualFold(w.id, id) })
		if i < 0 {
			return nil, atoll.Errorf(atoll.Invalid, "there is no workload %q", id).Do("see what there is with: atoll bench --list")
		}
		out = append(out, workloads[i])
	}
	return out, nil
}
