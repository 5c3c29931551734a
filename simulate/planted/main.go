package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Finding is what became of one fault.
type Finding struct {
	Fault string         `json:"fault"`
	Title string         `json:"title"`
	Seeds int            `json:"seeds"` // that were run with it
	Found int            `json:"found"` // in which some law was broken
	Laws  map[string]int `json:"laws"`  // in how many seeds each was broken
	First uint64         `json:"first,omitempty"`
	Named bool           `json:"named"` // one of the laws that the fault's file names was among them
	Error string         `json:"error,omitempty"`
}

type options struct {
	seeds   int
	seed    uint64
	only    string
	all     bool
	workers int
	json    bool
	root    string
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 200, "how many seeds to run with each fault, at most")
	flag.Uint64Var(&o.seed, "seed", 1, "the first of them")
	flag.StringVar(&o.only, "only", "", "names of faults, separated by commas; all unless given")
	flag.BoolVar(&o.all, "all", false, "run all seeds with each fault, not only until a batch of them has found it")
	flag.IntVar(&o.workers, "workers", 0, "processes that play; as many as there are processors unless given")
	flag.BoolVar(&o.json, "json", false, "print one JSON value instead of a table")
	flag.StringVar(&o.root, "root", ".", "directory of the source tree")
	flag.Usage = func() {
		_, _ = fmt.Fprint(flag.CommandLine.Output(),
			"Puts faults into the code, one after the other, and counts in how many seeds the simulator finds each.\n"+
				"A seed that breaks the same law without the fault does not count.\n\n"+
				"  go run ./simulate/planted -seeds 60\n  go run ./simulate/planted -only epoch-unchecked,turn-unchecked\n\n"+
				"Exit status: 0 each was found; 1 something went wrong; 5 one was not found.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := run(ctx, o, os.Stdout, os.Stderr)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "planted:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	case missed > 0:
		stop()
		os.Exit(5)
	}
}

// run tries each fault and tells of it. It returns how many were not found.
func run(ctx context.Context, o options, out, progress io.Writer) (missed int, err error) {
	all, err := Faults()
	if err != nil {
		return 0, err
	}
	var names []string
	if o.only != "" {
		names = strings.Split(o.only, ",")
	}
	if all, err = pick(all, names); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "planted")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	r := &runner{options: o, dir: dir, clean: map[string][]broken{}}
	var findings []Finding
	for i, f := range all {
		_, _ = fmt.Fprintf(progress, "%d of %d: %s: ", i+1, len(all), f.Name)
		found, err := r.try(ctx, f)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil {
			found.Error = err.Error()
		}
		if !found.Named {
			missed++
		}
		_, _ = fmt.Fprintf(progress, "%s %s\n", found.word(), found.laws())
		findings = append(findings, found)
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return missed, e.Encode(findings)
	}
	table(out, findings)
	_, _ = fmt.Fprintf(out, "\n%d of %d faults found.\n", len(findings)-missed, len(findings))
	return missed, nil
}

func table(out io.Writer, findings []Finding) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FAULT\tFOUND\tSEEDS\tFIRST\tLAWS BROKEN (SEEDS)")
	for _, f := range findings {
		first := ""
		if f.Found > 0 {
			first = strconv.FormatUint(f.First, 10)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d of %d\t%s\t%s\n", f.Fault, f.word(), f.Found, f.Seeds, first, f.laws())
	}
	_ = w.Flush()
}

func (f Finding) word() string {
	switch {
	case f.Error != "":
		return "FAILED"
	case f.Named:
		return "yes"
	case f.Found > 0:
		return "OTHER LAW"
	}
	return "NO"
}

func (f Finding) laws() string {
	if f.Error != "" {
		return f.Error
	}
	var laws []string
	for _, l := range byCount(f.Laws) {
		laws = append(laws, fmt.Sprintf("%s (%d)", l, f.Laws[l]))
	}
	return strings.Join(laws, ", ")
}

