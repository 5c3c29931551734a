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
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/atollsync/atoll/simulate/hunt"
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
	write   bool
	root    string
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 300, "how many seeds to run with each fault, at most")
	flag.Uint64Var(&o.seed, "seed", 1, "the first of them")
	flag.StringVar(&o.only, "only", "", "names of faults, separated by commas; all unless given")
	flag.BoolVar(&o.all, "all", false, "run all seeds with each fault, not only until a batch of them has found it")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "processes that play")
	serve := flag.Bool("serve", false, "play the stories that come in, for this command itself")
	flag.BoolVar(&o.json, "json", false, "print one JSON value instead of a table")
	flag.BoolVar(&o.write, "write", false, "write the rows of these faults into the table of "+page)
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
	if *serve {
		if err := hunt.Serve(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "planted:", err)
		}
		return
	}
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
	r := &runner{options: o, together: map[string]bool{}, dir: dir, clean: map[string][]string{}}
	if r.own, err = os.Executable(); err != nil {
		return 0, err
	}
	if err := r.buildAll(ctx, all); err != nil {
		return 0, err
	}
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
		if o.write && found.Error == "" { // at once: all of them take a while
			if err := write(filepath.Join(o.root, filepath.FromSlash(page)), found); err != nil {
				return missed, err
			}
		}
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
const batch = 10

// limit is how long a story may take.
const limit = time.Minute

// runner runs seeds with faults, and without.
type runner struct {
	options
	dir   string
	own   string              // this program, which has no fault
	clean map[string][]string // laws that are broken without a fault, by dials, work and seed

	program  string          // that has many of the faults in it
	together map[string]bool // these
}

// buildAll compiles one program with all faults that can be in one.
func (r *runner) buildAll(ctx context.Context, faults []Fault) error {
	files, apart := Combine(r.root, faults)
	if len(faults) == len(apart) {
		return nil
	}
	for _, f := range faults {
		r.together[f.Name] = !slices.ContainsFunc(apart, func(o Fault) bool { return o.Name == f.Name })
	}
	var err error
	r.program, err = build(ctx, files, r.root, filepath.Join(r.dir, "all"))
	return err
}

// try builds the simulator with the fault in it and runs seeds until the fault was
// found by a law that its file names.
func (r *runner) try(ctx context.Context, f Fault) (Finding, error) {
	out := Finding{Fault: f.Name, Title: f.Title, Laws: map[string]int{}}
	bin := r.program
	if !r.together[f.Name] {
		files, err := f.Apply(r.root)
		if err != nil {
			return out, err
		}
		if bin, err = build(ctx, files, r.root, filepath.Join(r.dir, f.Name)); err != nil {
			return out, err
		}
		defer os.Remove(bin)
	}
	for out.Seeds < r.seeds && (r.all || !out.Named) {
		var seeds []uint64
		for range min(batch, r.seeds-out.Seeds) {
			seeds = append(seeds, r.seed+uint64(out.Seeds))
			out.Seeds++
		}
		with, err := r.play(ctx, bin, f, seeds)
		if err != nil {
			return out, err
		}
		without, err := r.without(ctx, f, with)
		if err != nil {
			return out, err
		}
		for _, seed := range seeds {
			only := slices.DeleteFunc(with[seed], func(law string) bool { return slices.Contains(without[seed], law) })
			if len(only) == 0 {
				continue
			}
			if out.Found++; out.Found == 1 {
				out.First = seed
			}
			for _, law := range only {
				out.Laws[law]++
				out.Named = out.Named || slices.Contains(f.Laws, law)
			}
		}
	}
	return out, nil
}

// without returns what the same seeds break without a fault: nothing, it is hoped.
func (r *runner) without(ctx context.Context, f Fault, with map[uint64][]string) (map[uint64][]string, error) {
	out, unknown := map[uint64][]string{}, []uint64{}
	for seed := range with {
		laws, known := r.clean[fmt.Sprint(f.Dials, f.Work, seed)]
		if out[seed] = laws; !known {
			unknown = append(unknown, seed)
		}
	}
	found, err := r.play(ctx, r.own, f, unknown)
	for _, seed := range unknown {
		out[seed] = found[seed]
		r.clean[fmt.Sprint(f.Dials, f.Work, seed)] = found[seed]
	}
	return out, err
}

// play runs seeds and returns the laws that they broke.
func (r *runner) play(ctx context.Context, bin string, f Fault, seeds []uint64) (map[uint64][]string, error) {
	out := map[uint64][]string{}
	var failed error
	pool := hunt.Pool{Workers: r.workers, Limit: limit, Command: func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, bin, "-serve") //nolint:gosec // our own program
		cmd.Env = append(os.Environ(), chosen+"="+f.Name)
		return cmd
	}}
	next := 0
	pool.Run(ctx, func() (hunt.Task, bool) {
		if next++; next > len(seeds) || failed != nil {
			return hunt.Task{}, false
		}
		return hunt.Task{Story: hunt.Tell(seeds[next-1], f.settings())}, true
	}, func(reply hunt.Reply) {
		if reply.Error != "" {
			failed = errors.Join(failed, fmt.Errorf("seed %d: %s", reply.Result.Story.Seed, reply.Error))
		}
		if laws := reply.Result.Laws(); len(laws) > 0 {
			out[reply.Result.Story.Seed] = laws
		}
	})
	return out, errors.Join(failed, ctx.Err())
}

// build compiles the simulator with these files in place of those of the tree.
func build(ctx context.Context, files map[string][]byte, root, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	list, err := overlay(files, root, dir)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "planted")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-ldflags=-s -w", "-o", bin, "./simulate/planted") //nolint:gosec // paths of our own
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w: %.2000s", err, said)
	}
	return bin, nil
}

// overlay writes what the compiler is to take for these files.
func overlay(files map[string][]byte, root, dir string) (string, error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
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
