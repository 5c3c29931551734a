package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/bench"
)

type benchCmd struct {
	Only    []string `help:"Run these workloads only." placeholder:"W1"`
	Short   bool     `help:"Run everything small, to see that it works; the figures mean nothing."`
	List    bool     `help:"List the workloads, and run none."`
	Dir     string   `help:"Where the databases are made: name a directory on the disk you mean to use. Removed at the end." placeholder:"DIR" type:"path"`
	Write   string   `help:"Write method, machine and figures to this file, as a page in Markdown." placeholder:"FILE" type:"path"`
	Profile string   `help:"Write a profile of the processor time of the first workload to this file, for: go tool pprof." placeholder:"FILE" type:"path"`
}

// Help tells what it costs, and gives an example.
func (benchCmd) Help() string {
	return "Measures what Atoll costs beside a bare loop that moves the same records durably and does nothing else. All of it takes about half an hour, " +
		"uses 3 GB of disk, and wants the machine to itself. For example: atoll bench --only W1,W5 --dir /srv/data"
}

// Run measures, and prints what came of it.
func (c benchCmd) Run(s *session) (err error) {
	if c.List {
		return c.list(s)
	}
	o := bench.Options{Dir: c.Dir, Only: c.Only, Short: c.Short, Now: time.Now, Log: demoCmd{}.logger(s), Progress: c.progress(s)}
	if o.Program, err = os.Executable(); err != nil {
		return err
	}
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return atoll.Errorf(atoll.Denied, "the profile cannot be written: %w", err)
		}
		defer f.Close()
		o.Profile = f
	}
	report, err := bench.Run(s.ctx, o)
	if err != nil {
		return err
	}
	if c.Write != "" {
		if err := os.WriteFile(c.Write, []byte(report.Markdown()), 0o644); err != nil { //nolint:gosec // a page for everybody
			return atoll.Errorf(atoll.Denied, "the page cannot be written: %w", err)
		}
	}
	if err := s.print(report, func() { s.say("%s", report.Text()) }); err != nil {
		return err
	}
	if !report.Well() && !c.Short {
		return unwell
	}
	return nil
}

func (benchCmd) list(s *session) error {
	type row struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	var all []row
	for _, w := range bench.Workloads() {
		all = append(all, row{w[0], w[1]})
	}
	return s.print(all, func() {
		var rows [][]string
		for _, w := range all {
			rows = append(rows, []string{w.ID, w.Title})
		}
		s.table("There are none.", []string{"WORKLOAD", "WHAT IS MEASURED"}, rows)
	})
}

// progress tells on a terminal what is being done.
func (benchCmd) progress(s *session) func(bench.Progress) {
	if s.globals.JSON || !isTerminal(s.errOut) {
		return nil
	}
	var mu sync.Mutex
	began := time.Now()
	return func(p bench.Progress) {
		mu.Lock()
		defer mu.Unlock()
		done := ""
		if p.Of > 0 {
			done = fmt.Sprintf(" (%d of %d)", p.Done, p.Of)
		}
		_, _ = fmt.Fprintf(s.errOut, "\r\x1b[K%6s  %-3s %s%s", time.Since(began).Truncate(time.Second), p.Workload, p.Words, done)
	}
}