// byCount are the laws, those broken in most seeds first.
func byCount(laws map[string]int) []string {
	var out []string
	for l := range laws {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := laws[b] - laws[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out
}

// batch is how many seeds are run before it is seen whether the fault was found.
const batch = 20

// runner runs seeds with faults, and without.
type runner struct {
	options
	dir   string
	clean map[string][]broken // what breaks without a fault, by flags and first seed
	bin   string              // the program without a fault
}

// broken is a law that a seed broke.
type broken struct {
	law  string
	seed uint64
}

// try builds the program with the fault in it and runs seeds until the fault was
// found by a law that its file names.
func (r *runner) try(ctx context.Context, f Fault) (Finding, error) {
	out := Finding{Fault: f.Name, Title: f.Title, Laws: map[string]int{}}
	bin, err := build(ctx, &f, r.root, filepath.Join(r.dir, f.Name))
	if err != nil {
		return out, err
	}
	defer os.Remove(bin)
	seeds := map[uint64]bool{}
	for out.Seeds < r.seeds && (r.all || !out.Named) {
		first, n := r.seed+uint64(out.Seeds), min(batch, r.seeds-out.Seeds)
		with, err := r.play(ctx, bin, f.Flags, first, n)
		if err != nil {
			return out, err
		}
		out.Seeds += n
		if len(with) == 0 {
			continue
		}
		without, err := r.without(ctx, f.Flags, first, n)
		if err != nil {
			return out, err
		}
		for _, b := range with {
			if slices.Contains(without, b) {
				continue
			}
			out.Laws[b.law]++
			out.Named = out.Named || slices.Contains(f.Laws, b.law)
			if seeds[b.seed] = true; out.First == 0 || b.seed < out.First {
				out.First = b.seed
			}
		}
		out.Found = len(seeds)
	}
	return out, nil
}

// without returns what the seeds break without a fault: nothing, it is hoped.
func (r *runner) without(ctx context.Context, flags []string, first uint64, n int) (_ []broken, err error) {
	if r.bin == "" {
		if r.bin, err = build(ctx, nil, r.root, filepath.Join(r.dir, "clean")); err != nil {
			return nil, err
		}
	}
	key := fmt.Sprint(flags, first, n)
	found, known := r.clean[key]
	if !known {
		if found, err = r.play(ctx, r.bin, flags, first, n); err != nil {
			return nil, err
		}
		r.clean[key] = found
	}
	return found, nil
}

// play runs seeds and returns what they broke.
func (r *runner) play(ctx context.Context, bin string, flags []string, first uint64, n int) ([]broken, error) {
	args := append([]string{
		"simulate", "--seeds", strconv.Itoa(n), "--seed", strconv.FormatUint(first, 10), "--no-shrink", "--json",
	}, flags...)
	if r.workers > 0 {
		args = append(args, "--workers", strconv.Itoa(r.workers))
	}
	cmd := exec.CommandContext(ctx, bin, args...) //nolint:gosec // our own program
	var errs strings.Builder
	cmd.Stderr = &errs
	b, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	var told result
	if jerr := json.Unmarshal(b, &told); jerr != nil {
		return nil, fmt.Errorf("%w: %.300s", errors.Join(err, jerr), errs.String())
	}
	if told.Seeds != n {
		return nil, fmt.Errorf("%d of %d seeds were played: %.300s", told.Seeds, n, errs.String())
	}
	var out []broken
	for _, l := range told.Laws {
		for _, seed := range l.Seeds {
			out = append(out, broken{l.Law, seed})
		}
	}
	return out, nil
}

// result is what this command reads of the report of atoll simulate.
type result struct {
	Seeds int `json:"seeds"`
	Laws  []struct {
		Law   string   `json:"law"`
		Seeds []uint64 `json:"seeds"`
	} `json:"laws_broken"`
}

// build compiles the program, with the fault in it if there is one.
func build(ctx context.Context, f *Fault, root, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "atoll")
	args := []string{"build", "-o", bin}
	if f != nil {
		list, err := overlay(f, root, dir)
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", list)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/atoll")...) //nolint:gosec // paths of our own
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w: %.500s", err, said)
	}
	return bin, nil
}

// overlay writes what the compiler is to take for the files that the fault changes.
func overlay(f *Fault, root, dir string) (string, error) {
	changed, err := f.Apply(root)
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range changed {
		original, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return "", err
		}
		with := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(with, text, 0o600); err != nil {
			return "", err
		}
		overlay.Replace[original] = with
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	return list, os.WriteFile(list, b, 0o600)
}
