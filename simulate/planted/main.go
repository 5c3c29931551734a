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
	seeds int
	seed  uint64
	only  string
	json  bool
	root  string
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 20, "how many seeds to run with each fault")
	flag.Uint64Var(&o.seed, "seed", 1, "the first of them")
	flag.StringVar(&o.only, "only", "", "names of faults, separated by commas; all unless given")
	flag.BoolVar(&o.json, "json", false, "print one JSON value instead of a table")
	flag.StringVar(&o.root, "root", ".", "directory of the source tree")
	flag.Usage = func() {
		_, _ = fmt.Fprint(flag.CommandLine.Output(),
			"Puts faults into the code, one after the other, and counts in how many seeds the simulator finds each.\n\n"+
				"  go run ./simulate/planted -seeds 20\n  go run ./simulate/planted -only epoch-unchecked,turn-unchecked\n\n"+
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
	var findings []Finding
	for i, f := range all {
		_, _ = fmt.Fprintf(progress, "%d of %d: %s\n", i+1, len(all), f.Title)
		found, err := try(ctx, f, o, dir)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil {
			found.Error = err.Error()
		}
		if !found.Named {
			missed++
		}
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
		word := "yes"
		switch {
		case f.Error != "":
			word = "FAILED"
		case !f.Named && f.Found > 0:
			word = "OTHER LAW"
		case !f.Named:
			word = "NO"
		}
		first := ""
		if f.Found > 0 {
			first = strconv.FormatUint(f.First, 10)
		}
		var laws []string
		for _, l := range byCount(f.Laws) {
			laws = append(laws, fmt.Sprintf("%s (%d)", l, f.Laws[l]))
		}
		if f.Error != "" {
			laws = []string{f.Error}
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d of %d\t%s\t%s\n", f.Fault, word, f.Found, f.Seeds, first, strings.Join(laws, ", "))
	}
	_ = w.Flush()
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

// try builds the program with the fault in it and runs seeds.
func try(ctx context.Context, f Fault, o options, dir string) (Finding, error) {
	out := Finding{Fault: f.Name, Title: f.Title, Laws: map[string]int{}}
	bin, err := build(ctx, f, o.root, filepath.Join(dir, f.Name))
	if err != nil {
		return out, err
	}
	defer os.Remove(bin)
	args := append([]string{
		"simulate", "--seeds", strconv.Itoa(o.seeds), "--seed", strconv.FormatUint(o.seed, 10), "--no-shrink", "--json",
	}, f.Flags...)
	cmd := exec.CommandContext(ctx, bin, args...) //nolint:gosec // our own program
	var errs strings.Builder
	cmd.Stderr = &errs
	b, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return out, err
	}
	var r result
	if jerr := json.Unmarshal(b, &r); jerr != nil {
		return out, fmt.Errorf("%w: %.300s", errors.Join(err, jerr), errs.String())
	}
	out.Seeds, out.Found = r.Seeds, r.Broke
	for _, l := range r.Laws {
		out.Laws[l.Law] = len(l.Seeds)
		out.Named = out.Named || slices.Contains(f.Laws, l.Law)
		for _, seed := range l.Seeds {
			if out.First == 0 || seed < out.First {
				out.First = seed
			}
		}
	}
	return out, nil
}

// result is what this command reads of the report of atoll simulate.
type result struct {
	Seeds int `json:"seeds"`
	Broke int `json:"seeds_that_broke_a_law"`
	Laws  []struct {
		Law   string   `json:"law"`
		Seeds []uint64 `json:"seeds"`
	} `json:"laws_broken"`
}

// build compiles the program with the fault in it.
func build(ctx context.Context, f Fault, root, dir string) (string, error) {
	changed, err := f.Apply(root)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
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
	if err := os.WriteFile(list, b, 0o600); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "atoll")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-o", bin, "./cmd/atoll") //nolint:gosec // paths of our own
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w: %.500s", err, said)
	}
	return bin, nil
}
